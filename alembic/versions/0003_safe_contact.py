"""What was told of how phones may be used without harm; when the person wrote what a text answers."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Texts on their way keep the moment that lets them go: the one at which their person wrote.
_ON_THEIR_WAY = """
UPDATE outbox SET wrote_at = (SELECT message.received_at FROM message WHERE message.id = outbox.answers_id)
WHERE answers_id IS NOT NULL AND state IN ('queued', 'sending')
"""


def upgrade() -> None:
    op.create_table(
        "safe_contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("source", sqlmodel.AutoString(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("may_text", sqlmodel.AutoString(), nullable=False),
        sa.Column("may_call", sqlmodel.AutoString(), nullable=False),
        sa.Column("may_leave_voicemail", sqlmodel.AutoString(), nullable=False),
        sa.Column("hours", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("zone", sqlmodel.AutoString(), nullable=True),
        sa.Column("shared", sqlmodel.AutoString(), nullable=False),
        sa.Column("held_by_employer", sqlmodel.AutoString(), nullable=False),
        sa.Column("code_word", sa.LargeBinary(), nullable=True),
        sa.Column("code_word_heard_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("language", sqlmodel.AutoString(), nullable=True),
        sa.Column("after_dropped_call", sqlmodel.AutoString(), nullable=False),
        sa.Column("valid_until", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("ended_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_safe_contact_case_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_safe_contact_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safe_contact")),
        sa.UniqueConstraint("case_id", "phone_index", "source", name="safe_contact_once"),
    )
    op.create_index("safe_contact_by_phone", "safe_contact", ["phone_index"])
    op.add_column("outbox", sa.Column("wrote_at", sqlmodel.UTCDateTime(), nullable=True))
    op.execute(_ON_THEIR_WAY)


def downgrade() -> None:
    op.drop_column("outbox", "wrote_at")
    op.drop_table("safe_contact")
