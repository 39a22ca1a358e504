"""Which texts of the outbox wait: to be handed to a carrier, or in vain."""

from datetime import datetime

from sqlalchemy import ColumnElement, or_

from app.outbox.rules import WAITING
from app.outbox.tables import outbox


def is_due(carrier: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What can be handed to a carrier now: not leased, and still true."""
    return (
        outbox.c.carrier == carrier,
        outbox.c.state.in_(WAITING),
        outbox.c.due_at <= now,
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now),
        outbox.c.expires_at > now,
    )


def is_over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What waits although its words are no longer true. What is just being sent is not waiting."""
    return (
        outbox.c.state.in_(WAITING),
        outbox.c.expires_at <= now,
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now),
    )
