"""The rules of routing, pure: which organisation and which caseworker a case goes to, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final
from uuid import UUID

from app.kernel.language import Language
from app.kernel.urgency import Urgency

# Open cases of one caseworker. Source: docs/sources.md#caseload.
WARN_AT: Final = 20
BLOCK_AT: Final = 30

ANY: Final = "*"
UNCLASSIFIED: Final = "unclassified"
# Whatever language a migrant of this hotline wrote in, Khmer is the one most likely to reach them.
FALLBACK_LANGUAGE: Final = Language.KM.value


class Why(StrEnum):
    """A reason of the router; catalogues hold a sentence for each."""

    CATEGORY = "coverage.category"
    DESTINATION = "coverage.destination"
    DESTINATION_UNKNOWN = "coverage.destination_unknown"
    UNVERIFIED = "coverage.unverified"
    NOT_COVERED = "coverage.none"
    CLOSED = "hours.closed"
    ORGANISATION_FULL = "capacity.full"
    SPOKEN = "language.spoken"
    FALLBACK = "language.fallback"
    NOT_SPOKEN = "language.none"
    OFF_DUTY = "duty.off"
    DECLINED = "declined.before"
    WORKER_FULL = "load.full"
    LEAST_LOAD = "load.least"
    HIGH_LOAD = "load.high"
    NOBODY = "nobody.eligible"
    OPENED_BY_WORKER = "opened.by_worker"


@dataclass(frozen=True, slots=True)
class Because:
    """One reason, with the plain values that its sentence needs. Names no person."""

    rule: Why
    values: tuple[tuple[str, str | int], ...] = ()

    @classmethod
    def of(cls, rule: Why, **values: str | int) -> "Because":
        """The reason `rule` with its values, in the order of their names."""
        return cls(rule, tuple(sorted(values.items())))

    def plain(self) -> dict[str, str | int]:
        """The reason as a timeline keeps it: `rule` and the values beside it."""
        return {"rule": self.rule.value, **dict(self.values)}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one organisation takes on. `*` stands for every category or destination.

    `capacity` counts open cases of the whole organisation.
    """

    organisation_id: UUID
    code: str
    categories: frozenset[str]
    destinations: frozenset[str]
    languages: frozenset[str]
    always_open: bool
    capacity: int
    verified: bool

    def covered_categories(self, wanted: Sequence[str]) -> int:
        """How many of the case's categories this organisation takes on."""
        if ANY in self.categories:
            return len(set(wanted))
        return len(self.categories & set(wanted))

    def covers_destination(self, destination: str | None) -> bool:
        """Whether it works in that country; an unknown one needs an organisation for them all."""
        return ANY in self.destinations or (destination is not None and destination in self.destinations)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A caseworker who might take the case. `limit` is the number of open cases that blocks."""

    worker_id: UUID
    organisation_id: UUID
    languages: frozenset[str]
    on_duty: bool
    open_cases: int
    limit: int = BLOCK_AT
    last_assigned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a case asks of whoever takes it. A case without a category counts as unclassified.

    `in_hours` tells whether organisations that keep business hours are open now.
    """

    categories: tuple[str, ...]
    language: str
    destination: str | None
    urgency: Urgency
    declined_by: frozenset[UUID]
    in_hours: bool

    @property
    def asked_for(self) -> tuple[str, ...]:
        """Its categories, of which there is always one."""
        return self.categories or (UNCLASSIFIED,)


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a case goes; both ids are None where it waits in the coordinator's queue."""

    organisation_id: UUID | None
    worker_id: UUID | None
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    coverage: Coverage
    candidate: Candidate
    speaks: bool


def choose(
    need: Need,
    coverages: Sequence[Coverage],
    candidates: Sequence[Candidate],
    organisation_load: Mapping[UUID, int],
) -> Choice:
    """The best caseworker for the case, with the reasons, whatever the order of the inputs.

    An organisation is asked where it covers a category and the destination, is open, and is below
    its capacity; a caseworker, where they are on duty, below their limit and have not declined
    this case. Among those: who speaks the language (else who speaks Khmer), whose organisation is
    verified, covers more of the case and names it rather than taking anything, who carries least
    for their limit, who waited longest, and at last the smaller id.
    """
    asked, refusals = _open_organisations(need, coverages, organisation_load)
    free, excuses = _free_workers(need, [c for c in candidates if c.organisation_id in _ids(asked)])
    pairs = list(_speaking_pairs(need, asked, free))
    if not pairs:
        unspoken = [Because.of(Why.NOT_SPOKEN, language=need.language)] if free else []
        return Choice(None, None, (Because.of(Why.NOBODY), *refusals, *excuses, *unspoken))
    best = min(pairs, key=lambda pair: _preference(need, pair))
    reasons = (*_fit(need, best), *_load(best.candidate), *refusals, *excuses)
    return Choice(best.coverage.organisation_id, best.candidate.worker_id, reasons)


