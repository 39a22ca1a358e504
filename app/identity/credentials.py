"""Queries on what workers sign in with besides a name: passwords, second factors, one-time codes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from app.crypto.vault import Place, Vault
from app.identity.tables import credentials, recovery_codes, workers
from app.store.rows import insert_new, insert_or_change


@dataclass(frozen=True, slots=True)
class Credential:
    """What a worker has set up. `totp_secret` counts from `totp_since` on, after a first right code."""

    totp_secret: str | None = None
    totp_since: datetime | None = None
    totp_step: int | None = None
    duress_hash: str | None = None
    reset_index: bytes | None = None
    reset_until: datetime | None = None


class CredentialStore:
    """Secrets of workers as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def of(self, worker_id: UUID) -> Credential:
        """What the worker has set up."""
        asked = select(credentials).where(credentials.c.worker_id == worker_id)
        return self._credential(worker_id, self._connection.execute(asked).one_or_none())

    def locked(self, worker_id: UUID) -> Credential:
        """As of, locked until the transaction ends, so that a code is used once."""
        insert_new(self._connection, credentials, {"worker_id": worker_id})
        asked = select(credentials).where(credentials.c.worker_id == worker_id).with_for_update()
        return self._credential(worker_id, self._connection.execute(asked).one())

    def begin_totp(self, worker_id: UUID, secret: str) -> None:
        """A secret that counts for nothing before its first right code."""
        sealed = self._vault.seal(secret, _place(worker_id))
        self._change(worker_id, totp_secret=sealed, totp_since=None, totp_step=None)

    def confirm_totp(self, worker_id: UUID, *, step: int, now: datetime) -> None:
        """From now on signing in takes a code; the one of this step was used."""
        self._change(worker_id, totp_since=now, totp_step=step)

    def used_step(self, worker_id: UUID, step: int) -> None:
        """The code of this step was used."""
        self._change(worker_id, totp_step=step)

    def remove_totp(self, worker_id: UUID) -> None:
        """Signing in takes no code any more, and recovery codes are good for nothing."""
        self._change(worker_id, totp_secret=None, totp_since=None, totp_step=None)
        self.replace_recovery_codes(worker_id, ())

    def replace_recovery_codes(self, worker_id: UUID, codes: Iterable[str]) -> None:
        """These are good, once each, and no others."""
        self._connection.execute(delete(recovery_codes).where(recovery_codes.c.worker_id == worker_id))
        rows = [{"code_index": self._recovery(worker_id, code), "worker_id": worker_id} for code in codes]
        if rows:
            self._connection.execute(insert(recovery_codes), rows)

    def use_recovery_code(self, worker_id: UUID, code: str) -> bool:
        """Whether the code was good; now it is good no more."""
        used = delete(recovery_codes).where(
            recovery_codes.c.worker_id == worker_id,
            recovery_codes.c.code_index == self._recovery(worker_id, code),
        )
        return self._connection.execute(used.returning(recovery_codes.c.worker_id)).first() is not None

    def set_duress(self, worker_id: UUID, kept: str | None) -> None:
        """The hash of the second password, or none."""
        self._change(worker_id, duress_hash=kept)

    def set_reset(self, worker_id: UUID, code: str, until: datetime) -> None:
        """The code with which a new password may be chosen, until then."""
        self._change(worker_id, reset_index=self.reset_index(worker_id, code), reset_until=until)

    def reset_index(self, worker_id: UUID, code: str) -> bytes:
        """What is kept of a worker's code: a keyed fingerprint."""
        return self._vault.index("password_reset", f"{worker_id}/{code}")

    def set_password(self, worker_id: UUID, kept: str) -> None:
        """The hash of a new password; the code that let it be chosen is used up."""
        self._change(worker_id, reset_index=None, reset_until=None)
        changed = update(workers).where(workers.c.id == worker_id)
        self._connection.execute(changed.values(password_hash=kept, is_demo=False))

    def password_of(self, worker_id: UUID) -> str:
        """The hash of the worker's password."""
        asked = select(workers.c.password_hash).where(workers.c.id == worker_id)
        return str(self._connection.execute(asked).scalar_one())

    def _change(self, worker_id: UUID, **values: Any) -> None:  # noqa: ANN401 - column values
        insert_or_change(self._connection, credentials, {"worker_id": worker_id}, values)

    def _recovery(self, worker_id: UUID, code: str) -> bytes:
        return self._vault.index("recovery_code", f"{worker_id}/{code}")

    def _credential(self, worker_id: UUID, row: Any) -> Credential:  # noqa: ANN401 - a row or none
        if row is None:
            return Credential()
        sealed = row.totp_secret
        secret = self._vault.open(sealed, _place(worker_id)) if sealed else None
        return Credential(
            secret, row.totp_since, row.totp_step, row.duress_hash, row.reset_index, row.reset_until
        )


def _place(worker_id: UUID) -> Place:
    return Place("credential", worker_id, "totp_secret")
