"""The loops that act by themselves: each does one step at a time, as often as there is something to do."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter, Histogram

from app.kernel.clock import Clock
from app.usecases.unit_of_work import Office
from app.workers.places import place_of

_LOG = structlog.get_logger("worker")
_STEPS = Counter("spean_worker_steps_total", "Steps of the worker's loops", ["loop", "result"])
_SECONDS = Histogram("spean_worker_step_seconds", "Time of one step that did something", ["loop"])
BEAT_EVERY: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = 30.0
_STEPS_END_WITHIN: Final = timedelta(milliseconds=800)


def heartbeat_name(loop: str) -> str:
    """The name under which a loop's heartbeat is kept."""
    return f"worker:{loop}"


@dataclass(frozen=True, slots=True)
class Loop:
    """A step with a name. The step returns whether there was something to do."""

    name: str
    step: Callable[[datetime], bool]


@dataclass
class Worker:
    """Runs each loop in a thread of its own until it is told to stop.

    `make_way` is called before each step: it may wait a moment while others need the machine more.
    """

    office: Office
    clock: Clock
    loops: Sequence[Loop]
    poll: timedelta
    make_way: Callable[[], None] = lambda: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin, and come back at once."""
        for loop in self.loops:
            name = heartbeat_name(loop.name)
            thread = threading.Thread(target=self._run, args=(loop,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish the steps at hand, then stop, within a second.

        A step that hangs, on a carrier that does not answer, is left as a crash would leave it: what
        it did is undone or found again, and no server has to wait for a carrier before it may end.
        """
        self._stop.set()
        end = time.monotonic() + _STEPS_END_WITHIN.total_seconds()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        pairs = zip(self.loops, self._threads, strict=False)  # one that was never started has no threads
        hanging = [loop.name for loop, thread in pairs if thread.is_alive()]
        if hanging:
            _LOG.warning("stopped_in_a_step", loops=hanging)

    def wait(self) -> None:
        """Come back when somebody stopped the worker."""
        self._stop.wait()

    def _run(self, loop: Loop) -> None:
        beaten: datetime | None = None
        failures = 0
        while not self._stop.is_set():
            self.make_way()
            now = self.clock.now()
            try:
                with _SECONDS.labels(loop.name).time():
                    busy = loop.step(now)
                # Only after a step that went well: a loop that fails again and again is not alive.
                if beaten is None or now - beaten >= BEAT_EVERY:
                    self._beat(loop, now)
                    beaten = now
            except Exception as problem:  # noqa: BLE001 - a loop that ends is a hotline that nobody hears
                # The step was undone as a whole. What it worked on is still there for the next try;
                # the error's kind and place are logged, its words may hold anything.
                failures += 1
                _STEPS.labels(loop.name, "failed").inc()
                _LOG.error(
                    "step_failed", loop=loop.name, error=type(problem).__name__, at=place_of(problem),
                    failures=failures,
                )  # fmt: skip
                self._stop.wait(min(self.poll.total_seconds() * 2 ** min(failures, 10), _LONGEST_PAUSE))
                continue
            failures = 0
            _STEPS.labels(loop.name, "busy" if busy else "idle").inc()
            if not busy:
                self._stop.wait(self.poll.total_seconds())

    def _beat(self, loop: Loop, now: datetime) -> None:
        with self.office.work(now) as uow:
            uow.heartbeats.beat(heartbeat_name(loop.name), now)
