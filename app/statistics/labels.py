"""What people read for the codes that statistics are counted by, in Khmer or English."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from babel import Locale

from app.i18n.catalogue import Catalogues, country_name
from app.statistics.rules.dimensions import Dimension
from app.usecases.rulebook import Rulebook

Language = Literal["km", "en"]

# Dimensions whose values have a text in the catalogue, and the keys before the code.
_IN_CATALOGUE: Final = {
    Dimension.SEX: "statistics.sex",
    Dimension.AGE_GROUP: "statistics.age_group",
    Dimension.CHANNEL: "statistics.channel",
    Dimension.INDICATOR: "statistics.indicator",
    Dimension.STATUS: "status",
    Dimension.OUTCOME: "outcome",
    Dimension.URGENCY: "urgency",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of codes in one language; of organisations the code and name by id, of parties the name."""

    rulebook: Rulebook
    language: Language
    organisations: Mapping[UUID, tuple[str, str]]
    parties: Mapping[UUID, str] = field(default_factory=dict)

    @property
    def unknown(self) -> str:
        """What stands for a value that nobody knows."""
        return self.text("statistics.unknown")

    @property
    def everything(self) -> str:
        """What stands for all values together."""
        return self.text("statistics.all")

    def text(self, key: str) -> str:
        """The catalogue's text of a key."""
        return self.rulebook.catalogues.text(key, self.language)

    def of(self, dimension: Dimension, value: str | UUID | None) -> str:
        """The name of a value of a dimension; a code that has no name is its own name."""
        if value is None:
            return self.unknown
        if isinstance(value, UUID):
            if dimension is Dimension.ORGANISATION:
                return self.organisations[value][1] if value in self.organisations else str(value)
            return self.parties.get(value, str(value))
        if family := _IN_CATALOGUE.get(dimension):
            return self.coded(family, value)
        if special := _SPECIAL.get(dimension):
            return special(self, value)
        return value

    def organisation_named(self, code: str) -> str:
        """The name of the organisation with this code."""
        return dict(self.organisations.values()).get(code, code)

    def coded(self, family: str, code: str) -> str:
        """The catalogue's text for a code, or the code where there is none."""
        return _text_or_code(self.rulebook.catalogues, f"{family}.{code}", code, self.language)

    def language_name(self, code: str) -> str:
        """The name of a language."""
        return str(Locale.parse(self.language).languages.get(code, code)).replace("\u200b", "")

    def _category(self, code: str) -> str:
        return self.rulebook.category_names.get(code, {}).get(self.language, code)

    def _sector(self, code: str) -> str:
        sector = self.rulebook.surroundings.sectors.get(code)
        return sector.labels.get(self.language, code) if sector else code

    def _province(self, code: str) -> str:
        return self.rulebook.surroundings.provinces.get(code, {}).get(self.language, code)

    def _country(self, code: str) -> str:
        return country_name(code, self.language)


def _text_or_code(catalogues: Catalogues, key: str, code: str, language: Language) -> str:
    try:
        return catalogues.text(key, language)
    except KeyError:
        return code


_SPECIAL: Final[Mapping[Dimension, Callable[[Labels, str], str]]] = {
    Dimension.CATEGORY: Labels._category,  # noqa: SLF001 - the class's own
    Dimension.SECTOR: Labels._sector,  # noqa: SLF001 - as above
    Dimension.PROVINCE: Labels._province,  # noqa: SLF001 - as above
    Dimension.DESTINATION: Labels._country,  # noqa: SLF001 - as above
}
