"""The one place that says in SQL what each dimension is, and how cases and their people are counted by it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)

from app.cases.rules.stages import Status
from app.cases.store.sight import seen_by
from app.cases.tables import case_categories, cases, members, persons
from app.circumstances.rules import PartyKind
from app.circumstances.tables import case_parties, circumstances, parties
from app.statistics.rules.dimensions import ADULT, ADULT_AT, AGE_BANDS, CHILD, GRAIN, Dimension, Grain
from app.statistics.rules.scope import Scope
from app.statistics.store.sql import age_in, local_month, local_year

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


def counted(dimensions: Sequence[Dimension], scope: Scope) -> Select[Any]:
    """Cases and people by these dimensions: a row of `cases` and `people` for each of their values.

    A value that nobody knows is NULL. A case, and everybody in it, counts once under each value that it
    has of a dimension with several. Of a dimension of people it counts the case under each value that
    somebody in it has, and the people each under their own; those who are counted but not written down
    are unknown. Filters on people leave out the people that do not meet them, and cases without others.
    """
    source, shown = _source(dimensions, scope)
    people = _people_in(dimensions, scope)
    number: ColumnElement[int] = cases.c.member_count
    narrowed = in_scope(scope)
    if people is not None:
        number = people.c.people
        source = source.join(people, people.c.case_id == cases.c.id)
        shown |= {one: people.c[one.value] for one in dimensions if GRAIN[one] is Grain.PERSON}
        for dimension, wanted in scope.filters.items():
            if GRAIN[dimension] is Grain.PERSON:
                narrowed = and_(narrowed, _one_of(people.c[dimension.value], wanted))
    columns = [shown[one].label(one.value) for one in dimensions]
    # What a value is computed from holds parameters, by which PostgreSQL would not know it again in GROUP BY.
    rows = select(cases.c.id.label("case_id"), *columns, number.label("number"))
    found = rows.select_from(source).where(narrowed).subquery()
    named = [found.c[one.value] for one in dimensions]
    # Filters on people ask for their dimension too, which splits a case's people into several rows.
    split = people is not None and any(one.value not in found.c for one in people_asked(dimensions, scope))
    number_of_cases = func.count(found.c.case_id.distinct()) if split else func.count()
    asked = select(
        *named, number_of_cases.label("cases"), func.coalesce(func.sum(found.c.number), 0).label("people")
    )
    return asked.group_by(*named)


def value_of(dimension: Dimension, zone: ZoneInfo) -> ColumnElement[Any]:
    """The value of a case by a dimension of which it has one, read from `case_file` and what is beside it."""
    return _ONE[dimension] if dimension in _ONE else _month_or_year(dimension, zone)


def people_of(dimensions: Collection[Dimension], scope: Scope) -> Select[Any]:
    """How many `people` each case (`case_id`) has by these dimensions of people, each under its own name."""
    known = [_of_member(one, scope.zone).label(one.value) for one in dimensions]
    unknown = [_of_nobody(one).label(one.value) for one in dimensions]
    written = (
        select(members.c.case_id, *known, literal(1).label("people"))
        .select_from(
            members.join(persons, persons.c.id == members.c.person_id).join(
                cases, cases.c.id == members.c.case_id
            )
        )
        .where(in_scope(scope))
    )
    number = select(members.c.case_id, func.count().label("number")).group_by(members.c.case_id).subquery()
    left = cases.c.member_count - func.coalesce(number.c.number, 0)
    not_written = (
        select(cases.c.id, *unknown, left.label("people"))
        .select_from(cases.outerjoin(number, number.c.case_id == cases.c.id))
        .where(in_scope(scope), left > 0)
    )
    both = union_all(written, not_written).subquery()
    columns = [both.c[one.value] for one in dimensions]
    return select(both.c.case_id, *columns, func.sum(both.c.people).label("people")).group_by(
        both.c.case_id, *columns
    )


def people_asked(dimensions: Sequence[Dimension], scope: Scope) -> list[Dimension]:
    """Those of the dimensions and filters that tell people apart, each once."""
    asked = [one for one in (*dimensions, *scope.filters) if GRAIN[one] is Grain.PERSON]
    return list(dict.fromkeys(asked))


def _people_in(dimensions: Sequence[Dimension], scope: Scope) -> Any:  # noqa: ANN401 - a subquery, or None
    asked = people_asked(dimensions, scope)
    return people_of(asked, scope).subquery() if asked else None


def _source(
    dimensions: Sequence[Dimension], scope: Scope
) -> tuple[FromClause, dict[Dimension, ColumnElement[Any]]]:
    """The cases with what their dimensions are read from, one row for each combination of values."""
    source: FromClause = cases.outerjoin(circumstances, circumstances.c.case_id == cases.c.id)
    shown: dict[Dimension, ColumnElement[Any]] = {}
    for dimension in dimensions:
        if GRAIN[dimension] is Grain.MANY:
            several = _several(dimension, scope.indicators)
            source = source.outerjoin(several, several.c.case_id == cases.c.id)
            shown[dimension] = several.c.value
        elif GRAIN[dimension] is Grain.CASE:
            shown[dimension] = value_of(dimension, scope.zone)
    return source, shown


def _several(dimension: Dimension, indicators: Mapping[str, tuple[str, ...]]) -> Any:  # noqa: ANN401 - a subquery
    """Every value of each case by a dimension of which it has several, once."""
    if dimension is Dimension.CATEGORY:
        asked = select(case_categories.c.case_id, case_categories.c.category.label("value"))
    elif dimension is Dimension.INDICATOR:
        return _signs(indicators)
    else:
        asked = (
            select(case_parties.c.case_id, case_parties.c.party_id.label("value"))
            .join(parties, parties.c.id == case_parties.c.party_id)
            .where(parties.c.kind == _PARTIES[dimension])
        )
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
        if dimension in _BESIDE:
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
    value, of_case = around.c[_BESIDE[dimension]], around.c.case_id == cases.c.id
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


def _of_member(dimension: Dimension, zone: ZoneInfo) -> ColumnElement[Any]:
    if dimension is Dimension.SEX:
        return func.nullif(persons.c.sex, "unknown", type_=String)
    if dimension is Dimension.OUTCOME:
        return func.coalesce(members.c.outcome, cases.c.outcome, type_=String)
    age = age_in(persons.c.birth_year, cases.c.opened_at, zone)
    # Whoever was born after the case was opened was written down wrongly.
    known = and_(persons.c.birth_year.is_not(None), age >= 0)
    if dimension is Dimension.AGE_GROUP:
        return case((and_(known, age < ADULT_AT), CHILD), (known, ADULT))
    return case(*(
        (known if band.last is None else and_(known, age < (band.last + 1)), literal(band.code))
        for band in AGE_BANDS
    ))  # fmt: skip


def _of_nobody(dimension: Dimension) -> ColumnElement[Any]:
    """The value of somebody who is counted but not written down."""
    return cases.c.outcome if dimension is Dimension.OUTCOME else cast(literal(None), String)


def _month_or_year(dimension: Dimension, zone: ZoneInfo) -> ColumnElement[Any]:
    return (local_month if dimension is Dimension.MONTH else local_year)(cases.c.opened_at, zone)


_BY_ID: Final = frozenset({Dimension.ORGANISATION, *_PARTIES})
_BESIDE: Final = {Dimension.SECTOR: "sector", Dimension.PROVINCE: "origin_province"}
_ONE: Final[Mapping[Dimension, ColumnElement[Any]]] = {
    Dimension.DESTINATION: type_coerce(cases.c.destination_country, String),
    Dimension.SECTOR: type_coerce(circumstances.c.sector, String),
    Dimension.PROVINCE: type_coerce(circumstances.c.origin_province, String),
    Dimension.CHANNEL: type_coerce(cases.c.origin_channel, String),
    Dimension.ORGANISATION: cases.c.organisation_id,
    Dimension.URGENCY: type_coerce(cases.c.urgency, String),
    Dimension.STATUS: type_coerce(cases.c.status, String),
}
