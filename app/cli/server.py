"""The HTTP server under every door: what it says of itself, and how much of a request it reads unseen."""

from http import HTTPStatus
from typing import Any, Final, Literal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_UPLOADS_END_WITHIN_SECONDS: Final = 10
# Address and headers together. Real ones have 2 kB; an upload's `Upload-Metadata` may have 4 more.
HEAD_LIMIT_BYTES: Final = 32 * 1024
_REFUSAL: Final = (
    "HTTP/1.1 {status.value} {status.phrase}\r\n"
    "content-type: text/plain\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n"
    "content-length: 0\r\nconnection: close\r\n\r\n"
)


class Bounded(HttpToolsProtocol):
    """Reads a request's first line and headers up to a limit. The parser itself has none: whoever sent
    headers without end would fill the memory, before anybody asks who they are.
    """

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has grown too long."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Let the request begin, unless all of its head came at once and is too long."""
        self._in_head, self._head_bytes = False, 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_LIMIT_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            raise ValueError("the head of the request is too long")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next request of this connection may begin."""
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the framework's words are not ours
        """Answer what is no HTTP as shortly as that, and only once."""
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
        self.transport.write(_REFUSAL.format(status=status).encode())
        self.transport.close()


def server_for(app: ASGIApp, *, lifespan: Literal["on", "off"] = "on", **more: Any) -> uvicorn.Server:  # noqa: ANN401 - uvicorn's own options
    """The server of this application. It names neither itself nor a version, and believes no header about
    where a request comes from: that is settled by `SPEAN_TRUSTED_PROXIES`, further in.
    """
    return uvicorn.Server(uvicorn.Config(
        app, http=Bounded, ws="none", lifespan=lifespan, log_config=None, access_log=False,
        server_header=False, proxy_headers=False,
        # An upload over a slow line takes an hour. What of it has arrived is kept, and the device goes on.
        timeout_graceful_shutdown=_UPLOADS_END_WITHIN_SECONDS, **more,
    ))  # fmt: skip
