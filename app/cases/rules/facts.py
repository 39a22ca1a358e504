"""What can become true of a case: each fact becomes one timeline item and one audit entry."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from app.kernel.clock import utc_text
from app.kernel.urgency import Urgency

# What people wrote in their own words is sealed; everything else is codes, ids and times.
_PRIVATE: Final = frozenset({"reason", "note", "overwritten", "kept_value", "lost_value"})


class Fact:
    """Something that is now true of a case. Subclasses are frozen dataclasses."""

    kind: ClassVar[str]

    def details(self) -> dict[str, Any]:
        """The codes, ids and times of this fact as JSON values; nothing that a person wrote."""
        return {name: as_json(value) for name, value in self._values() if name not in _PRIVATE}

    def private(self) -> dict[str, str]:
        """What a person wrote, to be sealed; empty where nobody wrote anything."""
        return {name: str(value) for name, value in self._values() if name in _PRIVATE and value}

    def _values(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # only dataclasses derive from Fact


def as_json(value: Any) -> Any:  # noqa: ANN401 - any JSON value and what stands for one
    """An id, time, enum, tuple or mapping as JSON keeps it."""
    match value:
        case StrEnum():
            return value.value
        case UUID():
            return str(value)
        case datetime():
            return utc_text(value)
        case tuple() | list() | frozenset():
            return [as_json(item) for item in value]
        case Mapping():
            return {key: as_json(item) for key, item in value.items()}
        case _:
            return value


@dataclass(frozen=True, slots=True)
class CaseOpened(Fact):
    """A case exists."""

    kind = "case.opened"
    urgency: Urgency
    categories: tuple[str, ...]
    channel: str
    members: int


@dataclass(frozen=True, slots=True)
class CaseRouted(Fact):
    """Routing chose where the case goes, and says why."""

    kind = "case.routed"
    organisation_id: UUID | None
    owner_id: UUID | None
    queue: str | None
    because: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CaseAccepted(Fact):
    """A worker took the case on."""

    kind = "case.accepted"
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class CaseDeclined(Fact):
    """A worker gave the case back."""

    kind = "case.declined"
    worker_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class CaseAssigned(Fact):
    """A person in charge gave the case to a worker or an organisation."""

    kind = "case.assigned"
    organisation_id: UUID | None
    owner_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class NoteAdded(Fact):
    """A worker wrote something down."""

    kind = "note.added"
    note_id: UUID
    restricted: bool


@dataclass(frozen=True, slots=True)
class ContactAttempted(Fact):
    """A worker tried to reach somebody."""

    kind = "contact.attempted"
    attempt_id: UUID
    channel: str
    outcome: str
    seconds: int | None = None
    call_id: UUID | None = None

    def details(self) -> dict[str, Any]:
        """As of every fact; a call and its length only where there was a call of ours."""
        told = {"seconds", "call_id"} if self.call_id is None else set()
        return {name: as_json(value) for name, value in self._values() if name not in told}


@dataclass(frozen=True, slots=True)
class UrgencyChanged(Fact):
    """The case is more or less urgent than before; `rules` names what made it so."""

    kind = "urgency.changed"
    before: Urgency
    after: Urgency
    rules: tuple[str, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CategoriesChanged(Fact):
    """The case is about something more, or something else."""

    kind = "categories.changed"
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DetailsChanged(Fact):
    """Fields of the case were edited; their names only."""

    kind = "details.changed"
    fields: tuple[str, ...]
    overwritten: str | None = None  # what stood there before, as JSON


@dataclass(frozen=True, slots=True)
class MemberChanged(Fact):
    """What is known of an affected person was edited; the names of the fields, the values sealed."""

    kind = "member.changed"
    member_id: UUID
    fields: tuple[str, ...]
    overwritten: str | None = None


@dataclass(frozen=True, slots=True)
class ConflictFound(Fact):
    """A device sent another value of a field than the one that somebody wrote meanwhile. Both are kept."""

    kind = "conflict.found"
    conflict_id: UUID
    doc_kind: str
    doc_id: UUID
    field: str
    hard: bool
    kept_by: str
    kept_at: datetime
    lost_by: UUID
    lost_at: datetime
    kept_value: str  # as JSON, as is the other
    lost_value: str


@dataclass(frozen=True, slots=True)
class ConflictSettled(Fact):
    """A person said which of two values holds."""

    kind = "conflict.settled"
    conflict_id: UUID
    field: str
    choice: str


@dataclass(frozen=True, slots=True)
class StatusChanged(Fact):
    """The case is at another stage."""

    kind = "status.changed"
    before: str
    after: str
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CaseClosed(Fact):
    """Nothing more is to be done."""

    kind = "case.closed"
    outcome: str
    client_informed: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CaseReopened(Fact):
    """Something is to be done after all."""

    kind = "case.reopened"
    reason: str


@dataclass(frozen=True, slots=True)
class EscalationFired(Fact):
    """A clock ran out and the next people were told. Owner and helpers stay."""

    kind = "escalation.fired"
    clock: str
    rung: int
    to: str
    expected_at: datetime
    workers: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class MessageReceived(Fact):
    """A text came in. `claimed_at` is when a phone says that it was sent, never later than it came."""

    kind = "message.received"
    message_id: UUID
    carrier: str
    carrier_id: str
    duplicate_of: UUID | None = None
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AnswerGiven(Fact):
    """The person answered a question of ours, in a text or with a key; `said` is a code."""

    kind = "answer.given"
    question: str
    said: str
    message_id: UUID | None = None
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AttachmentAdded(Fact):
    """A worker added a file, whole and checked."""

    kind = "attachment.added"
    attachment_id: UUID
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CallReceived(Fact):
    """Somebody called, or was called back."""

    kind = "call.received"
    call_id: UUID
    carrier: str
    carrier_id: str


@dataclass(frozen=True, slots=True)
class CallAnswered(Fact):
    """A worker took the call and talks with the person."""

    kind = "call.answered"
    call_id: UUID
    worker_id: UUID


@dataclass(frozen=True, slots=True)
class CallEnded(Fact):
    """The call is over; `wanted` names what the caller left us to do, if anything."""

    kind = "call.ended"
    call_id: UUID
    ended_as: str
    seconds: int
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingKept(Fact):
    """What a caller left is kept here, sealed."""

    kind = "recording.kept"
    recording_id: UUID
    call_id: UUID
    seconds: int


@dataclass(frozen=True, slots=True)
class SafetyChanged(Fact):
    """Something else is known of how a phone may be used: the names of what changed, and who said so."""

    kind = "safety.changed"
    phone_id: UUID
    fields: tuple[str, ...]
    said_by: str  # caseworker | person


@dataclass(frozen=True, slots=True)
class ImpersonationSuspected(Fact):
    """A text came from a phone with a code word, and did not say it."""

    kind = "impersonation.suspected"
    message_id: UUID


@dataclass(frozen=True, slots=True)
class CallDropped(Fact):
    """A call broke off. `call_again_at` is when it is dialled again, only where the person wants that."""

    kind = "call.dropped"
    call_id: UUID
    call_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageMoved(Fact):
    """A text of ours reached another state: queued, sent, delivered, failed, expired, held back."""

    kind = "message.moved"  # the item's kind is `message.` and the state
    outbox_id: UUID
    purpose: str
    state: str
    parts: int
    error_code: str | None = None
