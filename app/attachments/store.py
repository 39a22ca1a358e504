"""Queries on attachments."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from app.attachments.rules.kinds import MediaType
from app.attachments.rules.uploads import Attachment, Kept, State, StoredFile
from app.attachments.tables import attachments
from app.crypto.vault import Place, Vault
from app.store.feed import Kind, Touched
from app.store.rows import insert_new

_COUNTED: Final = (State.PENDING.value, State.COMPLETE.value)


class AttachmentStore:
    """Attachments as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def add(self, attachment: Attachment) -> bool:
        """Keep a new one; False where its id is taken."""
        self._touched.note(Kind.ATTACHMENT, attachment.id, attachment.case_id)
        return insert_new(self._connection, attachments, self._values(attachment))

    def save(self, attachment: Attachment) -> None:
        """The attachment as it is now."""
        self._touched.note(Kind.ATTACHMENT, attachment.id, attachment.case_id)
        changed = update(attachments).where(attachments.c.id == attachment.id)
        self._connection.execute(changed.values(self._values(attachment)))

    def get(self, attachment_id: UUID) -> Attachment | None:
        """One attachment, whoever may see its case."""
        return self._one(_BY_ID, attachment_id)

    def locked(self, attachment_id: UUID) -> Attachment | None:
        """As get, locked."""
        return self._one(_BY_ID_LOCKED, attachment_id)

    def of_case(self, case_id: UUID) -> list[Attachment]:
        """The attachments of a case, oldest first; those that were withdrawn or given up are left out."""
        asked = (
            select(attachments)
            .where(attachments.c.case_id == case_id, attachments.c.state != State.ERASED.value)
            .order_by(attachments.c.created_at, attachments.c.id)
        )
        return [self._attachment(row) for row in self._connection.execute(asked)]

    def of_ids(self, ids: Iterable[UUID]) -> dict[UUID, Attachment]:
        """Attachments by id."""
        found = self._connection.execute(select(attachments).where(attachments.c.id.in_(list(ids))))
        return {row.id: self._attachment(row) for row in found}

    def bytes_of_case(self, case_id: UUID, *, but: UUID) -> int:
        """How many bytes the files of a case have, announced ones included, one of them left out."""
        asked = select(func.coalesce(func.sum(attachments.c.size_bytes), 0)).where(
            attachments.c.case_id == case_id, attachments.c.state.in_(_COUNTED), attachments.c.id != but
        )
        return int(self._connection.execute(asked).scalar_one())

    def open_uploads(self, author_id: UUID, now: datetime, *, but: UUID) -> int:
        """How many unfinished uploads a worker has, one of them left out."""
        asked = select(func.count()).where(
            attachments.c.author_id == author_id, attachments.c.state == State.PENDING.value,
            attachments.c.expires_at > now, attachments.c.id != but,
        )  # fmt: skip
        return self._connection.execute(asked).scalar_one()

    def due(self, now: datetime) -> UUID | None:
        """The attachment that has been waiting longest for somebody to look at it."""
        asked = select(attachments.c.id).where(attachments.c.due_at <= now)
        return self._connection.execute(asked.order_by(attachments.c.due_at).limit(1)).scalar_one_or_none()

    def postpone(self, attachment_id: UUID, until: datetime) -> None:
        """Nobody has to look at it before then."""
        changed = update(attachments).where(
            attachments.c.id == attachment_id, attachments.c.due_at.is_not(None)
        )
        self._connection.execute(changed.values(due_at=until))

    def file_names(self) -> frozenset[str]:
        """Every file on disk that a row still knows, those to be removed included."""
        asked = select(attachments.c.file_name, attachments.c.leftover).where(
            or_(attachments.c.file_name.is_not(None), attachments.c.leftover.is_not(None))
        )
        return frozenset(name for row in self._connection.execute(asked) for name in row if name)

    def _one(self, asked: Any, attachment_id: UUID) -> Attachment | None:  # noqa: ANN401 - a made select
        row = self._connection.execute(asked, {"id": attachment_id}).one_or_none()
        return self._attachment(row) if row else None

    def _values(self, attachment: Attachment) -> dict[str, Any]:
        file, kept = attachment.file, attachment.kept
        return {
            "id": attachment.id, "case_id": attachment.case_id, "author_id": attachment.author_id,
            "state": attachment.state.value, "declared_type": attachment.declared_type,
            "name": self._vault.seal(attachment.name, _place(attachment.id, "name")),
            "announced": self._vault.seal(attachment.announced, _place(attachment.id, "announced")),
            "size_bytes": attachment.size_bytes, "sha256": attachment.sha256,
            "offset_bytes": attachment.offset_bytes, "file_name": file.name if file else None,
            "file_key": self._vault.seal_bytes(file.key, _place(attachment.id, "file_key")) if file else None,
            "media_type": kept.kind.value if kept else None, "kept_bytes": kept.size_bytes if kept else None,
            "kept_sha256": kept.sha256 if kept else None,
            "position_removed": kept.position_removed if kept else False,
            "problem": attachment.problem, "leftover": attachment.leftover,
            "created_at": attachment.created_at, "expires_at": attachment.expires_at,
            "completed_at": attachment.completed_at, "due_at": attachment.due_at,
        }  # fmt: skip

    def _attachment(self, row: Row[Any]) -> Attachment:
        file = self._file(row)
        kept = None
        if file and row.media_type:
            kind = MediaType(row.media_type)
            kept = Kept(kind, row.kept_bytes, row.kept_sha256, file, row.position_removed)
        return Attachment(
            id=row.id, case_id=row.case_id, author_id=row.author_id, state=State(row.state),
            name=self._vault.open(row.name, _place(row.id, "name")),
            announced=self._vault.open(row.announced, _place(row.id, "announced")),
            declared_type=row.declared_type,
            size_bytes=row.size_bytes, sha256=row.sha256, offset_bytes=row.offset_bytes, file=file,
            created_at=row.created_at, expires_at=row.expires_at, due_at=row.due_at, kept=kept,
            problem=row.problem, leftover=row.leftover, completed_at=row.completed_at,
        )  # fmt: skip

    def _file(self, row: Row[Any]) -> StoredFile | None:
        if not row.file_name:
            return None
        return StoredFile(row.file_name, self._vault.open_bytes(row.file_key, _place(row.id, "file_key")))


def _place(attachment_id: UUID, field: str) -> Place:
    return Place("attachment", attachment_id, field)


# Made once: every piece of an upload asks them.
_BY_ID: Final = select(attachments).where(attachments.c.id == bindparam("id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
