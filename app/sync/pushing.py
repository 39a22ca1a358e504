"""Taking what devices did while they were offline: row by row, each done, held or refused by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import OperationalError

from app.audit.rules import Deed
from app.cases.store.conflicts import Conflict
from app.identity.rules import Action, Worker
from app.kernel.clock import utc_text
from app.kernel.ids import new_id
from app.kernel.refusal import Refusal
from app.store.feed import Doc, Kind
from app.sync import docs, editing
from app.sync.applying import Doing, ParentUnknown
from app.sync.docs import Reader
from app.sync.pulling import Carrier
from app.sync.reading import read_op
from app.sync.rules import SCHEMA, KeptForTheOffice, Op, RowUnreadable, late_at, op_id
from app.sync.store import HeldRow, Issue, Kept, RefusedRow, SyncStore
from app.sync.versions import shown_as_theirs
from app.usecases.unit_of_work import Office, UnitOfWork

Result = dict[str, Any]
ReadRow = Callable[[Any, int], Op]
CONFLICT: Final = "sync.conflict"
_LOG = structlog.get_logger("sync")
_ROWS: Final = Counter("spean_sync_rows_total", "Rows that devices pushed", ["kind", "status"])
_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Taken:
    """One row with what it meant, if that could be read, and what became of it.

    `doc` is the document as it stands here now, where the device may hold it.
    """

    op: Op | None
    result: Result
    doc: docs.Document | None = None


def push(
    office: Office, carrier: Carrier, rows: Iterable[Any], *, read: ReadRow = read_op, now: datetime
) -> list[Taken]:
    """What became of each row, in their order. No row stops another, and nothing that was said is lost.

    Sending the same again changes nothing. Raises: NotAllowed.
    """
    carrier.worker.must_be_allowed(Action.SYNC)
    with office.look() as uow:
        device = uow.devices.of(carrier.worker.id, carrier.device)
    seen = device.seen_at if device else None
    taken = [_take(office, _Row(carrier, row, seen), read, now=now) for row in rows]
    for one in taken:
        _ROWS.labels(one.op.kind if one.op else "unknown", one.result["status"]).inc()
    return _complete(office, carrier, taken)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it came, from whom, and when that device was seen last."""

    carrier: Carrier
    said: Any
    seen: datetime | None

    def kept(self, name: UUID, now: datetime) -> Kept:
        """The row under its name, as it is written down."""
        return Kept(name, self.carrier.worker.id, self.carrier.device, self.said, now)


def _take(office: Office, row: _Row, read: ReadRow, *, now: datetime) -> Taken:
    try:
        op = read(row.said, row.carrier.schema)
    except RowUnreadable as refusal:
        nameless = Op("", "", UUID(int=0), {}, {})
        kept = row.kept(op_id(row.carrier.worker.id, nameless, {"row": row.said}), now)
        return Taken(None, _refuse(office, row, kept, refusal, now=now))
    if op.echo and _has_nothing_new(office, op, row.said):
        return Taken(op, {"status": "applied"})
    content = row.said if isinstance(row.said, Mapping) else {}
    kept = row.kept(op_id(row.carrier.worker.id, op, content), now)
    result = _retried(lambda: take_op(office, row, op, kept, now=now))
    if op.kind == Kind.CASE and result["status"] == "applied":
        release(office, op.id, now=now)
    return Taken(op, {"op": op.op, "kind": op.kind, "id": str(op.id), **result})


def _has_nothing_new(office: Office, op: Op, said: Mapping[str, Any]) -> bool:
    """Whether an echo tells us nothing: RxDB sends back each document that it was corrected with.

    One that we do not know, and that is not deleted there either, has to be made again.
    """
    if said["newDocumentState"].get("_deleted") is True:
        return True
    with office.look() as uow:
        return bool(uow.feed.revisions({op.kind: [op.id]}))


