"""What can become true of what lies around a case: its trade and origin, the companies in it, money back."""

from dataclasses import dataclass
from uuid import UUID

from app.cases.rules.facts import Fact


@dataclass(frozen=True, slots=True)
class CircumstancesChanged(Fact):
    """The trade or the province of origin is another."""

    kind = "circumstances.changed"
    sector: str | None
    origin_province: str | None


@dataclass(frozen=True, slots=True)
class PartyAdded(Fact):
    """A recruiter, employer, broker or site has to do with the case."""

    kind = "party.added"
    party_id: UUID
    party_kind: str


@dataclass(frozen=True, slots=True)
class PartyRemoved(Fact):
    """It has nothing to do with the case after all."""

    kind = "party.removed"
    party_id: UUID


@dataclass(frozen=True, slots=True)
class MoneyRecovered(Fact):
    """Money came back to the people of the case."""

    kind = "money.recovered"
    recovery_id: UUID
    member_id: UUID | None
    amount_minor: int
    currency: str
    day: str
