"""The audit chain's rows: the entries, and one row that says which is the last."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.store.columns import bytes_field, json_field, table_of


class AuditEntryRow(SQLModel, table=True):
    """One thing done or seen."""

    __tablename__ = "audit_entry"

    number: int = Field(primary_key=True)
    at: datetime
    actor: str
    action: str
    subject: UUID | None = Field(default=None, index=True)
    details: dict[str, Any] = json_field()
    previous: bytes = bytes_field()
    code: bytes = bytes_field()


class AuditHeadRow(SQLModel, table=True):
    """The last entry's number and code: cutting the end off is noticed here, and writers queue here."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True)
    number: int
    code: bytes = bytes_field()


entries = table_of(AuditEntryRow)
head = table_of(AuditHeadRow)
