"""Affected people edited one by one, and two values of one field between which a person decides."""

from uuid import UUID

from app.api.doors import Asked, Door, lets, may_answer
from app.api.sync_shapes import ConflictOut, Conflicts, MemberPatch, SettleIn, ValueOut
from app.api.views import CaseOut
from app.identity.rules import Action
from app.usecases import affected, conflicts
from app.usecases.seeing import see_case

door = Door(prefix="/v1/cases/{case_id}", tags=["work on a case"])


@door.patch("/members/{member_id}", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def edit_member(asked: Asked, case_id: UUID, member_id: UUID, body: MemberPatch) -> CaseOut:
    """Edit what is known of one affected person (JSON merge patch)."""
    with asked.office.work(asked.now) as uow:
        affected.edit_member(uow, asked.worker, member_id, body.changes(), case_id=case_id, now=asked.now)
        return CaseOut.of(see_case(uow, asked.worker, case_id), in_full=True)


@door.get("/conflicts", responses=may_answer(404))
@lets(Action.READ_CASES)
def list_conflicts(asked: Asked, case_id: UUID) -> Conflicts:
    """Where two people wrote another value into one field, oldest first. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        found = conflicts.see_conflicts(uow, asked.worker, case_id)
    return Conflicts(
        items=[
            ConflictOut(
                id=one.id, kind=one.kind, doc_id=one.doc_id, field=one.field, hard=one.hard,
                kept=ValueOut(value=one.kept, by=one.kept_by, at=one.kept_at),
                lost=ValueOut(value=one.lost, by=str(one.lost_by), at=one.lost_at),
                found_at=one.found_at, settled_at=one.settled_at, settled_by=one.settled_by,
                choice=one.choice,
            )
            for one in found
        ]
    )  # fmt: skip


@door.post("/conflicts/{conflict_id}/settle", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def settle(asked: Asked, case_id: UUID, conflict_id: UUID, body: SettleIn) -> CaseOut:
    """Say which of two values holds."""
    with asked.office.work(asked.now) as uow:
        view = conflicts.settle(uow, asked.worker, case_id, conflict_id, choice=body.choice, now=asked.now)
    return CaseOut.of(view, in_full=True)
