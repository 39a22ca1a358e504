"""Signing in, staying signed in, and who holds a token."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.crypto.one_time import heard_code, totp_step
from app.crypto.passwords import Busy, new_token, which_matches
from app.identity.rules import (
    AT_ONE_PLACE,
    OF_ONE_NAME,
    Attempts,
    BadCredentials,
    DeviceRevoked,
    Holder,
    Patience,
    Role,
    TooManyAttempts,
    Worker,
)
from app.identity.store import KeptSignIn, SignIn
from app.kernel.ids import new_id
from app.kernel.refusal import NotSignedIn
from app.usecases.unit_of_work import Office, UnitOfWork
from app.usecases.words import alert_about

_REFRESH_FOR: Final = timedelta(days=30)
_LOOK_AFTER_WITHIN: Final = timedelta(minutes=30)
_GATEWAYS_DOOR: Final = "gateways"
_DURESS: Final = 1  # which of the two passwords it is


@dataclass(frozen=True, slots=True)
class SignInDevice:
    """The device that somebody signs in on, by the id that it gave itself, if any."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are, and from where.

    `origin` is the network address as the server sees it. `proof` is the last refresh token of the
    device, which shows that this worker signed in well on it before.
    """

    username: str
    origin: str
    device: SignInDevice = SignInDevice()
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt to sign in, counted as failed until the password proves right.

    Checking takes a third of a second of a whole core, so no transaction is open meanwhile. Counted
    before and not after: else a thousand guesses at one moment would all come before the first count.
    `hashes` are those of the password and of the second one, which is given under force.
    """

    worker: Worker | None
    hashes: tuple[str | None, str | None]
    places: Mapping[bytes, Patience]
    own_place: bytes
    device: SignInDevice


def begin(uow: UnitOfWork, claim: Claim, *, now: datetime) -> Begun:
    """Count an attempt to sign in. Raises: TooManyAttempts, which counts nothing.

    Failures count for the name at one place, so that strangers lock out only themselves; and for the
    name everywhere, which slows them all down. A device that its worker signed in on before counts by
    itself: nobody else can make it wait. A name that nobody bears is counted like any other.
    """
    found = uow.identity.worker_named(claim.username)
    worker, password = found or (None, None)
    family = uow.sign_ins.known_device(worker.id, claim.proof, now) if worker and claim.proof else None
    if family:
        own = uow.sign_ins.place("device", str(family))
        places: dict[bytes, Patience] = {own: AT_ONE_PLACE}
    else:
        own = uow.sign_ins.place("place", claim.username, claim.origin)
        places = {own: AT_ONE_PLACE, uow.sign_ins.place("name", claim.username): OF_ONE_NAME}
    for place, kept in uow.sign_ins.locked_attempts(list(places), now).items():
        kept.must_be_open(places[place], now)
        uow.sign_ins.save_attempts(place, kept.after_failure(places[place], now))
    second = uow.credentials.of(worker.id).duress_hash if worker else None
    return Begun(worker, (password, second), places, own, claim.device)


def forgive(uow: UnitOfWork, begun: Begun, *, now: datetime) -> None:
    """Take the attempt back: it was never looked at, or it went well."""
    for place, kept in uow.sign_ins.locked_attempts(list(begun.places), now).items():
        uow.sign_ins.save_attempts(place, kept.forgiven_one())


def finish(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, begun: Begun, which: int | None, otp: str, *, minutes: int, now: datetime
) -> SignIn | None:
    """A new pair of tokens where the password was right, and the one-time code too where one is needed.

    `which` of the passwords it was, or None. None is returned for what was wrong, so that the record
    of it commits; what it was is never said. A device that signs in again loses its older tokens.
    Raises: DeviceRevoked.
    """
    worker = uow.identity.worker(begun.worker.id) if begun.worker else None
    if which is None or worker is None or not worker.active or not _code_fits(uow, worker, otp, now=now):
        uow.audit.record(Deed("sign_in.refused", "sign_in"))
        return None
    forgive(uow, begun, now=now)
    uow.sign_ins.save_attempts(begun.own_place, Attempts())
    uow.sign_ins.forget_attempts(now)
    uow.allowances.forget(now)
    device = begun.device
    if device.id:
        if uow.devices.keep(worker.id, device.id, name=device.name, now=now).revoked_at:
            raise DeviceRevoked
        uow.identity.revoke_all(worker.id, device.id, now)
    uow.audit.record(Deed("worker.signed_in", str(worker.id), worker.id))
    if which == _DURESS:
        _call_for_help(uow, worker, now=now)
    return new_pair(
        uow, worker.id, device.id, minutes=minutes, now=now,
        of=Beginning(signed_in_at=now, duress=which == _DURESS),
    )  # fmt: skip


def has_password(office: Office, username: str, password: str, *, now: datetime) -> bool:
    """Whether a worker of this name has this password, asked at the door of the gateways.

    Counted as at sign-in, at a place of its own: it is no place where one can guess, and whoever tries
    locks nobody out elsewhere.
    """
    try:
        with office.work(now) as uow:
            begun = begin(uow, Claim(username, _GATEWAYS_DOOR), now=now)
        if which_matches(begun.hashes, password) is None:
            return False
    except (TooManyAttempts, Busy):
        return False
    with office.work(now) as uow:
        forgive(uow, begun, now=now)
    return True


