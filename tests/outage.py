"""A hotline that goes down while people call, and the loop that finds what they did when it is back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from app.bootstrap import twilio_voice_reconciler
from app.cases.tables import tasks
from app.channels.twilio.voice_reconciler import VoiceReconciler
from tests.makers import Installation
from tests.message_town import SECONDS, MessageTown, a_message_town
from tests.peers.calls import Heard, Script
from tests.peers.rest import new_sid
from tests.peers.voice import Call, Recording
from tests.twilio_town import NUMBER, SOMEBODY

BEEP: Final = "+85523999000"


@dataclass
class Outage(MessageTown):
    """A town whose database goes away: callers are told to leave a message, and nothing is told to us."""

    reconciler: VoiceReconciler
    broken: list[bool]

    def away(self, *steps: Any, from_: str = SOMEBODY, to: str = NUMBER) -> Heard:
        """Somebody calls while we are out of order; what the carrier has to tell waits."""
        self.broken.append(True)
        heard = self.line.call(from_, to, Script(*steps))
        self.broken.clear()
        return heard

    def untold(self, *, from_: str = SOMEBODY, to: str = NUMBER, **about: Any) -> Call:
        """A call of which our server heard nothing at all."""
        call = Call(new_sid("CA"), to, from_, self.here.clock.now(), **{
            "status": "completed", "direction": "inbound", "seconds": 4, **about,
        })  # fmt: skip
        self.carrier.voice.came_in(call)
        return call

    def left_in(self, call: Call) -> Recording:
        """A message that was left in a call."""
        return self.carrier.voice.record(new_sid("RE"), call.sid, SECONDS)

    def look(self, **later: float) -> bool:
        """Look when so much time has passed, let reception take what was found, and fetch it."""
        found = self.reconciler.step(self.here.clock.forward(**(later or {"minutes": 5})))
        self.here.receive()
        self.work()
        return found

    def asked(self, what: str) -> list[str]:
        """The paths of what the carrier was asked of this kind."""
        return [heard.path for heard in self.carrier.requests if f"/{what}" in heard.path]

    def tasks(self) -> list[tuple[str, Any]]:
        """What waits for a human, with its case."""
        return [(row.kind, row.case_id) for row in self.read(select(tasks).where(tasks.c.done_at.is_(None)))]

    def phone(self) -> str | None:
        """The phone of the one call that we know."""
        point_id = self.calls[0].contact_point_id
        with self.here.office.look() as uow:
            return uow.intake.phones([point_id])[point_id].e164 if point_id else None


@contextmanager
def an_outage(install: Callable[..., Installation], **changes: Any) -> Iterator[Outage]:
    """A town with a number to ring, and one that is answered, which breaks when it is told to."""
    broken: list[bool] = []

    def passed(point: str) -> None:
        if broken and point == "before_commit":
            raise OSError

    changes = {"missed_call_numbers": BEEP, "patience": 1, **changes}
    with a_message_town(install, passed=passed, **changes) as town:
        reconciler = twilio_voice_reconciler(town.here.application.settings, town.here.office)
        assert reconciler is not None
        yield Outage(town.here, town.carrier, town.line, reconciler, broken)
