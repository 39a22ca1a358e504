"""Ladders: which clocks a case runs on, who is told when one runs out, and when the next is told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Final

from app.escalation.rules.calendar import Calendar, Span
from app.kernel.urgency import Urgency

RUNG_ROLES: Final = frozenset({"owner", "duty_lead", "supervisor", "coordinator"})


class ClockKind(StrEnum):
    """What a human must have done before the clock runs out."""

    ACCEPT = "accept"
    FIRST_CONTACT = "first_contact"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom to tell, and how long after the ladder began. `to` is one of RUNG_ROLES."""

    after: Span
    to: str


@dataclass(frozen=True, slots=True)
class Profile:
    """How soon a case of one urgency needs a human, and the ladder for when nobody comes.

    An `always` profile knows no night and no holiday: there, a business day is 24 hours.
    """

    name: str
    always: bool
    accept: Span
    first_contact: Span
    review_every: Span
    repeat_last: Span
    rungs: tuple[Rung, ...]

    def __post_init__(self) -> None:
        """Refuse a ladder that cannot be climbed. Raises: ValueError."""
        if not self.rungs:
            raise ValueError("a ladder needs at least one rung")
        if self.repeat_last.amount < 1:
            raise ValueError("the last rung must repeat after more than nothing")

    def add(self, calendar: Calendar, start: datetime, span: Span) -> datetime:
        """When the span that began at `start` is over on this profile's clock, in aware UTC."""
        return start + span.on_every_clock if self.always else calendar.add(start, span)

    def usual_length(self, calendar: Calendar, span: Span) -> timedelta:
        """How long the span is on this profile's clock in an ordinary week, to compare spans."""
        return span.on_every_clock if self.always else calendar.usual_open_time(span)

    def add_gap(self, calendar: Calendar, start: datetime, gap: tuple[datetime, datetime]) -> datetime:
        """`start`, moved by as much of this profile's time as lies between the two ends of `gap`."""
        begun, ended = gap
        if self.always:
            return start + (ended - begun)
        length = calendar.open_time_between(begun, ended)
        return calendar.add_open_time(start, length) if length else start


@dataclass(frozen=True, slots=True)
class Override:
    """A condition under which a stricter profile holds; what is None is not asked."""

    use: str
    category: str | None = None
    members_gte: int | None = None

    def matches(self, *, categories: Collection[str], members: int) -> bool:
        """Whether a case with these categories and this many members meets every condition."""
        if self.category is not None and self.category not in categories:
            return False
        return self.members_gte is None or members >= self.members_gte


@dataclass(frozen=True, slots=True)
class Ladders:
    """Every profile by the urgency it is named after, and the overrides.

    Profiles are named U1 to U4. A name that has no profile of its own takes the next stricter
    one that has, so that a gap in the configuration makes us quicker and never slower.
    """

    calendar: Calendar
    profiles: Mapping[str, Profile]
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        """Refuse ladders on which some case could stand nowhere. Raises: ValueError."""
        if Urgency.U1.value not in self.profiles:
            raise ValueError("U1 has no profile, and none is stricter that could stand in for it")

    def profile(self, name: str) -> Profile:
        """The profile of that name, or the next stricter one. Raises: ValueError for no urgency."""
        urgency = Urgency(name)
        stricter = [level.value for level in Urgency if not urgency.is_above(level)]
        return next(self.profiles[level] for level in reversed(stricter) if level in self.profiles)

    def profile_for(self, *, urgency: Urgency, categories: Collection[str], members: int) -> Profile:
        """The strictest of the urgency's own profile and of every override that matches."""
        names = [o.use for o in self.overrides if o.matches(categories=categories, members=members)]
        return self.profile(min([urgency.value, *names]))


@dataclass(frozen=True, slots=True)
class PlannedTimer:
    """One rung of one clock, to be written down as a row. `rung` counts from 1; times are aware UTC.

    `base_at` is when the clock began: later rungs are counted from it.
    """

    kind: ClockKind
    rung: int
    to: str
    due_at: datetime
    base_at: datetime


def first_timer(profile: Profile, calendar: Calendar, *, kind: ClockKind, base_at: datetime) -> PlannedTimer:
    """The first rung of a clock that begins at `base_at`."""
    return _planned(profile, calendar, kind=kind, rung=1, base_at=base_at)


