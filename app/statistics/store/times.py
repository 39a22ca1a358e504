"""How long cases waited, as the database measures it: percentiles by nearest rank, and targets kept."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.cases.rules.stages import Queue
from app.cases.tables import case_categories, cases
from app.escalation.rules.calendar import Calendar, Span
from app.escalation.rules.ladder import ClockKind, Ladders, Override, Profile
from app.kernel.urgency import Urgency
from app.statistics.rules.percentiles import PERCENTS, rank_of
from app.statistics.rules.scope import Scope
from app.statistics.rules.targets import CLOCKS, pieces_of_day, span_of
from app.statistics.store.dimensions import in_scope
from app.statistics.store.sql import local_day, seconds_between

CLOSE: Final = "close"
_DONE: Final[Mapping[str, ColumnElement[Any]]] = {
    ClockKind.ACCEPT.value: cases.c.accepted_at,
    ClockKind.FIRST_CONTACT.value: cases.c.first_contact_at,
    CLOSE: cases.c.closed_at,
}
_IN_TIME: Final = "in time"
_LATE: Final = "late"


@dataclass(frozen=True, slots=True)
class Measured:
    """How long cases waited for one thing: how many, percentiles in the order of PERCENTS, the longest."""

    clock: str
    urgency: str | None
    count: int
    percentiles: tuple[int, ...]
    longest: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How many cases of an urgency got in time or late what a clock waits for."""

    clock: str
    urgency: str
    in_time: int
    late: int


class TimeStore:
    """Waiting times as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Read inside this transaction."""
        self._connection = connection

    def measured(self, scope: Scope) -> list[Measured]:
        """Each clock for which something was done: all together (`urgency` None), and by urgency."""
        numbers = self._numbers(scope)
        if not numbers:
            return []
        waits = _waits(scope)
        by_clock = {clock: {of: n for (name, of), n in numbers.items() if name == clock} for clock in _DONE}
        asked = union_all(*(_at_ranks(waits, clock, of) for clock, of in by_clock.items() if of))
        seconds: dict[tuple[str, str | None, int], int] = {}
        for row in self._connection.execute(asked):
            seconds[row.clock, None, row.place] = row.seconds
            seconds[row.clock, row.urgency, row.place_of_urgency] = row.seconds
        return [
            Measured(
                clock, urgency, number,
                tuple(seconds[clock, urgency, rank_of(percent, number)] for percent in PERCENTS),
                seconds[clock, urgency, number],
            )
            for (clock, urgency), number in numbers.items()
        ]  # fmt: skip

    def _numbers(self, scope: Scope) -> Counter[tuple[str, str | None]]:
        """For each clock, in how many cases it was done: all together (None), and by urgency."""
        done = [func.count(moment).label(clock) for clock, moment in _DONE.items()]
        asked = select(cases.c.urgency, *done).where(in_scope(scope)).group_by(cases.c.urgency)
        found = Counter[tuple[str, str | None]]()
        for row in self._connection.execute(asked):
            for clock, number in zip(_DONE, row[1:], strict=True):
                if number:
                    found[clock, None] += number
                    found[clock, row.urgency] += number
        return found

    def kept(self, scope: Scope, ladders: Ladders, now: datetime) -> list[Kept]:
        """How many targets were kept, by clock and urgency."""
        opened, pieces = _opened(scope, ladders), self._pieces(scope, ladders)
        judged = union_all(*(_judged(clock, opened, pieces, ladders, now) for clock in CLOCKS)).subquery()
        asked = select(*judged.c, func.count().label("number")).group_by(*judged.c)
        found: dict[tuple[str, str], Counter[str | None]] = {}
        for row in self._connection.execute(asked):
            found.setdefault((row.clock, row.urgency), Counter())[row.verdict] += row.number
        return [Kept(*key, of[_IN_TIME], of[_LATE]) for key, of in found.items()]

    def _pieces(self, scope: Scope, ladders: Ladders) -> CTE:
        """The pieces of time of every target on the business clock, for the days on which cases opened."""
        asked = select(func.min(cases.c.opened_at), func.max(cases.c.opened_at)).where(in_scope(scope))
        first, last = (
            moment.astimezone(scope.zone).date() if moment else None
            for moment in self._connection.execute(asked).one()
        )
        number = (last - first).days + 1 if first and last else 0
        days = [first + timedelta(days=place) for place in range(number)] if first else []
        rows = [
            written
            for level, profile in _profiles(ladders).items()
            if not profile.always
            for clock in CLOCKS
            for day in days
            for written in _rows_of_day(ladders.calendar, span_of(profile, clock), day, (clock, level))
        ]
        return _as_rows(f"[{','.join(rows)}]", sqlite=self._connection.dialect.name == "sqlite")


def _waits(scope: Scope) -> CTE:
    """How many seconds each case waited, by clock; none where it was not done."""
    seconds = (seconds_between(cases.c.opened_at, moment).label(clock) for clock, moment in _DONE.items())
    found = select(cases.c.urgency, *seconds).where(in_scope(scope))
    return found.cte("waits").prefix_with("MATERIALIZED")


