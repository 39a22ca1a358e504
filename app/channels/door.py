"""What every carrier's door has in common: the body limit, and handing arrivals to the inbox."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Final, Protocol

from starlette.requests import Request

from app.intake.rules.incoming import Arrival

BODY_LIMIT_BYTES: Final = 64 * 1024
_DIGITS: Final = 12  # a longer length is too long, whatever it says


class Inbox(Protocol):
    """Where arrivals are committed; the future is done once they are, and not before."""

    def keep(self, arrival: Arrival) -> "Future[None]":
        """Commit this arrival, together with whatever else arrives at this moment."""
        ...


class BodyTooLarge(Exception):
    """More bytes than a carrier has reason to send."""


async def read_body(request: Request, limit: int = BODY_LIMIT_BYTES) -> bytes:
    """The whole body. Raises: BodyTooLarge, before more than the limit is held."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _DIGITS or int(announced) > limit):
        raise BodyTooLarge
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise BodyTooLarge
        pieces.append(piece)
    return b"".join(pieces)


async def commit(inbox: Inbox, arrivals: Iterable[Arrival]) -> None:
    """Return once every arrival is on disk."""
    await asyncio.gather(*[asyncio.wrap_future(inbox.keep(arrival)) for arrival in arrivals])
