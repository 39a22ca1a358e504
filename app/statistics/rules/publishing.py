"""What is published: the fixed set of tables, the windows of time, and what a question selects of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from app.kernel.refusal import Refusal
from app.statistics.rules.beside import Beside
from app.statistics.rules.suppression import Counts, Star, Told, is_fit, tell

UNKNOWN: Final = "unknown"
OPEN: Final = "open"  # the outcome of whoever has none yet
SEX: Final = "sex"
ORGANISATION: Final = "organisation"
AGE_BAND: Final = "age_band"
CHILDREN: Final = "0-17"
# The last age that belongs to each band. Source: docs/statistics.md#age-bands-of-what-is-published
AGE_BANDS: Final[tuple[tuple[str, int | None], ...]] = (
    (CHILDREN, 17), ("18-23", 23), ("24-29", 29), ("30-47", 47), ("48+", None),
)  # fmt: skip
# Each is crossed with sex and with nothing else. Why these: docs/statistics.md#tables.
ROWS: Final = (
    "destination", "sector", "category", AGE_BAND, "outcome", ORGANISATION, "province", "channel",
)  # fmt: skip
DIMENSIONS: Final = (*ROWS, SEX)
_MONTHS_OF_A_YEAR: Final = 12


class WindowTooSmall(Refusal):
    """Figures are published for whole windows of the calendar only, so that no two can be subtracted."""

    code = "statistics.window_too_small"
    status = 422


class TooEarly(Refusal):
    """No window that was asked for has ended long enough ago."""

    code = "statistics.too_early"
    status = 422


class WouldReveal(Refusal):
    """What was asked for is no cell of the published tables, and cells beside them could be subtracted."""

    code = "statistics.would_reveal"
    status = 422


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants of the published figures: from the first day on and before the last.

    `filters` keep the cells whose value is one of those listed. `organisation_id` is that of whoever
    asks, who sees no other organisation's row; None sees every row.
    """

    since: date
    until: date
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    organisation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Whole months: the first day that counts, and the first that no longer does."""

    since: date
    until: date

    def months(self) -> Iterator[date]:
        """The first day of each month."""
        month = self.since
        while month < self.until:
            yield month
            month = later(month, 1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One published figure of one window. No keys: everybody. A suppressed one has no numbers.

    Keys are one of `ROWS`, `sex`, or both. Told of everybody together only: `cases`, and `usd`, which came
    back in the window, in whole US dollars.
    """

    window: Window
    keys: Mapping[str, str]
    people: int | None
    cases: int | None = None
    usd: int | None = None

    @property
    def suppressed(self) -> bool:
        """Whether the number of people is kept back. Nobody (0) is never kept back alone."""
        return self.people is None


@dataclass(frozen=True, slots=True)
class Group:
    """So many people of whom rows tell alike: their sex, where its column is told, and what they share."""

    keys: Mapping[str, str]
    people: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The frozen tables of one window. A cell that is in no table and in none of `withheld` holds nobody."""

    window: Window
    k: int
    released_at: datetime
    cells: tuple[Cell, ...]
    withheld: frozenset[str]  # dimensions of which nothing is told
    groups: tuple[Group, ...] | None = None  # None of a window that was frozen without any
    beside: Beside | None = None  # None where nothing was frozen beside the tables


@dataclass(frozen=True, slots=True)
class Publication:
    """The answer to a question: cells of frozen tables, oldest window first."""

    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    k: int
    as_released_at: datetime | None  # of the newest window; None where there was no window at all
    windows: tuple[Window, ...]
    pending: tuple[Window, ...]  # asked for, and not to be published yet
    withheld: Mapping[Window, frozenset[str]]
    groups: Mapping[Window, tuple[Group, ...] | None] = field(default_factory=dict)
    beside: Mapping[Window, Beside] = field(default_factory=dict)  # of windows that have it


def later(month: date, months: int) -> date:
    """The first day of the month that is so many months later."""
    number = month.year * _MONTHS_OF_A_YEAR + month.month - 1 + months
    return date(number // _MONTHS_OF_A_YEAR, number % _MONTHS_OF_A_YEAR + 1, 1)


def age_band(born: date, on: date) -> str:
    """The band of somebody's age on a day. Who was born later was written down wrongly."""
    if born > on:
        return UNKNOWN
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return next(name for name, last in AGE_BANDS if last is None or age <= last)


def must_be_answerable(question: Question) -> None:
    """Whole months, and cells that are in the tables: at most one dimension, and sex.

    Raises: WindowTooSmall, WouldReveal.
    """
    if question.since.day != 1 or question.until.day != 1 or question.since >= question.until:
        raise WindowTooSmall(months=1)
    asked = question.filters.keys() - {SEX}
    if len(asked) > 1 or not asked <= frozenset(ROWS):
        raise WouldReveal


