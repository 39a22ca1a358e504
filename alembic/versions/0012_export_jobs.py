"""Exports that were asked for, and how far they have come."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("profile", sqlmodel.AutoString(), nullable=False),
        sa.Column("format", sqlmodel.AutoString(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("state", sqlmodel.AutoString(), nullable=False),
        sa.Column("failure", sqlmodel.AutoString(), nullable=True),
        sa.Column("failure_details", sa.JSON(), nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("due_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("draft_name", sqlmodel.AutoString(), nullable=True),
        sa.Column("file_name", sqlmodel.AutoString(), nullable=True),
        sa.Column("file_key", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sqlmodel.AutoString(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=True),
        sa.Column("codebook", sqlmodel.AutoString(), nullable=True),
        sa.Column("asked_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("started_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("finished_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("expires_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("deleted_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["worker.id"], name=op.f("fk_export_job_asked_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_export_job_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_job")),
    )
    op.create_index("export_job_by_organisation", "export_job", ["organisation_id", "asked_at"])
    op.create_index("export_job_by_worker", "export_job", ["asked_by", "asked_at"])
    _partial("export_job_due", "due_at", "state IN ('waiting', 'running')")
    _partial("export_job_over", "expires_at", "file_name IS NOT NULL")
    _partial("export_job_file", "file_name", "file_name IS NOT NULL", unique=True)


def downgrade() -> None:
    op.drop_table("export_job")


def _partial(name: str, column: str, condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, "export_job", [column], unique=unique, sqlite_where=where, postgresql_where=where)
