"""The kinds of values that people send us, online or from a device: what each may hold."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from babel.numbers import get_currency_name
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

from app.cases.rules.stages import Outcome
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.urgency import Urgency

# What to be careful of with a person. A device may raise them; only somebody online takes them back.
FLAGS: Final = ("minor", "in_danger", "do_not_contact")

_MOST_MINOR_UNITS: Final = 10**15  # more than any country pays in a year, and safe in every number format


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
Sex = Literal["female", "male", "other", "unknown"]


def _currency(code: str) -> str:
    if get_currency_name(code, locale="en") == code:
        raise ValueError("no such currency (ISO 4217)")
    return code


class Wages(BaseModel):
    """Money in whole minor units of its own currency: 100 satang are a baht, a won is a won."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: Annotated[int, Field(ge=0, le=_MOST_MINOR_UNITS, strict=True)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)]


FieldKind = TypeAdapter[Any]
# The fields of a case and of a member that people edit, by the names that they have in documents.
CASE_FIELDS: Final[Mapping[str, FieldKind]] = {
    "categories": TypeAdapter(Annotated[list[CategoryCode], Field(max_length=12)]),
    "destination_country": TypeAdapter(CountryCode | None),
    "language": TypeAdapter(Language),
    "summary": TypeAdapter(Prose | None),
    "urgency": TypeAdapter(Urgency),
}
MEMBER_FIELDS: Final[Mapping[str, FieldKind]] = {
    "status": TypeAdapter(Literal["active", "closed"]),
    "outcome": TypeAdapter(Outcome | None),
    "wages_claimed": TypeAdapter(Wages | None),
    "person.name": TypeAdapter(Line | None),
    "person.phone": TypeAdapter(PhoneText | None),
    "person.sex": TypeAdapter(Sex),
    "person.birth_date": TypeAdapter(date | None),
    "person.language": TypeAdapter(Language | None),
    **{flag: TypeAdapter(bool) for flag in FLAGS},
}


def checked(fields: Mapping[str, FieldKind], name: str, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """The value as it is kept, as plain JSON. Raises: pydantic's ValidationError."""
    field = fields[name]
    return field.dump_python(field.validate_python(value), mode="json")


class NoteFields(BaseModel):
    """A note as a device writes it."""

    text: Prose
    restricted: bool = False


class ContactFields(BaseModel):
    """A try to reach somebody, as a device writes it."""

    channel: Literal["call", "sms", "visit", "other"]
    outcome: Literal["reached", "no_answer", "refused", "unsafe"]
    note: Prose | None = None


class AttachmentFields(BaseModel):
    """What a device knows of a file of its own."""

    name: Line | None = None
    mime: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]{1,100}$")]
    size_bytes: Annotated[int, Field(gt=0, le=2**40)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
