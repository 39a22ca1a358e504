"""The period that statistics are about: written as months or days, counted by the office's clock."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.kernel.clock import day_begins
from app.kernel.refusal import Refusal
from app.statistics.rules.publishing import TooEarly, is_due

_WRITTEN: Final = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999
_DECEMBER: Final = 12
LONGEST_YEARS: Final = 20


class BadPeriod(Refusal):
    """The period is none: it ends before it begins, or is longer than twenty years."""

    code = "statistics.bad_period"
    status = 422


class WholeMonthsOnly(Refusal):
    """What may be published is counted by whole months: a day could give one person away."""

    code = "statistics.whole_months_only"
    status = 422


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day that counts to the first that no longer does, by the office's clock."""

    since: date
    until: date

    def __post_init__(self) -> None:
        """Raises: BadPeriod."""
        plausible = all(_FIRST_YEAR <= day.year <= _LAST_YEAR for day in (self.since, self.until))
        longest = (self.since.year + LONGEST_YEARS, self.since.month, self.since.day)
        if not plausible or not self.since < self.until:
            raise BadPeriod
        if (self.until.year, self.until.month, self.until.day) > longest:
            raise BadPeriod

    @property
    def whole_months(self) -> bool:
        """Whether it begins and ends with a month."""
        return self.since.day == self.until.day == 1

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The first moment that counts and the first that no longer does, as aware UTC times."""
        return day_begins(self.since, zone), day_begins(self.until, zone)


def read_period(since: str, until: str) -> Period:
    """The period from a month (`2026-03`) or day (`2026-03-01`) to another, both of which count.

    Raises: BadPeriod, also for what is no month and no day.
    """
    return Period(_read(since)[0], _read(until)[1])


def this_year(now: datetime, zone: ZoneInfo) -> Period:
    """The twelve months up to and with the present one: what is shown where nobody asked for a period."""
    today = now.astimezone(zone).date()
    until = _next_month(today)
    return Period(until.replace(year=until.year - 1), until)


def settled(period: Period, *, zone: ZoneInfo, after: timedelta | None, now: datetime) -> Period:
    """The period without the months at its end that are not to be published yet.

    A month is, once it has been over for so long; with `after` None, as soon as it has begun.
    Raises: WholeMonthsOnly, TooEarly.
    """
    if not period.whole_months:
        raise WholeMonthsOnly
    until = period.until
    while until > period.since and not _is_due(until, zone, after=after, now=now):
        until = (until - timedelta(days=1)).replace(day=1)
    if until == period.since:
        raise TooEarly(until=period.until.isoformat())
    return Period(period.since, until)


def _is_due(until: date, zone: ZoneInfo, *, after: timedelta | None, now: datetime) -> bool:
    if after is None:
        return day_begins((until - timedelta(days=1)).replace(day=1), zone) <= now
    return is_due(ends_at=day_begins(until, zone), after=after, now=now)


def _read(written: str) -> tuple[date, date]:
    """The first day of what was written, and the first day after it."""
    found = _WRITTEN.fullmatch(written) if written.isascii() else None
    if not found:
        raise BadPeriod
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        first = date(year or 0, month or 0, day or 1)
        return first, first + timedelta(days=1) if day else _next_month(first)
    except (ValueError, OverflowError):
        raise BadPeriod from None


def _next_month(day: date) -> date:
    if day.month == _DECEMBER:
        return date(day.year + 1, 1, 1)
    return date(day.year, day.month + 1, 1)
