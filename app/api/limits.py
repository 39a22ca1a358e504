"""How large a body may be, whatever door it comes to."""

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

    def __init__(self, app: ASGIApp, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        """Stand round this application."""
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, which reads no further than the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        hopeless = announced.isdecimal() and (len(announced) > _DIGITS or int(announced) > self._limit)
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            if hopeless:
                raise HTTPException(_TOO_LARGE)
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise HTTPException(_TOO_LARGE)
            return message

        await self._app(scope, receive_within_limit, send)
