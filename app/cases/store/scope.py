"""Which cases are on a worker's devices: what is theirs, and what waits for somebody of their team."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, exists, or_, select

from app.cases.rules.stages import Queue
from app.cases.store.sight import kept_from_none
from app.cases.tables import cases, helpers
from app.identity.rules import Role
from app.identity.tables import workers


class ScopeStore:
    """Who holds which case, as seen from one transaction.

    A worker's devices hold the cases that the worker owns or was added to, as far as they may still
    see them, and those without an owner in the queue that the worker serves: fewer cases on a lost
    phone, and somebody offline can still take what waits.
    """

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def viewers_of(self, case_ids: Iterable[UUID], closed_after: datetime) -> dict[UUID, set[UUID]]:
        """Whose devices hold each case; nobody's, where it was closed before that time."""
        found: dict[UUID, set[UUID]] = defaultdict(set)
        asked = {"cases": list(case_ids), "closed_after": closed_after}
        for row in self._connection.execute(_VIEWERS, asked):
            found[row.case_id].add(row.worker_id)
        return found

    def cases_of(self, worker_id: UUID, closed_after: datetime) -> set[UUID]:
        """The cases that a worker's devices hold."""
        asked = {"worker": worker_id, "closed_after": closed_after}
        return {row.case_id for row in self._connection.execute(_CASES, asked)}

    def there(self, case_id: UUID) -> bool:
        """Whether there is such a case at all, for whomever."""
        return self._connection.execute(_THERE, {"case": case_id}).first() is not None


_THERE: Final = select(cases.c.id).where(cases.c.id == bindparam("case"))
_COORDINATES: Final = workers.c.role == Role.COORDINATOR
_MINE: Final = or_(
    cases.c.owner_id == workers.c.id,
    exists().where(helpers.c.case_id == cases.c.id, helpers.c.worker_id == workers.c.id),
)
_WAITS: Final = and_(cases.c.owner_id.is_(None), cases.c.queue == Queue.ORGANISATION)
_HELD: Final = (
    select(cases.c.id.label("case_id"), workers.c.id.label("worker_id"))
    .select_from(cases)
    .join(
        workers,
        or_(
            and_(workers.c.organisation_id == cases.c.organisation_id, or_(_MINE, _WAITS)),
            and_(_COORDINATES, or_(_MINE, cases.c.queue == Queue.COORDINATOR)),
        ),
    )
    .where(
        workers.c.active,
        workers.c.role != Role.ADMIN,
        kept_from_none(
            workers.c.id,
            workers.c.organisation_id,
            sees_children=or_(_COORDINATES, workers.c.trained_for_children_at.is_not(None)),
        ),
        or_(cases.c.closed_at.is_(None), cases.c.closed_at > bindparam("closed_after")),
    )
)
_VIEWERS: Final = _HELD.where(cases.c.id.in_(bindparam("cases", expanding=True)))
_CASES: Final = _HELD.where(workers.c.id == bindparam("worker"))
