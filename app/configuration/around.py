"""The shape of what lies around cases in CONFIG_DIR: circumstances.yaml and exchange_rates.yaml."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from app.circumstances.rules import Rate, Sector, Surroundings
from app.configuration.schema import Code, Group, NamesField

Province = Annotated[str, Field(pattern=r"^KH-[1-9][0-9]?$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Division = Annotated[str, Field(pattern=r"^[0-9]{2,4}$")]


class SectorEntry(Group):
    """One trade."""

    label: NamesField
    isic: tuple[Division, ...] = ()


class CircumstancesFile(Group):
    """circumstances.yaml."""

    sectors: Annotated[dict[Code, SectorEntry], Field(min_length=1)]
    provinces: dict[Province, NamesField] = Field(default_factory=dict)

    def typed(self, rates: "ExchangeRatesFile") -> Surroundings:
        """Both files as the use cases know them."""
        return Surroundings(
            sectors={code: Sector(code, one.label.typed(), one.isic) for code, one in self.sectors.items()},
            provinces={code: names.typed() for code, names in self.provinces.items()},
            rates={
                currency: tuple(Rate(one.since, one.usd) for one in listed)
                for currency, listed in rates.rates.items()
            },
        )


class RateEntry(Group):
    """What one unit was worth from a day on."""

    since: date = Field(alias="from")
    usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


def _in_order(listed: list[RateEntry]) -> list[RateEntry]:
    if any(later.since <= earlier.since for earlier, later in pairwise(listed)):
        raise ValueError("each line must begin on a later day than the one before it")
    return listed


Rates = Annotated[list[RateEntry], Field(min_length=1), AfterValidator(_in_order)]


class ExchangeRatesFile(Group):
    """exchange_rates.yaml."""

    rates: dict[Currency, Rates] = Field(default_factory=dict)
