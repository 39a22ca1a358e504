"""Peers that speak real HTTP as carriers and phones do, and what they share: a server, signatures, a poster.

Nothing in here imports the program: a peer that shares its code would share its mistakes.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx

Params: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]

# The letters of GSM-7; those of its second table take two places each. Source: 3GPP TS 23.038, section 6.2.1.
_GSM_7: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_GSM_7_SECOND: Final = frozenset("\f^{}\\[~]|€")

_COUNTRIES: Final = {"+855": "KH", "+66": "TH", "+60": "MY", "+82": "KR", "+81": "JP"}

# With linger on and zero seconds, closing a socket sends a reset where a goodbye would be.
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Heard:
    """One request as it came; `target` is the raw path and query, header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters in order, empty values kept."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> list[tuple[str, str]]:
        """The body read as an UTF-8 form, in order, empty values kept."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


class Reply(NamedTuple):
    """What a loopback server answers; with `more`, a body of unknown length whose end is the line's end."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    more: Iterable[bytes] | None = None

    @classmethod
    def of(cls, status: int, content: object) -> Self:
        """An answer in JSON."""
        return cls(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


class AnswerNow(Exception):
    """Raised anywhere in an answering function to answer with this reply at once."""

    def __init__(self, reply: Reply) -> None:
        """Carry the reply."""
        super().__init__(reply.status, reply.body)
        self.reply = reply


@dataclass
class HangUp(Exception):
    """Raised by an answering function to say nothing: wait some seconds, then close, or reset, the line."""

    after_seconds: float = 0.0
    reset: bool = False


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. `accepted`: its work was done all the same.

    Status 0 is no answer at all: `after_seconds` of silence, then the line is closed, or reset.
    """

    status: int = 0
    code: int | None = None
    html: bool = False
    after_seconds: float = 0.0
    reset: bool = False
    accepted: bool = False


BAD_GATEWAY: Final = Fault(502, html=True)
RESET: Final = Fault(reset=True)


def silence(seconds: float, *, accepted: bool) -> Fault:
    """No answer comes within so many seconds, whether or not the request was accepted."""
    return Fault(after_seconds=seconds, accepted=accepted)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A burst of clients must meet a slow answer, never a refused connection.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong, save a client that went away, which is daily life for a peer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Line(BaseHTTPRequestHandler):
    place: "Loopback"
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.place.line_opened(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.place.line_closed(self.connection)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent names it so
        """Say nothing."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            reply = self.place.take(Heard(self.command, self.path, headers, body))
        except AnswerNow as decided:
            reply = decided.reply
        except HangUp as silence:
            self._hang_up(silence)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.more is not None:
            self.send_header("Connection", "close")
        elif reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        for piece in reply.more or ():
            if self.place.closing.is_set():
                break
            self.wfile.write(piece)
            self.wfile.flush()

    def _hang_up(self, silence: HangUp) -> None:
        self.place.closing.wait(silence.after_seconds)
        self.close_connection = True
        if silence.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            # The server would otherwise say goodbye politely before it closes.
            self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - http.server's names


@dataclass
class Loopback:
    """An HTTP server on 127.0.0.1 with a port of its own, up between `with` and the end of its block.

    `answer` runs in one thread for each connection; what it raises closes the line, save AnswerNow and
    HangUp, which say what else to do.
    `explain` words a fault that has a status.
    """

    answer: Callable[[Heard], Reply]
    explain: Callable[[Fault], Reply] = lambda fault: Reply(fault.status)
    base_url: str = ""
    faults: deque[Fault | None] = field(default_factory=deque)
    heard: list[Heard] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _server: _Server | None = None
    _lines: set[socket.socket] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), type("Line", (_Line,), {"place": self}))
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def fail_next(self, *faults: Fault | None) -> None:
        """Queue what goes wrong with the next requests, one each; None lets one request through."""
        self.faults.extend(faults)

    def take(self, heard: Heard) -> Reply:
        """Note the request, then answer it or let it go wrong."""
        self.heard.append(heard)
        try:
            fault = self.faults.popleft()
        except IndexError:
            fault = None
        if fault is None:
            return self.answer(heard)
        if fault.accepted:
            with contextlib.suppress(AnswerNow):
                self.answer(heard)
        if not fault.status:
            raise HangUp(fault.after_seconds, reset=fault.reset)
        if fault.html:
            page = f"<html><body><h1>{fault.status} {HTTPStatus(fault.status).phrase}</h1></body></html>"
            return Reply(fault.status, page.encode(), {"Content-Type": "text/html"})
        return self.explain(fault)

    def line_opened(self, line: socket.socket) -> None:
        """Remember a connection, so that the end of the block also ends it."""
        self._lines.add(line)

    def line_closed(self, line: socket.socket) -> None:
        """Forget a connection that is over."""
        self._lines.discard(line)