def take_op(office: Office, row: _Row, op: Op, kept: Kept, *, now: datetime) -> Result:
    """The op done, held or refused, in a transaction of its own; the answer of before for a repeat."""
    case_id: UUID | None = op.id if op.kind == Kind.CASE else None
    try:
        with office.work(now) as uow:
            uow.claimed_at = late_at(op.at, row.seen, now)
            doing = Doing(uow, row.carrier, op, now, case_id)
            pushed = doing.pushed
            if not pushed.claim(kept):
                return _repeated(pushed, kept.id)
            found = editing.do(doing)
            result = _done(doing, found)
            pushed.answer(kept, result)
            uow.rulebook.passed("sync.changed")
            return result
    except ParentUnknown as orphan:
        return _hold(office, kept, op, orphan.parent_id, now=now)
    except Refusal as refusal:
        return _refuse(office, row, kept, refusal, op=op, now=now)
    except OperationalError:
        raise  # The database is not there, or two waited for each other: the device tries again.
    except Exception as fault:  # noqa: BLE001 - one row must not brick a device; it is kept, and counted
        _LOG.error("sync_row_failed", error=type(fault).__name__, kind=op.kind)
        return _refuse(office, row, kept, KeptForTheOffice(), op=op, now=now)


def release(office: Office, parent_id: UUID, *, now: datetime) -> int:
    """What waited for this case is done now, each row by itself. Returns how much."""
    with office.work(now) as uow:
        waiting = _store(uow).waiting_for(parent_id)
    return sum(release_one(office, row, {}, now=now) for row in waiting)


def release_one(office: Office, row: HeldRow, change: Mapping[str, Any], *, now: datetime) -> bool:
    """A held row done as its worker's, with these fields changed; False where its worker has left."""
    with office.look() as uow:
        worker = uow.identity.worker(row.kept.worker_id)
    if worker is None:
        return False
    said = {**row.kept.said, "set": {**row.kept.said["set"], **change}}
    op = read_op(said, SCHEMA)
    again = _Row(Carrier(worker, row.kept.device_id), said, None)
    try:
        with office.work(now) as uow:
            uow.claimed_at = row.kept.at
            doing = Doing(uow, again.carrier, op, now)
            doing.pushed.release(row)
            found = editing.do(doing)
            doing.pushed.answer(again.kept(row.kept.id, now), _done(doing, found))
            if change:
                _tell(doing, "sync.filed", {}, [])
    except ParentUnknown:
        return False
    except Refusal as refusal:
        with office.work(now) as uow:
            _store(uow).release(row)
        _refuse(office, again, again.kept(row.kept.id, now), refusal, op=op, again=True, now=now)
    return True


def _retried(act: Callable[[], Result]) -> Result:
    """Two writers may wait for each other: then one of them is sent back by the database, and tries again."""
    for _ in range(_TRIES - 1):
        try:
            return act()
        except OperationalError:
            continue
    return act()


def _done(doing: Doing, found: list[Conflict]) -> Result:
    """What the device is told, and what its feed says of the document."""
    lost = [
        {
            "field": one.field, "kept": one.kept, "yours": one.lost, "hard": one.hard,
            "conflict": str(one.id),
            "kept_by": one.kept_by, "kept_at": utc_text(one.kept_at),
        }
        for one in found
    ]  # fmt: skip
    if lost:
        _tell(doing, CONFLICT, {}, lost)
    doc = Doc(doing.op.kind, doing.op.id, doing.case_id)
    doing.uow.touched.answer_to(doing.carrier.worker.id, doc, corrected=bool(lost))
    return {"status": "merged", "conflict": lost} if lost else {"status": "applied"}


def _tell(doing: Doing, code: str, words: Mapping[str, Any], lost: list[Result]) -> None:
    issue = Issue(
        new_id(doing.now), doing.carrier.worker.id, code, doing.case_id, doing.op.kind, doing.op.id,
        {"words": dict(words), "conflict": lost}, doing.now,
    )  # fmt: skip
    doing.pushed.tell(issue)


def _repeated(pushed: SyncStore, name: UUID) -> Result:
    before = pushed.answered(name) or {"status": "applied"}
    return {**before, "status": "held" if before["status"] == "held" else "duplicate",
            "first": before["status"]}  # fmt: skip


