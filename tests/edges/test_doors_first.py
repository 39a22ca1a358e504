"""The worker inside a server lets carriers go first: they wait for an answer, it does not."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from app.intake.rules.incoming import Arrival
from app.workers.loops import Loop, Worker
from tests.makers import Installation

LONG_ENOUGH = 20


def arrival(number: int) -> Arrival:
    return Arrival("console", "console", f"text-{number}", "text", "+66812345678", b"{}")


def seconds(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


@pytest.fixture
def served(install: Callable[..., Installation]) -> Installation:
    return install(embed_worker=True)


def test_whoever_comes_to_a_quiet_house_waits_for_nobody(served: Installation) -> None:
    served.application.inbox.keep(arrival(1)).result(LONG_ENOUGH)
    time.sleep(0.05)
    assert min(seconds(served.application.inbox.make_way) for _ in range(5)) < 0.005


def test_a_step_waits_while_somebody_has_just_been_at_a_door(served: Installation) -> None:
    served.application.inbox.keep(arrival(1))
    assert seconds(served.application.inbox.make_way) >= 0.01


def test_a_worker_gets_its_turn_though_the_doors_are_never_quiet(served: Installation) -> None:
    over = threading.Event()

    def keep_coming() -> None:
        number = 0
        while not over.wait(0.001):
            served.application.inbox.keep(arrival(number))
            number += 1

    carrier = threading.Thread(target=keep_coming)
    carrier.start()
    try:
        assert seconds(served.application.inbox.make_way) < LONG_ENOUGH
    finally:
        over.set()
        carrier.join()


def test_every_step_of_a_worker_inside_a_server_makes_way(served: Installation) -> None:
    done: list[str] = []
    stepped = threading.Event()

    def step(_now: datetime) -> bool:
        done.append("step")
        if len(done) >= 4:
            stepped.set()
        return True

    inside = served.application.worker()
    assert inside.make_way == served.application.make_way
    served.application.inbox.keep(arrival(1))
    assert seconds(inside.make_way) >= 0.01
    worker = Worker(served.office, served.clock, [Loop("x", step)], inside.poll, lambda: done.append("way"))
    worker.start()
    try:
        assert stepped.wait(LONG_ENOUGH)
    finally:
        worker.stop()
    assert done[:4] == ["way", "step", "way", "step"]


def test_a_worker_of_its_own_waits_for_nobody(install: Callable[..., Installation]) -> None:
    application = install(embed_worker=False).application
    application.worker()
    assert "inbox" not in vars(application)
