"""Attachments as rows; their bytes are files beside the database."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.store.columns import partial_index, sealed_field, table_of


class AttachmentRow(SQLModel, table=True):
    """One file of a case, or one on its way there. `offset_bytes` says how much of it has arrived."""

    __tablename__ = "attachment"
    __table_args__ = (
        # What somebody has to look at: uploads that wait for bytes, and files that are to be removed.
        partial_index("attachment_due", "due_at", where="due_at IS NOT NULL"),
        partial_index("attachment_open", "author_id", where="state = 'pending'"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    author_id: UUID = Field(foreign_key="worker.id")
    state: str  # pending | complete | refused | erased
    name: bytes = sealed_field(nullable=False)
    announced: bytes = sealed_field(nullable=False)
    declared_type: str
    size_bytes: int
    sha256: str
    offset_bytes: int
    file_name: str | None = None
    file_key: bytes | None = sealed_field()
    media_type: str | None = None
    kept_bytes: int | None = None
    kept_sha256: str | None = None
    position_removed: bool = False
    problem: str | None = None
    leftover: str | None = None  # a file that is still to be removed
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None = None
    due_at: datetime | None = None


attachments = table_of(AttachmentRow)
