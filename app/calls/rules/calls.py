"""What a call is: its kinds, its ends, and what is known of it beside its place in the menu."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.calls.rules.ivr import State


class Kind(StrEnum):
    """Why there is a call."""

    HOTLINE = "hotline"  # somebody called us
    MISSED = "missed"  # somebody rang a number that we do not answer but call back
    CALLBACK = "callback"  # somebody rang, and we call back
    BRIDGE = "bridge"  # a caseworker calls somebody through us
    DESK = "desk"  # a worker records prompts


class Ending(StrEnum):
    """How a call ended, in the words of carriers."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"  # nobody told us, and it cannot last so long


# No call of ours lasts longer: rings, messages and a talk with a caseworker are each bounded.
LONGEST: Final = timedelta(hours=2)
LONGEST_TALK: Final = timedelta(minutes=60)
# How soon a human is to see to what a call, or a ring, left them to do, by the kind of the task.
LEFT_WITHIN: Final = {
    "call_back": timedelta(hours=1),
    "contact_otherwise": timedelta(hours=1),
    "possible_danger": timedelta(minutes=15),
}
# Shorter than the time after which voicemail takes a call, where a carrier cannot ask who picked up.
RING: Final = timedelta(seconds=25)
RING_UNSCREENED: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `via` is the number of ours that it came to or goes out from.

    `ringing` is the worker whose phone rings at this moment, `rung` those who were rung already.
    """

    id: UUID
    kind: Kind
    carrier: str
    account: str
    carrier_id: str | None
    via: str
    sender_kind: str
    state: State
    began_at: datetime
    ends_by: datetime
    contact_point_id: UUID | None = None
    worker_id: UUID | None = None
    case_id: UUID | None = None
    pressed: bool = False
    silent: bool = False
    message: bool = False
    typed_number: str | None = None
    rung: tuple[UUID, ...] = ()
    ringing: UUID | None = None
    answered_by: UUID | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ended_as: Ending | None = None
    seconds: int | None = None

    @property
    def wanted_something(self) -> bool:
        """Whether the caller said anything that asks for a human: danger, a problem, a message."""
        return self.state.danger or self.state.problem is not None or self.message

    @property
    def unheard(self) -> bool:
        """Whether a person with a phone called and got no document of ours, not even the first."""
        return self.kind is Kind.HOTLINE and not self.state.documents and self.contact_point_id is not None
