"""Ladders: who is told when nobody came, and when."""

from datetime import UTC, datetime, time, timedelta
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.escalation.rules import (
    Calendar,
    ClockKind,
    Ladders,
    Override,
    PlannedTimer,
    Profile,
    Rung,
    Span,
    first_timer,
    held_until,
    next_timer,
    parse_span,
    promised_at,
    rearm_for_urgency,
)
from app.kernel.urgency import Urgency

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
OFFICE = Calendar(PHNOM_PENH, time(8), time(17), frozenset(range(5)), holidays="KH")


def a_profile(name: str, clock: str, spans: str, *rungs: str) -> Profile:
    """A profile from `accept first_contact review repeat` and rungs like `15m duty_lead`."""
    accept, first_contact, review_every, repeat_last = map(parse_span, spans.split())
    steps = (rung.split() for rung in rungs)
    return Profile(
        name=name,
        always=clock == "always",
        accept=accept,
        first_contact=first_contact,
        review_every=review_every,
        repeat_last=repeat_last,
        rungs=tuple(Rung(parse_span(after), to) for after, to in steps),
    )


U1 = a_profile("U1", "always", "15m 30m 4h 60m", "15m duty_lead", "30m supervisor", "60m coordinator")
U2 = a_profile("U2", "always", "1h 3h 24h 4h", "1h duty_lead", "3h supervisor", "8h coordinator")
U3 = a_profile("U3", "business", "3h 1bd 7d 1bd", "3h duty_lead", "1bd supervisor", "2bd coordinator")
U4 = a_profile("U4", "business", "1bd 3bd 14d 2bd", "2bd duty_lead", "5bd supervisor")
ALL = {profile.name: profile for profile in (U1, U2, U3, U4)}
BIG_CLAIM = Override(use="U2", category="unpaid_wages", members_gte=10)

profiles = st.sampled_from([U1, U2, U3, U4])
kinds = st.sampled_from(ClockKind)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone.


