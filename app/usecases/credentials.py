"""Second factors, the password given under force, sign-ins that are ended, and new passwords."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.crypto.one_time import heard_code, new_spoken_code, new_totp_secret, totp_address, totp_step
from app.crypto.passwords import hash_password, is_cheap, password_matches
from app.identity.rules import (
    SHORTEST_DURESS,
    BadCredentials,
    PasswordUnfit,
    Worker,
    may_manage,
    must_be_a_password,
)
from app.identity.sign_ins import ShownSignIn
from app.kernel.refusal import NotFound, Refusal
from app.usecases import signing_in
from app.usecases.signing_in import Begun, Claim
from app.usecases.unit_of_work import Office, UnitOfWork
from app.usecases.words import alert_about

_RECOVERY_CODES: Final = 10
RESET_FOR: Final = timedelta(hours=24)
OPERATOR: Final = "cli"


class TotpNotBegun(Refusal):
    """There is no secret that a first code could confirm, or the worker has set one up already."""

    code = "totp_not_begun"
    status = 409


class CodeWrong(Refusal):
    """The code does not fit the secret, or was used already."""

    code = "code_wrong"
    status = 422


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """What a phone's app is given, once."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class ResetCode:
    """A code that is shown once, and until when it is good."""

    code: str
    until: datetime


def begin_totp(uow: UnitOfWork, worker: Worker) -> TotpSecret:
    """A new secret, which counts for nothing before its first code.

    Raises: TotpNotBegun, where one counts already.
    """
    if uow.credentials.locked(worker.id).totp_since:
        raise TotpNotBegun
    secret = new_totp_secret()
    uow.credentials.begin_totp(worker.id, secret)
    uow.audit.record(Deed("totp.begun", str(worker.id), worker.id))
    return TotpSecret(secret, totp_address(secret, worker.username))


def confirm_totp(uow: UnitOfWork, worker: Worker, code: str, *, now: datetime) -> list[str]:
    """From now on signing in takes a code; the recovery codes, which are shown this once.

    Raises: TotpNotBegun, CodeWrong.
    """
    kept = uow.credentials.locked(worker.id)
    if kept.totp_secret is None or kept.totp_since is not None:
        raise TotpNotBegun
    step = totp_step(kept.totp_secret, code, now)
    if step is None:
        raise CodeWrong
    uow.credentials.confirm_totp(worker.id, step=step, now=now)
    codes = [new_spoken_code() for _ in range(_RECOVERY_CODES)]
    uow.credentials.replace_recovery_codes(worker.id, map(heard_code, codes))
    uow.audit.record(Deed("totp.confirmed", str(worker.id), worker.id))
    return codes


def remove_totp(uow: UnitOfWork, worker: Worker, *, actor: str | None = None) -> None:
    """Signing in takes the password alone. Repeating it changes nothing."""
    if uow.credentials.locked(worker.id).totp_secret:
        uow.credentials.remove_totp(worker.id)
        uow.audit.record(Deed("totp.removed", actor or str(worker.id), worker.id))


def set_duress(office: Office, worker: Worker, password: str, *, now: datetime) -> None:
    """Keep a second password, which opens an empty account and calls for help.

    It is hashed with the same work as the first, outside any transaction. The record says that secrets
    changed, not which: whoever forces a supervisor to open the audit chain must not learn of it.
    Raises: PasswordUnfit, also where it is the password itself; Busy.
    """
    must_be_a_password(worker.username, password, shortest=SHORTEST_DURESS)
    with office.look() as uow:
        first = uow.credentials.password_of(worker.id)
    if password_matches(first, password):
        raise PasswordUnfit(shortest=SHORTEST_DURESS)
    kept = hash_password(password, cheap=is_cheap(first))
    with office.work(now) as uow:
        uow.credentials.set_duress(worker.id, kept)
        uow.audit.record(Deed("worker.secrets_changed", str(worker.id), worker.id))


def see_sign_ins(uow: UnitOfWork, worker: Worker, of: UUID, *, now: datetime) -> list[ShownSignIn]:
    """The sign-ins of a worker, the one used last first. Raises: NotFound."""
    return uow.sign_ins.living(_managed(uow, worker, of).id, now)


