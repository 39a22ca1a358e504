"""The columns of every file: their order, cells, words, allowed values, and what can be filtered by."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from app.exports.rules.asking import Profile
from app.kernel.refusal import Refusal
from app.statistics.rules.aggregate import AGGREGATE_COLUMNS
from app.statistics.rules.publishing import DIMENSIONS

# Goes up by one whenever a column comes, goes, moves or means something else; manifests tell it.
SCHEMA_VERSION: Final = 3


class Cell(Enum):
    """What a cell holds, and so what it may begin with and how a spreadsheet keeps it."""

    PLAIN = "plain"  # our own codes and ids, which look like no number
    WORD = "word"  # one of few words, which people with access to the settings chose
    TEXT = "text"  # whatever anybody wrote
    DATE = "date"  # a time (RFC 3339 in UTC) or a day
    NUMBER = "number"  # a whole number


class Sheet(StrEnum):
    """One table of a file; its value is the name of the CSV and of the worksheet."""

    CASES = "cases"
    MEMBERS = "members"
    CLAIMS = "claims"
    PARTIES = "parties"
    PEOPLE = "people"
    AGGREGATE = "aggregate"


PROFILE_OF: Final[Mapping[Sheet, Profile]] = MappingProxyType({
    Sheet.CASES: Profile.IDENTIFIED, Sheet.MEMBERS: Profile.IDENTIFIED, Sheet.CLAIMS: Profile.IDENTIFIED,
    Sheet.PARTIES: Profile.IDENTIFIED, Sheet.PEOPLE: Profile.ANONYMISED,
    Sheet.AGGREGATE: Profile.AGGREGATE,
})  # fmt: skip


class FilterUnknown(Refusal):
    """An export of this profile cannot be narrowed by this column, or not to this value."""

    code = "export.filter_unknown"
    status = 422
    told = ("column",)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `codes` names the list of values that it may hold, `means` the key of its meaning."""

    name: str
    cell: Cell = Cell.WORD
    codes: str | None = None
    hxl: str | None = None
    means: str | None = None

    @property
    def heading(self) -> str:
        """The catalogue's key of the heading."""
        return f"export.heading.{self.name}"

    @property
    def meaning(self) -> str:
        """The catalogue's key of what the codebook says."""
        return f"export.meaning.{self.means or self.name}"


def _dates(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Cell.DATE) for name in names)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Cell.NUMBER) for name in names)


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Cell.TEXT) for name in names)


# What `GET /v1/exports/cases.csv` holds: these names and their order are promised. None names a migrant.
NARROW: Final = (
    Column("code", Cell.PLAIN),
    Column("status", codes="status"),
    Column("urgency", codes="urgency"),
    Column("categories", codes="category"),
    Column("language", codes="language"),
    Column("origin_channel", codes="channel"),
    Column("destination_country"),
    Column("organisation"),
    Column("owner"),
    *_numbers("members"),
    *_dates("opened_at", "accepted_at", "first_contact_at", "closed_at"),
    Column("outcome", codes="outcome"),
    Column("next_timer_kind", codes="timer"),
    *_dates("next_timer_due_at", "overdue_since"),
    *_numbers("version"),
    *_dates("updated_at"),
    *_texts("summary"),
)
_CASES: Final = (
    *NARROW,
    Column("case_id", Cell.PLAIN),
    Column("queue", codes="queue"),
    *_dates("hold_until"),
    Column("client_informed", codes="informed"),
    *_dates("child_since"),
    Column("sector", codes="sector"),
    Column("origin_province", codes="province"),
    *_texts("recruiters", "employers", "brokers", "sites"),
    *_numbers("members_named", "women", "men", "children", "messages", "calls", "contact_attempts",
              "contacts_made", "notes", "escalations", "declines", "helpers", "tasks_open", "conflicts_open",
              "referrals", "referrals_open"),
    Column("wages_claimed", Cell.PLAIN),
    Column("wages_recovered", Cell.PLAIN),
    Column("consents", codes="consent"),
    Column("legal_hold", codes="yes_no"),
    *_texts("reporter_name"),
    Column("reporter_sex", codes="sex"),
    *_texts("reporter_phone"),
    Column("reporter_safe_to_call", codes="known"),
)  # fmt: skip
_MEMBERS: Final = (
    Column("code", Cell.PLAIN),
    Column("member_id", Cell.PLAIN),
    *_texts("name"),
    Column("sex", codes="sex"),
    *_dates("birth_date"),
    Column("member_language", codes="language"),
    Column("minor", codes="yes_no"),
    Column("in_danger", codes="yes_no"),
    Column("do_not_contact", codes="yes_no"),
    *_texts("phone"),
    Column("safe_to_call", codes="known"),
    *_texts("call_hours"),
    Column("member_status", codes="member_status"),
    Column("member_outcome", codes="outcome"),
    *_numbers("wages_minor"),
    Column("wages_currency"),
    *_dates("added_at"),
)
_CLAIMS: Final = (
    Column("code", Cell.PLAIN),
    Column("money_kind", codes="money"),
    Column("member_id", Cell.PLAIN),
    *_numbers("amount_minor"),
    Column("currency"),
    *_dates("day"),
)
_PARTIES: Final = (
    Column("code", Cell.PLAIN),
    Column("party_kind", codes="party"),
    Column("party_id", Cell.PLAIN),
    *_texts("party_name", "party_other_names"),
    Column("party_country"),
    *_texts("party_licence"),
    *_dates("party_disputed_since"),
)

