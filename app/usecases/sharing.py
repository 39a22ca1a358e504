"""Handing a case to others: only with consent, or over a missing one with a reason; each written down."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules import sharing
from app.cases.rules.consent import Consent, ConsentMissing, Minor, NotInCase, Recipient, closes, counts
from app.cases.rules.guards import is_minor
from app.cases.rules.protection import ReferralConfirmed, ReferralMade
from app.cases.rules.sharing import (
    BadRecipient,
    Basis,
    Disclosure,
    Ended,
    Item,
    Referral,
    ReferralState,
)
from app.cases.rules.stages import Case
from app.cases.store.records import Member
from app.identity.rules import Action, Role, Worker
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound
from app.outbox.rules import Purpose
from app.usecases.case_work import Command
from app.usecases.ending import CONFIRM, end_referral
from app.usecases.seeing import locked_case, sight_of, who_may_know
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import alert

_CONFIRM_WITHIN: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to hand over, to whom and what for.

    `people` are the person ids concerned, empty for every member. `override` names the ground on
    which it is to be done without the consent that it needs.
    """

    to: Recipient
    organisation_id: UUID | None
    recipient: str | None
    purpose: str
    items: tuple[Item, ...]
    reason: str
    people: tuple[UUID, ...] = ()
    override: Basis | None = None


def refer(uow: UnitOfWork, command: Command, wish: Wish, *, now: datetime) -> Referral:
    """Hand over what is listed, if everybody concerned consented, or by way of an override.

    Raises: NotAllowed, NotFound, IdConflict, CaseIsClosed, BadRecipient, NotInCase, ConsentMissing,
    ReasonTooShort.
    """
    if wish.override:
        command.worker.must_be_allowed(Action.OVERRIDE_CONSENT)
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if command.id is None:
        raise ValueError("a referral has an id, its device's or a new one")
    if not fresh:
        return _get(uow, command.id)
    case.must_be_open()
    _must_be_there(uow, case, wish)
    members = uow.records.members_of([case.id]).get(case.id, [])
    people = _concerned(members, wish.people)
    asking = uow.rulebook.consent.recipients[wish.to]
    referral = Referral(
        id=command.id, case_id=case.id, from_organisation_id=case.organisation_id, to=wish.to,
        organisation_id=wish.organisation_id, recipient=wish.recipient, purpose=wish.purpose,
        needs=asking.needs, items=sharing.ordered(wish.items), people=people, basis=Basis.CONSENT,
        reason=wish.reason, by=command.worker.id, at=now,
    )  # fmt: skip
    if not _all_agree(uow, case, members, referral, now=now):
        if wish.override is None:
            raise ConsentMissing
        referral = sharing.override(referral, asking, wish.override)
    uow.sharing.add(referral)
    uow.tell(case.id, [_made(referral)], actor=command.worker.id)
    if referral.state is ReferralState.NEEDS_SECOND:
        _ask_second(uow, case, referral, now=now)
    else:
        _disclose(uow, referral, now=now)
    return referral


def confirm(uow: UnitOfWork, worker: Worker, referral_id: UUID, *, now: datetime) -> Referral:
    """A second person agrees to an override that waits for one. Agreeing twice changes nothing.

    Raises: NotAllowed, NotFound, CaseIsClosed, NotWaiting, SamePerson.
    """
    worker.must_be_allowed(Action.OVERRIDE_CONSENT)
    case, referral = _locked(uow, worker, referral_id)
    confirmed = sharing.confirm(referral, by=worker.id, now=now)
    if confirmed == referral:
        return referral
    case.must_be_open()
    uow.sharing.save(confirmed)
    uow.tell(referral.case_id, [ReferralConfirmed(referral.id, referral.to)], actor=worker.id)
    uow.records.finish_tasks_about(referral.id, kind=CONFIRM, by=worker.id, now=now)
    _disclose(uow, confirmed, now=now)
    return confirmed


