"""The loop that makes exports, one at a time, and lets go of files whose time is over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from app.exports import jobs
from app.exports.jobs import Claimed, Failure, Packed, Why
from app.exports.packing import Scratch, codebook_of, sealed
from app.exports.rules.asking import Profile
from app.kernel.clock import Clock
from app.store.files import FileRef, FileStore
from app.usecases import retaining
from app.usecases.unit_of_work import Office
from app.workers.apart import Apart, Order, Product, Trouble, make_here, trouble_of
from app.workers.loops import heartbeat_name
from app.workers.places import place_of

NAME: Final = "exports"
_LOG = structlog.get_logger(NAME)
_MADE = Counter("spean_exports_total", "Exports, by what came of them", ["profile", "result"])
# What an organisation's reports say of last year's months is asked for until next year is over. They name
# nobody.
_OWN_KEPT_FOR: Final = timedelta(days=2 * 366)
_EVERY: Final = timedelta(hours=1)


class Lost(Exception):
    """The export is not this worker's any more: it was deleted, or another took it up."""


@dataclass
class Pulse:
    """Tells the database that this worker lives, and how far it is, from a thread of its own.

    A query or an archive may take longer than a lease; what makes it must not have to think of that.
    """

    office: Office
    clock: Clock
    claimed: Claimed
    every_seconds: float
    make_way: Callable[[], None]
    rows: int = 0
    _lost: bool = False
    _over: threading.Event = field(default_factory=threading.Event)

    def progress(self, rows: int) -> None:
        """So many rows are written. Raises: Lost."""
        self.rows = rows
        self.lives()

    def lives(self) -> None:
        """A point at which others may go first, and work that nobody wants ends. Raises: Lost."""
        self.make_way()
        self.still_wanted(self.rows)

    def still_wanted(self, rows: int) -> None:
        """So many rows are written, elsewhere: nobody has to make way for that. Raises: Lost."""
        self.rows = rows
        if self._lost:
            raise Lost

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Tell it meanwhile."""
        thread = threading.Thread(target=self._run, name="exports-pulse", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.every_seconds):
            try:
                self._beat(self.clock.now())
            except Exception as problem:  # noqa: BLE001 - the next beat tries again; the lease tells in the end
                _LOG.warning("pulse_missed", error=type(problem).__name__, at=place_of(problem))

    def _beat(self, now: datetime) -> None:
        with self.office.work(now) as uow:
            self._lost = not jobs.keep_alive(uow, self.claimed, self.rows, now)
            uow.heartbeats.beat(heartbeat_name(NAME), now)


@dataclass
class Exports:
    """Makes what was asked for, and lets go of it when its time is over.

    Every step can be repeated: whoever dies on the way has its lease run out, and the next one begins
    from nothing. No file is touched while a transaction is open. What holds names is made `apart`, where
    that is given: it may be long, and it only reads. What is published writes too, and stays here, where
    writers take turns.
    """

    office: Office
    files: FileStore
    scratch: Scratch
    clock: Clock
    keep_for: timedelta
    make_way: Callable[[], None] = lambda: None
    beat_every_seconds: float = 1.0
    apart: Apart | None = None
    _sweep_at: datetime | None = None

    def step(self, now: datetime) -> bool:
        """Make what has been waiting longest. Whether there was anything to do."""
        self._sweep(now)
        gone = self._expire(now)
        with self.office.look() as uow:
            if not jobs.anything_due(uow, now):
                return gone
        ref = self.files.new()
        with self.office.work(now) as uow:
            claimed = jobs.claim(uow, ref, now=now, until=now + self.keep_for)
            making = jobs.making_of(uow, claimed, now) if claimed else None
        if claimed is None or making is None:
            return True
        if claimed.leftover:
            self._drop(claimed.leftover)
        self.scratch.sweep()
        self.office.rulebook.passed("exports.claimed")
        result = self._run(claimed, making, ref)
        _MADE.labels(claimed.job.wanted.profile.value, result).inc()
        return True

    def _run(self, claimed: Claimed, making: jobs.Making, ref: FileRef) -> str:
        """Make it, and write down what came of it; a word for that."""
        try:
            made = self._made(claimed, making, ref)
        except Lost:
            self._drop(ref.name)
            return "lost"
        except Exception as problem:  # noqa: BLE001 - it is tried again, or somebody is told why not
            return self._end(claimed, ref, trouble_of(problem))
        return self._keep(claimed, made)

    def _made(self, claimed: Claimed, making: jobs.Making, ref: FileRef) -> Packed:
        pulse = Pulse(self.office, self.clock, claimed, self.beat_every_seconds, self.make_way)
        passed = self.office.rulebook.passed
        with self.scratch.room(claimed.claim) as room, pulse.beating():
            product = self._product(Order(making, room, claimed.password), pulse)
            passed("exports.made")
            size, sha256 = sealed(self.files, ref, product.file, pulse.lives)
            passed("exports.sealed")
            made = product.made
            return Packed(ref, made.rows, sha256, size, made.manifest, codebook_of(made))

    def _product(self, order: Order, pulse: Pulse) -> Product:
        if self.apart and order.making.wanted.profile is Profile.IDENTIFIED:
            return self.apart.make(order, pulse.still_wanted)
        return make_here(self.office, order, progress=pulse.progress, lives=pulse.lives)

    def _end(self, claimed: Claimed, ref: FileRef, trouble: Trouble) -> str:
        """Nothing was made; it is tried again where that may help."""
        why, export = trouble.why, str(claimed.job.id)
        if why is None:
            _LOG.error("export_not_made", export=export, error=trouble.error, at=trouble.at,
                       tries=claimed.job.tries)  # fmt: skip
            self._drop(ref.name)
            after = self.clock.now()
            with self.office.work(after) as uow:
                jobs.put_back(uow, claimed, now=after, until=after + self.keep_for)
            return "put_back"
        if why.code == Failure.UNREADABLE:
            _LOG.error("export_unreadable", export=export, at=trouble.at)
        self._fail(claimed, ref, why)
        return "failed" if why.code == Failure.UNREADABLE else "refused"

    def _keep(self, claimed: Claimed, made: Packed) -> str:
        # Where the commit itself fails, nobody knows whether it happened: the file stays. If no row
        # knows it, it is noise to which nobody has the key, and the next try or the sweep takes it.
        after = self.clock.now()
        with self.office.work(after) as uow:
            until = after + (self.keep_for if claimed.job.asked_by else _OWN_KEPT_FOR)
            kept = jobs.finish(uow, claimed, made, now=after, until=until)
        self.office.rulebook.passed("exports.kept")
        if not kept:
            self._drop(made.file.name)
        return "done" if kept else "lost"

    def _fail(self, claimed: Claimed, ref: FileRef, why: Why) -> None:
        self._drop(ref.name)
        after = self.clock.now()
        with self.office.work(after) as uow:
            jobs.fail(uow, claimed, why, now=after, until=after + self.keep_for)

    def _expire(self, now: datetime) -> bool:
        with self.office.look() as uow:
            if not jobs.anything_over(uow, now):
                return False
        with self.office.work(now) as uow:
            names = jobs.expire(uow, now)
        for name in names:
            self._drop(name)
        return bool(names)

    def _drop(self, name: str) -> None:
        """Nothing of a file that is nobody's is left, or else the sweep finds it."""
        with suppress(OSError):
            self.files.delete(name)

    def _sweep(self, now: datetime) -> None:
        """Each hour: what died makers left in the clear, and files that no row knows."""
        if self._sweep_at is None or now >= self._sweep_at:
            self.scratch.sweep()
            retaining.sweep(self.office, self.files, jobs.known_files, now=now)
            self._sweep_at = now + _EVERY
