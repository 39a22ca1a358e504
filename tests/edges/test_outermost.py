"""The outermost edge: what every answer carries and none does, and how much is read of whoever knocks."""

import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import Response
from starlette.requests import Request
from starlette.routing import Route

from app.api.limits import BODY_LIMIT_BYTES
from app.cli.server import HEAD_LIMIT_BYTES, server_for
from app.identity.rules import Role
from app.main import create_app
from tests.makers import Installation

EVERYWHERE: Final = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
IN_BROWSERS: Final = {
    **EVERYWHERE, "x-frame-options": "DENY", "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
}  # fmt: skip
# Feeds of devices: an idle pull is paid for by the byte, and no browser shows it.
LEAN: Final = ("/v1/sync/", "/v1/rxdb/")


def _routes(here: Installation) -> Iterator[tuple[str, str]]:
    app = here.client.app
    assert isinstance(app, FastAPI)
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or set()):
            yield method, re.sub(r"{collection}", "case", re.sub(r"{(\w+):int}", "1", route.path or ""))


def _answers(here: Installation, **headers: str) -> Iterator[tuple[str, str, Response]]:
    """What every route answers to somebody who is signed in, and to nobody."""
    bearer = {"Authorization": f"Bearer {here.token(here.a_worker(Role.SUPERVISOR))}"}
    for method, path in [*_routes(here), ("GET", "/v1/nowhere"), ("TRACE", "/v1/cases"), ("GET", "/")]:
        where = re.sub(r"{[\w:]+}", str(uuid4()), path)
        for sent in ({}, bearer):
            yield method, path, here.client.request(method, where, headers={**sent, **headers})


def _a_fault(_request: Request) -> Response:
    raise RuntimeError("this one is ours")


def _lacks(path: str, answer: Response) -> dict[str, str | None]:
    wanted = EVERYWHERE if path.startswith(LEAN) else IN_BROWSERS
    return {
        name: answer.headers.get(name) for name, value in wanted.items() if answer.headers.get(name) != value
    }


def test_every_answer_says_that_it_is_not_to_be_sniffed_kept_framed_or_asked_for_without_tls(
    here: Installation,
) -> None:
    app = here.client.app
    assert isinstance(app, FastAPI)
    app.router.routes.append(Route("/a-fault", _a_fault))
    lacking, statuses = {}, set()
    for method, path, answer in _answers(here):
        statuses.add(answer.status_code)
        found = _lacks(path, answer)
        if path.startswith("/prompts/") and found.keys() == {"cache-control"}:
            continue  # sounds that hold nothing personal; carriers keep them
        if found:
            lacking[f"{method} {path} {answer.status_code}"] = found
    assert lacking == {}
    assert {200, 401, 403, 404, 405, 422, 500} <= statuses


def test_without_tls_nobody_is_told_to_stay_with_it(install: Callable[..., Installation]) -> None:
    here = install(public_base_url="http://127.0.0.1:8000")
    assert "strict-transport-security" not in here.client.get("/healthz").headers


def test_no_answer_sets_a_cookie_or_opens_itself_to_pages_of_other_origins(here: Installation) -> None:
    """Only a header that no page of another origin can set lets anybody in, so no form can act for one."""
    found = [
        f"{method} {path}: {name}"
        for method, path, answer in _answers(here, Origin="https://elsewhere.example", Cookie="token=abc")
        for name in answer.headers
        if name == "set-cookie" or name.startswith("access-control-")
    ]
    asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    for path in ("/v1/cases", "/v1/token", "/v1/blobs", "/v1/sync/push"):
        answer = here.client.options(path, headers=asks)
        assert answer.status_code in {401, 405}
        found += [f"{path}: {name}" for name in answer.headers if name.startswith("access-control-")]
    assert found == []


