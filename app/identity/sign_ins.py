"""Queries on sign-ins: pairs of tokens and the families they form, and attempts that failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update

from app.crypto.passwords import token_hash
from app.crypto.vault import Place, Vault
from app.identity.rules import Attempts
from app.identity.tables import attempts, devices, tokens
from app.store.rows import insert_new, insert_or_change

_PROVES_FOR: Final = timedelta(days=90)
_FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShownSignIn:
    """One sign-in as its worker sees it. `seen_at` is when its tokens were made or renewed last."""

    id: UUID
    device_id: str | None
    device_name: str | None
    began_at: datetime
    seen_at: datetime


class SignInStore:
    """Sign-ins as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def living(self, worker_id: UUID, now: datetime) -> list[ShownSignIn]:
        """The sign-ins of a worker that could go on, the one used last first."""
        asked = select(tokens).where(
            tokens.c.worker_id == worker_id, tokens.c.revoked_at.is_(None), tokens.c.refresh_until > now
        )
        rows = self._connection.execute(asked.order_by(tokens.c.created_at.desc(), tokens.c.id)).all()
        names = self._device_names(worker_id)
        first = select(tokens.c.id, tokens.c.created_at).where(tokens.c.id.in_([r.family_id for r in rows]))
        began = {row.id: row.created_at for row in self._connection.execute(first)}
        return [
            ShownSignIn(
                row.family_id, row.device_id,
                names.get(row.device_id),
                row.signed_in_at or began.get(row.family_id, row.created_at), row.created_at,
            )
            for row in rows
        ]  # fmt: skip

    def _device_names(self, worker_id: UUID) -> dict[str, str]:
        asked = select(devices).where(devices.c.worker_id == worker_id, devices.c.name.is_not(None))
        return {
            row.device_id: self._vault.open(row.name, Place("device", row.id, "name"))
            for row in self._connection.execute(asked)
        }

    def end(self, worker_id: UUID, family_id: UUID, now: datetime) -> bool:
        """The sign-in is over; whether there was one that could go on."""
        ended = update(tokens).where(
            tokens.c.worker_id == worker_id, tokens.c.family_id == family_id, tokens.c.revoked_at.is_(None)
        )
        found = self._connection.execute(ended.values(revoked_at=now).returning(tokens.c.id))
        return bool(found.all())

    def end_all(self, worker_id: UUID, now: datetime) -> None:
        """Every sign-in of the worker is over."""
        ended = update(tokens).where(tokens.c.worker_id == worker_id, tokens.c.revoked_at.is_(None))
        self._connection.execute(ended.values(revoked_at=now))

    def known_device(self, worker_id: UUID, refresh: str, now: datetime) -> UUID | None:
        """The family of a refresh token that shows that this worker signed in well on this device.

        It may have run out; it may not have been replaced or revoked.
        """
        asked = select(tokens.c.family_id).where(
            tokens.c.worker_id == worker_id, tokens.c.refresh_hash == token_hash(refresh),
            tokens.c.revoked_at.is_(None), tokens.c.created_at > now - _PROVES_FOR,
        )  # fmt: skip
        return self._connection.execute(asked).scalar_one_or_none()

    def place(self, *words: str) -> bytes:
        """The key under which attempts are counted: a fingerprint, for the name must not lie open."""
        return self._vault.index("sign_in", "\x00".join(words))

    def locked_attempts(self, places: Sequence[bytes], now: datetime) -> dict[bytes, Attempts]:
        """How sign-in has gone at these places, locked until the transaction ends.

        Failures of one moment all count, in whichever process. Locked in one order, so that two who
        sign in at once never wait for each other.
        """
        found = {}
        for place in sorted(places):
            insert_new(self._connection, attempts, {"name_index": place, "failed": 0, "last_at": now})
            asked = select(attempts).where(attempts.c.name_index == place).with_for_update()
            row = self._connection.execute(asked).one()
            found[place] = Attempts(row.failed, row.last_at if row.failed else None)
        return found

    def save_attempts(self, place: bytes, kept: Attempts) -> None:
        """Remember how sign-in has gone at a place; nothing is kept of one where it went well."""
        if kept.failed and kept.last_at:
            values = {"failed": kept.failed, "last_at": kept.last_at}
            insert_or_change(self._connection, attempts, {"name_index": place}, values)
        else:
            self._connection.execute(delete(attempts).where(attempts.c.name_index == place))

    def forget_attempts(self, now: datetime) -> None:
        """What failed more than a day ago says nothing any more: strangers invent names without end."""
        self._connection.execute(_FORGET, {"before": now - _FORGET_AFTER})


# A bounded handful, and none that somebody holds: whoever signs in at this moment must not wait for it.
_FORGET: Final = delete(attempts).where(
    attempts.c.name_index.in_(
        select(attempts.c.name_index)
        .where(attempts.c.last_at < bindparam("before"))
        .limit(500)
        .with_for_update(skip_locked=True)
    )
)
