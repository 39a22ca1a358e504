"""The JSON of what lies around a case: trade and origin, companies, money that came back."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas import CommandIn, Taken
from app.circumstances.rules import Party, PartyKind, Recovery
from app.usecases.fields import CountryCode, Line, Wages
from app.usecases.surroundings import Around


class CircumstancesPatch(Taken):
    """A merge patch (RFC 7396): what is absent stays, null empties. The codes are in the reference data."""

    sector: str | None = Field(default=None, max_length=40, examples=["fisheries"])
    origin_province: str | None = Field(default=None, max_length=5, examples=["KH-6"])


class PartyIn(CommandIn):
    """A recruiter, employer, broker or site, by one of its names."""

    kind: PartyKind
    name: Line = Field(examples=["Sok San Group"])
    country: CountryCode | None = None
    licence: Line | None = None


class PartyOut(BaseModel):
    """A party with all its names, the first known first. A disputed one is on no list for others."""

    id: UUID
    kind: PartyKind
    names: list[str]
    country: str | None
    licence: str | None
    disputed_since: datetime | None

    @classmethod
    def of(cls, one: Party) -> "PartyOut":
        """What is shown of a party."""
        return cls(
            id=one.id, kind=one.kind, names=list(one.names), country=one.country, licence=one.licence,
            disputed_since=one.disputed_since,
        )  # fmt: skip


class Parties(BaseModel):
    """Parties of the register."""

    items: list[PartyOut]


class NameIn(Taken):
    """Another name of a party."""

    name: Line = Field(examples=["ក្រុមហ៊ុន សុខ សាន្ត"])


class MergeIn(Taken):
    """The party that stays."""

    into: UUID


class RecoveryIn(CommandIn):
    """Money that came back: to one person of the case, or to all of them."""

    amount: Wages
    day: date
    member_id: UUID | None = None


class RecoveryOut(BaseModel):
    """Money that came back on a day."""

    id: UUID
    case_id: UUID
    member_id: UUID | None
    amount: Wages
    day: date
    by: UUID
    at: datetime

    @classmethod
    def of(cls, one: Recovery) -> "RecoveryOut":
        """What is shown of a recovery."""
        amount = Wages(amount_minor=one.amount.amount_minor, currency=one.amount.currency)
        return cls(
            id=one.id, case_id=one.case_id, member_id=one.member_id, amount=amount, day=one.day,
            by=one.worker_id, at=one.at,
        )  # fmt: skip


class CircumstancesOut(BaseModel):
    """What lies around a case."""

    case_id: UUID
    sector: str | None
    origin_province: str | None
    parties: list[PartyOut]
    recovered: list[RecoveryOut]

    @classmethod
    def of(cls, around: Around) -> "CircumstancesOut":
        """What is shown of it."""
        return cls(
            case_id=around.known.case_id,
            sector=around.known.sector,
            origin_province=around.known.origin_province,
            parties=[PartyOut.of(one) for one in around.parties],
            recovered=[RecoveryOut.of(one) for one in around.recovered],
        )
