"""Where devices named whom, in rows that are sealed word for word: noted once, so that nothing is searched.

Only ids stand here. Without it, each case whose time is over would mean opening every such row again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, exists, select, update
from sqlmodel import SQLModel

from app.crypto.vault import SealBroken, Vault
from app.privacy.tables import mentions
from app.store.columns import SealedColumn, sealed_columns
from app.store.rows import insert_many_new

# Tables are named as text: rooms stay strangers.
SAID: Final = ("sync_op", "sync_refused", "sync_held", "sync_issue", "sync_extra")
_AT_ONCE: Final = 500
_ID: Final = re.compile(
    rb"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])"
)


class MentionStore:
    """Who is named where, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def note(self, now: datetime, *, limit: int | None = None) -> int:
        """Open what was not looked at yet, and note whom it names. Returns how many rows that were."""
        return sum(self._note_in(_table(name), now, limit) for name in SAID)

    def anything_new(self) -> bool:
        """Whether devices said something that was not looked at yet."""
        asked = (
            select(_key(_table(name))).where(_table(name).c.noted_at.is_(None)).limit(1) for name in SAID
        )
        return any(self._connection.execute(one).first() is not None for one in asked)

    def forget(self, ids: Iterable[UUID]) -> dict[str, int]:
        """Delete every row that names one of these ids, as far as it was noted; how many, by table."""
        found: dict[str, set[tuple[UUID, str]]] = {name: set() for name in SAID}
        for some in _some(list(set(ids))):
            asked = select(mentions).where(mentions.c.about.in_(some))
            for row in self._connection.execute(asked):
                found[row.said_in].add((row.row_id, row.kind))
        return {name: self._delete(_table(name), sorted(rows)) for name, rows in found.items() if rows}

    def prune(self) -> int:
        """Forget what was noted of rows that are there no more. Returns how much."""
        gone = 0
        for name in SAID:
            key = _key(_table(name))
            there = exists().where(key == mentions.c.row_id)
            dead = delete(mentions).where(mentions.c.said_in == name, ~there)
            gone += self._connection.execute(dead).rowcount
        return gone

    def _note_in(self, table: Table, now: datetime, limit: int | None) -> int:
        key = _key(table)
        asked = select(table).where(table.c.noted_at.is_(None)).order_by(key).limit(limit)
        rows = self._connection.execute(asked.with_for_update(skip_locked=True)).mappings().all()
        sealed = sealed_columns()[table]
        named = [
            {"about": about, "said_in": table.name, "row_id": row[key.name], "kind": _kind(table, row)}
            for row in rows
            for about in self._named_in(sealed, row)
        ]
        insert_many_new(self._connection, mentions, named)
        if rows:
            same = [column == bindparam(f"own_{column.name}") for column in table.primary_key]
            done = update(table).where(*same).values(noted_at=now)
            own = [{f"own_{column.name}": row[column.name] for column in table.primary_key} for row in rows]
            self._connection.execute(done, own)
        return len(rows)

    def _named_in(self, columns: Iterable[SealedColumn], row: Mapping[Any, Any]) -> set[UUID]:
        """Every id in what was said, and beside it: a document's own stands there and not always within."""
        found = {value for name, value in row.items() if isinstance(value, UUID) and name != "worker_id"}
        for sealed in columns:
            if row[sealed.column.name] is None:
                continue
            try:
                text = self._vault.open_bytes(bytes(row[sealed.column.name]), sealed.place(row))
            except SealBroken:
                continue  # Nobody can read it any more; what stands beside it leads to it all the same.
            found |= {UUID(match.decode()) for match in _ID.findall(text)}
        return found

    def _delete(self, table: Table, rows: Sequence[tuple[UUID, str]]) -> int:
        key, gone = _key(table), 0
        for kind, ids in _by_kind(rows):
            for some in _some(ids):
                these = [key.in_(some), *([table.c.kind == kind] if kind else [])]
                gone += self._connection.execute(delete(table).where(*these)).rowcount
                self._connection.execute(
                    delete(mentions).where(
                        mentions.c.said_in == table.name, mentions.c.row_id.in_(some), mentions.c.kind == kind
                    )
                )
        return gone


def _some(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """So many at once as every database takes in one statement."""
    for at in range(0, len(ids), _AT_ONCE):
        yield ids[at : at + _AT_ONCE]


def _kind(table: Table, row: Mapping[Any, Any]) -> str:
    """What tells rows of one id apart: only extra fields are kept by kind."""
    return str(row["kind"]) if table.name == "sync_extra" else ""


def _by_kind(rows: Sequence[tuple[UUID, str]]) -> Iterator[tuple[str, list[UUID]]]:
    for kind in sorted({kind for _, kind in rows}):
        yield kind, [row_id for row_id, of_kind in rows if of_kind == kind]


def _key(table: Table) -> Any:  # noqa: ANN401 - a column
    return table.c.doc_id if table.name == "sync_extra" else table.c.id


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]
