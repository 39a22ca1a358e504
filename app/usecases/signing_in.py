"""Signing in, staying signed in, and who holds a token."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.crypto.passwords import new_token
from app.identity.rules import Attempts, BadCredentials, DeviceRevoked, Worker
from app.identity.store import SignIn
from app.kernel.ids import new_id
from app.kernel.refusal import NotSignedIn
from app.usecases.unit_of_work import UnitOfWork

_REFRESH_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SignInDevice:
    """The device that somebody signs in on, by the id that it gave itself, if any."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of somebody who signs in, before their password is checked.

    Checking takes a sixth of a second of a whole core, so no transaction is open meanwhile.
    """

    worker: Worker | None
    password_hash: str | None


def look_up(uow: UnitOfWork, username: str, *, now: datetime) -> Known:
    """Who this might be. Raises: TooManyAttempts."""
    uow.identity.attempts(username).must_be_open(now)
    found = uow.identity.worker_named(username)
    return Known(*found) if found else Known(None, None)


def sign_in(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, username: str, worker: Worker, device: SignInDevice, *, minutes: int, now: datetime
) -> SignIn:
    """A new pair of tokens for a worker whose password was right.

    A device that signs in again loses its older tokens. Raises: BadCredentials for who left,
    DeviceRevoked, and TooManyAttempts where others guessed at the name while this password was being
    checked.
    """
    device_id = device.id
    if not worker.active:
        raise BadCredentials
    uow.identity.attempts(username).must_be_open(now)
    uow.identity.save_attempts(username, Attempts())
    if device_id:
        kept = uow.devices.keep(worker.id, device_id, name=device.name, now=now)
        if kept.revoked_at:
            raise DeviceRevoked
        uow.identity.revoke_all(worker.id, device_id, now)
    uow.audit.record(Deed("worker.signed_in", str(worker.id), worker.id))
    return new_pair(uow, worker.id, device_id, minutes=minutes, now=now)


def refuse(uow: UnitOfWork, username: str, *, now: datetime) -> None:
    """Remember a wrong password."""
    uow.identity.save_attempts(username, uow.identity.locked_attempts(username, now).after_failure(now))
    uow.audit.record(Deed("sign_in.refused", "sign_in"))


def refresh(uow: UnitOfWork, token: str, *, minutes: int, now: datetime) -> SignIn | None:
    """A new pair for a refresh token, which is good once.

    A token that comes a second time was stolen, from its holder or by its holder: every token of
    that worker and device is revoked, and None is returned so that the revocation commits.
    Raises: NotSignedIn.
    """
    kept = uow.identity.locked_refresh(token)
    if kept is None:
        raise NotSignedIn
    if uow.identity.of_revoked_device(refresh=token):
        raise DeviceRevoked
    if kept.replaced:
        uow.identity.revoke_all(kept.worker_id, kept.device_id, now)
        uow.audit.record(Deed("token.reused", str(kept.worker_id), kept.worker_id))
        return None
    worker = uow.identity.worker(kept.worker_id)
    if kept.revoked or kept.refresh_until <= now or worker is None or not worker.active:
        raise NotSignedIn
    uow.identity.replaced(kept.id, now)
    return new_pair(uow, kept.worker_id, kept.device_id, minutes=minutes, now=now)


def holder(uow: UnitOfWork, token: str, *, now: datetime) -> tuple[Worker, str | None]:
    """Whose access token this is, and of which device. Raises: NotSignedIn, DeviceRevoked."""
    found = uow.identity.holder_of(token, now)
    if found is None:
        raise DeviceRevoked if uow.identity.of_revoked_device(access=token) else NotSignedIn
    return found


def set_on_duty(uow: UnitOfWork, worker: Worker, *, on_duty: bool) -> None:
    """Whether routing may give the worker new cases."""
    uow.identity.set_on_duty(worker.id, on_duty=on_duty)
    uow.audit.record(Deed("worker.on_duty" if on_duty else "worker.off_duty", str(worker.id), worker.id))


def new_pair(
    uow: UnitOfWork, worker_id: UUID, device_id: str | None, *, minutes: int, now: datetime
) -> SignIn:
    """A pair of tokens that nobody else has."""
    pair = SignIn(
        new_id(now), worker_id, device_id, new_token(), new_token(),
        now + timedelta(minutes=minutes), now + _REFRESH_FOR,
    )  # fmt: skip
    uow.identity.add_sign_in(pair, now)
    return pair


__all__ = [
    "Known",
    "SignIn",
    "SignInDevice",
    "holder",
    "look_up",
    "new_pair",
    "refresh",
    "refuse",
    "set_on_duty",
    "sign_in",
]
