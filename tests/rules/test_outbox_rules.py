"""The rules of the outbox: what may go to a phone, by which way, and what its state may become."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.phone import Phone
from app.outbox.rules import (
    AUTOMATIC_AN_HOUR,
    GIVEN_UP,
    IN_HAND,
    STAFF,
    WAITING,
    Asked,
    PhoneRule,
    Purpose,
    Reach,
    State,
    Way,
    choose_way,
    expires_at,
    held_because,
    moves_up,
    phone_refuses,
    wait_before,
)

NOW = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
REPLY = Reach(Purpose.ANSWER, wrote_at=NOW)
ASKED = Asked(Phone("+66812345678"), REPLY, automatic=True, automatic_last_hour=0)
STATES = st.sampled_from(list(State))
TWILIO, OTHER = Way("twilio", "+12025550123"), Way("twilio", "+12025550124")
THAI, KHMER = Way("cht", "th", "TH"), Way("cht", "kh", "KH")
CONSOLE = Way("console", "console")


# States ---------------------------------------------------------------------------------------------


@given(STATES, STATES)
def test_a_text_never_moves_back_and_forth(one: State, other: State) -> None:
    assert not (moves_up(one, other) and moves_up(other, one))
    assert not moves_up(one, one)


@given(st.permutations([State.ACCEPTED, State.SENT, State.DELIVERED] * 2))
def test_reports_in_any_order_and_twice_end_in_the_same_state(reports: list[State]) -> None:
    state = State.SENDING
    for reported in reports:
        state = reported if moves_up(state, reported) else state
    assert state is State.DELIVERED


@pytest.mark.parametrize("state", sorted(GIVEN_UP | {State.HELD}))
def test_what_was_given_up_can_only_still_prove_delivered(state: State) -> None:
    assert {other for other in State if moves_up(state, other)} == {State.DELIVERED}


def test_nothing_is_beyond_delivered() -> None:
    assert not any(moves_up(State.DELIVERED, other) for other in State)


def test_every_state_is_reached_from_one_that_waits() -> None:
    assert all(moves_up(State.QUEUED, other) for other in State if other not in WAITING)


# Whether it may go ------------------------------------------------------------------------------------


def test_a_phone_of_which_nothing_is_known_may_be_answered() -> None:
    assert held_because(ASKED, PhoneRule(), NOW) is None


@pytest.mark.parametrize(
    ("asked", "rule", "reason"),
    [
        (replace(ASKED, own_number=True), PhoneRule(), "own_number"),
        (replace(ASKED, phone=Phone("+19005550123")), PhoneRule(), "premium_number"),
        (ASKED, PhoneRule(cannot_text_since=NOW), "cannot_text"),
        (ASKED, PhoneRule(opted_out_at=NOW), "opted_out"),
        (ASKED, PhoneRule(blocked_until=NOW + timedelta(seconds=1)), "blocked"),
        (ASKED, PhoneRule(blocked_until=NOW), None),
        (replace(ASKED, automatic_last_hour=AUTOMATIC_AN_HOUR), PhoneRule(), "hourly_limit"),
        (replace(ASKED, automatic_last_hour=AUTOMATIC_AN_HOUR, repeats=True), PhoneRule(), "duplicate"),
        (replace(ASKED, automatic_last_hour=AUTOMATIC_AN_HOUR - 1, repeats=True), PhoneRule(), None),
        (replace(ASKED, automatic_last_hour=AUTOMATIC_AN_HOUR, automatic=False), PhoneRule(), None),
    ],
)
def test_the_gate_says_no_with_a_reason(asked: Asked, rule: PhoneRule, reason: str | None) -> None:
    assert held_because(asked, rule, NOW) == reason


@given(st.integers(AUTOMATIC_AN_HOUR, 1_000), st.sampled_from(list(Purpose)))
def test_no_purpose_is_worth_a_sixth_automatic_text(lately: int, purpose: Purpose) -> None:
    asked = replace(ASKED, automatic_last_hour=lately, reach=replace(REPLY, purpose=purpose))
    assert held_because(asked, PhoneRule(), NOW) == "hourly_limit"
    assert held_because(replace(asked, repeats=True), PhoneRule(), NOW) == "duplicate"


def test_the_one_confirmation_of_silence_may_go_to_a_phone_that_asked_for_it() -> None:
    asked = replace(ASKED, reach=replace(REPLY, purpose=Purpose.OPT_OUT))
    assert held_because(asked, PhoneRule(opted_out_at=NOW), NOW) is None
    assert held_because(asked, PhoneRule(opted_out_at=NOW, cannot_text_since=NOW), NOW) == "cannot_text"


_MOMENTS = st.none() | st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive
_RULES = st.builds(PhoneRule, _MOMENTS, _MOMENTS, _MOMENTS)


@given(_RULES, st.sampled_from(list(Purpose)), st.integers(0, AUTOMATIC_AN_HOUR - 1))
def test_what_a_phone_refuses_the_gate_refuses_for_the_same_reason(
    rule: PhoneRule, purpose: Purpose, lately: int
) -> None:
    reach = replace(REPLY, purpose=purpose)
    asked = replace(ASKED, reach=reach, automatic_last_hour=lately)
    assert held_because(asked, rule, NOW) == phone_refuses(rule, reach, NOW)


# Which way --------------------------------------------------------------------------------------------


def test_the_way_in_is_the_way_out() -> None:
    assert choose_way([THAI, TWILIO], country="TH", same_as=TWILIO) == TWILIO


def test_a_number_that_is_none_of_ours_is_no_way_out() -> None:
    stranger = Way("twilio", "+12025550199")
    assert choose_way([TWILIO, THAI], country="KH", same_as=stranger) == TWILIO


def test_a_carrier_that_is_in_no_list_of_ways_answers_for_itself() -> None:
    """What was simulated at a console must not leave by a real carrier."""
    assert choose_way([THAI, TWILIO], country="TH", same_as=CONSOLE) == CONSOLE


def test_a_phone_is_reached_by_a_gateway_of_its_country_first() -> None:
    assert choose_way([TWILIO, KHMER, THAI], country="TH", same_as=None) == THAI


def test_where_no_gateway_is_at_home_a_carrier_without_a_country_is_next() -> None:
    assert choose_way([KHMER, TWILIO, OTHER], country="TH", same_as=None) == TWILIO


def test_a_gateway_of_another_country_is_better_than_nothing() -> None:
    assert choose_way([KHMER], country="TH", same_as=None) == KHMER


def test_a_silent_gateway_is_passed_over_while_there_is_another_way() -> None:
    silent = replace(THAI, alive=False)
    assert choose_way([silent, TWILIO], country="TH", same_as=None) == TWILIO
    assert choose_way([silent], country="TH", same_as=None) == silent


def test_without_any_way_there_is_none() -> None:
    assert choose_way([], country="TH", same_as=None) is None


_COUNTRIES = st.sampled_from(["TH", "KH", None])
_WAYS = st.builds(Way, st.sampled_from(["cht", "twilio"]), st.text(max_size=3), _COUNTRIES, st.booleans())


@given(st.lists(_WAYS), _COUNTRIES)
def test_a_living_way_is_always_preferred_to_a_silent_one(ways: list[Way], country: str | None) -> None:
    chosen = choose_way(ways, country=country, same_as=None)
    assert chosen is None if not ways else chosen in ways
    if chosen is not None and not chosen.alive:
        assert not any(way.alive for way in ways)


# Times ----------------------------------------------------------------------------------------------


def test_waits_double_from_15_seconds_to_half_an_hour() -> None:
    waits = [wait_before(attempt, None) for attempt in range(1, 30)]
    assert waits[:4] == [timedelta(seconds=s) for s in (15, 30, 60, 120)]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[-1] == timedelta(minutes=30)


@given(st.integers(1, 10_000), st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_wait_is_never_shorter_than_the_carrier_asked_for(attempt: int, least: timedelta) -> None:
    assert wait_before(attempt, least) >= max(least, timedelta(seconds=15))


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_has_a_time_after_which_its_words_are_not_true(purpose: Purpose) -> None:
    lives = expires_at(purpose, NOW) - NOW
    least = IN_HAND if purpose is Purpose.DECOY else timedelta(hours=1)
    assert least <= lives <= timedelta(hours=24)
    if purpose in STAFF:
        assert lives == timedelta(hours=4)
