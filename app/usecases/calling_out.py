"""A caseworker calls a person of a case through us: the worker is rung first, then the person."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from app.calls.rules import ivr
from app.calls.rules.calls import LONGEST_TALK, Call, Kind
from app.calls.rules.documents import Dial, Document, Gather, Hangup, Play
from app.calls.rules.ivr import Step
from app.cases.rules.stages import Case, CaseIsClosed
from app.cases.store.records import ContactAttempt
from app.identity.rules import Action, Worker
from app.kernel.language import Language, Script
from app.kernel.phone import Phone
from app.kernel.refusal import NotAllowed, NotFound, Refusal, Term
from app.kernel.urgency import Urgency
from app.usecases import case_work, dialling
from app.usecases.case_work import Command, IdConflict
from app.usecases.dialling import Refused, Wish
from app.usecases.seeing import locked_case
from app.usecases.unit_of_work import UnitOfWork

_CALL_KEY: Final = "1"
_RING_WORKER: Final = timedelta(seconds=25)
# A carrier that screens no calls cannot tell a person from a voicemail box, and nobody was reached in one:
# nobody listens to it for so long. Whoever did reach somebody sooner writes it down.
_LONGER_THAN_VOICEMAIL: Final = timedelta(minutes=1)
_RING_PERSON: Final = timedelta(seconds=30)
_HANG_UP: Final[Document] = (Hangup(),)
_NOT_SAFE: Final[Document] = (Play("ivr.staff_unsafe"), Hangup())
REACHED: Final = "reached"
_TO_THE_SECOND: Final = "%Y-%m-%dT%H:%M:%SZ"  # people read it too
NO_ANSWER: Final = "no_answer"


class UnsafeToCall(Refusal):
    """The person must not be called now: `because` is why, `next_safe_at` when they may be, if ever."""

    code = "unsafe_contact"
    words = "unsafe_contact.call"
    told: ClassVar = ("because", "next_safe_at")


class WhichPhone(Refusal):
    """The case has several phones, or none, and it was not said which."""

    code = "call.which_phone"
    status = 422


class WorkerHasNoPhone(Refusal):
    """We do not know where to ring the worker."""

    code = "call.worker_has_no_phone"


class CallGoingOn(Refusal):
    """The worker is being connected already."""

    code = "call.going_on"


class NobodyMakesCalls(Refusal):
    """This installation has no number to call from."""

    code = "call.nobody_makes_calls"


@dataclass(frozen=True, slots=True)
class Bridge:
    """How far a call has come that a worker asked for, and how long they talked.

    `status`: wanted, ringing_you, ringing_them, then reached, no_answer or not_made.
    """

    id: UUID
    status: str
    seconds: int | None


def start(uow: UnitOfWork, command: Command, phone_id: UUID | None, *, now: datetime) -> Bridge:
    """Have the worker rung, to be joined with the person. The same id again is the same call.

    Raises: NotFound, IdConflict, CaseIsClosed, WhichPhone, UnsafeToCall, WorkerHasNoPhone, CallGoingOn,
    NobodyMakesCalls.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh and command.id:
        return _bridge(uow, command.id, case.id)
    if not case.is_open:
        raise CaseIsClosed
    maker = uow.rulebook.call_maker
    if maker is None or maker.shows is None:
        raise NobodyMakesCalls
    rings, language = _phone_of(uow, command.worker)
    if uow.calls.bridging(command.worker.id):
        raise CallGoingOn
    phone = _chosen(uow, case, phone_id)
    point = uow.intake.contact_point(phone, language=Language.KM, script=Script.UNREADABLE, now=now)
    made = dialling.want(uow, Wish(
        kind=Kind.BRIDGE, rings=rings, for_whom=phone, via=maker.shows, ring=_RING_WORKER,
        state=ivr.begin(language=language, gate=True), contact_point_id=point.id, case_id=case.id,
        worker_id=command.worker.id, call_id=command.id, urgent=case.urgency is Urgency.U1,
    ), maker=maker, now=now)  # fmt: skip
    if isinstance(made, Refused):
        raise _unsafe(made)
    if made is None:
        raise IdConflict
    uow.calls.save(replace(made, ringing=command.worker.id))
    return _bridge(uow, made.id, case.id)


def see(uow: UnitOfWork, worker: Worker, case_id: UUID, call_id: UUID) -> Bridge:
    """How far a call of this case has come that a worker asked for. Raises: NotFound."""
    locked_case(uow, worker, case_id)
    return _bridge(uow, call_id, case_id)


def document(call: Call) -> Document:
    """What the worker hears who was just rung."""
    if call.state.step is not Step.GATE or call.ended_at:
        return _HANG_UP
    return (Gather((Play("ivr.staff_bridge"),)), Hangup())


