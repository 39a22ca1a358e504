"""Queries on the calls that the carrier is to make for us: want, lease, record what became of them."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, or_, select, update

from app.calls.rules.calls import Kind
from app.calls.rules.dialling import LEASE, Dial, Dialled, DialState
from app.calls.tables import calls, dials
from app.crypto.vault import Place, Vault
from app.kernel.phone import Phone

_ALIKE_WITHIN: Final = timedelta(days=2)


class DialStore:
    """Calls to make as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, dial: Dial, expires_at: datetime) -> None:
        """Keep a call to make; its row in `call` is there already."""
        self._connection.execute(insert(dials), {
            "call_id": dial.call_id, "kind": dial.kind,
            "phone": self._vault.seal(dial.to.e164, Place("dial", dial.call_id, "phone")),
            "phone_index": self._vault.index("phone", dial.to.e164), "via": dial.via,
            "state": DialState.WANTED, "ring_seconds": int(dial.ring.total_seconds()),
            "detect_machine": dial.detect_machine, "urgent": dial.urgent,
            "due_at": dial.created_at, "expires_at": expires_at, "created_at": dial.created_at,
            "attempts": 0,
        })  # fmt: skip

    def anything_to_do(self, now: datetime) -> bool:
        """Whether there is a call to make, or one whose time is over."""
        found = select(dials.c.call_id).where(or_(_due(now), _over(now))).limit(1)
        return self._connection.execute(found).first() is not None

    def claim_due(self, now: datetime) -> Dial | None:
        """Lease the call that is due and still worth making and waited longest.

        One whose lease ran out is taken again, marked as one that may have been placed already.
        """
        due = select(dials).where(_due(now)).order_by(dials.c.due_at, dials.c.call_id).limit(1)
        row = self._connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        attempt = row.attempts + 1
        self.move(row.call_id, DialState.LEASED, lease_until=now + LEASE, attempts=attempt)
        in_doubt = row.state == DialState.LEASED
        phone = Phone(self._vault.open(row.phone, Place("dial", row.call_id, "phone")))
        return Dial(
            row.call_id, Kind(row.kind), phone, row.via, timedelta(seconds=row.ring_seconds),
            row.detect_machine, attempt, row.created_at, in_doubt, row.urgent,
            self._others(row) if in_doubt else frozenset(),
        )  # fmt: skip

    def claim_over(self, now: datetime, limit: int) -> list[Dialled]:
        """Calls that were never placed and are not worth making any more, locked."""
        asked = select(dials).where(_over(now)).order_by(dials.c.expires_at).limit(limit)
        return [_dialled(row) for row in self._connection.execute(asked.with_for_update(skip_locked=True))]

    def locked(self, call_id: UUID) -> Dialled | None:
        """What is known of one call to make, locked."""
        row = self._connection.execute(_BY_ID, {"call": call_id}).one_or_none()
        return _dialled(row) if row else None

    def move(self, call_id: UUID, state: DialState, **also: Any) -> None:  # noqa: ANN401 - column values
        """The call to make is in this state now."""
        values = {"lease_until": None, **also}
        self._connection.execute(
            update(dials).where(dials.c.call_id == call_id).values(state=state, **values)
        )

    def withdraw(self, call_id: UUID, now: datetime) -> None:
        """The call is wanted no more, if nobody has begun to make it: its time is over at once."""
        free = select(dials.c.call_id).where(dials.c.call_id == call_id, dials.c.state == DialState.WANTED)
        # Whoever has the row at this moment is making the call: there is nothing left to withdraw.
        if self._connection.execute(free.with_for_update(skip_locked=True)).first():
            self._connection.execute(update(dials).where(dials.c.call_id == call_id).values(expires_at=now))

    def called_back_since(self, phone: Phone, since: datetime) -> list[datetime]:
        """When this phone was called back since then, also where it is not known whether it rang."""
        asked = select(func.coalesce(dials.c.placed_at, dials.c.created_at, type_=dials.c.created_at.type))
        asked = asked.where(dials.c.phone_index == self._vault.index("phone", phone.e164), _MAY_HAVE_RUNG)
        return list(self._connection.execute(asked.where(dials.c.created_at > since)).scalars())

    def calls_back_since(self, since: datetime) -> int:
        """How many calls back were made since then, to whomever."""
        asked = select(func.count()).select_from(dials).where(_MAY_HAVE_RUNG, dials.c.created_at >= since)
        return int(self._connection.execute(asked).scalar_one())

    def _others(self, row: Row[Any]) -> frozenset[str]:
        """The carrier's ids of other calls of ours to the same phone, for one that may be placed already."""
        asked = (
            select(calls.c.carrier_id)
            .join(dials, dials.c.call_id == calls.c.id)
            .where(
                dials.c.phone_index == row.phone_index, dials.c.call_id != row.call_id,
                dials.c.created_at > row.created_at - _ALIKE_WITHIN, calls.c.carrier_id.is_not(None),
            )
        )  # fmt: skip
        return frozenset(self._connection.execute(asked).scalars())


def _dialled(row: Row[Any]) -> Dialled:
    return Dialled(row.call_id, Kind(row.kind), DialState(row.state), row.attempts, row.expires_at)


def _free(now: datetime) -> ColumnElement[bool]:
    """Not placed, and in nobody's hands."""
    waiting = dials.c.state.in_((DialState.WANTED, DialState.LEASED))
    return waiting & or_(dials.c.lease_until.is_(None), dials.c.lease_until <= now)


def _due(now: datetime) -> ColumnElement[bool]:
    return _free(now) & (dials.c.due_at <= now) & (dials.c.expires_at > now)


def _over(now: datetime) -> ColumnElement[bool]:
    return _free(now) & (dials.c.expires_at <= now)


_MAY_HAVE_RUNG: Final = (dials.c.kind == Kind.CALLBACK) & or_(
    dials.c.state.in_((DialState.WANTED, DialState.LEASED, DialState.PLACED)),
    (dials.c.state == DialState.GIVEN_UP) & (dials.c.attempts > 0),
)
_BY_ID: Final = select(dials).where(dials.c.call_id == bindparam("call")).with_for_update()