CONTROLS: Final = (
    "DebtBondage", "TakesEarnings", "RestrictsFinancialAccess", "Threats", "PsychologicalAbuse",
    "PhysicalAbuse", "SexualAbuse", "FalsePromises", "PsychoactiveSubstances", "RestrictsMovement",
    "RestrictsMedicalCare", "ExcessiveWorkingHours", "UsesChildren", "ThreatOfLawEnforcement",
    "WithholdsNecessities", "WithholdsDocuments", "Other", "NotSpecified",
)  # fmt: skip
EXPLOITS: Final = (
    "isForcedLabour", "isSexualExploit", "isOtherExploit", "isForcedMarriage", "isForcedMilitary",
    "isOrganRemoval", "isSlaveryAndPractices", "isAbduction",
)  # fmt: skip
LABOURS: Final = (
    "Agriculture", "Aquafarming", "Begging", "Construction", "DomesticWork", "Hospitality",
    "IllicitActivities", "Manufacturing", "MiningOrDrilling", "Peddling", "Transportation", "Other",
    "NotSpecified",
)  # fmt: skip
SEXES: Final = ("Prostitution", "Pornography", "RemoteInteractiveServices", "PrivateSexualServices")
RELATIONS: Final = ("IntimatePartner", "Friend", "Family", "Other", "Unknown")


def _flags(prefix: str, names: tuple[str, ...], means: str) -> tuple[Column, ...]:
    return tuple(Column(f"{prefix}{name}", Cell.NUMBER, codes="flag", means=means) for name in names)


