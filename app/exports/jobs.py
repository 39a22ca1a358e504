"""Exports as jobs: asked for, made by a worker, fetched by who asked, let go when their time is over.

What is noted in the audit chain is committed before the first row is read, and before the first byte of a
file goes out. Only who asked may know of an export, as long as they work where they asked, and may.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app.audit.rules import Deed
from app.cases.rules.stages import Sight
from app.exports.checking import must_be_answerable
from app.exports.making import Making
from app.exports.rules.asking import Profile, Wanted, as_json, must_be_protected
from app.exports.rules.jobs import (
    MOST_OPEN,
    MOST_TRIES,
    Expired,
    Failure,
    Job,
    State,
    TooManyOpen,
    Why,
    action_for,
    again_at,
    is_seen_by,
)
from app.exports.service import OPERATOR
from app.exports.store.jobs import Claimed, JobStore, NewJob, Packed
from app.identity.rules import Worker
from app.kernel.ids import new_id
from app.kernel.refusal import NotAllowed, NotFound
from app.store.files import FileRef
from app.usecases.case_work import IdConflict
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import UnitOfWork

_ITSELF: Final = "exports"
_AT_ONCE: Final = 100

__all__ = [
    "Asked",
    "Claimed",
    "Ended",
    "Expired",
    "Failure",
    "Job",
    "Making",
    "Packed",
    "State",
    "Why",
    "action_for",
    "anything_due",
    "anything_over",
    "ask",
    "ask_for_organisation",
    "begin_for_operator",
    "claim",
    "delete",
    "download",
    "end_for_operator",
    "expire",
    "fail",
    "finish",
    "keep_alive",
    "known_files",
    "listed",
    "making_of",
    "put_back",
    "see",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish for an export. `id` is the caller's own, where they gave one, to make repeating it safe."""

    worker: Worker
    wanted: Wanted
    id: UUID | None = None
    reason: str | None = None
    password: str | None = None


def ask(uow: UnitOfWork, asked: Asked, now: datetime) -> Job:
    """The export waits to be made; a repeat of the same wish is answered as the first.

    A fresh sign-in is the door's to ask for. Raises: NotAllowed, ReasonNeeded, PasswordNeeded,
    WeakPassword, PasswordUnused, TooManyOpen, IdConflict; and what `must_be_answerable` raises.
    """
    worker, wanted = asked.worker, asked.wanted
    worker.must_be_allowed(action_for(wanted.profile))
    must_be_answerable(uow, wanted, worker.organisation_id, now)
    must_be_protected(wanted, reason=asked.reason, password=asked.password, username=worker.username)
    store, job_id = _store(uow), asked.id or new_id(now)
    new = NewJob(
        job_id, worker.id, worker.organisation_id, wanted, _fingerprint(uow, asked), asked.reason,
        asked.password,
    )  # fmt: skip
    if store.is_repeat(new):
        return _there(store, job_id)
    if store.open_of(worker.id) >= MOST_OPEN:
        raise TooManyOpen(most=MOST_OPEN)
    if not store.add(new, now):
        raise IdConflict
    uow.audit.record(Deed("export.asked", str(worker.id), job_id, _told(wanted)))
    return _there(store, job_id)


