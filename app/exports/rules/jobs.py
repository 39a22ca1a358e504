"""An export on its way: its states, who may see it, how often it is tried, and why it may be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.exports.rules.asking import Profile, Wanted
from app.identity.rules import SUPERVISES, Action, Worker
from app.kernel.refusal import Refusal
from app.store.files import FileRef

MOST_TRIES: Final = 3
MOST_OPEN: Final = 10  # of one worker, waiting or being made
# A worker says that it lives each second or so; one that was silent for so long is taken for dead.
LEASE: Final = timedelta(seconds=60)
_WAIT_AGAIN: Final = timedelta(seconds=30)
# Which of the two capabilities takes out what.
_ASKS: Final = {Profile.IDENTIFIED: Action.EXPORT_CASES}


class State(StrEnum):
    """How far an export has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN: Final = frozenset({State.WAITING, State.RUNNING})


class Failure(StrEnum):
    """Why an export failed where no rule of its content says so; a key of the catalogues."""

    ASKER_CHANGED = "export.asker_changed"
    UNREADABLE = "export.unreadable"
    GAVE_UP = "export.gave_up"
    WITHDRAWN = "export.withdrawn"


@dataclass(frozen=True, slots=True)
class Why:
    """Why an export failed: a key of the catalogues below `refusal.`, and what its words hold."""

    code: str
    details: Mapping[str, Any] = field(default_factory=dict)


class NotReady(Refusal):
    """The file is not there yet."""

    code = "export.not_ready"
    status = 409


class HasFailed(Refusal):
    """There will be no file."""

    code = "export.failed"
    status = 409


class Expired(Refusal):
    """The time of the file is over."""

    code = "export.expired"
    status = 410


class TooManyOpen(Refusal):
    """This worker has enough exports on their way."""

    code = "export.too_many_open"
    status = 429


@dataclass(frozen=True, slots=True)
class Job:
    """One export. `asked_by` is None for what belongs to the supervisors of its organisation.

    `organisation_id` is the asker's when they asked. `progress` counts rows so far, `rows` all of them.
    """

    id: UUID
    asked_by: UUID | None
    organisation_id: UUID | None
    wanted: Wanted
    state: State
    asked_at: datetime
    tries: int = 0
    progress: int = 0
    rows: int | None = None
    failure: str | None = None
    failure_details: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    file: FileRef | None = None
    manifest: Mapping[str, Any] | None = None
    codebook: str | None = None

    def as_of(self, now: datetime) -> State:
        """The state; a file whose time is over is expired, whether or not somebody took it away."""
        over = self.state is State.DONE and self.expires_at is not None and now >= self.expires_at
        return State.EXPIRED if over else self.state

    def must_be_there(self, now: datetime) -> FileRef:
        """The file. Raises: NotReady, HasFailed, Expired."""
        state = self.as_of(now)
        if state in OPEN:
            raise NotReady
        if state is State.FAILED:
            raise HasFailed
        if state is State.EXPIRED or self.file is None:
            raise Expired
        return self.file

    @property
    def file_kind(self) -> str:
        """The ending of the file's name: what holds names is an archive."""
        return "zip" if self.wanted.profile is Profile.IDENTIFIED else self.wanted.format.value

    @property
    def download_name(self) -> str:
        """A name for the file that tells nothing but its profile and its time."""
        at = self.started_at or self.asked_at
        return f"spean-{self.wanted.profile.value}-{at:%Y%m%dT%H%M%SZ}.{self.file_kind}"


def action_for(profile: Profile) -> Action:
    """The capability that it takes to have this."""
    return _ASKS.get(profile, Action.READ_STATISTICS)


def is_seen_by(job: Job, worker: Worker) -> bool:
    """Whether the export is this worker's still: asked by them, where they work now, and theirs to have.

    What nobody asked for belongs to those who are in charge of its organisation.
    """
    if not worker.may(action_for(job.wanted.profile)) or job.organisation_id != worker.organisation_id:
        return False
    if job.asked_by is None:
        return worker.role in SUPERVISES and job.organisation_id is not None
    return job.asked_by == worker.id


def again_at(now: datetime, tries: int) -> datetime:
    """When a job is tried again that did not succeed."""
    return now + _WAIT_AGAIN * tries
