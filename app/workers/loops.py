"""The loops that act by themselves: each does one step at a time, as often as there is something to do."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError

from app.kernel.clock import Clock
from app.kernel.refusal import Fault
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("worker")
_STEPS = Counter("spean_worker_steps_total", "Steps of the worker's loops", ["loop", "result"])
_SECONDS = Histogram("spean_worker_step_seconds", "Time of one step that did something", ["loop"])
BEAT_EVERY: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = 30.0


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
    """Runs each loop in a thread of its own until it is told to stop."""

    office: Office
    clock: Clock
    loops: Sequence[Loop]
    poll: timedelta
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin, and come back at once."""
        for loop in self.loops:
            thread = threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish the steps at hand, then stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self) -> None:
        """Come back when somebody stopped the worker."""
        self._stop.wait()

    def _run(self, loop: Loop) -> None:
        beaten: datetime | None = None
        failures = 0
        while not self._stop.is_set():
            now = self.clock.now()
            try:
                if beaten is None or now - beaten >= BEAT_EVERY:
                    self._beat(loop, now)
                    beaten = now
                with _SECONDS.labels(loop.name).time():
                    busy = loop.step(now)
            except (
                SQLAlchemyError,
                Fault,
                OSError,
                RuntimeError,
                ValueError,
                LookupError,
                TypeError,
            ) as problem:
                # The step was undone as a whole. What it worked on is still there for the next try;
                # the names of the error's kind and place are logged, its words may hold anything.
                failures += 1
                _STEPS.labels(loop.name, "failed").inc()
                _LOG.error("step_failed", loop=loop.name, error=type(problem).__name__, failures=failures)
                self._stop.wait(min(self.poll.total_seconds() * 2.0**failures, _LONGEST_PAUSE))
                continue
            failures = 0
            _STEPS.labels(loop.name, "busy" if busy else "idle").inc()
            if not busy:
                self._stop.wait(self.poll.total_seconds())

    def _beat(self, loop: Loop, now: datetime) -> None:
        with self.office.work(now) as uow:
            uow.heartbeats.beat(heartbeat_name(loop.name), now)
