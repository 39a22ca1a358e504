"""People without names, and what is told beside counts, frozen with the tables of a published window."""

import sqlalchemy as sa

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("published", sa.Column("groups", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("published", sa.Column("beside", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("published") as batch:
        batch.drop_column("beside")
        batch.drop_column("groups")
