"""Taking what devices did while they were offline: row by row, each done, held or refused by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import IntegrityError, OperationalError

from app.cases.store.conflicts import Conflict
from app.cases.store.timeline import Claim
from app.identity.rules import Action
from app.kernel.clock import utc_text
from app.kernel.ids import new_id
from app.kernel.refusal import Refusal
from app.privacy.rules import AlreadyErased
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
_TOGETHER: Final = 20  # rows in one transaction: enough to share its cost, few enough to keep no lock long


@dataclass(frozen=True, slots=True)
class Taken:
    """One row with what it meant, if that could be read, and what became of it.

    `doc` is the document as it stands here now, where it was wanted and the device may hold it.
    """

    op: Op | None
    result: Result
    doc: docs.Document | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it came, from whom, and when that device was seen last."""

    carrier: Carrier
    said: Any
    seen: datetime | None

    def kept(self, name: UUID, now: datetime) -> Kept:
        """The row under its name, as it is written down."""
        return Kept(name, self.carrier.worker.id, self.carrier.device, self.said, now)


@dataclass(frozen=True, slots=True)
class _Told:
    """A row that could be read: what it means, and under which name it is written down."""

    row: _Row
    op: Op
    kept: Kept


class _Apart(Exception):
    """Something in these rows needs a transaction of its own."""


def push(  # noqa: PLR0913 - how rows are read and what is told of them belong to the dialect
    office: Office,
    carrier: Carrier,
    rows: Iterable[Any],
    *,
    read: ReadRow = read_op,
    whole: bool = False,
    now: datetime,
) -> list[Taken]:
    """What became of each row, in their order. No row stops another, and nothing that was said is lost.

    `whole` gives every document that the device may hold, not only those that are not as it sent them.
    Sending the same again changes nothing. Raises: NotAllowed.
    """
    carrier.worker.must_be_allowed(Action.SYNC)
    with office.look() as uow:
        device = uow.devices.of(carrier.worker.id, carrier.device)
    seen = device.seen_at if device else None
    told = [_read(_Row(carrier, row, seen), read, now) for row in rows]
    taken: list[Taken] = []
    for at in range(0, len(told), _TOGETHER):
        taken += _take(office, told[at : at + _TOGETHER], now=now)
    for one in taken:
        _ROWS.labels(one.op.kind if one.op else "unknown", one.result["status"]).inc()
    return _complete(office, carrier, taken, whole=whole)


def _read(row: _Row, read: ReadRow, now: datetime) -> _Told | tuple[_Row, RowUnreadable]:
    try:
        op = read(row.said, row.carrier.schema)
    except RowUnreadable as refusal:
        return row, refusal
    content = row.said if isinstance(row.said, Mapping) else {}
    return _Told(row, op, row.kept(op_id(row.carrier.worker.id, op, content), now))


def _take(office: Office, some: list[_Told | tuple[_Row, RowUnreadable]], *, now: datetime) -> list[Taken]:
    """Some rows together where nothing is wrong with any of them, else each by itself."""
    plain = [told for told in some if isinstance(told, _Told)]
    results = _together(office, plain, now=now) if 1 < len(plain) == len(some) else None
    taken = []
    for place, told in enumerate(some):
        if not isinstance(told, _Told):
            taken.append(_unreadable(office, *told, now=now))
            continue
        result = results[place] if results else _alone(office, told, now=now)
        op = told.op
        if op.kind == Kind.CASE and op.create and result["status"] in {"applied", "duplicate"}:
            release(office, op.id, now=now)
        taken.append(Taken(op, {"op": op.op, "kind": op.kind, "id": str(op.id), **result}))
    return taken


def _together(office: Office, some: list[_Told], *, now: datetime) -> list[Result] | None:
    """The rows in one transaction, which costs less than one for each; None where one of them is not plain.

    Then nothing of it was done, and each is done by itself: no row can spoil another.
    """
    try:
        with office.work(now) as uow:
            return _all(uow, some, plain=True, now=now)
    except Exception:  # noqa: BLE001 - whatever it was, it comes again where that row stands alone
        return None


