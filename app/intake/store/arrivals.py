"""Queries on the inbox: what carriers gave us, byte for byte, and how far reception has come with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, or_, select, update

from app.crypto.vault import Place, Vault
from app.intake.rules.incoming import Arrival, kept_id
from app.intake.tables import contact_points, inbox, messages
from app.kernel.ids import new_id
from app.store.rows import insert_new

STORED: Final = "stored"  # waits for reception
TAKEN: Final = "taken"
QUARANTINED: Final = "quarantined"  # nobody could read it; a human was told
_FROM_PEOPLE: Final = ("text", "call")
_NO_SENDER: Final = b""
_UNNAMED: Final = "unnamed-"
_OLD_NAME_LETTERS: Final = len(_UNNAMED) + 64  # of an unkeyed hash, as it was kept before


@dataclass(frozen=True, slots=True)
class Waiting:
    """An arrival that reception has claimed."""

    id: UUID
    carrier: str
    account: str
    carrier_id: str
    kind: str
    raw: bytes
    received_at: datetime
    attempts: int


class ArrivalStore:
    """The inbox, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def keep(self, arrivals: Iterable[Arrival], now: datetime) -> int:
        """Keep each arrival once; one that is here already changes nothing. Returns how many were new."""
        return sum(
            insert_new(self._connection, inbox, inbox_values(self._vault, arrival, now))
            for arrival in arrivals
        )

    def keep_answered(
        self, arrival: Arrival, call_id: UUID, now: datetime, *, problem: str | None = None
    ) -> None:
        """Keep a call that was answered while it came: nothing of it waits for reception.

        `problem` says, as a stable code, why nothing will follow, for whoever looks.
        """
        values = inbox_values(self._vault, arrival, now)
        insert_new(
            self._connection, inbox, {**values, "state": TAKEN, "call_id": call_id, "problem": problem}
        )

    def anything_waits(self, now: datetime) -> bool:
        """Whether reception has something to do."""
        return self._connection.execute(_ANYTHING_WAITS, {"now": now}).first() is not None

    def claim_next(self, now: datetime) -> Waiting | None:
        """The oldest arrival that waits, locked; one sender's arrivals are never taken out of order.

        An arrival that failed waits for its next try, and only its own sender's later ones wait
        with it.
        """
        row = self._connection.execute(_NEXT, {"now": now}).one_or_none()
        return self._waiting(row) if row else None

    def taken(self, arrival_id: UUID, *, problem: str | None = None, **became: UUID | None) -> None:
        """Reception made a `message_id` or `call_id` of this arrival, if any; `problem`: `keep_answered`."""
        self._set(arrival_id, state=TAKEN, problem=problem, **became)

    def still_waits(self, arrival: Waiting) -> bool:
        """Whether the arrival is as it was when it was claimed; locked until the transaction ends."""
        asked = select(inbox.c.state, inbox.c.attempts).where(inbox.c.id == arrival.id).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        return row is not None and (row.state, row.attempts) == (STORED, arrival.attempts)

    def try_again(self, arrival_id: UUID, *, at: datetime, problem: str) -> None:
        """The arrival waits and is tried again."""
        self._set(arrival_id, attempts=inbox.c.attempts + 1, due_at=at, problem=problem)

    def quarantine(self, arrival_id: UUID, *, problem: str) -> None:
        """Nobody could read the arrival: a human has to look at it."""
        self._set(arrival_id, state=QUARANTINED, problem=problem)

    def of_arrival(self, carrier: str, account: str, carrier_id: str) -> tuple[str, UUID | None] | None:
        """The state of an arrival and the message that came of it."""
        asked = select(inbox.c.state, inbox.c.message_id).where(
            inbox.c.carrier == carrier, inbox.c.account == account, inbox.c.carrier_id == kept_id(carrier_id)
        )
        row = self._connection.execute(asked).one_or_none()
        return (row.state, row.message_id) if row else None

    def rename_unkeyed(self, limit: int) -> int:
        """Give up to so many arrivals that have no id of their own a name under the key. Returns how many.

        Of what is erased already nothing is known to name it by: it gets a name that nothing leads to.
        """
        asked = select(inbox).where(
            inbox.c.carrier_id.like(f"{_UNNAMED}%"), func.length(inbox.c.carrier_id) == _OLD_NAME_LETTERS
        )
        found = self._connection.execute(asked.limit(limit).with_for_update(skip_locked=True)).all()
        for row in found:
            raw = self._vault.open_bytes(row.raw, Place("inbox", row.id, "raw"))
            self._set(row.id, carrier_id=_name_of(self._vault, None, raw or row.id.bytes))
        return len(found)

    def arrivals(
        self, *, state: str | None, kind: str | None, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """What came in, newest first, with the message and its sender where there is one."""
        asked = (
            select(
                inbox,
                messages.c.sender_kind,
                messages.c.via,
                messages.c.contact_point_id,
                contact_points.c.phone,
            )
            .select_from(
                inbox.outerjoin(messages, messages.c.id == inbox.c.message_id).outerjoin(contact_points)
            )
            .where(inbox.c.kind.in_(_FROM_PEOPLE))
            .order_by(inbox.c.number.desc())
            .limit(limit)
        )
        if state:
            asked = asked.where(inbox.c.state == state)
        if kind:
            asked = asked.where(or_(inbox.c.carrier == kind, inbox.c.kind == kind))
        if before is not None:
            asked = asked.where(inbox.c.number < before)
        return [self._listed(row) for row in self._connection.execute(asked)]

    def raw_of(self, arrival_id: UUID) -> tuple[bytes, UUID | None, UUID | None] | None:
        """What a carrier gave us, byte for byte, and the message or call that came of it."""
        asked = select(inbox).where(inbox.c.id == arrival_id)
        row = self._connection.execute(asked).one_or_none()
        if row is None:
            return None
        return self._vault.open_bytes(row.raw, Place("inbox", row.id, "raw")), row.message_id, row.call_id

    def _listed(self, row: Row[Any]) -> dict[str, Any]:
        place = Place("contact_point", row.contact_point_id, "phone") if row.contact_point_id else None
        return {
            "number": row.number, "id": row.id, "carrier": row.carrier, "carrier_id": row.carrier_id,
            "kind": row.kind, "state": row.state, "problem": row.problem, "received_at": row.received_at,
            "message_id": row.message_id, "call_id": row.call_id, "sender_kind": row.sender_kind,
            "from": self._vault.open(row.phone, place) if place else None,
        }  # fmt: skip

    def _set(self, arrival_id: UUID, **values: Any) -> None:  # noqa: ANN401 - column values
        self._connection.execute(update(inbox).where(inbox.c.id == arrival_id).values(**values))

    def _waiting(self, row: Row[Any]) -> Waiting:
        raw = self._vault.open_bytes(row.raw, Place("inbox", row.id, "raw"))
        return Waiting(
            row.id, row.carrier, row.account, row.carrier_id, row.kind, raw, row.received_at, row.attempts
        )


def inbox_values(vault: Vault, arrival: Arrival, now: datetime) -> dict[str, Any]:
    """The inbox row of an arrival. Its sender is kept as a blind index only, to keep order."""
    fresh = new_id(now)
    return {
        "id": fresh, "carrier": arrival.carrier, "account": arrival.account,
        "carrier_id": _name_of(vault, arrival.carrier_id, arrival.raw), "kind": arrival.kind,
        "sender_index": vault.index("sender", arrival.sender) if arrival.sender else _NO_SENDER,
        "raw": vault.seal_bytes(arrival.raw, Place("inbox", fresh, "raw")),
        "received_at": now, "state": STORED, "due_at": now, "attempts": 0,
    }  # fmt: skip


def _name_of(vault: Vault, carrier_id: str | None, raw: bytes) -> str:
    """The id under which an arrival is kept. One without an id is known by what it holds: a carrier repeats
    it until we answer. Under a key, for whoever has the database must not be able to confirm a guess.
    """
    if carrier_id is not None:
        return kept_id(carrier_id)
    return f"{_UNNAMED}{vault.index('arrival', raw.decode('latin-1')).hex()}"


def _next() -> Select[Any]:
    """The oldest arrival that is due and has none of its own sender's before it."""
    earlier = inbox.alias("earlier")
    blocked = exists().where(
        earlier.c.sender_index == inbox.c.sender_index,
        earlier.c.sender_index != _NO_SENDER,
        earlier.c.state == STORED,
        earlier.c.number < inbox.c.number,
    )
    return (
        select(inbox)
        .where(inbox.c.state == STORED, inbox.c.due_at <= bindparam("now"), ~blocked)
        .order_by(inbox.c.number)
        .limit(1)
        .with_for_update(skip_locked=True, of=inbox)
    )


# Made once, for every text asks them: a new statement costs SQLAlchemy more than it costs the database.
_NEXT: Final = _next()
_ANYTHING_WAITS: Final = (
    select(inbox.c.number).where(inbox.c.state == STORED, inbox.c.due_at <= bindparam("now")).limit(1)
)
