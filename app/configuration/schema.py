"""The shape of each file in CONFIG_DIR, as pydantic checks it and as an NGO writes it."""

import re
from datetime import date, time
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as public_holidays
import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from app.cases.rules.consent import Asking, ConsentPolicy, Recipient
from app.cases.rules.guards import ChildSigns
from app.configuration.values import (
    CategoryConfig,
    GatewayConfig,
    GatewayProtocol,
    Indicator,
    OrganisationConfig,
)
from app.escalation.rules import Calendar, Ladders, Override, Profile, Rung, Span, parse_span
from app.intake.rules.conversation import Keywords, Wish, single_word
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.urgency import Urgency
from app.privacy.rules import RetentionRules
from app.routing.rules import ANY

_HOURS: Final = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])")
_MIDNIGHT: Final = 24 * 60

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _span(written: object) -> Span:
    return parse_span(_text(written))


def _positive(span: Span) -> Span:
    if not span.amount:
        raise ValueError("must be longer than nothing")
    return span


def _zone(written: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(written))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"“{written}” is not a time zone; one is written like Asia/Phnom_Penh") from None


def _hours(written: object) -> tuple[time, time]:
    found = _HOURS.fullmatch(_text(written))
    opens, closes = (
        (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    )
    if not opens < closes <= _MIDNIGHT:
        raise ValueError(f"“{written}” are not opening hours; they are written like 08:00-17:00, on one day")
    return time(*divmod(opens, 60)), time(*divmod(closes % _MIDNIGHT, 60))


def _country(written: str) -> str:
    if written not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"“{written}” is not a country; one is written with two capitals, like KH")
    return written


def _country_with_holidays(written: str) -> str:
    if written not in public_holidays.list_supported_countries():
        raise ValueError(f"“{written}” is not a country whose public holidays are known, like KH")
    return written


def _destination(written: str) -> str:
    return written if written == ANY else _country(written)


def _number(written: object) -> Phone:
    try:
        return Phone.parse(_text(written))
    except NotAPhone:
        raise ValueError("is not a phone number in international form, with its plus sign") from None


def _in_both_languages(written: object) -> object:
    # A name that is the same in both languages may be written once.
    return {"km": written, "en": written} if isinstance(written, str) else written


