"""One step of each loop: reception, timers, outbox, and texts whose time is over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import InterfaceError, OperationalError

from app.kernel.clock import Clock
from app.outbox.rules import Carrier
from app.usecases import call_ends, deliveries, escalating, reception, sending
from app.usecases.unit_of_work import Office
from app.workers.places import place_of

_LOG = structlog.get_logger("worker")
_SENDINGS = Counter("spean_outbox_sendings_total", "Texts handed to a carrier", ["carrier", "answer"])
_TIMERS_AT_ONCE: Final = 200
_HOUR: Final = timedelta(hours=1)
_LONGEST_REST: Final = timedelta(minutes=1)
# The database itself is at fault, and no case: the loop waits and tries all of them again.
_DATABASE: Final = (OperationalError, InterfaceError)


@dataclass(frozen=True)
class Reception:
    """Takes the oldest arrival that waits."""

    office: Office

    def step(self, now: datetime) -> bool:
        """Take one arrival. What cannot be taken is put back, and after a few tries put before a human."""
        with self.office.look() as uow:
            if not reception.anything_waits(uow, now=now):
                return False
        arrival = None
        try:
            with self.office.work(now) as uow:
                arrival = reception.claim(uow, now=now)
                if arrival is None:
                    return False
                reception.take(uow, arrival, now=now)
        except Exception as problem:  # whatever is wrong with one arrival, it must not block the rest
            if arrival is None:
                raise
            _LOG.error(
                "arrival_not_taken", arrival=str(arrival.id), error=type(problem).__name__,
                at=place_of(problem),
            )  # fmt: skip
            with self.office.work(now) as uow:
                reception.put_back(uow, arrival, problem=type(problem).__name__, now=now)
        return True


@dataclass(frozen=True, slots=True)
class Rest:
    """A case whose clocks could not be fired is left alone until then; `tries` counts how often that was."""

    until: datetime
    tries: int


@dataclass(frozen=True)
class Timers:
    """Fires what is due. `resting` holds the cases that cannot be handled at present."""

    office: Office
    at_once: int = _TIMERS_AT_ONCE
    resting: dict[UUID, Rest] = field(default_factory=dict)

    def step(self, now: datetime) -> bool:
        """Fire the clocks of some cases; one case that cannot be handled does not hold up the others.

        Such a case is tried again after a second, two, four, up to a minute; readiness tells of it.
        """
        resting = [case_id for case_id, rest in self.resting.items() if now < rest.until]
        with self.office.look() as uow:
            due = escalating.due_cases(uow, now=now, limit=self.at_once, but=resting)
        if not due:
            return False
        try:
            fired = self._fire(due, now)
        except _DATABASE:
            raise
        except Exception as problem:  # noqa: BLE001 - the batch was undone; each case is tried alone
            _LOG.error("batch_of_timers_failed", cases=len(due), error=type(problem).__name__)
            return any([self._fire_alone(case_id, now) for case_id in due])  # noqa: C419 - each is tried
        for case_id in due:
            self.resting.pop(case_id, None)
        return fired

    def _fire_alone(self, case_id: UUID, now: datetime) -> bool:
        try:
            fired = self._fire([case_id], now)
        except _DATABASE:
            raise
        except Exception as problem:  # noqa: BLE001 - undone too, and it must not hold up the others
            tries = self.resting[case_id].tries + 1 if case_id in self.resting else 1
            rest = min(timedelta(seconds=2 ** min(tries - 1, 10)), _LONGEST_REST)
            self.resting[case_id] = Rest(now + rest, tries)
            _LOG.error(
                "timers_failed", case=str(case_id), error=type(problem).__name__, at=place_of(problem),
                tries=tries,
            )  # fmt: skip
            return False
        self.resting.pop(case_id, None)
        return fired

    def _fire(self, case_ids: list[UUID], now: datetime) -> bool:
        with self.office.work(now) as uow:
            return escalating.fire(uow, case_ids, now=now) > 0


@dataclass(frozen=True)
class Outbox:
    """Hands what waits to one carrier. Nothing is sent while a transaction is open.

    One text is leased at a time: a carrier that is slow with one must not use up the lease of others,
    which another worker would then send as well.
    """

    office: Office
    carrier: Carrier
    clock: Clock

    def step(self, now: datetime) -> bool:
        """Lease a text, hand it over, and write down what became of it. Whether there was one to look at."""
        with self.office.look() as uow:
            if not sending.anything_due(uow, self.carrier.name, now=now):
                return False
        with self.office.work(now) as uow:
            texts = sending.lease(uow, self.carrier.name, now=now, limit=1)
        for text in texts:
            answer = self.carrier.send(text)
            _SENDINGS.labels(self.carrier.name, type(answer).__name__).inc()
            self.office.rulebook.passed("outbox.sent")
            after = self.clock.now()
            with self.office.work(after) as uow:
                sending.record(uow, text, answer, now=after)
        return True


@dataclass(frozen=True)
class Expiry:
    """Lets go of texts whose words are no longer true."""

    office: Office

    def step(self, now: datetime) -> bool:
        """Mark some of them as expired and tell a human."""
        with self.office.look() as uow:
            if not deliveries.anything_over(uow, now=now):
                return False
        with self.office.work(now) as uow:
            return deliveries.expire(uow, now=now) > 0


@dataclass(frozen=True)
class LostCalls:
    """Ends calls of which no carrier told us the end."""

    office: Office

    def step(self, now: datetime) -> bool:
        """End some of them; what they left to do then stands before a human."""
        with self.office.look() as uow:
            if not call_ends.any_lost(uow, now=now):
                return False
        with self.office.work(now) as uow:
            return call_ends.end_lost(uow, now=now) > 0


@dataclass
class Hourly:
    """Does something once an hour that nobody waits for."""

    act: Callable[[datetime], object]
    _next_at: datetime | None = None

    def step(self, now: datetime) -> bool:
        """Do it, if it is time. Never busy: there is nothing to hurry for."""
        if self._next_at is None or now >= self._next_at:
            self.act(now)
            self._next_at = now + _HOUR
        return False
