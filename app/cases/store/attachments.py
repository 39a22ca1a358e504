"""Queries on attachments: what is known of each file of a case. The bytes lie elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from app.cases.tables import attachments
from app.crypto.vault import Place, Vault
from app.store.feed import Kind, Touched

PENDING: Final = "pending"  # announced; its bytes are still to come
COMPLETE: Final = "complete"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a case. `sha256` is of its bytes, in hexadecimal digits."""

    id: UUID
    case_id: UUID
    author_id: UUID
    name: str | None
    mime: str
    size_bytes: int
    sha256: str
    state: str
    at: datetime


class AttachmentStore:
    """Attachments as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def add(self, attachment: Attachment) -> None:
        """Keep what is known of a file."""
        place = Place("attachment", attachment.id, "name")
        self._connection.execute(insert(attachments), {
            "id": attachment.id, "case_id": attachment.case_id, "author_id": attachment.author_id,
            "name": self._vault.seal(attachment.name, place) if attachment.name else None,
            "mime": attachment.mime, "size_bytes": attachment.size_bytes, "sha256": attachment.sha256,
            "state": attachment.state, "at": attachment.at,
        })  # fmt: skip
        self._touched.note(Kind.ATTACHMENT, attachment.id, attachment.case_id)

    def by_id(self, ids: Iterable[UUID]) -> dict[UUID, Attachment]:
        """Attachments by id."""
        found = self._connection.execute(select(attachments).where(attachments.c.id.in_(list(ids))))
        return {
            row.id: Attachment(
                row.id, row.case_id, row.author_id,
                self._vault.open(row.name, Place("attachment", row.id, "name")) if row.name else None,
                row.mime, row.size_bytes, row.sha256, row.state, row.at,
            )
            for row in found
        }  # fmt: skip

    def set_state(self, attachment: Attachment, state: str) -> None:
        """All bytes are here, or not any more."""
        self._connection.execute(
            update(attachments).where(attachments.c.id == attachment.id).values(state=state)
        )
        self._touched.note(Kind.ATTACHMENT, attachment.id, attachment.case_id)
