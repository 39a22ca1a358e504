"""Counts cases and people for several tables at once, in as few passes over the database as that takes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
)

from app.cases.rules.stages import Outcome
from app.cases.tables import case_categories, cases, members, persons
from app.circumstances.tables import circumstances
from app.statistics.rules.dimensions import (
    ADULT,
    ADULT_AT,
    AGE_BANDS,
    CHILD,
    GRAIN,
    AgeBand,
    Dimension,
    Grain,
)
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import BESIDE, companies, in_scope, value_of
from app.statistics.store.sql import age_in

Cut = tuple[Dimension, ...]
_Values = tuple[Any, ...]
_Found = dict[_Values, list[int]]

# With more values of a case in one pass there are nearly as many combinations of them as cases.
_AT_ONCE: Final = 4
_PROBLEMS: Final = frozenset({Dimension.CATEGORY, Dimension.INDICATOR})
_BETWEEN: Final = ","
_SET: Final = "problems"


@dataclass(frozen=True, slots=True)
class Count:
    """How many cases and people have these values, which stand in the order of the cut's dimensions."""

    values: _Values
    cases: int
    people: int


def counted(connection: Connection, cuts: Sequence[Cut], scope: Scope) -> dict[Cut, list[Count]]:
    """Cases and people of each cut, by the values of its dimensions. A value that nobody knows is None.

    A case, and everybody in it, counts once under each value that it has of a dimension with several. Of
    a dimension of people it counts the case under each value that somebody in it has, and the people each
    under their own; those who are counted but not written down are unknown. Filters on people leave out
    the people that do not meet them, and cases without others.
    """
    found: dict[Cut, _Found] = {cut: {} for cut in cuts}
    for together in _passes(list(found)):
        asked = _Pass(together, scope)
        for row in connection.execute(asked.statement()):
            for cut, values, number_of_cases, people in asked.read(row):
                sums = found[cut].setdefault(values, [0, 0])
                sums[0] += number_of_cases
                sums[1] += people
    return {cut: [Count(values, *sums) for values, sums in of.items()] for cut, of in found.items()}


def _passes(cuts: Iterable[Cut]) -> list[list[Cut]]:
    """Which cuts are counted in one pass.

    Of a value that each case has once, cases and people can be added up over all others, so that one pass
    by several of them holds the tables of each. So can the set of problems of a case. Companies are too
    many for sets: a case stands in as many rows as it has of them.
    """
    apart, people, problems = [], [], []
    by_case: list[list[Cut]] = [[]]
    for cut in cuts:
        if any(GRAIN[one] is Grain.MANY and one not in _PROBLEMS for one in cut):
            apart.append([cut])
        elif any(GRAIN[one] is Grain.PERSON for one in cut):
            people.append(cut)
        elif _PROBLEMS & set(cut):
            problems.append(cut)
        elif len(_of_case([*by_case[-1], cut])) > _AT_ONCE:
            by_case.append([cut])
        else:
            by_case[-1].append(cut)
    return [one for one in (*apart, people, problems, *by_case) if one]


def _of_case(cuts: Iterable[Cut]) -> list[Dimension]:
    """The dimensions of these cuts that do not tell people apart, each once."""
    return list(dict.fromkeys(one for cut in cuts for one in cut if GRAIN[one] is not Grain.PERSON))


@dataclass(frozen=True, slots=True)
class _Tally:
    """Cuts by people have a column for each combination of values: this is one of them."""

    cut: Cut
    values: Mapping[Dimension, str | None]  # of the cut's dimensions of people


