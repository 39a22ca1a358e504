"""From which SQL each column of the cases comes, and which cases an export was asked to hold."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)

from app.calls.tables import calls
from app.cases.rules.sharing import ReferralState
from app.cases.rules.stages import Sight
from app.cases.store.sight import seen_by
from app.cases.tables import (
    case_categories,
    cases,
    conflicts,
    contact_attempts,
    declines,
    events,
    helpers,
    holds,
    members,
    notes,
    persons,
    referrals,
    tasks,
)
from app.circumstances.tables import circumstances, recoveries
from app.escalation.store import ARMED
from app.escalation.tables import timers
from app.exports.rules.asking import Wanted
from app.exports.rules.columns import FILTERS, FilterBy
from app.identity.tables import organisations, workers
from app.intake.tables import message_cases

_BETWEEN: Final = "; "
ADULT: Final = 18  # Source: docs/sources.md#minors

Moment = Callable[[Any], ColumnElement[Any]]
Sources = dict[str, ColumnElement[Any]]


def moment_on(dialect: str) -> Moment:
    """How the database there writes a time as RFC 3339: objects made only to be printed would cost more."""
    return _moment_on_sqlite if dialect == "sqlite" else _moment_on_postgresql


def of_cases(dialect: str) -> Sources:
    """What each column of the cases is read from, but for what is sealed or comes page by page."""
    moment = moment_on(dialect)
    found: Sources = {name: column for name, column in cases.c.items() if name != "summary"}
    times = {
        name: moment(column) for name, column in found.items() if name.endswith(("_at", "_since", "_until"))
    }
    # One look finds the next timer: its due time and its kind come as one text, whose smallest is
    # the timer that runs out first. The state must be a literal, or its partial index stays unused.
    next_timer = (
        select(func.min(moment(timers.c.due_at) + " " + timers.c.kind))
        .where(timers.c.case_id == cases.c.id, timers.c.state == literal(ARMED, literal_execute=True))
        .scalar_subquery()
    )
    return found | times | _counts() | {
        "case_id": cast(cases.c.id, Text),
        "categories": cast(cases.c.categories, Text),
        "organisation": organisations.c.code,
        "owner": workers.c.username,
        "members": cases.c.member_count,
        "next_timer_kind": literal(None),
        "next_timer_due_at": next_timer,
        "summary": cases.c.summary,
        "sector": circumstances.c.sector,
        "origin_province": circumstances.c.origin_province,
        "legal_hold": _yes(exists().where(holds.c.case_id == cases.c.id, holds.c.lifted_at.is_(None))),
        "wages_claimed": _sums(members, members.c.wages_currency, members.c.wages_minor),
        "wages_recovered": _sums(recoveries, recoveries.c.currency, recoveries.c.minor),
        "reporter_sex": persons.c.sex,
        "reporter_name": persons.c.name,
        "reporter_phone": persons.c.phone,
        "reporter_safe_to_call": persons.c.phone_index,
    }  # fmt: skip


def around_cases() -> Any:  # noqa: ANN401 - SQL
    """The cases with what stands beside each of them once."""
    return (
        cases.outerjoin(organisations, organisations.c.id == cases.c.organisation_id)
        .outerjoin(workers, workers.c.id == cases.c.owner_id)
        .outerjoin(circumstances, circumstances.c.case_id == cases.c.id)
        .outerjoin(persons, persons.c.id == cases.c.reporter_id)
    )


def wanted_cases(wanted: Wanted, sight: Sight | None) -> ColumnElement[bool]:
    """The condition under which a case counts, for these eyes; None as sight is the program itself."""
    field = cases.c[wanted.date_field]
    conditions = [seen_by(sight)]
    if wanted.since is not None:
        conditions.append(field >= wanted.since)
    if wanted.until is not None:
        conditions.append(field < wanted.until)
    if wanted.updated_since is not None:
        conditions.append(cases.c.updated_at >= wanted.updated_since)
    known = FILTERS[wanted.profile]
    conditions.extend(_filtered(known[name], name, values) for name, values in wanted.filters.items())
    return and_(true(), *conditions)


def _filtered(by: FilterBy, name: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    match by:
        case FilterBy.CASE:
            return _any_of(cases.c[name], values)
        case FilterBy.CATEGORY:
            named = exists().where(
                case_categories.c.case_id == cases.c.id, case_categories.c.category.in_(values)
            )
            none = ~exists().where(case_categories.c.case_id == cases.c.id)
            return or_(named, none) if "" in values else named
        case FilterBy.ORGANISATION:
            ours = select(organisations.c.id).where(organisations.c.code.in_(values))
            return _or_none(cases.c.organisation_id, cases.c.organisation_id.in_(ours), values)
        case FilterBy.OWNER:
            theirs = select(workers.c.id).where(workers.c.username.in_(values))
            return _or_none(cases.c.owner_id, cases.c.owner_id.in_(theirs), values)
        case FilterBy.CIRCUMSTANCES:
            # By a table of its own: the condition also stands where the circumstances are not joined.
            around = circumstances.alias()
            told = exists().where(around.c.case_id == cases.c.id, around.c[name].in_(values))
            none = ~exists().where(around.c.case_id == cases.c.id, around.c[name].is_not(None))
            return or_(told, none) if "" in values else told
        case FilterBy.MEMBER:
            return _member_has(name, values)
        case FilterBy.ROW | FilterBy.DIMENSION:
            raise ValueError("what is published is filtered when it is published")


def _member_has(name: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    one, person = members.alias(), persons.alias()
    column = {"sex": person.c.sex, "member_status": one.c.status, "member_outcome": one.c.outcome}[name]
    return exists().where(
        one.c.case_id == cases.c.id, person.c.id == one.c.person_id, _any_of(column, values)
    )


def _any_of(column: ColumnElement[Any], values: tuple[str, ...]) -> ColumnElement[bool]:
    return _or_none(column, column.in_(values), values)


def _or_none(
    column: ColumnElement[Any], found: ColumnElement[bool], values: tuple[str, ...]
) -> ColumnElement[bool]:
    return or_(found, column.is_(None)) if "" in values else found


def _counts() -> Sources:
    reached = contact_attempts.c.outcome == "reached"
    open_ones = referrals.c.state == ReferralState.OPEN
    return {
        "members_named": _count(members),
        "women": _people(lambda person: person.c.sex == "female"),
        "men": _people(lambda person: person.c.sex == "male"),
        "children": _people(_child),
        "messages": _count(message_cases),
        "calls": _count(calls),
        "contact_attempts": _count(contact_attempts),
        "contacts_made": _count(contact_attempts, reached),
        "notes": _count(notes, notes.c.restricted.is_(False)),
        "escalations": _count(events, events.c.kind == "escalation.fired"),
        "declines": _count(declines),
        "helpers": _count(helpers),
        "tasks_open": _count(tasks, tasks.c.done_at.is_(None)),
        "conflicts_open": _count(conflicts, conflicts.c.hard.is_(True), conflicts.c.settled_at.is_(None)),
        "referrals": _count(referrals),
        "referrals_open": _count(referrals, open_ones),
    }


def _count(table: Table, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    asked = select(func.count()).select_from(table).where(table.c.case_id == cases.c.id, *conditions)
    return asked.scalar_subquery()


def _people(condition: Callable[[Any], ColumnElement[bool]]) -> ScalarSelect[Any]:
    person = persons.alias()  # the reporter of a case is joined under the table's own name
    joined = members.join(person, person.c.id == members.c.person_id)
    asked = select(func.count()).select_from(joined).where(members.c.case_id == cases.c.id, condition(person))
    return asked.correlate(cases).scalar_subquery()


def _child(person: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias
    """Whether somebody was under eighteen for the whole of the year in which the case was opened."""
    return func.coalesce(person.c.birth_year, extract("year", person.c.birth_date)) > (
        extract("year", cases.c.opened_at) - ADULT
    )


def _sums(table: Table, currency: ColumnElement[Any], minor: ColumnElement[Any]) -> ScalarSelect[Any]:
    """What the rows of a case add up to, as `KRW 500; THB 1250` in minor units."""
    per_currency: Select[Any] = (
        select((currency + " " + cast(func.sum(minor), Text)).label("told"))
        .where(table.c.case_id == cases.c.id, currency.is_not(None), minor.is_not(None))
        .group_by(currency)
        .order_by(currency)
        .correlate(cases)
    )
    told = per_currency.subquery()
    return select(func.aggregate_strings(told.c.told, _BETWEEN)).correlate(cases).scalar_subquery()


def _yes(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((condition, "yes"), else_="no")


def _moment_on_sqlite(column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    # There a time is the text `2025-01-31 23:59:59.000000`, in UTC.
    return func.replace(type_coerce(column, String), " ", "T") + "Z"


def _moment_on_postgresql(column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=String)