def ask_for_organisation(
    uow: UnitOfWork, organisation_id: UUID, wanted: Wanted, now: datetime, *, job_id: UUID
) -> Job | None:
    """The export waits to be made, and belongs to those who are in charge of the organisation.

    For what the program makes by itself. None where it was asked for under this id before, whatever came
    of it. Raises: as `ask` of the wish, also where it would hold names.
    """
    must_be_answerable(uow, wanted, organisation_id, now)
    must_be_protected(wanted, reason=None, password=None, username="")
    store = _store(uow)
    fingerprint = uow.vault.index("export", f"{organisation_id}\x00{_written(wanted)}")
    if not store.add(NewJob(job_id, None, organisation_id, wanted, fingerprint), now):
        return None
    uow.audit.record(Deed("export.asked", _ITSELF, job_id, _told(wanted)))
    return _there(store, job_id)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an export of the command line ended; without rows, it failed."""

    job_id: UUID
    rows: int | None = None
    sha256: str | None = None
    size_bytes: int | None = None


def begin_for_operator(
    uow: UnitOfWork, wanted: Wanted, reason: str | None, *, password: str | None, now: datetime
) -> Making:
    """What whoever runs the installation makes at once, of every case. That it begins is noted, and why.

    Raises: what `ask` raises of the wish.
    """
    must_be_answerable(uow, wanted, None, now)
    must_be_protected(wanted, reason=reason, password=password, username="")
    job_id = new_id(now)
    fingerprint = uow.vault.index("export", f"{OPERATOR}\x00{_written(wanted)}")
    _store(uow).add_past(NewJob(job_id, None, None, wanted, fingerprint, reason), now)
    uow.audit.record(Deed("export.started", OPERATOR, job_id, _told(wanted)))
    return Making(job_id, wanted, None, now)


def end_for_operator(uow: UnitOfWork, ended: Ended, *, now: datetime) -> None:
    """How it ended is noted."""
    details = {"rows": ended.rows, "sha256": ended.sha256, "size_bytes": ended.size_bytes}
    _store(uow).end_past(ended.job_id, details, now)
    deed = "export.failed" if ended.rows is None else "export.finished"
    uow.audit.record(Deed(deed, OPERATOR, ended.job_id, details if ended.rows is not None else {}))


def see(uow: UnitOfWork, worker: Worker, job_id: UUID) -> Job:
    """One export. Raises: NotFound, also for what is not this worker's, or is so no longer."""
    job = _store(uow).get(job_id)
    if job is None or not is_seen_by(job, worker):
        raise NotFound
    return job


def listed(
    uow: UnitOfWork, worker: Worker, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[Job], bool]:
    """One page of this worker's exports, newest first, and whether there are more."""
    profiles = [profile for profile in Profile if worker.may(action_for(profile))]
    found = _store(uow).listed(worker, profiles, after=after, limit=limit + 1)
    return found[:limit], len(found) > limit


def download(
    uow: UnitOfWork, worker: Worker, job_id: UUID, now: datetime, *, part: str | None = None
) -> tuple[Job, FileRef]:
    """The export and its file; that it was fetched is noted. `part` is what of it was asked for.

    The caller commits before the first byte. Raises: NotFound, NotReady, HasFailed, Expired.
    """
    job = see(uow, worker, job_id)
    file = job.must_be_there(now)
    details = {"profile": job.wanted.profile.value, "sha256": job.sha256, "range": part}
    uow.audit.record(Deed("export.downloaded", str(worker.id), job_id, details))
    return job, file


def delete(uow: UnitOfWork, worker: Worker, job_id: UUID, now: datetime) -> str | None:
    """Nobody sees the export again; the name of the file to be removed, if there is one.

    What is being made is not finished. Raises: NotFound; NotAllowed for what is the whole organisation's.
    """
    store = _store(uow)
    job = store.locked(job_id)
    if job is None or not is_seen_by(job, worker):
        raise NotFound
    if job.asked_by is None:
        raise NotAllowed
    uow.audit.record(Deed("export.deleted", str(worker.id), job_id, {"state": job.state.value}))
    return store.delete(job, Failure.WITHDRAWN, now)


def anything_due(uow: UnitOfWork, now: datetime) -> bool:
    """Whether an export is to be made."""
    return _store(uow).anything_due(now)


def claim(uow: UnitOfWork, file: FileRef, *, now: datetime, until: datetime) -> Claimed | None:
    """The export that has been due longest, for this worker alone, to be written to this file.

    None where there is none, or where it cannot be: it killed too many workers, or who asked may not
    have it any more; then it has failed, and `until` is how long that is told. That it begins is noted.
    """
    store = _store(uow)
    claimed = store.claim_due(new_id(now), file.name, now)
    if claimed is None:
        return None
    job = claimed.job
    problem = _hindrance(uow, job)
    if problem:
        fail(uow, claimed, Why(problem), now=now, until=until)
        return None
    details = {**_told(job.wanted), "try": job.tries}
    uow.audit.record(Deed("export.started", _actor(job), job.id, details))
    return claimed


def making_of(uow: UnitOfWork, claimed: Claimed, now: datetime) -> Making:
    """All that is needed to make the file: whose eyes it is made for, and of which moment."""
    job = claimed.job
    return Making(job.id, job.wanted, _sight(uow, job), now)


