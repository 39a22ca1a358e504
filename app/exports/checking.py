"""Whether a wish can be answered: refused when it is asked for, not hours later when it is made."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from app.exports.codebook import values_of
from app.exports.rules.asking import Profile, Wanted, must_make_sense
from app.exports.rules.columns import COLUMNS, Column, must_know_filters
from app.exports.rules.narrowing import months_of, must_not_tell, question_of
from app.kernel.refusal import Refusal
from app.statistics.rules import publishing
from app.usecases.unit_of_work import UnitOfWork

_COUNTRY: Final = re.compile(r"[A-Z]{2,3}")
_COUNTRIES: Final = frozenset({"destination_country", "citizenship", "CountryOfExploitation"})
_BY_NAME: Final[Mapping[str, Column]] = {
    column.name: column for columns in reversed(list(COLUMNS.values())) for column in columns
}


class FilterValueUnknown(Refusal):
    """A column never holds this value, so that nobody would be found, or all left out."""

    code = "export.filter_value_unknown"
    status = 422


def must_be_answerable(uow: UnitOfWork, wanted: Wanted, own: UUID | None, now: datetime) -> None:
    """`own` is the organisation of who asks. Raises: FormatUnfit, WindowEmpty, FilterUnknown,
    FilterValueUnknown, and of what names nobody WouldTell, WindowTooSmall and WouldReveal.
    """
    must_make_sense(wanted)
    must_know_filters(wanted.profile, wanted.filters)
    zone = uow.rulebook.ladders.calendar.timezone
    if wanted.profile is Profile.ANONYMISED:
        must_not_tell(wanted)
        months_of(wanted, zone, now)
    elif wanted.profile is Profile.AGGREGATE:
        must_not_tell(wanted)
        publishing.must_be_answerable(question_of(wanted, own, zone, now))
    elif wanted.profile is Profile.REPORT:
        must_not_tell(wanted)
    for name, values in wanted.filters.items():
        if not all(_is_known(uow, name, value) for value in values):
            raise FilterValueUnknown(column=name)


def _is_known(uow: UnitOfWork, name: str, value: str) -> bool:
    """Whether the column may hold it; an empty value asks for those in which nothing stands."""
    column = _BY_NAME.get(name)
    if not value or column is None:
        return True
    if column.codes is not None:
        return any(code == value for code, _, _ in values_of(uow.rulebook, column.codes))
    if name == "organisation":
        return any(code == value for code, _ in uow.identity.organisation_names().values())
    return name not in _COUNTRIES or _COUNTRY.fullmatch(value) is not None
