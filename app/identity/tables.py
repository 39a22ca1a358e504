"""Organisations, workers, their tokens and secrets, failed sign-ins and allowances, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import json_field, sealed_field, table_of


class OrganisationRow(SQLModel, table=True):
    """An NGO, as last loaded from `config/organisations.yaml`."""

    __tablename__ = "organisation"

    id: UUID = Field(primary_key=True)
    code: str = Field(unique=True)
    name: str
    categories: list[str] = json_field()
    destinations: list[str] = json_field()
    languages: list[str] = json_field()
    always_open: bool
    capacity: int
    verified: bool
    active: bool


class WorkerRow(SQLModel, table=True):
    """Someone who signs in."""

    __tablename__ = "worker"

    id: UUID = Field(primary_key=True)
    username: str = Field(unique=True)
    password_hash: str
    role: str = Field(index=True)
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id", index=True)
    name: bytes | None = sealed_field()
    phone: bytes | None = sealed_field()
    languages: list[str] = json_field()
    on_duty: bool
    active: bool
    is_demo: bool
    last_assigned_at: datetime | None = None
    trained_for_children_at: datetime | None = None
    created_at: datetime


class TokenRow(SQLModel, table=True):
    """One pair of tokens, as hashes. The pairs that follow from one sign-in bear its `family_id`."""

    __tablename__ = "token"

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id", index=True)
    device_id: str | None = None
    access_hash: bytes = Field(unique=True)
    refresh_hash: bytes = Field(unique=True)
    access_until: datetime
    refresh_until: datetime
    created_at: datetime
    replaced_at: datetime | None = None
    revoked_at: datetime | None = None
    family_id: UUID = Field(index=True)
    signed_in_at: datetime | None = None
    duress: bool


class DeviceRow(SQLModel, table=True):
    """A phone or computer of a worker that holds copies of cases. No `device_id`: whatever gave none.

    `lineage` names the history that its cursors belong to, and `issued` is the newest number that it
    was ever given: a cursor beyond it comes from a time that this database has forgotten.
    """

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("worker_id", "device_id", name="device_once"),)

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id")
    device_id: str = Field(index=True)
    name: bytes | None = sealed_field()
    app_schema: int | None = None
    lineage: bytes
    issued: int = Field(sa_column=Column(BigInteger, nullable=False))
    registered_at: datetime
    seen_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: UUID | None = Field(default=None, foreign_key="worker.id")


class SignInAttemptRow(SQLModel, table=True):
    """Failed sign-ins for one name at one place or everywhere, whether or not a worker bears it."""

    __tablename__ = "sign_in_attempt"

    name_index: bytes = Field(primary_key=True)
    failed: int
    last_at: datetime = Field(index=True)


class CredentialRow(SQLModel, table=True):
    """What a worker signs in with besides the password. `totp_since` is null until the first code came."""

    __tablename__ = "credential"

    worker_id: UUID = Field(primary_key=True, foreign_key="worker.id")
    totp_secret: bytes | None = sealed_field(row="worker_id")
    totp_since: datetime | None = None
    totp_step: int | None = None
    duress_hash: str | None = None
    reset_index: bytes | None = None
    reset_until: datetime | None = None


class RecoveryCodeRow(SQLModel, table=True):
    """A code that stands in for a lost phone once; its row goes when it is used."""

    __tablename__ = "recovery_code"

    code_index: bytes = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id", index=True)


class AllowanceRow(SQLModel, table=True):
    """How much somebody has used up: `spent_until`, in seconds since 1970, runs ahead of the clock."""

    __tablename__ = "allowance"

    who_index: bytes = Field(primary_key=True)
    spent_until: float


organisations = table_of(OrganisationRow)
workers = table_of(WorkerRow)
tokens = table_of(TokenRow)
devices = table_of(DeviceRow)
attempts = table_of(SignInAttemptRow)
credentials = table_of(CredentialRow)
recovery_codes = table_of(RecoveryCodeRow)
allowances = table_of(AllowanceRow)
