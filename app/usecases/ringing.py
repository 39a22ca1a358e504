"""Ringing a human for a caller: who is rung in which order, and joining the one who takes the call."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.calls.rules.calls import LONGEST_TALK, RING, RING_UNSCREENED, Call
from app.calls.rules.documents import Dial, Document, Gather, Goto, Hangup, Play
from app.cases.rules.facts import CallAnswered
from app.cases.rules.stages import AlreadyAccepted, Case, CaseIsClosed
from app.cases.store.records import ContactAttempt
from app.identity.rules import Role, Worker
from app.kernel.ids import new_id
from app.kernel.phone import Phone
from app.kernel.refusal import NotAllowed, NotFound
from app.usecases import case_work
from app.usecases.case_work import Command
from app.usecases.seeing import who_may_know
from app.usecases.unit_of_work import UnitOfWork

SCREEN: Document = (Gather((Play("ivr.staff_take"),)), Hangup())
JOIN: Document = ()
DECLINE: Document = (Hangup(),)
_TAKE_KEY = "1"


def next_to_ring(uow: UnitOfWork, call: Call) -> UUID | None:
    """The next worker to ring for this call; None where nobody is left who is on duty and free."""
    case = uow.cases.get(call.case_id, None) if call.case_id else None
    busy = uow.calls.busy_workers() | set(call.rung)
    wanted = [worker for worker in _in_turn(uow, call, case) if worker.id not in busy]
    if case:
        told = who_may_know(uow, case.id, [worker.id for worker in wanted])
        wanted = [worker for worker in wanted if worker.id in told]
    phones = uow.identity.phones(worker.id for worker in wanted)
    callers = uow.intake.phones([call.contact_point_id] if call.contact_point_id else []).values()
    for worker in wanted:
        phone, _ = phones.get(worker.id, (None, None))
        if phone and phone not in callers and not phone.costs_extra and phone not in uow.rulebook.own_numbers:
            return worker.id
    return None


def document(uow: UnitOfWork, call: Call) -> Document:
    """Ring the worker whose turn it is. They see the hotline's number, and have to press a key."""
    phone = _phone_of(uow, call.ringing)
    if phone is None:
        return (Goto(),)
    screened = uow.rulebook.screens_calls
    ring = RING if screened else RING_UNSCREENED
    return (Dial(phone, call.via, ring, LONGEST_TALK, screened),)


def call_rung(uow: UnitOfWork, call_id: UUID) -> Call | None:
    """The call for which a phone was rung, locked."""
    return uow.calls.locked(call_id)


def take(uow: UnitOfWork, call: Call, keys: str | None, *, now: datetime) -> Document:
    """The worker whose phone rang pressed a key, or none: with 1 they take the call, and its case.

    Pressing twice changes nothing.
    """
    if keys != _TAKE_KEY or call.ringing is None or call.ended_at:
        return DECLINE
    joined(uow, call, now=now)
    return JOIN


def joined(uow: UnitOfWork, call: Call, *, now: datetime) -> Call:
    """The worker who was rung talks with the caller: the case is theirs, if nobody else has taken it."""
    if call.answered_by or call.ringing is None:
        return call
    taken = replace(call, answered_by=call.ringing, answered_at=now)
    uow.calls.save(taken)
    worker = uow.identity.worker(call.ringing)
    if worker and call.case_id:
        uow.tell(call.case_id, [CallAnswered(call.id, worker.id)], actor=worker.id)
        _take_case(uow, worker, call.case_id, now=now)
    return taken


def _take_case(uow: UnitOfWork, worker: Worker, case_id: UUID, *, now: datetime) -> None:
    command = Command(worker, case_id)
    attempt = ContactAttempt(new_id(now), case_id, worker.id, "call", "reached", None, now)
    # Where somebody else has the case they talk with the person all the same: the timeline says so.
    with suppress(AlreadyAccepted, CaseIsClosed, NotFound, NotAllowed):
        case_work.accept(uow, command, now=now)
    with suppress(CaseIsClosed, NotFound, NotAllowed):
        case_work.add_contact_attempt(uow, command, attempt, now=now)


def _in_turn(uow: UnitOfWork, call: Call, case: Case | None) -> Iterator[Worker]:
    """Who may be rung: the case's owner, their colleagues who speak the language, the leads, coordinators."""
    owner = uow.identity.worker(case.owner_id) if case and case.owner_id else None
    if owner and owner.on_duty and owner.active:
        yield owner
    language = call.state.language
    workers = [worker for worker, _ in uow.identity.caseworkers() if worker.on_duty and worker is not owner]
    ours = [w for w in workers if case is None or w.organisation_id == case.organisation_id]
    yield from (worker for worker in ours if language in worker.languages)
    organisations = [case.organisation_id] if case and case.organisation_id else []
    for organisation_id in organisations:
        yield from _on_duty(uow, uow.identity.with_role(Role.DUTY_LEAD, organisation_id))
    yield from _on_duty(uow, uow.identity.with_role(Role.COORDINATOR, None))


def _on_duty(uow: UnitOfWork, ids: list[UUID]) -> Iterator[Worker]:
    found = (uow.identity.worker(worker_id) for worker_id in ids)
    yield from (worker for worker in found if worker and worker.on_duty)


def _phone_of(uow: UnitOfWork, worker_id: UUID | None) -> Phone | None:
    phones = uow.identity.phones([worker_id]) if worker_id else {}
    return next((phone for phone, _ in phones.values()), None)
