"""What older versions of this program left behind, brought to what this one keeps, a little at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from app.cases.store.people import Person
from app.usecases.reachable import known_points, lead_to
from app.usecases.unit_of_work import UnitOfWork

_AT_ONCE: Final = 200
# Done once in each database; one that is restored from an older copy does not say that it was.
_NAMES_KEYED: Final = "mended:arrivals"
_PHONES_KNOWN: Final = "mended:phones"


def mend(uow: UnitOfWork, *, now: datetime) -> int:
    """Some of what lies open is sealed, and of what devices said is known whom it names. Returns how much."""
    sealed, noted = uow.people.seal_births(_AT_ONCE), uow.mentions.note(now, limit=_AT_ONCE)
    if 0 < noted < _AT_ONCE:
        uow.mentions.prune()
    return sealed + noted + _once(uow, _NAMES_KEYED, uow.intake.rename_unkeyed, now=now)


def anything_to_mend(uow: UnitOfWork) -> bool:
    """Whether there may be something: looked at without holding anybody up."""
    if None in (uow.heartbeats.last_seen(_NAMES_KEYED), uow.heartbeats.last_seen(_PHONES_KNOWN)):
        return True
    return uow.people.births_open() or uow.mentions.anything_new()


def next_people(uow: UnitOfWork, after: tuple[UUID, UUID] | None) -> list[tuple[UUID, Person]]:
    """Some people with phones, each with an open case of theirs, beyond these; none once all were.

    An older version did not know the phones beside people as ways to them.
    """
    if uow.heartbeats.last_seen(_PHONES_KNOWN):
        return []
    return uow.people.with_phones(after, limit=_AT_ONCE)


def know_phones(uow: UnitOfWork, found: Sequence[tuple[UUID, Person]], *, now: datetime) -> None:
    """The phones of these people are ways to them; where there are none of them, all is done for good."""
    if not found:
        uow.heartbeats.beat(_PHONES_KNOWN, now)
    points = known_points(uow, [person for _, person in found], now=now)
    for case_id, person in found:
        lead_to(uow, case_id, [person], points, now=now)


def _once(uow: UnitOfWork, name: str, some: Callable[[int], int], *, now: datetime) -> int:
    if uow.heartbeats.last_seen(name):
        return 0
    done = some(_AT_ONCE)
    if not done:
        uow.heartbeats.beat(name, now)
    return done
