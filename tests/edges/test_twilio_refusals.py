"""What each of Twilio's refusals does to a text, to its phone, and to whoever must put it right."""

from collections.abc import Callable, Iterator

import pytest

from app.identity.rules import Role
from app.outbox.rules import State
from app.usecases import sending
from app.usecases.health import outbox_checks
from tests.makers import Installation
from tests.peers import Fault
from tests.peers.twilio import refusal
from tests.twilio_town import (
    SOMEBODY,
    Town,
    a_town,
    open_tasks,
    rows,
    say_words,
)

SECONDS = 0.4
SOMEBODY_ELSE = "+66898765432"


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install, patience=SECONDS / 2) as town:
        yield town


def test_a_phone_that_opted_out_at_the_carrier_is_never_written_to_again(town: Town) -> None:
    town.say("sms.thanks")
    town.say("sms.help")
    town.carrier.opted_out.add(SOMEBODY)
    town.send()
    assert town.posts == 1
    assert sorted(town.states()) == [State.FAILED, State.HELD]
    town.here.clock.forward(days=3)
    assert say_words(town.here) is State.HELD
    town.send()
    assert town.posts == 1
    assert sorted(row.error_code for row in rows(town.here)) == ["21610", "opted_out", "opted_out"]
    assert open_tasks(town.here) == ["failed_message"]


@pytest.mark.parametrize("code", [21211, 21614, 21635])
def test_a_number_that_takes_no_texts_becomes_a_task_and_is_not_tried_again(town: Town, code: int) -> None:
    town.say()
    town.carrier.fail_next(refusal(code))
    town.send()
    assert town.states() == [State.FAILED]
    assert open_tasks(town.here) == ["failed_message"]
    assert say_words(town.here) is State.HELD
    town.send()
    assert town.posts == 1
    assert {row.error_code for row in rows(town.here)} == {str(code), "cannot_text"}


def test_a_text_given_up_on_is_told_to_the_owner_of_its_case(town: Town) -> None:
    town.here.a_worker(phone="+85510000111")
    town.text()
    town.here.receive()
    town.send()
    told = len(town.to("+85510000111"))
    town.report(town.to()[0], "undelivered", error_code=30007)
    town.send()
    assert len(town.to("+85510000111")) == told + 1
    [case_id] = {row.case_id for row in rows(town.here)}
    assert "message.undelivered" in town.here.kinds(case_id)
    assert open_tasks(town.here) == ["failed_message"]


def test_a_text_that_a_network_filtered_is_not_tried_again(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "sent", "undelivered", error_code=30007)
    town.here.clock.forward(hours=5)
    town.send()
    assert (town.states(), town.posts) == ([State.UNDELIVERED], 1)
    assert open_tasks(town.here) == ["failed_message"]


def test_a_phone_that_is_off_is_tried_three_more_times_while_the_words_are_true(town: Town) -> None:
    town.say()
    for tries in range(1, 5):
        town.send()
        assert town.posts == tries
        town.report(town.carrier.messages[-1], "undelivered", error_code=30003)
        town.here.clock.forward(minutes=89)
        town.send()
        assert town.posts == tries
        town.here.clock.forward(minutes=1)
    town.send()
    town.here.expire()
    assert town.posts == 4
    assert town.states() == [State.UNDELIVERED]
    assert open_tasks(town.here) == ["failed_message"]


def test_the_next_try_may_arrive(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "undelivered", error_code=30003)
    town.here.clock.forward(minutes=91)
    town.send()
    town.report(town.carrier.messages[1], "sent", "delivered")
    assert town.states() == [State.DELIVERED]
    assert open_tasks(town.here) == []


def test_late_news_of_the_first_try_calls_off_the_second_only_if_it_arrived(town: Town) -> None:
    town.say()
    town.send()
    [message] = town.carrier.messages
    town.report(message, "undelivered", error_code=30003)
    town.report(message, "sent")
    assert town.states() == [State.QUEUED]
    town.report(message, "delivered")
    town.here.clock.forward(minutes=91)
    town.send()
    assert (town.states(), town.posts) == ([State.DELIVERED], 1)


def test_the_carriers_protection_against_loops_closes_the_line_for_an_hour(town: Town) -> None:
    town.say("sms.thanks")
    town.say("sms.help")
    town.carrier.fail_next(refusal(14107))
    town.send()
    assert town.posts == 1
    assert say_words(town.here) is State.HELD
    assert sorted(town.states()) == [State.FAILED, State.HELD, State.QUEUED]
    town.here.clock.forward(minutes=61)
    town.send()
    assert town.posts == 2
    assert len(town.to(SOMEBODY)) == 1