def keep_alive(uow: UnitOfWork, claimed: Claimed, progress: int, now: datetime) -> bool:
    """The worker lives, and has come so far. False: the export is no longer its own."""
    return _store(uow).keep_alive(claimed, progress, now)


def finish(uow: UnitOfWork, claimed: Claimed, packed: Packed, *, now: datetime, until: datetime) -> bool:
    """The file can be fetched until then. False: nobody waits for it any more, and it is to be removed.

    Who asked may have lost the right to it while it was made.
    """
    job = claimed.job
    if problem := _hindrance(uow, replace(job, tries=0)):
        fail(uow, claimed, Why(problem), now=now, until=until)
        return False
    if not _store(uow).finish(claimed, packed, now=now, until=until):
        return False
    details = {"rows": packed.rows, "sha256": packed.sha256, "size_bytes": packed.size_bytes}
    uow.audit.record(Deed("export.finished", _actor(job), job.id, details))
    return True


def fail(uow: UnitOfWork, claimed: Claimed, why: Why, *, now: datetime, until: datetime) -> None:
    """There will be no file, and everybody who may know is told why."""
    if _store(uow).fail(claimed, why, now=now, until=until):
        job = claimed.job
        uow.audit.record(Deed("export.failed", _actor(job), job.id, {"because": why.code}))


def put_back(uow: UnitOfWork, claimed: Claimed, *, now: datetime, until: datetime) -> None:
    """It is tried again in a while, from nothing; after the last try it has failed."""
    if claimed.job.tries >= MOST_TRIES:
        fail(uow, claimed, Why(Failure.GAVE_UP), now=now, until=until)
    else:
        _store(uow).put_back(claimed, again_at(now, claimed.job.tries))


def anything_over(uow: UnitOfWork, now: datetime) -> bool:
    """Whether there are files whose time is over."""
    return _store(uow).any_over(now)


def expire(uow: UnitOfWork, now: datetime) -> list[str]:
    """Nobody can open the files whose time is over; their names on disk, to be removed."""
    gone = _store(uow).expire(now, limit=_AT_ONCE)
    for job_id, _ in gone:
        uow.audit.record(Deed("export.expired", _ITSELF, job_id))
    return [name for _, name in gone]


def known_files(uow: UnitOfWork, names: Sequence[str]) -> frozenset[str]:
    """Those of the files that belong to an export."""
    return _store(uow).known_files(names)


def _store(uow: UnitOfWork) -> JobStore:
    return JobStore(uow.connection, uow.vault)


def _there(store: JobStore, job_id: UUID) -> Job:
    job = store.get(job_id)
    if job is None:
        raise NotFound
    return job


def _fingerprint(uow: UnitOfWork, asked: Asked) -> bytes:
    # Without the password: nothing may stay here against which one could be tried.
    return uow.vault.index("export", f"{asked.worker.id}\x00{_written(asked.wanted)}\x00{asked.reason or ''}")


def _written(wanted: Wanted) -> str:
    return orjson.dumps(as_json(wanted), option=orjson.OPT_SORT_KEYS).decode()


def _told(wanted: Wanted) -> dict[str, Any]:
    """What the audit chain holds of a wish: which filters, not which values."""
    narrowed = [name for name in ("since", "until", "updated_since") if getattr(wanted, name)]
    return {
        "profile": wanted.profile.value, "format": wanted.format.value, "locale": wanted.locale,
        "filters": [*narrowed, *sorted(wanted.filters)],
    }  # fmt: skip


def _actor(job: Job) -> str:
    return str(job.asked_by) if job.asked_by else _ITSELF


def _hindrance(uow: UnitOfWork, job: Job) -> str | None:
    """Why the export must not be made, if it must not."""
    if job.tries > MOST_TRIES:
        return Failure.GAVE_UP
    if job.asked_by is None:
        return None
    asker = uow.identity.worker(job.asked_by)
    return None if asker and is_seen_by(job, asker) else Failure.ASKER_CHANGED


def _sight(uow: UnitOfWork, job: Job) -> Sight:
    """Whose eyes it is made for. An organisation's own report counts its cases, those with children too."""
    if job.asked_by is None:
        return Sight(job.id, job.organisation_id, coordinates=False, trained_for_children=True)
    asker = uow.identity.worker(job.asked_by)
    if asker is None:
        raise NotFound
    return sight_of(asker)
