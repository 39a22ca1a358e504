"""Counts the people and cases of a window for publication, by each dimension, sex and organisation."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    case,
    extract,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)

from app.cases.rules.stages import Status
from app.cases.tables import cases, members, persons
from app.circumstances.tables import circumstances, recoveries
from app.identity.tables import organisations
from app.statistics.rules.money import Recovered
from app.statistics.rules.publishing import (
    AGE_BAND,
    AGE_BANDS,
    OF_CASES,
    OPEN,
    ORGANISATION,
    ROWS,
    SEX,
    UNKNOWN,
)
from app.statistics.rules.suppression import Counts, Star

_YEAR: Final = 10_000
_FIRST_DAY: Final = 101  # of a year, as `_day` counts


class CountingStore:
    """The people and cases of a window, as seen from one snapshot. It loads no case and no person."""

    def __init__(self, connection: Connection) -> None:
        """Read inside this snapshot."""
        self._connection = connection

    def first_opened_at(self) -> datetime | None:
        """When the oldest case was opened."""
        oldest: datetime | None = self._connection.execute(select(func.min(cases.c.opened_at))).scalar_one()
        return oldest

    def counted(
        self, opened_from: datetime, opened_to: datetime, *, insiders: bool
    ) -> tuple[Star, dict[str, dict[str, Counts]]]:
        """The people of cases opened then as a star, and the cases by dimension and value, "" for all.

        With `insiders`, beside each count of everybody stands for each organisation what is left without
        its own people. A case that was merged into another counts there.
        """
        people = _people(opened_from, opened_to)
        found: dict[str, list[Any]] = {name: self._by(people, name) for name in ("", *ROWS)}
        inside = sorted({row.organisation for row in found[""]}) if insiders else []
        columns = _vectors(((row.sex, row.organisation, row.people) for row in found[""]), inside)
        tables: dict[str, dict[str, dict[str, Counts]]] = {}
        for name in ROWS:
            parts = (((row.value, row.sex), row.organisation, row.people) for row in found[name])
            tables[name] = defaultdict(dict)
            for (value, sex), count in _vectors(parts, inside).items():
                tables[name][value][sex] = count
        numbers = {}
        for name in ("", *OF_CASES):
            rows = self._cases(people, name)
            numbers[name] = _vectors(((row.value, row.organisation, row.cases) for row in rows), inside)
        return Star(columns, tables), numbers

    def recovered(self, since: date, until: date) -> list[Recovered]:
        """What came back in these days, by person or case, currency and day."""
        # What is computed holds parameters, by which PostgreSQL would not know it again in GROUP BY.
        each = (
            select(
                func.coalesce(recoveries.c.member_id, recoveries.c.case_id).label("who"),
                _known(organisations.c.code).label("code"),
                recoveries.c.currency, recoveries.c.day, recoveries.c.minor,
            )
            .select_from(
                recoveries.join(cases, cases.c.id == recoveries.c.case_id).outerjoin(
                    organisations, organisations.c.id == cases.c.organisation_id
                )
            )
            .where(recoveries.c.day >= since, recoveries.c.day < until)
            .subquery()
        )  # fmt: skip
        keys = [each.c.who, each.c.code, each.c.currency, each.c.day]
        asked = select(*keys, func.sum(each.c.minor).label("minor")).group_by(*keys)
        found = self._connection.execute(asked)
        return [Recovered(str(row.who), row.code, row.currency, int(row.minor), row.day) for row in found]

    def _by(self, people: Any, name: str) -> list[Any]:  # noqa: ANN401 - a subquery
        value = people.c[name] if name else _NOTHING
        keys = [people.c[SEX], people.c[ORGANISATION], *([people.c[name]] if name else [])]
        asked = select(
            value.label("value"),
            people.c[SEX].label("sex"),
            people.c[ORGANISATION].label("organisation"),
            func.sum(people.c.people).label("people"),
        )
        return list(self._connection.execute(asked.group_by(*keys)))

    def _cases(self, people: Any, name: str) -> list[Any]:  # noqa: ANN401 - as above
        value = people.c[name] if name else _NOTHING
        keys = [people.c[ORGANISATION], *([people.c[name]] if name else [])]
        asked = select(
            value.label("value"),
            people.c[ORGANISATION].label("organisation"),
            func.count(people.c.case_id.distinct()).label("cases"),
        )
        return list(self._connection.execute(asked.group_by(*keys)))


def _vectors(rows: Iterable[tuple[Any, str, int]], inside: list[str]) -> dict[Any, Counts]:
    """For each key its number, and behind it the number without each organisation."""
    parts: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, organisation, number in rows:
        parts[key][organisation] += int(number)
    found = {}
    for key, by_organisation in parts.items():
        everybody = sum(by_organisation.values())
        if everybody:
            found[key] = (everybody, *(everybody - by_organisation.get(one, 0) for one in inside))
    return found


def _people(opened_from: datetime, opened_to: datetime) -> Any:  # noqa: ANN401 - a subquery
    """The people of each case by everything that is counted; those not written down share a row."""
    counts = and_(
        cases.c.opened_at >= opened_from, cases.c.opened_at < opened_to, cases.c.status != Status.MERGED
    )
    around = cases.outerjoin(circumstances, circumstances.c.case_id == cases.c.id).outerjoin(
        organisations, organisations.c.id == cases.c.organisation_id
    )
    of_case = [value.label(name) for name, value in _OF_CASE.items()]
    written = (
        select(
            cases.c.id.label("case_id"), *of_case, _known(persons.c.sex).label(SEX),
            _age_band().label(AGE_BAND),
            func.coalesce(members.c.outcome, cases.c.outcome, OPEN, type_=String).label("outcome"),
            literal_column("1").label("people"),
        )
        .select_from(
            around.join(members, members.c.case_id == cases.c.id).join(
                persons, persons.c.id == members.c.person_id
            )
        )
        .where(counts)
    )  # fmt: skip
    number = select(func.count()).where(members.c.case_id == cases.c.id).scalar_subquery()
    missing = (cases.c.member_count - number).label("people")
    not_written = (
        select(
            cases.c.id, *of_case, _UNKNOWN.label(SEX), _UNKNOWN.label(AGE_BAND),
            func.coalesce(cases.c.outcome, OPEN, type_=String).label("outcome"), missing,
        )
        .select_from(around)
        .where(counts, missing > 0)
    )  # fmt: skip
    return union_all(written, not_written).subquery()


def _known(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.coalesce(type_coerce(value, String), UNKNOWN, type_=String)


def _age_band() -> ColumnElement[str]:
    """The band of a member's age when the case was opened. Who was born later was written down wrongly."""
    age = _day(cases.c.opened_at) - (persons.c.birth_year * _YEAR + _FIRST_DAY)  # the day itself is sealed
    known = and_(persons.c.birth_year.is_not(None), age >= 0)
    bands = [(and_(known, age < (last + 1) * _YEAR), name) for name, last in AGE_BANDS if last is not None]
    return case(*bands, (known, AGE_BANDS[-1][0]), else_=UNKNOWN)


def _day(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day as a number of eight digits, so that the difference of two is ten thousand for each year."""
    year, month, day = (extract(part, moment) for part in ("year", "month", "day"))
    return year * _YEAR + month * 100 + day


_NOTHING: Final[ColumnElement[str]] = literal_column("''")
_UNKNOWN: Final[ColumnElement[str]] = literal_column(f"'{UNKNOWN}'")
_OF_CASE: Final[Mapping[str, ColumnElement[str]]] = {
    "destination": _known(cases.c.destination_country),
    "sector": _known(circumstances.c.sector),
    # A case may have several categories; it is counted under the first, which is the main one.
    "category": _known(cases.c.categories[0].as_string()),
    ORGANISATION: _known(organisations.c.code),
    "province": _known(circumstances.c.origin_province),
    "channel": _known(cases.c.origin_channel),
}
