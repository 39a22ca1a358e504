"""Queries on erasures with their receipts, and on breaches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, or_, select, update

from app.crypto.vault import Place, Vault
from app.privacy.rules import Breach, BreachState, Receipt, Spared
from app.privacy.tables import breaches, erasures


@dataclass(frozen=True, slots=True)
class KeptErasure:
    """An erasure as it was asked for; the receipt says what came of it."""

    receipt: Receipt
    requested_by: str
    reason: str
    worker_id: UUID


class ErasureStore:
    """Erasures as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, kept: KeptErasure) -> bool:
        """Keep an erasure; False for one that is there already."""
        receipt = kept.receipt
        known = select(erasures.c.id).where(erasures.c.id == receipt.id)
        if self._connection.execute(known).first():
            return False
        self._connection.execute(insert(erasures).values(
            id=receipt.id, case_id=receipt.case_id, person_id=receipt.person_id, notes=receipt.notes,
            requested_by=kept.requested_by, worker_id=kept.worker_id, at=receipt.at,
            reason=self._vault.seal(kept.reason, Place("erasure", receipt.id, "reason")),
            counts=dict(receipt.counts), spared_phones=receipt.spared.phones,
            spared_people=receipt.spared.people, digest=receipt.digest.hex(), mac=receipt.mac.hex(),
        ))  # fmt: skip
        return True

    def last_of(self, case_id: UUID, person_id: UUID | None) -> Receipt | None:
        """The newest receipt for just this."""
        asked = (
            select(erasures)
            .where(
                erasures.c.case_id == case_id,
                erasures.c.person_id == person_id if person_id else erasures.c.person_id.is_(None),
            )
            .order_by(erasures.c.at.desc(), erasures.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(asked).one_or_none()
        return _receipt(row) if row else None

    def all(self) -> list[Receipt]:
        """Every erasure on request, oldest first."""
        asked = select(erasures).order_by(erasures.c.at, erasures.c.id)
        return [_receipt(row) for row in self._connection.execute(asked)]


class BreachStore:
    """Breaches as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, breach: Breach) -> None:
        """Keep a new breach."""
        self._connection.execute(insert(breaches).values(
            id=breach.id, kinds=list(breach.kinds), records_estimate=breach.records_estimate,
            what=self._vault.seal(breach.what, Place("breach", breach.id, "what")),
            happened_at=breach.happened_at, noticed_at=breach.noticed_at, due_at=breach.due_at,
            written_by=breach.written_by, written_at=breach.written_at, state=breach.state, warned=0,
        ))  # fmt: skip

    def listed(self) -> list[Breach]:
        """Every breach, the newest first: there are few."""
        asked = select(breaches).order_by(breaches.c.noticed_at.desc(), breaches.c.id)
        return [self._breach(row) for row in self._connection.execute(asked)]

    def locked(self, breach_id: UUID) -> Breach | None:
        """One breach, locked."""
        asked = select(breaches).where(breaches.c.id == breach_id).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        return self._breach(row) if row else None

    def save(self, breach: Breach) -> None:
        """Write down how far the breach has come."""
        self._connection.execute(
            update(breaches)
            .where(breaches.c.id == breach.id)
            .values(state=breach.state, notified_at=breach.notified_at, closed_at=breach.closed_at)
        )

    def any_due(self, moments: Iterable[datetime]) -> bool:
        """Whether a warning is due; the moments are those of `due`."""
        ways = [
            (breaches.c.warned == warned) & (breaches.c.due_at <= moment)
            for warned, moment in enumerate(moments)
        ]
        asked = select(breaches.c.id).where(breaches.c.state == BreachState.OPEN, or_(*ways)).limit(1)
        return self._connection.execute(asked).first() is not None

    def due(self, moments: Iterable[datetime]) -> list[tuple[Breach, int]]:
        """Open breaches of which a warning is due, locked, with how often of them was warned.

        The n-th moment is by when the due time of a breach that was warned of n times must have come.
        """
        found = []
        for warned, moment in enumerate(moments):
            asked = (
                select(breaches)
                .where(
                    breaches.c.state == BreachState.OPEN, breaches.c.warned == warned,
                    breaches.c.due_at <= moment,
                )
                .order_by(breaches.c.due_at, breaches.c.id)
                .with_for_update(skip_locked=True)
            )  # fmt: skip
            found += [(self._breach(row), warned) for row in self._connection.execute(asked)]
        return found

    def warned(self, breach_id: UUID, times: int) -> None:
        """Those in charge were told so often."""
        self._connection.execute(update(breaches).where(breaches.c.id == breach_id).values(warned=times))

    def _breach(self, row: Row[Any]) -> Breach:
        return Breach(
            row.id, tuple(row.kinds), self._vault.open(row.what, Place("breach", row.id, "what")),
            row.records_estimate, row.happened_at, row.noticed_at, row.due_at, row.written_by,
            row.written_at, BreachState(row.state), row.notified_at, row.closed_at,
        )  # fmt: skip


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(
        row.id, row.at, row.case_id, row.person_id, row.notes, dict(row.counts),
        Spared(row.spared_phones, row.spared_people), bytes.fromhex(row.digest), bytes.fromhex(row.mac),
    )  # fmt: skip
