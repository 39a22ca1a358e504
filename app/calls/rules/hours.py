"""The hours at which a phone may be called unasked, on the clock of its number's country."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_BEGIN: Final = time(7)
_END: Final = time(21)
_HOME: Final = "Asia/Phnom_Penh"
_ZONES: Final = {
    "KH": _HOME, "TH": "Asia/Bangkok", "MY": "Asia/Kuala_Lumpur", "KR": "Asia/Seoul", "JP": "Asia/Tokyo",
}  # fmt: skip


def next_hours(country: str | None, now: datetime) -> datetime:
    """The first moment from now on at which it is between 7 and 21 o'clock there, in UTC."""
    local = now.astimezone(_zone(country))
    if _BEGIN <= local.time() < _END:
        return now
    return next_morning(country, now)


def next_morning(country: str | None, now: datetime) -> datetime:
    """The next 7 o'clock there, in UTC."""
    zone = _zone(country)
    local = now.astimezone(zone)
    later = local.date() + timedelta(days=0 if local.time() < _BEGIN else 1)
    return datetime.combine(later, _BEGIN, zone).astimezone(UTC)


def _zone(country: str | None) -> ZoneInfo:
    return ZoneInfo(_ZONES.get(country or "", _HOME))
