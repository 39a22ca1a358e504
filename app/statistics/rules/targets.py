"""By when a case should have had its human, whenever it was opened: pieces that SQL can compare with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from app.escalation.rules.calendar import Calendar, Span
from app.escalation.rules.ladder import ClockKind, Profile

_TICK: Final = timedelta(microseconds=1)  # the finest that a time is kept
_DAY: Final = timedelta(days=1)
# What has a target: reviews come again and again, and are told of as escalations.
CLOCKS: Final = (ClockKind.ACCEPT, ClockKind.FIRST_CONTACT)


@dataclass(frozen=True, slots=True)
class Piece:
    """Cases opened from `begins` on and before `ends`, on one local day, and by when it should be done.

    Either all of them `by` one time, or each within so many `seconds`.
    """

    day: date
    begins: datetime
    ends: datetime
    by: datetime | None
    seconds: int | None


def span_of(profile: Profile, kind: ClockKind) -> Span:
    """The span within which the profile promises a human."""
    return profile.accept if kind is ClockKind.ACCEPT else profile.first_contact


@lru_cache(maxsize=4_096)
def pieces_of_day(calendar: Calendar, span: Span, day: date) -> tuple[Piece, ...]:
    """The pieces of one local day on the business clock, in order, without a gap."""
    found: list[Piece] = []
    points = sorted(set(_points(calendar, span, day)))
    for begins, ends in pairwise(points):
        found += _pieces(calendar, span, day, (begins, ends))
    return tuple(found)


def _points(calendar: Calendar, span: Span, day: date) -> Iterator[datetime]:
    """The times of a local day at which the answer may change its kind."""
    yield _at(calendar, day, time(0))
    yield _at(calendar, day + _DAY, time(0))
    opens = _at(calendar, day, calendar.opens)
    closes = _at(calendar, day + _DAY if calendar.closes == time(0) else day, calendar.closes)
    # Where the span runs out just at closing time, the next moment is carried over to the next opening.
    turns = closes - span.on_every_clock % calendar.day_length
    for point in (opens, closes, turns):
        for near in (point, point + _TICK):
            if _at(calendar, day, time(0)) < near < _at(calendar, day + _DAY, time(0)):
                yield near


def _pieces(calendar: Calendar, span: Span, day: date, between: tuple[datetime, datetime]) -> Iterator[Piece]:
    begins, ends = between
    last = ends - _TICK
    first_by, last_by = calendar.add(begins, span), calendar.add(last, span)
    if first_by == last_by:
        yield Piece(day, begins, ends, first_by, None)
    elif last_by - first_by == last - begins and not (first_by - begins) % timedelta(seconds=1):
        yield Piece(day, begins, ends, None, (first_by - begins) // timedelta(seconds=1))
    else:
        # A zone that put its clock forth or back, for one: halves of it are plainer.
        middle = begins + (ends - begins) // 2
        yield from _pieces(calendar, span, day, (begins, middle))
        yield from _pieces(calendar, span, day, (middle, ends))


def _at(calendar: Calendar, day: date, local: time) -> datetime:
    return datetime.combine(day, local, calendar.timezone).astimezone(UTC)
