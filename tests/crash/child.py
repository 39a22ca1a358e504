"""Processes that run one job of the program and may be told to die at a point that it passes.

`python -m tests.crash.child` reads one job per line and runs each in a process of its own, forked
from one that has loaded the configuration already: a kill costs milliseconds and not seconds.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NoReturn, Self, cast

from app.bootstrap import Application, build, twilio_caller
from app.channels.console.carrier import arrival
from app.workers.dialling import CallBacks, Dialler
from app.workers.steps import Expiry, Outbox, Reception, Timers
from tests.fakes import FakeClock
from tests.makers import ROOT, Installation, settings_for, written_for
from tests.uploader import a_photo, send_rest

KILLED = 137  # what a shell says of a process that was killed with signal 9
_IDLE_LOOKS = 3


@dataclass(frozen=True)
class Job:
    """What one process does: with which database, when, and at which passing of which point it dies."""

    name: str
    folder: str
    database_url: str
    now: str
    changes: dict[str, Any] = field(default_factory=dict)
    # Sender, words and carrier id of each; of an upload, token, id and size.
    texts: list[list[str]] = field(default_factory=list)
    die_at: str | None = None
    nth: int = 1

    @property
    def marker(self) -> Path:
        """The file in which a dying process says where it died."""
        return Path(self.folder) / f"died-{self.name}-{self.die_at}-{self.nth}"


class Child:
    """A process that runs jobs; use it in a `with` block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.crash.child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        self._process.wait(30)
        self._output.close()

    def begin(self, job: Job) -> None:
        """Let a process do the job, and come back at once."""
        self._input.write(json.dumps(asdict(job)) + "\n")
        self._input.flush()

    def end(self) -> int:
        """Wait for the process that was begun; its exit status."""
        return int(self._output.readline())

    def run(self, job: Job) -> int:
        """Let a process do the job; its exit status."""
        self.begin(job)
        return self.end()

    @property
    def _input(self) -> IO[str]:
        return cast("IO[str]", self._process.stdin)

    @property
    def _output(self) -> IO[str]:
        return cast("IO[str]", self._process.stdout)


def die_here(job: Job) -> Callable[[str], None]:
    """A checkpoint that ends the process without any farewell, after it has said where."""
    passings: Counter[str] = Counter()

    def passed(point: str) -> None:
        passings[point] += 1
        if point == job.die_at and passings[point] == job.nth:
            with job.marker.open("w") as marker:
                marker.write(f"{point} {os.getpid()}")
                marker.flush()
                os.fsync(marker.fileno())
            os._exit(KILLED)

    return passed


def do(job: Job) -> None:
    """The job, as a worker or a door does it."""
    settings = settings_for(Path(job.folder), job.database_url, **job.changes)
    clock = FakeClock(datetime.fromisoformat(job.now))
    passed = die_here(job) if job.die_at else None
    application = build(settings, clock=clock, passed=passed, written=written_for(settings))
    if job.name == "inbox":
        kept = [
            application.inbox.keep(arrival(sender=sender, body=body, carrier_id=sid))
            for sender, body, sid in job.texts
        ]
        for each in kept:
            each.result(30)
        application.inbox.close()
    elif job.name == "upload":
        token, upload_id, size = job.texts[0]
        send_rest(
            Installation(application, clock), token=token, upload_id=upload_id, content=a_photo(int(size))
        )
    elif job.name == "push":
        token, body = job.texts[0]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        client = Installation(application, clock).client
        client.post("/v1/sync/push", content=body.encode(), headers=headers).raise_for_status()
    else:
        _until_idle(_steps(application)[job.name], clock)
    application.office.database.close()


def _steps(application: Application) -> dict[str, Callable[[datetime], bool]]:
    office, clock = application.office, application.clock
    steps: dict[str, Callable[[datetime], bool]] = {
        "reception": Reception(office).step,
        "timers": Timers(office).step,
        "expiry": Expiry(office).step,
        "recordings": application.recordings.step,
        "callbacks": CallBacks(office).step,
        "attachments": application.attachments.step,
        "exports": application.exports.step,
    }
    if caller := twilio_caller(application.settings):
        steps["dialler"] = Dialler(office, caller, clock).step
    for carrier in application.carriers:
        steps[f"outbox-{carrier.name}"] = Outbox(office, carrier, clock).step
    return steps


def _until_idle(step: Callable[[datetime], bool], clock: FakeClock) -> None:
    """Step until there was nothing to do a few times: another worker may hold what there is."""
    idle = 0
    while idle < _IDLE_LOOKS:
        if step(clock.now()):
            idle = 0
        else:
            idle += 1
            time.sleep(0.02)


def _fork(job: Job) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _as_process(job)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _as_process(job: Job) -> NoReturn:
    status = 1
    try:
        do(job)
        status = 0
    except Exception:  # noqa: BLE001 - whatever it was, the test reads it below the failed assertion
        sys.excepthook(*cast("Any", sys.exc_info()))
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Run the jobs that come in."""
    warm = False
    for line in sys.stdin:
        job = Job(**json.loads(line))
        if not warm:
            # Loads the words of triage, which takes seconds; nothing connects to the database yet.
            written_for(settings_for(Path(job.folder), job.database_url, **job.changes))
            warm = True
        sys.stdout.write(f"{_fork(job)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
