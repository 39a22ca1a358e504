"""Roles, what each may do (the capability table), and the rules of signing in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final
from uuid import UUID

from app.kernel.refusal import NotAllowed, Refusal


class Role(StrEnum):
    """What a worker is there to do."""

    CASEWORKER = "caseworker"
    DUTY_LEAD = "duty_lead"
    SUPERVISOR = "supervisor"
    COORDINATOR = "coordinator"  # between the organisations
    ADMIN = "admin"  # keeps the installation; sees no case


class Action(StrEnum):
    """What a door lets someone do. Every route names one."""

    OPEN_DOOR = "open_door"  # for anyone, signed in or not: health, sign-in
    SEE_SELF = "see_self"
    READ_CASES = "read_cases"
    OPEN_CASES = "open_cases"
    WORK_CASES = "work_cases"
    ASSIGN_CASES = "assign_cases"
    READ_INTAKE = "read_intake"
    READ_TASKS = "read_tasks"
    EXPORT_CASES = "export_cases"
    READ_STATISTICS = "read_statistics"  # counts and shares of cases, which show nobody
    ERASE = "erase"  # erase on request, and see what was erased
    LOG_BREACHES = "log_breaches"
    CHANGE_SECRETS = "change_secrets"  # one's own second factor and second password
    MANAGE_SIGN_INS = "manage_sign_ins"  # see and end those of others
    RESET_PASSWORDS = "reset_passwords"  # of others
    OVERRIDE_CONSENT = "override_consent"  # and agree to another's override
    GUARD_CASES = "guard_cases"  # conflict walls and legal holds
    READ_DISCLOSURES = "read_disclosures"
    MANAGE_PARTIES = "manage_parties"  # the register of recruiters, employers, brokers and sites
    TRAIN_WORKERS = "train_workers"  # say who is trained to work with children
    SYNC = "sync"  # hold copies of cases on a device
    REVOKE_DEVICES = "revoke_devices"  # also those of others


_FIELD: Final = frozenset({
    Action.SEE_SELF, Action.READ_CASES, Action.OPEN_CASES, Action.WORK_CASES, Action.READ_TASKS,
    Action.CHANGE_SECRETS, Action.SYNC,
})  # fmt: skip
_LEAD: Final = _FIELD | {Action.ASSIGN_CASES, Action.READ_INTAKE, Action.REVOKE_DEVICES}
_PEOPLE: Final = frozenset({Action.MANAGE_SIGN_INS, Action.RESET_PASSWORDS})
_SUPERVISOR: Final = _LEAD | _PEOPLE | {
    Action.EXPORT_CASES, Action.READ_STATISTICS, Action.ERASE, Action.LOG_BREACHES, Action.OVERRIDE_CONSENT,
    Action.GUARD_CASES, Action.READ_DISCLOSURES, Action.TRAIN_WORKERS, Action.MANAGE_PARTIES,
}  # fmt: skip
_ADMIN: Final = _PEOPLE | {
    Action.SEE_SELF, Action.CHANGE_SECRETS, Action.REVOKE_DEVICES, Action.LOG_BREACHES,
}  # fmt: skip
_MAY: Final = {
    Role.CASEWORKER: _FIELD,
    Role.DUTY_LEAD: _LEAD,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.COORDINATOR: _SUPERVISOR,
    Role.ADMIN: _ADMIN,
}
# What a stolen token must not be enough for: these ask for a password given lately. Whatever stops harm
# (a wall, a hold, the end of a sign-in or a device) does not: it must go quickly.
_FRESH: Final = frozenset({
    Action.EXPORT_CASES, Action.CHANGE_SECRETS, Action.RESET_PASSWORDS, Action.TRAIN_WORKERS, Action.ERASE,
})  # fmt: skip
_BEFORE_TOTP: Final = frozenset({Action.OPEN_DOOR, Action.SEE_SELF, Action.CHANGE_SECRETS})
FRESH_FOR: Final = timedelta(minutes=10)
SUPERVISES: Final = frozenset({Role.SUPERVISOR, Role.COORDINATOR})


@dataclass(frozen=True, slots=True)
class Worker:
    """Someone who signs in. `organisation_id` is None for coordinators and admins."""

    id: UUID
    username: str
    role: Role
    organisation_id: UUID | None
    languages: frozenset[str]
    on_duty: bool
    active: bool
    trained_for_children: bool = False

    def may(self, action: Action) -> bool:
        """Whether the capability table lets this worker do it at all."""
        return action is Action.OPEN_DOOR or (self.active and action in _MAY[self.role])

    def must_be_allowed(self, action: Action) -> None:
        """Raises: NotAllowed."""
        if not self.may(action):
            raise NotAllowed


@dataclass(frozen=True, slots=True)
class Organisation:
    """An NGO that takes cases, with what it covers (`*` covers everything)."""

    id: UUID
    code: str
    name: str
    categories: frozenset[str]
    destinations: frozenset[str]
    languages: frozenset[str]
    always_open: bool
    capacity: int
    verified: bool


@dataclass(frozen=True, slots=True)
class Device:
    """A phone or computer that holds copies of cases for one worker.

    `lineage` names the history that its cursors belong to; `issued` is the newest number it was given.
    """

    id: UUID
    worker_id: UUID
    device_id: str
    name: str | None
    app_schema: int | None
    lineage: bytes
    issued: int
    registered_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


class DeviceRevoked(Refusal):
    """The device was lost, or is no longer trusted: what it holds is to be wiped."""

    code = "device-revoked"
    status = 401
    told = ("wipe",)

    def __init__(self) -> None:
        super().__init__(wipe=True)


class BadCredentials(Refusal):
    """The name or the password is wrong; which of them is never said."""

    code = "bad_credentials"
    status = 401


class TooManyAttempts(Refusal):
    """Too many wrong passwords lately, for this name from this place or from everywhere."""

    code = "too_many_attempts"
    status = 429


class FreshSignInNeeded(Refusal):
    """This asks for a password that was given within the last ten minutes."""

    code = "fresh_sign_in_needed"
    status = 401


class TotpNeeded(Refusal):
    """This role signs in with a one-time code, and this worker has not set one up yet."""

    code = "totp_needed"
    status = 403


class PasswordUnfit(Refusal):
    """The new password is too short, is the name, or is one that is in use already."""

    code = "password_unfit"
    status = 422


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an access token, and how they came by it.

    `signed_in_at` is when the password was given; None where a token was made without one.
    `duress` is true of a sign-in that somebody was forced to.
    """

    worker: Worker
    sign_in_id: UUID
    device_id: str | None = None
    signed_in_at: datetime | None = None
    duress: bool = False
    has_totp: bool = False

    def must_be_allowed(self, action: Action, now: datetime, *, totp_roles: frozenset[Role]) -> None:
        """The role's capability first, so that nobody signs in again for what they may not do.

        Raises: NotAllowed, TotpNeeded, FreshSignInNeeded.
        """
        self.worker.must_be_allowed(action)
        if self.worker.role in totp_roles and not self.has_totp and action not in _BEFORE_TOTP:
            raise TotpNeeded
        if action in _FRESH and not self.is_fresh(now):
            raise FreshSignInNeeded

    def is_fresh(self, now: datetime) -> bool:
        """Whether the password was given within the last ten minutes."""
        return self.signed_in_at is not None and now < self.signed_in_at + FRESH_FOR


