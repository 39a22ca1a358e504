"""Which people of a window are told of alike in rows without names, so that rows and tables agree.

The tables of the window are a star (`suppression`). Everybody who may have a row is told of by the column of
their sex and by what at least k people share; and what the tables say of a value beyond the rows that show it
is nobody or k people too. docs/statistics.md#guarantee states and proves what follows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from app.statistics.rules.publishing import AGE_BAND, OPEN, ORGANISATION, SEX, UNKNOWN, Group
from app.statistics.rules.suppression import REST, Counts, Line, Star, Told, added, is_fit, merged, tell

# All categories of a case, the one first under which the tables count it. No table is by them: they are told
# with that first category, or not at all.
CATEGORIES: Final = "categories"
CATEGORY: Final = "category"
BETWEEN: Final = "; "
# What is told less of first hurts readers least. The order is part of what docs/exports.md says.
TRAITS: Final = (
    CATEGORIES, "province", "channel", "outcome", "sector", CATEGORY, AGE_BAND, "destination", ORGANISATION,
)  # fmt: skip
# Whether somebody may have a row: those who were only counted, and those who refused, have none.
HAS_ROW: Final = "has_row"
YES: Final = "yes"
NO: Final = "no"
# What a kind of people is given by, in this order.
KIND: Final = (SEX, *TRAITS, HAS_ROW)

_Traits = tuple[str, ...]  # by `TRAITS`, empty where not told
_Groups = dict[_Traits, Counts]
_NOT_TOLD: Final = ""
_NOTHING: Final[_Traits] = (_NOT_TOLD,) * len(TRAITS)
_PLACE: Final[Mapping[str, int]] = {name: place for place, name in enumerate(TRAITS)}


def groups_of(star: Star, kinds: Mapping[tuple[str, ...], Counts], k: int) -> tuple[Group, ...]:
    """The people of a window in groups of `k` and more who are told of alike: of the same people the same.

    `kinds` are all people of the star by `KIND`. A value is told only where the table of its dimension tells
    how many people have it. Of each column nobody or at least `k` people are in no group.
    """
    telling = tell(star, k)
    if not telling.total:
        return ()
    tellable = {
        (dimension, value)
        for dimension, rows in telling.rows.items()
        for value, told in rows.items()
        if told is not Told.NOTHING and value not in {UNKNOWN, OPEN}
    }
    people: dict[str, list[tuple[_Traits, Counts]]] = defaultdict(list)
    for kind, count in kinds.items():
        people[kind[0] if kind[0] in (telling.columns or ()) else REST].append((kind[1:], count))
    columns = {column: _of_column(those, tellable, k) for column, those in people.items()}
    for dimension, rows in telling.rows.items():
        table = {value: merged(line, telling.columns) for value, line in star.tables[dimension].items()}
        _agree(columns, dimension, (table, rows), k)
    return tuple(
        Group({**({SEX: column} if column != REST else {}), **_told(traits)}, count[0])
        for column, groups in sorted(columns.items())
        for traits, count in sorted(groups.items())
    )


def _told(traits: _Traits) -> dict[str, str]:
    return {name: value for name, value in zip(TRAITS, traits, strict=True) if value != _NOT_TOLD}


def _of_column(people: list[tuple[_Traits, Counts]], tellable: set[tuple[str, str]], k: int) -> _Groups:
    """The groups of one column, whose people are these, by their traits and whether they have a row."""
    nobody = (0,) * len(people[0][1])
    rows: _Groups = defaultdict(lambda: nobody)
    without = nobody
    for (*values, has_row), count in people:
        if has_row == YES:
            traits = _allowed(values, tellable)
            rows[traits] = added((rows[traits], count))
        else:
            without = added((without, count))
    groups, left = _shared(rows, nobody, k)
    return _all_but(groups, left, without, k)


def _allowed(values: Sequence[str], tellable: set[tuple[str, str]]) -> _Traits:
    """What may be told of somebody who has these values."""
    told = tuple(
        value if name == CATEGORIES or (name, value) in tellable else _NOT_TOLD
        for name, value in zip(TRAITS, values, strict=True)
    )
    return told if told[_PLACE[CATEGORY]] else _less(told, CATEGORY)


def _less(traits: _Traits, name: str) -> _Traits:
    """The same without this one, and without what is told only with it."""
    dropped = {name, CATEGORIES} if name == CATEGORY else {name}
    return tuple(_NOT_TOLD if one in dropped else value for one, value in zip(TRAITS, traits, strict=True))


def _shared(rows: _Groups, nobody: Counts, k: int) -> tuple[_Groups, Counts]:
    """Those who share all that is told of them, and how many are left of whom nothing can be told.

    Of whom too few share all, less is told, one trait after the other, until there are enough of them.
    """
    groups: _Groups = {}
    pool = dict(rows)
    for name in (None, *TRAITS):
        alike: _Groups = defaultdict(lambda: nobody)
        for traits, count in pool.items():
            told = _less(traits, name) if name else traits
            alike[told] = added((alike[told], count))
        pool = {}
        for traits, count in alike.items():
            together = added((count, groups.get(traits, nobody)))
            if is_fit(together, k):
                groups[traits] = together
            else:
                pool[traits] = count
    return groups, added((nobody, *pool.values()))


def _all_but(groups: _Groups, left: Counts, without: Counts, k: int) -> _Groups:
    """The groups, with those who are left in one that tells nothing; nobody or enough are in none at all.

    Where the few are too few, the smallest group goes along with them.
    """
    if any(left):
        untold = {**groups}
        together = _with_smallest(added((left, untold.pop(_NOTHING, (0,) * len(left)))), untold, k)
        if is_fit(together, k):
            groups = {**untold, _NOTHING: together}
        else:
            without = added((without, left))
    _with_smallest(without, groups, k)
    return groups


def _with_smallest(few: Counts, groups: _Groups, k: int) -> Counts:
    """The few, and as many groups as it takes, the smallest first, which are taken out of the others."""
    while found := [one for place in _unfit(few, k) for one in groups if groups[one][place]]:
        smallest = min(found, key=lambda one: (groups[one], one))
        few = added((few, groups.pop(smallest)))
    return few


def _agree(
    columns: Mapping[str, _Groups], dimension: str,
    told: tuple[Mapping[str, Line], Mapping[str, Told]], k: int,
) -> None:  # fmt: skip
    """Let what the table of a dimension counts, beyond the groups that tell it, be nobody or enough.

    So for each cell that is told; for the total of each row that is told without its cells; and for what all
    rows but those with cells have of each column.
    """
    table, rows = told
    split = {value for value, what in rows.items() if what is Told.SPLIT}
    totals = {value for value, what in rows.items() if what is Told.TOTAL}
    for value in sorted(split):
        for column, cell in table[value].items():
            _leave_enough(cell, {column: columns[column]}, (dimension, {value}), k)
    for value in sorted(totals):
        _leave_enough(added(table[value].values()), columns, (dimension, {value}), k)
    for column, groups in columns.items():
        rest = [line[column] for value, line in table.items() if value not in split and column in line]
        if rest:
            _leave_enough(added(rest), {column: groups}, (dimension, totals), k)


def _leave_enough(
    all_: Counts, columns: Mapping[str, _Groups], told: tuple[str, Collection[str]], k: int
) -> None:
    """Let nobody or enough of all of them be in none of the groups that tell one of these values.

    Where they are too few, the smallest such group tells less: it has enough people to make up for it.
    """
    dimension, values = told
    while True:
        telling = [
            (groups[traits], column, traits)
            for column, groups in columns.items()
            for traits in groups
            if traits[_PLACE[dimension]] in values
        ]
        beyond = _minus(all_, (count for count, _, _ in telling))
        some = [one for place in _unfit(beyond, k) for one in telling if one[0][place]]
        if not some:
            return
        count, column, smallest = min(some)
        groups, coarser = columns[column], _less(smallest, dimension)
        del groups[smallest]
        groups[coarser] = added((count, groups[coarser])) if coarser in groups else count


def _minus(count: Counts, parts: Iterable[Counts]) -> Counts:
    taken = added(((0,) * len(count), *parts))
    return tuple(all_ - some for all_, some in zip(count, taken, strict=True))


def _unfit(count: Counts, k: int) -> list[int]:
    """For whose eyes somebody is there, and too few."""
    return [place for place, number in enumerate(count) if not is_fit((number,), k)]