def windows_of(question: Question, released: Sequence[Window], *, months: int) -> tuple[Window, ...]:
    """The windows that make up what was asked, in order: those released before, else of so many months.

    `released` are those that touch the question. None overlaps another, so none can be subtracted from
    another. Raises: WindowTooSmall where one would have to be cut.
    """
    taken = {window.since: window for window in released}
    found: list[Window] = []
    since = question.since
    while since < question.until:
        window = taken.get(since) or _fresh(since, released, months)
        if window is None or window.until > question.until:
            raise WindowTooSmall(months=months)
        found.append(window)
        since = window.until
    return tuple(found)


def _fresh(since: date, released: Sequence[Window], months: int) -> Window | None:
    """The window that begins on this day, or None where none may begin there.

    Where an installation went over from short windows to longer ones, months are left between the two:
    they are published one by one.
    """
    first = date(since.year, (since.month - 1) // months * months + 1, 1)
    whole = Window(first, later(first, months))
    touched = [one for one in released if one.since < whole.until and whole.since < one.until]
    if not touched:
        return whole if since == first else None
    inside = any(one.since < since < one.until for one in touched)
    return None if inside else Window(since, later(since, 1))


def is_due(*, ends_at: datetime, after: timedelta | None, now: datetime) -> bool:
    """Whether a window may be published; with `after` None also one that has not ended yet."""
    return after is None or now >= ends_at + after


def figures_of(window: Window, star: Star, cases: Counts, k: int) -> list[Cell]:
    """Every cell of the window's tables that is told, or told to be kept back.

    `cases` are those that anybody is in. They are told of all together only: beside people by two dimensions,
    numbers of cases could tell how few people are in a combination (docs/statistics.md#tables).
    """
    telling = tell(star, k)
    if not telling.total:
        return [Cell(window, {}, None)]
    total = sum(count[0] for count in star.columns.values())
    cells = [Cell(window, {}, total, cases[0] if is_fit(cases, k) else None)]
    cells += _line(window, {}, star.columns, telling.columns)
    for dimension, rows in telling.rows.items():
        for value, told in sorted(rows.items()):
            line, keys = star.tables[dimension][value], {dimension: value}
            people = None if told is Told.NOTHING else sum(count[0] for count in line.values())
            cells.append(Cell(window, keys, people))
            if told is not Told.NOTHING:
                full = {name: line.get(name, (0,)) for name in star.columns}
                cells += _line(window, keys, full, telling.columns, split=told is Told.SPLIT)
    return cells


def with_money(cells: Sequence[Cell], usd: int | None) -> tuple[Cell, ...]:
    """The cells with what came back beside everybody, where anything is told of everybody."""
    return tuple(cell if cell.keys or cell.suppressed else replace(cell, usd=usd) for cell in cells)


def withheld_of(cells: Sequence[Cell]) -> frozenset[str]:
    """The dimensions of which a window's cells tell nothing. Where there is nobody, that is told of all."""
    if any(cell.people == 0 for cell in cells if not cell.keys):
        return frozenset()
    return frozenset(DIMENSIONS) - {name for cell in cells for name in cell.keys}


def select_cells(cells: Sequence[Cell], question: Question, own: str | None) -> tuple[Cell, ...]:
    """What the question selects of frozen cells; `own` is the code of the organisation that asks."""
    return tuple(cell for cell in cells if _is_wanted(cell, question, own))


def select_groups(
    groups: tuple[Group, ...] | None, question: Question, own: str | None
) -> tuple[Group, ...] | None:
    """Whose rows may be seen: an organisation sees those of whom it is told that they are its own."""
    if groups is None or question.organisation_id is None:
        return groups
    return tuple(group for group in groups if group.keys.get(ORGANISATION) == own)


def _is_wanted(cell: Cell, question: Question, own: str | None) -> bool:
    if question.organisation_id is not None and cell.keys.get(ORGANISATION, own) != own:
        return False
    return all(cell.keys.get(name) in values for name, values in question.filters.items())


def _line(
    window: Window, keys: Mapping[str, str], line: Mapping[str, Counts], told: frozenset[str] | None,
    *, split: bool = True,
) -> list[Cell]:  # fmt: skip
    """The columns of a row; of those that nobody is in at all nothing need be said."""
    if told is None:
        return []
    return [
        Cell(window, {**keys, SEX: name}, count[0] if split and name in told else None)
        for name, count in sorted(line.items())
    ]


def as_json(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Cells of one window as JSON objects."""
    return [
        {"keys": dict(cell.keys), "people": cell.people, "cases": cell.cases, "usd": cell.usd}
        for cell in cells
    ]


def from_json(window: Window, said: Sequence[Mapping[str, Any]]) -> tuple[Cell, ...]:
    """What `as_json` wrote."""
    return tuple(Cell(window, one["keys"], one["people"], one["cases"], one["usd"]) for one in said)


def groups_as_json(groups: Sequence[Group] | None) -> list[dict[str, Any]] | None:
    """Groups of one window as JSON objects."""
    return None if groups is None else [{"keys": dict(one.keys), "people": one.people} for one in groups]


def groups_from_json(said: Sequence[Mapping[str, Any]] | None) -> tuple[Group, ...] | None:
    """What `groups_as_json` wrote."""
    return None if said is None else tuple(Group(one["keys"], one["people"]) for one in said)
