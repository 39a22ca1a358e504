"""Queries on the outbox: texts on their way, and what was told of the phones that they go to."""

from app.outbox.store.safety import SafetyStore, Source, Told, in_force
from app.outbox.store.texts import Kept, OutboxStore, Queued

__all__ = ["Kept", "OutboxStore", "Queued", "SafetyStore", "Source", "Told", "in_force"]
