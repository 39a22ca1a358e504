"""Twilio's door: signed Khmer texts from 32 clients, against a bare FastAPI form route in the same rounds."""

from contextlib import ExitStack
from typing import Any

from sqlalchemy import func, select

from app.intake.tables import inbox
from app.store.database import Database
from benchmarks.engines import Run, settings_for
from benchmarks.report import Result, median, percentile
from benchmarks.servers import Server, serving, serving_bare
from benchmarks.texts import signed_requests

CLIENTS = 32
_PATH = "/twilio/sms"


def run(given: Run) -> list[Result]:
    """Requests a second of each server, one at a time; the others stand still meanwhile."""
    rounds, requests = given.size(7, 9), given.size(1_500, 4_000)
    with ExitStack() as open_until_end:
        bare = open_until_end.enter_context(serving_bare())
        taken: dict[str, list[dict[str, Any]]] = {bare.name: []}
        pairs: list[tuple[Server, Database | None, str]] = [(bare, None, "/bare")]
        for engine in given.engines:
            for inside in (False, True):
                if inside and engine.cluster:
                    continue  # There the worker is a process of its own.
                url = engine.new_database()
                name = f"{_PATH}, {engine.name}" + (", worker inside" if inside else "")
                server = open_until_end.enter_context(
                    serving(name, settings_for(given.folder, url, embed_worker=inside))
                )
                database = Database(url)
                open_until_end.callback(database.close)
                taken[name] = []
                pairs.append((server, database, _PATH))
        for server, _, path in pairs:
            server.load(signed_requests(path, 300), clients=CLIENTS)  # imports, caches, connections
            server.freeze()
        for _ in range(rounds):
            for server, kept_in, path in pairs:
                taken[server.name].append(_round(server, kept_in, signed_requests(path, requests)))
    rows = [_row(name, found, taken[bare.name]) for name, found in taken.items()]
    notes = [
        f"{rounds} rounds of {requests:,} texts; the share is the median of each round's own",
        "lost: answered 200 and not in the inbox; CPU: of the whole server process, for each text",
    ]
    return [Result(f"Door: signed Khmer texts, {CLIENTS} clients", rows, notes)]


def _round(server: Server, database: Database | None, requests: list[bytes]) -> dict[str, Any]:
    server.go_on()
    kept, cpu = _kept(database), server.cpu_seconds()
    found = server.load(requests, clients=CLIENTS)
    after = server.cpu_seconds()
    good = found["statuses"].get("200", 0)
    lost = good - (_kept(database) - kept) if database else 0
    server.freeze()
    assert good == len(requests), found["statuses"]
    return {
        "rate": good / found["seconds"], "waits": found["waits"], "lost": lost,
        "cpu": (after - cpu) / good if after is not None and cpu is not None else None,
    }  # fmt: skip


def _kept(database: Database | None) -> int:
    if database is None:
        return 0
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(inbox)).scalar_one())


def _row(name: str, found: list[dict[str, Any]], bare: list[dict[str, Any]]) -> dict[str, Any]:
    waits = [wait for one in found for wait in one["waits"]]
    share = median(one["rate"] / beside["rate"] for one, beside in zip(found, bare, strict=True))
    spent = [one["cpu"] for one in found if one["cpu"] is not None]
    return {
        "server": name,
        "texts/s": median(one["rate"] for one in found),
        "of bare": f"{share:.0%}",
        "p50 ms": percentile(waits, 0.5) * 1e3,
        "p99 ms": percentile(waits, 0.99) * 1e3,
        "CPU µs": median(spent) * 1e6 if spent else None,
        "lost": sum(one["lost"] for one in found),
    }
