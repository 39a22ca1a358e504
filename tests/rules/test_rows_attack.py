"""A solver that was given rows beside tables finds no small count, and many where less care was taken."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from random import Random

import pytest

from app.statistics.rules.groups import BETWEEN, CATEGORIES, CATEGORY, HAS_ROW, KIND, NO, YES, groups_of
from app.statistics.rules.publishing import SEX, Cell, Group, Window, figures_of, withheld_of
from app.statistics.rules.suppression import Counts, Star
from tests.attacker import BOX, WINDOW, Atom, Attacker, boxed, reads, reads_rows, small_kinds, told_columns

K = 11
DESTINATION = "destination"
CATEGORY_LISTS = ("detention", "detention; other", "unpaid_wages", "other; unpaid_wages")
VALUES = {
    DESTINATION: ("TH", "MY", "KR"),
    CATEGORIES: CATEGORY_LISTS,
    SEX: ("female", "male", "other"),
}
OF_TABLES = {
    DESTINATION: VALUES[DESTINATION],
    CATEGORY: tuple(dict.fromkeys(one.split(BETWEEN)[0] for one in CATEGORY_LISTS)),
    SEX: VALUES[SEX],
}
ORGANISATIONS = ("tonle", "lotus")
JANUARY = Window(date(2026, 1, 1), date(2026, 2, 1))
WHO = "who"

Person = Mapping[str, str]
Told = tuple[Sequence[Cell], Sequence[Group]]


def people(seed: int, number: int | None = None) -> list[Person]:
    """A population as they are: most in few values, some who refused, some who were never asked."""
    random = Random(seed)
    number = number or random.choice((random.randint(0, 40), random.randint(30, 90), random.randint(60, 400)))
    skew = random.choice((0.3, 1.0, 2.0))
    refusing = random.choice((0.0, 0.02, 0.2))
    found: list[Person] = []
    for _ in range(number):
        person = {name: _drawn(random, listed, skew) for name, listed in VALUES.items()}
        if person[DESTINATION] == "KR" and random.random() < 0.7:
            person[SEX] = "female"
        person["organisation"] = _drawn(random, ORGANISATIONS, skew)
        person[HAS_ROW] = NO if random.random() < refusing else YES
        person[CATEGORY] = person[CATEGORIES].split(BETWEEN)[0]
        found.append(person)
    return found


def _drawn(random: Random, listed: Sequence[str], skew: float) -> str:
    return random.choices(listed, [1 / (place + 1) ** skew for place in range(len(listed))])[0]


def counts(of: list[Person], *names: str, insiders: bool) -> dict[tuple[str, ...], Counts]:
    """How many there are for each value, and how many without each organisation."""
    inside = ORGANISATIONS if insiders else ()
    all_ = Counter(tuple(one.get(name, "") for name in names) for one in of)
    without = [
        Counter(tuple(p.get(n, "") for n in names) for p in of if p["organisation"] != one) for one in inside
    ]
    return {key: (number, *(one[key] for one in without)) for key, number in all_.items()}


def star_of(of: list[Person], *, insiders: bool) -> Star:
    tables: dict[str, dict[str, dict[str, Counts]]] = {
        name: defaultdict(dict) for name in OF_TABLES if name != SEX
    }
    for name, table in tables.items():
        for (value, sex), count in counts(of, name, SEX, insiders=insiders).items():
            table[value][sex] = count
    columns = {sex: count for (sex,), count in counts(of, SEX, insiders=insiders).items()}
    return Star(columns, tables)


def published(of: list[Person], *, insiders: bool = False) -> Told:
    """The tables and the groups of these people, as a window of them is frozen."""
    star = star_of(of, insiders=insiders)
    return figures_of(JANUARY, star, (0,), K), groups_of(star, counts(of, *KIND, insiders=insiders), K)


def careless(of: list[Person]) -> Told:
    """Rows of whom k share all, beside good tables: each row by itself is like ten others."""
    cells, _ = published(of)
    columns = told_columns(cells)
    alike: Counter[tuple[tuple[str, str], ...]] = Counter()
    for one in of:
        sex = {SEX: one[SEX]} if one[SEX] in columns else {}
        alike[tuple({**sex, **{name: one[name] for name in (CATEGORY, DESTINATION)}}.items())] += 1
    return cells, [Group(dict(keys), number) for keys, number in alike.items() if number >= K]


def an_attacker(*windows: Told, who: Sequence[str] = ("all",)) -> Attacker:
    """Somebody who has the tables and the rows of all windows.

    A kind of person is what tables and rows tell, and in which group somebody is, or in none.
    """
    atoms = [atom for at, told in enumerate(windows) for atom in boxed([*_kinds(str(at), who)], *told)]
    attacker = Attacker(atoms)
    for at, (cells, groups) in enumerate(windows):
        reads(attacker, str(at), cells, OF_TABLES, withheld_of(cells))
        reads_rows(attacker, str(at), groups)
    return attacker


def _kinds(at: str, who: Sequence[str]) -> Iterator[Atom]:
    for *values, whose in product(*VALUES.values(), who):
        kind = dict(zip(VALUES, values, strict=True))
        kind[CATEGORY] = kind[CATEGORIES].split(BETWEEN)[0]
        yield ((WINDOW, at), *kind.items(), (WHO, whose))


@pytest.mark.parametrize("seed", range(14))
def test_h21_the_solver_finds_no_small_count_of_anybody_in_rows_beside_tables(seed: int) -> None:
    attacker = an_attacker(published(people(seed)))
    assert small_kinds(attacker, K, DESTINATION, CATEGORIES, SEX) == []
    assert small_kinds(attacker, K, BOX, DESTINATION, SEX) == []


@pytest.mark.parametrize("seed", range(20, 24))
def test_h21_nor_of_anybody_in_any_one_group_or_in_none(seed: int) -> None:
    attacker = an_attacker(published(people(seed)))
    assert small_kinds(attacker, K, DESTINATION, CATEGORIES, SEX, BOX) == []


@pytest.mark.parametrize("seed", range(4))
def test_h21_nor_in_groups_of_kinds_over_several_windows(seed: int) -> None:
    attacker = an_attacker(*(published(people(seed * 100 + number)) for number in range(2)))
    random = Random(seed)
    for _ in range(20):
        places = random.sample(range(len(attacker.atoms)), random.randint(2, 9))
        assert not 0 < attacker.most(places) < K


@pytest.mark.parametrize("seed", range(30, 36))
def test_h21_nor_does_an_organisation_that_knows_its_own_people_of_others(seed: int) -> None:
    everybody = people(seed)
    told = published(everybody, insiders=True)
    for organisation in ORGANISATIONS:
        own = Counter(
            tuple(one[name] for name in VALUES) for one in everybody if one["organisation"] == organisation
        )
        attacker = an_attacker(told, who=("own", "other"))
        for kind in product(*VALUES.values()):
            known = {WHO: "own", **dict(zip(VALUES, kind, strict=True))}
            attacker.learn(known, own[kind], own[kind])
        assert small_kinds(attacker, K, DESTINATION, CATEGORY, SEX, who="other") == []


def test_h21_the_solver_finds_small_counts_where_each_row_is_of_k_people_and_nothing_else_is_seen_to() -> (
    None
):
    found = [
        seed
        for seed in range(6)
        if small_kinds(an_attacker(careless(people(seed, 150))), K, DESTINATION, CATEGORY, SEX)
    ]
    assert len(found) > 2


def test_h21_the_solver_finds_those_who_refused_where_rows_are_simply_without_them() -> None:
    cells, _ = published([{**one, HAS_ROW: YES} for one in alike(40)])
    rows = [Group({SEX: "female"}, 37)]
    assert small_kinds(an_attacker((cells, rows)), K, BOX)
    assert small_kinds(an_attacker(published([*alike(37), *alike(3, NO)])), K, BOX) == []


def test_h21_the_solver_finds_who_came_in_between_where_rows_are_counted_anew() -> None:
    before, after = published(alike(40)), published(alike(43))
    kinds = {at: list(_kinds(at, ("all",))) for at in ("before", "between")}
    attacker = Attacker([*boxed(kinds["before"], *before), *boxed(kinds["between"], *after)])
    reads(attacker, "before", before[0], OF_TABLES, withheld_of(before[0]))
    reads_rows(attacker, "before", before[1])
    for number, group in enumerate(after[1]):
        attacker.learn({BOX: str(number)}, group.people, group.people)
    assert attacker.bounds(attacker.places({WINDOW: "between", BOX: "0"})) == (3, 3)


def alike(number: int, has_row: str = YES) -> list[Person]:
    return [
        {DESTINATION: "TH", CATEGORIES: "detention", CATEGORY: "detention", SEX: "female",
         "organisation": "tonle", HAS_ROW: has_row}
    ] * number  # fmt: skip


@pytest.mark.parametrize("seed", range(14))
def test_h21_of_most_people_there_is_a_row_where_there_are_many(seed: int) -> None:
    everybody = people(seed, 300)
    may = sum(one[HAS_ROW] == YES for one in everybody)
    _, groups = published(everybody)
    assert sum(group.people for group in groups) > may * 0.6
    told = sum(group.people for group in groups if group.keys.keys() & {DESTINATION, CATEGORY})
    assert told > may * 0.5