# One row for each person. The names from `Datasource` on are those of the Counter Trafficking Data
# Collaborative, letter for letter. Source: docs/sources.md#ctdc.
_PEOPLE: Final = (
    Column("record", Cell.PLAIN),
    Column("month", Cell.PLAIN),
    Column("category", codes="category"),
    Column("category_group", codes="category_group"),
    Column("sector", codes="sector"),
    Column("channel", codes="channel"),
    Column("outcome", codes="outcome"),
    Column("origin_province", codes="province"),
    Column("Datasource"),
    Column("yearOfRegistration", Cell.NUMBER),
    Column("gender", codes="gender"),
    Column("ageBroad", Cell.PLAIN, codes="age_band"),
    Column("majorityStatus", codes="majority"),
    Column("majorityStatusAtExploit", means="not_recorded"),
    Column("majorityEntry", means="not_recorded"),
    Column("citizenship"),
    Column("CountryOfExploitation"),
    Column("RecruiterRelationship", means="not_recorded"),
    *_flags("meansOfControl", CONTROLS, "means_of_control"),
    *_flags("", EXPLOITS, "exploitation"),
    *_flags("typeOfLabour", LABOURS, "type_of_labour"),
    *_flags("typeOfSex", SEXES, "type_of_sex"),
    *_flags("recruiterRelation", RELATIONS, "recruiter_relation"),
    Column("traffickMonths", means="not_recorded"),
)
# What is published is counted elsewhere, under these names and HXL tags; what they mean is said here.
_COUNTS: Final = frozenset({"people", "female", "male", "other", "sex_unknown", "children", "cases"})
_AGGREGATE_CODES: Final = {
    "sector": "sector", "category": "category", "outcome": "outcome", "province": "province",
    "channel": "channel", "suppressed": "true_false",
}  # fmt: skip
_AGGREGATE: Final = tuple(
    Column(
        one.name,
        Cell.NUMBER if one.name in _COUNTS or one.name.endswith("_usd") else Cell.WORD,
        codes=_AGGREGATE_CODES.get(one.name),
        hxl=one.tag,
        means=f"aggregate_{one.name}",
    )
    for one in AGGREGATE_COLUMNS
)
COLUMNS: Final[Mapping[Sheet, tuple[Column, ...]]] = MappingProxyType({
    Sheet.CASES: _CASES, Sheet.MEMBERS: _MEMBERS, Sheet.CLAIMS: _CLAIMS, Sheet.PARTIES: _PARTIES,
    Sheet.PEOPLE: _PEOPLE, Sheet.AGGREGATE: _AGGREGATE,
})  # fmt: skip


class FilterBy(Enum):
    """Where a filter looks for one of its values."""

    CASE = "case"  # in a column of the case
    CATEGORY = "category"  # in any of the case's categories
    ORGANISATION = "organisation"  # the organisation's code
    OWNER = "owner"  # the worker's sign-in name; empty for nobody
    CIRCUMSTANCES = "circumstances"
    MEMBER = "member"  # in any member of the case
    ROW = "row"  # in the row as it is published
    DIMENSION = "dimension"  # in the dimension of a published table


# By which columns an export of each profile may be narrowed. What is anonymised can be narrowed only by
# what its rows show: a filter by anything else would tell that of whoever is left.
FILTERS: Final[Mapping[Profile, Mapping[str, FilterBy]]] = MappingProxyType({
    Profile.IDENTIFIED: MappingProxyType({
        **dict.fromkeys(
            ("code", "status", "urgency", "language", "origin_channel", "destination_country", "outcome",
             "queue", "client_informed"),
            FilterBy.CASE,
        ),
        "categories": FilterBy.CATEGORY,
        "organisation": FilterBy.ORGANISATION,
        "owner": FilterBy.OWNER,
        "sector": FilterBy.CIRCUMSTANCES,
        "origin_province": FilterBy.CIRCUMSTANCES,
        "sex": FilterBy.MEMBER,
        "member_status": FilterBy.MEMBER,
        "member_outcome": FilterBy.MEMBER,
    }),
    Profile.ANONYMISED: MappingProxyType(dict.fromkeys(
        ("categories", "sector", "origin_channel", "outcome", "destination_country", "origin_province", "sex",
         "category", "category_group", "channel", "gender", "ageBroad", "citizenship",
         "CountryOfExploitation"),
        FilterBy.ROW,
    )),
    Profile.AGGREGATE: MappingProxyType(dict.fromkeys(
        (*DIMENSIONS, "destination_country", "categories", "origin_province", "origin_channel"),
        FilterBy.DIMENSION,
    )),
})  # fmt: skip


def must_know_filters(profile: Profile, filters: Mapping[str, tuple[str, ...]]) -> None:
    """Raises: FilterUnknown for a column by which an export of this profile cannot be narrowed."""
    known = FILTERS.get(profile, {})
    for name in filters:
        if name not in known:
            # A name that no column has may be anything that somebody typed: it is not repeated.
            listed = any(name == column.name for columns in COLUMNS.values() for column in columns)
            raise FilterUnknown(column=name if listed else None)
