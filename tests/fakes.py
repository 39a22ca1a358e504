"""Stand-ins that tests put where the world would be: a clock that obeys, a carrier that remembers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.outbox.rules import Sending, Taken, Text

# A Monday, ten in the morning in Phnom Penh, and no holiday.
START = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def forward(self, **span: float) -> datetime:
        """Go on by this much, given as for a timedelta; the new time."""
        self._now += timedelta(**span)
        return self._now

    def set(self, moment: datetime) -> datetime:
        self._now = moment
        return moment


class FakeCarrier:
    """A carrier that remembers what it was given and answers as it is told."""

    def __init__(self, name: str = "twilio", answer: Callable[[Text], Sending] | None = None) -> None:
        self.name = name
        self.sent: list[Text] = []
        self.answer = answer or (lambda text: Taken(f"SM{text.id.hex}"))

    def send(self, text: Text) -> Sending:
        self.sent.append(text)
        return self.answer(text)
