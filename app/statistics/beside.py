"""What is told of a window beside its tables, counted in the same snapshot: contacts, waits and claims."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.escalation.rules.ladder import ClockKind
from app.statistics.rules.beside import Beside, ToldContacts
from app.statistics.rules.money import claims_told
from app.statistics.rules.scope import Scope
from app.statistics.rules.targets import CLOCKS
from app.statistics.rules.telling import ToldWait, Waited, told_callers, told_volumes, told_waits
from app.statistics.store.contacts import ContactStore
from app.statistics.store.money import MoneyStore
from app.statistics.store.times import CLOSE, TimeStore
from app.usecases.unit_of_work import UnitOfWork

# The end of a case comes last: nothing is done in one that is closed.
WAITED_FOR: Final = (ClockKind.ACCEPT.value, ClockKind.FIRST_CONTACT.value, CLOSE)


@dataclass(frozen=True, slots=True)
class Counting:
    """One window in one snapshot, with the least count that may be told."""

    uow: UnitOfWork
    scope: Scope
    now: datetime
    k: int

    def beside(self, *, cases: int, people: int) -> Beside:
        """All that may be told beside the tables, in which there are so many cases and people."""
        claims = MoneyStore(self.uow.connection).claims(self.scope)
        sums, whole = claims_told(claims, self.k, self.uow.rulebook.surroundings, people=people)
        return Beside(self._contacts(), self._waits(cases), sums, whole)

    def _contacts(self) -> ToldContacts:
        store = ContactStore(self.uow.connection)
        came, callers = store.came(self.scope)
        number = {name: Counter[str]() for name in ("channel", "ended", "language", "hour")}
        for one in came:
            number["channel"][one.channel] += one.contacts
            number["language"][one.language] += one.contacts
            number["hour"][f"{one.hour:02d}"] += one.contacts
            if one.ended:
                number["ended"][one.ended] += one.contacts
        phones = {name: store.callers_by(self.scope, name) for name in number}
        told = {name: told_volumes(number[name], phones[name], self.k) for name in number}
        if told["channel"] is None:
            told["ended"] = None  # they are parts of one channel
        shown = [phones[name] for name, volumes in told.items() if volumes is not None]
        different = told_callers(callers, number["channel"].total(), shown, self.k)
        return ToldContacts(**told, callers=different)

    def _waits(self, cases: int) -> tuple[ToldWait, ...]:
        if not cases:
            return ()
        store = TimeStore(self.uow.connection)
        measured = {one.clock: one for one in store.measured(self.scope) if one.urgency is None}
        in_time, late = Counter[str](), Counter[str]()
        for one in store.kept(self.scope, self.uow.rulebook.ladders, self.now):
            in_time[one.clock] += one.in_time
            late[one.clock] += one.late
        waits = []
        for clock in WAITED_FOR:
            found, judged = measured.get(clock), clock in CLOCKS
            waits.append(Waited(
                clock, cases, found.count if found else 0, found.percentiles if found else (),
                in_time[clock] if judged else None, late[clock] if judged else None,
            ))  # fmt: skip
        return told_waits(waits, self.k)
