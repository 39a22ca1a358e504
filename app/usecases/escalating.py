"""Firing the clocks that ran out: tell the next people, add them to the case, arm the next rung."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from app.cases.rules.facts import EscalationFired
from app.cases.rules.stages import Case
from app.escalation.rules.ladder import ClockKind, next_timer
from app.escalation.store import Timer
from app.identity.rules import Role
from app.outbox.rules import Purpose
from app.usecases.clocks import profile_of
from app.usecases.seeing import who_may_know
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import alert


def due_cases(uow: UnitOfWork, *, now: datetime, limit: int, but: Collection[UUID] = ()) -> list[UUID]:
    """Up to `limit` cases, none of them in `but`, that have clocks run out, the longest overdue first."""
    return uow.timers.due(now, limit, but)


def fire(uow: UnitOfWork, case_ids: Sequence[UUID], *, now: datetime) -> int:
    """Fire the clocks of these cases that ran out. Returns how many fired.

    The cases are locked first, those that somebody else is working on are left for the next look,
    and a clock whose case got its human in the meantime does nothing.
    """
    cases = {case.id: case for case in uow.cases.locked_many(case_ids)}
    claimed = uow.timers.claim(cases, now)
    uow.rulebook.passed("timers.claimed")
    fired = [timer for timer in claimed if is_unmet(cases[timer.case_id], timer.plan.kind)]
    people = cache(lambda role, organisation: tuple(_people(uow, role, organisation)))
    plans = []
    to_alert: dict[UUID, set[UUID]] = defaultdict(set)
    for timer in fired:
        case = cases[timer.case_id]
        owns = case.owner_id if timer.plan.to == "owner" else None
        wanted = (owns,) if owns else people(timer.plan.to, case.organisation_id)
        told = who_may_know(uow, case.id, wanted) or who_may_know(uow, case.id, people("coordinator", None))
        to_alert[case.id].update(told)
        _fire(uow, case, timer, told, now=now)
        following = next_timer(
            profile_of(uow, case), uow.rulebook.ladders.calendar, fired=timer.plan, now=now
        )
        plans.append((case.id, case.version + 1, following))  # marking it as overdue makes a version
    for case_id, told_ids in to_alert.items():
        # Whoever stands on the rungs of two clocks is told of the case once, not twice in a minute.
        alert(
            uow, told_ids, cases[case_id], key="staff.escalation", purpose=Purpose.STAFF_ESCALATION, now=now
        )
    uow.timers.arm(plans, now)
    uow.cases.mark_overdue([timer.case_id for timer in fired], now)
    uow.rulebook.passed("timers.changed")
    return len(fired)


def is_unmet(case: Case, kind: ClockKind) -> bool:
    """Whether nobody has done yet what the clock waits for."""
    if not case.is_open:
        return False
    match kind:
        case ClockKind.ACCEPT:
            return case.accepted_at is None
        case ClockKind.FIRST_CONTACT:
            return case.first_contact_at is None
        case ClockKind.REVIEW:
            return True


def _fire(uow: UnitOfWork, case: Case, timer: Timer, told: tuple[UUID, ...], *, now: datetime) -> None:
    plan = timer.plan
    uow.cases.add_helpers([(case.id, worker_id, plan.to) for worker_id in told], now)
    fact = EscalationFired(plan.kind, plan.rung, plan.to, plan.due_at, told)
    uow.tell(case.id, [fact], actor="timers")


def _people(uow: UnitOfWork, role: str, organisation_id: UUID | None) -> list[UUID]:
    """Who stands on a rung; the coordinators too where nobody there is on duty, or nobody stands there."""
    wanted = Role.CASEWORKER if role == "owner" else Role(role)
    found = (
        uow.identity.with_role(wanted, organisation_id)
        if organisation_id or wanted is Role.COORDINATOR
        else []
    )
    standing = (uow.identity.worker(worker_id) for worker_id in found)
    if any(worker and worker.on_duty for worker in standing):
        return found
    return list(dict.fromkeys([*found, *uow.identity.with_role(Role.COORDINATOR, None)]))
