"""Reads the cases of an export from one snapshot, page after page, as rows of plain values."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Text,
    cast,
    exists,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)

from app.cases.rules.stages import Sight
from app.cases.store.cases import seen_by
from app.cases.tables import case_categories, cases
from app.crypto.vault import Place, Vault
from app.escalation.store import ARMED
from app.escalation.tables import timers
from app.exports.rules import COLUMNS, POSITION, WantedCases
from app.identity.tables import organisations, workers

PAGE: Final = 2_000
_LISTS_REMEMBERED: Final = 4_096
_BETWEEN: Final = "; "  # between the categories of one case
_OPENED_AT: Final = POSITION["opened_at"]
_CATEGORIES: Final = POSITION["categories"]
_TIMER_KIND: Final = POSITION["next_timer_kind"]
_TIMER_DUE_AT: Final = POSITION["next_timer_due_at"]
_SUMMARY: Final = POSITION["summary"]

Values = list[Any]


class ExportStore:
    """The cases of an export as seen from one snapshot.

    The database writes times as text and hands everything over as it lies there: objects made only
    to be printed again would cost more than all the rest.
    """

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Read inside this snapshot."""
        self._connection = connection
        self._vault = vault

    def rows(self, wanted: WantedCases, sight: Sight | None, *, page: int = PAGE) -> Iterator[Values]:
        """The values of each case in the order of `COLUMNS`, oldest case first; None where there is none.

        Times are RFC 3339 texts. No more than `page` cases are held at once. `None` as sight is the
        program itself.
        Raises: SealBroken.
        """
        asked = _narrowed(self._statement(), wanted).where(seen_by(sight)).limit(page)
        found: Sequence[Any] = self._connection.execute(asked).all()
        while found:
            yield from map(self._values, found)
            if len(found) < page:
                return
            further = asked.where(tuple_(cases.c.opened_at, cases.c.id) > _place_of(found[-1]))
            del found  # Or this page would still be held while the next one comes.
            found = self._connection.execute(further).all()

    def _statement(self) -> Select[Any]:
        moment = _moment_on_sqlite if self._connection.dialect.name == "sqlite" else _moment_on_postgresql
        shown = _sources(moment)
        return (
            select(*(shown[column.name].label(column.name) for column in COLUMNS), cast(cases.c.id, Text))
            .select_from(
                cases.outerjoin(organisations, organisations.c.id == cases.c.organisation_id).outerjoin(
                    workers, workers.c.id == cases.c.owner_id
                )
            )
            .order_by(cases.c.opened_at, cases.c.id)
        )

    def _values(self, row: Sequence[Any]) -> Values:
        values = list(row)
        case_id: str = values.pop()
        values[_CATEGORIES] = _joined(values[_CATEGORIES])
        if timer := values[_TIMER_DUE_AT]:
            values[_TIMER_DUE_AT], _, values[_TIMER_KIND] = timer.partition(" ")
        if sealed := values[_SUMMARY]:
            values[_SUMMARY] = self._vault.open(sealed, Place("case_file", UUID(case_id), "summary"))
        return values


def _sources(moment: Callable[[Any], ColumnElement[Any]]) -> dict[str, ColumnElement[Any]]:
    """What each column is read from."""
    # One look finds the next timer: its due time and its kind come as one text, whose smallest is
    # the timer that runs out first. The state must be a literal, or its partial index stays unused.
    next_timer = (
        select(func.min(moment(timers.c.due_at) + " " + timers.c.kind))
        .where(timers.c.case_id == cases.c.id, timers.c.state == literal(ARMED, literal_execute=True))
        .scalar_subquery()
    )
    read: dict[str, ColumnElement[Any]] = {
        column.name: cases.c[column.name] for column in COLUMNS if column.name in cases.c
    }
    times = {name: moment(column) for name, column in read.items() if name.endswith(("_at", "_since"))}
    return read | times | {
        "categories": cast(cases.c.categories, Text),
        "organisation": organisations.c.code,
        "owner": workers.c.username,
        "members": cases.c.member_count,
        "next_timer_kind": literal(None),
        "next_timer_due_at": next_timer,
    }  # fmt: skip


def _narrowed(asked: Select[Any], wanted: WantedCases) -> Select[Any]:
    if wanted.opened_from:
        asked = asked.where(cases.c.opened_at >= wanted.opened_from)
    if wanted.opened_to:
        asked = asked.where(cases.c.opened_at < wanted.opened_to)
    if wanted.statuses:
        asked = asked.where(cases.c.status.in_(wanted.statuses))
    if wanted.categories:
        named = case_categories.c.category.in_(wanted.categories)
        asked = asked.where(exists().where(case_categories.c.case_id == cases.c.id, named))
    return asked


def _moment_on_sqlite(column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    # There a time is the text `2025-01-31 23:59:59.000000`, in UTC.
    return func.replace(type_coerce(column, String), " ", "T") + "Z"


def _moment_on_postgresql(column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=String)


def _place_of(row: Sequence[Any]) -> ColumnElement[Any]:
    opened_at, case_id = datetime.fromisoformat(row[_OPENED_AT]), UUID(row[-1])
    return tuple_(literal(opened_at, cases.c.opened_at.type), literal(case_id, cases.c.id.type))


@lru_cache(maxsize=_LISTS_REMEMBERED)
def _joined(names: str) -> str:
    return _BETWEEN.join(json.loads(names))
