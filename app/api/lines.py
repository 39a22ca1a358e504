"""Which uploads this process is receiving at the moment, so that a device that comes back takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

_HANDED_OVER_WITHIN_SECONDS: Final = 10.0


@dataclass
class Line:
    """One request that brings bytes. It ends when `wanted` is set, and sets `over` when all are kept."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Lines:
    """The requests of this process that bring bytes, one for each upload.

    A device that lost its line opens another within a second, long before the server knows that the
    old one is dead. What the old one brought is kept first, so that the device hears of it and sends
    nothing twice. Another process is not asked: there the offset in the row decides who was first.
    """

    def __init__(self) -> None:
        """Nobody is sending."""
        self._lines: dict[UUID, Line] = {}

    async def hand_over(self, upload_id: UUID) -> None:
        """Whatever an older line brought for this upload is kept, and the line ends."""
        while older := self._lines.get(upload_id):
            older.wanted.set()
            try:
                await asyncio.wait_for(older.over.wait(), _HANDED_OVER_WITHIN_SECONDS)
            except TimeoutError:
                return  # The disk hangs; the offset in the row decides.

    @asynccontextmanager
    async def own(self, upload_id: UUID) -> AsyncIterator[Line]:
        """The one line that brings bytes for this upload meanwhile."""
        await self.hand_over(upload_id)
        line = self._lines[upload_id] = Line()
        try:
            yield line
        finally:
            if self._lines.get(upload_id) is line:
                del self._lines[upload_id]
            line.over.set()
