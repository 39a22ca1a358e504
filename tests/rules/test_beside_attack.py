"""A solver that was given all that is told beside the tables finds no small count; of less care it finds.

It looks for the greatest number of cases of each kind. It has read the rules: where something
is told, it knows which numbers are nobody or at least k.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, product
from random import Random

import numpy as np
import pytest

from app.statistics.rules.percentiles import PERCENTS, nearest_rank
from app.statistics.rules.publishing import Cell, Window, figures_of
from app.statistics.rules.suppression import Star
from app.statistics.rules.telling import (
    ToldWait,
    Waited,
    percents_told,
    told_waits,
)
from tests.beside_attacker import MOST, Group, K, Kind, Solver, anything, kind_of

JANUARY = Window(date(2026, 1, 1), date(2026, 2, 1))
# Times that rounding leaves as they are. Who waited for the first two was in time, for the last one late.
TIMES = (300, 900, 1_800, 3_600, 86_400, 864_000)
STRICTEST, LONGEST = 900, 86_400
DESTINATIONS = ("TH", "MY", "JP")
NEVER = "never"  # it was not done

# Cases: where they went, how long they waited, and whether that was late.


@dataclass(frozen=True)
class Seen:
    """One case: a destination, the time until it was done or `NEVER`, and whether it was late."""

    destination: str
    waited: int | str
    late: bool


def of_first(value: str) -> Group:
    """All of one destination, or of one month."""
    return lambda kind: kind[0] == value


def of_rest(*rest: int | bool) -> Group:
    """All of one time, and late or not, wherever they went."""
    return lambda kind: kind[1:] == rest


def of_part(*part: bool) -> Group:
    """All that were done or not, late or not."""
    return lambda kind: (is_done(kind), is_late(kind)) == part


def is_done(kind: Kind) -> bool:
    return bool(kind[1] != NEVER)


def is_late(kind: Kind) -> bool:
    return kind[2] is True


def some_cases(seed: int) -> list[Seen]:
    """Cases of a window: many or few, done soon or not, late as their time allows."""
    random = Random(seed)
    weights = [random.choice((0, 1, 1, 5, 30)) for _ in TIMES] + [random.choice((0, 0, 2, 12))]
    if not any(weights):
        weights[0] = 1
    lateness = random.choice((0.0, 0.1, 0.5, 1.0))
    found = []
    for _ in range(random.choice((15, 30, 60, 130, 270, 400))):
        place = random.choices(range(len(weights)), weights)[0]
        waited: int | str = TIMES[place] if place < len(TIMES) else NEVER
        late = random.random() < lateness
        if not isinstance(waited, str):
            late = (late or waited > LONGEST) and waited > STRICTEST
        found.append(Seen(random.choices(DESTINATIONS, (20, 5, 1))[0], waited, late))
    return found


def waited_of(cases: Sequence[Seen], clock: str = "accept") -> Waited:
    """The exact numbers of these cases."""
    times = sorted(int(one.waited) for one in cases if one.waited != NEVER)
    percentiles = [nearest_rank(times, percent) or 0 for percent in PERCENTS] if times else []
    in_time = sum(not one.late for one in cases if one.waited != NEVER)
    late = sum(one.late for one in cases)
    has_target = clock != "close"
    return Waited(
        clock, len(cases), len(times), percentiles, in_time if has_target else None,
        late if has_target else None,
    )  # fmt: skip


def tables_of(cases: Sequence[Seen]) -> list[Cell]:
    """The released tables of these cases, in each of which there is one person."""
    by = Counter(one.destination for one in cases)
    star = Star({"male": (len(cases),)}, {"destination": {d: {"male": (n,)} for d, n in by.items()}})
    return figures_of(JANUARY, star, (len(cases),), K)


def who_knows(cells: Sequence[Cell], told: ToldWait) -> Solver:
    """Somebody who has the tables of a window, and what is told of how long its cases waited."""
    solver = Solver(list(product(DESTINATIONS, (*TIMES, NEVER), (False, True))))
    for cell in cells:
        if "sex" in cell.keys:
            continue
        there = cell.keys.get("destination")
        least, most = cell.cases or int(bool(cell.keys)), cell.cases or cell.people or MOST
        solver.learn(least, most, (1, of_first(there) if there else anything))
    for time in TIMES:
        if time <= STRICTEST or time > LONGEST:
            solver.learn(0, 0, (1, of_rest(time, time <= STRICTEST)))
    learn_times(solver, told)
    learn_share(solver, told.share)
    return solver


def learn_times(solver: Solver, told: ToldWait, at: int = 1) -> None:
    """What percentiles say of the time that stands in this place of a kind."""
    by_percent = dict(zip(PERCENTS, (told.p50, told.p90, told.p95), strict=True))
    known = {percent: time for percent, time in by_percent.items() if time is not None}
    for percent, time in known.items():
        learn_percentile(solver, percent, time, at)
    if known:
        # Of what ends a case some percentiles may be kept back; of the others all are told that may be.
        fits = known.keys().__le__ if at > 1 else known.keys().__eq__
        fitting = [n for n in range(MOST) if fits(set(percents_told(n, K)))]
        solver.learn_choice(lambda kind: kind[at] != NEVER, stretches(fitting))
        solver.learn_fit(lambda kind: kind[at] == NEVER)


def learn_percentile(solver: Solver, percent: int, time: int, at: int = 1, among: Group = anything) -> None:
    """At least so many of what was done took no longer than a percentile, and at least so many no less."""

    def done(kind: Kind) -> bool:
        return bool(kind[at] != NEVER) and among(kind)

    solver.learn(0, np.inf, (100, lambda kind: done(kind) and kind[at] <= time), (-percent, done))
    solver.learn(-np.inf, -1, (100, lambda kind: done(kind) and kind[at] < time), (-percent, done))


def stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The numbers, which are in order, as stretches without a gap."""
    begins = [one for one in numbers if one - 1 not in set(numbers)]
    ends = [one for one in numbers if one + 1 not in set(numbers)]
    return list(zip(begins, ends, strict=True))


