"""Queries on what devices pushed: what was done, what was refused, what waits, what workers must know."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from app.crypto.vault import Place, Vault
from app.identity.tables import workers
from app.store.feed import Kind, Touched
from app.store.rows import insert_new, insert_or_change
from app.sync.tables import extras, held, issues, ops, refused

Said = Mapping[str, Any]
_LOOKED_BACK: Final = 200


@dataclass(frozen=True, slots=True)
class Issue:
    """What a worker must be told of something that they pushed."""

    id: UUID
    worker_id: UUID
    code: str
    case_id: UUID | None
    about_kind: str | None
    about_id: UUID | None
    details: Said
    at: datetime
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as a device pushed it, with who pushed it."""

    id: UUID
    worker_id: UUID
    device_id: str
    said: Said
    at: datetime


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was refused, and why."""

    kept: Kept
    kind: str | None
    doc_id: UUID | None
    code: str


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row that waits for its case, in the version of the app that sent it."""

    kept: Kept
    parent_id: UUID
    app_schema: int


class SyncStore:
    """What devices pushed, as seen from one transaction. Everything that was said is sealed."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def answered(self, ops: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """What was answered to these very things before, by their names; nothing for what is new."""
        return {
            row.id: dict(self._opened(row.said, "sync_op", row.id)["result"])
            for row in self._connection.execute(_OPS, {"ids": list(ops)})
        }

    def said_by(
        self, worker_id: UUID, device_id: str, since: datetime
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """What a device sent lately, the newest first, each row with its answer."""
        asked = {"worker": worker_id, "device": device_id, "since": since}
        for row in self._connection.execute(_SAID_BY, asked):
            said = self._opened(row.said, "sync_op", row.id)
            yield dict(said["row"]), dict(said["result"])

    def answer(self, told: Iterable[tuple[Kept, Said]]) -> None:
        """What the device was told of each row. Of two who do the same at one moment the second fails here,
        and nothing of what it did is done.
        """
        rows = [
            self._row(replace(kept, said={"row": kept.said, "result": result}), "sync_op")
            for kept, result in told
        ]
        if rows:
            self._connection.execute(_ADD_OPS, rows)

    def answer_anew(self, kept: Kept, result: Said) -> None:
        """What the device is told from now on of a row that waited."""
        sealed = self._sealed({"row": kept.said, "result": result}, "sync_op", kept.id)
        self._connection.execute(_ANSWER, {"op": kept.id, "said": sealed})

    def refuse(self, row: RefusedRow) -> None:
        """Keep a row that was refused, word for word."""
        more = {"kind": row.kind, "doc_id": row.doc_id, "code": row.code}
        insert_new(self._connection, refused, {**self._row(row.kept, "sync_refused"), **more})

    def refused_rows(self, organisation_id: UUID | None, *, limit: int) -> list[RefusedRow]:
        """The newest rows that were refused, of one organisation's workers or of everybody's."""
        asked = select(refused).order_by(refused.c.at.desc(), refused.c.id.desc()).limit(limit)
        if organisation_id:
            ours = select(workers.c.id).where(workers.c.organisation_id == organisation_id)
            asked = asked.where(refused.c.worker_id.in_(ours))
        return [
            RefusedRow(self._kept(row, "sync_refused"), row.kind, row.doc_id, row.code)
            for row in self._connection.execute(asked)
        ]

    def hold(self, row: HeldRow) -> None:
        """Keep a row until its case comes."""
        more = {"parent_id": row.parent_id, "app_schema": row.app_schema}
        insert_new(self._connection, held, {**self._row(row.kept, "sync_held"), **more})

    def waiting_for(self, parent_id: UUID) -> list[HeldRow]:
        """What waits for this case, oldest first."""
        asked = select(held).where(held.c.parent_id == parent_id).order_by(held.c.at, held.c.id)
        return self._held(asked)

    def parents_awaited(self, limit: int) -> list[tuple[UUID, datetime]]:
        """The cases that something waits for, with since when."""
        asked = select(held.c.parent_id, held.c.at).order_by(held.c.at, held.c.id).limit(limit)
        return [(row.parent_id, row.at) for row in self._connection.execute(asked)]

    def release(self, row: HeldRow) -> bool:
        """The row waits no more; False where it did not wait any longer."""
        return self._connection.execute(delete(held).where(held.c.id == row.kept.id)).rowcount > 0

    def tell(self, issue: Issue) -> None:
        """The worker must be told this."""
        self._connection.execute(insert(issues), {
            "id": issue.id, "worker_id": issue.worker_id, "code": issue.code, "case_id": issue.case_id,
            "about_kind": issue.about_kind, "about_id": issue.about_id,
            "details": self._sealed(issue.details, "sync_issue", issue.id), "at": issue.at,
        })  # fmt: skip
        self._touched.note(Kind.SYNC_ISSUE, issue.id, issue.case_id, viewer=issue.worker_id)

    def issues(self, ids: Iterable[UUID]) -> dict[UUID, Issue]:
        """Issues by id."""
        found = self._connection.execute(select(issues).where(issues.c.id.in_(list(ids))))
        return {
            row.id: Issue(
                row.id, row.worker_id, row.code, row.case_id, row.about_kind, row.about_id,
                self._opened(row.details, "sync_issue", row.id), row.at, row.seen_at,
            )
            for row in found
        }  # fmt: skip

    def seen(self, issue: Issue, now: datetime) -> None:
        """The worker has seen it."""
        self._connection.execute(update(issues).where(issues.c.id == issue.id).values(seen_at=now))
        self._touched.note(Kind.SYNC_ISSUE, issue.id, issue.case_id, viewer=issue.worker_id)

    def extras(self, kind: str, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """Fields of documents that this version does not know."""
        return {
            row.doc_id: dict(self._opened(row.fields, f"sync_extra.{kind}", row.doc_id))
            for row in self._connection.execute(_EXTRAS, {"kind": kind, "ids": list(ids)})
        }

    def set_extras(self, kind: Kind, doc_id: UUID, case_id: UUID | None, fields: Said) -> None:
        """Keep fields that this version does not know."""
        sealed = self._sealed(fields, f"sync_extra.{kind}", doc_id)
        values = {"fields": sealed, "noted_at": None}
        insert_or_change(self._connection, extras, {"kind": kind.value, "doc_id": doc_id}, values)
        self._touched.note(kind, doc_id, case_id)

    def forget_before(self, moment: datetime) -> int:
        """What was done before then is no longer known word for word. Returns how much."""
        return self._connection.execute(delete(ops).where(ops.c.at < moment)).rowcount

    def _held(self, asked: Any) -> list[HeldRow]:  # noqa: ANN401 - a selection
        return [
            HeldRow(self._kept(row, "sync_held"), row.parent_id, row.app_schema)
            for row in self._connection.execute(asked)
        ]

    def _row(self, kept: Kept, table: str) -> dict[str, Any]:
        said = self._sealed(kept.said, table, kept.id)
        return {
            "id": kept.id, "worker_id": kept.worker_id, "device_id": kept.device_id, "said": said,
            "at": kept.at,
        }  # fmt: skip

    def _kept(self, row: Row[Any], table: str) -> Kept:
        said = self._opened(row.said, table, row.id)
        return Kept(row.id, row.worker_id, row.device_id, said, row.at)

    def _sealed(self, said: Any, table: str, row: UUID) -> bytes:  # noqa: ANN401 - a JSON value
        # A device may have sent what is no text in any encoding: escaped, it is kept all the same.
        return self._vault.seal_bytes(json.dumps(said, default=str).encode(), Place(table, row, "said"))

    def _opened(self, sealed: bytes, table: str, row: UUID) -> Any:  # noqa: ANN401 - a JSON value
        return json.loads(self._vault.open_bytes(sealed, Place(table, row, "said")))


_OPS: Final = select(ops).where(ops.c.id.in_(bindparam("ids", expanding=True)))
_ADD_OPS: Final = insert(ops)
_SAID_BY: Final = (
    select(ops.c.id, ops.c.said)
    .where(
        ops.c.worker_id == bindparam("worker"),
        ops.c.device_id == bindparam("device"),
        ops.c.at >= bindparam("since"),
    )
    .order_by(ops.c.at.desc(), ops.c.id)
    .limit(_LOOKED_BACK)
)
_ANSWER: Final = update(ops).where(ops.c.id == bindparam("op")).values(said=bindparam("said"), noted_at=None)
_EXTRAS: Final = select(extras).where(
    extras.c.kind == bindparam("kind"), extras.c.doc_id.in_(bindparam("ids", expanding=True))
)
