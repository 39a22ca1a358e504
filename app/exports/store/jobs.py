"""Exports that were asked for: kept, claimed by one worker at a time, ended, listed, and let go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from app.crypto.vault import Place, Vault
from app.exports.rules.asking import Profile, Wanted, as_json, from_json
from app.exports.rules.jobs import LEASE, OPEN, Job, State, Why
from app.exports.tables import export_jobs as jobs
from app.identity.rules import SUPERVISES, Worker
from app.privacy.tables import erasures
from app.store.files import FileRef
from app.store.rows import insert_new


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is kept of an export when it is asked for."""

    id: UUID
    asked_by: UUID | None
    organisation_id: UUID | None
    wanted: Wanted
    fingerprint: bytes
    reason: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An export that one worker makes now. `leftover` is what its last, dead worker began to write."""

    job: Job
    claim: UUID
    password: str | None
    leftover: str | None


@dataclass(frozen=True, slots=True)
class Packed:
    """A file that is on disk, sealed, and what is told of it."""

    file: FileRef
    rows: int
    sha256: str
    size_bytes: int
    manifest: Mapping[str, Any]
    codebook: str


class JobStore:
    """Exports as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, new: NewJob, now: datetime) -> bool:
        """Keep it, to be made at once; False where the id was used before."""
        return insert_new(self._connection, jobs, self._values(new, State.WAITING, now))

    def add_past(self, new: NewJob, now: datetime) -> None:
        """Keep what is made elsewhere at once: no worker takes it up, and nobody fetches it here."""
        values = self._values(new, State.EXPIRED, now)
        self._connection.execute(insert(jobs).values(**values, started_at=now))

    def end_past(self, job_id: UUID, told: Mapping[str, Any], now: datetime) -> None:
        """Keep how it ended."""
        self._connection.execute(update(jobs).where(jobs.c.id == job_id).values(finished_at=now, **told))

    def _values(self, new: NewJob, state: State, now: datetime) -> dict[str, Any]:
        return {
            "id": new.id, "asked_by": new.asked_by, "organisation_id": new.organisation_id,
            "profile": new.wanted.profile.value, "format": new.wanted.format.value,
            "wanted": as_json(new.wanted), "fingerprint": new.fingerprint,
            "reason": self._vault.seal(new.reason, Place("export_job", new.id, "reason"))
            if new.reason else None,
            "password": self._vault.seal(new.password, Place("export_job", new.id, "password"))
            if new.password else None,
            "state": state, "progress": 0, "tries": 0, "due_at": now, "asked_at": now,
        }  # fmt: skip

    def get(self, job_id: UUID) -> Job | None:
        """One export that nobody deleted."""
        row = self._row(jobs.c.id == job_id, jobs.c.deleted_at.is_(None))
        return self._job(row) if row else None

    def locked(self, job_id: UUID) -> Job | None:
        """As get, locked."""
        row = self._row(jobs.c.id == job_id, jobs.c.deleted_at.is_(None), lock=True)
        return self._job(row) if row else None

    def is_repeat(self, new: NewJob) -> bool:
        """Whether the id was used for this very wish, of the same worker."""
        row = self._row(jobs.c.id == new.id, jobs.c.deleted_at.is_(None))
        return row is not None and (row.asked_by, bytes(row.fingerprint)) == (new.asked_by, new.fingerprint)

    def open_of(self, worker_id: UUID) -> int:
        """How many of this worker wait or are being made."""
        asked = select(func.count()).where(jobs.c.asked_by == worker_id, jobs.c.state.in_(OPEN))
        return int(self._connection.execute(asked).scalar_one())

    def listed(
        self, worker: Worker, profiles: Iterable[Profile], *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Job]:
        """What this worker asked for where they work now, and what is their organisation's, newest first."""
        asked = (
            select(jobs)
            .where(_belongs_to(worker), jobs.c.profile.in_([item.value for item in profiles]))
            .where(jobs.c.deleted_at.is_(None))
            .order_by(jobs.c.asked_at.desc(), jobs.c.id.desc())
            .limit(limit)
        )
        if after:
            moment, job_id = after
            place = tuple_(literal(moment, jobs.c.asked_at.type), literal(job_id, jobs.c.id.type))
            asked = asked.where(tuple_(jobs.c.asked_at, jobs.c.id) < place)
        return [self._job(row) for row in self._connection.execute(asked)]

    def anything_due(self, now: datetime) -> bool:
        """Whether an export waits, or is held by a worker that has long been silent."""
        return self._connection.execute(select(jobs.c.id).where(*_due(now)).limit(1)).first() is not None

    def claim_due(self, claim: UUID, draft_name: str, now: datetime) -> Claimed | None:
        """Take the one that has been due longest. What is known of a former try begins from nothing."""
        due = (
            select(jobs.c.id, jobs.c.draft_name)
            .where(*_due(now))
            .order_by(jobs.c.due_at, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = self._connection.execute(due).one_or_none()
        if found is None:
            return None
        row = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == found.id)
            .values(
                state=State.RUNNING, claim=claim, draft_name=draft_name, due_at=now + LEASE, started_at=now,
                tries=jobs.c.tries + 1, progress=0,
            )
            .returning(jobs)
        ).one()  # fmt: skip
        password = None
        if row.password is not None:
            password = self._vault.open(bytes(row.password), Place("export_job", row.id, "password"))
        return Claimed(self._job(row), claim, password, found.draft_name)

    def keep_alive(self, claimed: Claimed, progress: int, now: datetime) -> bool:
        """The worker lives and has written so many rows; False where the export is no longer its own."""
        return self._mine(claimed, progress=progress, due_at=now + LEASE)

    def finish(self, claimed: Claimed, packed: Packed, *, now: datetime, until: datetime) -> bool:
        """The file is there, its key sealed, the password gone; False where it is no longer this worker's."""
        place = Place("export_job", claimed.job.id, "file_key")
        return self._mine(
            claimed, state=State.DONE, progress=packed.rows, rows=packed.rows, draft_name=None,
            file_name=packed.file.name, file_key=self._vault.seal_bytes(packed.file.key, place),
            sha256=packed.sha256, size_bytes=packed.size_bytes, manifest=dict(packed.manifest),
            codebook=packed.codebook, finished_at=now, expires_at=until, password=None, claim=None,
        )  # fmt: skip

    def fail(self, claimed: Claimed, why: Why, *, now: datetime, until: datetime) -> bool:
        """There will be no file, and the password is gone; False where it is no longer this worker's."""
        return self._mine(
            claimed, state=State.FAILED, failure=why.code, failure_details=dict(why.details), finished_at=now,
            expires_at=until, password=None, claim=None, draft_name=None,
        )  # fmt: skip

    def put_back(self, claimed: Claimed, at: datetime) -> bool:
        """It is tried again then; False where it is no longer this worker's."""
        return self._mine(claimed, state=State.WAITING, claim=None, due_at=at, draft_name=None, progress=0)

    def delete(self, job: Job, failure: str, now: datetime) -> str | None:
        """Nobody sees it again, and nobody can open its file, whose name is returned. The row stays."""
        row = self._row(jobs.c.id == job.id)
        values: dict[str, Any] = {
            "deleted_at": now,
            "file_name": None,
            "file_key": None,
            "password": None,
            "claim": None,
        }
        if job.state in OPEN:
            values |= {"state": State.FAILED, "failure": failure, "finished_at": now, "draft_name": None}
        elif job.state is State.DONE:
            values["state"] = State.EXPIRED
        self._connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))
        return row.file_name or row.draft_name if row else None

    def any_over(self, now: datetime) -> bool:
        """Whether there are files that nobody is to have any more."""
        return self._connection.execute(select(jobs.c.id).where(*_over(now)).limit(1)).first() is not None

    def expire(self, now: datetime, *, limit: int) -> list[tuple[UUID, str]]:
        """Nobody can open the files that nobody is to have: their keys are gone. Ids, and names on disk."""
        found = self._connection.execute(
            select(jobs.c.id, jobs.c.file_name)
            .where(*_over(now))
            .order_by(jobs.c.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        gone = update(jobs).where(jobs.c.id.in_([row.id for row in found]))
        if found:
            self._connection.execute(gone.values(state=State.EXPIRED, file_name=None, file_key=None))
        return [(row.id, row.file_name) for row in found]

    def known_files(self, names: Sequence[str]) -> frozenset[str]:
        """Those of the files that some export is in, or is being written to."""
        found: set[str] = set()
        for column in (jobs.c.file_name, jobs.c.draft_name):
            found |= set(self._connection.execute(select(column).where(column.in_(names))).scalars())
        return frozenset(found)

    def _mine(self, claimed: Claimed, **values: Any) -> bool:  # noqa: ANN401 - column values
        changed = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == claimed.job.id, jobs.c.claim == claimed.claim)
            .values(**values)
            .returning(jobs.c.id)
        )
        return changed.first() is not None

    def _row(self, *conditions: ColumnElement[bool], lock: bool = False) -> Row[Any] | None:
        asked = select(jobs).where(*conditions)
        return self._connection.execute(asked.with_for_update() if lock else asked).one_or_none()

    def _job(self, row: Row[Any]) -> Job:
        file = None
        if row.file_name and row.file_key:
            key = self._vault.open_bytes(bytes(row.file_key), Place("export_job", row.id, "file_key"))
            file = FileRef(row.file_name, key)
        return Job(
            id=row.id, asked_by=row.asked_by, organisation_id=row.organisation_id,
            wanted=from_json(row.wanted), state=State(row.state), asked_at=row.asked_at, tries=row.tries,
            progress=row.progress, rows=row.rows, failure=row.failure,
            failure_details=row.failure_details or {}, started_at=row.started_at,
            finished_at=row.finished_at, expires_at=row.expires_at, sha256=row.sha256,
            size_bytes=row.size_bytes, file=file, manifest=row.manifest, codebook=row.codebook,
        )  # fmt: skip


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    # Literals, or the partial index stays unused.
    states = [literal(state.value, literal_execute=True) for state in (State.WAITING, State.RUNNING)]
    return (jobs.c.state.in_(states), jobs.c.due_at <= now)


def _over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Files whose time is over, and those with names that were read before somebody was erased."""
    erased_at = select(func.max(erasures.c.at)).scalar_subquery()
    outdated = and_(jobs.c.profile == Profile.IDENTIFIED.value, jobs.c.started_at <= erased_at)
    return (jobs.c.file_name.is_not(None), or_(jobs.c.expires_at <= now, outdated))


def _belongs_to(worker: Worker) -> ColumnElement[bool]:
    here = (
        jobs.c.organisation_id.is_(None)
        if worker.organisation_id is None
        else jobs.c.organisation_id == worker.organisation_id
    )
    own = (jobs.c.asked_by == worker.id) & here
    if worker.role not in SUPERVISES or worker.organisation_id is None:
        return own
    return own | (jobs.c.asked_by.is_(None) & (jobs.c.organisation_id == worker.organisation_id))
