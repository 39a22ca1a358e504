"""A hotline whose callers leave messages: its carrier's line and REST interface, and the loops between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from app.audit.tables import entries
from app.calls.tables import calls, recordings
from app.cases.tables import cases
from app.identity.rules import Worker
from app.store.files import FileStore
from app.workers.recordings import Recordings, Retention
from tests.makers import Installation
from tests.peers.calls import SILENCE, Caller, Heard, Line, Script, posted_by_client, says
from tests.peers.exchange import Callback
from tests.peers.twilio import FakeTwilio
from tests.peers.voice import Recording
from tests.twilio_town import ACCOUNT, NUMBER, PUBLIC, SETTINGS, SOMEBODY, TOKEN

MP3_FRAME: Final = b"\xff\xfb\x10\xc4" + bytes(100)
SECONDS: Final = 12


def a_message(seconds: float = SECONDS) -> Script:
    """A caller who chooses Khmer and something else than the known problems, may be called, and speaks."""
    return Script("1", "6", "1", SILENCE, says(seconds, "#"))


@dataclass
class MessageTown:
    """An installation, its carrier, and that carrier's line. Callbacks wait until they are delivered."""

    here: Installation
    carrier: FakeTwilio
    line: Line

    def call(self, caller: Caller | None = None, *, from_: str = SOMEBODY, sid: str | None = None) -> Heard:
        """Somebody calls; by default they leave a message."""
        return self.line.call(from_, NUMBER, caller or a_message(), sid=sid)

    def leave(self, caller: Caller | None = None, *, from_: str = SOMEBODY) -> Recording:
        """Somebody leaves a message, and all that the carrier has to tell is told and taken."""
        self.call(caller, from_=from_)
        self.tell()
        return self.at_carrier[-1]

    def tell(self, *callbacks: Callback, times: int = 1) -> None:
        """The carrier tells these things, or all that it has to tell, and reception takes them."""
        for callback in callbacks or list(self.line.pending):
            answers = self.line.deliver(callback, times=times)
            assert {answer.status for answer in answers} == {200}
        self.here.receive()

    def told_of(self, kind: str) -> Callback:
        """The first callback of this kind that waits."""
        return next(one for one in self.line.pending if one.kind == kind)

    def work(self) -> int:
        """Let the loop of recordings do what is due; how many steps it took."""
        step = self.loop.step
        for count in range(1_000):
            if not step(self.here.clock.now()):
                return count
        raise AssertionError("the loop never came to rest")

    @property
    def loop(self) -> Recordings:
        """What brings recordings from the carrier to our files."""
        return self.here.application.recordings

    @property
    def retention(self) -> Retention:
        """What lets go of them."""
        return self.here.application.retention

    @property
    def files(self) -> FileStore:
        """Where they lie."""
        return self.here.application.recording_files

    @property
    def on_disk(self) -> list[Path]:
        """Every file in which something of a recording may lie."""
        return [path for path in self.here.application.settings.files_dir.rglob("*") if path.is_file()]

    @property
    def at_carrier(self) -> list[Recording]:
        """What was recorded there, the oldest first."""
        return list(self.carrier.recordings.values())

    @property
    def fetches(self) -> list[str]:
        """The paths of which the carrier was asked for sound."""
        return [heard.path for heard in self.carrier.requests if heard.method == "GET"]

    @property
    def rows(self) -> list[Any]:
        """Every recording that we know, the oldest first."""
        return self.read(select(recordings).order_by(recordings.c.announced_at, recordings.c.id))

    @property
    def row(self) -> Any:
        """The one recording that we know."""
        (row,) = self.rows
        return row

    @property
    def calls(self) -> list[Any]:
        """Every call that we know."""
        return self.read(select(calls).order_by(calls.c.began_at, calls.c.id))

    @property
    def cases(self) -> list[Any]:
        """Every case."""
        return self.read(select(cases).order_by(cases.c.opened_at, cases.c.id))

    def deeds(self, action: str) -> list[tuple[str, UUID | None]]:
        """Who did this to what, as the audit chain remembers."""
        found = self.read(select(entries).where(entries.c.action == action).order_by(entries.c.number))
        return [(row.actor, row.subject) for row in found]

    def kept(self, case_id: UUID) -> list[dict[str, Any]]:
        """What the timeline says of recordings that are kept."""
        return [details for kind, details in self.here.timeline(case_id) if kind == "recording.kept"]

    def read(self, asked: Any) -> list[Any]:
        """Rows of the database."""
        with self.here.office.database.read() as connection:
            return list(connection.execute(asked).all())

    def hear(self, worker: Worker, recording_id: UUID, **headers: str) -> Any:
        """A worker listens; the response."""
        return self.here.ask(worker, "GET", f"/v1/recordings/{recording_id}", headers=headers)


@contextmanager
def a_message_town(
    install: Callable[..., Installation],
    *,
    patience: float = 10,
    passed: Callable[[str], None] | None = None,
    **changes: Any,
) -> Iterator[MessageTown]:
    """A hotline at which people leave messages, and which waits for its carrier for so many seconds."""
    places: list[Installation] = []

    def now() -> datetime:
        return places[0].clock.now()

    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, numbers=[NUMBER], clock=now) as carrier:
        here = install(
            twilio_api_base_url=carrier.base_url, twilio_timeout_seconds=patience, passed=passed,
            twilio_voice_numbers=NUMBER, **SETTINGS, **changes,
        )  # fmt: skip
        places.append(here)
        line = Line(
            posted_by_client(here.client, TOKEN), ACCOUNT, PUBLIC, voice=carrier.voice, auto=False,
            status_url=f"{PUBLIC}/twilio/voice/status", clock=here.clock.now,
        )  # fmt: skip
        yield MessageTown(here, carrier, line)
