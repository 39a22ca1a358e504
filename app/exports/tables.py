"""Exports that were asked for, as rows: what, by whom, how far they have come, and where the file lies."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from app.store.columns import bytes_field, json_field, partial_index, sealed_field, table_of


class ExportJobRow(SQLModel, table=True):
    """One export. The row outlives its file: it says who took out what, and why."""

    __tablename__ = "export_job"
    __table_args__ = (
        # What a worker takes up next, and whose worker died.
        partial_index("export_job_due", "due_at", where="state IN ('waiting', 'running')"),
        partial_index("export_job_over", "expires_at", where="file_name IS NOT NULL"),
        partial_index("export_job_file", "file_name", where="file_name IS NOT NULL", unique=True),
        Index("export_job_by_worker", "asked_by", "asked_at"),
        Index("export_job_by_organisation", "organisation_id", "asked_at"),
    )

    id: UUID = Field(primary_key=True)
    asked_by: UUID | None = Field(default=None, foreign_key="worker.id")  # None: the organisation's own
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")  # the asker's, then
    profile: str
    format: str
    wanted: dict[str, Any] = json_field()
    fingerprint: bytes = bytes_field()  # of what was asked, the password left out: a repeat is known by it
    reason: bytes | None = sealed_field()
    password: bytes | None = sealed_field()  # gone as soon as the file is packed, or will never be
    state: str  # waiting | running | done | failed | expired
    failure: str | None = None
    failure_details: dict[str, Any] | None = json_field(nullable=True)
    progress: int = 0
    rows: int | None = None
    tries: int = 0
    claim: UUID | None = None  # who makes it now: a worker that was too slow finds another's here
    due_at: datetime  # of a running one: when its worker is taken for dead
    draft_name: str | None = None  # the file that is being written
    file_name: str | None = None
    file_key: bytes | None = sealed_field()
    sha256: str | None = None
    size_bytes: int | None = Field(default=None, sa_column=Column(BigInteger))
    manifest: dict[str, Any] | None = json_field(nullable=True)
    codebook: str | None = None
    asked_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    deleted_at: datetime | None = None


export_jobs = table_of(ExportJobRow)
