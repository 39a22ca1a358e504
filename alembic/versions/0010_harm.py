"""Which version of safe contact was seen, birthdays that are sealed, and where devices named what.

What was written before stays as it was: `spean work` seals open birthdays and notes what old rows name.
"""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SAID = ("sync_op", "sync_refused", "sync_held", "sync_issue", "sync_extra")
_ALL_YEARS = "UPDATE person SET birth_year = CAST(%s AS INTEGER) WHERE birth_date IS NOT NULL"
_YEARS = {
    "sqlite": _ALL_YEARS % "substr(birth_date, 1, 4)",
    "postgresql": _ALL_YEARS % "EXTRACT(YEAR FROM birth_date)",
}


def upgrade() -> None:
    op.add_column("safe_contact", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("safe_contact", sa.Column("also_within", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("person", sa.Column("born", sa.LargeBinary(), nullable=True))
    op.add_column("person", sa.Column("birth_year", sa.Integer(), nullable=True))
    op.execute(_YEARS[op.get_bind().dialect.name])
    _index("person_born_open", "person", "id", where="birth_date IS NOT NULL")
    op.create_table(
        "sync_mention",
        sa.Column("about", sa.Uuid(), nullable=False),
        sa.Column("said_in", sqlmodel.AutoString(), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("about", "said_in", "row_id", "kind", name=op.f("pk_sync_mention")),
    )
    op.create_index("sync_mention_by_row", "sync_mention", ["said_in", "row_id"])
    for table in _SAID:
        op.add_column(table, sa.Column("noted_at", sqlmodel.UTCDateTime(), nullable=True))
        key = "doc_id" if table == "sync_extra" else "id"
        _index(f"{table}_unnoted", table, key, where="noted_at IS NULL")


def downgrade() -> None:
    for table in _SAID:
        op.drop_index(f"{table}_unnoted", table)
        op.drop_column(table, "noted_at")
    op.drop_table("sync_mention")
    op.drop_index("person_born_open", "person")
    op.drop_column("person", "birth_year")
    op.drop_column("person", "born")
    op.drop_column("safe_contact", "also_within")
    op.drop_column("safe_contact", "version")


def _index(name: str, table: str, column: str, *, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=condition, postgresql_where=condition)
