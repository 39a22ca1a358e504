"""What Twilio tells of our texts: twice, late, out of order, too early, and of texts that are not ours."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.audit.tables import entries
from app.cases.tables import cases
from app.intake.tables import inbox
from app.outbox.rules import State
from tests.makers import Installation
from tests.peers import silence
from tests.twilio_town import (
    STATUS,
    Town,
    a_town,
    count,
    open_tasks,
    rows,
)

SECONDS = 0.4


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install, patience=SECONDS / 2) as town:
        yield town


def test_each_status_twice_tells_each_once(town: Town) -> None:
    town.text()
    town.here.receive()
    town.send()
    town.report(town.carrier.messages[0], "sending", "sent", "delivered", times=3)
    [row] = rows(town.here)
    assert [step["state"] for step in row.history] == ["queued", "accepted", "sent", "delivered"]
    assert town.here.kinds(row.case_id).count("message.delivered") == 1


def test_statuses_out_of_order_end_where_they_would_have(town: Town) -> None:
    town.say()
    town.send()
    answers = town.carrier.callbacks_out_of_order(
        town.carrier.messages[0].sid, "queued", "sending", "sent", "delivered"
    )
    assert {answer.status for answer in answers} == {200}
    town.here.receive()
    assert town.states() == [State.DELIVERED]


def test_failed_after_delivered_changes_nothing(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "delivered")
    town.report(town.carrier.messages[0], "failed", error_code=30008)
    assert town.states() == [State.DELIVERED]
    assert open_tasks(town.here) == []


def test_delivered_after_failed_is_good_news(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "failed", error_code=30007)
    assert town.states() == [State.FAILED]
    town.report(town.carrier.messages[0], "delivered")
    assert town.states() == [State.DELIVERED]


def test_a_status_that_nobody_knows_yet_does_no_harm(town: Town) -> None:
    town.say()
    town.send()
    sid = town.carrier.messages[0].sid
    assert town.carrier.post_signed(STATUS, {"MessageSid": sid, "MessageStatus": "pondering"}).status == 200
    town.here.receive()
    assert (town.states(), open_tasks(town.here)) == ([State.ACCEPTED], [])


def test_a_status_that_comes_before_we_know_the_text_waits_for_it(town: Town) -> None:
    town.say()
    town.carrier.fail_next(silence(SECONDS, accepted=True))
    town.send()
    town.report(town.carrier.messages[0], "sent", "delivered")
    assert town.states() == [State.SENDING]
    town.here.clock.forward(seconds=20)
    town.send()
    town.here.receive()
    assert town.states() == [State.DELIVERED]


def test_a_status_of_no_text_of_ours_is_let_go_after_a_day_and_holds_up_nobody(town: Town) -> None:
    form = {"MessageSid": f"SM{uuid4().hex}", "MessageStatus": "delivered"}
    assert town.carrier.post_signed(STATUS, form).status == 200
    for _ in range(100):
        town.here.receive()
        town.here.clock.forward(minutes=15)
    town.text()
    town.here.receive()
    assert count(town.here, cases) == 1
    with town.here.office.database.read() as connection:
        states = list(connection.execute(select(inbox.c.state)).scalars())
        deeds = list(connection.execute(select(entries.c.action)).scalars())
    assert states == ["taken", "taken"]
    assert deeds.count("report.unclaimed") == 1


def test_a_status_played_back_after_a_day_changes_nothing(town: Town) -> None:
    town.say()
    town.send()
    town.report(town.carrier.messages[0], "delivered")
    before = rows(town.here)[0].history
    town.here.clock.forward(days=1)
    town.report(town.carrier.messages[0], "delivered")
    assert rows(town.here)[0].history == before
    assert count(town.here) == 1