def next_timer(profile: Profile, calendar: Calendar, *, fired: PlannedTimer, now: datetime) -> PlannedTimer:
    """What is armed after a timer has fired: the next rung, or the last rung once more.

    The last rung comes again every `repeat_last`, counted from the time at which it was due.
    Repeats that lie in the past are passed over in one step: a server that was down speaks once.
    Rungs are never passed over, for each tells another person. A rung that was due late, because
    its case rested, pushes those above it back: each person has their time to act.
    """
    if fired.rung < len(profile.rungs):
        following = _planned(profile, calendar, kind=fired.kind, rung=fired.rung + 1, base_at=fired.base_at)
        below, above = _reached(profile, calendar, rung=fired.rung + 1, base_at=fired.base_at)[-2:]
        spaced = profile.add_gap(calendar, fired.due_at, (below, above))
        return replace(following, due_at=max(following.due_at, spaced))
    due_at = _first_repeat_after(profile, calendar, due_at=fired.due_at, now=now)
    last = len(profile.rungs)
    return PlannedTimer(fired.kind, last, profile.rungs[-1].to, due_at, fired.base_at)


def rearm_for_urgency(
    old: PlannedTimer, profile: Profile, calendar: Calendar, *, now: datetime, raised: bool
) -> PlannedTimer:
    """What replaces a timer that has not fired when the case gets another profile.

    Raised: the clock begins anew, and the earlier of the old and the new time holds. Where the
    old time is the earlier, its rung stays too, so that nobody hears later because a case became
    more urgent. Lowered: the same rung of the new ladder, from the old beginning, but not before
    `now`.
    """
    if not raised:
        rung = min(old.rung, len(profile.rungs))
        later = _planned(profile, calendar, kind=old.kind, rung=rung, base_at=old.base_at)
        return PlannedTimer(later.kind, later.rung, later.to, max(later.due_at, now), later.base_at)
    restarted = first_timer(profile, calendar, kind=old.kind, base_at=now)
    if restarted.due_at < old.due_at:
        return restarted
    return PlannedTimer(old.kind, old.rung, old.to, old.due_at, now)


def held_until(plan: PlannedTimer, profile: Profile, calendar: Calendar, *, until: datetime) -> PlannedTimer:
    """The timer, due not before `until`; an office's clock waits for the office to open then."""
    return replace(plan, due_at=max(plan.due_at, until if profile.always else calendar.next_open(until)))


def promised_at(profile: Profile, calendar: Calendar, *, kind: ClockKind, base_at: datetime) -> datetime:
    """By when the thing should have been done: what a breach is measured against, in aware UTC."""
    spans = {
        ClockKind.ACCEPT: profile.accept,
        ClockKind.FIRST_CONTACT: profile.first_contact,
        ClockKind.REVIEW: profile.review_every,
    }
    return profile.add(calendar, base_at, spans[kind])


def _planned(
    profile: Profile, calendar: Calendar, *, kind: ClockKind, rung: int, base_at: datetime
) -> PlannedTimer:
    reached = _reached(profile, calendar, rung=rung, base_at=base_at)
    due_at = reached[-1]
    if kind is not ClockKind.ACCEPT:
        promised = promised_at(profile, calendar, kind=kind, base_at=base_at)
        due_at = profile.add_gap(calendar, promised, (reached[0], due_at))
    return PlannedTimer(kind, rung, profile.rungs[rung - 1].to, due_at, base_at)


def _reached(profile: Profile, calendar: Calendar, *, rung: int, base_at: datetime) -> list[datetime]:
    """When each rung up to this one is reached on a ladder that begins at `base_at`."""
    # Days and business days can change places around a holiday; a rung never comes before the
    # one below it, whatever the calendar does.
    reached = (profile.add(calendar, base_at, step.after) for step in profile.rungs[:rung])
    return list(accumulate(reached, max))


def _first_repeat_after(profile: Profile, calendar: Calendar, *, due_at: datetime, now: datetime) -> datetime:
    def repeat(count: int) -> datetime:
        return profile.add(calendar, due_at, profile.repeat_last.times(count))

    # Repeats may be seconds apart and the server may have been down for a week, so the first one
    # that lies ahead is found by doubling and halving instead of by counting.
    most = 1
    while repeat(most) <= now:
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if repeat(middle) <= now else (least, middle)
    return repeat(most)
