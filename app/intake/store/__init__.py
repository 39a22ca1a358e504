"""Queries on what came in: the inbox, contact points, messages, conversations."""

from app.intake.store.arrivals import QUARANTINED, STORED, TAKEN, ArrivalStore, Waiting, inbox_values
from app.intake.store.texts import ContactPoint, Conversation, IntakeStore, Message

__all__ = [
    "QUARANTINED",
    "STORED",
    "TAKEN",
    "ArrivalStore",
    "ContactPoint",
    "Conversation",
    "IntakeStore",
    "Message",
    "Waiting",
    "inbox_values",
]
