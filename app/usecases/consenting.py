"""Asking people for their consent: what each answered, who answers for a child, and what ends with a no."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.consent import SERVICES, By, Channel, Consent, Minor, NotInCase, Said, counts
from app.cases.rules.guards import is_minor
from app.cases.rules.protection import ConsentChanged, GuardianChanged
from app.cases.rules.stages import Case
from app.cases.store.consents import Guardian
from app.cases.store.records import Member
from app.identity.rules import Action, Worker
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound
from app.outbox.rules import NOTHING_KNOWN, Known
from app.outbox.store import Source, Told
from app.usecases import sharing
from app.usecases.case_work import Command
from app.usecases.seeing import locked_case, sight_of
from app.usecases.unit_of_work import UnitOfWork

_ASK_TO_ERASE_WITHIN: Final = timedelta(days=1)
_STORE: Final = "store_identified"


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered, as a worker writes it down. `member_id` or `person_id` says who."""

    purpose: str
    said: Said
    by: By
    channel: Channel
    language: str
    person_id: UUID | None = None
    member_id: UUID | None = None
    organisation_id: UUID | None = None
    witness: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentView:
    """One answer, and whether anything may be handed over on the strength of it."""

    consent: Consent
    counts: bool


@dataclass(frozen=True, slots=True)
class Consents:
    """What holds now, of everybody in a case, and every answer that was ever given, oldest first.

    `unasked` names person and purpose of what nobody has answered yet.
    """

    now: tuple[ConsentView, ...]
    unasked: tuple[tuple[UUID | None, str], ...]
    history: tuple[Consent, ...]


@dataclass(frozen=True, slots=True)
class GuardianWish:
    """What a worker knows of who answers for a child, all of it."""

    name: str | None
    phone: Phone | None
    assent: Said
    guardian_is_suspect: bool


def see_consents(uow: UnitOfWork, worker: Worker, case_id: UUID, *, now: datetime) -> Consents:
    """Who consented to what in a case; the audit chain remembers who looked. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.WORK_CASES)
    case = uow.cases.get(case_id, sight_of(worker))
    if case is None:
        raise NotFound
    uow.audit.record(Deed("consents.read", str(worker.id), case_id))
    members = uow.records.members_of([case_id]).get(case_id, [])
    people: list[UUID | None] = [member.person.id for member in members]
    people += [case.reporter_id] if case.reporter_id else []
    history = uow.consents.history(case_id, [person for person in people if person])
    newest = {consent.about: consent for consent in history}
    minors = sharing.minors_of(uow, case, members, now=now)
    shown = tuple(ConsentView(one, counts(one, minors.get(one.person_id))) for one in newest.values())
    answered = {(person, purpose) for person, purpose, _ in newest}
    unasked = [
        (person, purpose)
        for person in people or [None]
        for purpose in uow.rulebook.consent.purposes
        if (person, purpose) not in answered
    ]
    return Consents(shown, tuple(unasked), tuple(history))


def answer(uow: UnitOfWork, command: Command, given: Answer, *, now: datetime) -> ConsentView:
    """Keep an answer. A no ends at once what was handed over on the strength of a yes.

    Closed cases take it too: people may change their minds later.
    Raises: NotAllowed, NotFound, IdConflict, BadPurpose, NotInCase.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if command.id is None:
        raise ValueError("an answer has an id, its device's or a new one")
    members = uow.records.members_of([case.id]).get(case.id, [])
    minors = sharing.minors_of(uow, case, members, now=now)
    if not fresh:
        kept = uow.consents.get(command.id)
        if kept is None:
            raise NotFound
        return ConsentView(kept, counts(kept, minors.get(kept.person_id)))
    uow.rulebook.consent.must_know(given.purpose, given.organisation_id)
    person_id = _person(case, members, given)
    if given.organisation_id and given.organisation_id not in uow.identity.organisation_names():
        raise NotInCase
    consent = Consent(
        command.id, case.id, person_id, given.purpose, given.organisation_id, given.said, given.by,
        given.channel, given.language, command.worker.id, now, given.witness,
    )  # fmt: skip
    uow.consents.add(consent)
    uow.tell(case.id, [_fact(consent)], actor=command.worker.id)
    sharing.heed_no(uow, consent, now=now)
    if given.said is Said.WITHDRAWN and given.purpose in {SERVICES, _STORE}:
        uow.records.add_task(
            kind="consent_withdrawn", case_id=case.id, subject_id=consent.id,
            due_at=now + _ASK_TO_ERASE_WITHIN, now=now,
        )  # fmt: skip
    return ConsentView(consent, counts(consent, minors.get(person_id)))


