"""What carriers give us, and what it means once it has been read: a text, or news of a text or call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.outbox.rules import Report

_LONGEST_ID: Final = 200


class Unreadable(ValueError):
    """The raw bytes are not what this carrier sends. The text names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One thing that a carrier gave us, as its door hands it over; one of a kind by its first three fields.

    `carrier_id` is None where the carrier gave none: then it is known by what it holds, under a key.
    `sender` keeps what comes from one sender in order; it is never stored as it is.
    """

    carrier: str
    account: str
    carrier_id: str | None
    kind: str  # text | status | call | call_status | recording
    sender: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class IncomingText:
    """One text as the carrier gave it. `via` is our number or gateway that it came to.

    `region` is the ISO 3166 code of the country in which national numbers are to be read.
    """

    sender: str
    via: str
    body: str
    region: str | None = None
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncomingReport:
    """What became of a text of ours, by the id that the carrier gave it."""

    carrier_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class IncomingCallReport:
    """What became of a call, by the id that the carrier gave it: how it ended, if it has ended.

    `machine`: a voicemail box or the like picked up, as far as the carrier can tell. `began_at` is there
    where the carrier's list told of the call, which nobody may have told us of before.
    """

    carrier_id: str
    ended_as: str | None
    seconds: int
    machine: bool = False
    sender: str = ""
    via: str = ""
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncomingRecording:
    """What a caller left, by the carrier's ids; `seconds` is 0 where nothing was said."""

    carrier_id: str
    call_carrier_id: str
    seconds: int
    finished: bool


Incoming = IncomingText | IncomingReport | IncomingCallReport | IncomingRecording


def kept_id(carrier_id: str) -> str:
    """The id under which an arrival is kept: as it came, or its digest where no column holds it.

    Ids of 10,000 characters, with a NUL or half an emoji in them, differ afterwards as before.
    """
    if len(carrier_id) <= _LONGEST_ID and carrier_id.isprintable() and carrier_id.strip():
        return carrier_id
    return f"sha256-{sha256(carrier_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def kept_words(text: str) -> str:
    """The words as they came, but for what no database or answer can hold: NUL, and half a character."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "")


Reader = Callable[[bytes, str], Incoming]
"""Reads raw bytes that came for an account. Raises: Unreadable."""
