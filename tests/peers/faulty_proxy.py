"""A TCP proxy that harms connections as bad networks do: in the same way again for the same seed.

It stands between a client and a server on this machine and knows nothing of what they say. What
happens to the n-th connection depends on the seed and on n alone, so a run that failed can be walked
through again with the same client.
"""

import contextlib
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
_LOOK_SECONDS: Final = 0.05
_PIECE_BYTES: Final = 16 * 1024
_ON_A_SLOW_LINE: Final = 20  # pieces in a second
_STUCK_SECONDS: Final = 30


class Harm(StrEnum):
    """What a bad network does to a connection."""

    NONE = "none"
    REFUSE = "refuse"  # the connection is reset before a byte has passed
    CUT_REQUEST = "cut request"  # reset once so many bytes have gone up
    LOSE_RESPONSE = "lose response"  # what went up is carried out; the answer to it never comes back
    CUT_RESPONSE = "cut response"  # reset once so many bytes have come down
    BLACK_HOLE = "black hole"  # open, and silent both ways, once so many bytes have gone up


HARMS: Final = tuple(harm for harm in Harm if harm is not Harm.NONE)


@dataclass(frozen=True, slots=True)
class Line:
    """What the line is like. Both directions share the bytes of a second; the delay is one way."""

    bytes_per_second: int | None = None
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is: the share of connections that are harmed, by what, and how far in.

    A harm of the way up strikes within the first `up_within` bytes of the connection, one of the way
    down within `down_within`. A black hole ends by a reset after `silence_seconds`. Nothing is harmed
    any more after the first `clears_after` connections.
    """

    rate: float = 0.5
    harms: Sequence[Harm] = HARMS
    up_within: int = 64 * 1024
    down_within: int = 2 * 1024
    silence_seconds: float = 5.0
    clears_after: int | None = None


CALM: Final = Weather(rate=0.0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to happen to one connection, once `at` bytes have passed in the direction of the harm."""

    harm: Harm
    at: int = 0


@dataclass
class Passage:
    """One connection: what was meant to happen, what passed, and whether the harm was done."""

    number: int
    fate: Fate
    up_bytes: int = 0
    down_bytes: int = 0
    harmed: bool = False


def fate_of(number: int, *, seed: int, weather: Weather) -> Fate:
    """What happens to the connection of this number, counted from 0."""
    chance = random.Random(f"{seed}/{number}")
    cleared = weather.clears_after is not None and number >= weather.clears_after
    if cleared or chance.random() >= weather.rate or not weather.harms:
        return Fate(Harm.NONE)
    harm = chance.choice(weather.harms)
    if harm is Harm.REFUSE:
        return Fate(harm)
    within = weather.down_within if harm is Harm.CUT_RESPONSE else weather.up_within
    return Fate(harm, chance.randrange(1, within + 1))


class FaultyProxy:
    """Listens on `port` while it is entered, and passes on to the server on `to_port`.

    `weather` and `line` may be changed meanwhile: they hold for the connections that come after.
    """

    def __init__(
        self, to_port: int, *, seed: int = 0, weather: Weather = CALM, line: Line | None = None
    ) -> None:
        self.weather = weather
        self.line = line or Line()
        self.passages: list[Passage] = []
        self._seed = seed
        self._to_port = to_port
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((HOST, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every connection is reset, every thread has ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def address(self) -> str:
        """Where clients go, as a web address."""
        return f"http://{HOST}:{self.port}"

    @property
    def up_bytes(self) -> int:
        """All bytes that went up, heads of requests included."""
        return sum(passage.up_bytes for passage in self.passages)

    @property
    def harmed(self) -> list[Passage]:
        """The connections to which their harm was done."""
        return [passage for passage in self.passages if passage.harmed]

    def heal(self) -> None:
        """No connection that comes from now on is harmed."""
        self.weather = CALM

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._over.is_set():
            if not _readable([self._listener]):
                continue
            client, _ = self._listener.accept()
            number = len(self.passages)
            fate = fate_of(number, seed=self._seed, weather=self.weather)
            passage = Passage(number, fate)
            self.passages.append(passage)
            self._start(self._serve, client, passage, self.line, self.weather.silence_seconds)

    def _serve(self, client: socket.socket, passage: Passage, line: Line, silence_seconds: float) -> None:
        server: socket.socket | None = None
        try:
            if passage.fate.harm is Harm.REFUSE:
                passage.harmed = True
                return
            server = socket.create_connection((HOST, self._to_port), timeout=_STUCK_SECONDS)
            client.settimeout(_STUCK_SECONDS)
            _Pipe(client, server, passage, line).run(self._over)
            if passage.harmed and passage.fate.harm is Harm.BLACK_HOLE:
                self._swallow(client, silence_seconds)
        except OSError:
            pass  # Either end went away, which is what networks do.
        finally:
            # The server sees an orderly end, so that it may keep what reached it; the client a reset.
            if server:
                server.close()
            _reset(client) if passage.harmed or self._over.is_set() else client.close()

    def _swallow(self, client: socket.socket, seconds: float) -> None:
        """Take what comes and say nothing, until the client gives up or the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._over.is_set():
            if _readable([client]) and not client.recv(_PIECE_BYTES):
                return


@dataclass
class _Pipe:
    """Two sockets, and what passes between them until one ends or the harm is done."""

    client: socket.socket
    server: socket.socket
    passage: Passage
    line: Line

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            for end in _readable([self.client, self.server]):
                piece = end.recv(self._piece_bytes())
                if not piece:
                    return
                self._take_time(len(piece))
                goes_on = self._up(piece) if end is self.client else self._down(piece)
                if not goes_on:
                    self.passage.harmed = True
                    return

    def _up(self, piece: bytes) -> bool:
        fate, passage = self.passage.fate, self.passage
        strikes = fate.harm in {Harm.CUT_REQUEST, Harm.BLACK_HOLE}
        allowed = piece[: fate.at - passage.up_bytes] if strikes else piece
        self.server.sendall(allowed)
        passage.up_bytes += len(allowed)
        return not (strikes and passage.up_bytes >= fate.at)

    def _down(self, piece: bytes) -> bool:
        fate, passage = self.passage.fate, self.passage
        if fate.harm is Harm.LOSE_RESPONSE and passage.up_bytes >= fate.at:
            return False
        strikes = fate.harm is Harm.CUT_RESPONSE
        allowed = piece[: fate.at - passage.down_bytes] if strikes else piece
        self.client.sendall(allowed)
        passage.down_bytes += len(allowed)
        return not (strikes and passage.down_bytes >= fate.at)

    def _piece_bytes(self) -> int:
        rate = self.line.bytes_per_second
        return max(1, min(_PIECE_BYTES, rate // _ON_A_SLOW_LINE)) if rate else _PIECE_BYTES

    def _take_time(self, size: int) -> None:
        rate = self.line.bytes_per_second
        seconds = self.line.delay_seconds + (size / rate if rate else 0.0)
        if seconds:
            time.sleep(seconds)


def _readable(ends: Sequence[socket.socket]) -> list[socket.socket]:
    """Those of the sockets that have something to say within a moment."""
    return select.select(ends, [], [], _LOOK_SECONDS)[0]


def _reset(end: socket.socket) -> None:
    """Close without a farewell: the other side is told that the connection was reset."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
