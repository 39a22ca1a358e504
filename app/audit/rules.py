"""What an audit entry says and how it is chained to the one before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app.kernel.clock import utc_text

GENESIS: Final = bytes(32)  # what the first entry is chained to
# Written by whoever finds that the row which says where the chain ends is not as it was left.
BROKEN: Final = "audit.broken"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done or seen, before it has its place in the chain. Never holds personal data.

    `action` reads subject first: `case.accepted`, `case.read`, `export.started`. `actor` is a worker's
    id, or the name of the part of the program that acted by itself.
    """

    action: str
    actor: str
    subject: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    number: int
    problem: str  # added | edited | missing | reordered | replaced | cut


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the chain ended at some time. `checked`: everything up to there was found whole then."""

    number: int
    code: bytes
    checked: bool


def canonical(number: int, at: datetime, deed: Deed, previous: bytes) -> bytes:
    """The bytes that the authentication code covers: the same for the same entry, on any machine."""
    subject = str(deed.subject) if deed.subject else None
    return covered(number, utc_text(at), deed.actor, deed.action, subject, dict(deed.details), previous)


def covered(  # noqa: PLR0913, PLR0917 - one argument for each column, as they lie in the database
    number: int,
    at: str,
    actor: str,
    action: str,
    subject: str | None,
    details: object,
    previous: bytes,
) -> bytes:
    """As canonical, of an entry's plain values. Raises: TypeError for what JSON cannot hold."""
    return orjson.dumps(
        [number, at, actor, action, subject, details, previous.hex()], option=orjson.OPT_SORT_KEYS
    )


def end_of_chain(number: int, code: bytes) -> bytes:
    """The bytes that bind the row which says where the chain ends to its number and the last code."""
    return b"end of chain %d %s" % (number, code)


def anchored(anchor: Anchor, at: str) -> bytes:
    """The bytes that bind an anchor to what it says, so that nobody else can write one."""
    word = b"checked" if anchor.checked else b"seen"
    return b"anchor %d %s %s %s" % (anchor.number, anchor.code, word, at.encode())
