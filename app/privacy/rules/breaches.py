"""Breaches of personal data and the time within which an authority is told."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.kernel.refusal import Refusal

# How long the law of many countries gives. Source: docs/sources.md#breach-notice.
NOTIFY_WITHIN: Final = timedelta(hours=72)
WARN_BEFORE: Final = timedelta(hours=24)


class BreachState(StrEnum):
    """How far a breach has come."""

    OPEN = "open"
    NOTIFIED = "notified"
    CLOSED = "closed"


class BreachIsClosed(Refusal):
    """Nothing more is written down of a breach that is closed."""

    code = "breach.closed"


class NoticedTooLate(Refusal):
    """A breach is noticed neither before it happened nor in time to come."""

    code = "breach.bad_time"
    status = 422


@dataclass(frozen=True, slots=True)
class Breach:
    """Personal data that somebody saw, changed or lost who should not have."""

    id: UUID
    kinds: tuple[str, ...]
    what: str
    records_estimate: int | None
    happened_at: datetime | None
    noticed_at: datetime
    due_at: datetime
    written_by: UUID
    written_at: datetime
    state: BreachState = BreachState.OPEN
    notified_at: datetime | None = None
    closed_at: datetime | None = None

    def notified(self, now: datetime) -> "Breach":
        """The authority was told. A repeat changes nothing. Raises: BreachIsClosed."""
        if self.state is BreachState.CLOSED:
            raise BreachIsClosed
        return replace(self, state=BreachState.NOTIFIED, notified_at=self.notified_at or now)

    def closed(self, now: datetime) -> "Breach":
        """Nothing more is to be done. A repeat changes nothing."""
        return replace(self, state=BreachState.CLOSED, closed_at=self.closed_at or now)


def due_at(noticed_at: datetime) -> datetime:
    """By when the authority must have been told."""
    return noticed_at + NOTIFY_WITHIN


def must_make_sense(*, happened_at: datetime | None, noticed_at: datetime, now: datetime) -> None:
    """Raises: NoticedTooLate."""
    if noticed_at > now or (happened_at and happened_at > noticed_at):
        raise NoticedTooLate
