"""Work on a case: accept, decline, note, contact, stage, close, reopen, assign."""

from uuid import UUID

from app.api.doors import Asked, Asking, Door, lets, may_answer
from app.api.schemas import AssignIn, CloseIn, CommandIn, ContactAttemptIn, NoteIn, ReasonIn, StatusIn
from app.api.views import CaseOut, ContactAttemptOut, NoteOut
from app.cases.rules.facts import CaseAssigned, CaseClosed
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.usecases import case_work
from app.usecases.case_work import Command
from app.usecases.seeing import Case, ContactAttempt, view_for
from app.usecases.unit_of_work import UnitOfWork

door = Door(prefix="/v1/cases/{case_id}", tags=["work on a case"])


@door.post("/accept", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def accept(asked: Asked, case_id: UUID, body: CommandIn | None = None) -> CaseOut:
    """Take the case on. When somebody else has it, the answer says who."""
    command = _command(asked, case_id, body or CommandIn(), "accept")
    with asked.office.work(asked.now) as uow:
        return _shown(uow, asked, case_work.accept(uow, command, now=asked.now))


@door.post("/decline", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def decline(asked: Asked, case_id: UUID, body: ReasonIn) -> CaseOut:
    """Give the case back with a reason: it goes to the next eligible worker at once."""
    command = _command(asked, case_id, body, "decline")
    with asked.office.work(asked.now) as uow:
        return _shown(uow, asked, case_work.decline(uow, command, reason=body.reason, now=asked.now))


@door.post("/notes", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def add_note(asked: Asked, case_id: UUID, body: NoteIn) -> NoteOut:
    """Write something down. The same `id` again is the same note."""
    command = _command(asked, case_id, body, "note")
    with asked.office.work(asked.now) as uow:
        note = case_work.add_note(uow, command, text=body.text, restricted=body.restricted, now=asked.now)
    return NoteOut(
        id=note.id, case_id=note.case_id, author_id=note.author_id, text=note.text,
        restricted=note.restricted, at=note.at,
    )  # fmt: skip


@door.post("/contact-attempts", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def add_contact_attempt(asked: Asked, case_id: UUID, body: ContactAttemptIn) -> ContactAttemptOut:
    """Write down a try to reach somebody; the first one stops the clock of first contact."""
    command = _command(asked, case_id, body, "contact")
    attempt = ContactAttempt(
        id=command.id or new_id(asked.now), case_id=case_id, author_id=asked.worker.id,
        channel=body.channel, outcome=body.outcome, note=body.note, at=asked.now,
    )  # fmt: skip
    with asked.office.work(asked.now) as uow:
        kept = case_work.add_contact_attempt(uow, command, attempt, now=asked.now)
    return ContactAttemptOut(
        id=kept.id, case_id=kept.case_id, author_id=kept.author_id, channel=kept.channel,
        outcome=kept.outcome, note=kept.note, at=kept.at, seconds=kept.seconds, call_id=kept.call_id,
    )  # fmt: skip


@door.post("/status", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def set_status(asked: Asked, case_id: UUID, body: StatusIn) -> CaseOut:
    """Move the case to another stage: `in_progress`, `on_hold` (until a day) or `resolved`."""
    command = _command(asked, case_id, body, "status")
    with asked.office.work(asked.now) as uow:
        moved = case_work.set_status(
            uow, command, body.status, reason=body.reason, until=body.until, now=asked.now
        )
        return _shown(uow, asked, moved)


@door.post("/close", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def close(asked: Asked, case_id: UUID, body: CloseIn) -> CaseOut:
    """End the case with an outcome; every clock stops."""
    command = _command(asked, case_id, body, "close")
    closing = CaseClosed(body.outcome, body.client_informed, body.note)
    with asked.office.work(asked.now) as uow:
        return _shown(uow, asked, case_work.close(uow, command, closing, now=asked.now))


@door.post("/reopen", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def reopen(asked: Asked, case_id: UUID, body: ReasonIn) -> CaseOut:
    """Start a closed case again, under the same code."""
    command = _command(asked, case_id, body, "reopen")
    with asked.office.work(asked.now) as uow:
        return _shown(uow, asked, case_work.reopen(uow, command, reason=body.reason, now=asked.now))


@door.post("/assign", responses=may_answer(404, 409))
@lets(Action.ASSIGN_CASES)
def assign(asked: Asked, case_id: UUID, body: AssignIn) -> CaseOut:
    """Give the case to a worker or to an organisation's queue; whoever gets it has to accept it."""
    command = _command(asked, case_id, body, "assign")
    to = CaseAssigned(body.organisation_id, body.owner_id, body.reason)
    with asked.office.work(asked.now) as uow:
        return _shown(uow, asked, case_work.assign(uow, command, to, now=asked.now))


def _command(asked: Asking, case_id: UUID, body: CommandIn, verb: str) -> Command:
    content = f"{verb} {body.model_dump_json(exclude={'id'})}"
    own_id = body.id or (new_id(asked.now) if isinstance(body, (NoteIn, ContactAttemptIn)) else None)
    return Command(asked.worker, case_id, own_id, content)


def _shown(uow: UnitOfWork, asked: Asking, case: Case) -> CaseOut:
    return CaseOut.of(view_for(uow, asked.worker, case), in_full=True)
