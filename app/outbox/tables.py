"""Words to send, what became of them, and what is known of whether a phone may be written to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import json_field, partial_index, sealed_field, table_of


class OutboxRow(SQLModel, table=True):
    """One text to one phone. `phone_index` finds the phone without opening it."""

    __tablename__ = "outbox"
    __table_args__ = (
        # The sender looks for what is due, by carrier; nearly all rows are done and not in here.
        partial_index("outbox_due", "carrier", "via", "due_at", where="state IN ('queued', 'sending')"),
        partial_index("outbox_over", "expires_at", where="state IN ('queued', 'sending')"),
        Index("outbox_by_phone", "phone_index", "created_at"),
        # A carrier's own id names one text of ours.
        Index("outbox_by_carrier_id", "carrier", "carrier_id", unique=True),
        # Each incoming text gets at most one answer, whatever is retried.
        Index("outbox_one_answer", "answers_id", unique=True),
    )

    id: UUID = Field(primary_key=True)
    purpose: str
    case_id: UUID | None = Field(default=None, foreign_key="case_file.id", index=True)
    worker_id: UUID | None = Field(default=None, foreign_key="worker.id")
    answers_id: UUID | None = Field(default=None, foreign_key="message.id")
    carrier: str
    via: str
    phone: bytes = sealed_field(nullable=False)
    phone_index: bytes
    body: bytes = sealed_field(nullable=False)
    language: str
    parts: int
    automatic: bool
    state: str
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    offered_at: datetime | None = None
    carrier_id: str | None = None
    error_code: str | None = None
    history: list[dict[str, Any]] = json_field()
    wrote_at: datetime | None = None


class PhoneRuleRow(SQLModel, table=True):
    """What is known of one phone: whether it asked for silence, whether it takes texts at all."""

    __tablename__ = "phone_rule"

    phone_index: bytes = Field(primary_key=True)
    opted_out_at: datetime | None = None
    cannot_text_since: datetime | None = None
    blocked_until: datetime | None = None


class SafeContactRow(SQLModel, table=True):
    """What was told of how a phone may be used, in one case: by the person's own answers, or by a caseworker.

    `hours` are windows as `{"begins": "20:00", "ends": "06:00", "days": [0]}`. `ended_at` is when the
    case was closed: what it knew then counts only where no open case knows better. `also_within` are hours
    that bind as well, each with its zone: two people wrote down others at once.
    """

    __tablename__ = "safe_contact"
    __table_args__ = (
        UniqueConstraint("case_id", "phone_index", "source", name="safe_contact_once"),
        Index("safe_contact_by_phone", "phone_index"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    phone_index: bytes
    source: str
    worker_id: UUID | None = Field(default=None, foreign_key="worker.id")
    at: datetime
    may_text: str
    may_call: str
    may_leave_voicemail: str
    hours: list[dict[str, Any]] = json_field()
    zone: str | None = None
    shared: str
    held_by_employer: str
    code_word: bytes | None = sealed_field()
    code_word_heard_at: datetime | None = None
    language: str | None = None
    after_dropped_call: str
    valid_until: datetime | None = None
    ended_at: datetime | None = None
    version: int | None = None  # how often this source wrote it down; None: once, before it was counted
    also_within: list[dict[str, Any]] | None = json_field(nullable=True)


outbox = table_of(OutboxRow)
phone_rules = table_of(PhoneRuleRow)
safe_contacts = table_of(SafeContactRow)
