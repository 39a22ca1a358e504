"""Field sync as its doors see it: pull, push, check, and be told."""

from app.sync.checking import Difference, digests, reconcile
from app.sync.docs import explained
from app.sync.pulling import ALL_KINDS, JSON, Ask, Carrier, Change, Page, native, pull, shown
from app.sync.pushing import Taken, push
from app.sync.reading import moment
from app.sync.refused import see_refused
from app.sync.rules import SCHEMA
from app.sync.rxdb import as_rxdb, push_rxdb

__all__ = [
    "ALL_KINDS",
    "JSON",
    "SCHEMA",
    "Ask",
    "Carrier",
    "Change",
    "Difference",
    "Page",
    "Taken",
    "as_rxdb",
    "digests",
    "explained",
    "moment",
    "native",
    "pull",
    "push",
    "push_rxdb",
    "reconcile",
    "see_refused",
    "shown",
]
