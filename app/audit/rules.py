"""What an audit entry says and how it is chained to the one before it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.kernel.clock import utc_text

GENESIS: Final = bytes(32)  # what the first entry is chained to


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done or seen, before it has its place in the chain. Never holds personal data.

    `action` reads subject first: `case.accepted`, `case.read`, `export.made`. `actor` is a worker's
    id, or the name of the part of the program that acted by itself.
    """

    action: str
    actor: str
    subject: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain."""

    number: int
    at: datetime
    deed: Deed
    previous: bytes
    code: bytes


def canonical(number: int, at: datetime, deed: Deed, previous: bytes) -> bytes:
    """The bytes that the authentication code covers: the same for the same entry, on any machine."""
    return json.dumps(
        [
            number,
            utc_text(at),
            deed.actor,
            deed.action,
            str(deed.subject) if deed.subject else None,
            dict(deed.details),
            previous.hex(),
        ],
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    ).encode()


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    number: int
    problem: str  # edited | missing | reordered | cut
