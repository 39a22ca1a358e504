"""Which of the published rows about people an export holds: whole months, by what the rows show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

from app.exports.rules.anonymising import Traits
from app.exports.rules.asking import DateField, Wanted
from app.exports.rules.columns import must_know_filters
from app.exports.rules.ctdc import BETWEEN, GENDERS, country
from app.kernel.refusal import Refusal
from app.statistics.rules.publishing import Question, later

_DECEMBER: Final = 12
_WAITED: Final = timedelta(hours=1)
_PUBLISHED: Final = {
    "categories": "category", "origin_channel": "channel", "destination_country": "CountryOfExploitation",
    "sex": "gender",
}  # fmt: skip
_DIMENSION: Final = {
    "destination_country": "destination", "categories": "category", "origin_province": "province",
    "origin_channel": "channel",
}  # fmt: skip
_LONG_AGO: Final = date(2000, 1, 1)  # before the first case of all
_TRAIT: Final = {
    "category": "categories", "category_group": "group", "ageBroad": "age", "CountryOfExploitation": "country"
}  # fmt: skip


class WindowTooSmall(Refusal):
    """There is no whole month between the two times."""

    code = "export.window_too_small"
    status = 422


class WouldTell(Refusal):
    """Two such files, one taken from the other, would tell of one person what neither tells."""

    code = "export.would_tell"
    status = 422


@dataclass(frozen=True, slots=True)
class Months:
    """Whole months such as `2026-03`: from `first`, before `end`; None where nothing bounds them."""

    first: str | None = None
    end: str | None = None

    def hold(self, period: str) -> bool:
        """Whether a month, quarter or year lies in them from its beginning to its end."""
        if self.first is None and self.end is None:
            return True
        if not period:
            return False
        begins, ends = _ends(period)
        return (self.first is None or begins >= self.first) and (self.end is None or ends < self.end)


def months_of(wanted: Wanted, zone: tzinfo, now: datetime) -> Months:
    """The whole months between `since` and `until`, by the calendar of the zone.

    What ends within the hour before now, or later, has no end: somebody meant until now, and waited.
    Raises: WindowTooSmall.
    """
    first = end = None
    if wanted.since is not None:
        local = wanted.since.astimezone(zone)
        begins = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        first = f"{local:%Y-%m}" if local == begins else _month_after(local)
    if wanted.until is not None and wanted.until < now - _WAITED:
        end = f"{wanted.until.astimezone(zone):%Y-%m}"
    this_month = f"{now.astimezone(zone):%Y-%m}"
    if (first is not None and first > this_month) or (first and end and first >= end):
        raise WindowTooSmall
    return Months(first, end)


def must_not_tell(wanted: Wanted) -> None:
    """Raises: FilterUnknown, WouldTell for what would single people out by comparing two files."""
    must_know_filters(wanted.profile, wanted.filters)
    if wanted.updated_since is not None or wanted.date_field is not DateField.OPENED_AT:
        raise WouldTell


def question_of(wanted: Wanted, organisation_id: UUID | None, zone: tzinfo, now: datetime) -> Question:
    """What an aggregate asks of the published tables; without bounds it asks for all of them.

    What ends later than now ends with this month. Whole months are the gate's to demand.
    """
    since = wanted.since.astimezone(zone) if wanted.since else None
    until = min(wanted.until, now).astimezone(zone) if wanted.until else now.astimezone(zone)
    ends = until.date()
    if wanted.until is None or wanted.until > now - _WAITED:
        ends = later(ends.replace(day=1), 1)
    elif until != until.replace(hour=0, minute=0, second=0, microsecond=0):
        raise WindowTooSmall
    if since and since != since.replace(hour=0, minute=0, second=0, microsecond=0):
        raise WindowTooSmall
    named = {_DIMENSION.get(name, name): values for name, values in wanted.filters.items()}
    return Question(since.date() if since else _LONG_AGO, ends, named, organisation_id)


def is_wanted(traits: Traits, filters: Mapping[str, tuple[str, ...]], months: Months) -> bool:
    """Whether the row, as it is published, is one that was asked for."""
    return months.hold(traits.period) and all(_has(traits, name, values) for name, values in filters.items())


def _has(traits: Traits, name: str, values: tuple[str, ...]) -> bool:
    published = _PUBLISHED.get(name, name)
    shown = getattr(traits, _TRAIT.get(published, published))
    if name == "destination_country":
        values = tuple(country(value) if value else "" for value in values)
    elif name == "sex":
        values = tuple(GENDERS.get(value, "") for value in values)
    if published == "category":
        return not set(shown.split(BETWEEN)).isdisjoint(values)
    return shown in values


def _month_after(local: datetime) -> str:
    if local.month == _DECEMBER:
        return f"{local.year + 1}-01"
    return f"{local.year}-{local.month + 1:02}"


def _ends(period: str) -> tuple[str, str]:
    year, _, part = period.partition("-")
    if not part:
        return f"{year}-01", f"{year}-12"
    if part.startswith("Q"):
        quarter = int(part[1:])
        return f"{year}-{quarter * 3 - 2:02}", f"{year}-{quarter * 3:02}"
    return period, period
