"""A hotline that people call: an installation with a carrier's line to it, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from app.calls.rules.calls import Call
from app.calls.tables import calls
from app.cases.rules.stages import Case
from app.cases.tables import tasks
from app.identity.rules import Role, Worker
from tests.makers import Installation
from tests.peers.callers import Step
from tests.peers.calls import Answers, Heard, Line, Script, nobody, posted_by_client
from tests.peers.twiml import Flavour
from tests.twilio_town import ACCOUNT, PUBLIC, SETTINGS, SOMEBODY, TOKEN

VOICE: Final = "+85523456789"
STATUS_URL: Final = f"{PUBLIC}/twilio/voice/status"
HIDDEN: Final = "anonymous"


@dataclass
class Hotline:
    """An installation, and the carrier's line to it."""

    here: Installation
    line: Line

    def call(
        self, *steps: Step, from_: str = SOMEBODY, hang_up_at: int | None = None, sid: str | None = None,
        answers: Answers = nobody,
    ) -> Heard:  # fmt: skip
        """Somebody calls, does these steps, and reception takes what the carrier tells of it."""
        self.line.answers = answers
        heard = self.line.call(from_, VOICE, Script(*steps, hang_up_at=hang_up_at), sid=sid)
        assert heard.faults == [], heard.faults
        self.here.receive()
        return heard

    def call_row(self, heard: Heard) -> Call:
        """The call as it is kept."""
        with self.here.office.look() as uow:
            row = uow.calls.locked_by_carrier("twilio", ACCOUNT, heard.sid)
        assert row is not None
        return row

    def case_of(self, heard: Heard) -> Case:
        """The case that the call is in."""
        case_id = self.call_row(heard).case_id
        assert case_id is not None
        with self.here.office.look() as uow:
            case = uow.cases.get(case_id, None)
        assert case is not None
        return case

    def calls(self) -> int:
        """How many calls there are."""
        with self.here.office.database.read() as connection:
            return len(connection.execute(select(calls.c.id)).all())

    def tasks(self) -> list[tuple[str, UUID | None]]:
        """What waits for a human: the kind and the case of each task, the oldest first."""
        asked = select(tasks.c.kind, tasks.c.case_id).where(tasks.c.done_at.is_(None))
        with self.here.office.database.read() as connection:
            found = connection.execute(asked.order_by(tasks.c.created_at, tasks.c.id))
            return [(row.kind, row.case_id) for row in found]

    def on_duty(self, phone: str, **about: Any) -> Worker:
        """A caseworker who can be rung at this phone."""
        return self.here.a_worker(about.pop("role", Role.CASEWORKER), phone=phone, **about)


def a_hotline(install: Callable[..., Installation], **changes: Any) -> Hotline:
    """A hotline with a number for calls. Callbacks come when a carrier sends them."""
    here = install(**{**SETTINGS, "twilio_voice_numbers": VOICE, **changes})
    flavour: Flavour = "twilio" if here.application.settings.twilio_screens_calls else "somleng"
    line = Line(
        posted_by_client(here.client, TOKEN), ACCOUNT, PUBLIC, flavour=flavour, clock=here.clock.now,
        status_url=STATUS_URL,
    )  # fmt: skip
    return Hotline(here, line)
