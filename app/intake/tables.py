"""What came in: the inbox as carriers gave it, the phones it came from, the messages read from it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import counted_field, json_field, partial_index, sealed_field, table_of


class InboxRow(SQLModel, table=True):
    """One thing that a carrier gave us, verbatim, committed before anyone understands it."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("carrier", "account", "carrier_id", name="inbox_once"),
        # Reception looks for what waits, in order; nearly all rows are done and not in here.
        partial_index("inbox_waiting", "number", where="state = 'stored'"),
        partial_index("inbox_waiting_by_sender", "sender_index", "number", where="state = 'stored'"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = counted_field()
    id: UUID = Field(unique=True)
    carrier: str
    account: str
    carrier_id: str
    kind: str
    sender_index: bytes
    raw: bytes = sealed_field(nullable=False)
    received_at: datetime
    state: str
    due_at: datetime
    attempts: int = 0
    problem: str | None = None
    message_id: UUID | None = Field(default=None, index=True)
    call_id: UUID | None = Field(default=None, foreign_key="call.id")
    scrubbed_at: datetime | None = None  # since when only what was read from it is kept


class ContactPointRow(SQLModel, table=True):
    """One phone that people write or call from. A phone is not a person."""

    __tablename__ = "contact_point"

    id: UUID = Field(primary_key=True)
    phone: bytes = sealed_field(nullable=False)
    phone_index: bytes = Field(unique=True)
    country: str | None = None
    language: str
    script: str
    first_seen_at: datetime
    last_seen_at: datetime
    forgotten_at: datetime | None = None  # since when it is nobody's number any more


class MessageRow(SQLModel, table=True):
    """One incoming text, byte for byte, with what triage made of it."""

    __tablename__ = "message"
    __table_args__ = (Index("message_same_body", "contact_point_id", "body_index", "received_at"),)

    id: UUID = Field(primary_key=True)
    contact_point_id: UUID | None = Field(default=None, foreign_key="contact_point.id")
    sender_kind: str
    carrier: str
    via: str
    carrier_id: str
    body: bytes = sealed_field(nullable=False)
    body_index: bytes
    script: str
    language: str
    received_at: datetime
    claimed_at: datetime | None = None
    triage: dict[str, Any] | None = json_field(nullable=True)
    duplicate_of: UUID | None = Field(default=None, foreign_key="message.id")


class MessageCaseRow(SQLModel, table=True):
    """That a message belongs to a case. A link, so that people who share a phone can be told apart later."""

    __tablename__ = "message_case"

    message_id: UUID = Field(primary_key=True, foreign_key="message.id")
    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id", index=True)
    linked_at: datetime


class ConversationRow(SQLModel, table=True):
    """What we asked the person at one phone: the open question, until it is too old, and those before it."""

    __tablename__ = "conversation"

    contact_point_id: UUID = Field(primary_key=True, foreign_key="contact_point.id")
    case_id: UUID = Field(foreign_key="case_file.id")
    asked: str | None = None
    asked_before: list[str] = json_field()
    asked_at: datetime
    expires_at: datetime


inbox = table_of(InboxRow)
contact_points = table_of(ContactPointRow)
messages = table_of(MessageRow)
message_cases = table_of(MessageCaseRow)
conversations = table_of(ConversationRow)
