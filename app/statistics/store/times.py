"""How long cases waited, as the database measures it: percentiles by nearest rank, and targets kept."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
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
from app.escalation.rules.ladder import ClockKind, Ladders, Override, Profile
from app.kernel.urgency import Urgency
from app.statistics.rules.percentiles import PERCENTS
from app.statistics.rules.scope import Scope
from app.statistics.rules.targets import CLOCKS, Piece, pieces_of_day, span_of
from app.statistics.store.dimensions import in_scope
from app.statistics.store.sql import local_day, seconds_between

CLOSE: Final = "close"
_DONE: Final[Mapping[str, ColumnElement[Any]]] = {
    ClockKind.ACCEPT.value: cases.c.accepted_at,
    ClockKind.FIRST_CONTACT.value: cases.c.first_contact_at,
}


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
        # Both look at the same waits, which are computed once.
        waits = _waits(scope).cte("waits").prefix_with("MATERIALIZED")
        nothing = literal(None, String).label("urgency")
        asked = union_all(
            _ranked((waits.c.clock,), waits.c.seconds, nothing),
            _ranked((waits.c.clock, waits.c.urgency), waits.c.seconds, None),
        )
        return [
            Measured(
                row.clock, row.urgency, row.number,
                tuple(getattr(row, f"p{percent}") for percent in PERCENTS), row.longest,
            )
            for row in self._connection.execute(asked)
        ]  # fmt: skip

    def kept(self, scope: Scope, ladders: Ladders, now: datetime) -> list[Kept]:
        """How many targets were kept, by clock and urgency."""
        pieces, opened = self._pieces(scope, ladders), _opened(scope, ladders)
        judged = union_all(*(_judged(clock, opened, pieces, ladders, now) for clock in CLOCKS)).subquery()
        of = (judged.c.clock, judged.c.urgency)
        asked = select(
            *of,
            func.count().filter(judged.c.done == 1, judged.c.within == 1).label("in_time"),
            func.count().filter(judged.c.within == 0).label("late"),
        ).group_by(*of)
        return [Kept(*row) for row in self._connection.execute(asked)]

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
            _row(clock, level, piece)
            for level, profile in _profiles(ladders).items()
            if not profile.always
            for clock in CLOCKS
            for day in days
            for piece in pieces_of_day(ladders.calendar, span_of(profile, clock), day)
        ]
        return _as_rows(json.dumps(rows), sqlite=self._connection.dialect.name == "sqlite")


def _waits(scope: Scope) -> CompoundSelect[Any]:
    moments: dict[str, ColumnElement[Any]] = {**_DONE, CLOSE: cases.c.closed_at}
    return union_all(*(
        select(
            literal(clock, String).label("clock"), cases.c.urgency,
            seconds_between(cases.c.opened_at, moment).label("seconds"),
        ).where(in_scope(scope), moment.is_not(None))
        for clock, moment in moments.items()
    ))  # fmt: skip


def _ranked(
    of: tuple[ColumnElement[Any], ...], seconds: ColumnElement[int], urgency: ColumnElement[Any] | None
) -> Select[Any]:
    """Count, percentiles by nearest rank, and the longest of each group."""
    ranked = select(
        *of, seconds.label("seconds"),
        func.row_number().over(partition_by=of, order_by=seconds).label("rank"),
        func.count().over(partition_by=of).label("number"),
    ).subquery()  # fmt: skip
    named = [ranked.c[one.key or ""] for one in of]
    percentiles = (
        func.min(ranked.c.seconds)
        .filter(ranked.c.rank * 100 >= ranked.c.number * percent)
        .label(f"p{percent}")
        for percent in PERCENTS
    )
    columns = [*named, *([] if urgency is None else [urgency])]
    return select(
        *columns, func.count().label("number"), func.max(ranked.c.seconds).label("longest"), *percentiles
    ).group_by(*named)


def _opened(scope: Scope, ladders: Ladders) -> CTE:
    """The cases with the level on which each runs: the strictest of its urgency and of what overrides it."""
    level = case(
        *((_on_level(level, ladders.overrides), literal(level.value)) for level in list(Urgency)[:-1]),
        else_=Urgency.U4.value,
    )
    return (
        select(
            cases.c.urgency, cases.c.opened_at, cases.c.accepted_at, cases.c.first_contact_at,
            cases.c.closed_at,
            local_day(cases.c.opened_at, scope.zone).label("day"), level.label("level"),
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


def _judged(clock: ClockKind, opened: CTE, pieces: CTE, ladders: Ladders, now: datetime) -> Any:  # noqa: ANN401 - SQL
    """Each case: whether it was `done`, and whether the wait is or was `within` the target."""
    done = opened.c.accepted_at if clock is ClockKind.ACCEPT else opened.c.first_contact_at
    # A case that was closed without it waits no longer; one that is open waits until now.
    ended = func.coalesce(done, opened.c.closed_at, literal(now, DateTime(timezone=True)))
    lasted = seconds_between(opened.c.opened_at, ended)
    always = [
        (opened.c.level == level, lasted <= int(span_of(profile, clock).on_every_clock.total_seconds()))
        for level, profile in _profiles(ladders).items()
        if profile.always
    ]
    within = case(
        *((condition, case((kept, 1), else_=0)) for condition, kept in always),
        (pieces.c.by.is_not(None), case((ended <= pieces.c.by, 1), else_=0)),
        else_=case((lasted <= pieces.c.seconds, 1), else_=0),
    )
    on_piece = and_(
        pieces.c.clock == clock.value, pieces.c.level == opened.c.level, pieces.c.day == opened.c.day,
        opened.c.opened_at >= pieces.c.begins, opened.c.opened_at < pieces.c.ends,
    )  # fmt: skip
    return select(
        literal(clock.value, String).label("clock"), opened.c.urgency,
        case((done.is_not(None), 1), else_=0).label("done"), within.label("within"),
    ).select_from(opened.outerjoin(pieces, on_piece))  # fmt: skip


def _profiles(ladders: Ladders) -> dict[str, Profile]:
    return {level.value: ladders.profile(level.value) for level in Urgency}


def _row(clock: ClockKind, level: str, piece: Piece) -> list[Any]:
    by = _text(piece.by) if piece.by else None
    return [
        clock.value, level, piece.day.isoformat(), _text(piece.begins), _text(piece.ends), by, piece.seconds,
    ]  # fmt: skip


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
