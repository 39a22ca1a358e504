"""Queries on timers: arm, disarm, find and claim what is due."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from app.escalation.rules.ladder import ClockKind, PlannedTimer
from app.escalation.tables import timers
from app.kernel.ids import new_id
from app.store.feed import Kind, Touched

ARMED: Final = "armed"
FIRED: Final = "fired"
DISARMED: Final = "disarmed"


@dataclass(frozen=True, slots=True)
class Timer:
    """One clock of one case."""

    id: UUID
    case_id: UUID
    plan: PlannedTimer
    state: str
    armed_at: datetime


class TimerStore:
    """Timers as seen from one transaction."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        """Work inside this transaction, and note whose case shows another clock."""
        self._connection = connection
        self._touched = touched

    def arm(self, plans: Iterable[tuple[UUID, int, PlannedTimer]], now: datetime) -> None:
        """Arm each plan (case, the case's version, plan); a clock has at most one armed timer."""
        listed = list(plans)
        rows = [
            {
                "id": new_id(now), "case_id": case_id, "kind": plan.kind, "rung": plan.rung,
                "to_role": plan.to, "base_at": plan.base_at, "due_at": plan.due_at, "state": ARMED,
                "armed_at": now, "armed_for": version,
            }
            for case_id, version, plan in listed
        ]  # fmt: skip
        if rows:
            self._connection.execute(insert(timers), rows)
        for case_id, _, _ in listed:
            self._touched.note(Kind.CASE, case_id, case_id)

    def armed(self, case_id: UUID) -> dict[ClockKind, PlannedTimer]:
        """The running clocks of a case."""
        asked = select(timers).where(timers.c.case_id == case_id, timers.c.state == ARMED)
        return {ClockKind(row.kind): _plan(row) for row in self._connection.execute(asked)}

    def disarm(self, case_id: UUID, kinds: Iterable[ClockKind], now: datetime) -> None:
        """Stop these clocks of a case; one that does not run stays as it is."""
        stopped = self._connection.execute(_DISARM, {"case": case_id, "kinds": list(kinds), "now": now})
        if stopped.rowcount:
            self._touched.note(Kind.CASE, case_id, case_id)

    def due(self, now: datetime, limit: int, but: Collection[UUID] = ()) -> list[UUID]:
        """The cases, none of them in `but`, that have clocks run out, the longest overdue first.

        Nothing is locked.
        """
        asked = (
            select(timers.c.case_id)
            .where(timers.c.state == ARMED, timers.c.due_at <= now, timers.c.case_id.not_in(list(but)))
            .order_by(timers.c.due_at, timers.c.case_id)
            .limit(limit)
        )
        return list(dict.fromkeys(self._connection.execute(asked).scalars()))

    def claim(self, case_ids: Iterable[UUID], now: datetime) -> list[Timer]:
        """Mark the due clocks of these cases as fired and return them, the longest overdue first.

        The caller holds the cases' locks. Whoever changes a case's clocks holds that lock too, so
        a clock fires once per commit, whatever number of workers looks for due ones.
        """
        rows = self._connection.execute(
            update(timers)
            .where(timers.c.case_id.in_(list(case_ids)), timers.c.state == ARMED, timers.c.due_at <= now)
            .values(state=FIRED, ended_at=now)
            .returning(timers)
        ).all()
        for row in rows:
            self._touched.note(Kind.CASE, row.case_id, row.case_id)
        return [_timer(row) for row in sorted(rows, key=lambda row: (row.due_at, row.case_id))]

    def of_case(self, case_id: UUID) -> list[Timer]:
        """Every clock that a case ever had, oldest first."""
        asked = select(timers).where(timers.c.case_id == case_id).order_by(timers.c.armed_at, timers.c.id)
        return [_timer(row) for row in self._connection.execute(asked)]

    def next_of(self, case_ids: Iterable[UUID]) -> dict[UUID, Timer]:
        """The clock of each case that runs out first."""
        found = self._connection.execute(_NEXT, {"cases": list(case_ids)}).all()
        first = {row.case_id: row for row in found}  # of each case the last, which is the first to run out
        return {case_id: _timer(row) for case_id, row in first.items()}

    def lateness(self, now: datetime) -> tuple[int, datetime | None]:
        """How many clocks are due and not fired, and since when the oldest of them is."""
        asked = select(func.count(), func.min(timers.c.due_at)).where(
            timers.c.state == ARMED, timers.c.due_at <= now
        )
        number, oldest = self._connection.execute(asked).one()
        return number, oldest


def _plan(row: Row[Any]) -> PlannedTimer:
    return PlannedTimer(
        kind=ClockKind(row.kind), rung=row.rung, to=row.to_role, due_at=row.due_at, base_at=row.base_at
    )


def _timer(row: Row[Any]) -> Timer:
    return Timer(row.id, row.case_id, _plan(row), row.state, row.armed_at)


# Made once, for every case that is opened runs it.
_DISARM: Final = (
    update(timers)
    .where(
        timers.c.case_id == bindparam("case"),
        timers.c.kind.in_(bindparam("kinds", expanding=True)),
        timers.c.state == ARMED,
    )
    .values(state=DISARMED, ended_at=bindparam("now"))
)
_NEXT: Final = (
    select(timers)
    .where(timers.c.case_id.in_(bindparam("cases", expanding=True)), timers.c.state == ARMED)
    .order_by(timers.c.due_at.desc(), timers.c.kind.desc())
)
