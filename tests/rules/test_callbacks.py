"""Calling back: whatever rings come, nobody is called too often, too dearly, or asleep."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calls.rules import callbacks
from app.calls.rules.callbacks import (
    IN_HAND,
    CallbackRules,
    CallNow,
    HandOver,
    Made,
    MissedCall,
    Stage,
    Wait,
    budget_day,
    dawn,
    decide,
    first_ring,
    rang,
    refused_because,
)
from app.kernel.phone import Phone
from app.outbox.rules import SafeContact, next_time_to_call

NOW: Final = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
POINT: Final = UUID("01971c2e-3f00-7a10-8c55-0d5b1e6f2a05")
RULES: Final = CallbackRules(countries=frozenset({"KH", "TH", "MY", "KR", "JP"}))
THAI: Final = SafeContact(country="TH")
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
MOMENTS: Final = st.integers(0, 365 * 24 * 60).map(lambda minutes: NOW + minutes * MINUTE)


def a_missed_call(*, now: datetime = NOW, rings: int = 1) -> MissedCall:
    missed = first_ring(POINT, POINT, "+85523999000", now=now)
    for number in range(rings):
        missed = rang(missed, within_the_hour=number + 1, rules=RULES, now=now)
    return missed


def test_the_first_ring_is_due_after_the_wait_and_more_rings_do_not_move_it() -> None:
    missed = a_missed_call()
    assert missed.due_at == NOW + RULES.after
    later = rang(missed, within_the_hour=2, rules=RULES, now=NOW + timedelta(seconds=19))
    assert (later.due_at, later.rings) == (missed.due_at, 2)


def test_a_ring_while_a_retry_waits_brings_the_call_back_forward() -> None:
    waiting = replace(a_missed_call(), due_at=NOW + timedelta(hours=2))
    again = rang(waiting, within_the_hour=2, rules=RULES, now=NOW + 30 * MINUTE)
    assert again.due_at == NOW + 30 * MINUTE + RULES.after


def test_five_rings_within_an_hour_are_urgent_and_four_are_not() -> None:
    assert a_missed_call(rings=4).urgent_at is None
    assert a_missed_call(rings=5).urgent_at == NOW


@pytest.mark.parametrize(
    ("number", "refused"),
    [
        ("+85512345678", None), ("+66812345678", None), ("+60123456789", None), ("+821012345678", None),
        ("+819012345678", None), ("+855231234567", "unknown_kind_of_number"),
        ("+8551900123456", "premium_number"), ("+661900123456", "premium_number"),
        ("+82602345678", "premium_number"), ("+886912345678", "country_not_called"),
        ("+84912345678", "country_not_called"), ("+12025550123", "country_not_called"),
        ("+882161234567", "country_not_called"), ("+2527123456", "country_not_called"),
    ],
)  # fmt: skip
def test_only_ordinary_phones_of_the_listed_countries_are_called_back(
    number: str, refused: str | None
) -> None:
    assert refused_because(Phone(number), RULES) == refused


@given(st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True))
def test_no_number_outside_the_countries_is_ever_called_back(number: str) -> None:
    try:
        phone = Phone.parse(number)
    except ValueError:
        return
    if refused_because(phone, RULES) is None:
        assert phone.e164.startswith(("+855", "+66", "+60", "+82", "+81"))
        assert phone.is_ordinary
        assert not phone.costs_extra


def test_a_phone_that_must_never_be_called_is_a_humans() -> None:
    assert decide(Made(), None, rules=RULES, now=NOW) == HandOver("never_safe")


def test_a_day_without_calls_left_is_a_humans() -> None:
    made = Made([NOW - n * timedelta(hours=3) for n in range(1, 5)])
    assert decide(made, NOW, rules=RULES, now=NOW) == HandOver("daily_limit")


def test_calls_of_yesterday_do_not_count() -> None:
    made = Made([NOW - DAY - n * MINUTE for n in range(4)])
    assert decide(made, NOW, rules=RULES, now=NOW) == CallNow()


def test_a_phone_that_was_just_called_waits() -> None:
    just = NOW - 4 * MINUTE
    assert decide(Made([just]), NOW, rules=RULES, now=NOW) == Wait(just + RULES.every, "called_lately")


def test_a_budget_that_is_used_up_waits_for_midnight_in_phnom_penh() -> None:
    decided = decide(Made(today=3), NOW, rules=replace(RULES, daily_budget=3), now=NOW)
    assert decided == Wait(datetime(2026, 6, 8, 17, 0, tzinfo=UTC), "budget_used_up")
    assert decide(Made(today=2), NOW, rules=replace(RULES, daily_budget=3), now=NOW) == CallNow()
    assert decide(Made(today=10_000), NOW, rules=RULES, now=NOW) == CallNow()


def test_nobody_is_called_back_where_no_call_a_day_is_allowed() -> None:
    assert decide(Made(), NOW, rules=replace(RULES, per_day=0), now=NOW) == HandOver("daily_limit")


def test_tries_follow_the_retries_then_the_morning_then_a_human() -> None:
    morning = NOW + timedelta(hours=20)
    after = [
        callbacks.not_reached(replace(a_missed_call(), tries=tries), morning, rules=RULES, now=NOW)
        for tries in range(1, 5)
    ]
    assert after == [
        Wait(NOW + 15 * MINUTE, "not_reached"), Wait(NOW + timedelta(hours=2), "not_reached"),
        Wait(morning, "not_reached"), HandOver("not_reached"),
    ]  # fmt: skip


@given(MOMENTS)
def test_dawn_is_the_next_four_oclock_there(now: datetime) -> None:
    for zone in ("Asia/Phnom_Penh", "Asia/Seoul"):
        at = dawn(zone, now)
        assert now < at <= now + DAY
        assert at.astimezone(ZoneInfo(zone)).time() == time(4)


def _morning(now: datetime) -> datetime:
    at = next_time_to_call(THAI, dawn("Asia/Bangkok", now), urgent=False)
    assert at is not None
    return at


@dataclass
class Story:
    """One phone that rings at any times, and the calls back that the rules make of it, minute by minute."""

    reached: frozenset[int]
    missed: MissedCall | None = None
    rings: list[datetime] = field(default_factory=list)
    made: list[tuple[datetime, MissedCall]] = field(default_factory=list)

    def ring(self, now: datetime) -> None:
        self.rings.append(now)
        is_open = self.missed is not None and self.missed.is_open
        before = self.missed if is_open and self.missed else first_ring(POINT, POINT, "+855", now=now)
        lately = sum(at > now - callbacks.URGENT_WITHIN for at in self.rings)
        self.missed = rang(before, within_the_hour=lately, rules=RULES, now=now)

    def look(self, now: datetime) -> None:
        missed = self.missed
        if missed is None or missed.stage is not Stage.WAITING or missed.due_at > now:
            return
        safe_at = next_time_to_call(THAI, now, urgent=missed.may_come_at_any_hour(now))
        match decide(Made([at for at, _ in self.made]), safe_at, rules=RULES, now=now):
            case CallNow():
                self._call(replace(missed, tries=missed.tries + 1), now)
            case Wait(until, _):
                assert until > now
                self.missed = replace(missed, due_at=until)
            case HandOver():
                self.missed = replace(missed, stage=Stage.GIVEN_UP)

    def _call(self, missed: MissedCall, now: datetime) -> None:
        self.made.append((now, missed))
        if len(self.made) in self.reached:
            self.missed = replace(missed, stage=Stage.REACHED)
            return
        match callbacks.not_reached(missed, _morning(now), rules=RULES, now=now):
            case Wait(until, _):
                self.missed = replace(missed, due_at=until)
            case HandOver():
                self.missed = replace(missed, stage=Stage.GIVEN_UP)


@given(
    st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=40),
    st.integers(0, 24 * 60),
    st.frozensets(st.integers(1, 6), max_size=2),
)
def test_whatever_rings_come_a_phone_is_called_seldom_and_in_no_quiet_hour(
    minutes: list[int], start: int, reached: frozenset[int]
) -> None:
    story, begin = Story(reached), NOW + start * MINUTE
    rings = {begin + minute * MINUTE for minute in minutes}
    moments = rings | {ring + n * MINUTE for ring in rings for n in range(12)}
    moments |= {begin + n * 15 * MINUTE for n in range(6 * 24 * 4)}
    for now in sorted(moments):
        if now in rings:
            story.ring(now)
        story.look(now)
    at = [moment for moment, _ in story.made]
    assert all(later - earlier >= RULES.every for earlier, later in pairwise(at))
    assert all(sum(moment - DAY < other <= moment for other in at) <= RULES.per_day for moment in at)
    for moment, missed in story.made:
        awake = time(7) <= moment.astimezone(ZoneInfo("Asia/Bangkok")).time() < time(21)
        assert awake or missed.urgent_at or moment - missed.last_at <= IN_HAND


@given(MOMENTS)
def test_the_day_of_the_budget_has_begun_less_than_a_day_ago(now: datetime) -> None:
    assert now - DAY < budget_day(now) <= now
