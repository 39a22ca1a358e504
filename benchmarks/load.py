"""Sends ready-made HTTP requests over kept connections: `python -m benchmarks.load PORT CLIENTS FILE PAUSE`.

Each client waits PAUSE seconds between an answer and its next request.
HTTP libraries for clients are slower than the servers that are measured, so this one knows only what it
needs: each answer has a Content-Length. The file holds requests, each after its length in four bytes.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class Tally:
    """What came of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """Sends one request after the other until none is left, each when the one before was answered."""

    def __init__(
        self, requests: Iterator[bytes], tally: Tally, done: "asyncio.Future[None]", pause: float
    ) -> None:
        self._requests = requests
        self._pause = pause
        self._tally = tally
        self._done = done
        self._got = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it
        self._next()

    def data_received(self, data: bytes) -> None:
        self._got += data
        ends = self._got.find(_HEAD_ENDS)
        if ends < 0:
            return
        head = self._got[:ends].lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._got) < ends + len(_HEAD_ENDS) + length:
            return
        self._tally.waits.append(time.perf_counter() - self._sent_at)
        self._tally.statuses[int(head[9:12])] += 1
        self._got = b""
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._next)
        else:
            self._next()

    def connection_lost(self, problem: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(problem or ConnectionResetError("the server hung up"))

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def _run(port: int, clients: int, requests: list[bytes], pause: float) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    tally, waiting = Tally(), iter(requests)
    done = [loop.create_future() for _ in range(clients)]
    began = time.perf_counter()
    for one in done:
        await loop.create_connection(lambda one=one: Client(waiting, tally, one, pause), "127.0.0.1", port)  # type: ignore[misc]  # a default binds it now
    await asyncio.gather(*done)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "statuses": dict(tally.statuses), "waits": tally.waits}


def _read(file: Path) -> list[bytes]:
    held = file.read_bytes()
    found, at = [], 0
    while at < len(held):
        end = at + 4 + int.from_bytes(held[at : at + 4], "big")
        found.append(held[at + 4 : end])
        at = end
    return found


def main() -> None:
    """Print what came of it as JSON."""
    port, clients, file, pause = sys.argv[1:]
    found = uvloop.run(_run(int(port), int(clients), _read(Path(file)), float(pause)))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
