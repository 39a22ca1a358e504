"""What the short CSV of cases may be asked for."""

from dataclasses import dataclass
from datetime import datetime

from app.exports.rules.asking import Format, Locale, Profile, Wanted


@dataclass(frozen=True, slots=True)
class WantedCases:
    """Which cases a supervisor asked for, and in which language the headings are to be.

    `opened_from` is the first moment that counts, `opened_to` the first that no longer does. A case
    must have one of the statuses and one of the categories; an empty tuple asks for any.
    """

    opened_from: datetime | None = None
    opened_to: datetime | None = None
    statuses: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    locale: Locale = "km"

    def filters(self) -> list[str]:
        """The names of the filters in use. Their values are not told: a caller may type anything there."""
        narrowed = {
            "opened_from": self.opened_from, "opened_to": self.opened_to,
            "statuses": self.statuses, "categories": self.categories,
        }  # fmt: skip
        return [name for name, value in narrowed.items() if value]

    def wanted(self) -> Wanted:
        """The same as any export is asked for."""
        named = {"status": self.statuses, "categories": self.categories}
        return Wanted(
            Profile.IDENTIFIED, Format.CSV, self.locale, since=self.opened_from, until=self.opened_to,
            filters={name: values for name, values in named.items() if values},
        )  # fmt: skip
