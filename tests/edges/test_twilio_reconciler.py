"""Texts that Twilio holds and never posted are found, and each is taken once."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from app.bootstrap import twilio_reconciler
from app.cases.tables import cases
from app.channels.twilio.reconciler import Reconciler
from app.intake.tables import messages
from app.outbox.rules import State
from tests.makers import KHMER_UNPAID, Installation
from tests.peers import BAD_GATEWAY, RESET, Fault, silence
from tests.peers.twilio import TOO_MANY, refusal
from tests.twilio_town import (
    NUMBER,
    SOMEBODY,
    Town,
    a_town,
    count,
    rows,
)

SECONDS = 0.4


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install, patience=SECONDS / 2) as town:
        yield town


def reconciler_of(here: Installation) -> Reconciler:
    found = twilio_reconciler(here.application.settings, here.office)
    assert found is not None
    return found


def test_a_text_that_twilio_never_posted_is_found_and_opens_a_case(town: Town) -> None:
    written_at = town.here.clock.now()
    town.carrier.unposted_text(to=NUMBER, from_=SOMEBODY, body=KHMER_UNPAID)
    town.here.clock.forward(minutes=4)
    assert reconciler_of(town.here).step(town.here.clock.now())
    town.here.receive()
    assert count(town.here, cases) == 1
    with town.here.office.database.read() as connection:
        claimed_at = connection.execute(select(messages.c.claimed_at)).scalar_one()
    assert claimed_at == written_at
    assert [row.state for row in rows(town.here)] == [State.QUEUED]


def test_a_text_that_came_by_the_door_is_not_taken_again(town: Town) -> None:
    town.text()
    town.here.receive()
    assert not reconciler_of(town.here).step(town.here.clock.now())
    assert count(town.here) == 1


def test_a_text_that_comes_by_the_door_after_it_was_found_is_not_taken_again(town: Town) -> None:
    sid = town.carrier.unposted_text(to=NUMBER, from_=SOMEBODY, body=KHMER_UNPAID).sid
    reconciler_of(town.here).step(town.here.clock.now())
    assert town.text(sid=sid).status == 200
    town.here.receive()
    assert (count(town.here), count(town.here, cases)) == (1, 1)


def test_our_own_texts_and_texts_to_others_are_none_of_its_business(town: Town) -> None:
    town.say()
    town.send()
    town.carrier.unposted_text(to="+12025550199", from_=SOMEBODY, body="not to us")
    assert not reconciler_of(town.here).step(town.here.clock.now())
    assert count(town.here) == 0


def test_the_list_is_read_every_five_minutes(town: Town) -> None:
    reconciler = reconciler_of(town.here)
    for _ in range(20):
        reconciler.step(town.here.clock.now())
        town.here.clock.forward(minutes=1)
    assert len(town.asked) == 4


def test_after_an_outage_the_list_is_read_from_where_it_was_left(town: Town) -> None:
    reconciler = reconciler_of(town.here)
    reconciler.step(town.here.clock.now())
    for _ in range(30):
        town.carrier.unposted_text(to=NUMBER, from_=SOMEBODY, body="x")
        town.carrier.fail_next(BAD_GATEWAY)
        assert not reconciler.step(town.here.clock.forward(hours=2))
    assert count(town.here) == 0
    again = reconciler_of(town.here)
    assert again.step(town.here.clock.forward(minutes=5))
    assert count(town.here) == 30


def test_texts_from_before_our_time_are_left_to_whom_they_came(town: Town) -> None:
    town.carrier.unposted_text(to=NUMBER, from_=SOMEBODY, body="long ago")
    town.here.clock.forward(hours=2)
    assert not reconciler_of(town.here).step(town.here.clock.now())
    assert count(town.here) == 0


@pytest.mark.parametrize("fault", [BAD_GATEWAY, RESET, TOO_MANY, refusal(20003, 401), Fault(200, html=True)])
def test_a_list_that_cannot_be_read_is_asked_for_again_later(town: Town, fault: Fault) -> None:
    town.carrier.unposted_text(to=NUMBER, from_=SOMEBODY, body="x")
    reconciler = reconciler_of(town.here)
    town.carrier.fail_next(fault)
    assert not reconciler.step(town.here.clock.now())
    assert reconciler.step(town.here.clock.forward(minutes=5))
    assert count(town.here) == 1


def test_a_worker_reads_the_list_where_twilio_is_configured_and_only_there(
    town: Town, install: Callable[..., Installation]
) -> None:
    names = {loop.name for loop in town.here.application.worker().loops}
    assert "twilio-reconciler" in names
    assert "twilio-reconciler" not in {loop.name for loop in install().application.worker().loops}


def test_nothing_of_a_text_is_logged_while_it_is_sent_and_looked_for(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    town.say()
    town.carrier.fail_next(silence(SECONDS, accepted=True))
    town.send()
    town.here.clock.forward(seconds=20)
    town.send()
    reconciler_of(town.here).step(town.here.clock.now())
    told = " ".join([caplog.text, *(record.getMessage() for record in caplog.records)])
    assert SOMEBODY[1:] not in told
    assert urlencode({"To": SOMEBODY}) not in told
