"""Field sync: rows pushed, documents pulled, and what an idle pull costs, with 10,000 cases on one device."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
from benchmarks.crowd import QUEUE, Holder, Wanted, fill
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median, percentile
from benchmarks.servers import serving

_CASES = 10_000
_ROWS = 1_000
_BATCH = 50
_PAGE = 100
_IDLE = 300
_ROUNDS = 3
_READY_ROUNDS = 10
_CROWD_CASES = 500
_SMALL = 20
_AT_ONCE = 8
_EVERY_SECONDS = 0.2
_LOOKS = 100
_ORGANISATION = "tonle-bridge"
_KNOWN = "INSERT INTO feed_doc (kind, doc_id, case_id, rev) SELECT 'case', id, id, 1 FROM case_file"


def run(given: Run) -> list[Result]:
    """Rows and documents a second of one process, and milliseconds and bytes of an idle pull."""
    rows = [_measured(given, engine) for engine in given.engines]
    notes = [
        f"pushed: {_ROWS} notes to one case, {_BATCH} at a time; pulled: a first sync, {_PAGE} at a time",
        "CPU by ready: processor's time of that by orjson's over the same pages, made already",
        f"idle: {_IDLE} pulls that give nothing, one after another, bytes of the whole answer",
    ]
    return [Result(f"Sync: one device with {_CASES:,} cases", rows, notes), _crowd(given)]


def _crowd(given: Run) -> Result:
    """How long many first syncs take together, and how long somebody with little to pull waits meanwhile."""
    devices = given.size(60, 300)
    rows = [_crowd_on(given, engine, devices) for engine in given.engines]
    notes = [
        f"{devices} devices make a first sync of {_CROWD_CASES} cases each, {_AT_ONCE} at a time",
        f"meanwhile a worker with {_SMALL} cases pulls every {_EVERY_SECONDS} s; times: busy p95 by idle p95",
    ]
    return Result(f"Sync: {devices} first syncs at once", rows, notes)


def _crowd_on(given: Run, engine: Engine, devices: int) -> dict[str, Any]:
    with ExitStack() as open_until_end:
        application = open_until_end.enter_context(given.application(engine))
        small, small_token = _signed_in(application)
        tokens = [_signed_in(application, f"crowd.{n}", Role.COORDINATOR)[1] for n in range(devices)]
        holder = Holder(small.organisation_id, small.id, None)
        holders = [QUEUE] * _CROWD_CASES + [holder] * _SMALL
        fill(application.office, Wanted(holders, until=application.clock.now()))
        with application.office.database.write() as connection:
            connection.execute(text(_KNOWN))
        server = open_until_end.enter_context(serving("sync", application.settings))
        idle = _small_pulls(server.port, small_token, lambda waits: len(waits) >= _LOOKS)
        with ThreadPoolExecutor(_AT_ONCE + 1) as pool:
            began = time.perf_counter()
            syncs = [pool.submit(_first_sync, server.port, token) for token in tokens]
            busy = _small_pulls(server.port, small_token, lambda _: all(sync.done() for sync in syncs))
            pulled = sum(sync.result() for sync in syncs)
            seconds = time.perf_counter() - began
    assert pulled >= devices * _CROWD_CASES
    return {
        "engine": engine.name,
        "all in s": seconds,
        "docs/s": pulled / seconds,
        "idle p95 ms": percentile(idle, 0.95) * 1e3,
        "busy p95 ms": percentile(busy, 0.95) * 1e3,
        "times": percentile(busy, 0.95) / percentile(idle, 0.95),
    }


def _first_sync(port: int, token: str) -> int:
    """How many documents a device without any is given, page after page."""
    count, cursor = 0, ""
    with socket.create_connection(("127.0.0.1", port)) as line:
        while True:
            asked = f"&cursor={cursor}" if cursor else ""
            answer = _asked(line, token, f"/v1/sync/pull?limit=100{asked}")
            page = orjson.loads(answer.partition(b"\r\n\r\n")[2])
            count, cursor = count + len(page["changes"]), page["cursor"]
            if not page["more"]:
                return count


def _small_pulls(port: int, token: str, enough: Callable[[list[float]], bool]) -> list[float]:
    """Seconds of a small device's pulls, one after another, until that is enough."""
    waits: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as line:
        answer = _asked(line, token, "/v1/sync/pull?limit=500&max_bytes=1000000")
        cursor = orjson.loads(answer.partition(b"\r\n\r\n")[2])["cursor"]
        while not enough(waits):
            began = time.perf_counter()
            _asked(line, token, f"/v1/sync/pull?cursor={cursor}")
            waits.append(time.perf_counter() - began)
            time.sleep(_EVERY_SECONDS)
    return waits


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
        "CPU by ready": median(times for _, times in pulled),
        "idle bytes": size,
        "idle p50 ms": percentile(waits, 0.5) * 1e3,
        "idle p99 ms": percentile(waits, 0.99) * 1e3,
    }


def _pulled(application: Application, worker: Worker) -> tuple[float, float]:
    """Documents a second of a first sync; how many times the processor's time of writing them once made."""
    carrier, cursor, pages = Carrier(worker, str(uuid4())), None, []
    service.pull(application.office, carrier, Ask(limit=1), now=application.clock.now())
    began, worked = time.perf_counter(), time.process_time()
    more = True
    while more:
        ask = Ask(cursor, limit=_PAGE)
        page = service.pull(application.office, carrier, ask, now=application.clock.now())
        pages.append([service.native(change, carrier) for change in page.changes])
        orjson.dumps(pages[-1], option=JSON)
        cursor, more = page.cursor, page.more
    took, worked = time.perf_counter() - began, time.process_time() - worked
    count = sum(len(page) for page in pages)
    assert count > _CASES
    ready_since = time.process_time()
    for _ in range(_READY_ROUNDS):
        for ready in pages:
            orjson.dumps(ready, option=JSON)
    return count / took, worked * _READY_ROUNDS / (time.process_time() - ready_since)


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


def _signed_in(
    application: Application, username: str = "bench.field", role: Role = Role.CASEWORKER
) -> tuple[Worker, str]:
    now = application.clock.now()
    organisation: UUID = organisation_id(_ORGANISATION)
    wish = NewWorker(
        new_id(now), username, "no password", role,
        organisation if role is Role.CASEWORKER else None, None, None, frozenset({"km"}),
    )  # fmt: skip
    far = now.replace(year=now.year + 1)
    pair = SignIn(new_id(now), wish.id, username, new_token(), new_token(), far, far)
    with application.office.work(now) as uow:
        uow.identity.add_worker(wish, now)
        uow.identity.add_sign_in(pair, now)
        worker = uow.identity.worker(wish.id)
    assert worker is not None
    return worker, pair.access
