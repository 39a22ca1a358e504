"""Which figures of a set of tables may be told, so that no count of 1 to k-1 people can be made of them.

The tables are a star: everybody by column (the sexes), and for each dimension everybody by row and column.
What is told of a star keeps this guarantee, which docs/statistics.md#guarantee states and proves: for every
group that can be described by rows and columns, of one dimension or of all together, what is told leaves
open that the group holds k people or more, or makes certain that it holds nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final

# How many people, once for each pair of eyes: first for those who know nothing else, then for every
# organisation, without the people whom that organisation knows by name.
Counts = tuple[int, ...]
Line = Mapping[str, Counts]

REST: Final = ""  # the columns that are told of together only, by what is missing to the total


@dataclass(frozen=True, slots=True)
class Star:
    """People by column, and by row and column of each dimension. Every dimension counts the same people."""

    columns: Line
    tables: Mapping[str, Mapping[str, Line]]


class Told(Enum):
    """What is told of a row."""

    NOTHING = "nothing"  # only that there is somebody
    TOTAL = "total"
    SPLIT = "split"  # the total, and every column that is told of at all


@dataclass(frozen=True, slots=True)
class Telling:
    """Which figures of a star are told: the total of all, columns, and rows by dimension.

    `columns` None, or a dimension that is missing in `rows`, is withheld as a whole: not even which of its
    values occur is told. Else a value that the star does not have is told to be nobody's.
    """

    total: bool
    columns: frozenset[str] | None
    rows: Mapping[str, Mapping[str, Told]]


def tell(star: Star, k: int) -> Telling:
    """As much of the star as can be told with `k` as the least count. The same star, the same answer.

    Of too few people nothing is told, but that they are too few: of nobody it is told that there is nobody.
    """
    everybody = added(star.columns.values())
    if not is_fit(everybody, k):
        return Telling(total=False, columns=None, rows={})
    columns = apart(star.columns, k)
    among = merged(star.columns, columns)
    rows = {}
    for dimension, table in star.tables.items():
        told = apart({value: added(line.values()) for value, line in table.items()}, k)
        if told is not None:
            rows[dimension] = _rows({v: merged(line, columns) for v, line in table.items()}, told, among, k)
    return Telling(total=True, columns=columns, rows=rows)


def apart(parts: Line, k: int) -> frozenset[str] | None:
    """The parts of a known total that can each be told; None where not even their names can.

    Parts below `k` are hidden; then the smallest others, until what is missing to the total, less one for
    each hidden part but one (all know that it is not empty), is `k` or more.
    """
    hidden = {name for name, count in parts.items() if not is_fit(count, k)}
    spare = sorted(parts.keys() - hidden, key=lambda name: (parts[name], name))
    while hidden and not is_fit(added(parts[name] for name in hidden), k + len(hidden) - 1):
        if not spare:
            return None
        hidden.add(spare.pop(0))
    return frozenset(parts.keys() - hidden)


def _rows(table: Mapping[str, Line], told: frozenset[str], among: Line, k: int) -> Mapping[str, Told]:
    """What is told of each row, whose total is told if it is in `told`.

    The rows without a split share what the rows with one leave of each column. Smaller rows join them until
    each of these remainders is empty or `k` at least.
    """
    split = {value for value in told if all(is_fit(count, k) for count in table[value].values())}
    while (unfit := _unfit_remainder(table, split, among, k)) is not None:
        holding = [value for value in split if any(table[value].get(unfit, ()))]
        split.remove(min(holding, key=lambda value: (added(table[value].values()), value)))
    return {
        value: Told.SPLIT if value in split else Told.TOTAL if value in told else Told.NOTHING
        for value in table
    }


def _unfit_remainder(table: Mapping[str, Line], split: set[str], among: Line, k: int) -> str | None:
    """A column of which the rows with a split leave too few, if there is one."""
    for column, count in sorted(among.items(), reverse=True):
        told = added(chain([_none(count)], (table[value].get(column, _none(count)) for value in split)))
        if not is_fit(tuple(all_ - some for all_, some in zip(count, told, strict=True)), k):
            return column
    return None


def merged(line: Line, columns: frozenset[str] | None) -> Line:
    """The line with all columns that are not told as one, which is `REST`."""
    apart_ = {name: count for name, count in line.items() if name in (columns or ())}
    rest = [count for name, count in line.items() if name not in apart_]
    return {**apart_, REST: added(rest)} if rest else apart_


def is_fit(count: Counts, least: int) -> bool:
    """Whether nobody or at least so many are there, in the eyes of everybody."""
    return all(number == 0 or number >= least for number in count)


def _none(count: Counts) -> Counts:
    return (0,) * len(count)


def added(counts: Iterable[Counts]) -> Counts:
    """All of them together. There is at least one."""
    return tuple(map(sum, zip(*counts, strict=True)))