def _text(written: object) -> str:
    if not isinstance(written, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic turns only a ValueError into a mistake with a line.
    return written.strip()


SpanField = Annotated[Span, PlainValidator(_span)]
PositiveSpan = Annotated[SpanField, AfterValidator(_positive)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*([-_][a-z0-9]+)*$", max_length=40)]
Filled = Annotated[str, Field(min_length=1)]
Country = Annotated[str, AfterValidator(_country)]


class Group(BaseModel):
    """One group of settings: nothing that we do not know may stand in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Names(Group):
    """One name in both languages of the staff."""

    km: Filled
    en: Filled

    def typed(self) -> dict[str, str]:
        """The name by language."""
        return {Language.KM.value: self.km, Language.EN.value: self.en}


NamesField = Annotated[Names, BeforeValidator(_in_both_languages)]


class CalendarEntry(Group):
    """When the office is open."""

    timezone: Annotated[ZoneInfo, PlainValidator(_zone)]
    hours: Annotated[tuple[time, time], PlainValidator(_hours)]
    days: Annotated[list[Day], Field(min_length=1)]
    holidays: Annotated[str, AfterValidator(_country_with_holidays)] | None = None

    def typed(self, days_off: "HolidaysFile") -> Calendar:
        """The calendar, with the days that differ from the country's."""
        return Calendar(
            timezone=self.timezone,
            opens=self.hours[0],
            closes=self.hours[1],
            days=frozenset(_WEEK.index(day) for day in self.days),
            holidays=self.holidays,
            extra_days=frozenset(entry.date for entry in days_off.extra_days),
            working_days=frozenset(entry.date for entry in days_off.working_days),
        )


class RungEntry(Group):
    """Whom to tell, and after how long."""

    after: SpanField
    to: Literal["owner", "duty_lead", "supervisor", "coordinator"]


class ProfileEntry(Group):
    """The clocks and the ladder of one urgency."""

    clock: Literal["always", "business"]
    accept: PositiveSpan
    first_contact: PositiveSpan
    review_every: PositiveSpan
    repeat_last: PositiveSpan
    escalate: Annotated[list[RungEntry], Field(min_length=1)]

    def typed(self, name: str) -> Profile:
        """The profile under its name."""
        return Profile(
            name=name,
            always=self.clock == "always",
            accept=self.accept,
            first_contact=self.first_contact,
            review_every=self.review_every,
            repeat_last=self.repeat_last,
            rungs=tuple(Rung(entry.after, entry.to) for entry in self.escalate),
        )


class WhenEntry(Group):
    """The conditions of an override, of which at least one is set."""

    category: str | None = None
    members_gte: Annotated[int, Field(ge=1)] | None = None


class OverrideEntry(Group):
    """Which profile holds where the conditions are met."""

    when: WhenEntry
    use: Urgency


class EscalationFile(Group):
    """escalation.yaml."""

    calendar: CalendarEntry
    profiles: dict[Urgency, ProfileEntry]
    overrides: list[OverrideEntry] = []

    def typed(self, days_off: "HolidaysFile") -> Ladders:
        """Every ladder, on the calendar that these days off complete."""
        return Ladders(
            calendar=self.calendar.typed(days_off),
            profiles={urgency.value: entry.typed(urgency.value) for urgency, entry in self.profiles.items()},
            overrides=tuple(
                Override(
                    use=entry.use.value, category=entry.when.category, members_gte=entry.when.members_gte
                )
                for entry in self.overrides
            ),
        )


class DayEntry(Group):
    """One day that differs, and why."""

    date: date
    why: Filled


class HolidaysFile(Group):
    """holidays.yaml."""

    extra_days: list[DayEntry] = []
    working_days: list[DayEntry] = []


class OrganisationEntry(Group):
    """One organisation and what it takes on."""

    code: Code
    name: NamesField
    categories: Annotated[list[Filled], Field(min_length=1)]
    destinations: Annotated[list[Annotated[str, AfterValidator(_destination)]], Field(min_length=1)]
    languages: Annotated[list[Language], Field(min_length=1)]
    clock: Literal["always", "business"]
    capacity: Annotated[int, Field(ge=1)]
    verified: bool = False

    def typed(self) -> OrganisationConfig:
        """The organisation as other rooms know it."""
        return OrganisationConfig(
            code=self.code,
            names=self.name.typed(),
            categories=frozenset(self.categories),
            destinations=frozenset(self.destinations),
            languages=frozenset(language.value for language in self.languages),
            always_open=self.clock == "always",
            capacity=self.capacity,
            verified=self.verified,
        )


class OrganisationsFile(Group):
    """organisations.yaml."""

    organisations: Annotated[list[OrganisationEntry], Field(min_length=1)]


class CategoryEntry(Group):
    """One thing that a case can be about."""

    label: NamesField
    urgency: Urgency
    indicators: list[Indicator] = []

    def typed(self, code: str) -> CategoryConfig:
        """The category under its code."""
        return CategoryConfig(code, self.label.typed(), self.urgency, tuple(self.indicators))


class CategoriesFile(Group):
    """categories.yaml."""

    categories: dict[Code, CategoryEntry]


class GatewayEntry(Group):
    """One phone that acts as a gateway."""

    name: Code
    protocol: GatewayProtocol
    country: Country
    number: Annotated[Phone, PlainValidator(_number)]

    def typed(self) -> GatewayConfig:
        """The gateway as other rooms know it."""
        return GatewayConfig(self.name, self.protocol, self.country, self.number)


class ConversationFile(Group):
    """conversation.yaml: single words that mean something by themselves."""

    silence: Annotated[list[Filled], Field(min_length=1)]
    words_again: Annotated[list[Filled], Field(min_length=1)]
    quick_exit: list[Filled] = []
    help: list[Filled] = []
    status: list[Filled] = []
    language_menu: list[Filled] = []
    khmer: list[Filled] = []
    english: list[Filled] = []
    yes: list[Filled] = []
    no: list[Filled] = []

    def typed(self) -> Keywords:
        """The words, folded as a text is before it is compared."""
        wishes = {single_word(word): wish for wish in Wish for word in getattr(self, wish.value)}
        return Keywords(
            wishes=wishes,
            yes=frozenset(single_word(word) for word in self.yes),
            no=frozenset(single_word(word) for word in self.no),
        )


class GatewaysFile(Group):
    """gateways.yaml."""

    gateways: list[GatewayEntry] = []


Months = Annotated[int, Field(ge=1, le=600)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionFile(Group):
    """retention.yaml: how long what identifies people is kept after a case was closed."""

    default_months: Months = 24
    months: dict[Code, Months] = {}
    texts_days: Days = 180
    raw_days: Days = 90

    def typed(self) -> RetentionRules:
        """The rules as the use cases know them."""
        return RetentionRules(self.default_months, self.months, self.texts_days, self.raw_days)


class PurposeEntry(Group):
    """One thing that people are asked consent for."""

    label: NamesField
    for_each_organisation: bool = False


class RecipientEntry(Group):
    """What a recipient asks of whoever refers a case to them."""

    needs: Code
    second_person: bool = False

    def typed(self) -> Asking:
        """The same as the rules know it."""
        return Asking(self.needs, self.second_person)


class ChildrenEntry(Group):
    """What makes a person of unknown age count as a child."""

    categories: list[Code] = []
    rules: list[Filled] = []

    def typed(self) -> ChildSigns:
        """The same as the rules know it."""
        return ChildSigns(frozenset(self.categories), frozenset(self.rules))


class ConsentFile(Group):
    """consent.yaml."""

    purposes: dict[Code, PurposeEntry]
    recipients: dict[Recipient, RecipientEntry]
    children: ChildrenEntry = ChildrenEntry()

    def typed(self) -> ConsentPolicy:
        """What to ask consent for, and what each recipient needs."""
        return ConsentPolicy(
            purposes={code: entry.label.typed() for code, entry in self.purposes.items()},
            for_each_organisation=frozenset(
                code for code, entry in self.purposes.items() if entry.for_each_organisation
            ),
            recipients={to: entry.typed() for to, entry in self.recipients.items()},
        )
