"""What statistics say: the figures of each indicator. None is what may not be told, or is not known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Cell:
    """Cases and people with these values; `keys` holds the code of each dimension, None where unknown.

    `suppressed`: something is kept back. A number that stands there nevertheless is of those months of the
    period of which it may be told.
    """

    keys: Mapping[str, str | None]
    labels: Mapping[str, str]
    cases: int | None
    people: int | None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Cases and people by one dimension or more. `suppressed`: at least one cell may not be told."""

    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """How many texts and calls had one value: a channel, a language, an hour of the office's day."""

    value: str | None
    label: str
    contacts: int


@dataclass(frozen=True, slots=True)
class Contacts:
    """What came in. Calls to the hotline are answered by a person, left a message or a wish, or abandoned.

    `calls` are those three and what still goes on; `missed` are rings at numbers that call back.
    `answered_share` is of the calls that are over.
    """

    texts: int | None
    calls: int | None
    answered: int | None
    left_word: int | None
    abandoned: int | None
    missed: int | None
    unique_callers: int | None
    answered_share: float | None
    by_channel: tuple[Volume, ...] | None
    by_language: tuple[Volume, ...] | None
    by_hour: tuple[Volume, ...] | None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """How long cases waited for one thing, in whole seconds, rounded up. `urgency` None: all of them.

    `count` is of those for which it was done. `in_time` and `late` count by the target of their profile,
    what is not done and not yet late in neither; both are None where there is no target. `window` is the
    month or months that were published together (`2026-01`, `2026-01/2026-03`); None in the internal view.
    """

    clock: str
    urgency: str | None
    label: str
    count: int | None
    p50: int | None
    p90: int | None
    p95: int | None
    longest: int | None
    in_time: int | None
    late: int | None
    share_in_time: float | None
    suppressed: bool = False
    window: str | None = None


@dataclass(frozen=True, slots=True)
class RungFired:
    """How often one rung of a clock's ladder was reached, and in how many cases."""

    clock: str
    rung: int
    to: str
    label: str
    fired: int | None
    cases: int | None


@dataclass(frozen=True, slots=True)
class Breach:
    """How many cases of one urgency did not get in time what a clock waits for, of how many with a target."""

    clock: str
    urgency: str
    late: int | None
    of: int | None


@dataclass(frozen=True, slots=True)
class Escalations:
    """Rungs that were reached in the period, and targets that were missed by cases opened in it."""

    rungs: tuple[RungFired, ...]
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """How many cases one person has open now."""

    worker_id: UUID
    label: str
    organisation_id: UUID | None
    open_cases: int


@dataclass(frozen=True, slots=True)
class OrganisationLoad:
    """What one organisation has open now, and who is there to work on it. Ratios are None where nobody is."""

    organisation_id: UUID
    label: str
    open_cases: int
    without_owner: int
    caseworkers: int
    supervisors: int
    cases_per_caseworker: float | None
    caseworkers_per_supervisor: float | None


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How many open cases wait in one queue, or are with somebody (`queue` None)."""

    queue: str | None
    label: str
    open_cases: int


@dataclass(frozen=True, slots=True)
class LoadBand:
    """How many caseworkers have from `first` to `last` cases open; no `last`: and above."""

    first: int
    last: int | None
    caseworkers: int


@dataclass(frozen=True, slots=True)
class Caseload:
    """Who has how much to do at this moment, whatever the period."""

    open_cases: int
    workers: tuple[WorkerLoad, ...]
    organisations: tuple[OrganisationLoad, ...]
    queues: tuple[QueueLoad, ...]
    bands: tuple[LoadBand, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Money in one currency, in its smallest units, and in US cents by the rate of each day.

    `without_rate` is what is left out of the cents, because nobody wrote down a rate for its day.
    """

    currency: str
    digits: int  # behind the point of the currency's unit
    claimed: int | None
    claimed_people: int | None
    claimed_usd_cents: int | None
    claimed_without_rate: int | None
    recovered: int | None
    recovered_cases: int | None
    recovered_usd_cents: int | None
    recovered_without_rate: int | None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class PartyMoney:
    """What people claim of one employer and got back, in US cents; `party_id` None: no employer is known."""

    party_id: UUID | None
    label: str
    claimed_people: int
    claimed_usd_cents: int
    recovered_usd_cents: int


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """Wages claimed and money recovered, by currency, and together in US cents."""

    currencies: tuple[Sum, ...]
    claimed_usd_cents: int | None
    recovered_usd_cents: int | None
    by_employer: tuple[PartyMoney, ...] | None = None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class RepeatParty:
    """A company or place with several cases, and from how many organisations these are."""

    party_id: UUID
    kind: str
    label: str
    names: tuple[str, ...]
    country: str | None
    licence: str | None
    disputed: bool
    cases: int
    people: int
    organisations: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Unknown:
    """How much of one field nobody filled in."""

    field: str
    label: str
    unknown: int
    of: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How well cases are written down, and what is overdue at this moment."""

    fields: tuple[Unknown, ...]
    cases: int
    cases_without_members: int
    people_not_written_down: int
    overdue_cases: int
    overdue_tasks: int
    overdue_reviews: int


@dataclass(frozen=True, slots=True)
class YearLine:
    """What one organisation did with the cases that were opened in one year; `year` None: in all of them.

    `of_all`: the sum of all organisations. Else `organisation_id` None stands for cases that none has yet.
    """

    year: int | None
    organisation_id: UUID | None
    organisation: str | None  # its code
    of_all: bool
    label: str
    cases: int | None
    people: int | None
    repatriated: int | None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a period, from one snapshot. What may not be told in the view that was asked for is None."""

    totals: Cell
    tables: tuple[Table, ...]
    contacts: Contacts
    times: tuple[Wait, ...]
    escalations: Escalations | None
    outcomes: Table
    money: MoneyFigures
    years: tuple[YearLine, ...]
    parties: tuple[RepeatParty, ...] | None
    caseload: Caseload | None
    quality: Quality | None
