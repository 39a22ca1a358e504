"""Devices: which phones and computers hold copies of cases, and the end of those that are lost."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.sync_shapes import DeviceIn, DeviceOut, Devices, RegisteredOut
from app.identity.rules import Action, Device
from app.usecases import devices

door = Door(prefix="/v1/devices", tags=["devices"])
DeviceId = Annotated[str, Path(min_length=1, max_length=200)]


@door.post("", status_code=201, responses=may_answer())
@lets(Action.SYNC)
def register(asked: Asked, given: Given, body: DeviceIn) -> RegisteredOut:
    """Register the device in your hands, with tokens that end when it is revoked. Again: new tokens."""
    device_id = body.device or asked.device
    with asked.office.work(asked.now) as uow:
        kept = devices.register(
            uow, asked.held, device_id, name=body.name, minutes=given.token_minutes, now=asked.now
        )
    return RegisteredOut(
        **_shown(kept.device).model_dump(), access_token=kept.pair.access,
        expires_in=given.token_minutes * 60, refresh=kept.pair.refresh,
        lock_after_days=asked.office.rulebook.offline_for.days,
    )  # fmt: skip


@door.get("", responses=may_answer())
@lets(Action.SEE_SELF)
def list_devices(asked: Asked) -> Devices:
    """Your devices; those in charge see those of their people as well."""
    with asked.office.look() as uow:
        found = devices.listed(uow, asked.worker, now=asked.now)
    return Devices(items=[_shown(device) for device in found])


@door.delete("/{device}", status_code=204, responses=may_answer(404), response_class=Response)
@lets(Action.SEE_SELF)
def revoke(asked: Asked, device: DeviceId) -> None:
    """The device is lost: its tokens end now, and at its next contact it is told to wipe itself."""
    with asked.office.work(asked.now) as uow:
        devices.revoke(uow, asked.worker, device, now=asked.now)


def _shown(device: Device) -> DeviceOut:
    return DeviceOut(
        device=device.device_id, worker_id=device.worker_id, name=device.name,
        registered_at=device.registered_at, seen_at=device.seen_at, revoked_at=device.revoked_at,
    )  # fmt: skip
