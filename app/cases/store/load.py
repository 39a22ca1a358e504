"""How many open cases workers and organisations have: the statements that count them."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select, true

from app.cases.tables import cases
from app.identity.tables import organisations, workers


def open_cases_of_workers(told: ColumnElement[bool]) -> Select[Any]:
    """For each of `ids`, its open cases of which something may be told, none counted beyond `top`."""
    return _open_cases_of(workers, cases.c.owner_id, told)


def _open_cases_of(
    owners: Table, column: ColumnElement[UUID | None], told: ColumnElement[bool]
) -> Select[Any]:
    """For each of `ids`, its open cases, none counted beyond `top`; `told` leaves out some of them."""
    some = (
        select(cases.c.id)
        .where(column == owners.c.id, cases.c.closed_at.is_(None), told)
        .limit(bindparam("top"))
        .correlate(owners)
        .subquery()
    )
    counted = select(func.count()).select_from(some).correlate(owners).scalar_subquery()
    return select(owners.c.id, counted.label("open_cases")).where(
        owners.c.id.in_(bindparam("ids", expanding=True))
    )


OPEN_OF_WORKERS: Final = open_cases_of_workers(true())
OPEN_OF_ORGANISATIONS: Final = _open_cases_of(organisations, cases.c.organisation_id, true())