def may_manage(worker: Worker, other: Worker) -> bool:
    """Whether the worker may see and end the other's sign-ins, and let them choose a new password.

    A supervisor: of the same organisation. A coordinator: of every organisation, not the admins, whose
    reach is wider than theirs.
    """
    if not worker.may(Action.MANAGE_SIGN_INS):
        return False
    if worker.role is Role.SUPERVISOR:
        return other.organisation_id is not None and other.organisation_id == worker.organisation_id
    return worker.role is Role.ADMIN or other.role is not Role.ADMIN


SHORTEST_PASSWORD: Final = 10
SHORTEST_DURESS: Final = 6


def must_be_a_password(username: str, password: str, *, shortest: int = SHORTEST_PASSWORD) -> None:
    """Long enough, and not the name, alone or repeated. Raises: PasswordUnfit."""
    bare = password.casefold().replace(username.casefold(), "").strip() if username else password
    if len(password) < shortest or not bare or len(set(password)) == 1:
        raise PasswordUnfit(shortest=shortest)


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures are free, and how the wait grows after that: doubling from the first to the longest.

    Failures are forgotten when none came for a while.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta


_FIVE_MINUTES: Final = timedelta(minutes=5)
# For one name from one place, and for one known device: whoever is there only stops themselves.
AT_ONE_PLACE: Final = Patience(5, _FIVE_MINUTES, _FIVE_MINUTES, _FIVE_MINUTES)
# For one name from everywhere: strangers slow each other down, and nobody is ever shut out for long.
OF_ONE_NAME: Final = Patience(20, timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Attempts:
    """How sign-in has gone lately, for one name at one place or everywhere."""

    failed: int = 0
    last_at: datetime | None = None

    def must_be_open(self, patience: Patience, now: datetime) -> None:
        """Raises: TooManyAttempts, with the seconds to wait."""
        if self.last_at is None or self.failed < patience.free:
            return
        doublings = min(self.failed - patience.free, 30)
        wait = min(patience.first_wait * (1 << doublings), patience.longest_wait)
        if now < self.last_at + wait:
            raise TooManyAttempts(seconds=ceil((self.last_at + wait - now).total_seconds()))

    def after_failure(self, patience: Patience, now: datetime) -> "Attempts":
        """The count with one failure more."""
        recent = self.last_at is not None and now < self.last_at + patience.forgotten_after
        return Attempts(self.failed + 1 if recent else 1, now)

    def forgiven_one(self) -> "Attempts":
        """The count without the attempt that was noted when it began and then went well."""
        return Attempts(max(self.failed - 1, 0), self.last_at)
