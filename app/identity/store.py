"""Queries on organisations, workers and tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from app.crypto.passwords import token_hash
from app.crypto.vault import Place, Vault
from app.identity.rules import Holder, Organisation, Role, Worker
from app.identity.tables import credentials, devices, organisations, tokens, workers
from app.kernel.phone import Phone
from app.store.rows import insert_or_change


@dataclass(frozen=True, slots=True)
class NewWorker:
    """A worker as the command line or the demo makes them."""

    id: UUID
    username: str
    password_hash: str
    role: Role
    organisation_id: UUID | None
    name: str | None
    phone: Phone | None
    languages: frozenset[str]
    is_demo: bool = False
    trained_for_children: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """One pair of tokens, as they are handed out once.

    `family_id` is the first pair's id, its own where it is the first. `signed_in_at` is when the
    password was given; `duress`, that it was the second one, given under force.
    """

    id: UUID
    worker_id: UUID
    device_id: str | None
    access: str
    refresh: str
    access_until: datetime
    refresh_until: datetime
    family_id: UUID | None = None
    signed_in_at: datetime | None = None
    duress: bool = False


@dataclass(frozen=True, slots=True)
class KeptSignIn:
    """What is kept of a sign-in."""

    id: UUID
    worker_id: UUID
    device_id: str | None
    replaced: bool
    revoked: bool
    refresh_until: datetime
    family_id: UUID
    signed_in_at: datetime | None
    duress: bool


class IdentityStore:
    """Who works here, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def save_organisation(self, organisation: Organisation) -> None:
        """Keep an organisation under its id, or change it to what it is now."""
        insert_or_change(self._connection, organisations, {"id": organisation.id}, {
            "code": organisation.code, "name": organisation.name,
            "categories": sorted(organisation.categories), "destinations": sorted(organisation.destinations),
            "languages": sorted(organisation.languages), "always_open": organisation.always_open,
            "capacity": organisation.capacity, "verified": organisation.verified, "active": True,
        })  # fmt: skip

    def retire_organisations(self, *, but: Iterable[str]) -> None:
        """Organisations no longer in the configuration take no more cases; theirs stay theirs."""
        self._connection.execute(
            update(organisations).where(organisations.c.code.not_in(list(but))).values(active=False)
        )

    def organisations(self) -> list[Organisation]:
        """The organisations that take cases, by code."""
        return [_organisation(row) for row in self._connection.execute(_ORGANISATIONS)]

    def organisation_names(self) -> dict[UUID, tuple[str, str]]:
        """Code and name of every organisation that ever was."""
        asked = select(organisations.c.id, organisations.c.code, organisations.c.name)
        return {row.id: (row.code, row.name) for row in self._connection.execute(asked)}

    def organisation_id(self, code: str) -> UUID | None:
        """The id of the organisation with this code."""
        return self._connection.execute(
            select(organisations.c.id).where(organisations.c.code == code)
        ).scalar_one_or_none()

    def add_worker(self, worker: NewWorker, now: datetime) -> None:
        """Keep a new worker."""
        self._connection.execute(insert(workers).values(
            id=worker.id, username=worker.username, password_hash=worker.password_hash, role=worker.role,
            organisation_id=worker.organisation_id,
            name=self._sealed(worker.name, worker.id, "name"),
            phone=self._sealed(worker.phone.e164 if worker.phone else None, worker.id, "phone"),
            languages=sorted(worker.languages), on_duty=True, active=True, is_demo=worker.is_demo,
            trained_for_children_at=now if worker.trained_for_children else None, created_at=now,
        ))  # fmt: skip

    def worker(self, worker_id: UUID) -> Worker | None:
        """One worker."""
        row = self._connection.execute(select(workers).where(workers.c.id == worker_id)).one_or_none()
        return _worker(row) if row else None

    def worker_named(self, username: str) -> tuple[Worker, str] | None:
        """The worker with this name, and the hash of their password."""
        row = self._connection.execute(select(workers).where(workers.c.username == username)).one_or_none()
        return (_worker(row), row.password_hash) if row else None

    def anyone(self) -> bool:
        """Whether there is any worker at all."""
        return self._connection.execute(select(workers.c.id).limit(1)).first() is not None

    def any_demo_worker(self) -> bool:
        """Whether somebody of the demo, whose password is printed, could still sign in."""
        asked = select(workers.c.id).where(workers.c.is_demo, workers.c.active).limit(1)
        return self._connection.execute(asked).first() is not None

    def caseworkers(self) -> list[tuple[Worker, datetime | None]]:
        """Everyone who may be given cases, with when they were given one last."""
        return [(_worker(row), row.last_assigned_at) for row in self._connection.execute(_CASEWORKERS)]

    def with_role(self, role: Role, organisation_id: UUID | None) -> list[UUID]:
        """The active workers of a role; of one organisation, or coordinators, who have none."""
        asked = select(workers.c.id).where(workers.c.role == role, workers.c.active).order_by(workers.c.id)
        if role not in {Role.COORDINATOR, Role.ADMIN}:
            asked = asked.where(workers.c.organisation_id == organisation_id)
        return list(self._connection.execute(asked).scalars())

    def colleagues(self, organisation_id: UUID | None) -> list[Worker]:
        """Active workers of one organisation with the coordinators, or, for None, of all; no admins."""
        asked = select(workers).where(workers.c.active, workers.c.role != Role.ADMIN)
        if organisation_id:
            asked = asked.where(
                or_(workers.c.organisation_id == organisation_id, workers.c.role == Role.COORDINATOR)
            )
        found = self._connection.execute(asked.order_by(workers.c.username))
        return [_worker(row) for row in found]

    def assigned(self, worker_id: UUID, now: datetime) -> None:
        """The worker was given a case just now."""
        self._connection.execute(
            update(workers).where(workers.c.id == worker_id).values(last_assigned_at=now)
        )

    def set_on_duty(self, worker_id: UUID, *, on_duty: bool) -> None:
        """Whether routing may give this worker new cases."""
        self._connection.execute(update(workers).where(workers.c.id == worker_id).values(on_duty=on_duty))

    def set_trained(self, worker_id: UUID, since: datetime | None) -> None:
        """Since when this worker is trained to work with children; None where they are not."""
        self._connection.execute(
            update(workers).where(workers.c.id == worker_id).values(trained_for_children_at=since)
        )

    def phones(self, worker_ids: Iterable[UUID]) -> dict[UUID, tuple[Phone, str]]:
        """The phone of each worker who has one, and the language to write to them in."""
        asked = select(workers.c.id, workers.c.phone, workers.c.languages).where(
            workers.c.id.in_(list(worker_ids))
        )
        return {
            row.id: (
                Phone(self._vault.open(row.phone, Place("worker", row.id, "phone"))),
                _first(row.languages),
            )
            for row in self._connection.execute(asked)
            if row.phone
        }

    def names(self, worker_ids: Iterable[UUID]) -> dict[UUID, str]:
        """What to call each worker."""
        asked = select(workers.c.id, workers.c.username, workers.c.name).where(
            workers.c.id.in_(list(worker_ids))
        )
        return {
            row.id: self._vault.open(row.name, Place("worker", row.id, "name")) if row.name else row.username
            for row in self._connection.execute(asked)
        }

    def add_sign_in(self, sign_in: SignIn, now: datetime) -> None:
        """Keep the hashes of a new pair of tokens."""
        self._connection.execute(insert(tokens).values(
            id=sign_in.id, worker_id=sign_in.worker_id, device_id=sign_in.device_id,
            access_hash=token_hash(sign_in.access), refresh_hash=token_hash(sign_in.refresh),
            access_until=sign_in.access_until, refresh_until=sign_in.refresh_until, created_at=now,
            family_id=sign_in.family_id or sign_in.id, signed_in_at=sign_in.signed_in_at,
            duress=sign_in.duress,
        ))  # fmt: skip

    def holder_of(self, access: str, now: datetime) -> Holder | None:
        """Whose access token this is, while it is good."""
        asked = {"access": token_hash(access), "now": now}
        row = self._connection.execute(_HOLDER, asked).one_or_none()
        if row is None:
            return None
        return Holder(
            _worker(row), row.family_id, row.device_id, row.signed_in_at, row.duress,
            row.totp_since is not None,
        )  # fmt: skip

    def of_revoked_device(self, *, access: str = "", refresh: str = "") -> bool:
        """Whether this is a token of a device that was revoked."""
        ours = (tokens.c.access_hash == token_hash(access)) | (tokens.c.refresh_hash == token_hash(refresh))
        same = (devices.c.worker_id == tokens.c.worker_id) & (devices.c.device_id == tokens.c.device_id)
        asked = select(devices.c.id).join(tokens, same).where(ours, devices.c.revoked_at.is_not(None))
        return self._connection.execute(asked).first() is not None

    def locked_refresh(self, refresh: str) -> KeptSignIn | None:
        """The sign-in of a refresh token, locked."""
        asked = select(tokens).where(tokens.c.refresh_hash == token_hash(refresh)).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        if row is None:
            return None
        return KeptSignIn(
            row.id, row.worker_id, row.device_id, row.replaced_at is not None,
            row.revoked_at is not None, row.refresh_until, row.family_id, row.signed_in_at, row.duress,
        )  # fmt: skip

    def replaced(self, sign_in_id: UUID, now: datetime) -> None:
        """The refresh token was used: it is good no more, and neither is its access token."""
        changed = {"replaced_at": now, "revoked_at": now}
        self._connection.execute(update(tokens).where(tokens.c.id == sign_in_id).values(**changed))

    def revoke_all(self, worker_id: UUID, device_id: str | None, now: datetime) -> None:
        """Every token of a worker on one device is good no more."""
        same = tokens.c.device_id == device_id if device_id else tokens.c.device_id.is_(None)
        self._connection.execute(
            update(tokens)
            .where(tokens.c.worker_id == worker_id, same, tokens.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )

    def count_on_duty(self) -> dict[UUID | None, int]:
        """How many caseworkers are on duty, by organisation."""
        asked = (
            select(workers.c.organisation_id, func.count())
            .where(workers.c.role == Role.CASEWORKER, workers.c.active, workers.c.on_duty)
            .group_by(workers.c.organisation_id)
        )
        return {row[0]: row[1] for row in self._connection.execute(asked)}

    def _sealed(self, plain: str | None, worker_id: UUID, field: str) -> bytes | None:
        return self._vault.seal(plain, Place("worker", worker_id, field)) if plain else None


def _worker(row: Row[Any]) -> Worker:
    return Worker(
        row.id,
        row.username,
        Role(row.role),
        row.organisation_id,
        frozenset(row.languages),
        row.on_duty,
        row.active,
        row.trained_for_children_at is not None,
    )


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(
        row.id, row.code, row.name, frozenset(row.categories), frozenset(row.destinations),
        frozenset(row.languages), row.always_open, row.capacity, row.verified,
    )  # fmt: skip


def _first(languages: list[str]) -> str:
    return "km" if "km" in languages else next(iter(languages), "km")


# Made once, for every request asks it.
_HOLDER: Final = (
    select(
        workers, tokens.c.family_id, tokens.c.device_id, tokens.c.signed_in_at, tokens.c.duress,
        credentials.c.totp_since,
    )
    .join(tokens, tokens.c.worker_id == workers.c.id)
    .outerjoin(credentials, credentials.c.worker_id == workers.c.id)
    .where(
        tokens.c.access_hash == bindparam("access"), tokens.c.access_until > bindparam("now"),
        tokens.c.revoked_at.is_(None), workers.c.active,
    )
)  # fmt: skip
# Made once, for every case that is routed asks them.
_ORGANISATIONS: Final = select(organisations).where(organisations.c.active).order_by(organisations.c.code)
_CASEWORKERS: Final = (
    select(workers).where(workers.c.role == Role.CASEWORKER, workers.c.active).order_by(workers.c.id)
)