def learn_share(solver: Solver, share: float | None) -> None:
    """The share in time as it is told, and that each part of the cases is nobody or K and more."""
    if share is None:
        return
    in_time: Group = lambda kind: is_done(kind) and not is_late(kind)  # noqa: E731 - it is given on
    percent = round(share * 100)
    if share in {0.0, 1.0}:
        solver.learn(0, 0, (1, is_late if share else in_time))
        solver.learn(1, MOST, (1, in_time if share else is_late))
    else:
        # 1 in 100 also stands for less, and 99 for more, but never for none and all.
        low, high = (0 if percent == 1 else 2 * percent - 1), (200 if percent == 99 else 2 * percent + 1)
        solver.learn(0, np.inf, (200 - low, in_time), (-low, is_late))
        solver.learn(-np.inf, 0, (200 - high, in_time), (-high, is_late))
        solver.learn(1, MOST, (1, in_time))
        solver.learn(1, MOST, (1, is_late))
    for part in product((True, False), repeat=2):
        solver.learn_fit(of_part(*part))


def groups_of_waits(solver: Solver) -> list[Group]:
    """Every kind of case, and all of one time wherever they went."""
    times = [lambda kind, time=time: kind[1] == time for time in (*TIMES, NEVER)]
    return [*(kind_of(kind) for kind in solver.kinds), *times]


@pytest.mark.parametrize("seed", range(18))
def test_h21_the_solver_finds_no_small_number_of_cases_by_how_long_they_waited(seed: int) -> None:
    cases = some_cases(seed)
    (told,) = told_waits([waited_of(cases)], K)
    solver = who_knows(tables_of(cases), told)
    assert solver.small(groups_of_waits(solver)) == []


def test_h21_there_is_something_to_attack() -> None:
    told = [told_waits([waited_of(some_cases(seed))], K)[0] for seed in range(18)]
    assert sum(one.p50 is not None for one in told) >= 8
    assert sum(one.p95 is not None for one in told) >= 3
    assert sum(one.share not in {None, 0.0, 1.0} for one in told) >= 3


def ends_of(seed: int) -> tuple[list[int | str], list[int | str]]:
    """By when cases were taken and closed: none was taken after it was closed."""
    random = Random(seed)
    taken: list[int | str] = []
    closed: list[int | str] = []
    for _ in range(random.choice((30, 60, 130, 270))):
        first, second = sorted(
            random.choices(range(len(TIMES)), random.choices((1, 9, 2), k=len(TIMES)), k=2)
        )
        taken.append(NEVER if random.random() < seed % 3 * 0.1 else TIMES[first])
        closed.append(NEVER if random.random() < 0.2 else TIMES[second])
    return taken, closed


def both_told(taken: Sequence[int | str], closed: Sequence[int | str]) -> tuple[ToldWait, ...]:
    """What is told of when cases were taken, and closed."""
    waits = [waited_of([Seen("TH", one, late=False) for one in taken])]
    return told_waits([*waits, waited_of([Seen("TH", one, late=False) for one in closed], "close")], K)


