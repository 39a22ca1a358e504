"""Erasures with their receipts, the log of breaches, and what says how far letting go has come."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("notes", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sqlmodel.AutoString(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("spared_phones", sa.Integer(), nullable=False),
        sa.Column("spared_people", sa.Integer(), nullable=False),
        sa.Column("digest", sqlmodel.AutoString(), nullable=False),
        sa.Column("mac", sqlmodel.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_case_id"), "erasure", ["case_id"])
    op.create_index("erasure_by_time", "erasure", ["at", "id"])
    op.create_table(
        "breach",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kinds", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("what", sa.LargeBinary(), nullable=False),
        sa.Column("records_estimate", sa.Integer(), nullable=True),
        sa.Column("happened_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("noticed_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("due_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("written_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("state", sqlmodel.AutoString(), nullable=False),
        sa.Column("notified_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("closed_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("warned", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["written_by"], ["worker.id"], name=op.f("fk_breach_written_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breach")),
    )
    _index("breach_due", "breach", "due_at", where="state = 'open'")
    op.add_column("case_file", sa.Column("scrubbed_at", sqlmodel.UTCDateTime(), nullable=True))
    op.add_column("case_file", sa.Column("pseudonymised_at", sqlmodel.UTCDateTime(), nullable=True))
    _index("case_over", "case_file", "closed_at", where="closed_at IS NOT NULL")
    op.add_column("inbox", sa.Column("scrubbed_at", sqlmodel.UTCDateTime(), nullable=True))
    op.add_column("contact_point", sa.Column("forgotten_at", sqlmodel.UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("contact_point", "forgotten_at")
    op.drop_column("inbox", "scrubbed_at")
    op.drop_index("case_over", "case_file")
    op.drop_column("case_file", "pseudonymised_at")
    op.drop_column("case_file", "scrubbed_at")
    op.drop_table("breach")
    op.drop_table("erasure")


def _index(name: str, table: str, column: str, *, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=condition, postgresql_where=condition)
