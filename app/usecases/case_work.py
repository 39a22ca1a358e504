"""What caseworkers and those in charge do with a case that exists: accept, decline, note, contact, close."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.cases.rules import stages
from app.cases.rules.facts import CaseAssigned, CaseClosed, ContactAttempted, Fact, NoteAdded
from app.cases.rules.sharing import Ended
from app.cases.rules.stages import AlreadyAccepted, Case, Outcome, Status
from app.cases.store.records import ContactAttempt, Note
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Action, Role, Worker
from app.kernel.refusal import Refusal
from app.outbox.rules import Purpose
from app.usecases import clocks
from app.usecases.ending import end_all
from app.usecases.opening import route_again, take_from_barred
from app.usecases.seeing import locked_case, who_may_know
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import alert


class IdConflict(Refusal):
    """The id was used before for something else."""

    code = "id_conflict"


class OutcomeUnknown(Refusal):
    """No such outcome."""

    code = "case.outcome_unknown"
    status = 422


class NotEligible(Refusal):
    """The case cannot be given to this worker or organisation."""

    code = "assignment.not_eligible"
    status = 422


@dataclass(frozen=True, slots=True)
class Command:
    """Who asks for something, of which case; `id` is the device's own, to make repeating it safe.

    `content` is what was asked: the same id with another content is another request.
    """

    worker: Worker
    case_id: UUID
    id: UUID | None = None
    content: str = ""

    def begin(
        self, uow: UnitOfWork, action: Action, now: datetime, *, with_shared: bool = False
    ) -> tuple[Case, bool]:
        """The case, locked, and whether the command is to be carried out (False: it was already).

        `with_shared` lets those do it to whom the case was only referred.
        Raises: NotAllowed, NotFound, IdConflict.
        """
        self.worker.must_be_allowed(action)
        case = locked_case(uow, self.worker, self.case_id, with_shared=with_shared)
        if self.id is None:
            return case, True
        first = uow.records.first_time(self.id, self.worker.id, self._fingerprint(uow), now)
        if first is None:
            raise IdConflict
        return case, first

    def was_done(self, uow: UnitOfWork) -> bool:
        """Whether this very request was carried out before, wherever its case is now."""
        return self.id is not None and uow.records.repeated(self.id, self.worker.id, self._fingerprint(uow))

    def _fingerprint(self, uow: UnitOfWork) -> bytes:
        return uow.vault.index("command", f"{self.case_id}\x00{self.content}")


def accept(uow: UnitOfWork, command: Command, *, now: datetime) -> Case:
    """The worker owns the case. Of two at once one wins, and the other is told who has it.

    Raises: NotFound, CaseIsClosed, AlreadyAccepted.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return case
    try:
        taken, facts = stages.accept(case, by=command.worker.id, now=now)
    except AlreadyAccepted as refusal:
        raise _by_name(uow, case, refusal) from None
    if not facts:
        return case
    saved = _save(uow, replace(taken, overdue_since=None), facts, by=command.worker)
    clocks.stop(uow, saved, [ClockKind.ACCEPT], now=now)
    clocks.keep_running(uow, saved, [ClockKind.REVIEW], now=now)
    return saved


def decline(uow: UnitOfWork, command: Command, *, reason: str, now: datetime) -> Case:
    """The case goes to the next eligible worker, or to the coordinator; it waits no longer for that.

    It may leave the worker's sight with this; a repeat is answered all the same.
    Raises: NotFound, CaseIsClosed, NotOwner.
    """
    gone = uow.cases.get(command.case_id, None) if command.was_done(uow) else None
    if gone:
        return gone
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return case
    given_back, facts = stages.decline(case, by=command.worker.id, reason=reason, now=now)
    uow.cases.add_decline(case.id, command.worker.id, now)
    saved = _save(uow, given_back, facts, by=command.worker)
    routed = route_again(uow, saved, now=now)
    clocks.stop(uow, routed, [ClockKind.REVIEW], now=now)
    clocks.adapt(uow, case, routed, now=now)
    clocks.keep_running(uow, routed, [ClockKind.ACCEPT], now=now)
    return routed


def assign(uow: UnitOfWork, command: Command, to: CaseAssigned, *, now: datetime) -> Case:
    """Give the case to a worker, or to an organisation; whoever gets it has to accept it.

    Raises: NotFound, NotAllowed, CaseIsClosed, NotEligible.
    """
    case, fresh = command.begin(uow, Action.ASSIGN_CASES, now)
    if not fresh:
        return case
    target = _eligible(uow, command.worker, to, case)
    assigned, facts = stages.assign(case, target, now=now)
    saved = _save(uow, replace(assigned, overdue_since=None), facts, by=command.worker)
    if command.worker.role is Role.COORDINATOR:
        uow.cases.add_helpers([(case.id, command.worker.id, Role.COORDINATOR)], now)
    clocks.stop(uow, saved, [ClockKind.REVIEW], now=now)
    clocks.start(uow, saved, [ClockKind.ACCEPT], now=now)
    if saved.first_contact_at is None:
        clocks.keep_running(uow, saved, [ClockKind.FIRST_CONTACT], now=now)
    _tell_takers(uow, saved, now=now)
    return saved


