"""Families of tokens; second factors, duress passwords, resets and recovery codes; allowances."""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("token", sa.Column("family_id", sa.Uuid(), nullable=True))
    op.add_column("token", sa.Column("signed_in_at", sqlmodel.UTCDateTime(), nullable=True))
    op.add_column("token", sa.Column("duress", sa.Boolean(), nullable=True))
    # Each pair of before is a family of its own; whoever holds one stays signed in.
    op.execute("UPDATE token SET family_id = id, duress = false")
    with op.batch_alter_table("token") as token:
        token.alter_column("family_id", existing_type=sa.Uuid(), nullable=False)
        token.alter_column("duress", existing_type=sa.Boolean(), nullable=False)
    op.create_index(op.f("ix_token_family_id"), "token", ["family_id"])
    op.create_index(op.f("ix_sign_in_attempt_last_at"), "sign_in_attempt", ["last_at"])
    op.create_table(
        "credential",
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_since", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("duress_hash", sqlmodel.AutoString(), nullable=True),
        sa.Column("reset_index", sa.LargeBinary(), nullable=True),
        sa.Column("reset_until", sqlmodel.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_credential_worker_id")),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_credential")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_recovery_code_worker_id")),
        sa.PrimaryKeyConstraint("code_index", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_worker_id"), "recovery_code", ["worker_id"])
    op.create_table(
        "allowance",
        sa.Column("who_index", sa.LargeBinary(), nullable=False),
        sa.Column("spent_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("who_index", name=op.f("pk_allowance")),
    )


def downgrade() -> None:
    op.drop_table("allowance")
    op.drop_table("recovery_code")
    op.drop_table("credential")
    op.drop_index(op.f("ix_sign_in_attempt_last_at"), table_name="sign_in_attempt")
    op.drop_index(op.f("ix_token_family_id"), table_name="token")
    with op.batch_alter_table("token") as token:
        for column in ("duress", "signed_in_at", "family_id"):
            token.drop_column(column)
