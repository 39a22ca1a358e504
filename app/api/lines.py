"""Which uploads this process is receiving at the moment, so that a device that comes back takes over."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

_HANDED_OVER_WITHIN_SECONDS: Final = 10.0


@dataclass(eq=False)
class Line:
    """One request that brings bytes. It ends soon after `wanted` is set; when all are kept, `over` is."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Lines:
    """The requests of this process that bring bytes, in the order in which they came.

    A device that lost its line opens another within a second, long before the server knows that the
    old one is dead. What the old one brought is kept first, so that the device hears of it and sends
    nothing twice. Another process is not asked: there the offset in the row decides who was first.
    """

    def __init__(self) -> None:
        """Nobody is sending."""
        self._lines: defaultdict[UUID, list[Line]] = defaultdict(list)

    @contextmanager
    def own(self, upload_id: UUID) -> Iterator[Line]:
        """A line for this upload, from the moment at which its request came."""
        line = Line()
        self._lines[upload_id].append(line)
        try:
            yield line
        finally:
            line.over.set()
            self._lines[upload_id].remove(line)
            if not self._lines[upload_id]:
                del self._lines[upload_id]

    async def hand_over(self, upload_id: UUID, to: Line | None = None) -> None:
        """Whatever the lines before this one brought for the upload is kept, and they have ended."""
        older = list(self._lines.get(upload_id, ()))
        if to:
            older = older[: older.index(to)]
        for line in older:
            line.wanted.set()
        waits = [asyncio.ensure_future(line.over.wait()) for line in older]
        if waits:
            # Where the disk hangs, it is left to the offset in the row.
            _, hanging = await asyncio.wait(waits, timeout=_HANDED_OVER_WITHIN_SECONDS)
            for wait in hanging:
                wait.cancel()
