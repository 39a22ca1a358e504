"""Where the time of day comes from: edges and workers ask a Clock, everything below is told `now`."""

from datetime import UTC, date, datetime, time, tzinfo
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """The present moment as an aware UTC time."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment as an aware UTC time."""
        return datetime.now(UTC)


def day_begins(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day there, as an aware UTC time."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """An aware time as RFC 3339 in UTC with `Z`, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
