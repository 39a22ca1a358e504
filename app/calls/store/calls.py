"""Queries on calls."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, select, update

from app.calls.rules.calls import Call, Ending, Kind
from app.calls.rules.ivr import Safe, State, Step
from app.calls.tables import calls
from app.crypto.vault import Place, Vault
from app.kernel.language import Language
from app.store.rows import insert_new

_STATE: Final = tuple(field.name for field in fields(State))


@dataclass(frozen=True, slots=True)
class HeardOf:
    """How much is known of a call that a carrier lists."""

    carrier_id: str
    sender_kind: str
    ended: bool


class CallStore:
    """Calls as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, call: Call) -> bool:
        """Keep a new call; False for one that the carrier has told us of before."""
        return insert_new(self._connection, calls, self._values(call))

    def save(self, call: Call) -> None:
        """The call as it is now."""
        self._connection.execute(update(calls).where(calls.c.id == call.id).values(self._values(call)))

    def locked(self, call_id: UUID) -> Call | None:
        """One call, locked."""
        row = self._connection.execute(_BY_ID, {"id": call_id}).one_or_none()
        return self._call(row) if row else None

    def locked_by_carrier(self, carrier: str, account: str, carrier_id: str) -> Call | None:
        """The call of this carrier's id, locked."""
        asked = {"carrier": carrier, "account": account, "carrier_id": carrier_id}
        row = self._connection.execute(_BY_CARRIER, asked).one_or_none()
        return self._call(row) if row else None

    def heard_of(self, carrier: str, account: str, carrier_ids: Collection[str]) -> list[HeardOf]:
        """What is known of those of these calls that we were told of."""
        asked = select(calls.c.carrier_id, calls.c.sender_kind, calls.c.ended_at).where(
            calls.c.carrier == carrier, calls.c.account == account, calls.c.carrier_id.in_(carrier_ids)
        )
        found = self._connection.execute(asked)
        return [HeardOf(row.carrier_id, row.sender_kind, row.ended_at is not None) for row in found]

    def any_overdue(self, now: datetime) -> bool:
        """Whether there is a call that should have ended by now."""
        asked = select(calls.c.id).where(calls.c.ended_at.is_(None), calls.c.ends_by <= now).limit(1)
        return self._connection.execute(asked).first() is not None

    def overdue(self, now: datetime, *, limit: int) -> list[Call]:
        """Calls that should have ended by now though no carrier told us so, locked."""
        asked = (
            select(calls)
            .where(calls.c.ended_at.is_(None), calls.c.ends_by <= now)
            .order_by(calls.c.ends_by)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [self._call(row) for row in self._connection.execute(asked)]

    def busy_workers(self) -> frozenset[UUID]:
        """The workers whose phone rings or is joined with a call at this moment."""
        asked = select(calls.c.ringing_id, calls.c.answered_by).where(calls.c.ended_at.is_(None))
        found = self._connection.execute(asked.where(calls.c.ringing_id.is_not(None)))
        return frozenset(worker_id for row in found for worker_id in row if worker_id)

    def rings_since(self, contact_point_id: UUID, since: datetime) -> int:
        """How often this phone rang a number of ours that we do not answer, since then."""
        asked = select(func.count()).select_from(calls).where(
            calls.c.contact_point_id == contact_point_id,
            calls.c.kind == Kind.MISSED,
            calls.c.began_at > since,
        )  # fmt: skip
        return int(self._connection.execute(asked).scalar_one())

    def put_rings_into(self, case_id: UUID, contact_point_id: UUID, since: datetime) -> None:
        """The rings of this phone since then belong to the case that came of calling back."""
        self._connection.execute(
            update(calls)
            .where(
                calls.c.contact_point_id == contact_point_id, calls.c.kind == Kind.MISSED,
                calls.c.began_at >= since, calls.c.case_id.is_(None),
            )
            .values(case_id=case_id)
        )  # fmt: skip

    def bridging(self, worker_id: UUID) -> bool:
        """Whether a call that this worker asked for is going on."""
        asked = select(calls.c.id).where(
            calls.c.worker_id == worker_id, calls.c.kind == Kind.BRIDGE, calls.c.ended_at.is_(None)
        )
        return self._connection.execute(asked.limit(1)).first() is not None

    def of_ids(self, ids: list[UUID]) -> dict[UUID, Call]:
        """Calls by id."""
        found = self._connection.execute(select(calls).where(calls.c.id.in_(ids)))
        return {row.id: self._call(row) for row in found}

    def _values(self, call: Call) -> dict[str, Any]:
        state = {name: getattr(call.state, name) for name in _STATE}
        return {
            "id": call.id, "kind": call.kind, "carrier": call.carrier, "account": call.account,
            "carrier_id": call.carrier_id, "via": call.via, "sender_kind": call.sender_kind,
            "contact_point_id": call.contact_point_id, "worker_id": call.worker_id, "case_id": call.case_id,
            "pressed": call.pressed, "silent": call.silent, "message": call.message,
            "typed_number": self._sealed(call.typed_number, call.id),
            "rung": [str(worker_id) for worker_id in call.rung], "ringing_id": call.ringing,
            "answered_by": call.answered_by, "answered_at": call.answered_at, "began_at": call.began_at,
            "ended_at": call.ended_at, "ended_as": call.ended_as, "seconds": call.seconds,
            "ends_by": call.ends_by, **state,
        }  # fmt: skip

    def _call(self, row: Row[Any]) -> Call:
        given = {name: getattr(row, name) for name in _STATE}
        state = State(**{
            **given, "step": Step(row.step), "language": Language(row.language),
            "safe": Safe(row.safe) if row.safe else None,
        })  # fmt: skip
        return Call(
            id=row.id, kind=Kind(row.kind), carrier=row.carrier, account=row.account,
            carrier_id=row.carrier_id, via=row.via, sender_kind=row.sender_kind, state=state,
            began_at=row.began_at, ends_by=row.ends_by, contact_point_id=row.contact_point_id,
            worker_id=row.worker_id, case_id=row.case_id, pressed=row.pressed, silent=row.silent,
            message=row.message,
            typed_number=self._opened(row.typed_number, row.id),
            rung=tuple(UUID(worker_id) for worker_id in row.rung), ringing=row.ringing_id,
            answered_by=row.answered_by, answered_at=row.answered_at, ended_at=row.ended_at,
            ended_as=Ending(row.ended_as) if row.ended_as else None, seconds=row.seconds,
        )  # fmt: skip

    def _sealed(self, plain: str | None, call_id: UUID) -> bytes | None:
        return self._vault.seal(plain, Place("call", call_id, "typed_number")) if plain else None

    def _opened(self, sealed: bytes | None, call_id: UUID) -> str | None:
        return self._vault.open(sealed, Place("call", call_id, "typed_number")) if sealed else None


# Made once, for every document of a call asks them.
_BY_ID: Final = select(calls).where(calls.c.id == bindparam("id")).with_for_update()
_BY_CARRIER: Final = (
    select(calls)
    .where(
        calls.c.carrier == bindparam("carrier"),
        calls.c.account == bindparam("account"),
        calls.c.carrier_id == bindparam("carrier_id"),
    )
    .with_for_update()
)