def _open_organisations(
    need: Need, coverages: Sequence[Coverage], organisation_load: Mapping[UUID, int]
) -> tuple[list[Coverage], list[Because]]:
    """Organisations that can be asked, and why others that cover the case cannot."""
    asked: list[Coverage] = []
    refusals: set[Because] = set()
    covering = [c for c in coverages if c.covered_categories(need.asked_for)]
    covering = [c for c in covering if c.covers_destination(need.destination)]
    for coverage in covering:
        if not _is_open(need, coverage):
            refusals.add(Because.of(Why.CLOSED, organisation=coverage.code))
        elif organisation_load.get(coverage.organisation_id, 0) >= coverage.capacity:
            refusals.add(Because.of(Why.ORGANISATION_FULL, organisation=coverage.code))
        else:
            asked.append(coverage)
    if not covering:
        refusals.add(Because.of(Why.NOT_COVERED))
    return asked, sorted(refusals, key=_in_order)


def _is_open(need: Need, coverage: Coverage) -> bool:
    # What is not urgent may wait on a caseworker's desk until the morning.
    return coverage.always_open or need.in_hours or need.urgency not in {Urgency.U1, Urgency.U2}


def _free_workers(need: Need, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Because]]:
    """Caseworkers who can take one more case, and how many cannot for which reason."""
    free: list[Candidate] = []
    excuses: dict[Why, int] = {}
    for candidate in candidates:
        excuse = _excuse(need, candidate)
        if excuse is None:
            free.append(candidate)
        else:
            excuses[excuse] = excuses.get(excuse, 0) + 1
    return free, sorted((Because.of(why, workers=count) for why, count in excuses.items()), key=_in_order)


def _excuse(need: Need, candidate: Candidate) -> Why | None:
    if candidate.worker_id in need.declined_by:
        return Why.DECLINED
    if not candidate.on_duty:
        return Why.OFF_DUTY
    if candidate.open_cases >= candidate.limit:
        return Why.WORKER_FULL
    return None


def _speaking_pairs(need: Need, asked: Sequence[Coverage], free: Sequence[Candidate]) -> Iterator[_Pair]:
    for coverage in asked:
        for candidate in free:
            if candidate.organisation_id != coverage.organisation_id:
                continue
            speaks = need.language in candidate.languages and need.language in coverage.languages
            # The person who talks decides, not the organisation's own list: a Thai speaker in an
            # organisation that does not offer Thai is better than nobody, but comes second.
            if speaks or not candidate.languages.isdisjoint({need.language, FALLBACK_LANGUAGE}):
                yield _Pair(coverage, candidate, speaks)


def _preference(need: Need, pair: _Pair) -> tuple[object, ...]:
    coverage, candidate = pair.coverage, pair.candidate
    waiting_since = candidate.last_assigned_at
    return (
        not pair.speaks,
        need.language not in candidate.languages,
        not coverage.verified,
        -coverage.covered_categories(need.asked_for),
        ANY in coverage.categories,
        ANY in coverage.destinations,
        Fraction(candidate.open_cases, candidate.limit),
        (0, 0.0) if waiting_since is None else (1, waiting_since.timestamp()),
        candidate.worker_id,
        # Two rows of one organisation can fit the same worker: any fixed order will do.
        coverage.organisation_id,
        sorted(coverage.categories),
        sorted(coverage.destinations),
    )


def _fit(need: Need, pair: _Pair) -> Iterator[Because]:
    coverage = pair.coverage
    for category in sorted(set(need.asked_for)):
        if coverage.covered_categories([category]):
            by = ANY if ANY in coverage.categories else category
            yield Because.of(Why.CATEGORY, category=category, organisation=coverage.code, named=by)
    if need.destination is None:
        yield Because.of(Why.DESTINATION_UNKNOWN, organisation=coverage.code)
    else:
        by = ANY if ANY in coverage.destinations else need.destination
        yield Because.of(Why.DESTINATION, destination=need.destination, named=by)
    if not coverage.verified:
        yield Because.of(Why.UNVERIFIED, organisation=coverage.code)
    if need.language in pair.candidate.languages:
        yield Because.of(Why.SPOKEN, language=need.language)
    else:
        yield Because.of(Why.FALLBACK, language=need.language, spoken=FALLBACK_LANGUAGE)


def _load(candidate: Candidate) -> Iterator[Because]:
    values = {"open_cases": candidate.open_cases, "limit": candidate.limit}
    yield Because.of(Why.LEAST_LOAD, **values)
    if candidate.open_cases >= WARN_AT:
        yield Because.of(Why.HIGH_LOAD, **values)


def _ids(coverages: Sequence[Coverage]) -> frozenset[UUID]:
    return frozenset(coverage.organisation_id for coverage in coverages)


def _in_order(reason: Because) -> tuple[str, str]:
    return reason.rule.value, str(reason.values)