class _Pass:
    """One pass over the cases in scope: the statement, and how its rows are read."""

    def __init__(self, cuts: Sequence[Cut], scope: Scope) -> None:
        """For these cuts."""
        self._scope, self._cuts = scope, cuts
        asked = [*(one for cut in cuts for one in cut), *scope.filters]
        self._people = list(dict.fromkeys(one for one in asked if GRAIN[one] is Grain.PERSON))
        self._shown = _of_case(cuts)
        self._tallies = [
            _Tally(cut, dict(zip(of_people, values, strict=True)))
            for cut in cuts
            for of_people in [[one for one in cut if GRAIN[one] is Grain.PERSON]]
            for values in product(*(_PEOPLE[one] for one in of_people))
        ]

    def statement(self) -> Select[Any]:
        """A row for each combination of values that cases have, with the number of them."""
        each = self._each_with_people() if self._people else self._each()
        source, shown = self._around(each)
        numbers: list[ColumnElement[Any]] = []
        for place, _ in enumerate(self._tallies if self._people else [None]):
            people = each.c[f"people{place}"]
            number = func.count().filter(people > 0) if self._people else func.count()
            numbers += [number.label(f"cases{place}"), func.sum(people).label(f"people{place}")]
        return select(*shown, *numbers).select_from(source).group_by(*shown)

    def read(self, row: Any) -> Iterator[tuple[Cut, _Values, int, int]]:  # noqa: ANN401 - a row
        """What a row adds to each cut."""
        known, at = self._values_of(row), len(row) - 2 * (len(self._tallies) if self._people else 1)
        for place, tally in enumerate(self._tallies):
            here = at + 2 * place if self._people else at
            number_of_cases, people = row[here], row[here + 1]
            if number_of_cases:
                values = [[tally.values[one]] if one in tally.values else known[one] for one in tally.cut]
                for each in product(*values):
                    yield tally.cut, each, number_of_cases, int(people)

    def _values_of(self, row: Any) -> dict[Dimension, Sequence[Any]]:  # noqa: ANN401 - a row
        """The values that the cases of a row have, by dimension: of problems there may be several."""
        known: dict[Dimension, Sequence[Any]] = {
            one: [getattr(row, one.value)] for one in self._shown if one not in _PROBLEMS
        }
        if _PROBLEMS & set(self._shown):
            named = (getattr(row, _SET) or "").split(_BETWEEN)
            signs = {sign for name in named for sign in self._scope.indicators.get(name, ())}
            known[Dimension.CATEGORY] = [one or None for one in named]
            known[Dimension.INDICATOR] = list(signs) or [None]
        return known

    def _each(self) -> Any:  # noqa: ANN401 - a subquery
        """A row for each case, with the people whom it counts."""
        columns = [cases.c.id.label("case_id"), *self._values(), cases.c.member_count.label("people0")]
        return select(*columns).where(in_scope(self._scope)).subquery()

    def _each_with_people(self) -> Any:  # noqa: ANN401 - a subquery
        """A row for each case, with how many of its people have the values of each tally."""
        somebody = self._everybody()
        of_case = [somebody.c[name] for name in somebody.c.keys() if name not in _OF_PERSON]  # noqa: SIM118 - columns
        written = cast(func.sum(somebody.c.written), Integer)
        missing = case((somebody.c.member_count > written, somebody.c.member_count - written), else_=0)
        columns = []
        for place, tally in enumerate(self._tallies):
            wanted = self._wanted(tally)
            number = func.count().filter(
                somebody.c.written == 1, *(_has_one_of(somebody, one, of) for one, of in wanted.items())
            )
            others = _unknown_among(somebody.c.outcome_of_case, wanted, missing)
            columns.append((cast(number, Integer) + others).label(f"people{place}"))
        return select(*of_case, *columns).group_by(*of_case).subquery()

    def _everybody(self) -> CTE:
        """A row for each person who is written down, and one for each case without any."""
        age = age_in(persons.c.birth_year, cases.c.opened_at, self._scope.zone)
        columns = [
            cases.c.id.label("case_id"), cases.c.member_count, cases.c.outcome.label("outcome_of_case"),
            *self._values(), case((members.c.id.is_(None), 0), else_=1).label("written"), persons.c.sex,
            age.label("age"),
            func.coalesce(members.c.outcome, cases.c.outcome, type_=String).label("outcome"),
        ]  # fmt: skip
        source = cases.outerjoin(members, members.c.case_id == cases.c.id).outerjoin(
            persons, persons.c.id == members.c.person_id
        )
        found = select(*columns).select_from(source).where(in_scope(self._scope))
        # Without this SQLite would compute an age anew for each band that it is compared with.
        return found.cte("everybody").prefix_with("MATERIALIZED")

    def _wanted(self, tally: _Tally) -> dict[Dimension, tuple[str | None, ...]]:
        """The values of whom a tally counts: its own, as far as filters let them."""
        filters = {one: of for one, of in self._scope.filters.items() if GRAIN[one] is Grain.PERSON}
        own = {
            one: (value,) if value in filters.get(one, (value,)) else ()
            for one, value in tally.values.items()
        }
        return {**filters, **own}

    def _values(self) -> list[ColumnElement[Any]]:
        """What is read for each case before it is counted."""
        found: list[ColumnElement[Any]] = [
            value_of(one, self._scope.zone).label(one.value)
            for one in self._shown
            if GRAIN[one] is Grain.CASE and one not in BESIDE
        ]
        if _PROBLEMS & set(self._shown):
            named = select(func.aggregate_strings(case_categories.c.category, _BETWEEN))
            found.append(named.where(case_categories.c.case_id == cases.c.id).scalar_subquery().label(_SET))
        return found

    def _around(self, each: Any) -> tuple[FromClause, list[ColumnElement[Any]]]:  # noqa: ANN401 - a subquery
        """The cases with what is beside them, and the columns of all values."""
        source, shown = each, []
        if any(one in BESIDE for one in self._shown):
            source = source.outerjoin(circumstances, circumstances.c.case_id == each.c.case_id)
        if _PROBLEMS & set(self._shown):
            shown.append(each.c[_SET])
        for one in self._shown:
            if one in BESIDE:
                shown.append(value_of(one, self._scope.zone).label(one.value))
            elif GRAIN[one] is Grain.CASE:
                shown.append(each.c[one.value])
            elif one not in _PROBLEMS:
                several = companies(one)
                source = source.outerjoin(several, several.c.case_id == each.c.case_id)
                shown.append(several.c.value.label(one.value))
        return source, shown


