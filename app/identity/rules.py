"""Roles, what each may do (the capability table), and the rules of signing in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
    OVERRIDE_CONSENT = "override_consent"  # and agree to another's override
    GUARD_CASES = "guard_cases"  # conflict walls and legal holds
    READ_DISCLOSURES = "read_disclosures"
    TRAIN_WORKERS = "train_workers"  # say who is trained to work with children
    SYNC = "sync"  # hold copies of cases on a device
    REVOKE_DEVICES = "revoke_devices"  # also those of others


_FIELD: Final = frozenset({
    Action.SEE_SELF, Action.READ_CASES, Action.OPEN_CASES, Action.WORK_CASES, Action.READ_TASKS,
    Action.SYNC,
})  # fmt: skip
_LEAD: Final = _FIELD | {Action.ASSIGN_CASES, Action.READ_INTAKE, Action.REVOKE_DEVICES}
_SUPERVISOR: Final = _LEAD | {
    Action.EXPORT_CASES, Action.OVERRIDE_CONSENT, Action.GUARD_CASES, Action.READ_DISCLOSURES,
    Action.TRAIN_WORKERS,
}  # fmt: skip
_MAY: Final = {
    Role.CASEWORKER: _FIELD,
    Role.DUTY_LEAD: _LEAD,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.COORDINATOR: _SUPERVISOR,
    Role.ADMIN: frozenset({Action.SEE_SELF, Action.REVOKE_DEVICES}),
}
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
    """Too many wrong passwords for this name lately."""

    code = "too_many_attempts"
    status = 429


_FREE_ATTEMPTS: Final = 5
_LOCK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How sign-in has gone for one name lately."""

    failed: int = 0
    last_at: datetime | None = None

    def must_be_open(self, now: datetime) -> None:
        """Raises: TooManyAttempts, after five failures, until five minutes have passed."""
        if self.failed >= _FREE_ATTEMPTS and self.last_at and now < self.last_at + _LOCK:
            raise TooManyAttempts(minutes=int(_LOCK.total_seconds() // 60))

    def after_failure(self, now: datetime) -> "Attempts":
        """The count with one failure more; failures older than the lock are forgotten."""
        recent = self.last_at is not None and now < self.last_at + _LOCK
        return Attempts(self.failed + 1 if recent else 1, now)
