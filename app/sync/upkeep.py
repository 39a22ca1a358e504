"""What field sync does by itself: rows whose case never came find a place, and old repeats are forgotten."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from app.kernel.language import Language
from app.kernel.urgency import Urgency
from app.sync.pushing import release, release_one
from app.sync.store import HeldRow, SyncStore
from app.usecases.opening import Draft, open_case
from app.usecases.unit_of_work import Office, UnitOfWork

# As long as one waits elsewhere for a device that holds the beginning. Source: docs/sync.md#held-rows.
HOLD_FOR: Final = timedelta(days=5)
KNOW_FOR: Final = timedelta(days=90)
_AT_ONCE: Final = 100
_CASES_TRIED: Final = 1000


@dataclass(frozen=True)
class Upkeep:
    """Releases what waits, files what waited too long, forgets what was done long ago."""

    office: Office

    def step(self, now: datetime) -> bool:
        """Do what is to be done. Never busy: nobody waits for it."""
        with self.office.look() as uow:
            waiting = _store(uow).parents_awaited(_AT_ONCE)
            here = {parent for parent, _ in waiting if uow.scope.there(parent)}
        for parent in dict.fromkeys(parent for parent, _ in waiting):
            if parent in here:
                release(self.office, parent, now=now)
        for parent, since in waiting:
            if parent not in here and since <= now - HOLD_FOR:
                self._file(parent, now)
        with self.office.work(now) as uow:
            _store(uow).forget_before(now - KNOW_FOR)
        return False

    def _file(self, parent: UUID, now: datetime) -> None:
        """What waits for a case that never came goes into one that the workers' organisation looks at."""
        with self.office.look() as uow:
            waiting = _store(uow).waiting_for(parent)
        for row in waiting:
            with self.office.work(now) as uow:
                case_id = _unfiled(uow, row, now=now)
            release_one(self.office, row, {"case_id": str(case_id)}, now=now)


def _unfiled(uow: UnitOfWork, row: HeldRow, *, now: datetime) -> UUID:
    """The open case of the worker's organisation for what belongs nowhere, opened if there is none."""
    worker = uow.identity.worker(row.kept.worker_id)
    owner = (worker.organisation_id if worker else None) or row.kept.worker_id
    for number in range(_CASES_TRIED):
        case_id = uuid5(owner, f"unfiled {number}")
        case = uow.cases.locked(case_id, None)
        if case is None:
            draft = Draft(
                categories=(), urgency=Urgency.U3, language=Language.KM, channel="sync", id=case_id,
                within=worker.organisation_id if worker else None,
            )  # fmt: skip
            return open_case(uow, draft, actor="sync", now=now).id
        if case.is_open:
            return case_id
    raise RuntimeError("too many cases for what belongs nowhere")


def _store(uow: UnitOfWork) -> SyncStore:
    return SyncStore(uow.connection, uow.vault, uow.touched)
