"""Somebody who was given everything that was published, and a solver, and looks for small counts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from app.statistics.rules.publishing import SEX, Cell, Group

# One kind of person in one window of time, by every dimension: what the attacker counts.
Atom = tuple[tuple[str, str], ...]
WINDOW = "window"
BOX = "box"  # in which of the groups that rows are told of somebody is
NO_ROW = "none"
MOST = 100_000


@dataclass
class Attacker:
    """Whole numbers, one for each atom, of which sums are known: exactly, or no more than their bounds."""

    atoms: Sequence[Atom]
    rows: list[tuple[list[int], list[int]]] = field(default_factory=list)  # places added, places taken away
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._places = {atom: place for place, atom in enumerate(self.atoms)}
        self._values = [dict(atom) for atom in self.atoms]

    def places(self, keys: Mapping[str, str]) -> list[int]:
        """The atoms of a group."""
        return [
            place
            for place, values in enumerate(self._values)
            if all(values.get(name) == value for name, value in keys.items())
        ]

    def learn(self, keys: Mapping[str, str], low: float, high: float = np.inf) -> None:
        """The group has at least and at most so many."""
        self.rows.append((self.places(keys), []))
        self.lows.append(low)
        self.highs.append(high)

    def learn_order(self, more: Mapping[str, str], fewer: Mapping[str, str]) -> None:
        """The second group is no larger than the first."""
        self.rows.append((self.places(more), self.places(fewer)))
        self.lows.append(0)
        self.highs.append(np.inf)

    def bounds(self, places: Iterable[int]) -> tuple[int, int]:
        """The least and the greatest count that everything known allows these atoms together."""
        least, most = (self._solved(places, sign) for sign in (1, -1))
        return least, most

    def most(self, places: Iterable[int]) -> int:
        """The greatest of them."""
        return self._solved(places, -1)

    def _solved(self, places: Iterable[int], sign: int) -> int:
        wanted = np.zeros(len(self.atoms))
        wanted[list(places)] = sign
        found = milp(
            wanted, integrality=np.ones(len(self.atoms)), bounds=Bounds(0, MOST), constraints=self._known()
        )
        if found.status == 3 or found.fun is None:
            raise AssertionError(f"what was published contradicts itself: {found.message}")
        return abs(round(float(found.fun)))

    def _known(self) -> Any:
        if not self.rows:
            return ()
        values, rows, columns = [], [], []
        for number, (added, taken) in enumerate(self.rows):
            for sign, places in ((1, added), (-1, taken)):
                values += [sign] * len(places)
                rows += [number] * len(places)
                columns += places
        matrix = csr_array((values, (rows, columns)), shape=(len(self.rows), len(self.atoms)))
        return LinearConstraint(matrix, np.array(self.lows), np.array(self.highs))


def atoms_of(windows: Iterable[str], values: Mapping[str, Collection[str]]) -> list[Atom]:
    """Every kind of person."""
    named = [[(name, value) for value in listed] for name, listed in values.items()]
    return [((WINDOW, window), *atom) for window in windows for atom in product(*named)]


def reads(
    attacker: Attacker, window: str, cells: Sequence[Cell], values: Mapping[str, Collection[str]],
    withheld: Collection[str],
    minus: Callable[[Mapping[str, str]], int] = lambda _: 0,
) -> None:  # fmt: skip
    """Learn all that the cells of one window say: nobody is in the rows that are not named.

    `minus` is how many of a group the attacker knows by name.
    """
    named = {tuple(sorted(cell.keys.items())) for cell in cells}
    for cell in cells:
        known = minus(cell.keys)
        group = {WINDOW: window, **cell.keys}
        if cell.people is not None:
            attacker.learn(group, cell.people - known, cell.people - known)
        elif len(cell.keys) == 1:
            attacker.learn(group, max(0, 1 - known))
    for name, listed in values.items():
        for value in listed:
            if name not in withheld and ((name, value),) not in named:
                attacker.learn({WINDOW: window, name: value}, 0, 0)


def told_columns(cells: Iterable[Cell]) -> frozenset[str]:
    """The sexes of which the tables of a window tell."""
    return frozenset(cell.keys[SEX] for cell in cells if cell.keys.keys() == {SEX} and not cell.suppressed)


def boxed(atoms: Iterable[Atom], cells: Sequence[Cell], groups: Sequence[Group]) -> Iterator[Atom]:
    """Every kind of person of a window in each group in which they may be, and without a row."""
    columns = told_columns(cells)
    for atom in atoms:
        kind = dict(atom)
        yield (*atom, (BOX, NO_ROW))
        for number, group in enumerate(groups):
            told = all(kind.get(name, value) == value for name, value in group.keys.items())
            if told and (SEX in group.keys or kind[SEX] not in columns):
                yield (*atom, (BOX, str(number)))


def reads_rows(attacker: Attacker, window: str, groups: Sequence[Group]) -> None:
    """Learn of how many people each row of one window is."""
    for number, group in enumerate(groups):
        attacker.learn({WINDOW: window, BOX: str(number)}, group.people, group.people)


def small_kinds(attacker: Attacker, k: int, *names: str, **fixed: str) -> list[tuple[Atom, int]]:
    """The kinds of people by these attributes of whom there are certainly fewer than k, and perhaps some."""
    kinds: dict[tuple[str, ...], list[int]] = {}
    for place, atom in enumerate(attacker.atoms):
        values = dict(atom)
        if fixed.items() <= values.items():
            kinds.setdefault(tuple(values[name] for name in (WINDOW, *names)), []).append(place)
    return small_groups(attacker, k, kinds.values())


def small_groups(attacker: Attacker, k: int, groups: Iterable[Sequence[int]] | None = None) -> list[Any]:
    """The groups that are certainly not empty, or may not be, and certainly hold fewer than k people."""
    asked = [[place] for place in range(len(attacker.atoms))] if groups is None else groups
    return [(attacker.atoms[one[0]], most) for one in asked if 0 < (most := attacker.most(one)) < k]
