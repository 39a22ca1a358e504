"""Calls that the carrier is to make for us: what is asked of it, and where such a wish stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from app.calls.rules.calls import Kind
from app.kernel.phone import Phone
from app.outbox.rules import CallLeave, Sending


class DialState(StrEnum):
    """Where a call that we want is."""

    WANTED = "wanted"
    LEASED = "leased"  # one dialler has it, or its answer never came
    PLACED = "placed"  # the carrier has it
    FAILED = "failed"  # the carrier will never make it
    GIVEN_UP = "given_up"  # its time is over, or it is wanted no more


# Longer than any request to the carrier takes, and short against the time in which a call makes sense.
LEASE: Final = timedelta(seconds=60)
# Carriers make one call a second for an account and let the others wait where nobody sees them. Source:
# docs/sources.md#calling-back.
PACE: Final = timedelta(seconds=1)
# How long a call is worth making: who rang still waits for it, a worker has just asked for it.
WORTH_IT: Final[Mapping[Kind, timedelta]] = {
    Kind.CALLBACK: timedelta(minutes=5),
    Kind.BRIDGE: timedelta(minutes=3),
}
# A call that was placed is picked up, or over, within this time.
PICKED_UP_WITHIN: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Dial:
    """One call to make, in the hands of one dialler. `attempt` counts from 1.

    Where `may_be_placed`, an earlier try ended without an answer: whoever places calls looks at the
    carrier first, and `not_these` are the carrier's ids of other calls of ours to the same phone.
    """

    call_id: UUID
    kind: Kind
    to: Phone
    via: str
    ring: timedelta
    detect_machine: bool
    attempt: int
    created_at: datetime
    may_be_placed: bool
    urgent: bool = False
    not_these: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dialled:
    """What is known of one call that we want."""

    call_id: UUID
    kind: Kind
    state: DialState
    attempts: int
    expires_at: datetime


class Caller(Protocol):
    """Something that makes calls."""

    name: str

    def place(self, leave: CallLeave, dial: Dial) -> Sending:
        """Have the phone rung for which there is leave. Never raises for what a carrier may answer."""
        ...
