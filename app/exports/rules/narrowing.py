"""What of the published figures and rows an export asks for: whole windows, by what is published of them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

from app.exports.rules.asking import DateField, Profile, Wanted
from app.exports.rules.columns import must_know_filters
from app.exports.rules.ctdc import GENDERS, country
from app.kernel.refusal import Refusal
from app.statistics.rules.groups import BETWEEN
from app.statistics.rules.publishing import Question, later

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


class WindowTooSmall(Refusal):
    """What is published is published of whole months, and one of the two times is within a day."""

    code = "export.window_too_small"
    status = 422


class WouldTell(Refusal):
    """Two such files, one taken from the other, would tell of one person what neither tells."""

    code = "export.would_tell"
    status = 422


def must_not_tell(wanted: Wanted) -> None:
    """Raises: FilterUnknown, WouldTell for what would single people out by comparing two files."""
    must_know_filters(wanted.profile, wanted.filters)
    if wanted.updated_since is not None or wanted.date_field is not DateField.OPENED_AT:
        raise WouldTell


def question_of(wanted: Wanted, organisation_id: UUID | None, zone: tzinfo, now: datetime) -> Question:
    """What is asked of the published tables and rows; without bounds all of them are.

    What ends later than now ends with this month. Whole months are the gate's to demand. By `filters` tables
    are asked for cells; rows are asked for all, to be taken by what they say (`is_wanted`).
    Raises: WindowTooSmall.
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
    of_cells = {} if wanted.profile is Profile.ANONYMISED else wanted.filters
    named = {_DIMENSION.get(name, name): values for name, values in of_cells.items()}
    return Question(since.date() if since else _LONG_AGO, ends, named, organisation_id)


def is_wanted(row: Mapping[str, Any], filters: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the row, as it is published, is one that was asked for."""
    return all(_has(row, name, values) for name, values in filters.items())


def _has(row: Mapping[str, Any], name: str, values: tuple[str, ...]) -> bool:
    published = _PUBLISHED.get(name, name)
    shown = row.get(published, "")
    if name == "destination_country":
        values = tuple(country(value) if value else "" for value in values)
    elif name == "sex":
        values = tuple(GENDERS.get(value, "") for value in values)
    if published == "category":
        return not set(shown.split(BETWEEN)).isdisjoint(values)
    return shown in values
