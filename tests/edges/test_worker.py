"""The worker: what it does when a step fails, how it ends, and how others know that it lives."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from app.cases.tables import cases
from app.channels.console.carrier import CARRIER
from app.identity.rules import Role
from app.intake.rules.incoming import Arrival
from app.kernel.refusal import NotFound
from app.usecases.answers import answer_of
from app.workers.loops import Loop, Worker
from app.workers.steps import Reception, Timers
from tests.makers import KHMER_LOCKED_IN, Installation

POLL = timedelta(milliseconds=5)
LONG_ENOUGH = 20


@contextmanager
def running(here: Installation, *loops: Loop, poll: timedelta = POLL) -> Iterator[Worker]:
    """A worker with these loops that is stopped afterwards."""
    worker = Worker(here.office, here.clock, loops, poll)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


class Failing:
    """A step that fails so many times, then has something to do once, then rests."""

    def __init__(self, times: int, problem: Callable[[], Exception]) -> None:
        self.left, self.problem = times, problem
        self.tried_at: list[float] = []
        self.well = threading.Event()

    def step(self, _now: datetime) -> bool:
        self.tried_at.append(time.monotonic())
        if self.left:
            self.left -= 1
            raise self.problem()
        first = not self.well.is_set()
        self.well.set()
        return first


@pytest.mark.parametrize(
    "problem", [AttributeError, KeyError, ZeroDivisionError, OSError, NotFound, RuntimeError]
)
def test_whatever_a_step_fails_with_the_loop_goes_on(here: Installation, problem: type[Exception]) -> None:
    failing = Failing(3, problem)
    with running(here, Loop("reception", failing.step)):
        assert failing.well.wait(LONG_ENOUGH)


def test_a_failing_loop_waits_longer_each_time_and_holds_up_no_other(here: Installation) -> None:
    failing, other = Failing(6, RuntimeError), Failing(0, RuntimeError)
    with running(here, Loop("reception", failing.step), Loop("timers", other.step)):
        assert other.well.wait(LONG_ENOUGH)
        assert failing.well.wait(LONG_ENOUGH)
    waits = [after - before for before, after in zip(failing.tried_at, failing.tried_at[1:7], strict=False)]
    assert all(wait >= 0.005 * 2**number for number, wait in enumerate(waits, start=1))


def test_a_loop_outlives_an_outage_of_any_length(here: Installation) -> None:
    # So many failures that doubling the pause each time would leave the range of numbers.
    failing = Failing(1100, RuntimeError)
    with running(here, Loop("reception", failing.step), poll=timedelta(microseconds=1)), capture_logs():
        assert failing.well.wait(3 * LONG_ENOUGH)


def test_a_failure_is_logged_with_its_kind_and_place_and_without_anybody_s_words(here: Installation) -> None:
    here.a_worker()
    here.a_case(KHMER_LOCKED_IN, sender="+66812345678")
    spoil_reasons(here)
    here.clock.forward(minutes=15)
    words = Failing(1, lambda: ValueError(f"{KHMER_LOCKED_IN} +66812345678"))
    with capture_logs() as logs, running(here, Loop("reception", words.step)):
        assert words.well.wait(LONG_ENOUGH)
        Timers(here.office).step(here.clock.now())
    kinds = {entry["event"]: entry for entry in logs}
    assert kinds["step_failed"]["error"] == "ValueError"
    assert kinds["step_failed"]["loop"] == "reception"
    assert kinds["timers_failed"]["at"].startswith("app/")
    said = json.dumps(logs, ensure_ascii=False, default=str)
    assert not [word for word in ("+66812345678", "ចាក់សោ", KHMER_LOCKED_IN) if word in said]


def spoil_reasons(here: Installation, case_id: UUID | None = None) -> bytes:
    """Make a case unreadable, as a broken disk would; what stood there before."""
    asked = select(cases.c.id, cases.c.reasons)
    if case_id:
        asked = asked.where(cases.c.id == case_id)
    with here.office.database.write() as connection:
        found = connection.execute(asked).one()
        connection.execute(update(cases).where(cases.c.id == found.id).values(reasons=b"spoilt" * 10))
    return bytes(found.reasons)


def fired(here: Installation, case_id: UUID) -> list[dict[str, Any]]:
    return [details for kind, details in here.timeline(case_id) if kind == "escalation.fired"]


@pytest.mark.parametrize("at_once", [200, 1])
def test_a_case_that_cannot_be_read_does_not_hold_up_the_clocks_of_others(
    here: Installation, at_once: int
) -> None:
    here.a_worker()
    here.a_worker(Role.DUTY_LEAD)
    broken = here.a_case(KHMER_LOCKED_IN, sender="+66810000001")
    here.clock.forward(minutes=1)
    others = [here.a_case(KHMER_LOCKED_IN, sender=f"+6681000001{number}") for number in range(3)]
    before = spoil_reasons(here, broken)
    step = Timers(here.office, at_once=at_once).step
    now = here.clock.forward(minutes=20)
    with capture_logs():
        for _ in range(5):
            step(now)
    assert [len(fired(here, case_id)) for case_id in [broken, *others]] == [0, 1, 1, 1]
    # It is tried again, ever more seldom, and not in each look.
    with capture_logs() as logs:
        for _ in range(60):
            step(here.clock.forward(seconds=1))
    assert 3 <= len([entry for entry in logs if entry["event"] == "timers_failed"]) <= 8
    # As soon as it can be read its rung fires, and says when it was due.
    with here.office.database.write() as connection:
        connection.execute(update(cases).where(cases.c.id == broken).values(reasons=before))
    here.clock.forward(minutes=2)
    step(here.clock.now())
    assert [(rung["clock"], rung["rung"]) for rung in fired(here, broken)][:1] == [("accept", 1)]


def test_an_arrival_that_nobody_can_read_does_not_hold_up_those_of_others(here: Installation) -> None:
    here.a_worker()
    now = here.clock.now()
    with here.office.work(now) as uow:
        uow.intake.keep([Arrival(CARRIER, CARRIER, "broken", "text", "+66810000001", b"\x00 no text")], now)
    here.post_text(KHMER_LOCKED_IN, sender="+66810000002", carrier_id="fine")
    step = Reception(here.office).step
    with capture_logs() as logs:
        assert [step(now) for _ in range(3)] == [True, True, False]
    assert [entry["event"] for entry in logs] == ["arrival_not_taken"]
    with here.office.look() as uow:
        assert answer_of(uow, CARRIER, CARRIER, "broken") is None
        fine = answer_of(uow, CARRIER, CARRIER, "fine")
    assert fine is not None
    assert fine.case is not None
    # After a few tries a human is told, and nobody tries any more.
    coordinator = here.a_worker(Role.COORDINATOR)
    with capture_logs():
        for _ in range(100):
            step(here.clock.forward(seconds=1))
    tasks = here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert [task["kind"] for task in tasks] == ["unreadable_text"]


def test_a_worker_with_nothing_to_do_ends_within_a_second(here: Installation) -> None:
    worker = Worker(
        here.office, here.clock, [Loop(name, lambda _: False) for name in "abc"], timedelta(minutes=5)
    )
    worker.start()
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 1


def test_a_worker_whose_carrier_hangs_ends_within_a_second_all_the_same(here: Installation) -> None:
    begun, over = threading.Event(), threading.Event()

    def hang(_now: datetime) -> bool:
        begun.set()
        return not over.wait(LONG_ENOUGH)

    worker = Worker(here.office, here.clock, [Loop("outbox-twilio", hang)], POLL)
    worker.start()
    assert begun.wait(LONG_ENOUGH)
    began = time.monotonic()
    with capture_logs() as logs:
        worker.stop()
    took = time.monotonic() - began
    over.set()
    assert took < 1
    assert [entry["loops"] for entry in logs] == [["outbox-twilio"]]


def checks(here: Installation) -> tuple[int, dict[str, str]]:
    response = here.client.get("/readyz")
    return response.status_code, response.json()["checks"]


def test_readiness_tells_that_no_worker_was_seen_and_when_one_is_back(here: Installation) -> None:
    status, found = checks(here)
    assert status == 503
    assert "reception" in found["worker"]
    worker = here.application.worker()
    worker.start()
    assert _soon(lambda: checks(here)[0] == 200), checks(here)
    worker.stop()
    here.clock.forward(seconds=59)
    assert checks(here)[0] == 200
    here.clock.forward(seconds=2)
    assert checks(here)[0] == 503


def test_every_loop_of_the_worker_is_missed_when_it_alone_is_gone(here: Installation) -> None:
    worker = here.application.worker()
    expected = {loop.name for loop in worker.loops}
    _, found = checks(here)
    missing = set(found["worker"].removeprefix("not seen lately: ").replace("worker:", "").split(", "))
    assert missing == expected


def test_a_loop_that_only_fails_does_not_count_as_alive(here: Installation) -> None:
    worker = here.application.worker()
    broken = [
        Loop(loop.name, Failing(10_000, RuntimeError).step if loop.name == "timers" else loop.step)
        for loop in worker.loops
    ]
    with running(here, *broken):
        assert _soon(lambda: checks(here)[1]["worker"].count("worker:") == 1)
        assert "worker:timers" in checks(here)[1]["worker"]


def test_readiness_tells_of_clocks_that_are_late(here: Installation) -> None:
    here.a_worker()
    here.a_case(KHMER_LOCKED_IN)
    here.clock.forward(minutes=18)
    assert checks(here)[1]["timers"].startswith("1 late")
    here.fire()
    assert checks(here)[1]["timers"] == "on time"


def _soon(question: Callable[[], bool]) -> bool:
    end = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.02)
    return False