def pressed(
    uow: UnitOfWork, call: Call, at: int, keys: str | None, *, now: datetime
) -> tuple[Call, Document]:
    """What follows once the worker pressed a key, or none: with 1 the person is called.

    Whether that is safe is asked again: minutes may have passed. A repeat gets the same and does nothing.
    """
    if at != call.state.documents or call.ended_at:
        return call, _dial(uow, call) if call.state.step is Step.RING else document(call)
    state = replace(call.state, documents=at + 1)
    phone = _person(uow, call)
    case = uow.cases.get(call.case_id, None) if call.case_id else None
    urgent = case is not None and case.urgency is Urgency.U1
    refused = phone is None or dialling.refusal_to_call(uow, phone, urgent=urgent, now=now)
    if keys != _CALL_KEY or refused:
        call = replace(call, state=replace(state, step=Step.GONE))
        said = _NOT_SAFE if keys == _CALL_KEY else _HANG_UP
    else:
        taken = replace(state, step=Step.RING)
        call = replace(call, state=taken, answered_by=call.worker_id, answered_at=now, pressed=True)
        said = _dial(uow, call)
    uow.calls.save(call)
    return call, said


def rang(
    uow: UnitOfWork, call: Call, at: int, *, talked: timedelta | None, now: datetime
) -> tuple[Call, Document]:
    """The person's phone was rung, and the talk, if there was one, is over."""
    if at == call.state.documents and call.state.step is Step.RING:
        step = Step.GONE if talked is None else Step.JOINED
        call = replace(call, state=replace(call.state, documents=at + 1, step=step))
        uow.calls.save(call)
        _attempted(uow, call, talked=talked, now=now)
    return call, _HANG_UP


def call_ended(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """The worker's line is dead. Some carriers do not say what became of the person's when it dies first.

    A ring ends by itself after a while: whoever was on the line for longer talked with somebody.
    """
    if call.state.step is not Step.RING or call.answered_at is None:
        return
    dialled_for = timedelta(seconds=call.seconds or 0) - (call.answered_at - call.began_at)
    _attempted(uow, call, talked=dialled_for if dialled_for > _RING_PERSON else None, now=now)


def _attempted(uow: UnitOfWork, call: Call, *, talked: timedelta | None, now: datetime) -> None:
    """The try to reach the person stands in the case, once."""
    worker = uow.identity.worker(call.worker_id) if call.worker_id else None
    if worker is None or call.case_id is None or uow.records.contact_attempts([call.id]):
        return
    reached = talked is not None and (uow.rulebook.screens_calls or talked >= _LONGER_THAN_VOICEMAIL)
    attempt = ContactAttempt(
        call.id, call.case_id, worker.id, "call", REACHED if reached else NO_ANSWER, None, now,
        seconds=round(talked.total_seconds()) if talked else 0, call_id=call.id,
    )  # fmt: skip
    # The case may have been closed, or given to others, while they talked; the call's own end is told.
    with suppress(CaseIsClosed, NotFound, NotAllowed):
        case_work.add_contact_attempt(uow, Command(worker, call.case_id), attempt, now=now)


def _dial(uow: UnitOfWork, call: Call) -> Document:
    phone = _person(uow, call)
    if phone is None:
        return _HANG_UP
    return (Dial(phone, call.via, _RING_PERSON, LONGEST_TALK, screened=False),)


def _person(uow: UnitOfWork, call: Call) -> Phone | None:
    found = uow.intake.phones([call.contact_point_id]) if call.contact_point_id else {}
    return next(iter(found.values()), None)


def _bridge(uow: UnitOfWork, call_id: UUID, case_id: UUID) -> Bridge:
    call = uow.calls.of_ids([call_id]).get(call_id)
    if call is None or call.kind is not Kind.BRIDGE or call.case_id != case_id:
        raise NotFound
    if attempt := uow.records.contact_attempts([call_id]).get(call_id):
        return Bridge(call_id, attempt.outcome, attempt.seconds)
    if call.ended_at or call.state.step is Step.GONE:
        return Bridge(call_id, "not_made", None)
    if call.state.step is Step.RING:
        return Bridge(call_id, "ringing_them", None)
    return Bridge(call_id, "ringing_you" if call.carrier_id else "wanted", None)


def _phone_of(uow: UnitOfWork, worker: Worker) -> tuple[Phone, Language]:
    phone, language = uow.identity.phones([worker.id]).get(worker.id, (None, ""))
    if phone is None or phone.costs_extra or phone in uow.rulebook.own_numbers:
        raise WorkerHasNoPhone
    return phone, Language.EN if language == Language.EN else Language.KM


def _chosen(uow: UnitOfWork, case: Case, phone_id: UUID | None) -> Phone:
    """The phone of the case with this id, or of the person with it; without one, the only one there is.

    Raises: WhichPhone.
    """
    known = uow.cases.phones_of(case.id)
    numbers = uow.intake.phones(point_id for point_id, _, _ in known)
    ids = {numbers[point_id]: {point_id, person_id} for point_id, person_id, _ in known}
    people = [member.person for member in uow.records.members_of([case.id]).get(case.id, [])]
    people += uow.records.people([case.reporter_id] if case.reporter_id else []).values()
    for person in people:
        if person.phone:
            ids.setdefault(person.phone, set()).add(person.id)
    wanted = [phone for phone, names in ids.items() if phone_id is None or phone_id in names]
    if len(wanted) != 1:
        raise WhichPhone
    return wanted[0]


def _unsafe(refused: Refused) -> UnsafeToCall:
    return UnsafeToCall(
        because=refused.because, why=Term(f"unsafe.{refused.because}"),
        next_safe_at=refused.next_at.strftime(_TO_THE_SECOND) if refused.next_at else None,
    )  # fmt: skip
