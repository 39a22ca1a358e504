"""Queries on recordings: what was announced, what is due, what is kept where."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, TextClause, func, select, text, update

from app.calls.rules.recordings import LEASE, Problem, State
from app.calls.tables import recordings
from app.crypto.vault import Place, Vault
from app.store.files import FileRef
from app.store.rows import insert_new

# As the partial index has it, to the letter: with bound values SQLite would not see that it may use it.
_UNDER_WAY: Final = text("state IN ('announced', 'kept')")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `call_id` is None while its call is not known; `file` is where its sound is.

    `attempts` counts the tries at the step that is due, the one under way included.
    """

    id: UUID
    carrier: str
    account: str
    carrier_id: str
    call_carrier_id: str
    call_id: UUID | None
    state: State
    seconds: int
    announced_at: datetime
    attempts: int
    size_bytes: int
    media_type: str
    file: FileRef | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptSound:
    """A sound that is on disk."""

    file: FileRef
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Announced:
    """What a carrier says of a recording, by its own ids. `call_id` is our call's, where we know it."""

    id: UUID
    carrier: str
    account: str
    carrier_id: str
    call_carrier_id: str
    call_id: UUID | None
    seconds: int


class RecordingStore:
    """Recordings as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, announced: Announced, now: datetime) -> bool:
        """Keep what was announced, to be fetched at once; False for what was announced before."""
        return insert_new(self._connection, recordings, {
            "id": announced.id, "carrier": announced.carrier, "account": announced.account,
            "carrier_id": announced.carrier_id, "call_carrier_id": announced.call_carrier_id,
            "call_id": announced.call_id, "state": State.ANNOUNCED, "seconds": announced.seconds,
            "size_bytes": 0, "announced_at": now, "due_at": now, "attempts": 0,
        })  # fmt: skip

    def get(self, recording_id: UUID) -> Recording | None:
        """One recording as it is."""
        return self._one(recordings.c.id == recording_id, lock=False)

    def locked(self, recording_id: UUID) -> Recording | None:
        """One recording, locked."""
        return self._one(recordings.c.id == recording_id)

    def locked_by_carrier(self, carrier: str, account: str, carrier_id: str) -> Recording | None:
        """The recording of this carrier's id, locked."""
        return self._one(
            (recordings.c.carrier == carrier)
            & (recordings.c.account == account)
            & (recordings.c.carrier_id == carrier_id)
        )

    def known(self, carrier: str, account: str, carrier_ids: Collection[str]) -> frozenset[str]:
        """Those of the carrier's ids that are of recordings we know."""
        asked = select(recordings.c.carrier_id).where(
            recordings.c.carrier == carrier, recordings.c.account == account,
            recordings.c.carrier_id.in_(carrier_ids),
        )  # fmt: skip
        return frozenset(self._connection.execute(asked).scalars())

    def of_call(self, recording_id: UUID, call_id: UUID) -> None:
        """The recording belongs to this call."""
        self._set(recording_id, call_id=call_id)

    def lasts(self, recording_id: UUID, seconds: int) -> None:
        """The carrier knows better how long it is."""
        self._set(recording_id, seconds=seconds)

    def anything_due(self, carriers: Collection[str], now: datetime) -> bool:
        """Whether there is something to fetch from, or to delete at, one of these carriers."""
        asked = select(recordings.c.id).where(*_due(carriers, now)).limit(1)
        return self._connection.execute(asked).first() is not None

    def claim_due(self, carriers: Collection[str], now: datetime) -> Recording | None:
        """Lease what has been due longest. Nobody else gets it until the lease is over."""
        due = (
            select(recordings.c.id)
            .where(*_due(carriers, now))
            .order_by(recordings.c.due_at, recordings.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        taken = self._connection.execute(
            update(recordings)
            .where(recordings.c.id == due.scalar_subquery())
            .values(due_at=now + LEASE, attempts=recordings.c.attempts + 1)
            .returning(recordings)
        ).one_or_none()
        return self._recording(taken) if taken else None

    def keep(self, recording_id: UUID, sound: KeptSound, now: datetime) -> None:
        """The sound is here, its key sealed; the carrier's copy is to be deleted next."""
        place = Place("recording", recording_id, "file_key")
        self._set(
            recording_id, state=State.KEPT, size_bytes=sound.size_bytes, media_type=sound.media_type,
            file_name=sound.file.name, file_key=self._vault.seal_bytes(sound.file.key, place),
            kept_at=now, due_at=now, attempts=0, problem=None,
        )  # fmt: skip

    def deleted_there(self, recording_id: UUID, state: State, now: datetime) -> None:
        """The carrier holds it no longer."""
        self._set(recording_id, state=state, deleted_there_at=now, problem=None)

    def try_again(self, recording_id: UUID, *, at: datetime, problem: Problem) -> None:
        """The step did not succeed and is tried again."""
        self._set(recording_id, due_at=at, problem=problem)

    def give_up(self, recording_id: UUID, problem: Problem) -> None:
        """It could not be had."""
        self._set(recording_id, state=State.FAILED, problem=problem)

    def erase(self, recording: Recording, now: datetime) -> None:
        """Nobody can open the sound again: its key is gone. What the carrier still holds is yet to go."""
        state = recording.state if recording.state is State.KEPT else State.ERASED
        self._set(recording.id, state=state, file_name=None, file_key=None, erased_at=now)

    def any_orphans(self, before: datetime) -> bool:
        """Whether there are recordings announced before then whose call is not known."""
        asked = select(recordings.c.id).where(*_orphans(before)).limit(1)
        return self._connection.execute(asked).first() is not None

    def orphans(self, before: datetime, *, limit: int) -> list[UUID]:
        """Recordings announced before then whose call is not known."""
        asked = select(recordings.c.id).where(*_orphans(before)).order_by(recordings.c.announced_at)
        return list(self._connection.execute(asked.limit(limit)).scalars())

    def claim_old(self, before: datetime, *, limit: int) -> list[Recording]:
        """Recordings whose sound has been here since before then, locked."""
        asked = (
            select(recordings)
            .where(recordings.c.file_name.is_not(None), recordings.c.kept_at < before)
            .order_by(recordings.c.kept_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [self._recording(row) for row in self._connection.execute(asked)]

    def known_files(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the files that some recording is in."""
        asked = select(recordings.c.file_name).where(recordings.c.file_name.in_(list(names)))
        return frozenset(self._connection.execute(asked).scalars())

    def in_trouble(self, before: datetime) -> dict[tuple[State, Problem], int]:
        """How many recordings announced before then wait after a problem, by what they wait for."""
        asked = (
            select(recordings.c.state, recordings.c.problem, func.count())
            .where(
                _UNDER_WAY, recordings.c.problem.is_not(None),
                recordings.c.announced_at < before,
            )
            .group_by(recordings.c.state, recordings.c.problem)
        )  # fmt: skip
        found = self._connection.execute(asked)
        return {(State(state), Problem(problem)): number for state, problem, number in found}

    def _set(self, recording_id: UUID, **values: Any) -> None:  # noqa: ANN401 - column values
        self._connection.execute(update(recordings).where(recordings.c.id == recording_id).values(**values))

    def _one(self, condition: ColumnElement[bool], *, lock: bool = True) -> Recording | None:
        asked = select(recordings).where(condition)
        row = self._connection.execute(asked.with_for_update() if lock else asked).one_or_none()
        return self._recording(row) if row else None

    def _recording(self, row: Row[Any]) -> Recording:
        file = None
        if row.file_name and row.file_key:
            key = self._vault.open_bytes(bytes(row.file_key), Place("recording", row.id, "file_key"))
            file = FileRef(row.file_name, key)
        return Recording(
            id=row.id, carrier=row.carrier, account=row.account, carrier_id=row.carrier_id,
            call_carrier_id=row.call_carrier_id, call_id=row.call_id, state=State(row.state),
            seconds=row.seconds, announced_at=row.announced_at, attempts=row.attempts,
            size_bytes=row.size_bytes, media_type=row.media_type or "", file=file, erased_at=row.erased_at,
        )  # fmt: skip


def _due(carriers: Collection[str], now: datetime) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return (
        _UNDER_WAY,
        recordings.c.due_at <= now,
        recordings.c.carrier.in_(list(carriers)),
    )


def _orphans(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (recordings.c.call_id.is_(None), recordings.c.announced_at <= before)
