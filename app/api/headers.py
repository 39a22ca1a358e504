"""Headers that every answer carries, whatever door it came from."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# An idle pull is paid for by the byte, and no browser ever shows it as a page or in a frame.
_LEAN: Final = {name: _HEADERS[name] for name in ("X-Content-Type-Options", "Cache-Control")}
_LEAN_PATHS: Final = ("/v1/sync/", "/v1/rxdb/")


class SafeHeaders:
    """Adds the headers to every answer that does not bring its own. Plain ASGI: it costs microseconds."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand round this application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        wanted = _LEAN if scope["path"].startswith(_LEAN_PATHS) else _HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
