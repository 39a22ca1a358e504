"""Loops on recordings: fetch, keep, delete at the carrier; and let go of what is old."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from app.kernel.clock import Clock
from app.kernel.refusal import Fault
from app.store.files import FileRef, FileStore, FileTooLarge
from app.usecases import recordings, retaining
from app.usecases.recordings import Holder, KeptSound, NotHad, Problem, Recording, State
from app.usecases.retaining import Retained
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("recordings")
_STEPS = Counter("spean_recordings_total", "Steps of recordings, by what came of them", ["step", "result"])
_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Recordings:
    """Brings what callers left from their carriers to our files. `holders` are the carriers by name.

    Fetching, keeping and deleting can each be repeated: whoever dies between two of them has its
    lease run out, and the next one goes on. Nothing is fetched while a transaction is open.
    """

    office: Office
    files: FileStore
    clock: Clock
    holders: Mapping[str, Holder]
    limit_bytes: int

    def step(self, now: datetime) -> bool:
        """Go one step on with what has been due longest. Whether there was something to look at."""
        adopted = self._adopt(now)
        with self.office.look() as uow:
            if not recordings.anything_due(uow, self.holders.keys(), now=now):
                return adopted
        with self.office.work(now) as uow:
            leased = recordings.lease(uow, self.holders.keys(), now=now)
        if leased is None:
            return adopted
        step = self._fetch if leased.state is State.ANNOUNCED else self._delete
        try:
            step(leased)
        except NotHad as failed:
            self._put_off(leased, failed.problem)
        else:
            _STEPS.labels(_name(leased), "done").inc()
        return True

    def _adopt(self, now: datetime) -> bool:
        with self.office.look() as uow:
            if not recordings.any_orphans(uow, now=now):
                return False
        with self.office.work(now) as uow:
            return recordings.adopt(uow, now=now) > 0

    def _fetch(self, leased: Recording) -> None:
        """Fetch into a new file, and make it the recording's own. Raises: NotHad."""
        ref = self.files.new()
        try:
            sound = self._stored(leased, ref)
        except Exception:
            self._drop(ref)
            raise
        self.office.rulebook.passed("recordings.fetched")
        after = self.clock.now()
        # Where the commit itself fails, nobody knows whether it happened: the file stays. If no row
        # knows it, it is noise to which nobody has the key, and the sweep takes it.
        with self.office.work(after) as uow:
            kept = recordings.keep(uow, leased, sound, now=after)
        self.office.rulebook.passed("recordings.kept")
        if not kept:
            self._drop(ref)

    def _drop(self, ref: FileRef) -> None:
        """Nothing of a file that is nobody's is left, or else the sweep finds it."""
        with suppress(OSError):
            self.files.delete(ref.name)

    def _stored(self, leased: Recording, ref: FileRef) -> KeptSound:
        """The sound on disk, and read back: soon nobody else has it. Raises: NotHad."""
        digest = hashlib.sha256()

        def passing(pieces: Iterator[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                digest.update(piece)
                yield piece

        with self.holders[leased.carrier].sound(leased.carrier_id) as sound:
            try:
                size = self.files.append(ref, passing(sound.pieces), at=0, limit=self.limit_bytes)
                if self._digest(ref, size) != digest.digest():
                    raise NotHad(Problem.NO_ROOM)
            except FileTooLarge:
                raise NotHad(Problem.TOO_LARGE) from None
            except (OSError, Fault) as broken:
                _LOG.error("recording_not_stored", recording=str(leased.id), error=type(broken).__name__)
                raise NotHad(Problem.NO_ROOM) from None
            return KeptSound(ref, size, sound.media_type)

    def _digest(self, ref: FileRef, size: int) -> bytes:
        digest = hashlib.sha256()
        for piece in self.files.read(ref, size=size):
            digest.update(piece)
        return digest.digest()

    def _delete(self, leased: Recording) -> None:
        """Delete at the carrier what we have. Raises: NotHad."""
        self.holders[leased.carrier].delete(leased.carrier_id)
        self.office.rulebook.passed("recordings.deleted")
        after = self.clock.now()
        with self.office.work(after) as uow:
            recordings.finish(uow, leased, now=after)

    def _put_off(self, leased: Recording, problem: Problem) -> None:
        after = self.clock.now()
        with self.office.work(after) as uow:
            lost = recordings.put_off(uow, leased, problem, now=after)
        _STEPS.labels(_name(leased), "lost" if lost else problem.value).inc()
        if lost or problem is not Problem.NOT_THERE:
            _LOG.warning(
                "recording_lost" if lost else "recording_put_off", recording=str(leased.id),
                step=_name(leased), problem=problem.value,
            )  # fmt: skip


@dataclass
class Retention:
    """Lets go, every hour, of recordings whose time is over, and of files that belong to nothing."""

    office: Office
    files: FileStore
    attachments: FileStore
    keep_for: timedelta
    _next_at: datetime | None = None

    def step(self, now: datetime) -> bool:
        """Look, if it is time. Whether anything was let go."""
        if self._next_at is not None and now < self._next_at:
            return False
        gone = self.once(now)
        self._next_at = now + _EVERY
        return gone != Retained()

    def once(self, now: datetime) -> Retained:
        """Everything whose time is over is gone."""
        erased = 0
        while names := self._erase(now - self.keep_for, now):
            for name in names:
                self.files.delete(name)
            erased += len(names)
        folders = ((self.files, retaining.known_recordings), (self.attachments, retaining.known_attachments))
        swept = sum(retaining.sweep(self.office, files, known, now=now) for files, known in folders)
        return Retained(erased, swept)

    def _erase(self, before: datetime, now: datetime) -> list[str]:
        with self.office.work(now) as uow:
            return retaining.erase_old(uow, before=before, now=now)


def _name(leased: Recording) -> str:
    return "fetch" if leased.state is State.ANNOUNCED else "delete"
