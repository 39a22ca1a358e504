"""The one place that says in SQL what each dimension is, and how cases and their people are counted by it."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    exists,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)

from app.cases.rules.stages import Status
from app.cases.store.sight import seen_by
from app.cases.tables import case_categories, cases
from app.circumstances.rules import PartyKind
from app.circumstances.tables import case_parties, circumstances, parties
from app.statistics.rules.dimensions import GRAIN, Dimension, Grain
from app.statistics.rules.scope import Scope
from app.statistics.store.sql import local_month, local_year

_PARTIES: Final = {Dimension.RECRUITER: PartyKind.RECRUITER, Dimension.EMPLOYER: PartyKind.EMPLOYER}


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """The condition under which a case counts: by its time, by eyes and organisation, and by the filters.

    Filters on people are left to `counted`.
    """
    moment = cases.c[scope.clock]
    conditions = [moment >= scope.since, moment < scope.until, visible(scope)]
    for dimension, wanted in scope.filters.items():
        if GRAIN[dimension] is not Grain.PERSON:
            conditions.append(_filtered(dimension, wanted, scope))
    return and_(*conditions)


def visible(scope: Scope) -> ColumnElement[bool]:
    """The condition under which these eyes may count a case at all, whenever it was opened.

    A case that was merged into another counts there.
    """
    seen = and_(cases.c.status != Status.MERGED, seen_by(scope.sight))
    return and_(seen, cases.c.organisation_id == scope.organisation_id) if scope.organisation_id else seen


def value_of(dimension: Dimension, zone: ZoneInfo) -> ColumnElement[Any]:
    """The value of a case by a dimension of which it has one, read from `case_file` and what is beside it."""
    return _ONE[dimension] if dimension in _ONE else _month_or_year(dimension, zone)


def companies(dimension: Dimension) -> Any:  # noqa: ANN401 - a subquery
    """The companies of each case (`case_id`) that are what the dimension says, as `value`."""
    return (
        select(case_parties.c.case_id, case_parties.c.party_id.label("value"))
        .join(parties, parties.c.id == case_parties.c.party_id)
        .where(parties.c.kind == _PARTIES[dimension])
        .subquery()
    )


def _several(dimension: Dimension, indicators: Mapping[str, tuple[str, ...]]) -> Any:  # noqa: ANN401 - a subquery
    """Every value of each case by a dimension of which it has several, once."""
    if dimension is Dimension.CATEGORY:
        asked = select(case_categories.c.case_id, case_categories.c.category.label("value"))
    elif dimension is Dimension.INDICATOR:
        return _signs(indicators)
    else:
        return companies(dimension)
    return asked.subquery()


def _signs(indicators: Mapping[str, tuple[str, ...]]) -> Any:  # noqa: ANN401 - a subquery
    """Every sign that the categories of each case have, once; by sign, so that each finds its categories."""
    by_sign: dict[str, list[str]] = {}
    for category, signs in indicators.items():
        for sign in signs:
            by_sign.setdefault(sign, []).append(category)
    rows = [
        select(case_categories.c.case_id, literal(sign, String).label("value"))
        .where(case_categories.c.category.in_(categories))
        .distinct()
        for sign, categories in (by_sign or {"": []}).items()
    ]
    return union_all(*rows).subquery()


def _filtered(dimension: Dimension, wanted: tuple[str | None, ...], scope: Scope) -> ColumnElement[bool]:
    if GRAIN[dimension] is Grain.CASE:
        if dimension in BESIDE:
            return _beside(dimension, wanted)
        return _one_of(value_of(dimension, scope.zone), _typed(dimension, wanted))
    several = _several(dimension, scope.indicators)
    named = [one for one in _typed(dimension, wanted) if one is not None]
    has = exists().where(several.c.case_id == cases.c.id, several.c.value.in_(named))
    none = ~exists().where(several.c.case_id == cases.c.id)
    return or_(has, none) if None in wanted else has


def _beside(dimension: Dimension, wanted: tuple[str | None, ...]) -> ColumnElement[bool]:
    # Whoever counts may read from the same table: under another name the two stay apart.
    around = circumstances.alias()
    value, of_case = around.c[BESIDE[dimension]], around.c.case_id == cases.c.id
    has = exists().where(of_case, value.in_([one for one in wanted if one is not None]))
    return or_(has, ~exists().where(of_case, value.is_not(None))) if None in wanted else has


def _typed(dimension: Dimension, wanted: tuple[str | None, ...]) -> tuple[Any, ...]:
    """The values as the database keeps them: organisations and companies by id."""
    if dimension in _BY_ID:
        return tuple(UUID(one) if one else None for one in wanted)
    return wanted


def _one_of(value: ColumnElement[Any], wanted: tuple[Any, ...]) -> ColumnElement[bool]:
    named = value.in_([one for one in wanted if one is not None])
    return or_(named, value.is_(None)) if None in wanted else named


def _month_or_year(dimension: Dimension, zone: ZoneInfo) -> ColumnElement[Any]:
    return (local_month if dimension is Dimension.MONTH else local_year)(cases.c.opened_at, zone)


_BY_ID: Final = frozenset({Dimension.ORGANISATION, *_PARTIES})
BESIDE: Final = {Dimension.SECTOR: "sector", Dimension.PROVINCE: "origin_province"}
_ONE: Final[Mapping[Dimension, ColumnElement[Any]]] = {
    Dimension.DESTINATION: type_coerce(cases.c.destination_country, String),
    Dimension.SECTOR: type_coerce(circumstances.c.sector, String),
    Dimension.PROVINCE: type_coerce(circumstances.c.origin_province, String),
    Dimension.CHANNEL: type_coerce(cases.c.origin_channel, String),
    Dimension.ORGANISATION: cases.c.organisation_id,
    Dimension.URGENCY: type_coerce(cases.c.urgency, String),
    Dimension.STATUS: type_coerce(cases.c.status, String),
}
