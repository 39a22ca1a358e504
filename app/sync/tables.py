"""What devices pushed, word for word, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.store.columns import partial_index, sealed_field, table_of


class SyncOpRow(SQLModel, table=True):
    """One thing that a device did, and what was answered: the same again gets the same answer.

    The id is a fingerprint of who sent what. `said` is the row as it came, with the answer.
    """

    __tablename__ = "sync_op"
    __table_args__ = (partial_index("sync_op_unnoted", "id", where="noted_at IS NULL"),)

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id")
    device_id: str
    said: bytes = sealed_field(nullable=False)
    at: datetime = Field(index=True)
    noted_at: datetime | None = None  # since when it is known whom it names: here and below


class SyncRefusedRow(SQLModel, table=True):
    """A row that was refused, as it came, for whoever is in charge: its words must not be lost."""

    __tablename__ = "sync_refused"
    __table_args__ = (partial_index("sync_refused_unnoted", "id", where="noted_at IS NULL"),)

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id", index=True)
    device_id: str
    kind: str | None = None
    doc_id: UUID | None = None
    code: str
    said: bytes = sealed_field(nullable=False)
    at: datetime
    noted_at: datetime | None = None


class SyncHeldRow(SQLModel, table=True):
    """A row whose case is not here yet: its device, or another one, will still bring it."""

    __tablename__ = "sync_held"
    __table_args__ = (partial_index("sync_held_unnoted", "id", where="noted_at IS NULL"),)

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id")
    device_id: str
    parent_id: UUID = Field(index=True)
    said: bytes = sealed_field(nullable=False)
    app_schema: int
    at: datetime = Field(index=True)
    noted_at: datetime | None = None


class SyncIssueRow(SQLModel, table=True):
    """What a worker has to be told of something that a device of theirs pushed."""

    __tablename__ = "sync_issue"
    __table_args__ = (partial_index("sync_issue_unnoted", "id", where="noted_at IS NULL"),)

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id", index=True)
    code: str
    case_id: UUID | None = None
    about_kind: str | None = None
    about_id: UUID | None = None
    details: bytes = sealed_field(nullable=False, field="said")
    at: datetime
    seen_at: datetime | None = None
    noted_at: datetime | None = None


class SyncExtraRow(SQLModel, table=True):
    """Fields of a document that this version does not know: another version of the app does."""

    __tablename__ = "sync_extra"
    __table_args__ = (partial_index("sync_extra_unnoted", "doc_id", where="noted_at IS NULL"),)

    kind: str = Field(primary_key=True)
    doc_id: UUID = Field(primary_key=True)
    fields: bytes = sealed_field(nullable=False, row="doc_id", field="said", kind="kind")
    noted_at: datetime | None = None


ops = table_of(SyncOpRow)
refused = table_of(SyncRefusedRow)
held = table_of(SyncHeldRow)
issues = table_of(SyncIssueRow)
extras = table_of(SyncExtraRow)
