"""Sending what the outbox holds: lease, hand over to a carrier, write down what it said."""

from dataclasses import replace
from datetime import datetime

from app.outbox.rules import (
    BLOCKED,
    OUTSIDE_HOURS,
    GiveUp,
    Hold,
    NotKnown,
    PhoneRule,
    Sending,
    State,
    Taken,
    Text,
    TryLater,
    moves_up,
    next_time_to_text,
    phone_refuses,
    text_safe_until,
    wait_before,
)
from app.outbox.store import Kept
from app.usecases.deliveries import give_up, hold, tell_of
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import gateway_heartbeat, phone_way


def anything_due(uow: UnitOfWork, carrier: str, *, now: datetime) -> bool:
    """Whether there is a text to hand to this carrier."""
    return uow.outbox.anything_due(carrier, now)


def lease(uow: UnitOfWork, carrier: str, *, now: datetime, limit: int) -> list[Text]:
    """Texts for this carrier that nobody else will send while the lease lasts.

    Fewer than were due, or none, where a phone said in the meantime that it takes no texts.
    """
    texts = uow.outbox.claim_due(carrier, now, limit)
    uow.rulebook.passed("outbox.claimed")
    return _allowed(uow, texts, now=now)


def record(uow: UnitOfWork, text: Text, sending: Sending, *, now: datetime) -> None:
    """Write down what the carrier said of a leased text. Only what it took counts after the lease ran out."""
    kept = uow.outbox.locked(text.id)
    if kept is None:
        return
    if isinstance(sending, Taken):
        _taken(uow, kept, sending, now=now)
    elif kept.state is State.SENDING and kept.attempts == text.attempt:
        _not_taken(uow, text, kept, sending, now=now)
    uow.rulebook.passed("outbox.recorded")


def offer(uow: UnitOfWork, gateway: str, *, now: datetime, limit: int) -> list[Text]:
    """What a gateway phone should send; the same texts are offered again until it reports of them."""
    uow.heartbeats.beat(gateway_heartbeat(gateway), now)
    texts = uow.outbox.offer("cht", gateway, now, limit)
    return _allowed(uow, texts, now=now)


def _taken(uow: UnitOfWork, kept: Kept, taken: Taken, *, now: datetime) -> None:
    """The carrier has the text. A report that overtook its answer, or the end of its time, stays."""
    if moves_up(kept.state, taken.state):
        uow.outbox.move(kept, taken.state, now, carrier_id=taken.carrier_id)
        tell_of(uow, kept, taken.state, now=now)
    elif kept.carrier_id is None:
        uow.outbox.known_as(kept, taken.carrier_id)


def _not_taken(
    uow: UnitOfWork, text: Text, kept: Kept, sending: TryLater | Hold | GiveUp | NotKnown, *, now: datetime
) -> None:
    # While it is not known whether an earlier try went, each later one has to look before it sends.
    waiting = State.SENDING if text.may_have_gone else State.QUEUED
    match sending:
        case TryLater(code, wait, at_most) if kept.attempts < at_most:
            due_at = now + wait_before(kept.attempts, wait)
            uow.outbox.move(kept, waiting, now, error_code=code, due_at=due_at)
        case TryLater(code, _, _):
            give_up(uow, kept, GiveUp(code), now=now)
        case Hold() as refused:
            hold(uow, kept, refused, waiting=waiting, now=now)
        case NotKnown(code):
            due_at = now + wait_before(kept.attempts, None)
            uow.outbox.move(kept, State.SENDING, now, error_code=code, due_at=due_at)
        case GiveUp(code, "no_route") if way := phone_way(uow, text.to.country, now=now):
            uow.outbox.move(
                kept, State.QUEUED, now, error_code=code, due_at=now, carrier=way.carrier, via=way.via
            )
        case GiveUp() as final:
            give_up(uow, kept, final, now=now)


def _allowed(uow: UnitOfWork, texts: list[Text], *, now: datetime) -> list[Text]:
    """Those of the texts that may go now, each valid for no longer than its phone's agreed hours."""
    allowed: list[Text] = []
    for text in texts:
        rule = uow.outbox.rule_for(text.to)
        if _held_back(uow, text, rule, now=now):
            continue
        until = text_safe_until(rule.safety, now, wrote_at=text.wrote_at) if not text.to_worker else None
        allowed.append(replace(text, valid_for=min(text.valid_for, until - now)) if until else text)
    return allowed


def _held_back(uow: UnitOfWork, text: Text, rule: PhoneRule, *, now: datetime) -> bool:
    """Whether the phone takes no texts now, whatever was true when this one was queued. It then waits
    for the next time at which it may go, or is held for good.
    """
    refused = phone_refuses(rule, text.reach, now)
    kept = uow.outbox.locked(text.id) if refused else None
    if refused is None or kept is None:
        return False
    due_at = None
    if refused == BLOCKED:
        due_at = rule.blocked_until
    elif refused == OUTSIDE_HOURS:
        due_at = next_time_to_text(rule.safety, now, wrote_at=text.wrote_at)
    if due_at:
        waiting = State.SENDING if text.may_have_gone else State.QUEUED
        uow.outbox.move(kept, waiting, now, error_code=refused, due_at=due_at)
        return True
    uow.outbox.move(kept, State.HELD, now, error_code=refused)
    tell_of(uow, kept, State.HELD, now=now, error_code=refused)
    return True