def see_guardian(uow: UnitOfWork, worker: Worker, case_id: UUID, member_id: UUID) -> Guardian | None:
    """Who answers for a child; None where nobody wrote it down. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.WORK_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    _member(uow, case_id, member_id)
    uow.audit.record(Deed("guardian.read", str(worker.id), member_id))
    return uow.consents.guardians_of(case_id).get(member_id)


def set_guardian(
    uow: UnitOfWork, worker: Worker, child: tuple[UUID, UUID], wish: GuardianWish, *, now: datetime
) -> Guardian:
    """Who answers for a child, given as case and member, in place of what was known.

    A guardian who is suspected of the harm is never called or written to.
    Raises: NotAllowed, NotFound, NotInCase, where the member is known to be grown up.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case_id, member_id = child
    case = locked_case(uow, worker, case_id)
    member = _member(uow, case_id, member_id)
    if member.person.birth_date and not is_minor(member.person.birth_date, now.date()):
        raise NotInCase
    before = uow.consents.guardians_of(case_id).get(member_id)
    minor = Minor(wish.assent, wish.guardian_is_suspect)
    after = Guardian(member_id, case_id, wish.name, wish.phone, minor, worker.id, now)
    changed = _changed(before, after)
    if before and not changed:
        return before
    uow.consents.set_guardian(after)
    uow.tell(case_id, [GuardianChanged(member_id, changed, minor.guardian_is_suspect)], actor=worker.id)
    if minor.guardian_is_suspect and wish.phone:
        _keep_from_guardian(uow, case, wish.phone, worker, now=now)
    if minor.guardian_is_suspect or minor.assent in {Said.REFUSED, Said.WITHDRAWN}:
        sharing.end_without_consent(uow, member.person.id, now=now)
    return after


def _keep_from_guardian(uow: UnitOfWork, case: Case, phone: Phone, worker: Worker, *, now: datetime) -> None:
    index = uow.outbox.phone_index(phone)
    before = uow.outbox.safety.in_case(case.id).get(index, {}).get(Source.CASEWORKER)
    safe = replace(
        before.safe if before else NOTHING_KNOWN,
        may_call=Known.NO, may_text=Known.NO, may_leave_voicemail=Known.NO,
    )  # fmt: skip
    told = Told(case.id, index, Source.CASEWORKER, safe, now, worker.id, ended_at=case.closed_at)
    uow.outbox.safety.tell(told)


def _member(uow: UnitOfWork, case_id: UUID, member_id: UUID) -> Member:
    members = uow.records.members_of([case_id]).get(case_id, [])
    found = next((member for member in members if member.id == member_id), None)
    if found is None:
        raise NotFound
    return found


def _person(case: Case, members: Iterable[Member], given: Answer) -> UUID | None:
    """Whose answer it is; None for whoever is not written down yet. Raises: NotInCase."""
    by_member = {member.id: member.person.id for member in members}
    if given.member_id is not None:
        if given.member_id not in by_member:
            raise NotInCase
        return by_member[given.member_id]
    if given.person_id is not None and given.person_id not in {*by_member.values(), case.reporter_id}:
        raise NotInCase
    return given.person_id


def _fact(consent: Consent) -> ConsentChanged:
    return ConsentChanged(
        consent.id, consent.person_id, consent.purpose, consent.organisation_id, consent.said, consent.by,
        consent.channel,
    )  # fmt: skip


def _changed(before: Guardian | None, after: Guardian) -> tuple[str, ...]:
    values = {
        "name": (before.name if before else None, after.name),
        "phone": (before.phone if before else None, after.phone),
        "assent": (before.minor.assent if before else Said.NOT_ASKED, after.minor.assent),
        "guardian_is_suspect": (
            before.minor.guardian_is_suspect if before else False, after.minor.guardian_is_suspect,
        ),
    }  # fmt: skip
    return tuple(name for name, (old, new) in values.items() if old != new)


__all__ = [
    "Answer",
    "ConsentView",
    "Consents",
    "Guardian",
    "GuardianWish",
    "answer",
    "see_consents",
    "see_guardian",
    "set_guardian",
]
