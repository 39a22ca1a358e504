"""Rings that we do not answer but call back: whom, when, how often, and when a human takes over."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.kernel.phone import Phone

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_DAWN: Final = time(4)
# So many rings within an hour are more than somebody who only wonders whether we heard.
URGENT_RINGS: Final = 5
URGENT_WITHIN: Final = _HOUR
# Whoever rang a moment ago holds the phone: an answer to that may come at any hour.
IN_HAND: Final = timedelta(minutes=10)
# By this clock the hotline counts its days. Source: docs/flows.md#a-call-back.
BUDGET_ZONE: Final = "Asia/Phnom_Penh"

DEAR: Final = "premium_number"
UNKNOWN: Final = "unknown_kind_of_number"
COUNTRY: Final = "country_not_called"
DAILY_LIMIT: Final = "daily_limit"
BUDGET: Final = "budget_used_up"
NEVER_SAFE: Final = "never_safe"
NOT_REACHED: Final = "not_reached"
CANNOT_BE_CALLED: Final = "cannot_be_called"
LEARNT_LATE: Final = "learnt_late"
# Whoever rang longer ago no longer waits for the phone to ring: a human decides whether it may.
LATE_AFTER: Final = _HOUR


class Stage(StrEnum):
    """How far calling back has come."""

    WAITING = "waiting"
    CALLING = "calling"
    REACHED = "reached"  # somebody passed the gate
    GIVEN_UP = "given_up"  # a human takes over
    REFUSED = "refused"  # nothing of ours calls this number
    ANSWERED = "answered"  # the person called a number that we answer


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """What the hotline decided on calling back. `daily_budget` None is no limit."""

    numbers: frozenset[str] = frozenset()
    after: timedelta = timedelta(seconds=20)
    every: timedelta = timedelta(minutes=10)
    per_day: int = 4
    daily_budget: int | None = None
    countries: frozenset[str] = frozenset()
    retries: tuple[timedelta, ...] = (timedelta(minutes=15), timedelta(hours=2))


@dataclass(frozen=True, slots=True)
class MissedCall:
    """The rings of one phone that wait for a call back. `tries` counts the calls that were made for them."""

    id: UUID
    contact_point_id: UUID
    via: str
    rings: int
    first_at: datetime
    last_at: datetime
    due_at: datetime
    stage: Stage = Stage.WAITING
    tries: int = 0
    urgent_at: datetime | None = None
    because: str | None = None
    call_id: UUID | None = None

    @property
    def is_open(self) -> bool:
        """Whether a call back is still to be made, or just being made."""
        return self.stage in {Stage.WAITING, Stage.CALLING}

    def may_come_at_any_hour(self, now: datetime) -> bool:
        """Whether quiet hours do not hold: the phone is in somebody's hand, or rang again and again."""
        return self.urgent_at is not None or self.last_at <= now <= self.last_at + IN_HAND


@dataclass(frozen=True, slots=True)
class Made:
    """The calls back that were made: when to this phone within a day, how many to anybody today."""

    to_phone: Collection[datetime] = ()
    today: int = 0


@dataclass(frozen=True, slots=True)
class CallNow:
    """Call back at once."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again then."""

    until: datetime
    because: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """A human has to find a way."""

    because: str


Decision = CallNow | Wait | HandOver


def refused_because(phone: Phone, rules: CallbackRules) -> str | None:
    """Why this number is never called back, as a stable code; None where it may be.

    A ring from a dear number is how callers back are robbed. Source: docs/sources.md#calling-back.
    """
    if phone.costs_extra:
        return DEAR
    if phone.country not in rules.countries:
        return COUNTRY
    return None if phone.is_ordinary else UNKNOWN


def first_ring(missed_id: UUID, contact_point_id: UUID, via: str, *, now: datetime) -> MissedCall:
    """A ring that nobody is waiting for yet; `rang` says when it is due."""
    return MissedCall(missed_id, contact_point_id, via, 0, now, now, datetime.max.replace(tzinfo=UTC))


def rang(missed: MissedCall, *, within_the_hour: int, rules: CallbackRules, now: datetime) -> MissedCall:
    """The missed call with one ring more. More rings never make the call back come later.

    `within_the_hour` counts the rings of this phone in the last hour, this one included.
    """
    urgent = within_the_hour >= URGENT_RINGS
    return replace(
        missed,
        rings=missed.rings + 1,
        last_at=now,
        due_at=min(missed.due_at, now + rules.after),
        urgent_at=missed.urgent_at or (now if urgent else None),
    )


def decide(made: Made, safe_at: datetime | None, *, rules: CallbackRules, now: datetime) -> Decision:
    """Whether to call back now. `safe_at` is the first moment at which the phone may be called, if ever."""
    lately = [at for at in made.to_phone if at > now - _DAY]
    if safe_at is None:
        return HandOver(NEVER_SAFE)
    if len(lately) >= rules.per_day:
        return HandOver(DAILY_LIMIT)
    if safe_at > now:
        return Wait(safe_at, "quiet_hours")
    if lately and max(lately) + rules.every > now:
        return Wait(max(lately) + rules.every, "called_lately")
    if rules.daily_budget is not None and made.today >= rules.daily_budget:
        return Wait(budget_day(now) + _DAY, BUDGET)
    return CallNow()


def not_reached(
    missed: MissedCall, next_morning: datetime, *, rules: CallbackRules, now: datetime
) -> Wait | HandOver:
    """What follows a call back that reached nobody: some more tries, one in the morning, then a human."""
    if missed.tries <= len(rules.retries):
        return Wait(now + rules.retries[missed.tries - 1], NOT_REACHED)
    if missed.tries == len(rules.retries) + 1:
        return Wait(next_morning, NOT_REACHED)
    return HandOver(NOT_REACHED)


def dawn(zone: str, now: datetime) -> datetime:
    """The next four o'clock on that clock (IANA name), in UTC: the morning's safe hours come after it."""
    there = ZoneInfo(zone)
    local = now.astimezone(there)
    day = local.date() + (timedelta(0) if local.time() < _DAWN else _DAY)
    return datetime.combine(day, _DAWN, there).astimezone(UTC)


def budget_day(now: datetime) -> datetime:
    """When the day of the budget began, in UTC."""
    zone = ZoneInfo(BUDGET_ZONE)
    return datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
