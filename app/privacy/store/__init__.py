"""Queries on what is let go of, on erasures and on breaches."""

from app.privacy.store.erasing import Cleared, EraserStore, Scope
from app.privacy.store.log import BreachStore, ErasureStore, KeptErasure
from app.privacy.store.mentions import MentionStore
from app.privacy.store.timing import TimingStore

__all__ = [
    "BreachStore",
    "Cleared",
    "EraserStore",
    "ErasureStore",
    "KeptErasure",
    "MentionStore",
    "Scope",
    "TimingStore",
]
