"""Queries on prompts and recording desks: which are recorded, where their sound is, who may record."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from app.calls.rules.prompts import Desk, Draft, Prompt, file_name
from app.calls.rules.sounds import Sound
from app.calls.tables import prompt_desks, prompts
from app.store.rows import insert_or_change

_DRAFT: Final = ("address", "carrier_id")
_SOUND: Final = ("media_type", "size_bytes", "sha256", "milliseconds")


class PromptStore:
    """Recorded prompts as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def addresses(self, keys: Iterable[str], language: str) -> dict[str, str]:
        """The unguessable address of each of these prompts that is recorded in the language."""
        found = self._connection.execute(_ADDRESSES, {"keys": list(keys), "language": language})
        return {row.key: row.address for row in found}

    def all(self) -> dict[tuple[str, str], Prompt]:
        """Every recorded prompt, by key and language."""
        return {(row.key, row.language): _prompt(row) for row in self._connection.execute(select(prompts))}

    def get(self, key: str, language: str) -> Prompt | None:
        """One prompt, if it is recorded."""
        asked = select(prompts).where(prompts.c.key == key, prompts.c.language == language)
        row = self._connection.execute(asked).one_or_none()
        return _prompt(row) if row else None

    def keep(self, prompt: Prompt) -> None:
        """Keep a prompt in place of the one that was recorded before."""
        sound = {name: getattr(prompt.sound, name) for name in _SOUND}
        key = {"key": prompt.key, "language": prompt.language}
        insert_or_change(self._connection, prompts, key, {
            "address": prompt.address, "text_sha256": prompt.text_sha256, "made_by": prompt.made_by,
            "made_at": prompt.made_at, **sound,
        })  # fmt: skip

    def at(self, address: str) -> tuple[str, Sound] | None:
        """The file and the sound at this address: of a prompt, or of a draft that is being listened to."""
        row = self._connection.execute(_AT, {"address": address}).one_or_none()
        if row:
            prompt = _prompt(row)
            return file_name(prompt.key, prompt.language, prompt.sound), prompt.sound
        drafted = self._connection.execute(_DRAFT_AT, {"address": address}).one_or_none()
        return _drafted(_desk(drafted)) if drafted else None

    def files(self) -> frozenset[str]:
        """The names of all files that a prompt or a draft needs."""
        kept = {file_name(p.key, p.language, p.sound) for p in self.all().values()}
        desks = [_desk(row) for row in self._connection.execute(select(prompt_desks))]
        return frozenset(kept | {found[0] for desk in desks if (found := _drafted(desk))})

    def open_desk(self, desk: Desk) -> None:
        """Open a desk in place of the worker's last one, and of any other worker's at the same phone."""
        same = prompt_desks.c.phone_index == desk.phone_index
        others = prompt_desks.c.worker_id != desk.worker_id
        self._connection.execute(delete(prompt_desks).where(same, others))
        insert_or_change(self._connection, prompt_desks, {"worker_id": desk.worker_id}, _values(desk))

    def save_desk(self, desk: Desk) -> None:
        """The desk as it is now."""
        changed = update(prompt_desks).where(prompt_desks.c.worker_id == desk.worker_id)
        self._connection.execute(changed.values(_values(desk)))

    def desk_of(self, worker_id: UUID) -> Desk | None:
        """The desk of a worker, open or not, locked."""
        row = self._connection.execute(_DESK_OF, {"worker_id": worker_id}).one_or_none()
        return _desk(row) if row else None

    def desk_at(self, phone_index: bytes) -> Desk | None:
        """The desk for a phone, open or not."""
        row = self._connection.execute(_DESK_AT, {"phone_index": phone_index}).one_or_none()
        return _desk(row) if row else None


def _prompt(row: Row[Any]) -> Prompt:
    sound = Sound(row.media_type, row.size_bytes, row.sha256, row.milliseconds)
    return Prompt(row.key, row.language, row.address, sound, row.text_sha256, row.made_by, row.made_at)


def _desk(row: Row[Any]) -> Desk:
    draft = None
    if row.draft_address:
        sound = Sound(*(getattr(row, f"draft_{name}") for name in _SOUND))
        draft = Draft(row.draft_address, sound, row.draft_carrier_id)
    return Desk(
        row.worker_id, row.phone_index, row.pin_hash, row.language, row.expires_at, row.failures, row.key,
        draft, tuple(row.skipped), tuple(row.undeleted),
    )  # fmt: skip


def _drafted(desk: Desk) -> tuple[str, Sound] | None:
    if desk.draft is None or desk.key is None:
        return None
    return file_name(desk.key, desk.language, desk.draft.sound), desk.draft.sound


def _values(desk: Desk) -> dict[str, Any]:
    draft = desk.draft
    return {
        "phone_index": desk.phone_index, "pin_hash": desk.pin_hash, "language": desk.language,
        "expires_at": desk.expires_at, "failures": desk.failures, "key": desk.key,
        "skipped": list(desk.skipped), "undeleted": list(desk.undeleted),
        **{f"draft_{name}": getattr(draft, name) if draft else None for name in _DRAFT},
        **{f"draft_{name}": getattr(draft.sound, name) if draft else None for name in _SOUND},
    }  # fmt: skip


# Made once, for every document of a call asks the first of them, and every sound of a call the second.
_ADDRESSES: Final = select(prompts.c.key, prompts.c.address).where(
    prompts.c.language == bindparam("language"), prompts.c.key.in_(bindparam("keys", expanding=True))
)
_AT: Final = select(prompts).where(prompts.c.address == bindparam("address"))
_DRAFT_AT: Final = select(prompt_desks).where(prompt_desks.c.draft_address == bindparam("address"))
_DESK_OF: Final = (
    select(prompt_desks).where(prompt_desks.c.worker_id == bindparam("worker_id")).with_for_update()
)
_DESK_AT: Final = select(prompt_desks).where(prompt_desks.c.phone_index == bindparam("phone_index"))
