"""The JSON that the field app and supervisors exchange with us."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.cases.rules.stages import Outcome, Status
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Role
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.urgency import Urgency
from app.usecases.seeing import CaseView, Person, Timer


def _printable(text: str) -> str:
    """PostgreSQL keeps no NUL, and half an emoji is no text."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("the text holds characters that are none")
    return text


def _phone(text: str) -> str:
    try:
        return Phone.parse(text, region="KH").e164
    except NotAPhone:
        raise ValueError("not a phone number in international form") from None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time before or after all years") from None


Word = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), AfterValidator(_printable)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_printable)
]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(_printable)]
PhoneText = Annotated[str, StringConstraints(max_length=40), AfterValidator(_phone)]
CategoryCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,60}$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
_NEVER_EMPTY = ("language", "urgency")
Sex = Literal["female", "male", "other", "unknown"]


class Taken(BaseModel):
    """A body that a device sends. Fields that we do not know are passed over."""

    model_config = ConfigDict(extra="ignore")


class PersonIn(Taken):
    """A person as a worker writes them down; only what is known and needed."""

    id: UUID | None = None
    name: Line | None = None
    phone: PhoneText | None = None
    sex: Sex = "unknown"
    birth_date: date | None = None
    language: Language | None = None


class CaseIn(Taken):
    """A case as a worker writes it down: a category or a summary is enough."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77",
                    "categories": ["unpaid_wages"],
                    "destination_country": "TH",
                    "summary": "៣ខែមិនបានប្រាក់ខែ",
                    "phone": "+66812345678",
                }
            ]
        }
    )

    id: UUID | None = None
    categories: Annotated[list[CategoryCode], Field(max_length=12)] = []
    destination_country: CountryCode | None = None
    language: Language = Language.KM
    reporter: PersonIn | None = None
    members: Annotated[list[PersonIn], Field(max_length=200)] = []
    summary: Prose | None = None
    phone: PhoneText | None = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not self.categories and not self.summary:
            raise PydanticCustomError("nothing_said", "a category or a summary is needed")
        return self


class CasePatch(Taken):
    """A merge patch (RFC 7396): what is absent stays, null empties. Language and urgency cannot be empty."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"urgency": "U1", "reason": "ថៅកែវាយគាត់", "destination_country": None}]
        }
    )

    categories: Annotated[list[CategoryCode], Field(max_length=12)] | None = None
    destination_country: CountryCode | None = None
    language: Language | None = None
    summary: Prose | None = None
    urgency: Urgency | None = None
    reason: Prose | None = Field(default=None, description="why the urgency is another")

    @model_validator(mode="after")
    def _empties_what_can_be_empty(self) -> Self:
        if any(name in self.model_fields_set and getattr(self, name) is None for name in _NEVER_EMPTY):
            raise PydanticCustomError("never_empty", "this field cannot be empty")
        return self


class MembersIn(Taken):
    """More affected people."""

    members: Annotated[list[PersonIn], Field(min_length=1, max_length=200)]


class CommandIn(Taken):
    """A request that a device may name with its own id, to make repeating it safe."""

    id: UUID | None = None


class ReasonIn(CommandIn):
    """A request with a reason."""

    reason: Prose


class NoteIn(CommandIn):
    """A note."""

    text: Prose
    restricted: bool = False


class ContactAttemptIn(CommandIn):
    """A try to reach somebody."""

    channel: Literal["call", "sms", "visit", "other"]
    outcome: Literal["reached", "no_answer", "refused", "unsafe"]
    note: Prose | None = None


class StatusIn(CommandIn):
    """Another stage, set by hand."""

    status: Status
    reason: Prose | None = None
    until: Moment | None = None


class CloseIn(CommandIn):
    """The end of a case."""

    outcome: Line = Field(examples=[outcome.value for outcome in Outcome][:3])
    note: Prose | None = None
    client_informed: Literal["yes", "no", "unsafe"]


class AssignIn(CommandIn):
    """To whom the case goes: a worker, or an organisation's queue."""

    owner_id: UUID | None = None
    organisation_id: UUID | None = None
    reason: Prose


class DutyIn(Taken):
    """Whether routing may give new cases."""

    on_duty: bool


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
    person: PersonOut


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
            outcome=case.outcome, client_informed=case.client_informed,
            next_timer=timer_out(view.next_timer) if view.next_timer else None,
            member_count=case.member_count,
            members=[
                MemberOut(id=m.id, status=m.status, outcome=m.outcome, person=person(m.person))
                for m in view.members
            ],
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
