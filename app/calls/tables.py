"""Calls, their recordings, the rings that we call back, the calls that we make, and prompts, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import json_field, partial_index, sealed_field, table_of


class CallRow(SQLModel, table=True):
    """One call with a machine of ours at one end, and how far it has come in the menu."""

    __tablename__ = "call"
    __table_args__ = (
        # A call that we make has no id at the carrier until it is placed; ids are unique where there are any.
        Index("call_once", "carrier", "account", "carrier_id", unique=True),
        # What is watched for calls whose end no carrier told us.
        partial_index("call_going_on", "ends_by", where="ended_at IS NULL"),
    )

    id: UUID = Field(primary_key=True)
    kind: str  # hotline | missed | callback | bridge | desk
    carrier: str
    account: str
    carrier_id: str | None = None
    via: str
    contact_point_id: UUID | None = Field(default=None, foreign_key="contact_point.id", index=True)
    worker_id: UUID | None = Field(default=None, foreign_key="worker.id")
    case_id: UUID | None = Field(default=None, foreign_key="case_file.id", index=True)
    sender_kind: str
    step: str
    language: str
    documents: int
    mistakes: int = 0
    repeats: int = 0
    rings: int = 0
    danger: bool = False
    problem: str | None = None
    safe: str | None = None
    recording: bool = True
    pressed: bool = False  # whether the caller ever pressed a key
    silent: bool = False  # the caller stayed on the line and said nothing
    message: bool = False  # the caller left a message
    typed_number: bytes | None = sealed_field()
    rung: list[str] = json_field()  # the workers whom we rang, in turn
    ringing_id: UUID | None = Field(default=None, foreign_key="worker.id")
    answered_by: UUID | None = Field(default=None, foreign_key="worker.id")
    answered_at: datetime | None = None
    began_at: datetime
    ended_at: datetime | None = None
    ended_as: str | None = None
    seconds: int | None = None
    ends_by: datetime


class RecordingRow(SQLModel, table=True):
    """What a caller left: announced by the carrier, fetched and sealed here, deleted there."""

    __tablename__ = "recording"
    __table_args__ = (
        UniqueConstraint("carrier", "account", "carrier_id", name="recording_once"),
        partial_index("recording_due", "due_at", where="state IN ('announced', 'kept')"),
        partial_index("recording_orphan", "announced_at", where="call_id IS NULL"),
        # What is let go when it is old, and what the sweep of files asks for by name.
        partial_index("recording_old", "kept_at", where="file_name IS NOT NULL"),
        partial_index("recording_file", "file_name", where="file_name IS NOT NULL", unique=True),
    )

    id: UUID = Field(primary_key=True)
    carrier: str
    account: str
    carrier_id: str
    call_carrier_id: str
    call_id: UUID | None = Field(default=None, foreign_key="call.id", index=True)
    state: str  # announced | kept | finished | failed | erased
    seconds: int
    size_bytes: int = 0
    media_type: str | None = None
    file_name: str | None = None
    file_key: bytes | None = sealed_field()
    announced_at: datetime
    kept_at: datetime | None = None
    deleted_there_at: datetime | None = None
    erased_at: datetime | None = None
    due_at: datetime
    attempts: int = 0
    problem: str | None = None


class MissedCallRow(SQLModel, table=True):
    """Rings from one phone that we did not answer, and how far calling back has come."""

    __tablename__ = "missed_call"
    __table_args__ = (
        # One phone waits to be called back once at a time, however often it rings.
        partial_index(
            "missed_call_open", "contact_point_id", where="stage IN ('waiting', 'calling')", unique=True
        ),
        partial_index("missed_call_due", "due_at", where="stage = 'waiting'"),
        Index("missed_call_by_phone", "contact_point_id", "last_at"),
    )

    id: UUID = Field(primary_key=True)
    contact_point_id: UUID = Field(foreign_key="contact_point.id")
    via: str
    rings: int
    first_at: datetime
    last_at: datetime
    tries: int = 0
    stage: str  # waiting | calling | reached | given_up | refused | answered
    because: str | None = None
    urgent_at: datetime | None = None  # since when so many rings are a sign of danger
    due_at: datetime
    call_id: UUID | None = Field(default=None, foreign_key="call.id", index=True)


class DialRow(SQLModel, table=True):
    """A call that the carrier is to make for us: wanted, leased by one dialler, placed once."""

    __tablename__ = "dial"
    __table_args__ = (
        partial_index("dial_due", "due_at", where="state IN ('wanted', 'leased')"),
        Index("dial_by_day", "kind", "created_at"),
        Index("dial_by_phone", "phone_index", "created_at"),
    )

    call_id: UUID = Field(primary_key=True, foreign_key="call.id")
    kind: str  # callback | bridge
    phone: bytes = sealed_field(nullable=False, row="call_id")
    phone_index: bytes
    via: str
    state: str  # wanted | leased | placed | failed | given_up
    ring_seconds: int
    detect_machine: bool
    urgent: bool  # whether quiet hours that nobody agreed on do not hold
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    placed_at: datetime | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    error_code: str | None = None


class PromptRow(SQLModel, table=True):
    """The recording of one prompt in one language; the sound itself is a file."""

    __tablename__ = "prompt"

    key: str = Field(primary_key=True)
    language: str = Field(primary_key=True)
    address: str = Field(unique=True)  # the unguessable part of its address
    media_type: str
    size_bytes: int
    sha256: str
    milliseconds: int
    text_sha256: str  # of the words that it was made for
    made_by: UUID | None = Field(default=None, foreign_key="worker.id")
    made_at: datetime


class PromptDeskRow(SQLModel, table=True):
    """That a worker may record prompts by phone until then, with a PIN."""

    __tablename__ = "prompt_desk"

    worker_id: UUID = Field(primary_key=True, foreign_key="worker.id")
    phone_index: bytes = Field(unique=True)
    pin_hash: str
    language: str
    expires_at: datetime
    failures: int = 0
    key: str | None = None  # the prompt that is asked for
    skipped: list[str] = json_field()
    undeleted: list[str] = json_field()  # the carrier's ids of recordings that it may still hold
    # What was recorded of it, and is neither kept nor thrown away yet.
    draft_address: str | None = Field(default=None, unique=True)
    draft_carrier_id: str | None = None
    draft_media_type: str | None = None
    draft_size_bytes: int | None = None
    draft_sha256: str | None = None
    draft_milliseconds: int | None = None


calls = table_of(CallRow)
recordings = table_of(RecordingRow)
missed_calls = table_of(MissedCallRow)
dials = table_of(DialRow)
prompts = table_of(PromptRow)
prompt_desks = table_of(PromptDeskRow)
