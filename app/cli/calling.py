"""Calling the hotline at a terminal: what a caller hears is printed, what they press is typed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from app.bootstrap import Application
from app.calls.rules.calls import Call
from app.calls.rules.documents import Dial, Document, Gather, Play, Record
from app.calls.rules.ivr import Heard, Step
from app.channels.console.carrier import CARRIER
from app.intake.rules.incoming import IncomingCallReport
from app.usecases import answering, ringing
from app.usecases.answering import Coming

HANG_UP: Final = "x"
SILENCE: Final = "-"
MESSAGE: Final = "m"
NUMBER_OF_OURS: Final = "console"
_SECONDS: Final = 10  # how long a typed message lasts


@dataclass
class Walk:
    """One simulated call. `heard` holds the keys of the prompts that were played, in order."""

    application: Application
    call: Call
    document: Document
    heard: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, application: Application, sender: str) -> "Walk":
        """Somebody calls."""
        now = application.clock.now()
        coming = Coming(CARRIER, CARRIER, str(uuid4()), sender, NUMBER_OF_OURS, b"")
        with application.office.work(now) as uow:
            call, document = answering.begin(uow, coming, now=now)
        return cls(application, call, document)

    @property
    def asks(self) -> str | None:
        """What the caller may do now; None where the call is over."""
        verbs = {type(verb) for verb in self.document}
        if Dial in verbs:
            return "A worker's phone rings. 1: they take the call, -: they do not"
        if Gather in verbs:
            spoken = f", {MESSAGE}: leave a message" if Record in verbs else ""
            return f"Keys, {SILENCE}: press nothing{spoken}, {HANG_UP}: hang up"
        if Record in verbs:
            return f"After the tone. {MESSAGE}: leave a message, {SILENCE}: say nothing, {HANG_UP}: hang up"
        return None

    def prompts(self) -> list[str]:
        """The keys of the prompts of this document."""
        return list(_prompts(self.document))

    def answer(self, typed: str) -> None:
        """Do what was typed, and hear what comes next."""
        now = self.application.clock.now()
        at = self.call.state.documents
        with self.application.office.work(now) as uow:
            call = ringing.call_rung(uow, self.call.id) or self.call
            if self.call.state.step is Step.RING:
                if typed == "1":
                    ringing.take(uow, call, typed, now=now)
                    call = ringing.call_rung(uow, call.id) or call
                self.call, self.document = answering.rung(uow, call, at, talked=False, now=now)
            else:
                self.call, self.document = answering.go_on(uow, call, at, _heard(typed), now=now)

    def end(self) -> None:
        """The caller, or the machine, hangs up."""
        now = self.application.clock.now()
        report = IncomingCallReport(self.call.carrier_id or "", "completed", _SECONDS)
        with self.application.office.work(now) as uow:
            answering.ended(uow, CARRIER, CARRIER, report, now=now)

    def as_json(self) -> dict[str, Any]:
        """The walk as programs read it."""
        return {"call_id": self.call.id, "heard": self.heard, "step": self.call.state.step}


def _heard(typed: str) -> Heard:
    if typed == MESSAGE:
        return Heard(recorded=True)
    return Heard(keys=None if typed == SILENCE else typed)


def _prompts(document: Document) -> Iterator[str]:
    for verb in document:
        sounds = verb.sounds if isinstance(verb, Gather) else (verb,)
        yield from (sound.prompt for sound in sounds if isinstance(sound, Play))
