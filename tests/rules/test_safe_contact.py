"""Safe contact, pure: windows, who may be called or written to when, and ten thousand random sends."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.phone import Phone
from app.outbox.rules import (
    CODE_WORD_HOLDS,
    IN_HAND,
    NOTHING_KNOWN,
    STAFF,
    AfterDroppedCall,
    Asked,
    Known,
    PhoneRule,
    Purpose,
    Reach,
    SafeContact,
    SafeWindow,
    awaits_code_word,
    call_back_at,
    call_refused_because,
    held_because,
    leave_to_call,
    may_leave_voicemail,
    next_time_to_call,
    next_time_to_text,
    overlaid,
    phone_refuses,
    strictest,
    text_refused_because,
    text_safe_until,
    zone_of,
)

ZONES = ("Asia/Phnom_Penh", "Asia/Seoul", "Asia/Kuala_Lumpur", "Asia/Riyadh", "Europe/Berlin")
# A Monday, ten in the morning in Phnom Penh and Bangkok, noon in Seoul.
MONDAY_TEN = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
NIGHT = SafeWindow(time(22), time(6))
YES_TO_TEXTS = SafeContact(may_text=Known.YES)
FUZZED = 10_000


def at(day: int, hour: int, minute: int = 0, zone: str = "Asia/Phnom_Penh") -> datetime:
    """A moment on a wall clock, in UTC; 8 June 2026 is a Monday."""
    return datetime(2026, 6, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


# Windows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "day", "hour", "minute", "inside"),
    [
        (SafeWindow(time(8), time(9)), 8, 8, 0, True),
        (SafeWindow(time(8), time(9)), 8, 8, 59, True),
        (SafeWindow(time(8), time(9)), 8, 9, 0, False),
        (NIGHT, 8, 22, 0, True),
        (NIGHT, 9, 5, 59, True),
        (NIGHT, 9, 6, 0, False),
        (NIGHT, 8, 12, 0, False),
        (replace(NIGHT, days=frozenset({6})), 8, 5, 0, True),  # Sunday's night goes on into Monday
        (replace(NIGHT, days=frozenset({0})), 8, 5, 0, False),
        (replace(NIGHT, days=frozenset({0})), 9, 5, 0, True),
        (SafeWindow(time(7), time(7)), 8, 6, 59, True),  # a whole day
        (SafeWindow(time(7), time(7), frozenset({0})), 9, 6, 59, True),
        (SafeWindow(time(7), time(7), frozenset({0})), 9, 7, 0, False),
    ],
)
def test_a_window_holds_what_its_clock_says(
    window: SafeWindow,
    day: int,
    hour: int,
    minute: int,
    inside: bool,  # noqa: FBT001 - a case of the test
) -> None:
    assert window.holds(datetime(2026, 6, day, hour, minute, tzinfo=ZoneInfo("Asia/Phnom_Penh"))) is inside


def test_hours_count_by_the_zone_that_was_told_else_by_the_country_of_the_number() -> None:
    assert zone_of(SafeContact(country="KR")) == "Asia/Seoul"
    assert zone_of(SafeContact(country="KR", zone="Asia/Bangkok")) == "Asia/Bangkok"
    assert zone_of(NOTHING_KNOWN) == "Asia/Phnom_Penh"
    # 21:30 in Seoul is 19:30 in Phnom Penh.
    late_in_seoul = at(8, 19, 30)
    assert call_refused_because(SafeContact(country="KR"), late_in_seoul, urgent=False) == "outside_hours"
    assert call_refused_because(SafeContact(country="KH"), late_in_seoul, urgent=False) is None


# Calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("safety", "urgent", "reason"),
    [
        (NOTHING_KNOWN, False, "outside_hours"),
        (NOTHING_KNOWN, True, None),
        (SafeContact(may_call=Known.YES), False, "outside_hours"),
        (SafeContact(may_call=Known.YES), True, None),
        (SafeContact(may_call=Known.NO), True, "may_not_call"),
        (SafeContact(held_by_employer=Known.YES, may_call=Known.YES), True, "held_by_employer"),
        (SafeContact(opted_out_at=MONDAY_TEN), True, "opted_out"),
        (SafeContact(hours=(SafeWindow(time(8), time(9)),)), True, "outside_hours"),
        (SafeContact(hours=(NIGHT,)), False, None),
        (SafeContact(may_text=Known.NO), True, None),
    ],
)
def test_at_three_in_the_morning_only_what_is_known_to_be_safe_or_urgent_rings(
    safety: SafeContact,
    urgent: bool,  # noqa: FBT001 - a case of the test
    reason: str | None,
) -> None:
    assert call_refused_because(safety, at(8, 3), urgent=urgent) == reason


def test_a_phone_of_which_nothing_is_known_is_called_between_seven_and_nine_in_the_evening() -> None:
    assert call_refused_because(NOTHING_KNOWN, at(8, 6, 59), urgent=False) == "outside_hours"
    assert call_refused_because(NOTHING_KNOWN, at(8, 7), urgent=False) is None
    assert call_refused_because(NOTHING_KNOWN, at(8, 20, 59), urgent=False) is None
    assert call_refused_because(NOTHING_KNOWN, at(8, 21), urgent=False) == "outside_hours"


def test_the_next_time_to_call_is_now_or_when_a_window_begins_or_never() -> None:
    sundays = SafeContact(hours=(SafeWindow(time(20), time(21), frozenset({6})),), zone="Asia/Seoul")
    assert next_time_to_call(NOTHING_KNOWN, at(8, 12), urgent=False) == at(8, 12)
    assert next_time_to_call(NOTHING_KNOWN, at(8, 23), urgent=False) == at(9, 7)
    assert next_time_to_call(NOTHING_KNOWN, at(8, 23), urgent=True) == at(8, 23)
    assert next_time_to_call(sundays, at(8, 12), urgent=True) == at(14, 20, zone="Asia/Seoul")
    assert next_time_to_call(SafeContact(may_call=Known.NO), at(8, 12), urgent=True) is None


def test_words_are_left_on_a_phone_only_where_somebody_said_so_and_nobody_shares_it() -> None:
    told = SafeContact(may_leave_voicemail=Known.YES)
    assert may_leave_voicemail(told, at(8, 12))
    assert not may_leave_voicemail(NOTHING_KNOWN, at(8, 12))
    assert not may_leave_voicemail(replace(told, shared=Known.YES), at(8, 12))
    assert not may_leave_voicemail(replace(told, held_by_employer=Known.YES), at(8, 12))
    assert not may_leave_voicemail(told, at(8, 3))
    assert not may_leave_voicemail(replace(told, valid_until=at(8, 12)), at(8, 12))


def test_a_dropped_call_is_dialled_again_only_for_who_asked_for_it_and_in_their_hours() -> None:
    wants = SafeContact(after_dropped_call=AfterDroppedCall.CALL_BACK, may_call=Known.YES)
    assert call_back_at(wants, at(8, 12), urgent=False) == at(8, 12)
    assert call_back_at(replace(wants, hours=(NIGHT,)), at(8, 12), urgent=False) == at(8, 22)
    assert call_back_at(replace(wants, held_by_employer=Known.YES), at(8, 12), urgent=True) is None
    for other in (AfterDroppedCall.WAIT, AfterDroppedCall.NOT_KNOWN):
        assert call_back_at(replace(wants, after_dropped_call=other), at(8, 12), urgent=True) is None


def test_leave_to_ring_is_given_where_nothing_refuses_it() -> None:
    phone = Phone("+85512345678")
    leave = leave_to_call(phone, NOTHING_KNOWN, at(8, 12), urgent=False)
    assert leave is not None
    assert (leave.phone, leave.at) == (phone, at(8, 12))
    assert leave_to_call(phone, NOTHING_KNOWN, at(8, 3), urgent=False) is None


# Texts ------------------------------------------------------------------------------------------------


def test_who_wrote_minutes_ago_is_answered_at_any_hour_unless_the_phone_is_not_theirs() -> None:
    now = at(8, 3)
    wrote_at = now - IN_HAND
    assert text_refused_because(NOTHING_KNOWN, now, wrote_at=wrote_at) is None
    assert text_refused_because(SafeContact(hours=(SafeWindow(time(8), time(9)),)), now, wrote_at=now) is None
    assert text_refused_because(SafeContact(may_text=Known.NO), now, wrote_at=now) == "may_not_text"
    held = SafeContact(held_by_employer=Known.YES, may_text=Known.YES)
    assert text_refused_because(held, now, wrote_at=now) == "held_by_employer"


def test_an_answer_that_comes_late_keeps_to_the_hours() -> None:
    now = at(8, 3)
    wrote_at = now - IN_HAND - timedelta(seconds=1)
    assert text_refused_because(NOTHING_KNOWN, now, wrote_at=wrote_at) == "outside_hours"
    assert next_time_to_text(NOTHING_KNOWN, now, wrote_at=wrote_at) == at(8, 7)


def test_a_text_of_our_own_accord_needs_a_yes_and_the_hour() -> None:
    assert text_refused_because(NOTHING_KNOWN, at(8, 12)) == "not_known_safe"
    assert next_time_to_text(NOTHING_KNOWN, at(8, 12)) is None
    assert text_refused_because(YES_TO_TEXTS, at(8, 12)) is None
    assert text_refused_because(YES_TO_TEXTS, at(8, 3)) == "outside_hours"
    assert next_time_to_text(YES_TO_TEXTS, at(8, 3)) == at(8, 7)


def test_a_text_may_arrive_no_later_than_the_agreed_hours_end() -> None:
    nights = replace(YES_TO_TEXTS, hours=(NIGHT,))
    assert text_safe_until(nights, at(8, 23)) == at(9, 6)
    assert text_safe_until(NOTHING_KNOWN, at(8, 12), wrote_at=at(8, 12)) is None
    # Outside the hours an answer is good while its person holds the phone.
    noon = at(8, 12)
    assert text_safe_until(nights, noon, wrote_at=noon) == noon + IN_HAND + timedelta(seconds=1)
    always = replace(YES_TO_TEXTS, hours=(SafeWindow(time(7), time(7)),))
    assert text_safe_until(always, noon) is None


def test_a_yes_runs_out_and_a_no_does_not() -> None:
    until = at(8, 12)
    assert text_refused_because(replace(YES_TO_TEXTS, valid_until=until), until) == "not_known_safe"
    no = SafeContact(may_text=Known.NO, may_call=Known.NO, hours=(NIGHT,), valid_until=until)
    assert text_refused_because(no, until, wrote_at=until) == "may_not_text"
    assert call_refused_because(replace(no, may_call=Known.YES), until, urgent=True) == "outside_hours"


def test_the_code_word_is_known_for_an_hour() -> None:
    agreed = SafeContact(code_word="ស្វាយទុំ")
    assert not awaits_code_word(NOTHING_KNOWN, MONDAY_TEN)
    assert awaits_code_word(agreed, MONDAY_TEN)
    heard = replace(agreed, code_word_heard_at=MONDAY_TEN)
    assert not awaits_code_word(heard, MONDAY_TEN + CODE_WORD_HOLDS)
    assert awaits_code_word(heard, MONDAY_TEN + CODE_WORD_HOLDS + timedelta(seconds=1))


def test_a_workers_own_phone_is_written_to_at_any_hour_but_only_as_a_workers() -> None:
    rule = PhoneRule(safety=SafeContact(held_by_employer=Known.YES))
    alert = Reach(Purpose.STAFF_ALERT, to_worker=True)
    assert phone_refuses(rule, alert, at(8, 3)) is None
    assert phone_refuses(rule, replace(alert, to_worker=False), at(8, 3)) == "held_by_employer"
    assert phone_refuses(rule, Reach(Purpose.ANSWER, to_worker=True), at(8, 3)) == "held_by_employer"
    assert phone_refuses(PhoneRule(opted_out_at=MONDAY_TEN), alert, at(8, 12)) == "opted_out"


# Several who tell ---------------------------------------------------------------------------------------


KNOWN = st.sampled_from(list(Known))
WINDOWS = st.builds(
    SafeWindow,
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.frozensets(st.integers(0, 6), max_size=3),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive
SAFETIES = st.builds(
    SafeContact, may_text=KNOWN, may_call=KNOWN, may_leave_voicemail=KNOWN, shared=KNOWN,
    held_by_employer=KNOWN, hours=st.lists(WINDOWS, max_size=3).map(tuple), zone=st.sampled_from(ZONES),
    valid_until=st.none() | MOMENTS,
)  # fmt: skip


@given(SAFETIES, SAFETIES, MOMENTS)
def test_what_one_case_forbids_no_other_permits(one: SafeContact, other: SafeContact, now: datetime) -> None:
    both = strictest([one, other])
    for single in (one, other):
        for field in ("may_text", "may_call", "may_leave_voicemail"):
            if getattr(single, field) is Known.NO:
                assert getattr(both, field) is Known.NO
        agreed = single.hours and text_refused_because(single, now, wrote_at=now - IN_HAND * 2)
        if agreed == "outside_hours" or single.held_by_employer is Known.YES:
            assert text_refused_because(both, now, wrote_at=now - IN_HAND * 2) is not None


@given(SAFETIES, MOMENTS, st.booleans())
def test_the_next_time_is_one_at_which_it_may_be_done_and_none_before_is(
    safety: SafeContact,
    now: datetime,
    urgent: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    moment = next_time_to_call(safety, now, urgent=urgent)
    if moment is None:
        hours = (now + timedelta(minutes=97 * step) for step in range(110))
        assert all(call_refused_because(safety, hour, urgent=urgent) for hour in hours)
        return
    assert call_refused_because(safety, moment, urgent=urgent) is None
    assert moment >= now
    if moment > now:
        steps = int((moment - now) / timedelta(minutes=61))
        assert all(
            call_refused_because(safety, now + timedelta(minutes=61 * n), urgent=urgent) for n in range(steps)
        )


def test_a_caseworkers_word_goes_before_the_persons_but_for_a_later_no() -> None:
    worker = SafeContact(may_call=Known.YES, hours=(NIGHT,))
    person = SafeContact(may_call=Known.NO, may_text=Known.YES, hours=(SafeWindow(time(8), time(9)),))
    earlier = overlaid(worker, person, said_later=False)
    assert (earlier.may_call, earlier.may_text, earlier.hours) == (Known.YES, Known.YES, (NIGHT,))
    assert overlaid(worker, person, said_later=True).may_call is Known.NO
    forbidden = overlaid(replace(worker, may_call=Known.NO), SafeContact(may_call=Known.YES), said_later=True)
    assert forbidden.may_call is Known.NO


def test_whoever_said_one_of_two_code_words_is_known() -> None:
    heard = SafeContact(code_word="ស្វាយទុំ", code_word_heard_at=MONDAY_TEN)
    both = strictest([SafeContact(code_word="ផ្កាឈូក"), heard])
    assert not awaits_code_word(both, MONDAY_TEN)


# Ten thousand sends -------------------------------------------------------------------------------------


def _minutes(windows: tuple[SafeWindow, ...]) -> set[int]:
    """The minutes of the week that the windows cover, counted one by one."""
    covered: set[int] = set()
    for window in windows:
        begins = window.begins.hour * 60 + window.begins.minute
        ends = window.ends.hour * 60 + window.ends.minute
        length = (ends - begins) % 1440 or 1440
        for day in window.days or range(7):
            covered |= {(day * 1440 + begins + minute) % 10_080 for minute in range(length)}
    return covered


def _is_open(safety: SafeContact, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(safety.zone or "Asia/Phnom_Penh"))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    return minute in _minutes(safety.hours or (SafeWindow(time(7), time(21)),))


def _outside_the_rule(rule: PhoneRule, reach: Reach, now: datetime) -> bool:
    """Whether it would be wrong to send this now, thought through anew and without the gate's code."""
    safety = rule.safety
    if rule.opted_out_at and reach.purpose is not Purpose.OPT_OUT:
        return True
    if reach.to_worker and reach.purpose in STAFF:
        return False
    if safety.held_by_employer is Known.YES or safety.may_text is Known.NO:
        return True
    lapsed = safety.valid_until is not None and now >= safety.valid_until
    allowed = safety.may_text is Known.YES and not lapsed
    fresh = reach.wrote_at is not None and timedelta(0) <= now - reach.wrote_at <= timedelta(minutes=10)
    if not allowed and reach.wrote_at is None:
        return True
    heard = safety.code_word_heard_at
    unknown = safety.code_word and not (heard and timedelta(0) <= now - heard <= timedelta(hours=1))
    if unknown and reach.purpose not in {Purpose.DECOY, Purpose.OPT_OUT}:
        return True
    return not (fresh or _is_open(safety, now))


