"""The faulty proxy: each harm does what it says, a seed tells the whole story, and a calm line is a line."""

import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.peers.faulty_proxy import CALM, HARMS, HOST, Fate, FaultyProxy, Harm, Line, Weather, fate_of

BODY = bytes(range(256)) * 200


class Echo(BaseHTTPRequestHandler):
    """Answers with what was sent, and remembers what reached it whole."""

    protocol_version = "HTTP/1.1"
    whole: list[bytes]
    begun: list[int]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        self.begun.append(len(body))
        if len(body) < length:
            self.close_connection = True
            return
        self.whole.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[tuple[int, type[Echo]]]:
    mine = type("Mine", (Echo,), {"whole": [], "begun": []})
    server = ThreadingHTTPServer((HOST, 0), mine)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a cut is what is wanted here
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port, mine
    server.shutdown()
    thread.join()
    server.server_close()


def post(port: int, body: bytes = BODY, *, timeout: float = 5) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("POST", "/", body)
        return connection.getresponse().read()
    finally:
        connection.close()


def broken(proxy: FaultyProxy) -> bool:
    """Whether a request was not answered; a client that waits in vain is something else."""
    try:
        post(proxy.port)
    except (ConnectionError, http.client.HTTPException):
        return True
    return False


def always(harm: Harm, **changes: float) -> Weather:
    return Weather(rate=1.0, harms=[harm], **changes)  # type: ignore[arg-type]  # whole numbers are whole here


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_in_calm_weather_every_byte_passes_both_ways() -> None:
    with served() as (port, echo), FaultyProxy(port, seed=1) as proxy:
        assert [post(proxy.port) for _ in range(3)] == [BODY] * 3
    assert echo.whole == [BODY] * 3
    assert len(proxy.passages) == 3
    assert proxy.harmed == []
    assert proxy.up_bytes > 3 * len(BODY)


def test_a_refused_connection_reaches_nobody() -> None:
    with served() as (port, echo), FaultyProxy(port, weather=always(Harm.REFUSE)) as proxy:
        assert broken(proxy)
    assert echo.begun == []
    assert [passage.up_bytes for passage in proxy.harmed] == [0]


def test_a_request_is_cut_after_so_many_bytes_and_those_arrive() -> None:
    with served() as (port, echo), FaultyProxy(port, seed=7, weather=always(Harm.CUT_REQUEST)) as proxy:
        assert broken(proxy)
        assert soon(lambda: len(echo.begun) == 1)
    (passage,) = proxy.harmed
    assert passage.up_bytes == passage.fate.at
    assert echo.whole == []
    assert 0 <= echo.begun[0] <= passage.fate.at


def test_a_lost_response_belongs_to_a_request_that_was_carried_out() -> None:
    weather = always(Harm.LOSE_RESPONSE, up_within=len(BODY))
    with served() as (port, echo), FaultyProxy(port, weather=weather) as proxy:
        assert broken(proxy)
    assert echo.whole == [BODY]
    assert [passage.down_bytes for passage in proxy.harmed] == [0]


def test_a_response_is_cut_after_so_many_bytes() -> None:
    with served() as (port, echo), FaultyProxy(port, weather=always(Harm.CUT_RESPONSE)) as proxy:
        assert broken(proxy)
    (passage,) = proxy.harmed
    assert passage.down_bytes == passage.fate.at
    assert echo.whole == [BODY]


def test_a_black_hole_keeps_the_connection_and_says_nothing() -> None:
    weather = always(Harm.BLACK_HOLE, up_within=10)
    with served() as (port, echo), FaultyProxy(port, weather=weather) as proxy:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            post(proxy.port, b"small", timeout=0.4)
        assert time.monotonic() - began >= 0.4
    assert echo.whole == []
    assert proxy.passages[0].down_bytes == 0


def test_a_black_hole_ends_at_last() -> None:
    weather = always(Harm.BLACK_HOLE, up_within=1, silence_seconds=0.1)
    with served() as (port, _), FaultyProxy(port, weather=weather) as proxy:
        assert broken(proxy)


def test_a_slow_line_takes_its_time() -> None:
    with served() as (port, _), FaultyProxy(port, line=Line(bytes_per_second=40_000)) as proxy:
        began = time.monotonic()
        assert post(proxy.port, BODY[:8_000]) == BODY[:8_000]
        assert time.monotonic() - began >= 16_000 / 40_000


def test_a_long_way_delays_the_question_and_the_answer() -> None:
    with served() as (port, _), FaultyProxy(port, line=Line(delay_seconds=0.1)) as proxy:
        began = time.monotonic()
        assert post(proxy.port, b"x") == b"x"
        assert time.monotonic() - began >= 0.2


def test_after_healing_nothing_is_harmed() -> None:
    with served() as (port, _), FaultyProxy(port, weather=always(Harm.REFUSE)) as proxy:
        assert broken(proxy)
        proxy.heal()
        assert post(proxy.port) == BODY


def test_the_weather_may_clear_by_itself() -> None:
    weather = Weather(rate=1.0, harms=[Harm.REFUSE], clears_after=2)
    with served() as (port, _), FaultyProxy(port, weather=weather) as proxy:
        assert [broken(proxy) for _ in range(4)] == [True, True, False, False]


def test_leaving_it_resets_whoever_is_still_there() -> None:
    with served() as (port, _):
        with FaultyProxy(port) as proxy:
            waiting = socket.create_connection((HOST, proxy.port), timeout=5)
            assert soon(lambda: len(proxy.passages) == 1)
        with waiting, pytest.raises(ConnectionError):
            waiting.recv(1)


def test_a_seed_tells_what_happens_to_each_connection() -> None:
    weather = Weather(rate=0.6)
    twice = [[fate_of(n, seed=3, weather=weather) for n in range(200)] for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0] != [fate_of(n, seed=4, weather=weather) for n in range(200)]


def test_the_rate_is_the_share_of_harmed_connections_and_every_harm_has_its_turn() -> None:
    fates = Counter(fate_of(n, seed=5, weather=Weather(rate=0.6)).harm for n in range(2_000))
    assert 0.36 < fates.pop(Harm.NONE) / 2_000 < 0.44
    assert set(fates) == set(HARMS)


def test_harms_strike_within_what_was_asked_for() -> None:
    weather = Weather(rate=1.0, up_within=100, down_within=10)
    fates = [fate_of(n, seed=6, weather=weather) for n in range(500)]
    assert max(fate.at for fate in fates if fate.harm is Harm.CUT_RESPONSE) <= 10
    assert max(fate.at for fate in fates) <= 100
    assert all(fate.at >= 1 for fate in fates if fate.harm is not Harm.REFUSE)
    assert fate_of(0, seed=6, weather=CALM) == Fate(Harm.NONE)
