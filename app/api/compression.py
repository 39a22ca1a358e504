"""Compressed request bodies, unpacked before anybody reads them and never beyond the limit."""

import zlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.limits import BODY_LIMIT_BYTES

# Carriers' doors unpack by themselves, and answer what is too large in their own manner.
_OURS: Final = "/v1/"
_GZIP: Final = 16 + zlib.MAX_WBITS
_TOO_LARGE: Final = 413
_UNREADABLE: Final = 400
_UNSUPPORTED: Final = 415


class Unpacked:
    """Unpacks gzip bodies for the application. Plain ASGI: it costs nothing where nothing is packed.

    A few bytes can unpack to gigabytes, so what is unpacked is counted, not what came.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        """Stand round this application."""
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, which reads plain bytes."""
        ours = scope["type"] == "http" and scope["path"].startswith(_OURS)
        packed = Headers(scope=scope).get("content-encoding") if ours else None
        if packed is None or packed.lower() == "identity":
            await self._app(scope, receive, send)
            return
        known = packed.lower() in {"gzip", "x-gzip"}
        inflater = zlib.decompressobj(_GZIP)
        size = 0

        async def receive_plain() -> Message:
            nonlocal size
            if not known:
                raise HTTPException(_UNSUPPORTED)
            message = await receive()
            if message["type"] != "http.request":
                return message
            try:
                plain = inflater.decompress(message.get("body", b""), self._limit - size + 1)
            except zlib.error:
                raise HTTPException(_UNREADABLE) from None
            size += len(plain)
            if size > self._limit or inflater.unconsumed_tail:
                raise HTTPException(_TOO_LARGE)
            if not message.get("more_body") and not inflater.eof:
                raise HTTPException(_UNREADABLE)  # cut on its way: half a body is no body
            return {**message, "body": plain}

        await self._app(_as_plain(scope), receive_plain, send)


def _as_plain(scope: Scope) -> Scope:
    """The request without the headers that describe the packed bytes."""
    plain = {**scope, "headers": list(scope["headers"])}
    headers = MutableHeaders(scope=plain)
    del headers["content-encoding"]
    del headers["content-length"]
    return plain
