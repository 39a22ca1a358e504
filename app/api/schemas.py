"""The JSON that the field app and supervisors send us."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self
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
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.urgency import Urgency


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


class TotpCodeIn(Taken):
    """The code that the phone shows now."""

    code: Word


class SecondPasswordIn(Taken):
    """A password for when somebody forces you to sign in: it opens an empty account."""

    password: Annotated[str, Field(max_length=1000)]


class NewPasswordIn(Taken):
    """A new password, with the one-time code that a supervisor gave."""

    username: Word
    code: Word
    new_password: Annotated[str, Field(max_length=1000)]
