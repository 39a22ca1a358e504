"""How long what identifies people is kept after a case was closed."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_MONTHS = 12


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Months and days as `config/retention.yaml` has them. Source: docs/security.md#retention.

    `months` names the categories that differ from `default_months`. Of a case with several categories
    the longest time counts.
    """

    default_months: int = 24
    months: Mapping[str, int] = field(default_factory=dict)
    texts_days: int = 180
    raw_days: int = 90

    def steps(self) -> list[int]:
        """Every number of months that some case may have, the shortest first."""
        return sorted({self.default_months, *self.months.values()})

    def longer_than(self, months: int) -> frozenset[str]:
        """The named categories that are kept longer than so many months."""
        return frozenset(code for code, kept in self.months.items() if kept > months)

    def at_most(self, months: int) -> frozenset[str]:
        """The named categories that are kept no longer than so many months."""
        return frozenset(code for code, kept in self.months.items() if kept <= months)

    def of(self, categories: tuple[str, ...]) -> int:
        """The months of a case with these categories: the longest of them."""
        return max(
            (self.months.get(code, self.default_months) for code in categories), default=self.default_months
        )

    def texts_before(self, now: datetime) -> datetime:
        """Cases that were closed before then hold no words of texts any more."""
        return now - timedelta(days=self.texts_days)

    def raw_before(self, now: datetime) -> datetime:
        """Of what carriers gave us before then, only what was read from it is kept."""
        return now - timedelta(days=self.raw_days)


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time so many months before; the last day of a month that is too short."""
    year, month = divmod(moment.year * _MONTHS + moment.month - 1 - months, _MONTHS)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
