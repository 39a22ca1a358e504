"""What came of one incoming text or call: its case, where it went and why, and what was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.cases.rules.stages import Case
from app.escalation.store import Timer
from app.usecases.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Said:
    """One answer to a text."""

    to: str
    body: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where a case is; `because` is why it is there."""

    case: Case | None = None
    organisation: str | None = None
    owner: str | None = None
    next_timer: Timer | None = None
    because: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Told):
    """What came of one text."""

    message_id: UUID
    replies: tuple[Said, ...]


def answer_of(uow: UnitOfWork, carrier: str, account: str, carrier_id: str) -> Answer | None:
    """What came of the text, or None while reception has not taken it."""
    found = uow.intake.of_arrival(carrier, account, carrier_id)
    if found is None or found[1] is None:
        return None
    message_id = found[1]
    replies = tuple(Said(to, body, parts) for _, to, body, parts in uow.outbox.answer_to(message_id))
    told = told_of(uow, uow.intake.cases_of([message_id]).get(message_id))
    return Answer(
        message_id=message_id, replies=replies, case=told.case, organisation=told.organisation,
        owner=told.owner, next_timer=told.next_timer, because=told.because,
    )  # fmt: skip


def told_of(uow: UnitOfWork, case_id: UUID | None) -> Told:
    """Where a case is, for whoever tries the service out."""
    case = uow.cases.get(case_id, None) if case_id else None
    if case is None:
        return Told()
    routed = [item for item in uow.timeline.of_case(case.id) if item.kind == "case.routed"]
    organisations = uow.identity.organisation_names()
    names = uow.identity.names([case.owner_id] if case.owner_id else [])
    return Told(
        case=case,
        organisation=organisations[case.organisation_id][1] if case.organisation_id else None,
        owner=names.get(case.owner_id) if case.owner_id else None,
        next_timer=uow.timers.next_of([case.id]).get(case.id),
        because=tuple(routed[-1].details["because"]) if routed else (),
    )
