"""What is told of a window beside counts of people and cases, as it is frozen: contacts, waits and claims."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.statistics.rules.money import ToldClaims
from app.statistics.rules.telling import ToldWait

Volumes = Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class ToldContacts:
    """Contacts by value; a value that does not occur is left out, and None is kept back as a whole.

    `ended` is of calls to the hotline; `callers` are different phones.
    """

    channel: Volumes
    ended: Volumes
    language: Volumes
    hour: Volumes
    callers: int | None

    @property
    def whole(self) -> bool:
        """Whether every value is told."""
        return all(one is not None for one in (self.channel, self.ended, self.language, self.hour))


@dataclass(frozen=True, slots=True)
class Beside:
    """All that is told of a window beside its tables. There is no hidden number in it."""

    contacts: ToldContacts
    waits: tuple[ToldWait, ...]
    claims: tuple[ToldClaims, ...]
    claims_whole: bool  # whether there are no other claims


def as_json(beside: Beside | None) -> dict[str, Any] | None:
    """What is told as a JSON object; None where nothing is."""
    return asdict(beside) if beside else None


def from_json(said: Mapping[str, Any] | None) -> Beside | None:
    """What `as_json` wrote."""
    if said is None:
        return None
    return Beside(
        ToldContacts(**said["contacts"]),
        tuple(ToldWait(**one) for one in said["waits"]),
        tuple(ToldClaims(**one) for one in said["claims"]),
        said["claims_whole"],
    )
