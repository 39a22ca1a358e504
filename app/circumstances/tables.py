"""The trade and origin of a case, the companies in it, and money that came back, as rows."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import sealed_field, table_of


class CircumstancesRow(SQLModel, table=True):
    """In which trade the people of a case work, and from which province of Cambodia they come."""

    __tablename__ = "case_circumstances"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    sector: str | None = None
    origin_province: str | None = None
    updated_at: datetime
    updated_by: UUID = Field(foreign_key="worker.id")


class PartyRow(SQLModel, table=True):
    """A recruiter, employer, broker or site. One that was found to be another points to it."""

    __tablename__ = "party"

    id: UUID = Field(primary_key=True)
    kind: str
    country: str | None = None
    licence: str | None = None
    merged_into: UUID | None = Field(default=None, foreign_key="party.id", index=True)
    disputed_since: datetime | None = None
    created_at: datetime
    created_by: UUID = Field(foreign_key="worker.id")


class PartyNameRow(SQLModel, table=True):
    """One name of a party, in any script; its index finds the same name whoever writes it."""

    __tablename__ = "party_name"
    __table_args__ = (UniqueConstraint("kind", "name_index", name="party_name_once"),)

    id: UUID = Field(primary_key=True)
    party_id: UUID = Field(foreign_key="party.id", index=True)
    kind: str
    name: bytes = sealed_field(nullable=False)
    name_index: bytes
    at: datetime


class CasePartyRow(SQLModel, table=True):
    """That a party has to do with a case."""

    __tablename__ = "case_party"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    party_id: UUID = Field(primary_key=True, foreign_key="party.id", index=True)
    added_at: datetime
    added_by: UUID = Field(foreign_key="worker.id")


class RecoveryRow(SQLModel, table=True):
    """Money that came back to the people of a case on a day. Rows are only ever added."""

    __tablename__ = "recovery"
    __table_args__ = (Index("recovery_by_day", "day", "id"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    member_id: UUID | None = Field(default=None, foreign_key="case_member.id")
    minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    day: date
    worker_id: UUID = Field(foreign_key="worker.id")
    at: datetime


circumstances = table_of(CircumstancesRow)
parties = table_of(PartyRow)
party_names = table_of(PartyNameRow)
case_parties = table_of(CasePartyRow)
recoveries = table_of(RecoveryRow)
