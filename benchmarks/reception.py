"""Reception: stored texts turned into routed cases, with few and with many open cases there already."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select

from app.bootstrap import Application
from app.cases.tables import cases
from app.cli.demo import organisations_of
from app.intake.rules.incoming import Arrival
from app.intake.tables import inbox
from app.usecases.setting_up import load_organisations
from app.workers.steps import Reception
from benchmarks.crowd import QUEUE, Holder, Wanted, fill, staff
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median
from benchmarks.texts import ACCOUNT, form

_WORKERS_EACH = 20  # of three organisations: 60 caseworkers
_HELD_BY_EACH = 15  # half of what one may hold, so that every new case finds somebody
_TEXTS_A_ROUND = 40


def run(given: Run) -> list[Result]:
    """Texts a second and CPU for each, by open cases; the sizes take turns within each round."""
    sizes = [1_000, 10_000, *([100_000] if given.full else [])]
    rows = [row for engine in given.engines for row in _on(given, engine, sizes)]
    notes = [
        f"{given.size(4, 8)} rounds of {_TEXTS_A_ROUND} texts from new phones, one worker, no other load",
        "CPU of our process alone: on PostgreSQL the server's own comes on top",
    ]
    return [Result("Reception: texts fully turned into routed cases", rows, notes)]


def _on(given: Run, engine: Engine, sizes: Sequence[int]) -> list[dict[str, Any]]:
    with ExitStack() as open_until_end:
        places = {
            size: _prepared(open_until_end.enter_context(given.application(engine)), size) for size in sizes
        }
        numbers = iter(range(10**6, 10**7, 1_000))
        taken: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
        for application in places.values():
            _receive(application, next(numbers), 10)
        for _ in range(given.size(4, 8)):
            for size, application in places.items():
                taken[size].append(_receive(application, next(numbers), _TEXTS_A_ROUND))
        return [
            {
                "engine": engine.name,
                "open cases": size,
                "texts/s": 1 / median(wall for wall, _ in found),
                "CPU ms a text": median(cpu for _, cpu in found) * 1e3,
                "against 1,000": f"{median(c for _, c in found) / median(c for _, c in taken[1_000]):.2f} ×",
                "with a caseworker": _routed(places[size]),
            }
            for size, found in taken.items()
        ]


def _prepared(application: Application, size: int) -> Application:
    now = application.clock.now()
    organisations = [
        replace(one, categories=frozenset("*"), destinations=frozenset("*"), always_open=True, capacity=1_000)
        for one in organisations_of(application)
    ]
    with application.office.work(now) as uow:
        load_organisations(uow, organisations)
    workers = staff(application, organisations, each=_WORKERS_EACH, now=now)
    held: list[Holder] = (workers * _HELD_BY_EACH)[:size]
    holders = [*([QUEUE] * (size - len(held))), *held]
    fill(application.office, Wanted(holders, until=now - timedelta(hours=1)))
    return application


def _receive(application: Application, first: int, count: int) -> tuple[float, float]:
    """Seconds and seconds of CPU for each of these texts."""
    now = application.clock.now()
    arrivals = [_arrival(number) for number in range(first, first + count)]
    with application.office.work(now) as uow:
        uow.intake.keep(arrivals, now)
    step = Reception(application.office).step
    began, used = time.perf_counter(), time.process_time()
    while step(application.clock.now()):
        pass
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    with application.office.database.read() as connection:
        left = select(func.count()).select_from(inbox).where(inbox.c.state != "taken")
        assert connection.execute(left).scalar_one() == 0
    return wall / count, cpu / count


def _arrival(number: int) -> Arrival:
    fields = form(number)
    return Arrival(
        "twilio", ACCOUNT, fields["MessageSid"], "text", fields["From"], urlencode(fields).encode()
    )


def _routed(application: Application) -> str:
    """The share of the cases opened here that found somebody."""
    new = cases.c.code.not_like("b%")
    with application.office.database.read() as connection:
        opened, owned = connection.execute(
            select(func.count(), func.count(cases.c.owner_id)).where(new)
        ).one()
    return f"{owned / opened:.0%}"
