"""Two people wrote another value into one field: both are kept, one holds, and a person can decide."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.facts import ConflictFound, ConflictSettled, NoteAdded
from app.cases.rules.stages import Case
from app.cases.store.conflicts import Conflict
from app.cases.store.records import Note
from app.cases.store.timeline import TimelineItem
from app.identity.rules import Action, Worker
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound, Refusal
from app.store.feed import Kind
from app.usecases import keeping
from app.usecases.affected import edit_member
from app.usecases.seeing import CaseView, locked_case, sight_of, views_of
from app.usecases.unit_of_work import UnitOfWork

HARD: Final = "hard"
KEPT, LOST = "kept", "lost"
_PROSE: Final = frozenset({"summary"})
# Which item of the timeline says that a field was changed, where it is not one that names its fields.
_TELLS: Final = {
    "categories": ("categories.changed",),
    "urgency": ("urgency.changed",),
    "status": (
        "status.changed", "case.accepted", "case.closed", "case.reopened", "case.routed", "case.assigned",
        "case.declined",
    ),
    "owner_id": ("case.accepted", "case.assigned", "case.routed", "case.declined"),
}  # fmt: skip


class SettledOtherwise(Refusal):
    """Somebody decided already, and otherwise."""

    code = "conflict.settled"


@dataclass(frozen=True, slots=True)
class Clash:
    """A value that a device sent, and the other one that stays in its place. `hard` waits for a person."""

    kind: str
    doc_id: UUID
    field: str
    kept: Any
    lost: Any
    hard: bool = False


def keep_both(
    uow: UnitOfWork, case_id: UUID, clashes: Iterable[Clash], *, by: Worker, now: datetime
) -> list[Conflict]:
    """Both values of each clash stand in the timeline, with who wrote them and when.

    A text that lost becomes a note as well, so that it is on every device. The caller holds the case.
    """
    found = list(clashes)
    if not found:
        return []
    kept: list[Conflict] = []
    told = list(reversed(uow.timeline.of_case(case_id)))
    for clash in found:
        kept_by, kept_at = _who_wrote(told, clash)
        conflict = Conflict(
            new_id(now), case_id, clash.kind, clash.doc_id, clash.field, clash.hard, clash.kept, clash.lost,
            kept_by, kept_at, by.id, uow.claimed.at if uow.claimed else now, now,
        )  # fmt: skip
        uow.conflicts.add(conflict)
        kept.append(conflict)
        uow.tell(case_id, [_as_fact(conflict)], actor=by.id)
        if clash.field in _PROSE and isinstance(clash.lost, str):
            note = Note(new_id(now), case_id, by.id, clash.lost, restricted=False, at=now)
            uow.records.add_note(note)
            uow.tell(case_id, [NoteAdded(note.id, restricted=False)], actor=by.id)
    if any(clash.hard for clash in found):
        case = uow.cases.locked(case_id, None)
        if case and case.conflict != HARD:
            uow.cases.save(replace(case, conflict=HARD, updated_at=now))
    return kept


def see_conflicts(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[Conflict]:
    """The conflicts of a case, oldest first; the audit chain remembers who looked. Raises: NotFound."""
    worker.must_be_allowed(Action.READ_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    uow.audit.record(Deed("conflicts.read", str(worker.id), case_id))
    return uow.conflicts.of_case(case_id)


def settle(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, worker: Worker, case_id: UUID, conflict_id: UUID, *, choice: str, now: datetime
) -> CaseView:
    """A person said which value holds: `kept`, or `lost`, which is then written into its field.

    Saying the same again changes nothing. Raises: NotFound, SettledOtherwise, and as an edit.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case = locked_case(uow, worker, case_id)
    conflict = uow.conflicts.by_id([conflict_id]).get(conflict_id)
    if conflict is None or conflict.case_id != case_id:
        raise NotFound
    if conflict.settled_at:
        if conflict.choice != choice:
            raise SettledOtherwise
        return views_of(uow, [case])[0]
    if choice == LOST:
        _write(uow, worker, conflict, now=now)
    uow.conflicts.settle(conflict, choice=choice, by=worker.id, now=now)
    uow.tell(case_id, [ConflictSettled(conflict_id, conflict.field, choice)], actor=worker.id)
    return views_of(uow, [_at_peace(uow, case_id, now=now)])[0]


def _write(uow: UnitOfWork, worker: Worker, conflict: Conflict, *, now: datetime) -> None:
    fields = {conflict.field: conflict.lost}
    if conflict.kind == Kind.MEMBER:
        edit_member(uow, worker, conflict.doc_id, fields, now=now)
    elif conflict.kind == Kind.CASE:
        change = keeping.edit_of(fields)
        keeping.edit(uow, worker, conflict.case_id, change, seen=None, now=now)


def _at_peace(uow: UnitOfWork, case_id: UUID, *, now: datetime) -> Case:
    """The case, marked no more where no conflict of it waits."""
    case = uow.cases.locked(case_id, None)
    if case is None:
        raise NotFound
    if case.conflict is None or any(conflict.waits for conflict in uow.conflicts.of_case(case_id)):
        return case
    return uow.cases.save(replace(case, conflict=None, updated_at=now))


def _who_wrote(newest_first: list[TimelineItem], clash: Clash) -> tuple[str, datetime]:
    """Who wrote the value that stays, and when, as the timeline tells it."""
    for item in newest_first:
        named = clash.field in item.details.get("fields", ())
        of_member = item.details.get("member_id") == str(clash.doc_id)
        if clash.kind == Kind.MEMBER:
            wrote = item.kind == "member.changed" and of_member and named
        else:
            wrote = (item.kind == "details.changed" and named) or item.kind in _TELLS.get(clash.field, ())
        if wrote:
            return item.actor, item.at
    first = newest_first[-1]
    return first.actor, first.at


def _as_fact(conflict: Conflict) -> ConflictFound:
    kept, lost = (json.dumps(value, ensure_ascii=False) for value in (conflict.kept, conflict.lost))
    return ConflictFound(
        conflict.id, conflict.kind, conflict.doc_id, conflict.field, conflict.hard, conflict.kept_by,
        conflict.kept_at, conflict.lost_by, conflict.lost_at, kept, lost,
    )  # fmt: skip