def who_knows_both(cases: int, first: ToldWait, second: ToldWait) -> Solver:
    """Somebody who knows that nothing is taken after it was closed."""
    times = (*TIMES, NEVER)
    kinds = [
        (None, a, b) for a in times for b in times if NEVER in {a, b} or times.index(a) <= times.index(b)
    ]
    solver = Solver(kinds)
    solver.learn(cases, cases, (1, anything))
    learn_times(solver, first)
    learn_times(solver, second, at=2)
    return solver


@pytest.mark.parametrize("seed", range(8))
def test_h21_what_ends_and_what_begins_say_together_no_small_number_of_cases(seed: int) -> None:
    taken, closed = ends_of(seed)
    solver = who_knows_both(len(taken), *both_told(taken, closed))
    assert solver.small(kind_of(kind) for kind in solver.kinds) == []


def test_h21_the_solver_finds_small_numbers_where_cases_end_sooner_than_others_begin() -> None:
    taken: list[int | str] = [*[900] * 95, *[1_800] * 4, *[3_600] * 101]
    closed: list[int | str] = [*[900] * 95, *[86_400] * 94, *[NEVER] * 11]
    first, second = both_told(taken, closed)
    assert (first.p50, second.p50) == (3_600, None)
    solver = who_knows_both(200, first, second)
    between = [lambda kind: kind[1] == 1_800]
    assert solver.small(between) == []
    solver.learn(189, 189, (1, lambda kind: kind[2] != NEVER))
    solver.learn(200, 200, (1, is_done))
    learn_percentile(solver, 50, 900, at=2)
    assert solver.small(between) == [4]


def test_h21_the_solver_finds_small_numbers_where_percentiles_stand_too_close() -> None:
    times = [*[300] * 198, *[3_600] * 10, *[86_400] * 12]
    assert percents_told(len(times), K) == (50, 90)
    solver = Solver(list(product(["TH"], TIMES, [False])))
    solver.learn(len(times), len(times), (1, anything))
    learn_percentile(solver, 90, 300)
    assert solver.small(kind_of(kind) for kind in solver.kinds) == []
    learn_percentile(solver, 95, 86_400)
    assert solver.small([lambda kind: kind[1] == 3_600]) == [10]


def test_h21_the_solver_finds_small_numbers_where_percentiles_need_nobody_on_each_side() -> None:
    cases = [Seen("TH", time, late=False) for time in (*[300] * 20, *[1_800] * 3)]
    solver = Solver(list(product(["TH"], TIMES, [False])))
    solver.learn(len(cases), len(cases), (1, anything))
    learn_percentile(solver, 90, nearest_rank(sorted(int(one.waited) for one in cases), 90) or 0)
    assert solver.small(kind_of(kind) for kind in solver.kinds)
    assert told_waits([waited_of(cases)], K)[0].p90 is None


def test_h21_the_solver_finds_small_numbers_where_shares_are_exact() -> None:
    cases = [*[Seen("TH", 900, late=False)] * 21, *[Seen("TH", 1_800, late=True)] * 2]
    solver = Solver(list(product(["TH"], TIMES, [False, True])))
    solver.learn(23, 23, (1, anything))
    solver.learn(0, 0, (2, lambda kind: not is_late(kind)), (-21, is_late))
    assert solver.small([is_late]) == [2]
    assert told_waits([waited_of(cases)], K)[0].share is None


def test_h21_the_solver_finds_small_numbers_where_a_share_stands_close_to_a_percentile() -> None:
    # Nine of ten waited five minutes and were in time, as is everybody who waits for a quarter of an hour.
    cases = [*[Seen("TH", 300, late=False)] * 180, *[Seen("TH", 3_600, late=True)] * 20]
    (told,) = told_waits([waited_of(cases)], K)
    assert (told.p90, told.share) == (300, None)
    solver = who_knows(tables_of(cases), told)
    assert solver.small([lambda kind: kind[1] == 900]) == []
    learn_share(solver, 0.9)
    solver.learn(200, 200, (1, is_done))
    assert solver.small([lambda kind: kind[1] == 900])


def test_h21_the_solver_finds_small_numbers_where_months_are_counted_together_again() -> None:
    months = {"A": [300] * 12 + [900] * 11, "B": [900] * 14 + [1_800] * 10 + [3_600] * 26}
    solver = Solver([(month, time, False) for month in months for time in TIMES])
    for month, times in months.items():
        assert 50 in percents_told(len(times), K)
        solver.learn(len(times), len(times), (1, of_first(month)))
        learn_percentile(solver, 50, nearest_rank(times, 50) or 0, among=of_first(month))
    assert solver.small(kind_of(kind) for kind in solver.kinds) == []
    both = sorted(chain.from_iterable(months.values()))
    learn_percentile(solver, 50, nearest_rank(both, 50) or 0)
    assert solver.small(kind_of(kind) for kind in solver.kinds)
