"""Cases and everything that hangs on them, as rows."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store.columns import json_field, partial_index, sealed_field, table_of

_OPEN = "closed_at IS NULL"


class CaseRow(SQLModel, table=True):
    """One case. While it is not closed it has an owner or waits in a queue."""

    __tablename__ = "case_file"
    __table_args__ = (
        CheckConstraint(
            "closed_at IS NOT NULL OR owner_id IS NOT NULL OR queue IS NOT NULL", name="case_never_dropped"
        ),
        # The lists that people look at, newest first, and the load of one worker or organisation.
        Index("case_by_organisation", "organisation_id", "opened_at", "id"),
        Index("case_by_owner", "owner_id", "opened_at", "id"),
        Index("case_by_opening", "opened_at", "id"),
        Index("case_by_change", "organisation_id", "updated_at", "id"),
        partial_index("case_open_by_owner", "owner_id", where=_OPEN),
        partial_index("case_open_by_organisation", "organisation_id", where=_OPEN),
        partial_index("case_queue", "queue", where=_OPEN),
        partial_index("case_over", "closed_at", where="closed_at IS NOT NULL"),
    )

    id: UUID = Field(primary_key=True)
    code: str = Field(unique=True)
    status: str
    urgency: str
    categories: list[str] = json_field()
    reasons: bytes | None = sealed_field()
    language: str
    origin_channel: str
    destination_country: str | None = None
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    owner_id: UUID | None = Field(default=None, foreign_key="worker.id")
    queue: str | None = None
    member_count: int
    reporter_id: UUID | None = Field(default=None, foreign_key="person.id")
    summary: bytes | None = sealed_field()
    opened_at: datetime
    accepted_at: datetime | None = None
    first_contact_at: datetime | None = None
    closed_at: datetime | None = None
    hold_until: datetime | None = None
    outcome: str | None = None
    client_informed: str | None = None
    overdue_since: datetime | None = None
    child_since: datetime | None = None
    conflict: str | None = None
    version: int
    event_count: int = 0
    updated_at: datetime
    scrubbed_at: datetime | None = None  # since when no words of its texts are kept
    pseudonymised_at: datetime | None = None  # since when nothing in it names anybody


class CaseCategoryRow(SQLModel, table=True):
    """That a case has a category, so that cases can be found by it."""

    __tablename__ = "case_category"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    category: str = Field(primary_key=True, index=True)


class CaseHelperRow(SQLModel, table=True):
    """Someone whom an escalation added to a case: helpers are added, the owner is never removed."""

    __tablename__ = "case_helper"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    worker_id: UUID = Field(primary_key=True, foreign_key="worker.id", index=True)
    role: str
    added_at: datetime


class CaseDeclineRow(SQLModel, table=True):
    """That a worker declined a case: routing does not ask them again."""

    __tablename__ = "case_decline"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    worker_id: UUID = Field(primary_key=True, foreign_key="worker.id")
    at: datetime


class CasePhoneRow(SQLModel, table=True):
    """That a phone is a way to someone in a case; which person, where that is known."""

    __tablename__ = "case_phone"

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    contact_point_id: UUID = Field(primary_key=True, foreign_key="contact_point.id", index=True)
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    added_at: datetime


class PersonRow(SQLModel, table=True):
    """A human being in a case: affected, or reporting for someone else."""

    __tablename__ = "person"
    __table_args__ = (partial_index("person_born_open", "id", where="birth_date IS NOT NULL"),)

    id: UUID = Field(primary_key=True)
    name: bytes | None = sealed_field()
    phone: bytes | None = sealed_field()
    phone_index: bytes | None = None
    sex: str
    born: bytes | None = sealed_field()  # the whole day
    birth_year: int | None = None  # open, for it is counted; it stays when the day goes
    birth_date: date | None = None  # as it was kept before: `spean work` seals it
    language: str | None = None
    created_at: datetime


class MemberRow(SQLModel, table=True):
    """One affected person of a case whom a worker wrote down; the case counts those not written down yet."""

    __tablename__ = "case_member"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    person_id: UUID = Field(foreign_key="person.id")
    status: str
    outcome: str | None = None
    flags: list[str] | None = json_field(nullable=True)
    wages_minor: int | None = Field(default=None, sa_column=Column(BigInteger))
    wages_currency: str | None = None
    created_at: datetime


class CaseEventRow(SQLModel, table=True):
    """One item of a case's timeline. `details` holds codes and ids; free text is sealed in `private`."""

    __tablename__ = "case_event"
    __table_args__ = (UniqueConstraint("case_id", "number", name="case_event_order"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    number: int
    kind: str
    at: datetime
    actor: str
    details: dict[str, Any] = json_field()
    private: bytes | None = sealed_field()


class NoteRow(SQLModel, table=True):
    """What a worker wrote down. Notes are only ever added."""

    __tablename__ = "note"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    author_id: UUID = Field(foreign_key="worker.id")
    text: bytes = sealed_field(nullable=False)
    restricted: bool
    at: datetime


class ContactAttemptRow(SQLModel, table=True):
    """One try to reach somebody of a case."""

    __tablename__ = "contact_attempt"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    author_id: UUID = Field(foreign_key="worker.id")
    channel: str
    outcome: str
    note: bytes | None = sealed_field()
    at: datetime
    seconds: int | None = None
    call_id: UUID | None = Field(default=None, foreign_key="call.id")


class ConflictRow(SQLModel, table=True):
    """Two values of one field by two people, of which one was kept. A `hard` one waits for a person."""

    __tablename__ = "case_conflict"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    kind: str
    doc_id: UUID
    field: str
    hard: bool
    kept: bytes = sealed_field(nullable=False)
    lost: bytes = sealed_field(nullable=False)
    kept_by: str
    kept_at: datetime
    lost_by: UUID = Field(foreign_key="worker.id")
    lost_at: datetime
    found_at: datetime
    settled_at: datetime | None = None
    settled_by: UUID | None = Field(default=None, foreign_key="worker.id")
    choice: str | None = None


class TaskRow(SQLModel, table=True):
    """Something a human must do, with the case it belongs to, if any."""

    __tablename__ = "task"
    __table_args__ = (partial_index("task_open", "due_at", where="done_at IS NULL"),)

    id: UUID = Field(primary_key=True)
    kind: str
    case_id: UUID | None = Field(default=None, foreign_key="case_file.id", index=True)
    subject_id: UUID | None = None
    due_at: datetime
    created_at: datetime
    done_at: datetime | None = None
    done_by: UUID | None = Field(default=None, foreign_key="worker.id")


class CorrectionRow(SQLModel, table=True):
    """What a person decided over the words, for whoever keeps the lexicon. Holds no words and no person."""

    __tablename__ = "triage_correction"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    field: str
    before: list[str] = json_field()
    after: list[str] = json_field()
    rules: list[str] = json_field()
    language: str
    at: datetime


class CommandRow(SQLModel, table=True):
    """A request that a device named with its own id, so that repeating it is safe."""

    __tablename__ = "command"

    id: UUID = Field(primary_key=True)
    worker_id: UUID = Field(foreign_key="worker.id")
    fingerprint: bytes
    at: datetime


class ConsentRow(SQLModel, table=True):
    """One answer of one person about one purpose. Answers are only ever added; the newest holds."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("case_id", "number", name="consent_order"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    number: int
    person_id: UUID | None = Field(default=None, foreign_key="person.id", index=True)
    purpose: str
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    said: str
    said_by: str
    channel: str
    language: str
    witness: bytes | None = sealed_field()
    worker_id: UUID = Field(foreign_key="worker.id")
    at: datetime


class GuardianRow(SQLModel, table=True):
    """What is known of a child's guardian, and what the child says."""

    __tablename__ = "guardian"

    member_id: UUID = Field(primary_key=True, foreign_key="case_member.id")
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    name: bytes | None = sealed_field(row="member_id")
    phone: bytes | None = sealed_field(row="member_id")
    assent: str
    guardian_is_suspect: bool
    worker_id: UUID = Field(foreign_key="worker.id")
    at: datetime


class ReferralRow(SQLModel, table=True):
    """A case handed to somebody; while it is open, an organisation that works here sees the case."""

    __tablename__ = "referral"
    __table_args__ = (partial_index("referral_open", "organisation_id", where="state = 'open'"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    from_organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    sent_to: str
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    recipient: bytes | None = sealed_field()
    purpose: bytes = sealed_field(nullable=False)
    needs: str
    items: list[str] = json_field()
    people: list[str] = json_field()
    basis: str
    reason: bytes = sealed_field(nullable=False)
    worker_id: UUID = Field(foreign_key="worker.id")
    at: datetime
    state: str
    confirmed_by: UUID | None = Field(default=None, foreign_key="worker.id")
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None


class DisclosureRow(SQLModel, table=True):
    """One handing over in the register. Rows are only ever added."""

    __tablename__ = "disclosure"
    __table_args__ = (Index("disclosure_by_time", "at", "id"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    referral_id: UUID = Field(foreign_key="referral.id")
    from_organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    sent_to: str
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    recipient: bytes | None = sealed_field()
    basis: str
    items: list[str] = json_field()
    reason: bytes = sealed_field(nullable=False)
    worker_id: UUID = Field(foreign_key="worker.id")
    second_id: UUID | None = Field(default=None, foreign_key="worker.id")
    at: datetime


class WallRow(SQLModel, table=True):
    """Whom a case is kept from, while the wall is not lifted."""

    __tablename__ = "case_wall"
    __table_args__ = (
        partial_index("wall_of_worker", "worker_id", where="lifted_at IS NULL"),
        partial_index("wall_of_organisation", "organisation_id", where="lifted_at IS NULL"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    worker_id: UUID | None = Field(default=None, foreign_key="worker.id")
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    reason: bytes = sealed_field(nullable=False)
    raised_by: UUID = Field(foreign_key="worker.id")
    at: datetime
    lifted_at: datetime | None = None
    lifted_by: UUID | None = Field(default=None, foreign_key="worker.id")


class HoldRow(SQLModel, table=True):
    """Nothing of a case may be erased, while the hold is not lifted."""

    __tablename__ = "legal_hold"
    __table_args__ = (partial_index("hold_in_force", "case_id", where="lifted_at IS NULL", unique=True),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    reason: bytes = sealed_field(nullable=False)
    held_by: UUID = Field(foreign_key="worker.id")
    at: datetime
    lifted_at: datetime | None = None
    lifted_by: UUID | None = Field(default=None, foreign_key="worker.id")


cases = table_of(CaseRow)
case_categories = table_of(CaseCategoryRow)
helpers = table_of(CaseHelperRow)
declines = table_of(CaseDeclineRow)
case_phones = table_of(CasePhoneRow)
persons = table_of(PersonRow)
members = table_of(MemberRow)
events = table_of(CaseEventRow)
notes = table_of(NoteRow)
contact_attempts = table_of(ContactAttemptRow)
conflicts = table_of(ConflictRow)
tasks = table_of(TaskRow)
corrections = table_of(CorrectionRow)
commands = table_of(CommandRow)
consents = table_of(ConsentRow)
guardians = table_of(GuardianRow)
referrals = table_of(ReferralRow)
disclosures = table_of(DisclosureRow)
walls = table_of(WallRow)
holds = table_of(HoldRow)
