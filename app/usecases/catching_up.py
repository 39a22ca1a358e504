"""Taking in what a carrier holds and never brought to our door."""

from collections.abc import Iterable
from datetime import datetime

from app.intake.rules.incoming import Arrival
from app.usecases.unit_of_work import UnitOfWork


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
