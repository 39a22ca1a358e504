"""Telling devices that there is something to pull: never what it is, and never instead of pulling."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final, cast
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app.api.doors import Asked, Door, lets, may_answer
from app.identity.rules import Action
from app.usecases.unit_of_work import Office

door = Door(prefix="/v1/sync", tags=["sync"])
_PULL: Final = b"event: pull\ndata: pull\n\n"
_EVENT: Final = {"type": "object", "properties": {"event": {"const": "pull"}, "data": {"const": "pull"}}}
_LOOK_EVERY_SECONDS: Final = 1.0
_ALIVE: Final = b": here\n\n"
_ALIVE_EVERY_SECONDS: Final = 15.0


class Hints:
    """Where the feeds of this process's listeners stand: one look at the database serves all of them.

    This is one of the few asynchronous places: a thread for every device that waits would soon be all
    threads.
    """

    def __init__(self, office: Office, seconds: float) -> None:
        """Nobody listens yet. A stream ends after so many seconds."""
        self._office = office
        self._seconds = seconds
        self._listening: dict[UUID, int] = {}
        self._seqs: dict[UUID, int] = {}
        self._looked = 0.0
        self._looking = asyncio.Lock()

    async def listen(self, worker_id: UUID) -> AsyncIterator[bytes]:
        """A hint at once, for what came before, and one for whatever comes until the time is over."""
        self._listening[worker_id] = self._listening.get(worker_id, 0) + 1
        try:
            end = spoke = time.monotonic()
            end += self._seconds
            known = await self._seq(worker_id)
            yield _PULL
            while time.monotonic() < end:
                await asyncio.sleep(min(_LOOK_EVERY_SECONDS, max(0.0, end - time.monotonic())))
                newest = await self._seq(worker_id)
                if newest != known:
                    known, spoke = newest, time.monotonic()
                    yield _PULL
                elif time.monotonic() - spoke > _ALIVE_EVERY_SECONDS:
                    spoke = time.monotonic()
                    yield _ALIVE
        finally:
            self._forget(worker_id)

    async def _seq(self, worker_id: UUID) -> int:
        async with self._looking:
            stale = time.monotonic() - self._looked > _LOOK_EVERY_SECONDS / 2
            if stale or worker_id not in self._seqs:
                self._seqs = await run_in_threadpool(self._look)
                self._looked = time.monotonic()
        return self._seqs.get(worker_id, 0)

    def _look(self) -> dict[UUID, int]:
        wanted = list(self._listening)
        with self._office.look() as uow:
            return {**dict.fromkeys(wanted, 0), **uow.feed.seqs(wanted)}

    def _forget(self, worker_id: UUID) -> None:
        self._listening[worker_id] -= 1
        if not self._listening[worker_id]:
            del self._listening[worker_id]


@door.get(
    "/hint",
    responses={**may_answer(), 200: {"content": {"text/event-stream": {"schema": _EVENT}}}},
    response_class=StreamingResponse,
)
@lets(Action.SYNC)
def hint(asked: Asked, request: Request) -> Any:  # noqa: ANN401 - a stream
    """Server-sent events that only say `pull`. The stream ends after a while: open it again, and pull."""
    hints = cast("Hints", request.app.state.hints)
    return StreamingResponse(hints.listen(asked.worker.id), media_type="text/event-stream")
