"""Sending what the outbox holds: lease, hand over to a carrier, write down what it said."""

from datetime import datetime

from app.outbox.rules import GiveUp, NotKnown, Sending, State, Taken, Text, TryLater, wait_before
from app.usecases.deliveries import give_up, tell_of
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import gateway_heartbeat


def anything_due(uow: UnitOfWork, carrier: str, *, now: datetime) -> bool:
    """Whether there is a text to hand to this carrier."""
    return uow.outbox.anything_due(carrier, now)


def lease(uow: UnitOfWork, carrier: str, *, now: datetime, limit: int) -> list[Text]:
    """Texts for this carrier that nobody else will send while the lease lasts."""
    texts = uow.outbox.claim_due(carrier, now, limit)
    uow.rulebook.passed("outbox.claimed")
    return texts


def record(uow: UnitOfWork, text: Text, sending: Sending, *, now: datetime) -> None:
    """Write down what the carrier said of a leased text."""
    kept = uow.outbox.locked(text.id)
    if kept is None or kept.state is not State.SENDING:
        return  # A report overtook the answer: it knows better.
    match sending:
        case Taken(carrier_id, state):
            uow.outbox.move(kept, state, now, carrier_id=carrier_id)
            tell_of(uow, kept, state, now=now)
        case TryLater(code, wait, at_most) if kept.attempts < at_most:
            due_at = now + wait_before(kept.attempts, wait)
            uow.outbox.move(kept, State.QUEUED, now, error_code=code, due_at=due_at)
        case TryLater(code, _, _):
            give_up(uow, kept, GiveUp(code), now=now)
        case NotKnown(code):
            # It stays leased as one that may have gone: the next try looks before it sends.
            due_at = now + wait_before(kept.attempts, None)
            uow.outbox.move(kept, State.SENDING, now, error_code=code, due_at=due_at)
        case GiveUp() as final:
            give_up(uow, kept, final, now=now)
    uow.rulebook.passed("outbox.recorded")


def offer(uow: UnitOfWork, gateway: str, *, now: datetime, limit: int) -> list[Text]:
    """What a gateway phone should send; the same texts are offered again until it reports of them."""
    uow.heartbeats.beat(gateway_heartbeat(gateway), now)
    return uow.outbox.offer("cht", gateway, now, limit)