def _at_ranks(waits: CTE, clock: str, numbers: Mapping[str | None, int]) -> Select[Any]:
    """The waits that stand where a percentile or the longest is read, among all and among their urgency.

    The places among all and in each urgency are counted along one order: there is one sort a clock.
    """
    seconds, levels = waits.c[clock], [level for level in numbers if level is not None]
    places = [
        func.count().filter(waits.c.urgency == level).over(order_by=seconds, rows=(None, 0)).label(level)
        for level in levels
    ]
    place = func.count().over(order_by=seconds, rows=(None, 0)).label("place")
    ranked = (
        select(waits.c.urgency, seconds.label("seconds"), place, *places)
        .where(seconds.is_not(None))
        .subquery()
    )
    ranks = {
        level: [*(rank_of(percent, number) for percent in PERCENTS), number]
        for level, number in numbers.items()
    }
    of_urgency = case(*((ranked.c.urgency == level, ranked.c[level]) for level in levels))
    wanted = (and_(ranked.c.urgency == level, ranked.c[level].in_(ranks[level])) for level in levels)
    return select(
        literal(clock, String).label("clock"), ranked.c.urgency, ranked.c.seconds, ranked.c.place,
        of_urgency.label("place_of_urgency"),
    ).where(or_(ranked.c.place.in_(ranks[None]), *wanted))  # fmt: skip


def _opened(scope: Scope, ladders: Ladders) -> CTE:
    """The cases with the level on which each runs: the strictest of its urgency and of what overrides it."""
    level = case(
        *((_on_level(level, ladders.overrides), literal(level.value)) for level in list(Urgency)[:-1]),
        else_=Urgency.U4.value,
    )
    return (
        select(
            cases.c.urgency, cases.c.opened_at, cases.c.accepted_at, cases.c.first_contact_at,
            cases.c.closed_at, local_day(cases.c.opened_at, scope.zone).label("day"), level.label("level"),
        )
        .where(in_scope(scope))
        .cte("opened")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip


def _on_level(level: Urgency, overrides: Iterable[Override]) -> ColumnElement[bool]:
    """Whether a case runs at least on this level; what is stricter was asked before."""
    conditions = [cases.c.urgency == level.value]
    if level is Urgency.U2:
        # Nobody could take it: `Rulebook.profile_for` makes it run at least as fast as this.
        conditions.append(cases.c.queue == Queue.COORDINATOR)
    conditions += [_overridden(one) for one in overrides if one.use == level.value]
    return or_(*conditions)


def _overridden(override: Override) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if override.category is not None:
        named = case_categories.c.category == override.category
        conditions.append(exists().where(case_categories.c.case_id == cases.c.id, named))
    if override.members_gte is not None:
        conditions.append(cases.c.member_count >= override.members_gte)
    return and_(*conditions)


def _judged(clock: ClockKind, opened: CTE, pieces: CTE, ladders: Ladders, now: datetime) -> Select[Any]:
    """The urgency of each case, and whether it got what the clock waits for in time."""
    on_piece = and_(
        pieces.c.clock == clock.value, pieces.c.level == opened.c.level, pieces.c.day == opened.c.day,
        opened.c.opened_at >= pieces.c.begins, opened.c.opened_at < pieces.c.ends,
    )  # fmt: skip
    verdict = _verdict(clock, opened, pieces, ladders, now).label("verdict")
    named = literal(clock.value, String).label("clock")
    return select(named, opened.c.urgency, verdict).select_from(opened.outerjoin(pieces, on_piece))


def _verdict(
    clock: ClockKind, opened: CTE, piece: CTE, ladders: Ladders, now: datetime
) -> ColumnElement[str]:
    """Whether a case got in time or late what the clock waits for; NULL while it waits and is not late."""
    done = opened.c.accepted_at if clock is ClockKind.ACCEPT else opened.c.first_contact_at
    # A case that was closed without it waits no longer; one that is open waits until now.
    ended = func.coalesce(done, opened.c.closed_at, literal(now, DateTime(timezone=True)))
    lasted = seconds_between(opened.c.opened_at, ended)
    always = [
        (opened.c.level == level, lasted > int(span_of(profile, clock).on_every_clock.total_seconds()))
        for level, profile in _profiles(ladders).items()
        if profile.always
    ]
    late = case(*always, (piece.c.by.is_not(None), ended > piece.c.by), else_=lasted > piece.c.seconds)
    return case((late, _LATE), (done.is_not(None), _IN_TIME), else_=literal(None, String))


def _profiles(ladders: Ladders) -> dict[str, Profile]:
    return {level.value: ladders.profile(level.value) for level in Urgency}


@lru_cache(maxsize=8_192)
def _rows_of_day(calendar: Calendar, span: Span, day: date, of: tuple[ClockKind, str]) -> tuple[str, ...]:
    """The pieces of a day as JSON: to write them takes as long as to judge all cases by them."""
    return tuple(
        json.dumps([
            *of, piece.day.isoformat(), _text(piece.begins), _text(piece.ends),
            _text(piece.by) if piece.by else None, piece.seconds,
        ])
        for piece in pieces_of_day(calendar, span, day)
    )  # fmt: skip


def _text(moment: datetime) -> str:
    """The time as SQLite keeps it, and as PostgreSQL reads it: every connection there is in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _as_rows(pieces: str, *, sqlite: bool) -> CTE:
    """The pieces as a table. They come as one JSON text: as parameters they would be too many."""
    moment = String() if sqlite else DateTime(timezone=True)
    if sqlite:
        source = func.json_each(literal(pieces, String)).table_valued("value", name="piece")
        read: list[Any] = [func.json_extract(source.c.value, f"$[{place}]") for place in range(7)]
    else:
        source = func.jsonb_array_elements(cast(literal(pieces, String), JSONB)).table_valued(
            column("value", JSONB), name="piece"
        )
        read = [cast(source.c.value[place].astext, String) for place in range(7)]
    names = ("clock", "level", "day", "begins", "ends", "by", "seconds")
    types = (String(), String(), String(), moment, moment, moment, Integer())
    columns = [
        (type_coerce(value, kind) if sqlite else cast(value, kind)).label(name)
        for name, kind, value in zip(names, types, read, strict=True)
    ]
    return select(*columns).select_from(source).cte("pieces").prefix_with("MATERIALIZED")
