"""Counts the people and cases of a window for publication, by each dimension, sex and organisation."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    RowMapping,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)

from app.cases.rules.consent import Said
from app.cases.rules.stages import Status
from app.cases.tables import cases, consents, members, persons
from app.circumstances.tables import circumstances, recoveries
from app.crypto.vault import Place, Vault
from app.identity.tables import organisations
from app.statistics.rules.groups import BETWEEN, CATEGORIES, HAS_ROW, KIND, NO, YES
from app.statistics.rules.money import Recovered
from app.statistics.rules.publishing import (
    AGE_BAND,
    AGE_BANDS,
    DIMENSIONS,
    OPEN,
    ORGANISATION,
    ROWS,
    SEX,
    UNKNOWN,
    age_band,
)
from app.statistics.rules.suppression import Counts, Star
from app.statistics.store.sql import local_day, local_year

# Whoever turns so old in the year of the case is in one band before their birthday, and in another after.
_TURNING: Final = (0, *(last + 1 for _, last in AGE_BANDS if last is not None))
_EITHER: Final = "either"
# People are asked whether they want to be counted in reports without a name. Source: config/consent.yaml.
_REPORTING: Final = "anonymised_reporting"
_REMEMBERED: Final = 4_096

# A combination of values, and how many there are of it.
_Combination = tuple[Mapping[str, str], int]


@dataclass(frozen=True, slots=True)
class Counted:
    """A window: its people as a star and by `groups.KIND`, and its cases."""

    star: Star
    kinds: Mapping[tuple[str, ...], Counts]
    cases: Counts


class CountingStore:
    """The people and cases of a window, as seen from one snapshot. It loads no case and no person."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Read inside this snapshot."""
        self._connection = connection
        self._vault = vault

    def first_opened_at(self) -> datetime | None:
        """When the oldest case was opened."""
        oldest: datetime | None = self._connection.execute(select(func.min(cases.c.opened_at))).scalar_one()
        return oldest

    def counted(
        self, opened_from: datetime, opened_to: datetime, zone: ZoneInfo, *, insiders: bool
    ) -> Counted:
        """The people and cases of cases opened then.

        Ages are those of that day by the clock of the zone. With `insiders`, beside each count of everybody
        stands for each organisation what is left without its own people. A case that was merged into
        another counts there.
        """
        counts = _counts(opened_from, opened_to)
        found = self._combined(_people(counts, zone), _OF_PEOPLE, "people")
        people = [(row, number) for row, number in found if row[AGE_BAND] != _EITHER]
        people += self._between_bands(counts, zone)
        people = [({**row, CATEGORIES: _first_first(row[CATEGORIES])}, number) for row, number in people]
        numbers = self._combined(_cases(counts), (ORGANISATION,), "cases")
        inside = sorted({row[ORGANISATION] for row, _ in people}) if insiders else []
        columns = _vectors(people, (SEX,), inside)
        tables: dict[str, dict[str, dict[str, Counts]]] = {}
        for name in ROWS:
            tables[name] = defaultdict(dict)
            for (value, sex), count in _vectors(people, (name, SEX), inside).items():
                tables[name][value][sex] = count
        star = Star({sex: count for (sex,), count in columns.items()}, tables)
        nobody = (0,) * (1 + len(inside))
        return Counted(star, _vectors(people, KIND, inside), _vectors(numbers, (), inside).get((), nobody))

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

    def _combined(self, rows: Any, names: Sequence[str], number: str) -> list[_Combination]:  # noqa: ANN401 - a subquery
        """How many there are of each combination of values that occurs."""
        keys = [rows.c[name] for name in names]
        asked = select(*keys, func.sum(rows.c[number]).label("number")).group_by(*keys)
        found = self._connection.execute(asked).mappings()
        return [({name: row[name] for name in names}, int(row["number"])) for row in found]

    def _between_bands(self, counts: ColumnElement[bool], zone: ZoneInfo) -> list[_Combination]:
        """Those who went from one band to the next in the year in which the case was opened, one by one.

        The year of birth lies open in the database, the day is sealed: of these alone it must be read.
        """
        day = local_day(cases.c.opened_at, zone).label("opened_on")
        known = (persons.c.id, persons.c.born, persons.c.birth_date, persons.c.birth_year, day)
        asked = _written(counts, zone).add_columns(*known).where(_age_band(zone) == _EITHER)
        return [
            ({name: row[name] for name in _OF_PEOPLE} | {AGE_BAND: self._band_of(row)}, 1)
            for row in self._connection.execute(asked).mappings()
        ]

    def _band_of(self, row: RowMapping) -> str:
        """The band of a person's age; where only the year of birth is left, its first day stands for it."""
        if row["born"]:
            born = date.fromisoformat(self._vault.open(row["born"], Place("person", row["id"], "born")))
        else:
            born = row["birth_date"] or date(row["birth_year"], 1, 1)
        return age_band(born, date.fromisoformat(row["opened_on"]))


