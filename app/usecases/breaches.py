"""The log of breaches of personal data, and the 72 hours within which an authority is told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.identity.rules import Action, Role, Worker
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound
from app.outbox.rules import Purpose
from app.privacy.rules import WARN_BEFORE, Breach, due_at, must_make_sense
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import Words, say_last

# One warning while there is still time, one when there is none.
_WARNINGS: Final = (WARN_BEFORE, timedelta(0))
_TASK: Final = "breach_notice"


@dataclass(frozen=True, slots=True)
class Noticed:
    """What somebody writes down of a breach. `kinds` are codes; `id` is the device's own, if it made one."""

    kinds: tuple[str, ...]
    what: str
    noticed_at: datetime
    happened_at: datetime | None = None
    records_estimate: int | None = None
    id: UUID | None = None


def log(uow: UnitOfWork, worker: Worker, noticed: Noticed, *, now: datetime) -> Breach:
    """Write a breach down; from then on its time runs. The same id again is the same breach.

    Raises: NotAllowed, NoticedTooLate.
    """
    worker.must_be_allowed(Action.LOG_BREACHES)
    must_make_sense(happened_at=noticed.happened_at, noticed_at=noticed.noticed_at, now=now)
    if noticed.id and (known := uow.breaches.locked(noticed.id)):
        return known
    breach = Breach(
        noticed.id or new_id(now), noticed.kinds, noticed.what, noticed.records_estimate,
        noticed.happened_at, noticed.noticed_at, due_at(noticed.noticed_at), worker.id, now,
    )  # fmt: skip
    uow.breaches.add(breach)
    uow.records.add_task(kind=_TASK, case_id=None, subject_id=breach.id, due_at=breach.due_at, now=now)
    details = {"kinds": list(breach.kinds), "records_estimate": breach.records_estimate}
    uow.audit.record(Deed("breach.logged", str(worker.id), breach.id, details))
    return breach


def listed(uow: UnitOfWork, worker: Worker) -> list[Breach]:
    """Every breach, the newest first; the audit chain remembers who looked. Raises: NotAllowed."""
    worker.must_be_allowed(Action.LOG_BREACHES)
    uow.audit.record(Deed("breaches.read", str(worker.id)))
    return uow.breaches.listed()


def notified(uow: UnitOfWork, worker: Worker, breach_id: UUID, *, now: datetime) -> Breach:
    """The authority was told: the time runs no more. Raises: NotAllowed, NotFound, BreachIsClosed."""
    return _move(uow, worker, breach_id, lambda breach: breach.notified(now), "breach.notified")


def closed(uow: UnitOfWork, worker: Worker, breach_id: UUID, *, now: datetime) -> Breach:
    """Nothing more is to be done. Raises: NotAllowed, NotFound."""
    return _move(uow, worker, breach_id, lambda breach: breach.closed(now), "breach.closed")


def anything_due(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether those in charge are to be warned of a breach."""
    return uow.breaches.any_due(now + ahead for ahead in _WARNINGS)


def warn(uow: UnitOfWork, *, now: datetime) -> int:
    """Warn of each breach a day before its time is over, and when it is. Returns how many warnings.

    One that was noticed so late that both are due is warned of once, as over.
    """
    found = uow.breaches.due(now + ahead for ahead in _WARNINGS)
    for breach, _ in found:
        is_over = breach.due_at <= now
        uow.breaches.warned(breach.id, len(_WARNINGS) if is_over else 1)
        _alert(uow, now=now)
        uow.records.add_task(
            kind="breach_overdue" if is_over else "breach_due_soon", case_id=None, subject_id=breach.id,
            due_at=breach.due_at, now=now,
        )  # fmt: skip
        uow.audit.record(Deed("breach.overdue" if is_over else "breach.due_soon", "breaches", breach.id))
    return len(found)


def _alert(uow: UnitOfWork, *, now: datetime) -> None:
    """Tell coordinators and admins, in words that name nobody and nothing."""
    in_charge = [
        worker_id
        for role in (Role.COORDINATOR, Role.ADMIN)
        for worker_id in uow.identity.with_role(role, None)
    ]
    for worker_id, (phone, language) in sorted(uow.identity.phones(in_charge).items()):
        words = Words(
            phone, ("staff.look_at_log",), language, None, {}, Purpose.STAFF_ESCALATION, worker_id=worker_id
        )
        say_last(uow, words, now=now)


def _move(
    uow: UnitOfWork, worker: Worker, breach_id: UUID, change: Callable[[Breach], Breach], action: str
) -> Breach:
    worker.must_be_allowed(Action.LOG_BREACHES)
    breach = uow.breaches.locked(breach_id)
    if breach is None:
        raise NotFound
    moved = change(breach)
    if moved != breach:
        uow.breaches.save(moved)
        uow.audit.record(Deed(action, str(worker.id), breach_id))
    return moved
