"""The loops that call: one decides whom to call back, one has the carrier make each call that is wanted."""

from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from app.calls.rules.dialling import Caller
from app.kernel.clock import Clock
from app.usecases import calling_back, placing
from app.usecases.unit_of_work import Office

_DIALS = Counter("spean_dials_total", "Calls that a carrier was asked to make", ["carrier", "answer"])


@dataclass(frozen=True)
class CallBacks:
    """Decides on the rings that are due to be called back."""

    office: Office

    def step(self, now: datetime) -> bool:
        """Decide on one of them; whether there was one."""
        with self.office.look() as uow:
            if not calling_back.anything_due(uow, now=now):
                return False
        with self.office.work(now) as uow:
            return calling_back.call_next(uow, now=now)


@dataclass(frozen=True)
class Dialler:
    """Has one carrier make the calls that are wanted. It is asked while no transaction is open.

    One call is leased at a time, and at most one a second: carriers make no more, and what waits
    there is seen by nobody.
    """

    office: Office
    caller: Caller
    clock: Clock

    def step(self, now: datetime) -> bool:
        """Lease a call, have it made, and write down what became of it. Whether there was one to make."""
        with self.office.look() as uow:
            if not placing.anything_to_do(uow, now=now):
                return False
        with self.office.work(now) as uow:
            leased = placing.lease(uow, now=now)
        if leased is None:
            return False
        dial, leave = leased
        said = self.caller.place(leave, dial)
        _DIALS.labels(self.caller.name, type(said).__name__).inc()
        self.office.rulebook.passed("dials.placed")
        after = self.clock.now()
        with self.office.work(after) as uow:
            placing.record(uow, dial, said, now=after)
        return True
