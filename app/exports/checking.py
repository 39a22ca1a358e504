"""Whether a wish can be answered: refused when it is asked for, not hours later when it is made."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from app.exports.codebook import values_of
from app.exports.rules.asking import Profile, Wanted, must_make_sense
from app.exports.rules.columns import COLUMNS, Column, must_know_filters
from app.exports.rules.narrowing import must_not_tell, question_of
from app.kernel.ids import case_code
from app.kernel.refusal import Refusal
from app.statistics.rules import publishing
from app.statistics.rules.publishing import AGE_BAND, AGE_BANDS, UNKNOWN
from app.usecases.unit_of_work import UnitOfWork

_COUNTRY: Final = re.compile(r"[A-Z]{2,3}")
_BY_NAME: Final[Mapping[str, Column]] = {
    column.name: column for columns in reversed(list(COLUMNS.values())) for column in columns
}


class FilterValueUnknown(Refusal):
    """A column never holds this value, so that nobody would be found, or all left out."""

    code = "export.filter_value_unknown"
    status = 422


def must_be_answerable(uow: UnitOfWork, wanted: Wanted, own: UUID | None, now: datetime) -> None:
    """`own` is the organisation of who asks. Raises: FormatUnfit, CellsUnfit, WindowEmpty,
    FilterUnknown, FilterValueUnknown, and of what names nobody WouldTell, WindowTooSmall and WouldReveal.
    """
    must_make_sense(wanted)
    must_know_filters(wanted.profile, wanted.filters)
    zone = uow.rulebook.ladders.calendar.timezone
    if wanted.profile in {Profile.ANONYMISED, Profile.AGGREGATE}:
        must_not_tell(wanted)
        publishing.must_be_answerable(question_of(wanted, own, zone, now))
    elif wanted.profile is Profile.REPORT:
        must_not_tell(wanted)
    for name, values in wanted.filters.items():
        if not all(_is_known(uow, name, value, own) for value in values):
            raise FilterValueUnknown(column=name)


def _is_known(uow: UnitOfWork, name: str, value: str, own: UUID | None) -> bool:
    """Whether the column may hold it; an empty value asks for those in which nothing stands.

    What is asked is kept as it was asked, in the open: so whatever is no code of ours is refused.
    """
    if not value:
        return True
    codes = _BY_NAME[name].codes
    if codes is not None:
        return any(code == value for code, _, _ in values_of(uow.rulebook, codes))
    return _FITS[name](uow, value, own)


def _is_organisation(uow: UnitOfWork, value: str, _own: UUID | None) -> bool:
    return any(code == value for code, _ in uow.identity.organisation_names().values())


def _is_colleague(uow: UnitOfWork, value: str, own: UUID | None) -> bool:
    found = uow.identity.worker_named(value)
    return found is not None and own in {None, found[0].organisation_id}


def _is_country(_uow: UnitOfWork, value: str, _own: UUID | None) -> bool:
    return value == UNKNOWN or _COUNTRY.fullmatch(value) is not None


def _is_age_band(_uow: UnitOfWork, value: str, _own: UUID | None) -> bool:
    return value == UNKNOWN or value in {code for code, _ in AGE_BANDS}


def _is_case_code(_uow: UnitOfWork, value: str, _own: UUID | None) -> bool:
    return case_code(value) == value


# What may stand in columns that have no list of codes.
_FITS: Final[Mapping[str, Callable[[UnitOfWork, str, UUID | None], bool]]] = {
    "code": _is_case_code, "owner": _is_colleague, "organisation": _is_organisation, AGE_BAND: _is_age_band,
    "destination": _is_country, "destination_country": _is_country, "citizenship": _is_country,
    "CountryOfExploitation": _is_country,
}  # fmt: skip
