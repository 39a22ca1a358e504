"""Spans of time as an NGO writes them, and the business clock that they are counted on."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal, cast
from zoneinfo import ZoneInfo

import holidays as public_holidays

TimeUnit = Literal["s", "m", "h", "d", "bd"]

_SECONDS: Final[dict[TimeUnit, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "bd": 86400}
_WRITTEN: Final = re.compile(r"([0-9]{1,9})(s|m|h|bd|d)")
_LONGEST: Final = timedelta(days=3650)
_ONE_DAY: Final = timedelta(days=1)
# Longer than any run of holidays: what is still closed then, never opens.
_LONGEST_CLOSURE_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: seconds, minutes, hours, days or business days (`bd`)."""

    amount: int
    unit: TimeUnit

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    def times(self, count: int) -> "Span":
        """The same span `count` times over."""
        return Span(self.amount * count, self.unit)

    @property
    def on_every_clock(self) -> timedelta:
        """Its length on a clock that never stops, where a business day is 24 hours."""
        return timedelta(seconds=self.amount * _SECONDS[self.unit])


def parse_span(text: str) -> Span:
    """The span that `15m`, `3h` or `1bd` stands for; nothing (`0m`) is a span too.

    Raises: ValueError, with a sentence for the person who wrote it.
    """
    found = _WRITTEN.fullmatch(text.strip()) if text.isascii() else None
    if found is None:
        raise ValueError(
            f"“{text}” is not a length of time: write a whole number and s, m, h, d or bd, such as 15m"
        )
    span = Span(int(found[1]), cast("TimeUnit", found[2]))
    if span.on_every_clock > _LONGEST:
        raise ValueError(f"“{text}” is longer than ten years")
    return span


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an office is open. Times of day are local; `days` counts Monday as 0.

    An opening lasts from `opens` to `closes`, and `closes` at 00:00 means midnight at the end of
    that day. `holidays` is an ISO 3166 country whose public holidays are kept, or None;
    `extra_days` are closed as well, and `working_days` are worked although the country rests.
    """

    timezone: ZoneInfo
    opens: time
    closes: time
    days: frozenset[int]
    holidays: str | None = None
    extra_days: frozenset[date] = field(default_factory=frozenset)
    working_days: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse a calendar that could never open. Raises: ValueError."""
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError("a calendar needs at least one day of the week, Monday (0) to Sunday (6)")
        if self.closes != time(0) and self.opens >= self.closes:
            raise ValueError("a calendar must open before it closes on the same day")

    @property
    def day_length(self) -> timedelta:
        """How long the office is open on an ordinary working day."""
        return (_since_midnight(self.closes) or _ONE_DAY) - _since_midnight(self.opens)

    def usual_open_time(self, span: Span) -> timedelta:
        """How much opening time the span holds in an ordinary week, to compare spans of any unit."""
        if span.unit == "bd":
            return self.day_length * span.amount
        if span.unit == "d":
            return self.day_length * span.amount * len(self.days) / 7
        return span.on_every_clock

    def is_open(self, moment: datetime) -> bool:
        """Whether the office is open at this aware time; not so at closing time itself."""
        day = moment.astimezone(self.timezone).date()
        if not self._is_working_day(day):
            return False
        opens, closes = self._opening(day)
        return opens <= moment < closes

    def next_open(self, moment: datetime) -> datetime:
        """This moment if the office is open, else the start of the next opening, in aware UTC.

        Raises: ValueError where there is no opening within 400 days.
        """
        moment = _utc(moment)
        day = moment.astimezone(self.timezone).date()
        for ahead in range(_LONGEST_CLOSURE_DAYS):
            candidate = day + timedelta(days=ahead)
            if self._is_working_day(candidate):
                opens, closes = self._opening(candidate)
                if moment < closes:
                    return max(moment, opens)
        raise ValueError(
            f"the calendar has no opening in the {_LONGEST_CLOSURE_DAYS} days after {day.isoformat()}"
        )

    def add(self, start: datetime, span: Span) -> datetime:
        """When the span that began at `start` is over, on the business clock, in aware UTC.

        `s`, `m` and `h` count opening time only, and `bd` is the same local time that many
        working days later; both count from the next opening where `start` is outside one. `d` is
        the same local time that many days later, or the next opening where that is closed. The
        closing moment itself still belongs to the opening: three hours from 14:00 end at 17:00.
        Raises: ValueError for a naive `start`, or where the calendar no longer opens.
        """
        if span.unit == "d":
            local = _utc(start).astimezone(self.timezone)
            return self._settled(self._at(local.date() + timedelta(days=span.amount), local.time()))
        if span.unit == "bd":
            return self._add_working_days(start, span.amount)
        return self.add_open_time(start, span.on_every_clock)

    def add_open_time(self, start: datetime, length: timedelta) -> datetime:
        """The moment at which the office has been open for `length` since `start`, in aware UTC.

        Raises: ValueError, as `add` does.
        """
        moment, left = self._settled(start), length
        while True:
            _, closes = self._opening(moment.astimezone(self.timezone).date())
            if left <= closes - moment:
                return moment + left
            left -= closes - moment
            moment = self.next_open(closes)

    def open_time_between(self, start: datetime, end: datetime) -> timedelta:
        """For how long the office is open between two aware times; nothing where `end` is first."""
        total, moment, end = timedelta(), self.next_open(start), _utc(end)
        while moment < end:
            _, closes = self._opening(moment.astimezone(self.timezone).date())
            total += min(closes, end) - moment
            moment = self.next_open(closes)
        return total

    def _settled(self, moment: datetime) -> datetime:
        moment = _utc(moment)
        day = moment.astimezone(self.timezone).date()
        closing = self._is_working_day(day) and moment == self._opening(day)[1]
        return moment if closing else self.next_open(moment)

    def _add_working_days(self, start: datetime, count: int) -> datetime:
        local = self._settled(start).astimezone(self.timezone)
        day = local.date()
        for _ in range(count):
            day = self._next_working_day(day)
        return self._at(day, local.time())

    def _next_working_day(self, day: date) -> date:
        for ahead in range(1, _LONGEST_CLOSURE_DAYS):
            if self._is_working_day(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        raise ValueError(
            f"the calendar has no working day in the {_LONGEST_CLOSURE_DAYS} days after {day.isoformat()}"
        )

    def _is_working_day(self, day: date) -> bool:
        if day.weekday() not in self.days or day in self.extra_days:
            return False
        if self.holidays is None or day in self.working_days:
            return True
        return day not in _holidays_of(self.holidays, day.year)

    def _opening(self, day: date) -> tuple[datetime, datetime]:
        closing_day = day + _ONE_DAY if self.closes == time(0) else day
        return self._at(day, self.opens), self._at(closing_day, self.closes)

    def _at(self, day: date, local: time) -> datetime:
        return datetime.combine(day, local.replace(fold=0), self.timezone).astimezone(UTC)


@lru_cache(maxsize=512)
def _holidays_of(country: str, year: int) -> frozenset[date]:
    # The library fills its calendars lazily and without a lock, so that a thread could read a year
    # that another is still filling. A whole year is therefore made at once and never changed.
    return frozenset(public_holidays.country_holidays(country, years=year))


def _since_midnight(local: time) -> timedelta:
    return timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be placed on a calendar")
    return moment.astimezone(UTC)
