"""The trade and origin of a case, the companies in it, and money that came back."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_circumstances",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("sector", sqlmodel.AutoString(), nullable=True),
        sa.Column("origin_province", sqlmodel.AutoString(), nullable=True),
        sa.Column("updated_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_circumstances_case_id")),
        sa.ForeignKeyConstraint(["updated_by"], ["worker.id"], name=op.f("fk_case_circumstances_updated_by")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_circumstances")),
    )
    _parties()
    op.create_table(
        "recovery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sqlmodel.AutoString(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("at", sqlmodel.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_recovery_case_id")),
        sa.ForeignKeyConstraint(["member_id"], ["case_member.id"], name=op.f("fk_recovery_member_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_recovery_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery")),
    )
    op.create_index(op.f("ix_recovery_case_id"), "recovery", ["case_id"])
    op.create_index("recovery_by_day", "recovery", ["day", "id"])


def downgrade() -> None:
    for table in ("recovery", "case_party", "party_name", "party", "case_circumstances"):
        op.drop_table(table)


def _parties() -> None:
    op.create_table(
        "party",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("country", sqlmodel.AutoString(), nullable=True),
        sa.Column("licence", sqlmodel.AutoString(), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("disputed_since", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["merged_into"], ["party.id"], name=op.f("fk_party_merged_into")),
        sa.ForeignKeyConstraint(["created_by"], ["worker.id"], name=op.f("fk_party_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
    )
    op.create_index(op.f("ix_party_merged_into"), "party", ["merged_into"])
    op.create_table(
        "party_name",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("name_index", sa.LargeBinary(), nullable=False),
        sa.Column("at", sqlmodel.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_party_name_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_name")),
        sa.UniqueConstraint("kind", "name_index", name="party_name_once"),
    )
    op.create_index(op.f("ix_party_name_party_id"), "party_name", ["party_id"])
    op.create_table(
        "case_party",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_party_case_id")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_case_party_party_id")),
        sa.ForeignKeyConstraint(["added_by"], ["worker.id"], name=op.f("fk_case_party_added_by")),
        sa.PrimaryKeyConstraint("case_id", "party_id", name=op.f("pk_case_party")),
    )
    op.create_index(op.f("ix_case_party_party_id"), "case_party", ["party_id"])
