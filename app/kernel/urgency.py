"""Urgency U1 to U4: how soon a human must act, U1 being a matter of minutes."""

from collections.abc import Iterable
from enum import StrEnum


class Urgency(StrEnum):
    """How soon a human must act. Source: docs/sources.md#urgency."""

    U1 = "U1"
    U2 = "U2"
    U3 = "U3"
    U4 = "U4"

    def is_above(self, other: "Urgency") -> bool:
        """Whether this is more urgent than the other."""
        return self.value < other.value


def most_urgent(levels: Iterable[Urgency]) -> Urgency:
    """The most urgent of at least one level."""
    return min(levels, key=lambda level: level.value)
