"""Somebody who was given what is told beside the tables, and a solver: whole numbers, and what is known."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

K = 11
MOST = 2_000

Kind = tuple[Any, ...]
Group = Callable[[Kind], bool]


@dataclass
class Solver:
    """Whole numbers, one for each kind, and what is known of them: sums between bounds, or choices."""

    kinds: Sequence[Kind]
    rows: list[dict[int, float]] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    switches: int = 0

    def learn(self, low: float, high: float, *weighed: tuple[float, Group]) -> None:
        """A sum of so many times the one group and so many times the other lies between the two."""
        row = Counter[int]()
        for weight, group in weighed:
            for place, kind in enumerate(self.kinds):
                if group(kind):
                    row[place] += weight  # type: ignore[assignment]  # weights may be fractions
        self._add(dict(row), low, high)

    def learn_choice(self, group: Group, choices: Sequence[tuple[int, int]]) -> None:
        """The group has a number of one of these stretches."""
        places = [len(self.kinds) + self.switches + number for number in range(len(choices))]
        self.switches += len(choices)
        counted = {place: 1.0 for place, kind in enumerate(self.kinds) if group(kind)}
        self._add(dict.fromkeys(places, 1.0), 1, 1)
        for end, sign in ((0, 1), (1, -1)):
            row = {place: sign * one for place, one in counted.items()}
            limits = zip(places, choices, strict=True)
            self._add(row | {place: -sign * float(one[end]) for place, one in limits}, 0, np.inf)

    def learn_fit(self, group: Group) -> None:
        """The group is nobody, or `K` and more."""
        self.learn_choice(group, [(0, 0), (K, MOST)])

    def most(self, group: Group) -> int:
        """The greatest number that the group can have. Raises: AssertionError, where nothing fits."""
        number = len(self.kinds) + self.switches
        matrix = np.zeros((len(self.rows), number))
        for line, row in enumerate(self.rows):
            for place, weight in row.items():
                matrix[line, place] = weight
        wanted = np.zeros(number)
        wanted[[place for place, kind in enumerate(self.kinds) if group(kind)]] = -1
        highest = np.array([MOST] * len(self.kinds) + [1] * self.switches)
        known = LinearConstraint(matrix, np.array(self.lows), np.array(self.highs))
        found = milp(wanted, integrality=np.ones(number), bounds=Bounds(0, highest), constraints=known)
        if found.fun is None:
            raise AssertionError(f"what is told contradicts itself: {found.message}")
        return round(-float(found.fun))

    def small(self, groups: Iterable[Group]) -> list[int]:
        """Every greatest number that is too small to be told."""
        return [most for group in groups if 0 < (most := self.most(group)) < K]

    def _add(self, row: dict[int, float], low: float, high: float) -> None:
        self.rows.append(row)
        self.lows.append(low)
        self.highs.append(high)


def kind_of(kind: Kind) -> Group:
    return lambda one: one == kind


def anything(_: Kind) -> bool:
    return True