def local(text: str) -> datetime:
    """A Phnom Penh time as aware UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=PHNOM_PENH).astimezone(UTC)


def climb(profile: Profile, kind: ClockKind, base_at: datetime, *, rungs: int) -> list[PlannedTimer]:
    """The first `rungs` timers of a clock, each fired at its minute."""
    climbed = [first_timer(profile, OFFICE, kind=kind, base_at=base_at)]
    while len(climbed) < rungs:
        climbed.append(next_timer(profile, OFFICE, fired=climbed[-1], now=climbed[-1].due_at))
    return climbed


def told(timers: list[PlannedTimer]) -> list[tuple[int, str, str]]:
    """Rung, person and local time of each timer."""
    return [(t.rung, t.to, f"{t.due_at.astimezone(PHNOM_PENH):%m-%d %H:%M}") for t in timers]


@pytest.mark.parametrize(
    ("profile", "base", "expected"),
    [
        (
            U1,  # on a Saturday night
            "2026-11-07T23:50",
            [
                (1, "duty_lead", "11-08 00:05"),
                (2, "supervisor", "11-08 00:20"),
                (3, "coordinator", "11-08 00:50"),
                (3, "coordinator", "11-08 01:50"),
            ],
        ),
        (
            U2,
            "2026-11-02T16:00",
            [
                (1, "duty_lead", "11-02 17:00"),
                (2, "supervisor", "11-02 19:00"),
                (3, "coordinator", "11-03 00:00"),
                (3, "coordinator", "11-03 04:00"),
            ],
        ),
        (
            U3,  # Monday the 9th is a holiday
            "2026-11-06T15:00",
            [
                (1, "duty_lead", "11-10 09:00"),
                (2, "supervisor", "11-10 15:00"),
                (3, "coordinator", "11-11 15:00"),
                (3, "coordinator", "11-12 15:00"),
            ],
        ),
        (
            U4,
            "2026-11-02T10:00",
            [
                (1, "duty_lead", "11-04 10:00"),
                (2, "supervisor", "11-10 10:00"),
                (2, "supervisor", "11-12 10:00"),
            ],
        ),
    ],
)
def test_a_case_that_nobody_accepts_climbs_its_ladder(
    profile: Profile, base: str, expected: list[tuple[int, str, str]]
) -> None:
    assert told(climb(profile, ClockKind.ACCEPT, local(base), rungs=len(expected))) == expected


def test_first_contact_begins_at_its_promise_and_keeps_the_ladder_s_gaps() -> None:
    assert told(climb(U1, ClockKind.FIRST_CONTACT, local("2026-11-02T10:00"), rungs=4)) == [
        (1, "duty_lead", "11-02 10:30"),
        (2, "supervisor", "11-02 10:45"),
        (3, "coordinator", "11-02 11:15"),
        (3, "coordinator", "11-02 12:15"),
    ]
    # From 3h to 1bd the ladder has six opening hours, and from 3h to 2bd fifteen.
    assert told(climb(U3, ClockKind.FIRST_CONTACT, local("2026-11-02T09:00"), rungs=3)) == [
        (1, "duty_lead", "11-03 09:00"),
        (2, "supervisor", "11-03 15:00"),
        (3, "coordinator", "11-04 15:00"),
    ]


def test_a_review_is_due_after_its_interval_and_climbs_like_the_rest() -> None:
    assert told(climb(U1, ClockKind.REVIEW, local("2026-11-02T10:00"), rungs=3)) == [
        (1, "duty_lead", "11-02 14:00"),
        (2, "supervisor", "11-02 14:15"),
        (3, "coordinator", "11-02 14:45"),
    ]
    assert told(climb(U4, ClockKind.REVIEW, local("2026-11-02T10:00"), rungs=2)) == [
        (1, "duty_lead", "11-16 10:00"),
        (2, "supervisor", "11-19 10:00"),
    ]


def test_the_promise_is_that_of_the_clock_and_not_of_the_first_rung() -> None:
    base_at = local("2026-11-02T10:00")
    due = {kind: promised_at(U4, OFFICE, kind=kind, base_at=base_at) for kind in ClockKind}
    assert due[ClockKind.ACCEPT] == local("2026-11-03T10:00")
    assert due[ClockKind.FIRST_CONTACT] == local("2026-11-05T10:00")
    assert due[ClockKind.REVIEW] == local("2026-11-16T10:00")


def test_the_same_question_has_the_same_answer() -> None:
    base_at = local("2026-11-06T15:00")
    assert climb(U3, ClockKind.REVIEW, base_at, rungs=6) == climb(U3, ClockKind.REVIEW, base_at, rungs=6)


def test_a_server_that_was_down_speaks_once_and_keeps_its_minute() -> None:
    last = climb(U1, ClockKind.ACCEPT, local("2026-11-02T10:10"), rungs=3)[-1]
    woken = last.due_at + timedelta(hours=52, minutes=3)
    again = next_timer(U1, OFFICE, fired=last, now=woken)
    assert again.due_at == last.due_at + timedelta(hours=53)
    assert (again.rung, again.to, again.base_at) == (3, "coordinator", last.base_at)


def test_a_repeat_that_is_due_this_very_moment_is_in_the_past() -> None:
    last = climb(U1, ClockKind.ACCEPT, local("2026-11-02T10:10"), rungs=3)[-1]
    again = next_timer(U1, OFFICE, fired=last, now=last.due_at + timedelta(hours=1))
    assert again.due_at == last.due_at + timedelta(hours=2)


def test_rungs_are_not_passed_over_by_a_server_that_was_down() -> None:
    first = climb(U1, ClockKind.ACCEPT, local("2026-11-02T10:00"), rungs=1)[0]
    second = next_timer(U1, OFFICE, fired=first, now=first.due_at + timedelta(days=3))
    assert (second.rung, second.to, second.due_at) == (2, "supervisor", local("2026-11-02T10:30"))


def test_repeats_of_seconds_after_a_year_are_found_at_once() -> None:
    hasty = a_profile("U3", "business", "1s 1s 1s 1s", "1s coordinator")
    last = first_timer(hasty, OFFICE, kind=ClockKind.ACCEPT, base_at=local("2026-01-05T08:00"))
    again = next_timer(hasty, OFFICE, fired=last, now=local("2027-01-05T12:00"))
    assert again.due_at == local("2027-01-05T12:00:01")


def test_a_rung_that_the_ladder_no_longer_has_counts_as_its_last() -> None:
    gone = PlannedTimer(
        ClockKind.ACCEPT, 3, "coordinator", local("2026-11-03T10:00"), local("2026-11-02T10:00")
    )
    again = next_timer(U4, OFFICE, fired=gone, now=gone.due_at)
    assert (again.rung, again.to, again.due_at) == (2, "supervisor", local("2026-11-05T10:00"))


def test_around_a_holiday_no_rung_comes_before_the_one_below_it() -> None:
    # From Monday 13 April 2026, one business day later is Friday, three days later only Friday morning.
    mixed = a_profile("U3", "business", "3h 1bd 7d 1bd", "1bd duty_lead", "3d supervisor")
    first, second = climb(mixed, ClockKind.ACCEPT, local("2026-04-13T10:00"), rungs=2)
    assert first.due_at == second.due_at == local("2026-04-17T10:00")
    first, second = climb(mixed, ClockKind.REVIEW, local("2026-04-13T10:00"), rungs=2)
    assert first.due_at == second.due_at == local("2026-04-20T10:00")


@given(profiles, kinds, moments)
def test_each_rung_is_due_after_the_one_before(profile: Profile, kind: ClockKind, base_at: datetime) -> None:
    timers = climb(profile, kind, base_at, rungs=6)
    assert all(one.due_at < other.due_at for one, other in pairwise(timers))
    assert all(timer.base_at == base_at for timer in timers)
    assert [timer.rung for timer in timers] == [min(n, len(profile.rungs)) for n in range(1, 7)]


@given(profiles, moments, st.timedeltas(timedelta(), timedelta(days=20)))
def test_the_next_repeat_is_the_first_that_lies_ahead(
    profile: Profile, base_at: datetime, down: timedelta
) -> None:
    last = climb(profile, ClockKind.ACCEPT, base_at, rungs=len(profile.rungs))[-1]
    now = last.due_at + down
    again = next_timer(profile, OFFICE, fired=last, now=now)
    counted = (profile.add(OFFICE, last.due_at, profile.repeat_last.times(n)) for n in count(1))
    assert again.due_at == next(due_at for due_at in counted if due_at > now)


def test_raising_the_urgency_begins_the_clock_anew() -> None:
    waiting = first_timer(U3, OFFICE, kind=ClockKind.ACCEPT, base_at=local("2026-11-06T15:00"))
    now = local("2026-11-06T22:00")
    raised = rearm_for_urgency(waiting, U1, OFFICE, now=now, raised=True)
    assert raised == PlannedTimer(ClockKind.ACCEPT, 1, "duty_lead", local("2026-11-06T22:15"), now)


def test_raising_the_urgency_keeps_an_earlier_time_and_its_person() -> None:
    supervisor = climb(U3, ClockKind.ACCEPT, local("2026-11-02T10:00"), rungs=2)[1]
    now = local("2026-11-03T09:55")
    raised = rearm_for_urgency(supervisor, U1, OFFICE, now=now, raised=True)
    assert raised == PlannedTimer(ClockKind.ACCEPT, 2, "supervisor", local("2026-11-03T10:00"), now)
    # The rest of the ladder is the stricter one, counted from the moment of the change.
    then = next_timer(U1, OFFICE, fired=raised, now=raised.due_at)
    assert (then.to, then.due_at) == ("coordinator", local("2026-11-03T10:55"))


@given(profiles, profiles, kinds, moments, st.timedeltas(timedelta(), timedelta(days=20)), st.integers(1, 4))
def test_raising_never_makes_a_clock_later(
    before: Profile, after: Profile, kind: ClockKind, base_at: datetime, passed: timedelta, rungs: int
) -> None:
    old = climb(before, kind, base_at, rungs=rungs)[-1]
    now = base_at + passed
    raised = rearm_for_urgency(old, after, OFFICE, now=now, raised=True)
    assert raised.due_at == min(old.due_at, first_timer(after, OFFICE, kind=kind, base_at=now).due_at)
    assert rearm_for_urgency(raised, after, OFFICE, now=now, raised=True).due_at == raised.due_at


def test_lowering_the_urgency_counts_from_the_old_beginning() -> None:
    supervisor = climb(U1, ClockKind.ACCEPT, local("2026-11-02T10:00"), rungs=2)[1]
    lowered = rearm_for_urgency(supervisor, U3, OFFICE, now=local("2026-11-02T10:20"), raised=False)
    assert lowered == PlannedTimer(
        ClockKind.ACCEPT, 2, "supervisor", local("2026-11-03T10:00"), local("2026-11-02T10:00")
    )


def test_lowering_to_a_shorter_ladder_stays_on_its_last_rung() -> None:
    coordinator = climb(U1, ClockKind.ACCEPT, local("2026-11-02T10:00"), rungs=3)[2]
    lowered = rearm_for_urgency(coordinator, U4, OFFICE, now=local("2026-11-02T10:20"), raised=False)
    assert (lowered.rung, lowered.to) == (2, "supervisor")


@given(profiles, profiles, kinds, moments, st.timedeltas(timedelta(), timedelta(days=40)))
def test_lowering_never_makes_a_clock_due_in_the_past(
    before: Profile, after: Profile, kind: ClockKind, base_at: datetime, passed: timedelta
) -> None:
    now = base_at + passed
    old = first_timer(before, OFFICE, kind=kind, base_at=base_at)
    lowered = rearm_for_urgency(old, after, OFFICE, now=now, raised=False)
    assert lowered.due_at == max(now, first_timer(after, OFFICE, kind=kind, base_at=base_at).due_at)


def test_the_strictest_of_urgency_and_overrides_holds() -> None:
    ladders = Ladders(OFFICE, ALL, (BIG_CLAIM, Override(use="U1", category="detention")))

    def name(urgency: Urgency, members: int, *categories: str) -> str:
        return ladders.profile_for(urgency=urgency, categories=categories, members=members).name

    assert name(Urgency.U3, 9, "unpaid_wages") == "U3"
    assert name(Urgency.U3, 10, "unpaid_wages") == "U2"
    assert name(Urgency.U3, 10, "injury_compensation") == "U3"
    assert name(Urgency.U4, 10, "unpaid_wages", "detention") == "U1"
    assert name(Urgency.U1, 10, "unpaid_wages") == "U1"
    assert name(Urgency.U4, 1) == "U4"


def test_an_override_may_ask_for_members_alone() -> None:
    ladders = Ladders(OFFICE, ALL, (Override(use="U2", members_gte=30),))
    assert ladders.profile_for(urgency=Urgency.U4, categories=(), members=30).name == "U2"
    assert ladders.profile_for(urgency=Urgency.U4, categories=(), members=29).name == "U4"


def test_a_missing_profile_takes_the_next_stricter_one() -> None:
    ladders = Ladders(OFFICE, {"U1": U1, "U3": U3}, (BIG_CLAIM,))
    assert ladders.profile("U2") is U1
    assert ladders.profile("U4") is U3
    assert ladders.profile_for(urgency=Urgency.U3, categories={"unpaid_wages"}, members=12) is U1


def test_ladders_without_the_strictest_profile_are_refused() -> None:
    with pytest.raises(ValueError, match="U1 has no profile"):
        Ladders(OFFICE, {"U2": U2})


def test_a_ladder_without_rungs_or_with_a_repeat_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one rung"):
        a_profile("U1", "always", "15m 30m 4h 60m")
    with pytest.raises(ValueError, match="more than nothing"):
        a_profile("U1", "always", "15m 30m 4h 0m", "15m duty_lead")


def test_a_business_day_on_a_clock_that_never_stops_is_a_day() -> None:
    restless = a_profile("U1", "always", "1bd 1d 1bd 1bd", "1bd duty_lead")
    timer = first_timer(restless, OFFICE, kind=ClockKind.ACCEPT, base_at=local("2026-11-07T23:00"))
    assert timer.due_at == local("2026-11-08T23:00")
    assert restless.usual_length(OFFICE, Span(1, "bd")) == timedelta(days=1)
    assert (
        U3.usual_length(OFFICE, Span(7, "d")) == U3.usual_length(OFFICE, Span(5, "bd")) == timedelta(hours=45)
    )


def test_a_clock_that_rested_climbs_from_the_end_of_its_rest_with_the_usual_gaps() -> None:
    waiting = first_timer(U1, OFFICE, kind=ClockKind.REVIEW, base_at=local("2026-11-02T10:00"))
    rested = held_until(waiting, U1, OFFICE, until=local("2026-11-08T09:00"))
    climbed = [rested]
    while len(climbed) < 4:
        climbed.append(next_timer(U1, OFFICE, fired=climbed[-1], now=climbed[-1].due_at))
    assert told(climbed) == [
        (1, "duty_lead", "11-08 09:00"),
        (2, "supervisor", "11-08 09:15"),
        (3, "coordinator", "11-08 09:45"),
        (3, "coordinator", "11-08 10:45"),
    ]


def test_a_rest_ends_when_the_office_is_open_and_never_makes_a_clock_earlier() -> None:
    waiting = first_timer(U3, OFFICE, kind=ClockKind.REVIEW, base_at=local("2026-11-02T10:00"))
    # A week later is Independence Day, so this review is due when the office opens on the day after.
    assert waiting.due_at == local("2026-11-10T08:00")
    assert held_until(waiting, U3, OFFICE, until=local("2026-11-07T09:00")) == waiting
    assert held_until(waiting, U3, OFFICE, until=local("2026-11-14T09:00")).due_at == local(
        "2026-11-16T08:00"
    )


@given(profiles, kinds, moments, st.timedeltas(timedelta(), timedelta(days=90)))
def test_each_rung_after_a_rest_is_due_after_the_one_before(
    profile: Profile, kind: ClockKind, base_at: datetime, rest: timedelta
) -> None:
    first = first_timer(profile, OFFICE, kind=kind, base_at=base_at)
    climbed = [held_until(first, profile, OFFICE, until=base_at + rest)]
    while len(climbed) < 5:
        climbed.append(next_timer(profile, OFFICE, fired=climbed[-1], now=climbed[-1].due_at))
    assert climbed[0].due_at >= max(first.due_at, base_at + rest)
    assert all(one.due_at < other.due_at for one, other in pairwise(climbed))
