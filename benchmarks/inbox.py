"""The inbox: one writer that commits in groups, against a transaction of its own for each row."""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert

from app.bootstrap import Application
from app.intake.rules.incoming import Arrival
from app.intake.store import inbox_values
from app.intake.tables import inbox
from app.store.group_commit import GroupCommit
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median, percentile
from benchmarks.texts import ACCOUNT, form

_CLIENTS = (1, 8, 64)
_SECONDS = 1.0
Keep = Callable[[dict[str, Any]], object]


def run(given: Run) -> list[Result]:
    """Durable rows a second by the number of clients, both ways in turns."""
    rows = [row for engine in given.engines for row in _on(given, engine)]
    note = f"{given.size(3, 7)} rounds of {_SECONDS:g} s each; every row is on disk when its client goes on"
    return [Result("Inbox: group commit against a transaction for each row", rows, [note])]


def _on(given: Run, engine: Engine) -> list[dict[str, Any]]:
    rows = []
    with given.application(engine) as application:
        database = application.office.database
        group = GroupCommit(database, inbox)

        def alone(values: dict[str, Any]) -> None:
            with database.write() as connection:
                connection.execute(_INSERT, values)

        def together(values: dict[str, Any]) -> None:
            group.add(values).result()

        for clients in _CLIENTS:
            taken: dict[str, list[list[float]]] = {"alone": [], "together": []}
            for _ in range(given.size(3, 7)):
                taken["alone"].append(_round(application, alone, clients))
                taken["together"].append(_round(application, together, clients))
            rates = {way: median(len(waits) / _SECONDS for waits in found) for way, found in taken.items()}
            slow = {
                way: percentile([w for waits in found for w in waits], 0.99) for way, found in taken.items()
            }
            rows.append({
                "engine": engine.name, "clients": clients,
                "rows/s, each alone": rates["alone"], "in groups": rates["together"],
                "ratio": f"{rates['together'] / rates['alone']:.1f} ×",
                "p99 ms, alone": slow["alone"] * 1e3, "p99 ms, groups": slow["together"] * 1e3,
            })  # fmt: skip
        group.close()
    return rows


_INSERT = insert(inbox)
_count = iter(range(10**9))


def _round(application: Application, keep: Keep, clients: int) -> list[float]:
    """How long each row took until it was on disk."""
    waits: list[float] = []
    begin = threading.Barrier(clients)
    end: list[float] = []

    def client() -> None:
        begin.wait()
        end.append(time.perf_counter() + _SECONDS)
        while time.perf_counter() < end[0]:
            values = inbox_values(application.office.vault, _arrival(next(_count)), application.clock.now())
            began = time.perf_counter()
            keep(values)
            waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _arrival(number: int) -> Arrival:
    fields = form(number)
    body = urlencode(fields).encode()
    return Arrival("twilio", ACCOUNT, fields["MessageSid"], "text", fields["From"], body)
