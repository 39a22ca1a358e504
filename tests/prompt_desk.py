"""A recording desk in a test: a hotline with one worker, and a carrier that holds what is read aloud."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.audit.tables import entries
from app.crypto.passwords import hash_password
from app.identity.rules import Worker
from app.kernel.language import Language
from app.usecases import prompting, recording_desk
from tests.makers import Installation
from tests.peers.callers import Step
from tests.peers.calls import Heard, Line, Script
from tests.peers.voice import Recording, Voice
from tests.sounds import a_wav
from tests.twilio_town import NUMBER

PHONE: Final = "+85510000777"
PIN: Final = "271828"


@dataclass(frozen=True)
class Tape:
    """A sound as the carrier gives it."""

    pieces: Iterator[bytes]


@dataclass
class Carrier:
    """What holds the recordings of a line; the next so many requests for a sound, or to delete one, fail."""

    voice: Voice
    not_there: int = 0
    not_deleted: int = 0
    sounds: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def sound(self, carrier_id: str) -> Iterator[Tape]:
        if self.not_there:
            self.not_there -= 1
            raise LookupError(carrier_id)
        recording = self.voice.recording(carrier_id)
        content = self.sounds.get("next") or recording.wav or a_wav(recording.seconds)
        yield Tape(iter([content[:1000], content[1000:]]))

    def delete(self, carrier_id: str) -> None:
        if self.not_deleted:
            self.not_deleted -= 1
            raise TimeoutError
        self.voice.recording(carrier_id).deleted = True

    @property
    def held(self) -> list[Recording]:
        return [one for one in self.voice.recordings.values() if not one.deleted]


@dataclass
class Desk:
    """A hotline with one worker, and the carrier's line to it."""

    here: Installation
    worker: Worker
    carrier: Carrier
    line: Line
    client: TestClient

    def open(self, language: Language = Language.KM) -> recording_desk.Opened:
        now = self.here.clock.now()
        pin = hash_password(PIN, cheap=True)
        with self.here.office.work(now) as uow:
            return recording_desk.open_desk(uow, self.worker.username, language, pin, now=now)

    def call(self, *steps: Step, from_: str = PHONE, **more: Any) -> Heard:
        heard = self.line.call(from_, NUMBER, Script(*steps, **more))
        assert heard.faults == []
        return heard

    def recorded(self, language: str = "km") -> dict[str, float]:
        """The recorded prompts and their seconds, all with a file as it should be."""
        with self.here.office.look() as uow:
            stock = prompting.stock(uow, language)
        made = [one for one in stock if one.prompt]
        assert prompting.faults(made, self.here.application.prompt_files) == []
        return {one.key: one.prompt.sound.milliseconds / 1000 for one in made if one.prompt}

    def count(self, table: Any) -> int:
        with self.here.office.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def deeds(self) -> list[str]:
        with self.here.office.database.read() as connection:
            return list(connection.execute(select(entries.c.action).order_by(entries.c.number)).scalars())
