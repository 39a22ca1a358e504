"""The JSON that we answer: cases, timelines, clocks, tasks, people."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.cases.rules.stages import Status
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Role
from app.kernel.urgency import Urgency
from app.usecases.attaching import Attachment, State
from app.usecases.fields import FLAGS, Wages
from app.usecases.seeing import CaseView, Member, Person, Timer


class PersonOut(BaseModel):
    """A person; `name` and `phone` only when one case is asked for, never in lists."""

    id: UUID
    name: str | None = None
    phone: str | None = None
    sex: str
    birth_date: date | None = None
    language: str | None = None


class MemberOut(BaseModel):
    """An affected person of a case."""

    id: UUID
    status: str
    outcome: str | None
    wages_claimed: Wages | None = None
    minor: bool = False
    in_danger: bool = False
    do_not_contact: bool = False
    person: PersonOut

    @classmethod
    def of(cls, member: Member, person: PersonOut) -> "MemberOut":
        """A member as it is shown, with as much of the person as may be."""
        wages = member.wages_claimed
        return cls(
            id=member.id, status=member.status, outcome=member.outcome, person=person,
            wages_claimed=Wages(amount_minor=wages.amount_minor, currency=wages.currency) if wages else None,
            **{flag: flag in member.flags for flag in FLAGS},
        )  # fmt: skip


class TimerOut(BaseModel):
    """A clock of a case. `rung` counts from 1."""

    id: UUID
    kind: ClockKind
    rung: int
    to: str
    due_at: datetime
    state: str = Field(examples=["armed"], description="armed, fired or disarmed")


class ReasonOut(BaseModel):
    """Why a case is as urgent as it is: the rule, and the words that satisfied it."""

    model_config = ConfigDict(extra="allow")

    rule: str
    category: str | None = None
    text: str | None = None


class CaseOut(BaseModel):
    """A case. In lists, `summary`, the reasons' words, names and phones are left out."""

    id: UUID
    code: str = Field(examples=["4829-1376"])
    status: Status
    urgency: Urgency
    categories: list[str]
    urgency_reasons: list[ReasonOut]
    language: str
    origin_channel: str
    destination_country: str | None
    organisation_id: UUID | None
    owner_id: UUID | None
    queue: str | None
    opened_at: datetime
    accepted_at: datetime | None
    first_contact_at: datetime | None
    closed_at: datetime | None
    hold_until: datetime | None
    overdue_since: datetime | None
    updated_at: datetime
    outcome: str | None
    client_informed: str | None
    conflict: str | None = Field(description="hard while a person has to say which of two values holds")
    next_timer: TimerOut | None
    member_count: int
    members: list[MemberOut]
    reporter: PersonOut | None
    summary: str | None
    version: int

    @classmethod
    def of(cls, view: CaseView, *, in_full: bool) -> "CaseOut":
        """What is shown of a case, alone or in a list."""
        case = view.case
        person = _person_in_full if in_full else _person_in_list
        return cls(
            id=case.id, code=case.code, status=case.status, urgency=case.urgency,
            categories=list(case.categories),
            urgency_reasons=[_reason(reason, in_full=in_full) for reason in case.reasons],
            language=case.language, origin_channel=case.origin_channel,
            destination_country=case.destination_country, organisation_id=case.organisation_id,
            owner_id=case.owner_id, queue=case.queue, opened_at=case.opened_at,
            accepted_at=case.accepted_at, first_contact_at=case.first_contact_at, closed_at=case.closed_at,
            hold_until=case.hold_until, overdue_since=case.overdue_since, updated_at=case.updated_at,
            outcome=case.outcome, client_informed=case.client_informed, conflict=case.conflict,
            next_timer=timer_out(view.next_timer) if view.next_timer else None,
            member_count=case.member_count,
            members=[MemberOut.of(member, person(member.person)) for member in view.members],
            reporter=person(view.reporter) if view.reporter else None,
            summary=case.summary if in_full else None, version=case.version,
        )  # fmt: skip


class CasePage(BaseModel):
    """One page of cases, newest first; `next_cursor` is null on the last."""

    items: list[CaseOut]
    next_cursor: str | None
    total: int | None = None


