"""Headers that every answer carries, whatever door it came from."""

from typing import Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# A browser that was here over TLS once comes no other way for a year. Source: RFC 6797, section 6.1.
_STAY_WITH_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}
# An idle pull is paid for by the byte, and no browser ever shows it as a page or in a frame.
_LEAN: Final = {name: _HEADERS[name] for name in ("X-Content-Type-Options", "Cache-Control")}
_LEAN_PATHS: Final = ("/v1/sync/", "/v1/rxdb/")


class SafeHeaders:
    """Adds the headers to every answer that does not bring its own. Plain ASGI: it costs microseconds."""

    def __init__(self, app: ASGIApp, *, over_tls: bool) -> None:
        """Stand round this application; `over_tls` where people reach it at an https address."""
        self._app = app
        self._headers = _HEADERS | (_STAY_WITH_TLS if over_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        wanted = _LEAN if scope["path"].startswith(_LEAN_PATHS) else self._headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def put_headers_on(app: FastAPI, *, over_tls: bool) -> None:
    """Let every answer of the application carry them, those about our own faults too.

    What is added as middleware stands inside the framework's handler of faults.
    """
    inside = app.build_middleware_stack

    def outermost() -> ASGIApp:
        return SafeHeaders(inside(), over_tls=over_tls)

    app.build_middleware_stack = outermost  # type: ignore[method-assign]  # nothing else stands so far out
