"""The JSON that the field app and supervisors send us."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.cases.rules.stages import Outcome, Status
from app.kernel.language import Language
from app.kernel.urgency import Urgency
from app.usecases.fields import (
    CategoryCode,
    CountryCode,
    Line,
    Moment,
    PhoneText,
    Prose,
    Sex,
    Wages,
    Word,
)

_NEVER_EMPTY = ("language", "urgency")


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


class MemberIn(PersonIn):
    """An affected person: what they claim, and what to be careful of."""

    wages_claimed: Wages | None = None
    minor: bool = False
    in_danger: bool = False
    do_not_contact: bool = False


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
    members: Annotated[list[MemberIn], Field(max_length=200)] = []
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

    members: Annotated[list[MemberIn], Field(min_length=1, max_length=200)]


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


class CallOutIn(CommandIn):
    """A wish to call a person of the case; which phone, where the case has several."""

    phone_id: UUID | None = None


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


__all__ = ["CategoryCode", "CountryCode", "Line", "Moment", "PhoneText", "Prose", "Sex", "Wages", "Word"]
