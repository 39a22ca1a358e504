"""What a member's traits are in the columns of the Counter Trafficking Data Collaborative."""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from babel.core import get_global

from app.exports.rules.anonymising import Traits, year_of
from app.exports.rules.columns import COLUMNS, Sheet
from app.kernel.urgency import Urgency

BETWEEN: Final = "; "
# Upper ends of the bands, the last without one. Source: docs/sources.md#ctdc.
_BANDS: Final = (
    (8, "0--8"), (17, "9--17"), (20, "18--20"), (23, "21--23"), (26, "24--26"), (29, "27--29"),
    (38, "30--38"), (47, "39--47"),
)  # fmt: skip
_LAST_BAND: Final = "48+"
BANDS: Final = (*(band for _, band in _BANDS), _LAST_BAND)
OLDEST: Final = 120  # who is said to be older was written down wrongly
GENDERS: Final = {"female": "Female", "male": "Male", "other": "Other"}
_MINOR_BANDS: Final = frozenset({"0--8", "9--17", "0--17"})

# What each category says of how people were controlled. Only what a category says by itself is set:
# nobody is declared a victim of anything by a program.
_CONTROL_BY_CATEGORY: Final[Mapping[str, tuple[str, ...]]] = {
    "detention": ("RestrictsMovement",),
    "detention_training_centre": ("RestrictsMovement",),
    "physical_abuse": ("PhysicalAbuse",),
    "sexual_violence": ("SexualAbuse",),
    "denied_food_or_care": ("RestrictsMedicalCare", "WithholdsNecessities"),
    "forced_drugs": ("PsychoactiveSubstances",),
    "forced_extension": ("RestrictsMovement", "Threats"),
    "passport_confiscation": ("WithholdsDocuments",),
    "threats_retaliation": ("Threats",),
    "unpaid_wages": ("TakesEarnings",),
    "illegal_deductions": ("TakesEarnings",),
    "recruitment_fee_debt": ("DebtBondage",),
    "contract_substitution": ("FalsePromises",),
    "excessive_overtime": ("ExcessiveWorkingHours",),
}
_FORCED_LABOUR: Final = "trafficking_forced_labour"
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "freedom": (
        "detention", "detention_training_centre", "trafficking_forced_labour", "missing_person",
        "forced_extension", "passport_confiscation", "threats_retaliation", "stranded",
    ),
    "body": (
        "physical_abuse", "sexual_violence", "death_serious_injury", "denied_food_or_care", "forced_drugs",
        "injury_medical",
    ),
    "money": (
        "unpaid_wages", "illegal_deductions", "recruitment_fee_debt", "injury_compensation",
        "remittance_fraud",
    ),
    "contract": ("contract_substitution", "excessive_overtime", "deployment_delay"),
    "help": ("repatriation_request", "documentation_help", "information_request"),
}  # fmt: skip
_GROUP_OF: Final = {code: group for group, codes in _GROUPS.items() for code in codes}
_OTHER_GROUP: Final = "other"
GROUPS: Final = (*_GROUPS, _OTHER_GROUP)
_LABOUR_BY_SECTOR: Final[Mapping[str, str]] = {
    "fisheries": "Aquafarming", "farming": "Agriculture", "construction": "Construction",
    "mining": "MiningOrDrilling", "manufacturing": "Manufacturing", "fish_processing": "Manufacturing",
    "farm_processing": "Manufacturing", "food_service": "Hospitality", "domestic_work": "DomesticWork",
    "online_scam": "IllicitActivities", "begging": "Begging", "trade": "Other", "entertainment": "Other",
    "training_centre": "Other", "other": "Other",
}  # fmt: skip
_NAMES: Final = tuple(column.name for column in COLUMNS[Sheet.PEOPLE])


def age_band(born: date | None, on: date) -> str:
    """The band of somebody's age on that day; empty where it is not known or cannot be."""
    if born is None:
        return ""
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if not 0 <= age <= OLDEST:
        return ""
    return next((band for top, band in _BANDS if age <= top), _LAST_BAND)


@lru_cache(maxsize=512)
def country(code: str | None) -> str:
    """A country as three letters (ISO 3166-1); empty where it is not known."""
    return _THREE_LETTERS.get(code or "", "")


def group_of(category: str) -> str:
    """To which of few groups a category belongs; empty for none."""
    return _GROUP_OF.get(category, _OTHER_GROUP) if category else ""


def gravest(categories: tuple[str, ...], floors: Mapping[str, Urgency]) -> str:
    """The category that asks for the most haste; of equals, the first by its code."""
    return min(categories, key=lambda code: (floors.get(code, Urgency.U4).value, code), default="")


def row_of(traits: Traits) -> list[Any]:
    """The values of a row of people, without the record's own id; None where nothing is known."""
    categories = tuple(traits.categories.split(BETWEEN)) if traits.categories else ()
    values: dict[str, Any] = {
        "month": traits.period, "category": traits.categories, "category_group": traits.group,
        "sector": traits.sector, "channel": traits.channel, "outcome": traits.outcome,
        "Datasource": "Hotline", "yearOfRegistration": year_of(traits.period), "gender": traits.gender,
        "ageBroad": traits.age, "majorityStatus": _majority(traits.age), "citizenship": traits.citizenship,
        "CountryOfExploitation": traits.country, "recruiterRelationUnknown": 1,
    }  # fmt: skip
    for name in _controls(categories):
        values[f"meansOfControl{name}"] = 1
    if _FORCED_LABOUR in categories:
        values["isForcedLabour"] = 1
    values[f"typeOfLabour{_LABOUR_BY_SECTOR.get(traits.sector, 'NotSpecified')}"] = 1
    return [values.get(name) or None for name in _NAMES[1:]]


def _controls(categories: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(name for code in categories for name in _CONTROL_BY_CATEGORY.get(code, ()))
    return named or ("NotSpecified",)


def _majority(age: str) -> str:
    if not age:
        return ""
    return "Minor" if age in _MINOR_BANDS else "Adult"


def _three_letters() -> dict[str, str]:
    """The three letters of each country that exists, by its two."""
    found: dict[str, str] = {}
    for long, (short, *others) in sorted(get_global("territory_aliases").items()):
        is_code = len(long) == 3 and long.isalpha()  # noqa: PLR2004 - ISO 3166
        if is_code and not others and long not in _FORMER and not _NO_COUNTRY.match(long):
            found[short] = long
    return found


# Letters that ISO 3166 leaves to whoever needs some.
_NO_COUNTRY: Final = re.compile("X|Q(?!AT)")
# Letters of countries that are no more, or are called otherwise today. Source: ISO 3166-3.
_FORMER: Final = frozenset({"BUR", "ZAR", "DDR", "FXX", "TMP", "YMD"})
_THREE_LETTERS: Final = _three_letters()
COUNTRIES: Final = tuple(sorted(set(_THREE_LETTERS.values())))