def revoke(uow: UnitOfWork, worker: Worker, referral_id: UUID, *, now: datetime) -> Referral:
    """End a referral: the recipient sees the case no more. Ending it twice changes nothing.

    Raises: NotAllowed, NotFound.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    _, referral = _locked(uow, worker, referral_id)
    return end_referral(uow, referral, Ended.REVOKED, actor=worker.id, now=now)


def see_referrals(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[Referral]:
    """What was handed over of a case, oldest first. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.WORK_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    uow.audit.record(Deed("referrals.read", str(worker.id), case_id))
    return uow.sharing.of_cases([case_id])


def see_disclosures(  # noqa: PLR0913 - the transaction and four ways to narrow the list
    uow: UnitOfWork,
    worker: Worker,
    *,
    since: datetime | None,
    until: datetime | None,
    overrides: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> tuple[list[Disclosure], bool]:
    """The register of what was handed over by the worker's organisation, newest first. Raises: NotAllowed."""
    worker.must_be_allowed(Action.READ_DISCLOSURES)
    uow.audit.record(Deed("disclosures.read", str(worker.id)))
    found = uow.sharing.register(
        sight_of(worker), since=since, until=until, overrides=overrides, after=after, limit=limit + 1
    )
    return found[:limit], len(found) > limit


def see_register(
    uow: UnitOfWork, *, since: datetime | None, until: datetime | None, overrides: bool
) -> list[Disclosure]:
    """The whole register, newest first, for whoever runs the installation; the audit chain remembers it."""
    uow.audit.record(Deed("disclosures.read", "cli"))
    return uow.sharing.register(None, since=since, until=until, overrides=overrides)


def minors_of(
    uow: UnitOfWork, case: Case, members: Iterable[Member], *, now: datetime
) -> dict[UUID | None, Minor]:
    """The children among a case's people; where a child is in the case, also those of unknown age."""
    known = uow.consents.guardians_of(case.id)
    found: dict[UUID | None, Minor] = {}
    for member in members:
        born = member.person.birth_date
        if is_minor(born, now.date()) if born else case.child_since is not None:
            guardian = known.get(member.id)
            found[member.person.id] = guardian.minor if guardian else Minor()
    if case.child_since is not None:
        found[None] = Minor()
    return found


def heed_no(uow: UnitOfWork, consent: Consent, *, now: datetime) -> None:
    """End every referral that this answer forbids, in whichever case of the person."""
    case_ids = {consent.case_id}
    if consent.person_id:
        case_ids |= uow.consents.cases_of(consent.person_id)
    for referral in uow.sharing.of_cases(case_ids):
        elsewhere = consent.organisation_id not in {None, referral.organisation_id}
        if elsewhere or not closes(consent.said, consent.purpose, [referral.needs]):
            continue
        if sharing.concerns(referral, consent.person_id):
            end_referral(uow, referral, Ended.CONSENT_WITHDRAWN, actor=consent.worker_id, now=now)


def end_without_consent(uow: UnitOfWork, person_id: UUID, *, now: datetime) -> None:
    """End what was handed over of a child on a consent that no longer counts."""
    for referral in uow.sharing.of_cases(uow.consents.cases_of(person_id)):
        if referral.basis is Basis.CONSENT and sharing.concerns(referral, person_id):
            end_referral(uow, referral, Ended.CONSENT_WITHDRAWN, actor="consent", now=now)


def end_those_to(uow: UnitOfWork, case_id: UUID, organisation_id: UUID, *, now: datetime) -> None:
    """End the referrals of a case to an organisation against which a wall stands now."""
    for referral in uow.sharing.of_cases([case_id]):
        if referral.organisation_id == organisation_id:
            end_referral(uow, referral, Ended.WALL, actor="walls", now=now)


def _locked(uow: UnitOfWork, worker: Worker, referral_id: UUID) -> tuple[Case, Referral]:
    """The referral, its case locked. Raises: NotFound, also where the case is not this worker's to see."""
    case = locked_case(uow, worker, _get(uow, referral_id).case_id)
    return case, _get(uow, referral_id)


def _get(uow: UnitOfWork, referral_id: UUID) -> Referral:
    found = uow.sharing.get(referral_id)
    if found is None:
        raise NotFound
    return found


def _must_be_there(uow: UnitOfWork, case: Case, wish: Wish) -> None:
    """Raises: BadRecipient."""
    if (wish.to is Recipient.ORGANISATION) != (wish.organisation_id is not None):
        raise BadRecipient
    if wish.organisation_id is None:
        return
    here = {organisation.id for organisation in uow.identity.organisations()}
    walled = uow.cases.guard_of(case.id).organisations
    if wish.organisation_id not in here - walled or wish.organisation_id == case.organisation_id:
        raise BadRecipient


def _concerned(members: Iterable[Member], named: Sequence[UUID]) -> tuple[UUID, ...]:
    """The people of whom something is handed over. Raises: NotInCase."""
    ours = [member.person.id for member in members]
    if not set(named) <= set(ours):
        raise NotInCase
    return tuple(person for person in ours if not named or person in named)


def _all_agree(
    uow: UnitOfWork, case: Case, members: Iterable[Member], referral: Referral, *, now: datetime
) -> bool:
    given = uow.consents.in_force(case.id, referral.people)
    minors = minors_of(uow, case, members, now=now)
    people: tuple[UUID | None, ...] = referral.people or (None,)
    return all(
        counts(given.get((person, referral.needs, referral.organisation_id)), minors.get(person))
        for person in people
    )


def _ask_second(uow: UnitOfWork, case: Case, referral: Referral, *, now: datetime) -> None:
    """Whoever may agree learns of it. Coordinators join: one supervisor alone is no second person."""
    coordinators = who_may_know(uow, case.id, uow.identity.with_role(Role.COORDINATOR, None))
    uow.cases.add_helpers([(case.id, one, Role.COORDINATOR) for one in coordinators], now)
    uow.records.add_task(
        kind=CONFIRM, case_id=case.id, subject_id=referral.id, due_at=now + _CONFIRM_WITHIN, now=now
    )
    supervisors = uow.identity.with_role(Role.SUPERVISOR, case.organisation_id)
    asked = [one for one in (*supervisors, *coordinators) if one != referral.by]
    alert(uow, asked, case, key="staff.second_wanted", purpose=Purpose.STAFF_ALERT, now=now)


def _disclose(uow: UnitOfWork, referral: Referral, *, now: datetime) -> None:
    uow.sharing.disclose(sharing.disclosed(referral, new_id(now), now=now))
    uow.audit.record(
        Deed("case.disclosed", str(referral.confirmed_by or referral.by), referral.case_id, {
            "referral": str(referral.id), "to": referral.to.value, "basis": referral.basis.value,
            "items": [item.value for item in referral.items],
        })
    )  # fmt: skip
    if referral.organisation_id and referral.to is Recipient.ORGANISATION:
        case = uow.cases.get(referral.case_id, None)
        leads = uow.identity.with_role(Role.DUTY_LEAD, referral.organisation_id)
        if case:
            alert(uow, leads, case, key="staff.referred", purpose=Purpose.STAFF_ALERT, now=now)


def _made(referral: Referral) -> ReferralMade:
    return ReferralMade(
        referral.id, referral.to, referral.organisation_id, tuple(item.value for item in referral.items),
        referral.basis, referral.state, referral.reason,
    )  # fmt: skip


__all__ = [
    "Disclosure",
    "Referral",
    "Wish",
    "confirm",
    "end_those_to",
    "end_without_consent",
    "heed_no",
    "minors_of",
    "refer",
    "revoke",
    "see_disclosures",
    "see_referrals",
    "see_register",
]
