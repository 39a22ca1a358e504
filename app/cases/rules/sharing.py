"""Handing a case to others: what is handed over, on which ground, who must agree, and how it ends."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.cases.rules.consent import Asking, Recipient
from app.kernel.refusal import Refusal

SHORTEST_REASON: Final = 20


class Item(StrEnum):
    """What may be handed over of a case; nothing that is not listed is shown to the recipient."""

    CATEGORIES = "categories"
    DESTINATION = "destination"
    SUMMARY = "summary"
    NAME = "name"
    AGE = "age"
    PHONE = "phone"
    NOTES = "notes"
    MESSAGES = "messages"


class Basis(StrEnum):
    """By which right something is handed over. Source: docs/sources.md#consent."""

    CONSENT = "consent"
    VITAL_INTEREST = "vital_interest"
    LEGAL_DEMAND = "legal_demand"


class ReferralState(StrEnum):
    """Where a referral is."""

    NEEDS_SECOND = "needs_second"
    OPEN = "open"
    REVOKED = "revoked"


class Ended(StrEnum):
    """Why a referral ended."""

    REVOKED = "revoked"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CASE_CLOSED = "case_closed"
    WALL = "wall"


class ReasonTooShort(Refusal):
    """Going over a missing consent needs a reason that others can judge."""

    code = "consent.reason_too_short"
    status = 422


class SamePerson(Refusal):
    """The second person must be another one."""

    code = "referral.same_person"
    status = 403


class NotWaiting(Refusal):
    """The referral waits for nobody."""

    code = "referral.not_waiting"


class BadRecipient(Refusal):
    """No such organisation, or one that has the case already."""

    code = "referral.bad_recipient"
    status = 422


@dataclass(frozen=True, slots=True)
class Referral:
    """A case, or some people of it, handed to somebody. `people` empty: whoever is not written down."""

    id: UUID
    case_id: UUID
    from_organisation_id: UUID | None
    to: Recipient
    organisation_id: UUID | None
    recipient: str | None
    purpose: str
    needs: str
    items: tuple[Item, ...]
    people: tuple[UUID, ...]
    basis: Basis
    reason: str
    by: UUID
    at: datetime
    state: ReferralState = ReferralState.OPEN
    confirmed_by: UUID | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: Ended | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state is not ReferralState.REVOKED


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One handing over, as the register keeps it."""

    id: UUID
    case_id: UUID
    referral_id: UUID
    from_organisation_id: UUID | None
    to: Recipient
    organisation_id: UUID | None
    recipient: str | None
    basis: Basis
    items: tuple[Item, ...]
    reason: str
    by: UUID
    second: UUID | None
    at: datetime
    case_code: str = ""

    @property
    def is_override(self) -> bool:
        """Whether it was handed over without consent."""
        return self.basis is not Basis.CONSENT


def override(referral: Referral, asking: Asking, basis: Basis) -> Referral:
    """The referral without the consent that it needs, for police only once a second person agreed.

    Raises: ReasonTooShort.
    """
    if len(referral.reason.strip()) < SHORTEST_REASON:
        raise ReasonTooShort(characters=SHORTEST_REASON)
    state = ReferralState.NEEDS_SECOND if asking.second_person else ReferralState.OPEN
    return replace(referral, basis=basis, state=state)


def confirm(referral: Referral, *, by: UUID, now: datetime) -> Referral:
    """The referral that a second person agreed to. Agreeing twice changes nothing.

    Raises: NotWaiting, SamePerson.
    """
    if referral.state is ReferralState.OPEN and referral.confirmed_by == by:
        return referral
    if referral.state is not ReferralState.NEEDS_SECOND:
        raise NotWaiting
    if referral.by == by:
        raise SamePerson
    return replace(referral, state=ReferralState.OPEN, confirmed_by=by, confirmed_at=now)


def end(referral: Referral, because: Ended, *, now: datetime) -> Referral:
    """The referral that is over; one that is over already stays as it ended."""
    if not referral.goes_on:
        return referral
    return replace(referral, state=ReferralState.REVOKED, ended_at=now, ended_because=because)


def concerns(referral: Referral, person_id: UUID | None) -> bool:
    """Whether the referral hands over something of this person; None is whoever is not written down."""
    return person_id in referral.people if person_id else not referral.people


def disclosed(referral: Referral, disclosure_id: UUID, *, now: datetime) -> Disclosure:
    """What the register says of this referral."""
    return Disclosure(
        disclosure_id, referral.case_id, referral.id, referral.from_organisation_id, referral.to,
        referral.organisation_id, referral.recipient, referral.basis, referral.items, referral.reason,
        referral.by, referral.confirmed_by, now,
    )  # fmt: skip


def ordered(items: Collection[Item]) -> tuple[Item, ...]:
    """The items once each, in the order of the list above."""
    return tuple(item for item in Item if item in items)
