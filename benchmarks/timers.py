"""Timers: what is due fired in batches and one by one, and how late the last of them are."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.bootstrap import Application
from app.cli.demo import organisations_of
from app.escalation.tables import timers
from app.workers.steps import Timers
from benchmarks.crowd import Wanted, fill, staff
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median, percentile

_BATCH = 200
_ALONE_A_ROUND = 25
_PER_SECOND = 10  # clocks that run out in the steady part
_STEADY_SECONDS = 10


def run(given: Run) -> list[Result]:
    """Clocks fired a second both ways in turns, then the rest at once, then a steady trickle."""
    armed, due = given.size(20_000, 100_000), given.size(2_000, 10_000)
    rows = [_on(given, engine, armed, due) for engine in given.engines]
    notes = [
        f"{armed:,} armed, {due:,} due at one moment; each fires with alert, timeline, audit and next rung",
        f"late p99, all at once: the {due:,} less those of the first columns; steady: {_PER_SECOND} a second",
        "lateness is from due to committed; an idle worker looks every half second",
    ]
    return [Result("Timers", rows, notes)]


def _on(given: Run, engine: Engine, armed: int, due: int) -> dict[str, Any]:
    with given.application(engine) as application:
        now = application.clock.now()
        workers = staff(application, organisations_of(application), each=20, now=now)
        steady = _PER_SECOND * _STEADY_SECONDS
        # Every case has two clocks: one that runs out now, later, or not at all here, and a far one.
        holders = [workers[number % len(workers)] for number in range(armed // 2)]
        begins = now + timedelta(minutes=10)

        def due_at(number: int) -> datetime:
            if number < due:
                return now - timedelta(seconds=1)
            if number < due + steady:
                return begins + timedelta(seconds=(number - due) / _PER_SECOND)
            return now + timedelta(days=300)

        fill(application.office, Wanted(holders, until=now - timedelta(hours=1), due_at=due_at))
        many, alone = Timers(application.office, _BATCH), Timers(application.office, 1)
        rounds = given.size(3, 5)
        batches, singles = [], []
        for _ in range(rounds):
            batches.append(_rate(application, many, 1))
            singles.append(_rate(application, alone, _ALONE_A_ROUND))
        late_at_once = _lateness(application, many.step, until=None)
        # The steady part lies ten minutes ahead: the same clock, set forward.
        ahead = begins - application.clock.now()
        late_steady = _lateness(
            application, many.step, until=begins + timedelta(seconds=_STEADY_SECONDS + 2), ahead=ahead
        )
        assert _left(application, begins + timedelta(seconds=_STEADY_SECONDS)) == 0
        return {
            "engine": engine.name,
            "fired/s, 200 at once": median(batches),
            "one by one": median(singles),
            "ratio": f"{median(batches) / median(singles):.1f} ×",
            "late p99 s, all at once": percentile(late_at_once, 0.99),
            "late p50 s, steady": percentile(late_steady, 0.5),
            "late p99 s, steady": percentile(late_steady, 0.99),
        }


def _rate(application: Application, loop: Timers, steps: int) -> float:
    before, began = _fired(application), time.perf_counter()
    for _ in range(steps):
        assert loop.step(application.clock.now())
    seconds = time.perf_counter() - began
    return (_fired(application) - before) / seconds


def _lateness(
    application: Application,
    step: Callable[[datetime], bool],
    *,
    until: datetime | None,
    ahead: timedelta = timedelta(0),
) -> list[float]:
    """Seconds from due to committed of what fires until then, or until nothing is due."""
    ended: dict[datetime, datetime] = {}
    began = now = application.clock.now() + ahead
    while until is None or now < until:
        busy = step(now)
        after = application.clock.now() + ahead
        if busy:
            ended[now] = after
        elif until is None:
            break
        else:
            time.sleep(application.settings.worker_poll_seconds)
        now = application.clock.now() + ahead
    asked = select(timers.c.due_at, timers.c.ended_at).where(timers.c.ended_at >= began)
    with application.office.database.read() as connection:
        found = connection.execute(asked).all()
    # All that were due at one moment count from the moment at which they could begin.
    return [(ended[at] - (due_at if until else began)).total_seconds() for due_at, at in found]


def _fired(application: Application) -> int:
    asked = select(func.count()).select_from(timers).where(timers.c.state == "fired")
    with application.office.database.read() as connection:
        return int(connection.execute(asked).scalar_one())


def _left(application: Application, now: datetime) -> int:
    with application.office.look() as uow:
        return uow.timers.lateness(now)[0]
