"""Periods, percentiles, targets, rates and what may be told: the rules of statistics by themselves."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.circumstances.rules import Rate, Surroundings
from app.escalation.rules.calendar import Calendar, Span
from app.statistics.rules.dimensions import AGE_BANDS
from app.statistics.rules.dollars import Lot, changes, digits_of, in_cents
from app.statistics.rules.percentiles import nearest_rank, rounded
from app.statistics.rules.periods import (
    BadPeriod,
    Period,
    WholeMonthsOnly,
    read_period,
    settled,
    this_year,
)
from app.statistics.rules.publishing import TooEarly
from app.statistics.rules.targets import pieces_of_day

PHNOM_PENH, BERLIN = ZoneInfo("Asia/Phnom_Penh"), ZoneInfo("Europe/Berlin")
TICK = timedelta(microseconds=1)
OFFICES = [
    Calendar(zone, time(8), closes, frozenset(days), "KH")
    for zone in (PHNOM_PENH, BERLIN)
    for closes, days in ((time(17), range(5)), (time(0), range(6)))
]


@pytest.mark.parametrize(
    ("written", "period"),
    [
        (("2026-03", "2026-03"), Period(date(2026, 3, 1), date(2026, 4, 1))),
        (("2025-12", "2026-02"), Period(date(2025, 12, 1), date(2026, 3, 1))),
        (("2026-02-28", "2026-02-28"), Period(date(2026, 2, 28), date(2026, 3, 1))),
        (("2024-02", "2024-02-29"), Period(date(2024, 2, 1), date(2024, 3, 1))),
    ],
)
def test_both_ends_of_a_period_count(written: tuple[str, str], period: Period) -> None:
    assert read_period(*written) == period


@pytest.mark.parametrize(
    "written",
    [
        ("2026-03", "2026-02"), ("2026-13", "2026-13"), ("", "2026-01"), ("2026-02-30", "2026-03"),
        ("1999-12", "2000-01"), ("2000-01", "2020-02"), ("9999-12-31", "9999-12-31"), ("២០២៦-០១", "2026-02"),
        ("2026-1", "2026-2"), ("2026-01 ", "2026-02"),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(written: tuple[str, str]) -> None:
    with pytest.raises(BadPeriod):
        read_period(*written)


def test_a_day_begins_by_the_offices_clock() -> None:
    since, until = Period(date(2026, 1, 1), date(2026, 2, 1)).moments(PHNOM_PENH)
    assert (since, until) == (datetime(2025, 12, 31, 17, tzinfo=UTC), datetime(2026, 1, 31, 17, tzinfo=UTC))


def test_without_a_period_it_is_the_twelve_months_with_this_one() -> None:
    last_hours_of_june = datetime(2026, 6, 30, 16, 59, tzinfo=UTC)
    assert this_year(last_hours_of_june, PHNOM_PENH) == Period(date(2025, 7, 1), date(2026, 7, 1))
    now = last_hours_of_june + timedelta(minutes=1)
    assert this_year(now, PHNOM_PENH) == Period(date(2025, 8, 1), date(2026, 8, 1))


def test_months_that_are_not_over_long_enough_are_left_out_of_what_is_published() -> None:
    half_year, after = Period(date(2026, 1, 1), date(2026, 7, 1)), timedelta(days=7)
    ends = datetime(2026, 5, 31, 17, tzinfo=UTC)
    for now, until in ((ends + after, date(2026, 6, 1)), (ends + after - TICK, date(2026, 5, 1))):
        assert settled(half_year, zone=PHNOM_PENH, after=after, now=now) == Period(half_year.since, until)
    assert settled(half_year, zone=PHNOM_PENH, after=None, now=ends).until == date(2026, 7, 1)
    with pytest.raises(TooEarly):
        settled(half_year, zone=PHNOM_PENH, after=after, now=datetime(2026, 2, 2, tzinfo=UTC))


def test_days_are_not_published() -> None:
    with pytest.raises(WholeMonthsOnly):
        settled(read_period("2026-01-01", "2026-01-30"), zone=PHNOM_PENH, after=None, now=datetime.now(UTC))


@given(st.lists(st.integers(0, 10**6), max_size=60), st.sampled_from([1, 50, 90, 95, 100]))
def test_a_percentile_is_the_smallest_value_that_so_many_percent_do_not_exceed(
    values: list[int], percent: int
) -> None:
    ordered = sorted(values)
    found = nearest_rank(ordered, percent)
    enough = [v for v in ordered if sum(other <= v for other in ordered) * 100 >= percent * len(ordered)]
    assert found == (enough[0] if enough else None)


@given(st.integers(0, 10**8))
def test_a_rounded_time_is_never_shorter_and_hardly_longer(seconds: int) -> None:
    found = rounded(seconds)
    assert found is not None
    assert seconds <= found
    assert found - seconds < (300 if seconds < 3_600 else 3_600 if seconds < 86_400 else 86_400)


@settings(max_examples=60)
@given(
    st.sampled_from(OFFICES),
    st.builds(Span, st.integers(1, 40), st.sampled_from(["m", "h", "bd", "d"])),
    st.dates(date(2025, 1, 1), date(2027, 12, 1)),
    st.lists(st.integers(0, 26 * 3_600 * 10**6), min_size=1, max_size=20),
)
def test_the_pieces_of_a_day_say_what_the_calendar_says(
    office: Calendar, span: Span, day: date, moments: list[int]
) -> None:
    pieces = pieces_of_day(office, span, day)
    assert pieces[0].begins == datetime.combine(day, time(0), office.timezone)
    assert pieces[-1].ends == datetime.combine(day + timedelta(days=1), time(0), office.timezone)
    tried = {piece.begins + timedelta(microseconds=moment) for piece in pieces for moment in moments}
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        assert following is None or piece.ends == following.begins
        inside = {at for at in tried if piece.begins <= at < piece.ends}
        for at in {piece.begins, piece.ends - TICK, *inside}:
            by = piece.by or at + timedelta(seconds=piece.seconds or 0)
            assert by == office.add(at, span)


def test_age_bands_follow_one_another_and_cut_where_childhood_ends() -> None:
    assert [band.first for band in AGE_BANDS] == [0, *((band.last or 0) + 1 for band in AGE_BANDS[:-1])]
    assert 18 in {band.first for band in AGE_BANDS}
    assert AGE_BANDS[-1].last is None


RATES = st.tuples(st.dates(date(2024, 1, 1), date(2026, 1, 1)), st.decimals("0.0001", "9", places=4))
PAID = st.tuples(
    st.sampled_from(["THB", "KRW", "BHD", "USD", "XXX"]),
    st.dates(date(2023, 1, 1), date(2027, 1, 1)),
    st.integers(0, 10**15),
)


@given(
    st.dictionaries(
        st.sampled_from(["THB", "KRW", "BHD"]),
        st.lists(RATES, max_size=4, unique_by=lambda rate: rate[0]),
    ),
    st.lists(PAID, max_size=20),
)
def test_dollars_are_exact_at_the_rate_of_the_day_whatever_the_order(
    rates: dict[str, list[tuple[date, Decimal]]], paid: list[tuple[str, date, int]]
) -> None:
    around = Surroundings(
        rates={name: tuple(Rate(*one) for one in sorted(listed)) for name, listed in rates.items()}
    )
    days = changes(around)
    lots = [Lot(name, sum(change <= day for change in days), minor) for name, day, minor in paid]
    cents, left = in_cents(lots, around)
    known = [(around.usd_for_unit(name, day), name, minor) for name, day, minor in paid]
    exact = sum(rate * minor * 100 / 10 ** digits_of(name) for rate, name, minor in known if rate is not None)
    assert cents == round(exact)
    assert left == {
        name: sum(minor for rate, other, minor in known if rate is None and other == name)
        for name in {name for rate, name, _ in known if rate is None}
    }
