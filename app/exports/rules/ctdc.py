"""What is told of a group of people, in the columns of the Counter Trafficking Data Collaborative."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from babel.core import get_global

from app.statistics.rules.aggregate import period_of
from app.statistics.rules.groups import BETWEEN, CATEGORIES, CATEGORY
from app.statistics.rules.publishing import AGE_BAND, AGE_BANDS, CHILDREN, SEX, Group, Window

# The bands of the published tables in the collaborative's own way of writing. Source: docs/sources.md#ctdc
_BANDS: Final = {name: name.replace("-", "--") for name, _ in AGE_BANDS}
BANDS: Final = tuple(_BANDS.values())
GENDERS: Final = {"female": "Female", "male": "Male", "other": "Other"}

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
_HOME: Final = "KHM"
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


@lru_cache(maxsize=512)
def country(code: str | None) -> str:
    """A country as three letters (ISO 3166-1); empty where it is not known."""
    return _THREE_LETTERS.get(code or "", "")


def group_of(category: str) -> str:
    """To which of few groups a category belongs; empty for none."""
    return _GROUP_OF.get(category, _OTHER_GROUP) if category else ""


def row_of(window: Window, group: Group) -> dict[str, Any]:
    """What a row says of somebody in the group, by column; what is not in it is not told.

    Everything follows from what is told of the group, and from nothing else.
    """
    told = group.keys
    category, sector, province = (told.get(name, "") for name in (CATEGORY, "sector", "province"))
    band = told.get(AGE_BAND, "")
    listed = told.get(CATEGORIES, category)
    values: dict[str, Any] = {
        "month": period_of(window), "category": listed, "category_group": group_of(category),
        "sector": sector, "channel": told.get("channel"), "outcome": told.get("outcome"),
        "origin_province": province, "Datasource": "Hotline", "yearOfRegistration": window.since.year,
        "gender": GENDERS.get(told.get(SEX, "")), "ageBroad": _BANDS.get(band),
        "majorityStatus": ("Minor" if band == CHILDREN else "Adult") if band else None,
        "citizenship": _HOME if province else None, "CountryOfExploitation": country(told.get("destination")),
        "recruiterRelationUnknown": 1,
    }  # fmt: skip
    categories = tuple(listed.split(BETWEEN)) if listed else ()
    for name in _controls(categories):
        values[f"meansOfControl{name}"] = 1
    if _FORCED_LABOUR in categories:
        values["isForcedLabour"] = 1
    values[f"typeOfLabour{_LABOUR_BY_SECTOR.get(sector, 'NotSpecified')}"] = 1
    return {name: value for name, value in values.items() if value}


def _controls(categories: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(name for code in categories for name in _CONTROL_BY_CATEGORY.get(code, ()))
    return named or ("NotSpecified",)


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