def _all(uow: UnitOfWork, some: list[_Told], *, plain: bool, now: datetime) -> list[Result]:
    """Each done inside this transaction, or its answer of before. Raises: _Apart, and as `do`."""
    pushed = _store(uow)
    before = pushed.answered(told.kept.id for told in some)
    here = set(uow.feed.revisions(docs.by_kind((told.op.kind, told.op.id) for told in some)))
    results: list[Result] = []
    answers: list[tuple[Kept, Result]] = []
    for told in some:
        named = (told.op.kind, told.op.id)
        if told.op.echo and _tells_nothing(told, known=named in here):
            results.append({"status": "applied"})
        elif told.kept.id in before:
            results.append(_repeated(before[told.kept.id]))
        else:
            ahead = told.row.carrier.ahead
            at = late_at(told.op.at, told.row.seen, now, ahead=ahead)
            uow.claimed = Claim(at, ahead) if at else None
            doing = Doing(uow, told.row.carrier, told.op, now, known=named in here)
            found = editing.do(doing)
            if found and plain:
                raise _Apart  # who wrote the other value is told by the timeline, which is written at the end
            results.append(_done(doing, found))
            answers.append((told.kept, results[-1]))
            before[told.kept.id] = results[-1]
            here.add(named)
            uow.rulebook.passed("sync.changed")
    pushed.answer(answers)
    return results


def _tells_nothing(told: _Told, *, known: bool) -> bool:
    """RxDB sends back each document that it was corrected with, once: there is nothing to be done.

    One that we do not know, and that is not deleted there either, has to be made again.
    """
    return known or told.row.said["newDocumentState"].get("_deleted") is True


def _alone(office: Office, told: _Told, *, now: datetime) -> Result:
    """The op done, held or refused, in a transaction of its own; the answer of before for a repeat."""
    for _ in range(_TRIES - 1):
        try:
            return _attempt(office, told, now=now)
        except (OperationalError, IntegrityError):
            continue  # two writers waited for each other, or did the same at once: one of them tries again
    return _attempt(office, told, now=now, last=True)


def _attempt(office: Office, told: _Told, *, now: datetime, last: bool = False) -> Result:
    try:
        with office.work(now) as uow:
            return _all(uow, [told], plain=False, now=now)[0]
    except ParentUnknown as orphan:
        return _hold(office, told.kept, told.op, orphan.parent_id, now=now)
    except Refusal as refusal:
        return _refuse(office, told, refusal, now=now)
    except OperationalError:
        raise  # The database is not there: the device tries again later.
    except Exception as fault:  # one row must not brick a device; it is kept, and counted
        if isinstance(fault, IntegrityError) and not last:
            raise
        _LOG.error("sync_row_failed", error=type(fault).__name__, kind=told.op.kind)
        return _refuse(office, told, KeptForTheOffice(), now=now)


def _unreadable(office: Office, row: _Row, refusal: RowUnreadable, *, now: datetime) -> Taken:
    nameless = Op("", "", UUID(int=0), {}, {})
    kept = row.kept(op_id(row.carrier.worker.id, nameless, {"row": row.said}), now)
    return Taken(None, _refuse(office, _Told(row, nameless, kept), refusal, now=now))


def release(office: Office, parent_id: UUID, *, now: datetime) -> int:
    """What waited for this case is done now, each row by itself. Returns how much."""
    with office.look() as uow:
        waiting = _store(uow).waiting_for(parent_id)
    return sum(release_one(office, row, {}, now=now) for row in waiting)


def release_one(office: Office, row: HeldRow, change: Mapping[str, Any], *, now: datetime) -> bool:
    """A held row done as its worker's, with these fields changed; False where it waits on, or no more."""
    with office.look() as uow:
        worker = uow.identity.worker(row.kept.worker_id)
    if worker is None:
        return False
    told = _held_again(_Row(Carrier(worker, row.kept.device_id), row.kept.said, None), row, change, now)
    try:
        with office.work(now) as uow:
            uow.claimed = Claim(row.kept.at)
            known = uow.feed.revisions({told.op.kind: [told.op.id]})
            doing = Doing(uow, told.row.carrier, told.op, now, known=bool(known))
            if not doing.pushed.release(row):
                return False  # somebody else was faster
            found = editing.do(doing)
            doing.pushed.answer_anew(told.kept, _done(doing, found))
            uow.rulebook.passed("sync.changed")
            if change:
                _tell(doing, "sync.filed", {}, [])
    except (ParentUnknown, OperationalError):
        return False  # tried again by and by, with the upkeep
    except Refusal as refusal:
        _refuse(office, told, refusal, waited=row, now=now)
    except Exception as fault:  # noqa: BLE001 - one row must not brick whoever brings its case
        _LOG.error("sync_row_failed", error=type(fault).__name__, kind=told.op.kind)
        _refuse(office, told, KeptForTheOffice(), waited=row, now=now)
    return True


def _held_again(came: _Row, row: HeldRow, change: Mapping[str, Any], now: datetime) -> _Told:
    """What the row meant when it came, with these fields changed."""
    said = {**came.said, "set": {**came.said["set"], **change}}
    op = read_op(said, SCHEMA)
    if whole := said.pop("whole", None):
        op = replace(op, whole={**whole, **change})
    again = replace(came, said=said)
    return _Told(again, op, again.kept(row.kept.id, now))


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


