"""The dialler and the carrier: one call a second, and whatever goes wrong, a phone never rings twice."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.calling import Calling, a_calling_hotline
from tests.makers import Installation
from tests.peers import RESET, Fault
from tests.peers.calls import HANG_UP
from tests.peers.twilio import BROKEN, TOO_MANY, refusal

Install = Callable[..., Installation]


@pytest.fixture
def calling(install: Install) -> Iterator[Calling]:
    with a_calling_hotline(install) as calling:
        yield calling


def test_ten_rings_at_once_are_called_one_a_second(calling: Calling) -> None:
    for number in range(10):
        calling.ring(f"+6681234560{number}")
    made = calling.calls_after(seconds=20)
    moments = sorted(call.created_at for call in made)
    assert len(moments) == 10
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(moments))


def test_two_diallers_together_place_no_more_than_one_call_a_second(calling: Calling) -> None:
    for number in range(4):
        calling.ring(f"+6681234560{number}")
    calling.here.clock.forward(seconds=20)
    while calling.decide():
        pass
    now = calling.here.clock.now()
    assert [calling.dialler.step(now), calling.dialler.step(now)] == [True, False]


@pytest.mark.parametrize(
    "fault", [RESET, Fault(503, accepted=True), Fault(0, accepted=True, after_seconds=2)]
)
def test_an_answer_that_was_lost_makes_no_second_call(calling: Calling, fault: Fault) -> None:
    calling.ring()
    calling.carrier.faults.append(replace(fault, accepted=True))
    assert len(calling.calls_after(seconds=20)) == 1
    assert [row.state for row in calling.dials()] == ["leased"]
    assert calling.calls_after(minutes=2) == []
    assert [row.state for row in calling.dials()] == ["placed"]
    (call,) = calling.carrier.calls
    assert calling.call_row(calling.nobody_answers(call)).ended_as == "no-answer"


def test_a_call_whose_answer_was_lost_is_known_once_it_is_picked_up(calling: Calling) -> None:
    calling.ring()
    calling.carrier.faults.append(Fault(503, accepted=True))
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, "1", "1", "2", HANG_UP)
    assert calling.call_row(heard).state.problem == "unpaid_wages"
    assert [row.state for row in calling.dials()] == ["placed"]
    assert calling.calls_after(minutes=4) == []


def test_a_carrier_that_is_busy_is_asked_again_and_the_phone_rings_once(calling: Calling) -> None:
    calling.ring()
    calling.carrier.faults.extend([TOO_MANY, TOO_MANY])
    made = [*calling.calls_after(seconds=20), *calling.calls_after(seconds=20)]
    assert made == []
    assert len(calling.calls_after(minutes=1)) == 1
    assert calling.tasks() == []


@pytest.mark.parametrize("code", [21215, 13227])
def test_a_country_that_is_switched_off_at_the_carrier_is_an_alarm_and_no_fault_of_the_person(
    calling: Calling, code: int
) -> None:
    calling.ring()
    calling.carrier.faults.append(refusal(code))
    assert calling.calls_after(seconds=20) == []
    assert calling.tasks() == [("carrier_refuses", None)]
    assert [row.state for row in calling.dials()] == ["wanted"]
    calling.calls_after(minutes=6)
    assert [row.stage for row in calling.missed()] == ["waiting"]


def test_a_number_that_the_carrier_will_never_call_becomes_a_humans(calling: Calling) -> None:
    calling.ring()
    calling.carrier.faults.append(refusal(21211))
    assert calling.calls_after(seconds=20) == []
    assert [row.because for row in calling.missed()] == ["cannot_be_called"]
    assert [kind for kind, _ in calling.tasks()] == ["contact_otherwise"]


def test_where_it_is_not_known_whether_a_call_went_the_phone_rings_at_most_once_before_the_retry(
    calling: Calling,
) -> None:
    calling.ring()
    calling.carrier.faults.extend([BROKEN] * 20)
    assert calling.calls_after(seconds=20) == []
    assert calling.calls_after(minutes=4) == []
    calling.carrier.faults.clear()
    made = calling.calls_after(minutes=3)
    assert len(made) <= 1
    assert calling.dials()[0].state == "given_up"
