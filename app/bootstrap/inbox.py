"""The inbox as the doors of one process see it: one writer, which commits arrivals in groups."""

import time
from concurrent.futures import Future
from typing import Final

from app.intake.rules.incoming import Arrival
from app.intake.store import inbox_values
from app.intake.tables import inbox
from app.kernel.clock import Clock
from app.store.group_commit import GroupCommit
from app.usecases.unit_of_work import Office

_QUIET_SECONDS: Final = 0.01
_WAY_FOR_SECONDS: Final = 0.5


class InboxWriter:
    """The inbox as doors see it: arrivals in, a future for each that is done once it is on disk."""

    def __init__(self, office: Office, clock: Clock) -> None:
        """Start the one writer of this process."""
        self._group = GroupCommit(office.database, inbox, office.rulebook.passed)
        self._vault = office.vault
        self._clock = clock

    def keep(self, arrival: Arrival) -> "Future[None]":
        """Commit this arrival, together with whatever else arrives at this moment."""
        return self._group.add(inbox_values(self._vault, arrival, self._clock.now()))

    def make_way(self) -> None:
        """Return once nobody has been at a door for a moment, or after half a second.

        Carriers wait for their answer; what acts by itself can take its turn when they are served.
        Source: docs/performance.md#doors-first.
        """
        give_up_at = time.monotonic() + _WAY_FOR_SECONDS
        while self._group.quiet_seconds() < _QUIET_SECONDS and time.monotonic() < give_up_at:
            time.sleep(_QUIET_SECONDS)

    def close(self) -> None:
        """Commit what waits, then stop."""
        self._group.close()