def _repeated(before: Result) -> Result:
    held = before["status"] == "held"
    return {**before, "status": "held" if held else "duplicate", "first": before["status"]}


def _hold(office: Office, kept: Kept, op: Op, parent_id: UUID, *, now: datetime) -> Result:
    """The row waits for its case."""
    plain = {
        "op": op.op or "held", "kind": op.kind, "id": str(op.id), "set": dict(op.set), "was": dict(op.was),
        "create": op.create, "at": utc_text(op.at) if op.at else None,
        "whole": dict(op.whole) if op.whole else None,
    }  # fmt: skip
    with office.work(now) as uow:
        pushed = _store(uow)
        if before := pushed.answered([kept.id]):
            return _repeated(before[kept.id])
        waits = Kept(kept.id, kept.worker_id, kept.device_id, plain, now)
        pushed.hold(HeldRow(waits, parent_id, SCHEMA))
        result = {"status": "held", "reason": "parent-unknown"}
        pushed.answer([(kept, result)])
    with office.look() as uow:
        here = uow.scope.there(parent_id)
    if not here:
        return result
    # It came while the row was put aside: whoever brought it may have looked before the row was there.
    release(office, parent_id, now=now)
    with office.look() as uow:
        return _store(uow).answered([kept.id]).get(kept.id, result)


def _refuse(
    office: Office, told: _Told, refusal: Refusal, *, waited: HeldRow | None = None, now: datetime
) -> Result:
    """The row is kept as it came, its worker is told, and their device is told what stands here.

    A row that `waited` for its case does so no more, in the same transaction.
    """
    worker, kept = told.row.carrier.worker, told.kept
    op = told.op if told.op.kind else None
    words = dict(refusal.details)
    result = {"status": "rejected",
              "problem": {"code": refusal.code, "status": refusal.status, "details": words}}  # fmt: skip
    with office.work(now) as uow:
        pushed = _store(uow)
        if waited and not pushed.release(waited):
            return result  # somebody else was faster
        if not waited and (before := pushed.answered([kept.id])):
            return _repeated(before[kept.id])
        kind, doc_id = (op.kind, op.id) if op else (None, None)
        if isinstance(refusal, AlreadyErased):
            # What was erased is not kept word for word because a device still had it.
            kept = replace(kept, said={"op": op.op if op else None})
        else:
            pushed.refuse(RefusedRow(kept, kind, doc_id, refusal.code))
        pushed.tell(Issue(new_id(now), worker.id, refusal.code, None, kind, doc_id, {"words": words}, now))
        if op:
            doc = Doc(op.kind, op.id, _case_of(uow, op))
            uow.touched.answer_to(worker.id, doc, corrected=True)
        if waited:
            pushed.answer_anew(kept, result)
        else:
            pushed.answer([(kept, result)])
    return result


def _case_of(uow: UnitOfWork, op: Op) -> UUID | None:
    """The case that the document hangs on, going by what is here."""
    if op.kind == Kind.CASE:
        return op.id
    return uow.feed.case_of(op.kind, op.id)


def _complete(office: Office, carrier: Carrier, taken: list[Taken], *, whole: bool) -> list[Taken]:
    """Each result with the document's revision; where the device's own is not what stands here, or where
    documents are wanted `whole`, with it.
    """
    known = docs.by_kind((one.op.kind, one.op.id) for one in taken if one.op)
    shown = {(one.op.kind, one.op.id) for one in taken if one.op and (whole or not _is_applied(one))}
    with office.snapshot() as uow:
        held = {kind: uow.feed.holds(carrier.worker.id, kind, ids) for kind, ids in known.items()}
        revisions = uow.feed.revisions(held)
        wanted = {kind: [one for one in ids if (kind, one) in shown] for kind, ids in held.items()}
        found = docs.render(Reader(uow, carrier.worker), wanted)
    return [_completed(one, carrier, revisions, found) for one in taken]


def _is_applied(one: Taken) -> bool:
    return bool(one.result["status"] == "applied")


def _completed(
    one: Taken,
    carrier: Carrier,
    revisions: Mapping[tuple[str, UUID], int],
    found: Mapping[tuple[str, UUID], docs.Document],
) -> Taken:
    if one.op is None:
        return one
    named = (one.op.kind, one.op.id)
    doc = found.get(named)
    shown = shown_as_theirs(one.op.kind, doc, carrier.schema) if doc else None
    more: Result = {"rev": revisions[named]} if named in revisions else {}
    if not _is_applied(one):
        more["doc"] = shown
    return replace(one, result={**one.result, **more}, doc=shown)


def _store(uow: UnitOfWork) -> SyncStore:
    return SyncStore(uow.connection, uow.vault, uow.touched)
