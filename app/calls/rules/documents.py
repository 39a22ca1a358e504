"""What a carrier is told to do with a call: the few verbs that every carrier of ours understands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.kernel.phone import Phone

# More than these and a call is cut off or goes round in a circle. Source: docs/sources.md#call-documents.
MOST_DOCUMENTS: Final = 10


@dataclass(frozen=True, slots=True)
class Play:
    """One prompt, by its catalogue key, in the language of the call."""

    prompt: str


@dataclass(frozen=True, slots=True)
class PlayFile:
    """A sound of ours by the path of its address: what a worker has just recorded."""

    path: str


@dataclass(frozen=True, slots=True)
class Spell:
    """Say this number or code in English: for workers at the recording desk only."""

    text: str


Sound = Play | PlayFile | Spell


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for keys while these sounds play. `digits` None means any number of them, ended with `#`.

    Where `else_on`, silence goes on to the next verb; otherwise it is an answer as well.
    """

    sounds: tuple[Sound, ...]
    digits: int | None = 1
    wait: timedelta = timedelta(seconds=6)
    else_on: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Record what the caller says after a beep, until they are silent, press `#` or hang up.

    A carrier does not tell of an empty recording but goes on with the next verb. `told`: it tells
    of the recording once more beside the call, as of whatever a caller left.
    """

    longest: timedelta = timedelta(minutes=2)
    silence: timedelta = timedelta(seconds=5)
    told: bool = True


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring one phone and join it with the call. The phone sees `shows`, never the caller's number.

    `screened`: whoever picks up has to press 1 before they are joined, so that no voicemail box is.
    """

    to: Phone
    shows: str
    ring: timedelta
    longest: timedelta
    screened: bool


@dataclass(frozen=True, slots=True)
class Goto:
    """Ask for the next document, as if a key had been pressed: none."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not answer: nobody pays, and the caller hears that the line is busy."""


Verb = Play | PlayFile | Spell | Gather | Record | Dial | Goto | Hangup | Reject
Document = tuple[Verb, ...]
