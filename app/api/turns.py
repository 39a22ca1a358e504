"""Large pulls one after the other, so that a short one never waits for all of them."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

_AT_ONCE: Final = 1  # one thread at a time runs Python: a second one would only make every other wait
_USUAL_SECONDS: Final = sys.getswitchinterval()
_GIVE_WAY_SECONDS: Final = 0.0005
_REMEMBERED: Final = 20_000
_Answer = TypeVar("_Answer")


def _giving_way(work: Callable[[], _Answer]) -> _Answer:
    """The work done, while whoever asks for the interpreter is given it soon.

    A short pull asks for it after each of its looks at the database, and would wait 5 ms each time. At other
    times that is best: where all are short it only costs to change hands more often. Source:
    docs/performance.md#door. One large page is made at a time, so nobody else sets this meanwhile.
    """
    sys.setswitchinterval(_GIVE_WAY_SECONDS)
    try:
        return work()
    finally:
        sys.setswitchinterval(_USUAL_SECONDS)


class Turns:
    """The pulls of this process. A device that has much to be told waits here, without a thread.

    A pull is large where it is a device's first, or goes on after a page that was not the last: nobody
    else is told more than a page. Another process does not know which pages were not the last here; there
    one page is made out of turn.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        # A server has one loop; in tests each request may have its own, and they must not meet here.
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._going_on: OrderedDict[str, None] = OrderedDict()

    async def take(self, cursor: str | None, work: Callable[[], _Answer]) -> _Answer:
        """What the work gives: at once for a short pull, in turn for a large one."""
        if cursor and cursor not in self._going_on:
            return await run_in_threadpool(work)
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
        async with slots:
            return await run_in_threadpool(_giving_way, work)

    def goes_on(self, cursor: str) -> None:
        """There is more to tell after this cursor."""
        self._going_on[cursor] = None
        if len(self._going_on) > _REMEMBERED:
            self._going_on.popitem(last=False)
