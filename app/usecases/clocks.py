"""Starting, stopping and restarting the clocks of a case."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from app.cases.rules.stages import Case, Queue
from app.escalation.rules.calendar import Calendar
from app.escalation.rules.ladder import (
    ClockKind,
    PlannedTimer,
    Profile,
    first_timer,
    held_until,
    rearm_for_urgency,
)
from app.usecases.unit_of_work import UnitOfWork

ALL: Final = tuple(ClockKind)


def profile_of(uow: UnitOfWork, case: Case) -> Profile:
    """The ladder that the case stands on now."""
    return uow.rulebook.profile_for(
        urgency=case.urgency,
        categories=case.categories,
        members=case.member_count,
        queued=case.queue is Queue.COORDINATOR,
    )


def start(uow: UnitOfWork, case: Case, kinds: Iterable[ClockKind], *, now: datetime) -> None:
    """Start these clocks anew from now, whether or not they were running."""
    wanted = tuple(kinds)
    uow.timers.disarm(case.id, wanted, now)
    profile, calendar = profile_of(uow, case), uow.rulebook.ladders.calendar
    plans = [
        _rested(first_timer(profile, calendar, kind=kind, base_at=now), case, profile, calendar)
        for kind in wanted
    ]
    uow.timers.arm([(case.id, case.version, plan) for plan in plans], now)


def keep_running(uow: UnitOfWork, case: Case, kinds: Iterable[ClockKind], *, now: datetime) -> None:
    """Start those of these clocks that are not running; a running one keeps its time."""
    running = uow.timers.armed(case.id)
    start(uow, case, [kind for kind in kinds if kind not in running], now=now)


def stop(uow: UnitOfWork, case: Case, kinds: Iterable[ClockKind], *, now: datetime) -> None:
    """Stop these clocks."""
    uow.timers.disarm(case.id, kinds, now)


def adapt(uow: UnitOfWork, before: Case, after: Case, *, now: datetime) -> None:
    """Put the running clocks on the ladder of the case as it is now.

    A stricter ladder restarts them and the earlier time holds, also where the case rested: what
    grew more urgent does not wait for the day until which it was put on hold. A milder ladder
    takes over from the same beginning.
    """
    old, new = profile_of(uow, before), profile_of(uow, after)
    if old == new:
        return
    calendar = uow.rulebook.ladders.calendar
    running = uow.timers.armed(after.id)
    raised = new.name < old.name
    plans = [rearm_for_urgency(plan, new, calendar, now=now, raised=raised) for plan in running.values()]
    if not raised:
        plans = [_rested(plan, after, new, calendar) for plan in plans]
    uow.timers.disarm(after.id, running, now)
    uow.timers.arm([(after.id, after.version, plan) for plan in plans], now)


def _rested(plan: PlannedTimer, case: Case, profile: Profile, calendar: Calendar) -> PlannedTimer:
    """A review waits for the day until which the case was put on hold."""
    if plan.kind is ClockKind.REVIEW and case.hold_until:
        return held_until(plan, profile, calendar, until=case.hold_until)
    return plan
