"""Field sync as its doors see it: pull, push, check, and be told."""

from app.sync.docs import explained
from app.sync.pulling import ALL_KINDS, JSON, Ask, Carrier, Change, Page, native, pull, shown
from app.sync.pushing import Taken, push, see_refused
from app.sync.rules import SCHEMA

__all__ = [
    "ALL_KINDS",
    "JSON",
    "SCHEMA",
    "Ask",
    "Carrier",
    "Change",
    "Page",
    "Taken",
    "explained",
    "native",
    "pull",
    "push",
    "see_refused",
    "shown",
]
