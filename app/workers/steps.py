"""One step of each loop: reception, timers, outbox, and texts whose time is over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from app.kernel.clock import Clock
from app.outbox.rules import Carrier
from app.usecases import deliveries, escalating, reception, sending
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("worker")
_TIMERS_AT_ONCE: Final = 200
_TEXTS_AT_ONCE: Final = 10


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
            _LOG.error("arrival_not_taken", arrival=str(arrival.id), error=type(problem).__name__)
            with self.office.work(now) as uow:
                reception.put_back(uow, arrival, problem=type(problem).__name__, now=now)
        return True


@dataclass(frozen=True)
class Timers:
    """Fires what is due."""

    office: Office
    at_once: int = _TIMERS_AT_ONCE

    def step(self, now: datetime) -> bool:
        """Fire the clocks of some cases; one case that cannot be handled does not hold up the others."""
        with self.office.look() as uow:
            due = escalating.due_cases(uow, now=now, limit=self.at_once)
        if not due:
            return False
        try:
            return self._fire(due, now)
        except Exception as problem:
            if len(due) == 1:
                raise
            _LOG.error("batch_of_timers_failed", error=type(problem).__name__)
            return self._one_by_one(due, now)

    def _one_by_one(self, due: list[UUID], now: datetime) -> bool:
        fired = False
        for case_id in due:
            try:
                fired = self._fire([case_id], now) or fired
            except Exception as problem:
                _LOG.error("timers_failed", case=str(case_id), error=type(problem).__name__)
        return fired

    def _fire(self, case_ids: list[UUID], now: datetime) -> bool:
        with self.office.work(now) as uow:
            return escalating.fire(uow, case_ids, now=now) > 0


@dataclass(frozen=True)
class Outbox:
    """Hands what waits to one carrier. Nothing is sent while a transaction is open."""

    office: Office
    carrier: Carrier
    clock: Clock

    def step(self, now: datetime) -> bool:
        """Lease a few texts, hand each over, and write down what became of it."""
        with self.office.look() as uow:
            if not sending.anything_due(uow, self.carrier.name, now=now):
                return False
        with self.office.work(now) as uow:
            texts = sending.lease(uow, self.carrier.name, now=now, limit=_TEXTS_AT_ONCE)
        for text in texts:
            answer = self.carrier.send(text)
            self.office.rulebook.passed("outbox.sent")
            after = self.clock.now()
            with self.office.work(after) as uow:
                sending.record(uow, text, answer, now=after)
        return bool(texts)


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
