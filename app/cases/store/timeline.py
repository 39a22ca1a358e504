"""The timeline of cases: facts gathered in a transaction, written at its end, read back in order."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.cases.rules.facts import Fact, MessageMoved
from app.cases.tables import cases, events
from app.crypto.vault import Place, Vault
from app.kernel.clock import utc_text
from app.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Claim:
    """When a device says that something was done, by our clock, and how far its own was ahead of ours."""

    at: datetime
    ahead: timedelta = timedelta()

    def shown(self) -> dict[str, Any]:
        """What the timeline says of it. A clock that is right within a minute is not worth a word."""
        wrong = abs(self.ahead) >= _WRONG_FROM
        ahead = {"clock_ahead_seconds": round(self.ahead.total_seconds())} if wrong else {}
        return {"late_sync": utc_text(self.at), **ahead}


_Told = tuple[Fact, str, Claim | None]
_WRONG_FROM: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that became true of a case, with the words that people wrote about it opened."""

    id: UUID
    case_id: UUID
    number: int
    kind: str
    at: datetime
    actor: str
    details: dict[str, Any]
    private: dict[str, str]


class TimelineStore:
    """The timelines as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Gather for one transaction."""
        self._connection = connection
        self._vault = vault
        self._gathered: dict[UUID, list[_Told]] = defaultdict(list)

    def tell(self, case_id: UUID, facts: Iterable[Fact], *, actor: str, claimed: Claim | None = None) -> None:
        """Add these facts to a case's timeline when the transaction commits.

        `claimed` is when a device says that it was done, where it could tell us only later.
        """
        self._gathered[case_id].extend((fact, actor, claimed) for fact in facts)

    def flush(self, now: datetime) -> None:
        """Write what was gathered; the items of one case are numbered without a gap."""
        gathered = {case_id: told for case_id, told in self._gathered.items() if told}
        if not gathered:
            return
        counted = self._connection.execute(
            select(cases.c.id, cases.c.event_count)
            .where(cases.c.id.in_(list(gathered)))
            .order_by(cases.c.id)
            .with_for_update()
        ).all()
        rows = [
            self._row(case_id, count + place, told, now)
            for case_id, count in counted
            for place, told in enumerate(gathered[case_id], start=1)
        ]
        self._connection.execute(insert(events), rows)
        self._connection.execute(
            update(cases).where(cases.c.id == bindparam("case")).values(event_count=bindparam("count")),
            [{"case": case_id, "count": count + len(gathered[case_id])} for case_id, count in counted],
        )
        self._gathered.clear()

    def of_case(self, case_id: UUID) -> list[TimelineItem]:
        """The whole timeline of a case, oldest first."""
        asked = select(events).where(events.c.case_id == case_id).order_by(events.c.number)
        return [self._item(row) for row in self._connection.execute(asked)]

    def _row(self, case_id: UUID, number: int, told: _Told, now: datetime) -> dict[str, Any]:
        fact, actor, claimed = told
        late = claimed.shown() if claimed else {}
        event_id = new_id(now)
        kind = f"message.{fact.state}" if isinstance(fact, MessageMoved) else fact.kind
        private = fact.private()
        words = json.dumps(private, ensure_ascii=False) if private else None
        place = Place("case_event", event_id, "private")
        return {
            "id": event_id, "case_id": case_id, "number": number, "kind": kind, "at": now, "actor": actor,
            "details": fact.details() | late, "private": self._vault.seal(words, place) if words else None,
        }  # fmt: skip

    def _item(self, row: Row[Any]) -> TimelineItem:
        place = Place("case_event", row.id, "private")
        private = json.loads(self._vault.open(row.private, place)) if row.private else {}
        return TimelineItem(
            row.id, row.case_id, row.number, row.kind, row.at, row.actor, dict(row.details), private
        )
