"""How large a body may be, whatever door it comes to."""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES: Final = 1024 * 1024
_DIGITS: Final = 12  # a longer length is too long, whatever it says
_TOO_LARGE: Final = 413


class BodyLimit:
    """Stops reading a body that is larger than allowed. Plain ASGI: it costs microseconds.

    The framework's own limit answers in plain text; this one ends in problem details, as all refusals do.
    """

    def __init__(
        self, app: ASGIApp, limit_bytes: int = BODY_LIMIT_BYTES, larger: Mapping[str, int] | None = None
    ) -> None:
        """Stand round this application. `larger` are limits of their own for paths that begin so."""
        self._app = app
        self._limit = limit_bytes
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, which reads no further than the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_for(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        hopeless = announced.isdecimal() and (len(announced) > _DIGITS or int(announced) > limit)
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            if hopeless:
                raise HTTPException(_TOO_LARGE)
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise HTTPException(_TOO_LARGE)
            return message

        await self._app(scope, receive_within_limit, send)

    def _limit_for(self, path: str) -> int:
        return next((limit for start, limit in self._larger.items() if path.startswith(start)), self._limit)
