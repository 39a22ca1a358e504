"""Pieces of SQL about time that mean the same on both engines: local times, lengths of time, ages."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, String, case, cast, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

# Between these the clocks of a zone are known well enough: no case is older, and laws change.
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(days=7)  # no zone puts its clocks forth and back within a week


class LocalHour(FunctionElement[str]):
    """An aware time as `YYYY-MM-DD HH` by an office's clock."""

    type = String()
    inherit_cache = True


class SecondsBetween(FunctionElement[int]):
    """Whole seconds from the first time to the second, rounded up: 15 minutes and a bit are more."""

    type = BigInteger()
    inherit_cache = True


@compiles(LocalHour, "postgresql")
def _local_on_postgresql(element: LocalHour, compiler: Any, **given: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    column, zone, _ = (compiler.process(clause, **given) for clause in element.clauses)
    return f"to_char(timezone({zone}, {column}), 'YYYY-MM-DD HH24')"


@compiles(LocalHour, "sqlite")
def _local_on_sqlite(element: LocalHour, compiler: Any, **given: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # SQLite knows no zones: it is told by how many seconds the office's clock was ahead at that time.
    column, _, ahead = element.clauses
    return f"strftime('%Y-%m-%d %H', {compiler.process(column, **given)}, {compiler.process(ahead, **given)})"


@compiles(SecondsBetween, "postgresql")
def _seconds_on_postgresql(element: SecondsBetween, compiler: Any, **given: Any) -> str:  # noqa: ANN401 - as above
    first, second = (compiler.process(clause, **given) for clause in element.clauses)
    return f"CAST(ceil(extract(epoch FROM ({second} - {first}))) AS bigint)"


@compiles(SecondsBetween, "sqlite")
def _seconds_on_sqlite(element: SecondsBetween, compiler: Any, **given: Any) -> str:  # noqa: ANN401 - as above
    # There a time is a text with six digits behind the point: a second more where something is left over.
    first, second = (compiler.process(clause, **given) for clause in element.clauses)
    return (
        f"(CAST(strftime('%s', {second}) AS INTEGER) - CAST(strftime('%s', {first}) AS INTEGER)"
        f" + (substr({second}, 20) > substr({first}, 20)))"
    )


def local_hour(column: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[str]:
    """The time as `YYYY-MM-DD HH` by the clock of the zone."""
    return LocalHour(column, literal(zone.key), _ahead(column, zone))


def local_year(column: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[str]:
    """The year by the clock of the zone, as `YYYY`."""
    return func.substr(local_hour(column, zone), 1, 4, type_=String)


def local_month(column: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[str]:
    """The month by the clock of the zone, as `YYYY-MM`."""
    return func.substr(local_hour(column, zone), 1, 7, type_=String)


def local_day(column: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[str]:
    """The day by the clock of the zone, as `YYYY-MM-DD`."""
    return func.substr(local_hour(column, zone), 1, 10, type_=String)


def seconds_between(first: ColumnElement[Any], second: ColumnElement[Any]) -> ColumnElement[int]:
    """Whole seconds from the first time to the second, rounded up: 15 minutes and a bit are more."""
    return SecondsBetween(first, second)


def age_in(birth_year: ColumnElement[Any], moment: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[int]:
    """The age in years that somebody reaches in the year of that time: the day of birth is sealed."""
    return cast(local_year(moment, zone), Integer) - birth_year


def _ahead(column: ColumnElement[Any], zone: ZoneInfo) -> ColumnElement[str]:
    """By how much the zone's clock is ahead of UTC at the time in the column, for SQLite."""
    *changes, (_, last) = _clock_of(zone)
    if not changes:
        return literal(f"{last:+d} seconds")
    return case(
        *((column < until, literal(f"{seconds:+d} seconds")) for until, seconds in changes),
        else_=literal(f"{last:+d} seconds"),
    )


@cache
def _clock_of(zone: ZoneInfo) -> tuple[tuple[datetime, int], ...]:
    """Until when the zone's clock is how many seconds ahead of UTC, in order."""
    found, moment = [], _FIRST
    while moment < _LAST:
        following = min(moment + _STEP, _LAST)
        if _offset(zone, moment) != _offset(zone, following):
            found.append((_change(zone, moment, following), _offset(zone, moment)))
        moment = following
    return (*found, (_LAST, _offset(zone, _LAST)))


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (
            (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
        )
    return after


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
