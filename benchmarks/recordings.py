"""Recordings: fetched, sealed, stored, read back and deleted at the carrier; the memory that this takes."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from sqlalchemy import func, select

from app.bootstrap import Application, build
from app.calls.tables import recordings
from app.intake.rules.incoming import IncomingRecording
from app.settings import Settings
from app.usecases.recordings import announced
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median

_MB = 1_000_000
_SIZES = (1, 20)  # MB; the larger is the most that is accepted
_COUNT = 40
_BLOCK = b"\xff\xfb\x10\xc4" + bytes(65_532)


def run(given: Run) -> list[Result]:
    """Recordings a second in turns with a bare download; memory in processes of their own."""
    rows = []
    with _carrier() as address:
        for engine in given.engines:
            with given.application(engine) as first:
                settings = first.settings.model_copy(update={"twilio_api_base_url": address})
            url = engine.new_database()
            rows.append(_on(given, engine, settings.model_copy(update={"database_url": url})))
            engine.drop(url)
    notes = [
        f"{_COUNT} recordings of 1 MB, one after the other, in {given.size(3, 7)} rounds; the carrier is a",
        "server in another process of this machine; each is read back and compared before its deletion",
        "bare: the same bytes downloaded by the same library and dropped",
        "memory: the most that a fresh process held, above what it held after one recording of 0.1 MB",
    ]
    return [Result("Recordings brought home", rows, notes)]


def _on(given: Run, engine: Engine, settings: Settings) -> dict[str, Any]:
    application = build(settings)
    _bring_home(application, size_bytes=_MB, count=2)
    ours, bare = [], []
    for _ in range(given.size(3, 7)):
        ours.append(_COUNT / _bring_home(application, size_bytes=_MB, count=_COUNT))
        bare.append(_COUNT / _bare(settings, size_bytes=_MB, count=_COUNT))
    application.office.database.close()
    return {
        "engine": engine.name,
        "1 MB recordings/s": median(ours),
        "bare": median(bare),
        **{f"MiB, {size} MB": _memory(settings, size * _MB) for size in _SIZES},
    }


def _bring_home(application: Application, *, size_bytes: int, count: int) -> float:
    """Seconds for all of them, from the first fetch to the last deletion."""
    now = application.clock.now()
    with application.office.work(now) as uow:
        for _ in range(count):
            sid = f"RE-{size_bytes}-{uuid4().hex}"
            incoming = IncomingRecording(sid, f"CA{uuid4().hex}", 60, finished=True)
            announced(uow, "twilio", application.settings.twilio_account_sid, incoming, now=now)
    step = application.recordings.step
    began = time.perf_counter()
    while step(application.clock.now()):
        pass
    took = time.perf_counter() - began
    with application.office.database.read() as connection:
        left = select(func.count()).select_from(recordings).where(recordings.c.state != "finished")
        assert connection.execute(left).scalar_one() == 0
    return took


def _bare(settings: Settings, *, size_bytes: int, count: int) -> float:
    session = requests.Session()
    began = time.perf_counter()
    for _ in range(count):
        with session.get(
            f"{settings.twilio_api_base_url}/RE-{size_bytes}-x.mp3", stream=True, timeout=10
        ) as answer:
            got = sum(len(piece) for piece in answer.iter_content(65_536))
        assert got == size_bytes
    return time.perf_counter() - began


def _memory(settings: Settings, size_bytes: int) -> float | None:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_growth, settings, size_bytes).result()


def _growth(settings: Settings, size_bytes: int) -> float | None:
    """MiB that this process came to hold at most, above what it held after a small recording."""
    application = build(settings)
    _bring_home(application, size_bytes=_MB // 10, count=1)
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak so far
    except OSError:
        return None
    before = _most_held()
    _bring_home(application, size_bytes=size_bytes, count=1)
    after = _most_held()
    application.office.database.close()
    return (after - before) / 1024


def _most_held() -> int:
    """KiB that this process has held at most since its peak was forgotten. Linux tells it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@contextmanager
def _carrier() -> Iterator[str]:
    """The address of a server that has every recording of every size."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield str(ours.recv())
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Line)
    told.send(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


class _Line(BaseHTTPRequestHandler):
    """Answers `…/RE-<size>-<anything>.mp3` with as many bytes, and every DELETE with 204."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        left = int(self.path.rpartition("/")[2].split("-")[1])
        self.send_response(200)
        self.send_header("Content-Type", "audio/mpeg")
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            left -= self.wfile.write(_BLOCK[:left])

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
