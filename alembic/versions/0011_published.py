"""The figures that were published, each window once."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "published",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("cells", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("released_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published")),
    )
    op.create_table(
        "published_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("published_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_id"], ["published.id"], name=op.f("fk_published_month_published_id")
        ),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_published_month")),
    )
    op.create_index(op.f("ix_published_month_published_id"), "published_month", ["published_id"])


def downgrade() -> None:
    op.drop_table("published_month")
    op.drop_table("published")