class TimelineItem(BaseModel):
    """Something that became true of a case; fields beyond these depend on `kind`."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    kind: str = Field(examples=["escalation.fired"])
    at: datetime
    actor: str
    case_id: UUID


class Timeline(BaseModel):
    """What happened in a case, oldest first."""

    items: list[TimelineItem]


class Timers(BaseModel):
    """Every clock that a case ever had, oldest first."""

    items: list[TimerOut]


class NoteOut(BaseModel):
    """A note as it was kept."""

    id: UUID
    case_id: UUID
    author_id: UUID
    text: str
    restricted: bool
    at: datetime


class ContactAttemptOut(BaseModel):
    """A contact attempt as it was kept."""

    id: UUID
    case_id: UUID
    author_id: UUID
    channel: str
    outcome: str
    note: str | None
    at: datetime
    seconds: int | None = Field(default=None, description="of a call made through us: how long they talked")
    call_id: UUID | None = None


class CallOutOut(BaseModel):
    """A call that a worker asked for; `seconds` is how long they talked, once it is over."""

    id: UUID
    status: str = Field(
        examples=["ringing_you"],
        description="wanted, ringing_you, ringing_them, then reached, no_answer or not_made",
    )
    seconds: int | None


class AttachmentOut(BaseModel):
    """A file of a case. `sha256` and `size` are of what was sent, `kept_…` of what is kept: a photo is
    kept without the position at which it was made. `media_type` is what the bytes say.
    """

    id: UUID
    case_id: UUID
    author_id: UUID
    state: str = Field(examples=["complete"], description="pending, complete, refused or erased")
    filename: str
    declared_type: str
    media_type: str | None
    size: int
    sha256: str
    offset: int = Field(description="how many bytes have arrived")
    kept_size: int | None
    kept_sha256: str | None
    position_removed: bool
    problem: str | None = Field(description="why it was refused: a code")
    created_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None = Field(description="until when an unfinished upload is waited for")

    @classmethod
    def of(cls, attachment: Attachment) -> "AttachmentOut":
        """What is shown of an attachment."""
        kept = attachment.kept
        waits = attachment.state is State.PENDING
        return cls(
            id=attachment.id, case_id=attachment.case_id, author_id=attachment.author_id,
            state=attachment.state.value, filename=attachment.name,
            declared_type=attachment.declared_type, media_type=kept.kind.value if kept else None,
            size=attachment.size_bytes, sha256=attachment.sha256, offset=attachment.offset_bytes,
            kept_size=kept.size_bytes if kept else None, kept_sha256=kept.sha256 if kept else None,
            position_removed=kept.position_removed if kept else False, problem=attachment.problem,
            created_at=attachment.created_at, completed_at=attachment.completed_at,
            expires_at=attachment.expires_at if waits else None,
        )  # fmt: skip


class Attachments(BaseModel):
    """The files of a case, oldest first."""

    items: list[AttachmentOut]


class TaskOut(BaseModel):
    """Something a human must do; `subject_id` is the message or arrival that it is about."""

    id: UUID
    kind: str = Field(examples=["failed_message"])
    case_id: UUID | None
    subject_id: UUID | None
    due_at: datetime
    created_at: datetime


class TaskPage(BaseModel):
    """What waits for a human, the most pressing first."""

    items: list[TaskOut]
    next_cursor: str | None


class ArrivalOut(BaseModel):
    """One incoming text or call. `from` is the sender's number, where it is one."""

    id: UUID
    carrier: str
    carrier_id: str
    kind: str
    state: str = Field(examples=["taken"])
    problem: str | None
    received_at: datetime
    sender_kind: str | None
    from_: str | None = Field(alias="from")
    case_id: UUID | None
    call_id: UUID | None


class RawArrival(BaseModel):
    """What a carrier gave us: as text, with marks where it is none, and byte for byte."""

    id: UUID
    text: str
    base64: str


class IntakePage(BaseModel):
    """What came in, newest first."""

    items: list[ArrivalOut]
    next_cursor: str | None


class TokenOut(BaseModel):
    """A pair of tokens (RFC 6749)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int = Field(description="seconds")
    refresh_token: str


class Me(BaseModel):
    """The worker who is signed in."""

    id: UUID
    username: str
    role: Role
    organisation_id: UUID | None
    languages: list[str]
    on_duty: bool


class ColleagueOut(BaseModel):
    """Somebody who works here. `open_cases` is counted no further than what one worker may have."""

    id: UUID
    name: str
    role: Role
    organisation_id: UUID | None
    languages: list[str]
    on_duty: bool
    open_cases: int


class Colleagues(BaseModel):
    """Who works here, as far as the one who asks works with them."""

    items: list[ColleagueOut]


class OrganisationOut(BaseModel):
    """An organisation that takes cases. `*` covers everything."""

    id: UUID
    code: str
    name: str
    categories: list[str]
    destinations: list[str]
    languages: list[str]


class Organisations(BaseModel):
    """The organisations that take cases, by code."""

    items: list[OrganisationOut]


def timer_out(timer: Timer) -> TimerOut:
    """A clock as it is shown."""
    return TimerOut(
        id=timer.id, kind=timer.plan.kind, rung=timer.plan.rung, to=timer.plan.to,
        due_at=timer.plan.due_at, state=timer.state,
    )  # fmt: skip


def _person_in_full(person: Person) -> PersonOut:
    return PersonOut(
        id=person.id, name=person.name, phone=person.phone.e164 if person.phone else None, sex=person.sex,
        birth_date=person.birth_date, language=person.language,
    )  # fmt: skip


def _person_in_list(person: Person) -> PersonOut:
    return PersonOut(id=person.id, sex=person.sex)


def _reason(reason: Any, *, in_full: bool) -> ReasonOut:  # noqa: ANN401 - a JSON object
    return ReasonOut(**(reason if in_full else {key: reason.get(key) for key in ("rule", "category")}))