def _hold(office: Office, kept: Kept, op: Op, parent_id: UUID, *, now: datetime) -> Result:
    """The row waits for its case."""
    plain = {"op": op.op or "held", "kind": op.kind, "id": str(op.id), "set": dict(op.set),
             "was": dict(op.was), "create": op.create,
             "at": utc_text(op.at) if op.at else None}  # fmt: skip
    with office.work(now) as uow:
        pushed = _store(uow)
        if not pushed.claim(kept):
            return _repeated(pushed, kept.id)
        waits = Kept(kept.id, kept.worker_id, kept.device_id, plain, now)
        pushed.hold(HeldRow(waits, parent_id, SCHEMA))
        result = {"status": "held", "reason": "parent-unknown"}
        pushed.answer(kept, result)
    return result


def _refuse(  # noqa: PLR0913 - what was refused, of whom, why and when
    office: Office,
    row: _Row,
    kept: Kept,
    refusal: Refusal,
    *,
    op: Op | None = None,
    again: bool = False,
    now: datetime,
) -> Result:
    """The row is kept as it came, its worker is told, and their device is told what stands here."""
    worker = row.carrier.worker
    explained = {"code": refusal.code, "status": refusal.status, "details": dict(refusal.details)}
    result = {"status": "rejected", "problem": explained}
    with office.work(now) as uow:
        pushed = _store(uow)
        if not pushed.claim(kept) and not again:
            return _repeated(pushed, kept.id)
        kind, doc_id = (op.kind, op.id) if op else (None, None)
        pushed.refuse(RefusedRow(kept, kind, doc_id, refusal.code))
        issue = Issue(
            new_id(now), worker.id, refusal.code, None, kind, doc_id, {"words": dict(refusal.details)}, now
        )
        pushed.tell(issue)
        if op:
            case_id = _case_of(uow, op)
            uow.touched.answer_to(worker.id, Doc(op.kind, op.id, case_id), corrected=True)
        pushed.answer(kept, result)
    return result


def _case_of(uow: UnitOfWork, op: Op) -> UUID | None:
    """The case that the document hangs on, going by what is here."""
    if op.kind == Kind.CASE:
        return op.id
    return uow.feed.case_of(op.kind, op.id)


def see_refused(office: Office, worker: Worker, *, limit: int, now: datetime) -> list[RefusedRow]:
    """What devices of a worker's people sent and was refused, the newest first; looking is remembered."""
    worker.must_be_allowed(Action.READ_INTAKE)
    with office.work(now) as uow:
        uow.audit.record(Deed("sync.refused_read", str(worker.id)))
        return _store(uow).refused_rows(worker.organisation_id, limit=limit)


def _complete(office: Office, carrier: Carrier, taken: list[Taken]) -> list[Taken]:
    """Each result with the document's revision; where the device's own is not what stands here, with it."""
    known = [(one.op.kind, one.op.id) for one in taken if one.op]
    with office.snapshot() as uow:
        held = {
            (kind, doc_id)
            for kind, ids in docs.by_kind(known).items()
            for doc_id in uow.feed.holds(carrier.worker.id, kind, ids)
        }
        found = docs.render(Reader(uow, carrier.worker), docs.by_kind(held))
    return [_completed(one, carrier, found) for one in taken]


def _completed(one: Taken, carrier: Carrier, found: Mapping[tuple[str, UUID], docs.Document]) -> Taken:
    if one.op is None:
        return one
    doc = found.get((one.op.kind, one.op.id))
    shown = shown_as_theirs(one.op.kind, doc, carrier.schema) if doc else None
    more: Result = {"rev": doc["rev"]} if doc else {}
    if one.result["status"] != "applied":
        more["doc"] = shown
    return replace(one, result={**one.result, **more}, doc=shown)


def _store(uow: UnitOfWork) -> SyncStore:
    return SyncStore(uow.connection, uow.vault, uow.touched)