def end_sign_in(uow: UnitOfWork, worker: Worker, of: UUID, sign_in_id: UUID, *, now: datetime) -> None:
    """End one sign-in: its tokens are good for nothing. Raises: NotFound."""
    target = _managed(uow, worker, of)
    if not uow.sign_ins.end(target.id, sign_in_id, now):
        raise NotFound
    uow.audit.record(Deed("sign_in.ended", str(worker.id), target.id))


def allow_reset(uow: UnitOfWork, worker: Worker, of: UUID, *, now: datetime) -> ResetCode:
    """A code with which that worker may choose a new password; an older one is good no more.

    The worker is told by text: a supervisor who does this unasked is noticed. Raises: NotFound.
    """
    target = _managed(uow, worker, of)
    alert_about(uow, [target.id], target.username, key="staff.password_reset", now=now)
    return _reset_code(uow, target, actor=str(worker.id), now=now)


def allow_reset_by_operator(uow: UnitOfWork, username: str, *, drop_totp: bool, now: datetime) -> ResetCode:
    """As allow_reset, for whoever runs the installation; where asked, one-time codes end too.

    Raises: NotFound.
    """
    found = uow.identity.worker_named(username)
    if found is None or not found[0].active:
        raise NotFound
    if drop_totp:
        remove_totp(uow, found[0], actor=OPERATOR)
    return _reset_code(uow, found[0], actor=OPERATOR, now=now)


def set_password(office: Office, claim: Claim, code: str, password: str, *, now: datetime) -> None:
    """The worker has a new password, and every sign-in of before is over.

    A wrong code counts as a wrong password does; whether anybody bears the name is not told.
    Raises: PasswordUnfit, TooManyAttempts, BadCredentials, Busy.
    """
    must_be_a_password(claim.username, password)
    with office.work(now) as uow:
        begun = signing_in.begin(uow, claim, now=now)
        fits = _reset_fits(uow, begun, code, now=now)
        if not fits:
            uow.audit.record(Deed("reset.refused", "sign_in"))
    if not fits or begun.worker is None:
        raise BadCredentials
    kept = hash_password(password)
    with office.work(now) as uow:
        # Looked at again: the code may have been used meanwhile.
        if not _reset_fits(uow, begun, code, now=now):
            raise BadCredentials
        signing_in.forgive(uow, begun, now=now)
        uow.credentials.set_password(begun.worker.id, kept)
        uow.sign_ins.end_all(begun.worker.id, now)
        uow.audit.record(Deed("password.reset", str(begun.worker.id), begun.worker.id))


def _managed(uow: UnitOfWork, worker: Worker, of: UUID) -> Worker:
    """Oneself, or a worker whom this one is in charge of. Raises: NotFound."""
    if of == worker.id:
        return worker
    target = uow.identity.worker(of)
    if target is None or not target.active or not may_manage(worker, target):
        raise NotFound
    return target


def _reset_code(uow: UnitOfWork, target: Worker, *, actor: str, now: datetime) -> ResetCode:
    code = new_spoken_code()
    uow.credentials.set_reset(target.id, heard_code(code), now + RESET_FOR)
    uow.audit.record(Deed("reset.allowed", actor, target.id))
    return ResetCode(code, now + RESET_FOR)


def _reset_fits(uow: UnitOfWork, begun: Begun, code: str, *, now: datetime) -> bool:
    worker = begun.worker
    if worker is None or not worker.active:
        return False
    kept = uow.credentials.locked(worker.id)
    if kept.reset_index is None or kept.reset_until is None or now >= kept.reset_until:
        return False
    return hmac.compare_digest(kept.reset_index, uow.credentials.reset_index(worker.id, heard_code(code)))


__all__ = [
    "ResetCode",
    "ShownSignIn",
    "TotpSecret",
    "allow_reset",
    "allow_reset_by_operator",
    "begin_totp",
    "confirm_totp",
    "end_sign_in",
    "remove_totp",
    "see_sign_ins",
    "set_duress",
    "set_password",
]
