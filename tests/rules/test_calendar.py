"""The business clock: what a length of time means to an office that closes at night."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.escalation.rules import Calendar, Span, TimeUnit, parse_span

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
WORKWEEK = frozenset(range(5))
OFFICE = Calendar(PHNOM_PENH, time(8), time(17), WORKWEEK, holidays="KH")
SYDNEY = Calendar(ZoneInfo("Australia/Sydney"), time(1), time(9, 30), frozenset(range(7)))
ROUND_THE_CLOCK = Calendar(ZoneInfo("Europe/Berlin"), time(0), time(0), frozenset(range(7)))
NIGHTLY = Calendar(PHNOM_PENH, time(13), time(0), frozenset({0, 2, 3}), holidays="KH")

moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone.
calendars = st.sampled_from([OFFICE, SYDNEY, ROUND_THE_CLOCK, NIGHTLY])
clock_units: st.SearchStrategy[TimeUnit] = st.sampled_from(["s", "m", "h"])
clock_spans = st.builds(Span, st.integers(1, 200), clock_units)
units: st.SearchStrategy[TimeUnit] = st.sampled_from(["s", "m", "h", "d", "bd"])
spans = st.builds(Span, st.integers(0, 60), units)


def local(text: str, calendar: Calendar = OFFICE) -> datetime:
    """A local time of the office, as aware UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=calendar.timezone).astimezone(UTC)


def is_in_hours(calendar: Calendar, moment: datetime) -> bool:
    """Whether the office is open, its closing moment included."""
    return calendar.is_open(moment) or calendar.is_open(moment - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("15m", Span(15, "m")),
        ("1bd", Span(1, "bd")),
        (" 7d ", Span(7, "d")),
        ("0s", Span(0, "s")),
        ("3h", Span(3, "h")),
    ],
)
def test_a_length_of_time_is_read_as_it_is_written(text: str, span: Span) -> None:
    assert parse_span(text) == span
    assert parse_span(str(span)) == span


@pytest.mark.parametrize("text", ["", "15", "m", "-5m", "1.5h", "15 m", "15min", "1BD", "៣h", "²h", "1h30m"])
def test_what_is_no_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a length of time: write a whole number .* such as 15m"):
        parse_span(text)


def test_a_length_beyond_ten_years_is_refused() -> None:
    assert parse_span("3650d") == Span(3650, "d")
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_span("3651d")


@pytest.mark.parametrize(
    ("start", "span", "due"),
    [
        # Monday 2 to Friday 6 November 2026 is a week without a holiday.
        ("2026-11-02T09:00", "3h", "2026-11-02T12:00"),
        ("2026-11-02T14:00", "3h", "2026-11-02T17:00"),
        ("2026-11-02T15:30", "3h", "2026-11-03T09:30"),
        ("2026-11-02T06:10", "90m", "2026-11-02T09:30"),
        ("2026-11-02T20:00", "3h", "2026-11-03T11:00"),
        ("2026-11-02T17:00", "1s", "2026-11-03T08:00:01"),
        ("2026-11-02T09:00", "20h", "2026-11-04T11:00"),
        ("2026-11-06T16:00", "2h", "2026-11-10T09:00"),  # Monday the 9th is Independence Day
        ("2026-11-02T10:15", "1bd", "2026-11-03T10:15"),
        ("2026-11-02T17:00", "1bd", "2026-11-03T17:00"),
        ("2026-11-02T18:00", "1bd", "2026-11-04T08:00"),
        ("2026-11-06T10:15", "1bd", "2026-11-10T10:15"),
        ("2026-11-07T10:15", "2bd", "2026-11-12T08:00"),
        ("2026-11-02T10:15", "7d", "2026-11-10T08:00"),
        ("2026-11-03T10:15", "7d", "2026-11-10T10:15"),
        ("2026-11-03T22:00", "1d", "2026-11-05T08:00"),
        ("2026-11-01T12:00", "0m", "2026-11-02T08:00"),
    ],
)
def test_time_runs_only_while_the_office_is_open(start: str, span: str, due: str) -> None:
    assert OFFICE.add(local(start), parse_span(span)) == local(due)


def test_khmer_new_year_stops_the_clock() -> None:
    # 14, 15 and 16 April 2026 are Tuesday to Thursday.
    assert OFFICE.add(local("2026-04-13T16:00"), Span(3, "h")) == local("2026-04-17T10:00")
    assert OFFICE.add(local("2026-04-13T16:00"), Span(1, "bd")) == local("2026-04-17T16:00")


def test_a_day_of_our_own_is_closed_and_a_worked_holiday_is_open() -> None:
    own = Calendar(
        PHNOM_PENH,
        time(8),
        time(17),
        WORKWEEK,
        holidays="KH",
        extra_days=frozenset({date(2026, 11, 3)}),
        working_days=frozenset({date(2026, 11, 9), date(2026, 11, 8)}),
    )
    assert own.add(local("2026-11-02T16:00"), Span(2, "h")) == local("2026-11-04T09:00")
    assert own.is_open(local("2026-11-09T09:00"))
    # The 8th is a Sunday: a worked holiday opens no weekend.
    assert not own.is_open(local("2026-11-08T09:00"))


def test_a_calendar_without_a_country_keeps_no_holidays() -> None:
    plain = Calendar(PHNOM_PENH, time(8), time(17), WORKWEEK)
    assert plain.add(local("2026-04-13T16:00"), Span(2, "h")) == local("2026-04-14T09:00")


