"""The loops of letting go: closed cases whose time is over, old texts, old arrivals; and breaches' time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from app.store.files import FileStore
from app.usecases import breaches, erasing, mending, retaining
from app.usecases.retaining import LetGo
from app.usecases.unit_of_work import Office, UnitOfWork
from app.workers.places import place_of

_LOG = structlog.get_logger("retention")
_EVERY: Final = timedelta(hours=1)

_Next = Callable[..., list[UUID]]
_Done = Callable[[UUID], bool]


@dataclass
class Forgetting:
    """Lets go, every hour, of what identifies people in cases whose time is over.

    Each case is a transaction of its own: whoever dies goes on where it was, and one case that cannot
    be handled does not hold up the others. Before each, others may go first: there may be very many.
    """

    office: Office
    files: FileStore
    note_erasures: Callable[[], int]  # in the ledger, where somebody died before they stood in it
    make_way: Callable[[], None] = lambda: None
    _next_at: datetime | None = None

    def step(self, now: datetime) -> bool:
        """Look, if it is time. Whether anything was let go."""
        if self._next_at is not None and now < self._next_at:
            return False
        gone = self.once(now)
        self._next_at = now + _EVERY
        return gone != LetGo()

    def once(self, now: datetime) -> LetGo:
        """Everything whose time is over is gone, after what older versions left behind is as it should be."""
        self.note_erasures()
        self._mend(now)
        cases, failed = self._each(retaining.next_cases, lambda one: self._pseudonymise(one, now), now)
        texts, no_texts = self._each(retaining.next_texts, lambda one: self._scrub(one, now), now)
        phones, no_phones = self._each(retaining.next_phones, lambda one: self._release(one, now), now)
        gone = LetGo(cases=cases, texts=texts, phones=phones, failed=failed + no_texts + no_phones)
        return replace(gone, arrivals=self._arrivals(now))

    def due(self, now: datetime) -> LetGo:
        """What would be let go at this time."""
        with self.office.look() as uow:
            return retaining.due(uow, now=now)

    def drop(self, names: list[str]) -> None:
        """Delete files to which nobody has a key any more."""
        for name in names:
            self.files.delete(name)

    def _each(self, following: _Next, handle: _Done, now: datetime) -> tuple[int, int]:
        """Handle one after another until none is left; how many were done, and how many could not be."""
        done, failed = 0, set[UUID]()
        while True:
            with self.office.look() as uow:
                found = following(uow, now=now, but=failed)
            if not found:
                return done, len(failed)
            for one in found:
                self.make_way()
                try:
                    changed = handle(one)
                except Exception as problem:  # noqa: BLE001 - undone; the next hour tries it again
                    _LOG.error(
                        "not_let_go", subject=str(one), error=type(problem).__name__, at=place_of(problem)
                    )
                    changed = False
                if changed:
                    done += 1
                else:
                    failed.add(one)

    def _mend(self, now: datetime) -> None:
        with self.office.look() as uow:
            if not mending.anything_to_mend(uow):
                return
        while self._mend_some(now):
            pass
        last: tuple[UUID, UUID] | None = None
        while found := self._know_phones(last, now):
            last = found

    def _mend_some(self, now: datetime) -> bool:
        self.make_way()
        with self.office.work(now) as uow:
            return mending.mend(uow, now=now) > 0

    def _know_phones(self, after: tuple[UUID, UUID] | None, now: datetime) -> tuple[UUID, UUID] | None:
        """The person and case that were looked at last; None where nobody is left."""
        self.make_way()
        with self.office.work(now) as uow:
            found = mending.next_people(uow, after)
            mending.know_phones(uow, found, now=now)
            return (found[-1][1].id, found[-1][0]) if found else None

    def _pseudonymise(self, case_id: UUID, now: datetime) -> bool:
        with self.office.work(now) as uow:
            names = erasing.pseudonymise(uow, case_id, now=now)
        self.office.rulebook.passed("retention.pseudonymised")
        self.drop(names or [])
        return names is not None

    def _scrub(self, case_id: UUID, now: datetime) -> bool:
        with self.office.work(now) as uow:
            return retaining.scrub_texts(uow, case_id, now=now)

    def _release(self, point_id: UUID, now: datetime) -> bool:
        with self.office.work(now) as uow:
            names = retaining.release(uow, point_id, now=now)
        self.drop(names)
        return True

    def _arrivals(self, now: datetime) -> int:
        after = total = 0
        while True:
            with self.office.work(now) as uow:
                after, number = retaining.scrub_arrivals(uow, after=after, now=now)
            if not number:
                return total
            total += number


@dataclass(frozen=True)
class BreachTimer:
    """Tells those in charge when the time of a breach runs out."""

    office: Office

    def step(self, now: datetime) -> bool:
        """Warn of what is due. Whether there was anything."""
        with self.office.look() as uow:
            if not breaches.anything_due(uow, now=now):
                return False
        with self.office.work(now) as uow:
            return _warn(uow, now)


def _warn(uow: UnitOfWork, now: datetime) -> bool:
    return breaches.warn(uow, now=now) > 0