def _vectors(
    rows: Iterable[_Combination], names: Sequence[str], inside: Sequence[str]
) -> dict[tuple[str, ...], Counts]:
    """For the values of these dimensions the number, and behind it the number without each organisation."""
    parts: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for values, number in rows:
        parts[tuple(values[name] for name in names)][values[ORGANISATION]] += number
    found = {}
    for key, by_organisation in parts.items():
        everybody = sum(by_organisation.values())
        found[key] = (everybody, *(everybody - by_organisation.get(one, 0) for one in inside))
    return found


def _counts(opened_from: datetime, opened_to: datetime) -> ColumnElement[bool]:
    return and_(
        cases.c.opened_at >= opened_from, cases.c.opened_at < opened_to, cases.c.status != Status.MERGED
    )


def _cases(counts: ColumnElement[bool]) -> Any:  # noqa: ANN401 - a subquery
    """The cases in which there is anybody, by organisation."""
    somebody = or_(cases.c.member_count > 0, exists().where(members.c.case_id == cases.c.id))
    of_case = [_OF_CASE[ORGANISATION].label(ORGANISATION), literal_column("1").label("cases")]
    return select(*of_case).select_from(_around()).where(counts, somebody).subquery()


def _around() -> FromClause:
    """The cases with what is beside them."""
    return cases.outerjoin(circumstances, circumstances.c.case_id == cases.c.id).outerjoin(
        organisations, organisations.c.id == cases.c.organisation_id
    )


def _people(counts: ColumnElement[bool], zone: ZoneInfo) -> Any:  # noqa: ANN401 - a subquery
    """The people of each case by everything that is counted; those not written down share a row."""
    of_case = [value.label(name) for name, value in (*_OF_CASE.items(), _ALL_CATEGORIES)]
    number = select(func.count()).where(members.c.case_id == cases.c.id).scalar_subquery()
    missing = (cases.c.member_count - number).label("people")
    not_written = (
        select(
            *of_case, _UNKNOWN.label(SEX), _UNKNOWN.label(AGE_BAND),
            func.coalesce(cases.c.outcome, OPEN, type_=String).label("outcome"),
            literal_column(f"'{NO}'").label(HAS_ROW), missing,
        )
        .select_from(_around())
        .where(counts, missing > 0)
    )  # fmt: skip
    return union_all(_written(counts, zone), not_written).subquery()


def _written(counts: ColumnElement[bool], zone: ZoneInfo) -> Select[*tuple[Any, ...]]:
    """The people who were written down, one by one."""
    of_case = [value.label(name) for name, value in (*_OF_CASE.items(), _ALL_CATEGORIES)]
    people = _around().join(members, members.c.case_id == cases.c.id)
    return (
        select(
            *of_case, _known(persons.c.sex).label(SEX), _age_band(zone).label(AGE_BAND),
            func.coalesce(members.c.outcome, cases.c.outcome, OPEN, type_=String).label("outcome"),
            case((_refused(), NO), else_=YES).label(HAS_ROW), literal_column("1").label("people"),
        )
        .select_from(people.join(persons, persons.c.id == members.c.person_id))
        .where(counts)
    )  # fmt: skip


def _refused() -> ColumnElement[bool]:
    """Whether the member's last answer about being counted in reports was a no."""
    said, later = consents.alias(), consents.alias()
    # Of the inner question nothing looks at members: it would be asked of all of them at once.
    newer = exists().where(
        later.c.case_id == said.c.case_id, later.c.person_id == said.c.person_id,
        later.c.purpose == _REPORTING, later.c.number > said.c.number,
    )  # fmt: skip
    return exists().where(
        said.c.case_id == members.c.case_id, said.c.person_id == members.c.person_id,
        said.c.purpose == _REPORTING, said.c.said.in_([Said.REFUSED, Said.WITHDRAWN]), ~newer,
    )  # fmt: skip


@lru_cache(maxsize=_REMEMBERED)
def _first_first(categories: str) -> str:
    """All categories of a case: the first, which is the main one, then the others in order of their codes."""
    first, *others = json.loads(categories) or [UNKNOWN]
    return BETWEEN.join([first, *sorted({*others} - {first})])


def _known(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.coalesce(type_coerce(value, String), UNKNOWN, type_=String)


def _age_band(zone: ZoneInfo) -> ColumnElement[str]:
    """The band of a member's age when the case was opened, or `_EITHER` where the year does not tell it."""
    opened = cast(local_year(cases.c.opened_at, zone), Integer)
    turning = opened - func.coalesce(persons.c.birth_year, extract("year", persons.c.birth_date))
    bands = [(turning <= last, name) for name, last in AGE_BANDS if last is not None]
    # Whoever is of an unknown year meets no condition but the first.
    unknown = or_(turning.is_(None), turning < 0)
    return case((unknown, UNKNOWN), (turning.in_(_TURNING), _EITHER), *bands, else_=AGE_BANDS[-1][0])


_OF_PEOPLE: Final = (*DIMENSIONS, CATEGORIES, HAS_ROW)
_ALL_CATEGORIES: Final = (CATEGORIES, cast(cases.c.categories, Text))
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
