"""Queries on devices: who carries which, how far each was told, and which are trusted no more."""

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, select, update

from app.crypto.vault import Place, Vault
from app.identity.rules import Device
from app.identity.tables import devices, tokens, workers
from app.kernel.ids import new_id
from app.store.rows import insert_new

_LINEAGE_BYTES: Final = 6


class DeviceStore:
    """Devices as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def keep(self, worker_id: UUID, device_id: str, *, name: str | None, now: datetime) -> Device:
        """The worker's device of this id, made if it is new, renamed where a name is given."""
        fresh = new_id(now)
        insert_new(self._connection, devices, {
            "id": fresh, "worker_id": worker_id, "device_id": device_id,
            "name": self._vault.seal(name, Place("device", fresh, "name")) if name else None,
            "lineage": os.urandom(_LINEAGE_BYTES), "issued": 0, "registered_at": now,
        })  # fmt: skip
        kept = self.of(worker_id, device_id)
        if kept is None:
            raise LookupError("a device that was just kept is not there")
        if name and kept.name != name:
            self._set(kept.id, name=self._vault.seal(name, Place("device", kept.id, "name")))
        return kept

    def of(self, worker_id: UUID, device_id: str) -> Device | None:
        """The worker's device of this id."""
        row = self._connection.execute(_OF, {"worker": worker_id, "device": device_id}).one_or_none()
        return self._device(row) if row else None

    def of_workers(self, worker_ids: Iterable[UUID] | None, *, now: datetime) -> list[Device]:
        """The devices of these workers, or of everybody, with their ids; none that gave no id."""
        asked = select(devices).where(devices.c.device_id != "", devices.c.registered_at <= now)
        if worker_ids is not None:
            asked = asked.where(devices.c.worker_id.in_(list(worker_ids)))
        found = self._connection.execute(asked.order_by(devices.c.registered_at, devices.c.id))
        return [self._device(row) for row in found]

    def locked_by_id(self, device_id: str, organisation_id: UUID | None) -> list[Device]:
        """Every worker's device of this id, locked; of one organisation's workers where one is named."""
        asked = select(devices).where(devices.c.device_id == device_id)
        if organisation_id:
            ours = select(workers.c.id).where(workers.c.organisation_id == organisation_id)
            asked = asked.where(devices.c.worker_id.in_(ours))
        found = self._connection.execute(asked.order_by(devices.c.id).with_for_update())
        return [self._device(row) for row in found]

    def revoke(self, device: Device, *, by: UUID, now: datetime) -> None:
        """The device is trusted no more, and its tokens are good for nothing."""
        self._set(device.id, revoked_at=now, revoked_by=by)
        self._connection.execute(
            update(tokens)
            .where(
                tokens.c.worker_id == device.worker_id, tokens.c.device_id == device.device_id,
                tokens.c.revoked_at.is_(None),
            )
            .values(revoked_at=now)
        )  # fmt: skip

    def told(self, device: Device, *, up_to: int, schema: int, now: datetime) -> None:
        """The device was given its feed up to this number, in this version of the app."""
        self._connection.execute(_TOLD, {"device": device.id, "up_to": up_to, "schema": schema, "now": now})

    def begin_again(self, device: Device) -> None:
        """Cursors of before mean nothing any more: this database has forgotten what they point at."""
        self._connection.execute(
            update(devices)
            .where(devices.c.id == device.id, devices.c.lineage == device.lineage)
            .values(lineage=os.urandom(_LINEAGE_BYTES), issued=0)
        )

    def begin_all_again(self) -> None:
        """As begin_again, for every device: a backup was put back, which knows nothing of what came since."""
        self._connection.execute(update(devices).values(lineage=os.urandom(_LINEAGE_BYTES), issued=0))

    def _set(self, row_id: UUID, **values: Any) -> None:  # noqa: ANN401 - column values
        self._connection.execute(update(devices).where(devices.c.id == row_id).values(**values))

    def _device(self, row: Row[Any]) -> Device:
        name = self._vault.open(row.name, Place("device", row.id, "name")) if row.name else None
        return Device(
            row.id, row.worker_id, row.device_id, name, row.app_schema, bytes(row.lineage), row.issued,
            row.registered_at, row.seen_at, row.revoked_at,
        )  # fmt: skip


# Made once, for every pull asks them.
_OF: Final = select(devices).where(
    devices.c.worker_id == bindparam("worker"), devices.c.device_id == bindparam("device")
)
_TOLD: Final = (
    update(devices)
    .where(devices.c.id == bindparam("device"), devices.c.issued <= bindparam("up_to"))
    .values(issued=bindparam("up_to"), app_schema=bindparam("schema"), seen_at=bindparam("now"))
)