def refresh(uow: UnitOfWork, token: str, *, minutes: int, now: datetime) -> SignIn | None:
    """A new pair for a refresh token, which is good once.

    A token that comes a second time was stolen, from its holder or by its holder: every token of that
    sign-in and device is revoked, the worker and those in charge are told, and None is returned so
    that the revocation commits. Raises: NotSignedIn.
    """
    kept = uow.identity.locked_refresh(token)
    if kept is None:
        raise NotSignedIn
    if uow.identity.of_revoked_device(refresh=token):
        raise DeviceRevoked
    worker = uow.identity.worker(kept.worker_id)
    if kept.replaced and worker:
        _end_reused(uow, kept, worker, now=now)
        return None
    if kept.revoked or kept.refresh_until <= now or worker is None or not worker.active:
        raise NotSignedIn
    uow.identity.replaced(kept.id, now)
    return _added(uow, SignIn(
        new_id(now), kept.worker_id, kept.device_id, new_token(), new_token(),
        now + timedelta(minutes=minutes), _renewed_until(uow, kept.device_id, now), kept.family_id,
        kept.signed_in_at, kept.duress,
    ), now)  # fmt: skip


def holder(uow: UnitOfWork, token: str, *, now: datetime) -> Holder:
    """Who holds this access token. Raises: NotSignedIn, DeviceRevoked."""
    found = uow.identity.holder_of(token, now)
    if found is None:
        raise DeviceRevoked if uow.identity.of_revoked_device(access=token) else NotSignedIn
    return found


def set_on_duty(uow: UnitOfWork, worker: Worker, *, on_duty: bool) -> None:
    """Whether routing may give the worker new cases."""
    uow.identity.set_on_duty(worker.id, on_duty=on_duty)
    uow.audit.record(Deed("worker.on_duty" if on_duty else "worker.off_duty", str(worker.id), worker.id))


def in_charge_of(uow: UnitOfWork, worker: Worker) -> list[UUID]:
    """The supervisors of the worker's organisation and the coordinators, without the worker."""
    supervisors = uow.identity.with_role(Role.SUPERVISOR, worker.organisation_id)
    return [
        one for one in [*supervisors, *uow.identity.with_role(Role.COORDINATOR, None)] if one != worker.id
    ]


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a sign-in began. Tokens made without a password have no `signed_in_at`: they are never fresh."""

    signed_in_at: datetime | None = None
    duress: bool = False


def new_pair(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork,
    worker_id: UUID,
    device_id: str | None,
    *,
    minutes: int,
    now: datetime,
    of: Beginning = Beginning(),
) -> SignIn:
    """A pair of tokens that nobody else has, the first of its sign-in."""
    pair = SignIn(
        new_id(now), worker_id, device_id, new_token(), new_token(),
        now + timedelta(minutes=minutes), _renewed_until(uow, device_id, now),
        signed_in_at=of.signed_in_at, duress=of.duress,
    )  # fmt: skip
    return _added(uow, replace(pair, family_id=pair.id), now)


def _renewed_until(uow: UnitOfWork, device_id: str | None, now: datetime) -> datetime:
    """Until when the sign-in can be renewed. A device holds cases: one that stays away longer is locked."""
    return now + (min(_REFRESH_FOR, uow.rulebook.offline_for) if device_id else _REFRESH_FOR)


def _added(uow: UnitOfWork, pair: SignIn, now: datetime) -> SignIn:
    uow.identity.add_sign_in(pair, now)
    return pair


def _code_fits(uow: UnitOfWork, worker: Worker, otp: str, *, now: datetime) -> bool:
    """Whether the one-time code is right, where the worker set one up; then it is used."""
    kept = uow.credentials.locked(worker.id)
    if kept.totp_secret is None or kept.totp_since is None:
        return True
    step = totp_step(kept.totp_secret, otp, now)
    if step is not None and (kept.totp_step is None or step > kept.totp_step):
        uow.credentials.used_step(worker.id, step)
        return True
    if otp and uow.credentials.use_recovery_code(worker.id, heard_code(otp)):
        uow.audit.record(Deed("recovery_code.used", str(worker.id), worker.id))
        return True
    return False


def _call_for_help(uow: UnitOfWork, worker: Worker, *, now: datetime) -> None:
    """Somebody was forced to sign in: those in charge learn of it, and nobody else ever does."""
    uow.audit.record(Deed("worker.duress", "sign_in", worker.id))
    alert_about(uow, in_charge_of(uow, worker), worker.username, key="staff.get_in_touch", now=now)
    uow.records.add_task(
        kind="get_in_touch", case_id=None, subject_id=worker.id, due_at=now + _LOOK_AFTER_WITHIN, now=now
    )


def _end_reused(uow: UnitOfWork, kept: KeptSignIn, worker: Worker, *, now: datetime) -> None:
    """End the whole sign-in. Told once: a thief who keeps trying does not fill anybody's phone."""
    ended = uow.sign_ins.end(worker.id, kept.family_id, now)
    if kept.device_id:
        uow.identity.revoke_all(worker.id, kept.device_id, now)
    uow.audit.record(Deed("token.reused", str(worker.id), worker.id))
    if ended:
        told = [worker.id, *in_charge_of(uow, worker)]
        alert_about(uow, told, worker.username, key="staff.sign_in_ended", now=now)


__all__ = [
    "BadCredentials",
    "Beginning",
    "Begun",
    "Claim",
    "Holder",
    "SignIn",
    "SignInDevice",
    "begin",
    "finish",
    "forgive",
    "holder",
    "in_charge_of",
    "new_pair",
    "refresh",
    "set_on_duty",
]