SET_UP = [
    (20003, 401), (20005, 403), (20404, 404), (21408, 400), (21606, 400), (21609, 400), (21659, 400),
    (30034, 400), (10001, 400),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status"), SET_UP)
def test_what_is_wrong_with_our_account_costs_no_words(town: Town, code: int, status: int) -> None:
    town.say()
    town.say("sms.help")
    town.carrier.fail_next(*[refusal(code, status)] * 4)
    for _ in range(2):
        town.send()
        town.here.clock.forward(minutes=6)
    assert town.states() == [State.QUEUED, State.QUEUED]
    assert open_tasks(town.here) == ["carrier_refuses"]
    [check] = outbox_checks(town.here.office, now=town.here.clock.now())
    assert (check.ok, str(code) in check.finding, "2 wait" in check.finding) == (False, True, True)
    town.here.clock.forward(minutes=30)
    town.send()
    assert len(town.carrier.messages) == 2
    assert [check.ok for check in outbox_checks(town.here.office, now=town.here.clock.now())] == [True]


def test_a_country_that_is_switched_off_does_not_hold_up_the_others(town: Town) -> None:
    town.say()
    town.here.clock.forward(seconds=1)
    town.say(to=SOMEBODY_ELSE)
    town.carrier.fail_next(refusal(21408))
    town.send()
    assert [message.to for message in town.carrier.messages] == [SOMEBODY_ELSE]


def test_words_that_waited_in_vain_for_our_account_become_a_task_for_a_human(town: Town) -> None:
    town.text()
    town.here.receive()
    town.carrier.fail_next(*[refusal(20003, 401)] * 200)
    for _ in range(7 * 12):
        town.send()
        town.here.expire()
        town.here.clock.forward(minutes=5)
    assert town.posts < 30
    [row] = rows(town.here)
    assert row.state == State.EXPIRED
    assert "message.expired" in town.here.kinds(row.case_id)
    assert sorted(open_tasks(town.here)) == ["carrier_refuses", "failed_message"]


def test_a_task_about_the_account_that_was_done_comes_again_if_nothing_changed(town: Town) -> None:
    coordinator = town.here.a_worker(Role.COORDINATOR)
    town.say()
    town.carrier.fail_next(*[refusal(20003, 401)] * 3)
    town.send()
    [task] = town.here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert task["kind"] == "carrier_refuses"
    town.here.ask(coordinator, "POST", f"/v1/tasks/{task['id']}/done")
    assert open_tasks(town.here) == []
    town.here.clock.forward(minutes=6)
    town.send()
    assert open_tasks(town.here) == ["carrier_refuses"]


@pytest.mark.parametrize("status", [302, 401, 403, 404, 407])
def test_a_page_of_some_proxy_is_no_verdict_on_the_text(town: Town, status: int) -> None:
    town.say()
    town.carrier.fail_next(Fault(status, html=True))
    town.send()
    assert town.states() == [State.QUEUED]
    assert open_tasks(town.here) == ["carrier_refuses"]
    town.here.clock.forward(minutes=6)
    town.send()
    assert len(town.carrier.messages) == 1


def test_a_report_that_our_number_is_not_registered_costs_no_words(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "failed", error_code=30034)
    assert town.states() == [State.QUEUED]
    assert open_tasks(town.here) == ["carrier_refuses"]
    town.here.clock.forward(minutes=6)
    town.send()
    town.report(town.carrier.messages[1], "delivered")
    assert town.states() == [State.DELIVERED]


def test_where_twilio_has_no_route_a_living_phone_with_a_sim_takes_the_text(town: Town) -> None:
    town.say()
    town.here.clock.forward(seconds=1)
    now = town.here.clock.now()
    with town.here.office.work(now) as uow:
        sending.offer(uow, "demo-th", now=now, limit=1)
    town.carrier.fail_next(refusal(21612))
    town.send()
    assert [(row.carrier, row.via, row.state) for row in rows(town.here)] == [
        ("cht", "demo-th", State.QUEUED)
    ]


def test_where_nothing_else_has_a_route_either_the_text_is_given_up(town: Town) -> None:
    town.say()
    town.carrier.fail_next(refusal(21612))
    town.send()
    assert town.states() == [State.FAILED]
    assert open_tasks(town.here) == ["failed_message"]
