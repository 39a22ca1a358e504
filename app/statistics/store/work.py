"""Who is told and who has how much to do, counted: rungs that were reached, and cases that are open now."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.cases.tables import cases
from app.escalation.store import FIRED
from app.escalation.tables import timers
from app.identity.rules import Role
from app.identity.tables import organisations, workers
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import visible


@dataclass(frozen=True, slots=True)
class Reached:
    """How often a rung was reached, and in how many cases."""

    clock: str
    rung: int
    to: str
    fired: int
    cases: int


@dataclass(frozen=True, slots=True)
class OpenCases:
    """How many cases are open in one place. Without an owner they wait in the queue that is named."""

    organisation_id: UUID | None
    owner_id: UUID | None
    queue: str | None
    number: int


class WorkStore:
    """Escalations and open cases as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Read inside this transaction."""
        self._connection = connection

    def reached(self, scope: Scope) -> list[Reached]:
        """The rungs that were reached in the period, in cases that these eyes may see, in order."""
        of = (timers.c.kind, timers.c.rung, timers.c.to_role)
        asked = (
            select(*of, func.count().label("fired"), func.count(timers.c.case_id.distinct()).label("cases"))
            .select_from(timers.join(cases, cases.c.id == timers.c.case_id))
            .where(
                timers.c.state == FIRED,
                timers.c.ended_at >= scope.since,
                timers.c.ended_at < scope.until,
                visible(scope),
            )
            .group_by(*of)
            .order_by(*of)
        )
        return [Reached(*row) for row in self._connection.execute(asked)]

    def open_cases(self, scope: Scope) -> list[OpenCases]:
        """The cases that are open now, by where they are."""
        of = (cases.c.organisation_id, cases.c.owner_id, cases.c.queue)
        asked = select(*of, func.count()).where(cases.c.closed_at.is_(None), visible(scope)).group_by(*of)
        return [OpenCases(*row) for row in self._connection.execute(asked)]

    def staff(self, organisation_id: UUID | None) -> list[Any]:
        """Active caseworkers, duty leads and supervisors (`id`, `organisation_id`, `role`)."""
        asked = (
            select(workers.c.id, workers.c.organisation_id, workers.c.role)
            .join(organisations, organisations.c.id == workers.c.organisation_id)
            .where(workers.c.active, organisations.c.active, workers.c.role.in_(_STAFF))
            .order_by(workers.c.organisation_id, workers.c.id)
        )
        if organisation_id:
            asked = asked.where(workers.c.organisation_id == organisation_id)
        return list(self._connection.execute(asked))


_STAFF: Final = (Role.CASEWORKER, Role.DUTY_LEAD, Role.SUPERVISOR)
