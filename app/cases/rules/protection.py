"""What can become true of how a case is protected: consent, referrals, walls, holds, children."""

from dataclasses import dataclass
from uuid import UUID

from app.cases.rules.facts import Fact


@dataclass(frozen=True, slots=True)
class ConsentChanged(Fact):
    """A person said yes or no to a purpose, or took it back."""

    kind = "consent.changed"
    consent_id: UUID
    person_id: UUID | None
    purpose: str
    organisation_id: UUID | None
    said: str
    by: str
    channel: str


@dataclass(frozen=True, slots=True)
class ReferralMade(Fact):
    """Something of the case is handed over, or waits for a second person."""

    kind = "referral.made"
    referral_id: UUID
    to: str
    organisation_id: UUID | None
    items: tuple[str, ...]
    basis: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReferralConfirmed(Fact):
    """A second person agreed to a handing over without consent."""

    kind = "referral.confirmed"
    referral_id: UUID
    to: str


@dataclass(frozen=True, slots=True)
class ReferralEnded(Fact):
    """A handing over is over; the recipient sees the case no more."""

    kind = "referral.ended"
    referral_id: UUID
    to: str
    organisation_id: UUID | None
    because: str


@dataclass(frozen=True, slots=True)
class WallRaised(Fact):
    """The case is kept from somebody."""

    kind = "wall.raised"
    wall_id: UUID
    worker_id: UUID | None
    organisation_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class WallLifted(Fact):
    """The case is kept from somebody no more."""

    kind = "wall.lifted"
    wall_id: UUID


@dataclass(frozen=True, slots=True)
class HoldSet(Fact):
    """Nothing of the case may be erased."""

    kind = "hold.set"
    reason: str


@dataclass(frozen=True, slots=True)
class HoldLifted(Fact):
    """What is over its time may be erased again."""

    kind = "hold.lifted"


@dataclass(frozen=True, slots=True)
class ChildFound(Fact):
    """A child is affected, or may be."""

    kind = "child.found"


@dataclass(frozen=True, slots=True)
class GuardianChanged(Fact):
    """Something else is known of a child's guardian or assent; the names of what changed."""

    kind = "guardian.changed"
    member_id: UUID
    fields: tuple[str, ...]
    guardian_is_suspect: bool