def _has_one_of(somebody: CTE, dimension: Dimension, values: Iterable[str | None]) -> ColumnElement[bool]:
    """Whether somebody who is written down has one of these values."""
    return or_(false(), *(_PEOPLE[dimension][value](somebody.c) for value in values))


def _unknown_among(
    outcome_of_case: ColumnElement[Any],
    wanted: Mapping[Dimension, Sequence[str | None]],
    missing: ColumnElement[int],
) -> ColumnElement[int]:
    """How many are wanted who are not written down: all we know of them is how their case ended."""
    if any(None not in values for one, values in wanted.items() if one is not Dimension.OUTCOME):
        return literal(0)
    if Dimension.OUTCOME not in wanted:
        return missing
    known = [_is(outcome_of_case, value, _OUTCOMES) for value in wanted[Dimension.OUTCOME]]
    return case((or_(false(), *known), missing), else_=0)


def _in_band(band: AgeBand, row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns
    condition: ColumnElement[bool] = row.age >= band.first
    return condition if band.last is None else and_(condition, row.age <= band.last)


def _of_sex(sex: str | None, row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns
    return _is(row.sex, sex, _SEXES)


def _of_outcome(outcome: str | None, row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns
    return _is(row.outcome, outcome, _OUTCOMES)


def _is(column: ColumnElement[Any], value: str | None, known: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column has the value; a code that is not known any more stands for no value."""
    return column == value if value else or_(column.is_(None), column.not_in(known))


_Condition = Callable[[Any], ColumnElement[bool]]
_OF_PERSON: Final = frozenset({"written", "sex", "age", "outcome"})
_SEXES: Final = ("female", "male", "other")
_OUTCOMES: Final = tuple(one.value for one in Outcome)
# Every value that a person may have, with the condition of it on a row of `_everybody`.
_PEOPLE: Final[Mapping[Dimension, Mapping[str | None, _Condition]]] = {
    Dimension.SEX: {sex: partial(_of_sex, sex) for sex in (*_SEXES, None)},
    Dimension.OUTCOME: {outcome: partial(_of_outcome, outcome) for outcome in (*_OUTCOMES, None)},
    # Whoever was born after the case was opened was written down wrongly.
    Dimension.AGE_GROUP: {
        CHILD: lambda row: row.age.between(0, ADULT_AT - 1),
        ADULT: lambda row: row.age >= ADULT_AT,
        None: lambda row: or_(row.age.is_(None), row.age < 0),
    },
    Dimension.AGE_BAND: {
        **{band.code: partial(_in_band, band) for band in AGE_BANDS},
        None: lambda row: or_(row.age.is_(None), row.age < 0),
    },
}
