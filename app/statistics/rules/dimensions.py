"""By what cases and people are counted: the dimensions, their bands, and how many values one case has."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Dimension(StrEnum):
    """Something by which cases and their people are told apart. No value stands for what nobody knows."""

    DESTINATION = "destination"
    SECTOR = "sector"
    SEX = "sex"
    AGE_BAND = "age_band"
    AGE_GROUP = "age_group"  # child | adult
    CHANNEL = "channel"
    RECRUITER = "recruiter"
    EMPLOYER = "employer"
    CATEGORY = "category"
    INDICATOR = "indicator"  # signs of forced labour, as the ILO lists them
    ORGANISATION = "organisation"
    PROVINCE = "province"
    URGENCY = "urgency"
    STATUS = "status"
    OUTCOME = "outcome"
    MONTH = "month"
    YEAR = "year"


class Grain(StrEnum):
    """How many values of a dimension one case has."""

    CASE = "case"  # one
    MANY = "many"  # several: the case and its people count once under each
    PERSON = "person"  # each of its people has one; those not written down have none


GRAIN: Final = {
    **dict.fromkeys(Dimension, Grain.CASE),
    Dimension.CATEGORY: Grain.MANY,
    Dimension.INDICATOR: Grain.MANY,
    Dimension.RECRUITER: Grain.MANY,
    Dimension.EMPLOYER: Grain.MANY,
    Dimension.SEX: Grain.PERSON,
    Dimension.AGE_BAND: Grain.PERSON,
    Dimension.AGE_GROUP: Grain.PERSON,
    Dimension.OUTCOME: Grain.PERSON,  # one's own; where there is none, that of the case
}

ADULT_AT: Final = 18
CHILD: Final = "child"
ADULT: Final = "adult"


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Ages in whole years from `first` to `last`, both of which belong to it; no `last`: and above."""

    first: int
    last: int | None

    @property
    def code(self) -> str:
        """How the band is written: `9-17`, or `48+` for the last."""
        return f"{self.first}+" if self.last is None else f"{self.first}-{self.last}"


# The broad age bands of the Counter-Trafficking Data Collaborative. They cut at 18, so that children can
# be added up. Source: docs/statistics.md#age-bands
AGE_BANDS: Final = tuple(
    AgeBand(first, last)
    for first, last in (
        (0, 8), (9, 17), (18, 20), (21, 23), (24, 26), (27, 29), (30, 38), (39, 47), (48, None),
    )
)  # fmt: skip