def test_a_cookie_lets_nobody_in(here: Installation) -> None:
    token = here.token(here.a_worker())
    for cookie in (f"token={token}", f"access_token={token}", f"Authorization=Bearer {token}"):
        assert here.client.get("/v1/cases", headers={"Cookie": cookie}).status_code == 401
    assert here.client.get(f"/v1/cases?access_token={token}&token={token}").status_code == 401


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/sync/push", "/v1/rxdb/note/push", "/v1/token"])
def test_a_few_bytes_that_unpack_to_many_are_refused_before_they_are_many(
    here: Installation, path: str
) -> None:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    bomb = packer.compress(b" " * (64 * BODY_LIMIT_BYTES)) + packer.flush()
    assert len(bomb) < BODY_LIMIT_BYTES / 10
    headers = {
        "Authorization": f"Bearer {here.token(here.a_worker())}", "Content-Encoding": "gzip",
        "Content-Type": "application/x-www-form-urlencoded" if path == "/v1/token" else "application/json",
    }  # fmt: skip
    answer = here.client.post(path, content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    twice = here.client.post(path, content=b"x", headers={**headers, "Content-Encoding": "gzip, gzip"})
    assert twice.status_code == 415


@contextmanager
def _served(here: Installation) -> Iterator[int]:
    """The server as `spean serve` makes it, on a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = server_for(create_app(here.application), lifespan="off")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _said(port: int, *pieces: bytes) -> bytes:
    """All that the server says to these bytes until it closes, or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        said = b""
        try:
            for piece in pieces:
                line.sendall(piece)
            while got := line.recv(65_536):
                said += got
                if b"connection: close" not in said.lower() and b"\r\n\r\n" in said:
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass  # it did not listen to the end
        return said


def _request(*headers: bytes, target: bytes = b"/healthz") -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: x", *headers, b"", b""])


@pytest.fixture(name="port")
def _port(here: Installation) -> Iterator[int]:
    with _served(here) as port:
        yield port


def test_the_server_tells_nobody_what_it_is(port: int) -> None:
    for said in (
        _said(port, _request()),
        _said(port, _request(target=b"/v1/me")),
        _said(port, b"\x16\x03\x01\r\n\r\n"),
    ):
        assert said.startswith(b"HTTP/1.1 ")
        assert b"\r\nserver:" not in said.lower()
        assert b"uvicorn" not in said.lower()
        assert b"x-content-type-options: nosniff" in said.lower()


def test_what_is_no_http_is_answered_with_a_bare_no(port: int) -> None:
    said = _said(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.endswith(b"\r\n\r\n")


def test_headers_end_somewhere(port: int) -> None:
    most = HEAD_LIMIT_BYTES // 2
    assert _said(port, _request(b"X-Long: " + b"a" * most)).startswith(b"HTTP/1.1 200 ")
    too_long: Any = (
        [_request(b"X-Long: " + b"a" * HEAD_LIMIT_BYTES)],
        [_request(target=b"/healthz?" + b"a" * HEAD_LIMIT_BYTES)],
        [_request(*(b"X-%d: a" % n for n in range(5_000)))],
        [b"GET /healthz HTTP/1.1\r\n", *(b"X-Slow: " + b"a" * 8_000 + b"\r\n" for _ in range(50))],
        [b"GET /healthz HTTP/1.1\r\nX-One: ", *(b"a" * 8_000 for _ in range(50))],
    )  # fmt: skip
    answers = [_said(port, *pieces) for pieces in too_long]
    assert any(answers)
    for said in answers:
        assert said.startswith(b"HTTP/1.1 431 ") or said == b"", said[:100]
        assert said.count(b"HTTP/1.1") <= 1
    assert _said(port, _request()).startswith(b"HTTP/1.1 200 ")


def test_one_line_carries_many_requests_each_with_a_head_of_its_own(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        for _ in range(5):
            line.sendall(_request(b"X-Long: " + b"a" * (HEAD_LIMIT_BYTES // 2)))
            assert line.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_no_line_is_turned_into_a_web_socket(port: int) -> None:
    asks = _request(
        b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    assert not _said(port, asks).startswith(b"HTTP/1.1 101 ")


def test_an_address_that_a_request_claims_to_come_from_is_not_believed(here: Installation) -> None:
    """Whoever is no proxy of ours cannot hide behind another address, or lock another one out."""
    here.a_worker(username="dara")
    with _served(here) as port:
        form = b"grant_type=password&username=dara&password=wrong"
        said = [
            _said(port, b"\r\n".join([
                b"POST /v1/token HTTP/1.1", b"Host: x", b"X-Forwarded-For: 203.0.113.%d" % n,
                b"Forwarded: for=203.0.113.%d" % n, b"Content-Type: application/x-www-form-urlencoded",
                b"Content-Length: %d" % len(form), b"", form,
            ]))
            for n in range(7)
        ]  # fmt: skip
        assert [answer.startswith(b"HTTP/1.1 429 ") for answer in said] == [False] * 5 + [True] * 2
