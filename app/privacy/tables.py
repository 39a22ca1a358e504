"""Erasures with their receipts, and breaches, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.columns import json_field, partial_index, sealed_field, table_of


class ErasureRow(SQLModel, table=True):
    """That something was erased on request, and what, in numbers. Rows are only ever added."""

    __tablename__ = "erasure"
    __table_args__ = (Index("erasure_by_time", "at", "id"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(index=True)  # no foreign key: after a restore the case may not be there yet
    person_id: UUID | None = None
    notes: bool
    requested_by: str
    reason: bytes = sealed_field(nullable=False)
    worker_id: UUID
    at: datetime
    counts: dict[str, int] = json_field()
    spared_phones: int
    spared_people: int
    digest: str
    mac: str


class SyncMentionRow(SQLModel, table=True):
    """That a row of what devices sent names something, by its id. `kind` is empty but for extra fields."""

    __tablename__ = "sync_mention"
    __table_args__ = (Index("sync_mention_by_row", "said_in", "row_id"),)

    about: UUID = Field(primary_key=True)
    said_in: str = Field(primary_key=True)
    row_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)


class BreachRow(SQLModel, table=True):
    """One breach of personal data. `warned` counts how often those in charge were told of its time."""

    __tablename__ = "breach"
    __table_args__ = (partial_index("breach_due", "due_at", where="state = 'open'"),)

    id: UUID = Field(primary_key=True)
    kinds: list[str] = json_field()
    what: bytes = sealed_field(nullable=False)
    records_estimate: int | None = None
    happened_at: datetime | None = None
    noticed_at: datetime
    due_at: datetime
    written_by: UUID = Field(foreign_key="worker.id")
    written_at: datetime
    state: str
    notified_at: datetime | None = None
    closed_at: datetime | None = None
    warned: int = 0


erasures = table_of(ErasureRow)
breaches = table_of(BreachRow)
mentions = table_of(SyncMentionRow)
