"""A solver that was given what is told of contacts finds no small number of phones; of less care it finds.

It has read the rules: where something is told, it knows which numbers are nobody or at least k.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from random import Random

import pytest

from app.statistics.rules.telling import told_callers, told_volumes
from tests.beside_attacker import Group, K, Kind, Solver

# Phones: each contacted us in one way or several, by a channel and in an hour.

WAYS = tuple(product(("sms", "answered", "left_word"), ("10", "11")))
PHONES = [frozenset(one) for size in range(1, len(WAYS) + 1) for one in combinations(WAYS, size)]


def some_contacts(seed: int) -> list[tuple[int | None, tuple[str, str]]]:
    """Contacts: from which phone, if it is known, and in which way."""
    random = Random(seed)
    size = random.choice((12, 25, 60))
    weights = [random.choice((0, 1, 6)) for _ in WAYS]
    weights[0] = weights[0] or 1
    repeated = random.choice((0, 3, 30))
    found: list[tuple[int | None, tuple[str, str]]] = [
        (phone, random.choices(WAYS, weights)[0]) for phone in range(size)
    ]
    found += [(random.randrange(size), random.choices(WAYS, weights)[0]) for _ in range(repeated)]
    return found + [(None, random.choices(WAYS, weights)[0]) for _ in range(random.choice((0, 0, 2)))]


def told_contacts(
    contacts: Sequence[tuple[int | None, tuple[str, str]]],
) -> tuple[list[dict[str, int] | None], int | None]:
    """What is told by channel or end, and by hour, and of how many phones there were."""
    numbers = [Counter(way[place] for _, way in contacts) for place in (0, 1)]
    phones = [
        Counter(value for _, value in {(phone, way[place]) for phone, way in contacts if phone is not None})
        for place in (0, 1)
    ]
    told = [told_volumes(number, phone, K) for number, phone in zip(numbers, phones, strict=True)]
    different = len({phone for phone, _ in contacts if phone is not None})
    shown = [phone for phone, volumes in zip(phones, told, strict=True) if volumes is not None]
    return told, told_callers(different, len(contacts), shown, K)


def who_knows_contacts(told: Sequence[Mapping[str, int] | None], callers: int | None) -> Solver:
    """Numbers of phones by the ways they used, and of more contacts in each way, by whomever."""
    solver = Solver([*(("phone", one) for one in PHONES), *(("more", frozenset([way])) for way in WAYS)])
    for place, volumes in enumerate(told):
        if volumes is None:
            continue
        for value in {way[place] for way in WAYS}:
            ways = [way for way in WAYS if way[place] == value]
            number = volumes.get(value, 0)
            solver.learn(number, number, *((1.0, lambda k, way=way: way in k[1]) for way in ways))
            solver.learn_fit(uses(place, value))
            if callers is not None:
                solver.learn_fit(uses_not(uses(place, value)))
    if callers is not None:
        solver.learn(callers, callers, (1, is_phone))
    return solver


def is_phone(kind: Kind) -> bool:
    return bool(kind[0] == "phone")


def uses(place: int, value: str) -> Group:
    return lambda kind: is_phone(kind) and any(way[place] == value for way in kind[1])


def uses_way(way: tuple[str, str]) -> Group:
    return lambda kind: is_phone(kind) and way in kind[1]


def uses_not(used: Group) -> Group:
    return lambda kind: is_phone(kind) and not used(kind)


def uses_both(one: Group, other: Group) -> Group:
    return lambda kind: one(kind) and other(kind)


@pytest.mark.parametrize("seed", range(15))
def test_h21_the_solver_finds_no_small_number_of_phones(seed: int) -> None:
    told, callers = told_contacts(some_contacts(seed))
    solver = who_knows_contacts(told, callers)
    values = sorted({(place, way[place]) for way in WAYS for place in (0, 1)})
    used = [uses(*value) for value in values]
    groups = [*map(uses_way, WAYS), *used, *map(uses_not, used)]
    groups += [uses_both(one, other) for one, other in combinations(used, 2)]
    assert solver.small(groups) == []


def test_h21_the_solver_finds_small_numbers_where_the_number_of_phones_is_told_beside_as_it_is() -> None:
    # Twelve texted and twelve called: three of them did both.
    contacts = [(n, ("sms", "10")) for n in range(12)] + [(n + 9, ("answered", "10")) for n in range(12)]
    told, callers = told_contacts(contacts)
    assert callers is None
    solver = who_knows_contacts(told, None)
    both = uses_both(uses(0, "sms"), uses(0, "answered"))
    assert solver.small([both]) == []
    solver.learn(21, 21, (1, is_phone))
    assert solver.small([both]) == [3]


def test_contacts_of_withheld_numbers_are_not_told_where_they_are_few() -> None:
    assert told_volumes({"sms": 40, "call": 3}, {"sms": 30, "call": 0}, K) is None
    assert told_volumes({"sms": 40}, {"sms": 30, "call": 0}, K) == {"sms": 40}