def add_note(uow: UnitOfWork, command: Command, *, text: str, restricted: bool, now: datetime) -> Note:
    """A note, under the device's id or a new one. The same note again is the same note.

    Raises: NotFound, IdConflict.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now, with_shared=True)
    note = Note(_own_id(command), case.id, command.worker.id, text, restricted, now)
    if not fresh:
        return uow.records.notes([note.id])[note.id]
    uow.records.add_note(note)
    _progress(uow, case, [NoteAdded(note.id, restricted)], by=command.worker, now=now)
    return note


def add_contact_attempt(
    uow: UnitOfWork, command: Command, attempt: ContactAttempt, *, now: datetime
) -> ContactAttempt:
    """A try to reach somebody; the first one stops the clock of first contact.

    Raises: NotFound, CaseIsClosed, IdConflict.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return uow.records.contact_attempts([attempt.id])[attempt.id]
    contacted = stages.record_contact(case, now=now)
    uow.records.add_contact_attempt(attempt)
    clocks.stop(uow, case, [ClockKind.FIRST_CONTACT], now=now)
    fact = ContactAttempted(attempt.id, attempt.channel, attempt.outcome, attempt.seconds, attempt.call_id)
    _progress(uow, contacted, [fact], by=command.worker, now=now)
    return attempt


def set_status(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork,
    command: Command,
    to: Status,
    *,
    reason: str | None,
    until: datetime | None,
    now: datetime,
) -> Case:
    """Move the case to another stage by hand.

    Raises: NotFound, CaseIsClosed, BadStatus.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return case
    moved, facts = stages.change_status(case, to, reason=reason, until=until, now=now)
    return _progress(uow, moved, facts, by=command.worker, now=now) if facts else case


def close(uow: UnitOfWork, command: Command, closing: CaseClosed, *, now: datetime) -> Case:
    """End the case with an outcome; every clock stops.

    Raises: NotFound, OutcomeUnknown, CaseIsClosed.
    """
    if closing.outcome not in set(Outcome):
        raise OutcomeUnknown
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return case
    closed, facts = stages.close(case, closing, now=now)
    if not facts:
        return case
    saved = _save(uow, replace(closed, overdue_since=None), facts, by=command.worker)
    uow.outbox.safety.end(saved.id, now)
    end_all(uow, saved.id, Ended.CASE_CLOSED, actor=command.worker.id, now=now)
    clocks.stop(uow, saved, clocks.ALL, now=now)
    return saved


def reopen(uow: UnitOfWork, command: Command, *, reason: str, now: datetime) -> Case:
    """Start the case again under its code; its clocks begin anew.

    Raises: NotFound, CaseIsNotClosed.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if not fresh:
        return case
    reopened, facts = stages.reopen(case, reason=reason, now=now)
    saved = _save(uow, reopened, facts, by=command.worker)
    uow.outbox.safety.end(saved.id, None)
    clocks.start(uow, saved, [ClockKind.ACCEPT, ClockKind.FIRST_CONTACT], now=now)
    moved = take_from_barred(uow, saved, now=now)
    if moved is saved and saved.owner_id != command.worker.id:
        _tell_takers(uow, saved, now=now)
    return moved


def _save(uow: UnitOfWork, case: Case, facts: Iterable[Fact], *, by: Worker) -> Case:
    saved = uow.cases.save(case)
    uow.tell(case.id, facts, actor=by.id)
    return saved


def _progress(uow: UnitOfWork, case: Case, facts: Iterable[Fact], *, by: Worker, now: datetime) -> Case:
    """Somebody did something for the case: the review clock of an accepted case begins anew."""
    saved = _save(uow, replace(case, overdue_since=None, updated_at=now), facts, by=by)
    if saved.is_open and saved.accepted_at is not None:
        clocks.start(uow, saved, [ClockKind.REVIEW], now=now)
    return saved


def _eligible(uow: UnitOfWork, by: Worker, to: CaseAssigned, case: Case) -> CaseAssigned:
    """The target with its organisation. Leads give within their own organisation, coordinators to any."""
    organisation_id = to.organisation_id
    if to.owner_id:
        owner = uow.identity.worker(to.owner_id)
        if owner is None or not owner.may(Action.WORK_CASES) or owner.organisation_id is None:
            raise NotEligible
        if organisation_id not in {None, owner.organisation_id}:
            raise NotEligible
        if not who_may_know(uow, case.id, [owner.id]):
            raise NotEligible
        organisation_id = owner.organisation_id
    if organisation_id not in {organisation.id for organisation in uow.identity.organisations()}:
        raise NotEligible
    guard = uow.cases.guard_of(case.id)
    if organisation_id in guard.organisations or (guard.child and not _any_trained(uow, organisation_id)):
        raise NotEligible
    if by.role is not Role.COORDINATOR and organisation_id != by.organisation_id:
        raise NotEligible
    return replace(to, organisation_id=organisation_id)


def _any_trained(uow: UnitOfWork, organisation_id: UUID | None) -> bool:
    """Whether somebody there would see a case with a child."""
    there = uow.identity.colleagues(organisation_id)
    return any(one.trained_for_children and one.organisation_id == organisation_id for one in there)


def _tell_takers(uow: UnitOfWork, case: Case, *, now: datetime) -> None:
    """Alert whoever has to accept the case now: its owner, the duty leads of its queue, or coordinators."""
    if case.owner_id:
        takers = [case.owner_id]
    elif case.organisation_id:
        takers = uow.identity.with_role(Role.DUTY_LEAD, case.organisation_id)
    else:
        takers = uow.identity.with_role(Role.COORDINATOR, None)
    alert(uow, takers, case, key="staff.handed_over", purpose=Purpose.STAFF_ALERT, now=now)


def _by_name(uow: UnitOfWork, case: Case, refusal: AlreadyAccepted) -> AlreadyAccepted:
    """The refusal with what the owner is called: whoever came second will want to talk to them."""
    names = uow.identity.names([case.owner_id] if case.owner_id else [])
    return AlreadyAccepted(**{**refusal.details, "owner": next(iter(names.values()), None)})


def _own_id(command: Command) -> UUID:
    assert command.id is not None  # noqa: S101 - the edge makes an id where the device sent none
    return command.id