def _random_rule(dice: random.Random, now: datetime) -> PhoneRule:
    def clock() -> time:
        return time(dice.randrange(24), dice.choice((0, 15, 30, 59)))

    near = [now + timedelta(minutes=dice.randint(-120, 120)) for _ in range(3)]
    days = frozenset(dice.sample(range(7), dice.choice((0, 0, 1, 3))))
    safety = SafeContact(
        may_text=dice.choice((Known.YES, Known.YES, Known.NOT_KNOWN, Known.NO)),
        hours=tuple(SafeWindow(clock(), clock(), days) for _ in range(dice.randrange(3))),
        zone=dice.choice(ZONES), valid_until=dice.choice((None, near[0])),
        held_by_employer=dice.choice((Known.NO, Known.NOT_KNOWN, Known.NOT_KNOWN, Known.YES)),
        code_word=dice.choice((None, None, "ស្វាយទុំ")), code_word_heard_at=dice.choice((None, near[1])),
    )  # fmt: skip
    return PhoneRule(opted_out_at=dice.choice((None, None, None, near[2])), safety=safety)


def test_ten_thousand_random_sends_find_none_outside_the_rule() -> None:
    dice = random.Random(20260608)
    went = later = 0
    for _ in range(FUZZED):
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(525_600))
        rule = _random_rule(dice, now)
        wrote_at = dice.choice((None, now - timedelta(seconds=dice.randrange(3_600))))
        reach = Reach(dice.choice(list(Purpose)), dice.random() < 0.3, wrote_at)
        asked = Asked(Phone("+66812345678"), reach, automatic=dice.random() < 0.5, automatic_last_hour=0)
        because = held_because(asked, rule, now)
        assert (because is not None) == _outside_the_rule(rule, reach, now), (rule, reach, now)
        went += because is None
        if because == "outside_hours":
            due_at = next_time_to_text(rule.safety, now, wrote_at=wrote_at)
            later += due_at is not None
            assert due_at is None or phone_refuses(rule, reach, due_at) in {None, "code_word_awaited"}
    # The dice must have thrown enough of each, or this shows nothing.
    assert went > FUZZED / 10
    assert later > FUZZED / 50
