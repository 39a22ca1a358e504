"""How much each may ask of us in a minute, counted across processes and borrowed in portions."""

import threading
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from app.kernel.refusal import Refusal
from app.usecases.unit_of_work import Office

_PORTIONS: Final = 30  # in a minute: one write to the database for each, and that much less exact
_KEPT_FOR: Final = timedelta(minutes=1)
_MOST_KEPT: Final = 10_000


class TooManyRequests(Refusal):
    """More was asked of us in a minute than one may."""

    code = "rate_limited"
    status = 429


class Allowance:
    """So many a minute for each who is counted, whichever process they come to. None is no limit.

    A process borrows a portion, a thirtieth of a minute's allowance, and gives it out from memory: the
    database is written to once for each portion. What all processes give out together is never more
    than was borrowed; a process may give out one portion up to a minute after it was borrowed.
    """

    def __init__(self, office: Office, purpose: str, per_minute: int | None) -> None:
        """Count for this purpose."""
        self._office = office
        self._purpose = purpose
        self._per_minute = per_minute or 0
        self._portion = max(1, self._per_minute // _PORTIONS)
        self._borrowed: dict[str, tuple[int, datetime]] = {}
        self._guard = threading.Lock()

    def take(self, who: str, now: datetime) -> None:
        """Take one. Raises: TooManyRequests, with the seconds to wait."""
        if not self._per_minute or self._from_memory(who, now):
            return
        self._borrow(who, now)

    def _from_memory(self, who: str, now: datetime) -> bool:
        with self._guard:
            left, until = self._borrowed.get(who, (0, now))
            if left < 1 or until <= now:
                return False
            self._borrowed[who] = (left - 1, until)
            return True

    def _borrow(self, who: str, now: datetime) -> None:
        with self._office.work(now) as uow:
            row = uow.allowances.index(self._purpose, who)
            # Near the limit there may be less than a portion left, and the last of it counts as well.
            for portion in dict.fromkeys((self._portion, 1)):
                if uow.allowances.take(row, share=portion / self._per_minute, now=now):
                    break
            else:
                wait = uow.allowances.wait_for(row, share=1 / self._per_minute, now=now)
                raise TooManyRequests(seconds=max(1, ceil(wait)))
        with self._guard:
            if len(self._borrowed) >= _MOST_KEPT:
                self._borrowed = {w: kept for w, kept in self._borrowed.items() if kept[1] > now}
            left, until = self._borrowed.get(who, (0, now))
            more = left if until > now else 0
            self._borrowed[who] = (more + portion - 1, now + _KEPT_FOR)
