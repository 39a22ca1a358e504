"""What texts wait for at their door while an export is made: signed texts, with and without, in turns."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from app.bootstrap import Application
from app.exports import jobs
from app.exports.rules.asking import Format, Profile, Wanted
from app.exports.tables import export_jobs
from app.identity.rules import Role, Worker
from app.identity.store import NewWorker
from app.kernel.ids import new_id
from benchmarks.engines import Engine, Run
from benchmarks.report import median, percentile
from benchmarks.servers import Server, serving, working
from benchmarks.texts import signed_requests

_PATH: Final = "/twilio/sms"
# A busy evening of a hotline: a text every thirtieth of a second. Whoever fills the door measures the door.
_CLIENTS: Final = 2
_PAUSE: Final = 0.06
_TEXTS: Final = 200
_EXPORTS: Final = 3  # more than a round lasts
_PATIENCE: Final = 120.0
# What was written at once is not what an older version left: the worker is not to spend minutes on it.
_MENDED: Final = ("mended:arrivals", "mended:phones")
_WORST: Final = 0.99
NOTE: Final = (
    f"{_CLIENTS} phones, {_PAUSE * 1e3:.0f} ms between an answer and the next text; {_TEXTS} texts a round; "
    "the middle of the rounds; reception at work in both"
)
_QUIET_CPU_SECONDS: Final = 0.3


@dataclass(frozen=True)
class Asker:
    """Somebody who takes out all cases of their organisation."""

    application: Application
    worker: Worker

    @contextmanager
    def exporting(self) -> Iterator[list[str]]:
        """Exports with names are being made, one after the other, and none afterwards. Tells their states."""
        asked = [self._ask() for _ in range(_EXPORTS)]
        self._until(asked[0], lambda state: state != "waiting")
        time.sleep(1)  # past whatever it takes to begin
        states: list[str] = []
        try:
            yield states
        finally:
            states.extend(self._state(one) for one in asked)
            for one in asked:
                with self.application.office.work(self.application.clock.now()) as uow:
                    jobs.delete(uow, self.worker, one, self.application.clock.now())
            time.sleep(3)  # until the worker has noticed, and what was stored meanwhile is taken

    def _ask(self) -> UUID:
        now = self.application.clock.now()
        wanted = Wanted(Profile.IDENTIFIED, Format.CSV, "km")
        wish = jobs.Asked(self.worker, wanted, None, "measured", "correct horse 47 staple")
        with self.application.office.work(now) as uow:
            return jobs.ask(uow, wish, now).id

    def _until(self, job_id: UUID, condition: Any) -> None:  # noqa: ANN401 - of a state
        end = time.monotonic() + _PATIENCE
        while not condition(self._state(job_id)):
            if time.monotonic() > end:
                raise RuntimeError("no worker took the export")
            time.sleep(0.05)

    def _state(self, job_id: UUID) -> str:
        with self.application.office.database.read() as connection:
            return str(
                connection.execute(select(export_jobs.c.state).where(export_jobs.c.id == job_id)).scalar_one()
            )


def measured(given: Run, engine: Engine, application: Application, organisation_id: UUID) -> dict[str, Any]:
    """Waits of texts in rounds without and with exports; the middle of what each round came to."""
    asker = Asker(application, _supervisor(application, organisation_id))
    with application.office.work(application.clock.now()) as uow:
        for name in _MENDED:
            uow.heartbeats.beat(name, application.clock.now())
    settings = application.settings.model_copy(update={"embed_worker": engine.cluster is None})
    waits: dict[str, list[list[float]]] = {"idle": [], "during": []}
    made = 0
    with serving(_PATH, settings) as server, working(settings) if engine.cluster else nullcontext():
        _settled(server)
        _texts(server)
        for _ in range(given.size(5, 9)):
            waits["idle"].append(_texts(server))
            with asker.exporting() as states:
                waits["during"].append(_texts(server))
            made += any(state in {"running", "done"} for state in states)
    worst = {name: median(percentile(one, _WORST) for one in found) * 1e3 for name, found in waits.items()}
    usual = {name: median(percentile(one, 0.5) for one in found) * 1e3 for name, found in waits.items()}
    return {
        "engine": engine.name, "p50 idle, ms": usual["idle"], "p50 during": usual["during"],
        "p99 idle": worst["idle"], "p99 during": worst["during"], "times": worst["during"] / worst["idle"],
        "rounds with an export": made,
    }  # fmt: skip


def _settled(server: Server) -> None:
    """The worker has looked at all that was written at once before it began."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        before = server.cpu_seconds()
        time.sleep(2)
        after = server.cpu_seconds()
        if before is None or after is None or after - before < _QUIET_CPU_SECONDS:
            return


def _texts(server: Server) -> list[float]:
    found = server.load(signed_requests(_PATH, _TEXTS), clients=_CLIENTS, pause=_PAUSE)
    assert found["statuses"] == {"200": _TEXTS}, found["statuses"]
    waits: list[float] = found["waits"]
    return waits


def _supervisor(application: Application, organisation_id: UUID) -> Worker:
    now = application.clock.now()
    new = NewWorker(
        new_id(now),
        "measuring",
        "no password",
        Role.SUPERVISOR,
        organisation_id,
        None,
        None,
        frozenset({"km"}),
    )
    with application.office.work(now) as uow:
        uow.identity.add_worker(new, now)
    with application.office.look() as uow:
        found = uow.identity.worker(new.id)
    assert found is not None
    return found
