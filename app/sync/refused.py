"""Rows of devices that were refused, shown word for word to those in charge."""

import json
import re
from datetime import datetime
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.identity.rules import Action, Worker
from app.sync.store import RefusedRow, SyncStore
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import Office, UnitOfWork

_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def see_refused(office: Office, worker: Worker, *, limit: int, now: datetime) -> list[RefusedRow]:
    """What devices of a worker's people sent and was refused, the newest first; looking is remembered.

    The case may be another organisation's by now: the words are still to be saved. What is about a case
    that a wall or a child closes to this worker is not among it.
    """
    worker.must_be_allowed(Action.READ_INTAKE)
    with office.work(now) as uow:
        uow.audit.record(Deed("sync.refused_read", str(worker.id)))
        pushed, wanted = SyncStore(uow.connection, uow.vault, uow.touched), limit
        while True:
            rows = pushed.refused_rows(worker.organisation_id, limit=wanted)
            about = [_ids_in(row) | {_case_named(uow, row)} for row in rows]
            hidden = uow.cases.kept_from(set[UUID]().union(*about), sight_of(worker))
            told = [row for row, ids in zip(rows, about, strict=True) if not ids & hidden]
            if len(told) >= limit or len(rows) < wanted:
                return told[:limit]
            wanted *= 2


def _case_named(uow: UnitOfWork, row: RefusedRow) -> UUID:
    """The case of the document that a row is about; where it has none, an id that no case has."""
    found = uow.feed.case_of(row.kind, row.doc_id) if row.kind and row.doc_id else None
    return found or row.doc_id or row.kept.id


def _ids_in(row: RefusedRow) -> set[UUID]:
    """Every id that stands in a row, wherever: also one that nobody could read may name a case."""
    return {UUID(found) for found in _ID.findall(json.dumps(row.kept.said))}
