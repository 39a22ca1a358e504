"""The devices that workers carry: registered, listed, and trusted no more once they are lost."""

from dataclasses import dataclass
from datetime import datetime

from app.audit.rules import Deed
from app.identity.rules import Action, Device, DeviceRevoked, Holder, Role, Worker
from app.identity.store import SignIn
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound
from app.usecases.signing_in import Beginning, new_pair
from app.usecases.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Registered:
    """A device, and the tokens that die with it."""

    device: Device
    pair: SignIn


def register(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork,
    held: Holder,
    device_id: str | None,
    *,
    name: str | None,
    minutes: int,
    now: datetime,
) -> Registered:
    """The holder's device with a new pair of tokens; registering it again gives new tokens only.

    The new tokens are no fresher than the old one: no password was given. Raises: NotAllowed,
    DeviceRevoked.
    """
    worker = held.worker
    worker.must_be_allowed(Action.SYNC)
    chosen = device_id or f"d_{new_id(now).hex}"
    known = uow.devices.of(worker.id, chosen)
    if known and known.revoked_at:
        raise DeviceRevoked
    device = uow.devices.keep(worker.id, chosen, name=name, now=now)
    uow.identity.revoke_all(worker.id, chosen, now)
    uow.audit.record(Deed("device.registered", str(worker.id), device.id))
    of = Beginning(signed_in_at=held.signed_in_at, duress=held.duress)
    return Registered(device, new_pair(uow, worker.id, chosen, minutes=minutes, now=now, of=of))


def listed(uow: UnitOfWork, worker: Worker, *, now: datetime) -> list[Device]:
    """The worker's own devices; those in charge see those of whom they may revoke."""
    if not worker.may(Action.REVOKE_DEVICES):
        return uow.devices.of_workers([worker.id], now=now)
    if _everywhere(worker):
        return uow.devices.of_workers(None, now=now)
    team = {colleague.id for colleague in uow.identity.colleagues(worker.organisation_id)}
    return uow.devices.of_workers(team | {worker.id}, now=now)


def revoke(uow: UnitOfWork, worker: Worker, device_id: str, *, now: datetime) -> None:
    """The device is told to wipe itself at its next contact, and its tokens are dead at once.

    Where several workers share it, it is lost for all of them that this worker may speak for.
    Repeating it changes nothing. Raises: NotFound.
    """
    everyones = worker.may(Action.REVOKE_DEVICES)
    organisation = None if _everywhere(worker) else worker.organisation_id
    found = uow.devices.locked_by_id(device_id, organisation)
    ours = [device for device in found if everyones or device.worker_id == worker.id]
    if not ours:
        raise NotFound
    for device in ours:
        if device.revoked_at is None:
            uow.devices.revoke(device, by=worker.id, now=now)
            uow.audit.record(Deed("device.revoked", str(worker.id), device.id))


def _everywhere(worker: Worker) -> bool:
    return worker.role in {Role.COORDINATOR, Role.ADMIN}
