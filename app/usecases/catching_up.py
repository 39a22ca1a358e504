"""Taking in what a carrier holds and never brought to our door."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from app.intake.rules.incoming import Arrival
from app.usecases.answering import NOT_KNOWN
from app.usecases.unit_of_work import UnitOfWork

# More ids than this in one question are more than either database was made for.
_AT_ONCE: Final = 1_000


def looked_until(uow: UnitOfWork, mark: str, *, now: datetime) -> datetime:
    """Up to when the carrier's list was read. Before the first look that is now: what came before we were
    there was somebody else's to answer.
    """
    return uow.heartbeats.last_seen(mark) or now


def keep_found(uow: UnitOfWork, mark: str, arrivals: Iterable[Arrival], *, now: datetime) -> int:
    """Put into the inbox what is not there yet, and remember that the list was read. Returns how many."""
    found = uow.intake.keep(arrivals, now)
    uow.heartbeats.beat(mark, now)
    return found


def not_read(uow: UnitOfWork, mark: str, *, now: datetime) -> None:
    """The list could not be read. Where that was the first look, the next ones go back as far as it did."""
    if uow.heartbeats.last_seen(mark) is None:
        uow.heartbeats.beat(mark, now)


def known_calls(uow: UnitOfWork, carrier: str, account: str, carrier_ids: Sequence[str]) -> dict[str, bool]:
    """Those of the calls that we were told of, each with whether nothing is missing: its end, its sender."""
    return {
        call.carrier_id: call.ended and call.sender_kind != NOT_KNOWN
        for some in _parts(carrier_ids)
        for call in uow.calls.heard_of(carrier, account, some)
    }


def known_recordings(
    uow: UnitOfWork, carrier: str, account: str, carrier_ids: Sequence[str]
) -> frozenset[str]:
    """Those of the recordings that we know of."""
    found = [uow.recordings.known(carrier, account, some) for some in _parts(carrier_ids)]
    return frozenset[str]().union(*found)


def has_arrived(uow: UnitOfWork, carrier: str, account: str, carrier_id: str) -> bool:
    """Whether something came to the inbox under this id."""
    return uow.intake.of_arrival(carrier, account, carrier_id) is not None


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
