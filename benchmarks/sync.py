"""Field sync: rows pushed, documents pulled, and what an idle pull costs, with 10,000 cases on one device."""

import socket
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import text

from app.bootstrap import Application
from app.crypto.passwords import new_token
from app.identity.rules import Role, Worker
from app.identity.store import NewWorker, SignIn
from app.kernel.ids import new_id
from app.sync import service
from app.sync.service import JSON, Ask, Carrier
from app.usecases.setting_up import organisation_id
from benchmarks.crowd import Holder, Wanted, fill
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median, percentile
from benchmarks.servers import serving

_CASES = 10_000
_ROWS = 1_000
_BATCH = 50
_PAGE = 100
_IDLE = 300
_ROUNDS = 3
_ORGANISATION = "tonle-bridge"
_KNOWN = "INSERT INTO feed_doc (kind, doc_id, case_id, rev) SELECT 'case', id, id, 1 FROM case_file"


def run(given: Run) -> list[Result]:
    """Rows and documents a second of one process, and milliseconds and bytes of an idle pull."""
    rows = [_measured(given, engine) for engine in given.engines]
    notes = [
        f"pushed: {_ROWS} notes to one case, {_BATCH} at a time; pulled: a first sync, {_PAGE} at a time",
        "ready dicts: orjson over the same pages, made already: what no server can be faster than",
        f"idle: {_IDLE} pulls that give nothing, one after another, bytes of the whole answer",
    ]
    return [Result(f"Sync: one device with {_CASES:,} cases", rows, notes)]


def _measured(given: Run, engine: Engine) -> dict[str, Any]:
    with ExitStack() as open_until_end:
        application = open_until_end.enter_context(given.application(engine))
        worker, token = _signed_in(application)
        holder = Holder(worker.organisation_id, worker.id, None)
        fill(application.office, Wanted([holder] * _CASES, until=application.clock.now()))
        with application.office.database.write() as connection:
            connection.execute(text(_KNOWN))
        pulled = [_pulled(application, worker) for _ in range(_ROUNDS)]
        pushed = [_pushed(application, worker) for _ in range(_ROUNDS)]
        server = open_until_end.enter_context(serving("sync", application.settings))
        size, waits = _idle(server.port, token)
    return {
        "engine": engine.name,
        "pushed rows/s": median(pushed),
        "pulled docs/s": median(rate for rate, _ in pulled),
        "ready dicts/s": median(ready for _, ready in pulled),
        "idle bytes": size,
        "idle p50 ms": percentile(waits, 0.5) * 1e3,
        "idle p99 ms": percentile(waits, 0.99) * 1e3,
    }


def _pulled(application: Application, worker: Worker) -> tuple[float, float]:
    """Documents a second of a first sync, and of writing the same documents once they are made."""
    carrier, cursor, pages = Carrier(worker, str(uuid4())), None, []
    service.pull(application.office, carrier, Ask(limit=1), now=application.clock.now())
    began = time.perf_counter()
    more = True
    while more:
        ask = Ask(cursor, limit=_PAGE)
        page = service.pull(application.office, carrier, ask, now=application.clock.now())
        pages.append([service.native(change, carrier) for change in page.changes])
        orjson.dumps(pages[-1], option=JSON)
        cursor, more = page.cursor, page.more
    took = time.perf_counter() - began
    count = sum(len(page) for page in pages)
    assert count > _CASES
    began = time.perf_counter()
    for ready in pages:
        orjson.dumps(ready, option=JSON)
    return count / took, count / (time.perf_counter() - began)


def _pushed(application: Application, worker: Worker) -> float:
    """Rows a second of notes to a case of the worker's own."""
    carrier, case_id = Carrier(worker, "bench"), str(uuid4())
    opened = {"op": "1", "kind": "case", "id": case_id, "set": {"summary": "x"}, "create": True}
    service.push(application.office, carrier, [opened], now=application.clock.now())
    rows = [
        {"op": str(one), "kind": "note", "id": str(uuid4()), "create": True,
         "set": {"case_id": case_id, "text": "ទូរស័ព្ទទៅស្ថានទូត " * 5}}
        for one in range(_ROWS)
    ]  # fmt: skip
    began = time.perf_counter()
    for at in range(0, _ROWS, _BATCH):
        now = application.clock.now() + timedelta(microseconds=at)
        taken = service.push(application.office, carrier, rows[at : at + _BATCH], now=now)
        assert {one.result["status"] for one in taken} == {"applied"}
    return _ROWS / (time.perf_counter() - began)


def _idle(port: int, token: str) -> tuple[int, list[float]]:
    """Bytes and seconds of pulls that give nothing, over one connection."""
    cursor = ""
    with socket.create_connection(("127.0.0.1", port)) as line:
        while True:
            asked = f"&cursor={cursor}" if cursor else ""
            answer = _asked(line, token, f"/v1/sync/pull?limit=500&max_bytes=1000000{asked}")
            page = orjson.loads(answer.partition(b"\r\n\r\n")[2])
            cursor = page["cursor"]
            if not page["more"]:
                break
        sizes, waits = set(), []
        for _ in range(_IDLE):
            began = time.perf_counter()
            answer = _asked(line, token, f"/v1/sync/pull?cursor={cursor}")
            waits.append(time.perf_counter() - began)
            sizes.add(len(answer))
    return max(sizes), waits


def _asked(line: socket.socket, token: str, path: str) -> bytes:
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    line.sendall(request.encode())
    answer = b""
    while True:
        head, found, body = answer.partition(b"\r\n\r\n")
        if found:
            length = next(
                int(value)
                for name, _, value in (field.partition(b":") for field in head.split(b"\r\n")[1:])
                if name.lower() == b"content-length"
            )
            if len(body) >= length:
                return answer
        answer += line.recv(1 << 20)


def _signed_in(application: Application) -> tuple[Worker, str]:
    now = application.clock.now()
    organisation: UUID = organisation_id(_ORGANISATION)
    wish = NewWorker(
        new_id(now), "bench.field", "no password", Role.CASEWORKER, organisation, None, None,
        frozenset({"km"}),
    )  # fmt: skip
    far = now.replace(year=now.year + 1)
    pair = SignIn(new_id(now), wish.id, "bench", new_token(), new_token(), far, far)
    with application.office.work(now) as uow:
        uow.identity.add_worker(wish, now)
        uow.identity.add_sign_in(pair, now)
        worker = uow.identity.worker(wish.id)
    assert worker is not None
    return worker, pair.access
