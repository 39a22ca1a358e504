"""Sending through Twilio over real HTTP: each text goes once, whatever the line, the carrier or we do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.identity.rules import Role
from app.outbox.rules import LEASE, NotKnown, Sending, State, Text
from app.usecases import sending
from tests.fakes import FakeCarrier
from tests.makers import KHMER_UNPAID, Installation
from tests.peers import BAD_GATEWAY, RESET, Fault, silence
from tests.peers.twilio import BROKEN, TOO_MANY, UNAVAILABLE, refusal
from tests.twilio_town import (
    NUMBER,
    SOMEBODY,
    STATUS,
    Town,
    a_town,
    bodies_to,
    open_tasks,
    rows,
    say_words,
)

SECONDS = 0.4


class Crash(BaseException):
    """The process is gone; nothing after this runs."""


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install, patience=SECONDS / 2) as town:
        yield town


# What goes out ---------------------------------------------------------------------------------------


def test_an_answer_leaves_with_an_address_for_its_statuses_and_a_time_to_live(town: Town) -> None:
    town.text()
    town.here.receive()
    town.here.clock.forward(minutes=60)
    town.send()
    [sent] = town.carrier.messages
    assert (sent.to, sent.from_) == (SOMEBODY, NUMBER)
    assert sent.status_callback == STATUS
    assert [sent.body] == bodies_to(town.here, SOMEBODY)
    assert int(sent.params["ValidityPeriod"]) == 5 * 3600
    assert town.states() == [State.ACCEPTED]


def test_the_case_shows_what_became_of_the_answer(town: Town) -> None:
    town.text()
    town.here.receive()
    town.send()
    town.report(town.carrier.messages[0], "sent", "delivered")
    with town.here.office.look() as uow:
        [case_id] = [row.case_id for row in rows(town.here)]
        assert uow.cases.get(case_id, None) is not None
    moved = [kind for kind in town.here.kinds(case_id) if kind.startswith("message.")]
    assert moved == [
        "message.received", "message.queued", "message.accepted", "message.sent", "message.delivered",
    ]  # fmt: skip


def test_an_alert_names_no_person_and_no_problem(town: Town) -> None:
    owner = town.here.a_worker(phone="+85510000111", name="Sophea Invented")
    town.here.a_worker(Role.DUTY_LEAD, phone="+85510000112")
    town.here.a_worker(Role.COORDINATOR, phone="+85510000113")
    town.text(KHMER_UNPAID)
    town.here.receive()
    for minutes in (20, 400, 3000, 3000):
        town.here.clock.forward(minutes=minutes)
        town.here.fire()
        town.here.expire()
        town.send()
    town.text("ខ្ញុំឈ្មោះ ដារ៉ា ជួយផង")
    town.here.receive()
    town.send()
    alerts = [message.body for message in town.carrier.messages if message.to.startswith("+855")]
    assert len(alerts) >= 4
    with town.here.office.look() as uow:
        [row] = [row for row in rows(town.here) if row.purpose == "acknowledge"][:1]
        case = uow.cases.get(row.case_id, None)
    assert case is not None
    configured = town.here.application.configuration.categories
    problems = [label for category in configured.values() for label in category.labels.values()]
    secret = [
        *problems, *configured, *case.categories, KHMER_UNPAID, *KHMER_UNPAID.split(), "ដារ៉ា",
        SOMEBODY, SOMEBODY[1:], "812345678", str(case.id), str(owner.id),
        "Sophea", "Invented", "Thailand", "ថៃ",
    ]  # fmt: skip
    for alert in alerts:
        assert not [word for word in secret if word in alert]


# A carrier that is busy or broken -------------------------------------------------------------------


def test_a_busy_carrier_is_left_alone_for_a_while_and_asked_again(town: Town) -> None:
    town.say()
    town.carrier.fail_next(TOO_MANY, TOO_MANY)
    town.send()
    town.here.clock.forward(seconds=10)
    town.send()
    assert town.posts == 1
    for seconds in (10, 10, 30):
        town.here.clock.forward(seconds=seconds)
        town.send()
    assert town.posts == 3
    assert len(town.carrier.messages) == 1
    # It said that nothing was taken, so nobody needs to look.
    assert town.asked == ["POST"] * 3


def test_back_off_grows_up_to_half_an_hour_and_ends_with_the_words(town: Town) -> None:
    town.say()
    town.carrier.fail_next(*[TOO_MANY] * 50)
    for _ in range(6 * 60):
        town.send()
        town.here.clock.forward(minutes=1)
    asked = town.posts
    assert 14 <= asked <= 20
    town.here.expire()
    town.send()
    assert town.posts == asked
    assert town.states() == [State.EXPIRED]
    assert open_tasks(town.here) == ["failed_message"]


@pytest.mark.parametrize("fault", [BROKEN, BAD_GATEWAY, UNAVAILABLE, RESET, silence(SECONDS, accepted=False)])
def test_where_no_answer_came_and_nothing_was_taken_the_text_goes_once(town: Town, fault: Fault) -> None:
    town.say()
    town.carrier.fail_next(fault)
    town.send()
    assert town.carrier.messages == []
    town.here.clock.forward(seconds=20)
    town.send()
    assert len(town.carrier.messages) == 1
    assert town.asked == ["POST", "GET", "POST"]
    assert town.states() == [State.ACCEPTED]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, accepted=True), Fault(502, html=True, accepted=True), Fault(503, accepted=True),
        Fault(reset=True, accepted=True), silence(SECONDS, accepted=True),
        Fault(200, html=True, accepted=True),
    ],
)  # fmt: skip
def test_where_no_answer_came_but_the_text_was_taken_it_is_found_and_not_sent_again(
    town: Town, fault: Fault
) -> None:
    town.say()
    town.carrier.fail_next(fault)
    town.send()
    town.here.clock.forward(seconds=20)
    town.send()
    [message] = town.carrier.messages
    assert town.asked == ["POST", "GET"]
    assert [row.carrier_id for row in rows(town.here)] == [message.sid]
    town.report(message, "delivered")
    assert town.states() == [State.DELIVERED]


@pytest.mark.parametrize("on_looking", [TOO_MANY, BAD_GATEWAY, RESET, refusal(20003, 401)])
def test_looking_that_fails_does_not_make_sending_safe(town: Town, on_looking: Fault) -> None:
    town.say()
    town.carrier.fail_next(silence(SECONDS, accepted=True), on_looking)
    for _ in range(3):
        town.send()
        town.here.clock.forward(minutes=6)
    assert len(town.carrier.messages) == 1
    assert town.posts == 1
    assert town.states() == [State.ACCEPTED]


def test_the_same_words_sent_before_are_not_mistaken_for_the_text_in_doubt(town: Town) -> None:
    town.say()
    town.send()
    town.here.clock.forward(minutes=2)
    town.say()
    town.carrier.fail_next(silence(SECONDS, accepted=False))
    town.send()
    town.here.clock.forward(seconds=20)
    town.send()
    sids = [message.sid for message in town.to(SOMEBODY)]
    assert len(sids) == 2
    assert [row.carrier_id for row in rows(town.here)] == sids


def test_two_alike_texts_in_doubt_make_two_texts_in_all(town: Town) -> None:
    for accepted in (True, False):
        town.say()
        town.carrier.fail_next(silence(SECONDS, accepted=accepted))
        town.send()
    for _ in range(3):
        town.here.clock.forward(minutes=1)
        town.send()
    assert len(town.to(SOMEBODY)) == 2
    assert len({row.carrier_id for row in rows(town.here)}) == 2


def test_a_text_that_failed_over_there_does_not_count_as_gone(town: Town) -> None:
    town.say()
    town.carrier.fail_next(silence(SECONDS, accepted=True))
    town.send()
    town.carrier.messages[0].status = "failed"
    town.here.clock.forward(seconds=20)
    town.send()
    assert len(town.carrier.messages) == 2


# Crashes, and more than one sender ------------------------------------------------------------------


@pytest.mark.parametrize(("point", "asked"), [("outbox.claimed", ["POST"]), ("outbox.sent", ["POST", "GET"])])
def test_a_sender_that_dies_leaves_each_text_to_go_just_once(
    install: Callable[..., Installation], point: str, asked: list[str]
) -> None:
    left = [point]

    def passed(name: str) -> None:
        if left == [name]:
            left.clear()
            raise Crash

    with a_town(install, passed=passed) as town:
        town.say()
        with pytest.raises(Crash):
            town.send()
        town.here.clock.forward(seconds=LEASE.total_seconds() + 1)
        town.send()
        assert len(town.carrier.messages) == 1
        assert town.asked == asked
        assert town.states() == [State.ACCEPTED]


def test_a_text_that_somebody_is_sending_is_nobody_elses(town: Town) -> None:
    town.say()
    now = town.here.clock.now()
    with town.here.office.work(now) as uow:
        assert len(sending.lease(uow, "twilio", now=now, limit=10)) == 1
    town.here.clock.forward(seconds=LEASE.total_seconds() - 1)
    town.send()
    assert town.asked == []


def test_two_senders_at_once_send_each_text_once(town: Town, install: Callable[..., Installation]) -> None:
    phones = [f"+668100000{number:02}" for number in range(24)]
    for phone in phones:
        town.say(to=phone)
    settings = town.here.application.settings
    other = install(
        database_url=settings.database_url, twilio_api_base_url=town.carrier.base_url,
        twilio_account_sid=settings.twilio_account_sid, twilio_auth_tokens=settings.twilio_auth_tokens,
        twilio_sms_numbers=NUMBER,
    )  # fmt: skip
    start = threading.Barrier(4)

    def work(town: Town) -> None:
        start.wait()
        step = town.sending_step()
        while step.step(town.here.clock.now()):
            pass

    towns = [town, Town(other, town.carrier)] * 2
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, towns))
    assert sorted(message.to for message in town.carrier.messages) == phones
    assert set(town.states()) == {State.ACCEPTED}


def test_an_answer_that_comes_after_the_lease_ran_out_spoils_nothing(
    install: Callable[..., Installation],
) -> None:
    here = install()
    fast = FakeCarrier("console")

    def too_slow(text: Text) -> Sending:
        here.clock.forward(seconds=LEASE.total_seconds() + 1)
        here.send(fast)
        return NotKnown("ReadTimeout")

    say_words(here)
    here.send(FakeCarrier("console", too_slow))
    assert [text.may_have_gone for text in fast.sent] == [True]
    assert [row.state for row in rows(here)] == [State.ACCEPTED]
    here.clock.forward(minutes=30)
    assert here.send(fast) == 0


# Time to live ---------------------------------------------------------------------------------------


def test_words_that_are_no_longer_true_are_never_sent_and_a_human_hears_of_it(town: Town) -> None:
    town.text()
    town.here.receive()
    town.here.clock.forward(hours=6)
    town.send()
    assert town.asked == []
    town.here.expire()
    [row] = rows(town.here)
    assert row.state == State.EXPIRED
    assert "message.expired" in town.here.kinds(row.case_id)
    assert open_tasks(town.here) == ["failed_message"]
    assert town.here.expire() == 0
    town.send()
    assert town.asked == []


def test_what_is_just_being_sent_does_not_expire_and_what_did_may_still_arrive(town: Town) -> None:
    town.say()
    town.here.clock.forward(hours=6, seconds=-10)
    now = town.here.clock.now()
    with town.here.office.work(now) as uow:
        [text] = sending.lease(uow, "twilio", now=now, limit=1)
    town.here.clock.forward(seconds=20)
    assert town.here.expire() == 0
    town.here.clock.forward(seconds=LEASE.total_seconds())
    assert town.here.expire() == 1
    answer = town.sender.send(text)
    with town.here.office.work(town.here.clock.now()) as uow:
        sending.record(uow, text, answer, now=town.here.clock.now())
    assert town.states() == [State.EXPIRED]
    town.report(town.carrier.messages[0], "delivered")
    assert town.states() == [State.DELIVERED]