def units(text: str) -> int:
    """The length of a text in UTF-16 units, as the network counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str) -> int:
    """How many parts a text travels in: 160 or 153 each in GSM-7, else 70 or 67 UTF-16 units."""
    doubled = sum(char in _GSM_7_SECOND for char in text)
    plain = set(text) <= _GSM_7 | _GSM_7_SECOND
    size, alone, joined = (len(text) + doubled, 160, 153) if plain else (units(text), 70, 67)
    return 1 if size <= alone else -(-size // joined)


def country(number: str) -> str:
    """The country in which a number is at home, of those we serve; empty for any other sender."""
    return next((name for code, name in _COUNTRIES.items() if number.startswith(code)), "")


def sign(url: str, params: Params, token: str) -> str:
    """The X-Twilio-Signature of a form: HMAC-SHA1 over the URL and each distinct name and value, sorted."""
    pairs = params.items() if isinstance(params, Mapping) else params
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def with_body_hash(url: str, body: bytes) -> str:
    """The URL to which Twilio posts this JSON body: `bodySHA256` stands last in the query."""
    return f"{url}{'&' if '?' in url else '?'}bodySHA256={hashlib.sha256(body).hexdigest()}"


def sign_json(url_with_body_hash: str, token: str) -> str:
    """The X-Twilio-Signature of a JSON body, which is signed through its hash in the URL."""
    return sign(url_with_body_hash, {}, token)


class Answer(NamedTuple):
    """What a webhook answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


def web_client(timeout_seconds: float) -> httpx.Client:
    """A client for plain HTTP on this machine. It reads no certificates, which would cost 20 ms each time."""
    return httpx.Client(
        timeout=timeout_seconds, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )


@dataclass
class Poster:
    """Posts webhooks to public addresses that a proxy brings here. `proxies`: public to loopback origin.

    Path and query travel byte for byte as written. A redirect is an answer, never followed.
    """

    proxies: dict[str, str] = field(default_factory=dict)
    # Twilio waits 15 s for a whole answer. Source: Twilio error 11205.
    _client: httpx.Client = field(default_factory=lambda: web_client(15))

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, via: str | None = None) -> Answer:
        """Post to the public `url`, which really stands at the origin `via` or where the proxies say.

        Raises: httpx.TransportError when nobody answers.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        where = via or self.proxies.get(origin, origin)
        request = self._client.build_request("POST", where, content=body, headers=dict(headers))
        # httpx would write the path anew, and what was signed must be what is sent.
        request.extensions["target"] = url.removeprefix(origin).encode()
        answer = self._client.send(request)
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, names, answer.text)

    def post_signed(self, url: str, params: Params, *, token: str, via: str | None = None) -> Answer:
        """Post a form as Twilio does. The fragment of a URL holds settings; it is neither signed nor sent."""
        url = url.partition("#")[0]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "I-Twilio-Idempotency-Token": str(uuid4()),
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": sign(url, params, token),
        }
        return self.post(url, urlencode(params).encode(), headers, via=via)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
