"""Queries on conflict walls and legal holds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update

from app.cases.rules.guards import Hold, Wall
from app.cases.tables import holds, walls
from app.crypto.vault import Place, Vault


class GuardStore:
    """Walls and holds as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def raise_wall(self, wall: Wall) -> None:
        """Keep a new wall."""
        self._connection.execute(insert(walls).values(
            id=wall.id, case_id=wall.case_id, worker_id=wall.worker_id,
            organisation_id=wall.organisation_id, raised_by=wall.by, at=wall.at,
            reason=self._vault.seal(wall.reason, Place("case_wall", wall.id, "reason")),
        ))  # fmt: skip

    def walls_of(self, case_id: UUID) -> list[Wall]:
        """The walls that stand around a case, oldest first."""
        asked = select(walls).where(walls.c.case_id == case_id, walls.c.lifted_at.is_(None))
        return [self._wall(row) for row in self._connection.execute(asked.order_by(walls.c.at, walls.c.id))]

    def lift_wall(self, wall_id: UUID, *, by: UUID, now: datetime) -> None:
        """The wall stands no more."""
        self._connection.execute(
            update(walls).where(walls.c.id == wall_id).values(lifted_at=now, lifted_by=by)
        )

    def set_hold(self, hold: Hold) -> None:
        """Keep a new hold."""
        self._connection.execute(insert(holds).values(
            id=hold.id, case_id=hold.case_id, held_by=hold.by, at=hold.at,
            reason=self._vault.seal(hold.reason, Place("legal_hold", hold.id, "reason")),
        ))  # fmt: skip

    def hold_of(self, case_id: UUID) -> Hold | None:
        """The hold that is in force for a case."""
        asked = select(holds).where(holds.c.case_id == case_id, holds.c.lifted_at.is_(None))
        row = self._connection.execute(asked).one_or_none()
        return self._hold(row) if row else None

    def lift_hold(self, case_id: UUID, *, by: UUID, now: datetime) -> None:
        """The hold is in force no more."""
        self._connection.execute(
            update(holds)
            .where(holds.c.case_id == case_id, holds.c.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=by)
        )

    def _wall(self, row: Row[Any]) -> Wall:
        reason = self._vault.open(row.reason, Place("case_wall", row.id, "reason"))
        return Wall(row.id, row.case_id, row.worker_id, row.organisation_id, reason, row.raised_by, row.at)

    def _hold(self, row: Row[Any]) -> Hold:
        reason = self._vault.open(row.reason, Place("legal_hold", row.id, "reason"))
        return Hold(row.id, row.case_id, reason, row.held_by, row.at)
