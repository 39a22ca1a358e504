"""How rows about people are made coarser until nobody stands out."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

# No combination of fewer people is published. Source: docs/sources.md#ctdc
K: Final = 11
UNKNOWN: Final = ""
# Each band of ages with the broader one, and each of these with the broadest.
BROADER: Final[Mapping[str, str]] = {
    "0--8": "0--17", "9--17": "0--17", "18--20": "18--29", "21--23": "18--29", "24--26": "18--29",
    "27--29": "18--29", "30--38": "30--47", "39--47": "30--47", "18--29": "18+", "30--47": "18+",
    "48+": "18+",
}  # fmt: skip
_YEAR: Final = slice(0, 4)
_MONTHS_A_QUARTER: Final = 3


class Traits(NamedTuple):
    """All that is published of one person; empty where it is not known, or not told.

    `period` is `2026-03`, `2026-Q1` or `2026`. `gravest` is the most pressing of `categories`, which are
    joined by `; `; it is published only where they are not. `group` follows from it.
    """

    period: str
    gender: str
    age: str
    citizenship: str
    country: str
    sector: str
    categories: str
    gravest: str
    group: str
    channel: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Reduced:
    """What may be published: how many people share each combination, at least k or none.

    `coarsened` counts the people of whom one trait or another is told less exactly, by the trait.
    """

    counts: Mapping[Traits, int]
    coarsened: Mapping[str, int]
    dropped: int
    k: int

    @property
    def people(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class _Step:
    """One way of telling less, and the trait that it is about."""

    trait: str
    coarser: Callable[[Traits], Traits]


def year_of(period: str) -> int | None:
    """The year of a month, a quarter or a year; None where it is not told."""
    return int(period[_YEAR]) if period else None


def _quarter(one: Traits) -> Traits:
    year, _, month = one.period.partition("-")
    if not month or month.startswith("Q"):
        return one
    return one._replace(period=f"{year}-Q{(int(month) - 1) // _MONTHS_A_QUARTER + 1}")


def _broader_age(one: Traits) -> Traits:
    return one._replace(age=BROADER.get(one.age, one.age))


# What is told less of first hurts readers least. The order is part of what a codebook says.
_STEPS: Final = (
    _Step("month", _quarter),
    _Step("ageBroad", _broader_age),
    _Step("channel", lambda one: one._replace(channel=UNKNOWN)),
    _Step("category", lambda one: one._replace(categories=one.gravest)),
    _Step("outcome", lambda one: one._replace(outcome=UNKNOWN)),
    _Step("month", lambda one: one._replace(period=one.period[_YEAR])),
    _Step("ageBroad", _broader_age),
    _Step("sector", lambda one: one._replace(sector=UNKNOWN)),
    _Step("category", lambda one: one._replace(categories=UNKNOWN, gravest=UNKNOWN)),
    _Step("citizenship", lambda one: one._replace(citizenship=UNKNOWN)),
    _Step("ageBroad", lambda one: one._replace(age=UNKNOWN)),
    _Step("CountryOfExploitation", lambda one: one._replace(country=UNKNOWN)),
    _Step("category_group", lambda one: one._replace(group=UNKNOWN)),
    _Step("gender", lambda one: one._replace(gender=UNKNOWN)),
    _Step("month", lambda one: one._replace(period=UNKNOWN)),
)
STEPS: Final = tuple(step.trait for step in _STEPS)
_NOTHING_TOLD: Final = Traits(*[UNKNOWN] * len(Traits._fields))


def reduce(counts: Mapping[Traits, int], k: int = K) -> Reduced:
    """The same people, each told of only in words that at least k of them share.

    Those of whom fewer than k share all traits are told of one step less exactly, and again, until
    there are k of each; the others stay as they are. Who is left at the end takes the smallest group
    along, so that nobody is missing unless there are fewer than k people in all: then nothing is told.
    """
    told_as = {was: was for was, count in counts.items() if count}
    settled: dict[Traits, int] = {}
    pool = set(told_as)
    for coarser in (_as_it_is, *(step.coarser for step in _STEPS)):
        sums: Counter[Traits] = Counter()
        for was in pool:
            told_as[was] = coarser(told_as[was])
            sums[told_as[was]] += counts[was]
        enough = {told for told, count in sums.items() if count >= k or told in settled}
        for told in enough:
            settled[told] = settled.get(told, 0) + sums[told]
        pool = {was for was in pool if told_as[was] not in enough}
    left = sum(counts[was] for was in pool)
    if left and settled:
        smallest = min(settled, key=lambda one: (settled[one], one))
        settled[_NOTHING_TOLD] = left + settled.pop(smallest)
        pool |= {was for was, told in told_as.items() if told == smallest}
        told_as.update(dict.fromkeys(pool, _NOTHING_TOLD))
        left = 0
    return Reduced(settled, _coarsened(counts, told_as), left, k)


def _as_it_is(one: Traits) -> Traits:
    return one


def _coarsened(counts: Mapping[Traits, int], told_as: Mapping[Traits, Traits]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for was, told in told_as.items():
        for trait, name in _FIELDS.items():
            if getattr(was, name) != getattr(told, name):
                found[trait] += counts[was]
    return dict(found)


_FIELDS: Final[Mapping[str, str]] = {
    "month": "period", "gender": "gender", "ageBroad": "age", "citizenship": "citizenship",
    "CountryOfExploitation": "country", "sector": "sector", "category": "categories",
    "category_group": "group", "channel": "channel", "outcome": "outcome",
}  # fmt: skip
