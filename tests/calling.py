"""A hotline that calls people: its numbers, its dialler, and the carrier that makes the calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from app.bootstrap import twilio_caller
from app.calls.tables import dials, missed_calls
from app.workers.dialling import CallBacks, Dialler
from tests.hotline import STATUS_URL, VOICE, Hotline
from tests.makers import Installation
from tests.peers.callers import Picks, Step
from tests.peers.calls import NO_ANSWER, Heard, Line, Script, posted_by_client
from tests.peers.twilio import FakeTwilio
from tests.peers.twiml import Flavour
from tests.peers.voice import Call
from tests.twilio_town import ACCOUNT, PUBLIC, SETTINGS, SOMEBODY, TOKEN

BEEP: Final = "+85523999000"


@dataclass
class Calling(Hotline):
    """An installation with a number to ring, and a carrier that makes calls for it."""

    carrier: FakeTwilio
    dialler: Dialler

    def ring(self, from_: str = SOMEBODY, *, sid: str | None = None) -> Heard:
        """Somebody rings the number that we do not answer; reception takes what the carrier tells of it."""
        heard = self.line.call(from_, BEEP, Script(), sid=sid)
        assert heard.faults == [], heard.faults
        self.here.receive()
        return heard

    def work(self) -> list[Call]:
        """Let the loops that call do what is due, at most one call a second; the calls that were made."""
        before = len(self.carrier.calls)
        for _ in range(100):
            busy = [self.decide(), self.dialler.step(self.here.clock.now())]
            if not any(busy) and not self.waiting():
                break
            self.here.clock.forward(seconds=1)
        return self.carrier.calls[before:]

    def decide(self) -> bool:
        """Decide on one ring that is due."""
        return CallBacks(self.here.office).step(self.here.clock.now())

    def waiting(self) -> bool:
        """Whether the dialler has something to do."""
        with self.here.office.look() as uow:
            return uow.dials.anything_to_do(self.here.clock.now())

    def calls_after(self, **span: float) -> list[Call]:
        """The calls that were made when so much time has passed."""
        self.here.clock.forward(**span)
        return self.work()

    def picked_up(self, call: Call, *steps: Step, picks: Picks | None = None) -> Heard:
        """The phone that was called is picked up, or what `picks` says; reception takes what comes of it."""
        picks = picks or Picks(steps=steps)
        heard = self.line.outgoing(call, picks)
        assert heard.faults == [], heard.faults
        self.here.receive()
        return heard

    def nobody_answers(self, call: Call) -> Heard:
        """The phone rings in vain."""
        return self.picked_up(call, picks=NO_ANSWER)

    def missed(self) -> list[Any]:
        """What waits, or waited, to be called back, the oldest first."""
        return self._rows(select(missed_calls).order_by(missed_calls.c.first_at, missed_calls.c.id))

    def dials(self) -> list[Any]:
        """The calls that were wanted, the oldest first."""
        return self._rows(select(dials).order_by(dials.c.created_at, dials.c.call_id))

    def _rows(self, asked: Any) -> list[Any]:
        with self.here.office.database.read() as connection:
            return list(connection.execute(asked))


@contextmanager
def a_calling_hotline(
    install: Callable[..., Installation], *, passed: Callable[[str], None] | None = None, **changes: Any
) -> Iterator[Calling]:
    """A hotline with a number to ring and one that is answered."""
    places: list[Installation] = []

    def now() -> datetime:
        return places[0].clock.now()

    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, numbers=[VOICE, BEEP], clock=now) as carrier:
        settings = {
            **SETTINGS, "twilio_api_base_url": carrier.base_url, "twilio_voice_numbers": VOICE,
            "missed_call_numbers": BEEP, "twilio_timeout_seconds": 1, **changes,
        }  # fmt: skip
        here = install(passed=passed, **settings)
        places.append(here)
        caller = twilio_caller(here.application.settings)
        assert caller is not None
        flavour: Flavour = "twilio" if here.application.settings.twilio_screens_calls else "somleng"
        line = Line(
            posted_by_client(here.client, TOKEN), ACCOUNT, PUBLIC, flavour=flavour, clock=now,
            status_url=STATUS_URL, voice=carrier.voice,
        )  # fmt: skip
        yield Calling(here, line, carrier, Dialler(here.office, caller, here.clock))