def test_the_office_is_closed_at_closing_time_and_open_at_opening_time() -> None:
    assert OFFICE.is_open(local("2026-11-02T08:00"))
    assert not OFFICE.is_open(local("2026-11-02T17:00"))
    assert OFFICE.next_open(local("2026-11-02T17:00")) == local("2026-11-03T08:00")


def test_an_office_may_stay_open_until_midnight() -> None:
    assert NIGHTLY.add(local("2026-11-02T23:00"), Span(1, "h")) == local("2026-11-03T00:00")
    assert NIGHTLY.add(local("2026-11-02T23:00"), Span(2, "h")) == local("2026-11-04T14:00")
    assert NIGHTLY.day_length == timedelta(hours=11)


def test_a_business_day_keeps_its_local_time_when_summer_time_begins() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"), time(8), time(17), WORKWEEK)
    start = local("2027-03-26T16:00", berlin)
    assert berlin.add(start, Span(1, "bd")) == local("2027-03-29T16:00", berlin)
    assert berlin.add(start, Span(1, "bd")) - start == timedelta(hours=71)


def test_opening_time_is_real_time_when_summer_time_begins() -> None:
    # The hour from 02:00 to 03:00 does not exist on 28 March 2027.
    start = local("2027-03-28T00:30", ROUND_THE_CLOCK)
    assert ROUND_THE_CLOCK.add(start, Span(4, "h")) - start == timedelta(hours=4)
    assert ROUND_THE_CLOCK.open_time_between(start, start + timedelta(days=1)) == timedelta(days=1)


def test_an_office_that_never_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        Calendar(PHNOM_PENH, time(8), time(17), frozenset())
    with pytest.raises(ValueError, match="open before it closes"):
        Calendar(PHNOM_PENH, time(17), time(8), WORKWEEK)
    closed = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(900))
    with pytest.raises(ValueError, match="no opening in the 400 days after 2026-02-02"):
        Calendar(PHNOM_PENH, time(8), time(17), WORKWEEK, extra_days=closed).next_open(
            local("2026-02-02T09:00")
        )
    with pytest.raises(ValueError, match="no working day"):
        Calendar(PHNOM_PENH, time(8), time(17), WORKWEEK, extra_days=closed).add(
            local("2025-12-31T09:00"), Span(1, "bd")
        )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        OFFICE.add(datetime(2026, 11, 2, 9), Span(1, "h"))  # noqa: DTZ001 - this is the mistake.


@given(calendars, moments, spans)
@example(OFFICE, datetime(2026, 11, 2, 10, tzinfo=UTC), Span(1, "bd"))
def test_nothing_falls_due_while_the_office_is_closed(
    calendar: Calendar, start: datetime, span: Span
) -> None:
    due = calendar.add(start, span)
    assert is_in_hours(calendar, due)
    assert due >= start
    assert due.tzinfo is UTC


@given(calendars, moments, moments, spans)
def test_what_begins_later_is_never_due_earlier(
    calendar: Calendar, one: datetime, other: datetime, span: Span
) -> None:
    earlier, later = sorted([one, other])
    assert calendar.add(earlier, span) <= calendar.add(later, span)


@given(calendars, moments, st.timedeltas(timedelta(), timedelta(days=2)), spans)
def test_what_begins_a_little_later_is_never_due_earlier(
    calendar: Calendar, start: datetime, wait: timedelta, span: Span
) -> None:
    assert calendar.add(start, span) <= calendar.add(start + wait, span)


@given(calendars, moments, spans, st.integers(0, 60))
def test_what_takes_longer_is_never_due_earlier(
    calendar: Calendar, start: datetime, span: Span, more: int
) -> None:
    assert calendar.add(start, span) <= calendar.add(start, Span(span.amount + more, span.unit))


@given(calendars, moments, clock_spans, clock_spans)
def test_two_lengths_one_after_the_other_make_their_sum(
    calendar: Calendar, start: datetime, first: Span, second: Span
) -> None:
    total = first.on_every_clock + second.on_every_clock
    assert calendar.add(calendar.add(start, first), second) == calendar.add_open_time(start, total)


@given(st.sampled_from([OFFICE, NIGHTLY]), moments, st.integers(1, 20), st.integers(1, 20))
def test_business_days_add_up(calendar: Calendar, start: datetime, first: int, second: int) -> None:
    in_two_steps = calendar.add(calendar.add(start, Span(first, "bd")), Span(second, "bd"))
    assert in_two_steps == calendar.add(start, Span(first + second, "bd"))


@given(calendars, moments, clock_spans)
def test_the_opening_time_until_it_is_due_is_the_length_itself(
    calendar: Calendar, start: datetime, span: Span
) -> None:
    due = calendar.add(start, span)
    assert calendar.open_time_between(start, due) == span.on_every_clock
    assert calendar.open_time_between(due, start) == timedelta()


@given(calendars, moments, st.integers(1, 1500))
def test_minutes_are_those_that_a_person_at_the_door_would_count(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    watched, left = start.replace(second=0, microsecond=0), minutes
    due = calendar.add(watched, Span(minutes, "m"))
    while left:
        left -= calendar.is_open(watched)
        watched += timedelta(minutes=1)
    assert due == watched
