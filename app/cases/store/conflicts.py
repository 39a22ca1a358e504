"""Queries on conflicts: two values of one field, of which one was kept, and what people decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, insert, select, update

from app.cases.tables import conflicts
from app.crypto.vault import Place, Vault
from app.store.feed import Kind, Touched


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two values of one field. A hard one waits until a person says which holds.

    `kept_by` is a worker's id or the name of the part of the program that wrote the value.
    """

    id: UUID
    case_id: UUID
    kind: str
    doc_id: UUID
    field: str
    hard: bool
    kept: Any
    lost: Any
    kept_by: str
    kept_at: datetime
    lost_by: UUID
    lost_at: datetime
    found_at: datetime
    settled_at: datetime | None = None
    settled_by: UUID | None = None
    choice: str | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody still has to decide."""
        return self.hard and self.settled_at is None


class ConflictStore:
    """Conflicts as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note whose case shows another conflict."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def add(self, conflict: Conflict) -> None:
        """Keep a conflict."""
        self._connection.execute(insert(conflicts), {
            "id": conflict.id, "case_id": conflict.case_id, "kind": conflict.kind, "doc_id": conflict.doc_id,
            "field": conflict.field, "hard": conflict.hard,
            "kept": self._sealed(conflict.kept, conflict.id, "kept"),
            "lost": self._sealed(conflict.lost, conflict.id, "lost"),
            "kept_by": conflict.kept_by, "kept_at": conflict.kept_at, "lost_by": conflict.lost_by,
            "lost_at": conflict.lost_at, "found_at": conflict.found_at,
        })  # fmt: skip
        self._touched.note(Kind.CASE, conflict.case_id, conflict.case_id)

    def of_case(self, case_id: UUID) -> list[Conflict]:
        """The conflicts of a case, oldest first."""
        asked = select(conflicts).where(conflicts.c.case_id == case_id)
        found = self._connection.execute(asked.order_by(conflicts.c.found_at, conflicts.c.id))
        return [self._conflict(row) for row in found]

    def by_id(self, ids: Iterable[UUID]) -> dict[UUID, Conflict]:
        """Conflicts by id."""
        found = self._connection.execute(select(conflicts).where(conflicts.c.id.in_(list(ids))))
        return {row.id: self._conflict(row) for row in found}

    def settle(self, conflict: Conflict, *, choice: str, by: UUID, now: datetime) -> None:
        """A person decided."""
        self._connection.execute(
            update(conflicts)
            .where(conflicts.c.id == conflict.id)
            .values(settled_at=now, settled_by=by, choice=choice)
        )
        self._touched.note(Kind.CASE, conflict.case_id, conflict.case_id)

    def _sealed(self, value: Any, row: UUID, field: str) -> bytes:  # noqa: ANN401 - a JSON value
        return self._vault.seal_bytes(orjson.dumps(value), Place("case_conflict", row, field))

    def _opened(self, sealed: bytes, row: UUID, field: str) -> Any:  # noqa: ANN401 - a JSON value
        written = self._vault.open_bytes(sealed, Place("case_conflict", row, field))
        return orjson.loads(written) if written else None  # erased: that there were two values is what stays

    def _conflict(self, row: Row[Any]) -> Conflict:
        return Conflict(
            row.id, row.case_id, row.kind, row.doc_id, row.field, row.hard,
            self._opened(row.kept, row.id, "kept"), self._opened(row.lost, row.id, "lost"),
            row.kept_by, row.kept_at, row.lost_by, row.lost_at, row.found_at,
            row.settled_at, row.settled_by, row.choice,
        )  # fmt: skip
