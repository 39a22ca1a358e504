"""Queries on rings that wait to be called back."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from app.calls.rules.callbacks import MissedCall, Stage
from app.calls.tables import missed_calls


class MissedCallStore:
    """Rings to call back as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def add(self, missed: MissedCall) -> None:
        """Keep the first ring of a phone that is not waiting yet."""
        self._connection.execute(insert(missed_calls), {"id": missed.id, **_values(missed)})

    def save(self, missed: MissedCall) -> None:
        """The missed call as it is now."""
        self._connection.execute(
            update(missed_calls).where(missed_calls.c.id == missed.id).values(_values(missed))
        )

    def latest_of(self, contact_point_id: UUID) -> MissedCall | None:
        """The missed call in which this phone rang last, locked."""
        return self._one(_LATEST, {"phone": contact_point_id})

    def locked_by_call(self, call_id: UUID) -> MissedCall | None:
        """The missed call for which this call back is made, locked."""
        return self._one(_BY_CALL, {"call": call_id})

    def anything_due(self, now: datetime) -> bool:
        """Whether somebody is to be called back now."""
        return self._connection.execute(_ANYTHING_DUE, {"now": now}).first() is not None

    def claim_due(self, now: datetime) -> MissedCall | None:
        """The missed call that waited longest of those that are due, locked."""
        return self._one(_DUE, {"now": now})

    def handed_over_since(self, contact_point_id: UUID, since: datetime) -> bool:
        """Whether a human was asked to call this phone back since then."""
        asked = select(missed_calls.c.id).where(
            missed_calls.c.contact_point_id == contact_point_id,
            missed_calls.c.stage == Stage.GIVEN_UP,
            missed_calls.c.last_at > since,
        )
        return self._connection.execute(asked.limit(1)).first() is not None

    def _one(self, asked: Select[Any], values: dict[str, Any]) -> MissedCall | None:
        row = self._connection.execute(asked, values).one_or_none()
        return _missed(row) if row else None


def _values(missed: MissedCall) -> dict[str, Any]:
    return {
        "contact_point_id": missed.contact_point_id, "via": missed.via, "rings": missed.rings,
        "first_at": missed.first_at, "last_at": missed.last_at, "tries": missed.tries,
        "stage": missed.stage, "because": missed.because, "urgent_at": missed.urgent_at,
        "due_at": missed.due_at, "call_id": missed.call_id,
    }  # fmt: skip


def _missed(row: Row[Any]) -> MissedCall:
    return MissedCall(
        row.id, row.contact_point_id, row.via, row.rings, row.first_at, row.last_at, row.due_at,
        Stage(row.stage), row.tries, row.urgent_at, row.because, row.call_id,
    )  # fmt: skip


_DUE_NOW: Final = (missed_calls.c.stage == Stage.WAITING) & (missed_calls.c.due_at <= bindparam("now"))
_ANYTHING_DUE: Final = select(missed_calls.c.id).where(_DUE_NOW).limit(1)
_DUE: Final = (
    select(missed_calls)
    .where(_DUE_NOW)
    .order_by(missed_calls.c.due_at, missed_calls.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_LATEST: Final = (
    select(missed_calls)
    .where(missed_calls.c.contact_point_id == bindparam("phone"))
    .order_by(missed_calls.c.last_at.desc(), missed_calls.c.id.desc())
    .limit(1)
    .with_for_update()
)
_BY_CALL: Final = select(missed_calls).where(missed_calls.c.call_id == bindparam("call")).with_for_update()
