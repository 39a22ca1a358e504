"""Server processes: Spean as `spean serve` runs it, and a bare FastAPI form route beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from app.settings import Settings
from benchmarks.engines import ROOT, environment_of

_START_WITHIN_SECONDS = 60


@dataclass
class Server:
    """A server in a process of its own. It can be frozen, so that others are measured alone."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float | None:
        """What the process has used so far; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def freeze(self) -> None:
        """Let the process stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the process run again."""
        self.process.send_signal(signal.SIGCONT)

    def load(self, requests: Sequence[bytes], *, clients: int, pause: float = 0) -> dict[str, Any]:
        """Send these requests from a process of its own, each client one at a time over one connection.

        `pause` is how many seconds a client waits between an answer and its next request.
        Returns `seconds`, `statuses` (count by status) and `waits` (seconds of each request).
        """
        with TemporaryDirectory() as folder:
            file = Path(folder) / "requests"
            file.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
            command = [
                sys.executable,
                "-m",
                "benchmarks.load",
                str(self.port),
                str(clients),
                str(file),
                str(pause),
            ]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=300)  # noqa: S603 - ours
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@contextmanager
def serving(name: str, settings: Settings) -> Iterator[Server]:
    """`spean serve` with these settings, once it answers."""
    with _server(name, ["-m", "app", "serve"], environment_of(settings), "/healthz") as server:
        yield server


@contextmanager
def serving_bare() -> Iterator[Server]:
    """The bare form route, on the same kind of server."""
    with _server("bare FastAPI form route", ["-m", "benchmarks.bare"], dict(os.environ), "/alive") as server:
        yield server


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """`spean work` with these settings."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "work"],
        cwd=ROOT, env=environment_of(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _server(name: str, arguments: list[str], environment: dict[str, str], probe: str) -> Iterator[Server]:
    port = _free_port()
    with TemporaryDirectory() as folder, Path(folder, "log").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, *arguments, "--port", str(port)],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}{probe}", process, log)
            yield Server(name, port, process)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Any) -> None:  # noqa: ANN401 - a file
    give_up_at = time.monotonic() + _START_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < give_up_at:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.1)
    log.seek(0)
    raise RuntimeError("the server did not start:\n" + log.read().decode(errors="replace"))
