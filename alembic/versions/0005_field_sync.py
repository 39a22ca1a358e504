"""Field sync: the change feed, devices, what they pushed, conflicts, claims of members."""

from typing import Any

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STAFF = ("staff_alert", "staff_escalation")


def _feed() -> None:
    op.create_table(
        "feed_head",
        sa.Column("viewer", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("fitted_for", sqlmodel.AutoString(), nullable=True),
        sa.Column("fitted_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("viewer", name=op.f("pk_feed_head")),
    )
    op.create_table(
        "feed",
        sa.Column("viewer", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("viewer", "kind", "doc_id", name=op.f("pk_feed")),
        sa.UniqueConstraint("viewer", "seq", name="feed_order"),
    )
    op.create_index("feed_by_case", "feed", ["case_id", "kind"])
    op.create_index("feed_by_kind", "feed", ["viewer", "kind", "seq"])
    op.create_table(
        "feed_doc",
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("viewer", sa.Uuid(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "doc_id", name=op.f("pk_feed_doc")),
    )
    op.create_index(op.f("ix_feed_doc_case_id"), "feed_doc", ["case_id"])
    op.create_index(op.f("ix_feed_doc_viewer"), "feed_doc", ["viewer"])


def _device() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sqlmodel.AutoString(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("app_schema", sa.Integer(), nullable=True),
        sa.Column("lineage", sa.LargeBinary(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["revoked_by"], ["worker.id"], name=op.f("fk_device_revoked_by")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_device_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("worker_id", "device_id", name="device_once"),
    )
    op.create_index(op.f("ix_device_device_id"), "device", ["device_id"])


def _of_a_worker(table: str, *columns: sa.Column[Any]) -> None:
    """A table of things that a worker's device pushed."""
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("at", sqlmodel.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f(f"fk_{table}_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _pushed() -> None:
    _of_a_worker(
        "sync_op",
        sa.Column("device_id", sqlmodel.AutoString(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
    )
    op.create_index(op.f("ix_sync_op_at"), "sync_op", ["at"])
    _of_a_worker(
        "sync_held",
        sa.Column("device_id", sqlmodel.AutoString(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("app_schema", sa.Integer(), nullable=False),
    )
    op.create_index(op.f("ix_sync_held_at"), "sync_held", ["at"])
    op.create_index(op.f("ix_sync_held_parent_id"), "sync_held", ["parent_id"])
    _of_a_worker(
        "sync_refused",
        sa.Column("device_id", sqlmodel.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=True),
        sa.Column("doc_id", sa.Uuid(), nullable=True),
        sa.Column("code", sqlmodel.AutoString(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
    )
    op.create_index(op.f("ix_sync_refused_worker_id"), "sync_refused", ["worker_id"])
    _of_a_worker(
        "sync_issue",
        sa.Column("code", sqlmodel.AutoString(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("about_kind", sqlmodel.AutoString(), nullable=True),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sqlmodel.UTCDateTime(), nullable=True),
    )
    op.create_index(op.f("ix_sync_issue_worker_id"), "sync_issue", ["worker_id"])
    op.create_table(
        "sync_extra",
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "doc_id", name=op.f("pk_sync_extra")),
    )


def _conflict() -> None:
    op.create_table(
        "case_conflict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.AutoString(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("field", sqlmodel.AutoString(), nullable=False),
        sa.Column("hard", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.LargeBinary(), nullable=False),
        sa.Column("lost", sa.LargeBinary(), nullable=False),
        sa.Column("kept_by", sqlmodel.AutoString(), nullable=False),
        sa.Column("kept_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("lost_by", sa.Uuid(), nullable=False),
        sa.Column("lost_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("found_at", sqlmodel.UTCDateTime(), nullable=False),
        sa.Column("settled_at", sqlmodel.UTCDateTime(), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("choice", sqlmodel.AutoString(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_conflict_case_id")),
        sa.ForeignKeyConstraint(["lost_by"], ["worker.id"], name=op.f("fk_case_conflict_lost_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["worker.id"], name=op.f("fk_case_conflict_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_conflict")),
    )
    op.create_index(op.f("ix_case_conflict_case_id"), "case_conflict", ["case_id"])


# What is there already is in nobody's feed yet: each worker's is made from this at their first pull.
_THERE_ALREADY = {
    "case": "SELECT id, id FROM case_file",
    "member": "SELECT id, case_id FROM case_member",
    "note": "SELECT id, case_id FROM note",
    "contact_attempt": "SELECT id, case_id FROM contact_attempt",
    "task": "SELECT id, case_id FROM task",
    "message": ("SELECT message_id, MIN(CAST(case_id AS VARCHAR(36))) FROM message_case GROUP BY message_id"),
}


def _known_documents() -> None:
    cast = "::uuid" if op.get_bind().dialect.name == "postgresql" else ""
    for kind, found in _THERE_ALREADY.items():
        case_id = f"found.case_id{cast}" if kind == "message" else "found.case_id"
        op.execute(
            f"INSERT INTO feed_doc (kind, doc_id, case_id, rev) "  # noqa: S608 - constants of this module
            f"SELECT '{kind}', found.id, {case_id}, 1 FROM ({found}) AS found (id, case_id)"
            if cast
            else f"WITH found (id, case_id) AS ({found}) "  # noqa: S608 - as above
            f"INSERT INTO feed_doc (kind, doc_id, case_id, rev) "
            f"SELECT '{kind}', id, case_id, 1 FROM found"
        )
    staff = ", ".join(f"'{purpose}'" for purpose in _STAFF)
    op.execute(
        "INSERT INTO feed_doc (kind, doc_id, case_id, rev) "  # noqa: S608 - as above
        f"SELECT 'message', id, case_id, 1 FROM outbox WHERE case_id IS NOT NULL AND purpose NOT IN ({staff})"
    )


def upgrade() -> None:
    for make in (_feed, _device, _pushed, _conflict):
        make()
    with op.batch_alter_table("case_file") as case:
        case.add_column(sa.Column("conflict", sqlmodel.AutoString(), nullable=True))
    with op.batch_alter_table("case_member") as member:
        member.add_column(sa.Column("flags", sa.JSON(none_as_null=True), nullable=True))
        member.add_column(sa.Column("wages_minor", sa.BigInteger(), nullable=True))
        member.add_column(sa.Column("wages_currency", sqlmodel.AutoString(), nullable=True))
    _known_documents()


def downgrade() -> None:
    with op.batch_alter_table("case_member") as member:
        for column in ("wages_currency", "wages_minor", "flags"):
            member.drop_column(column)
    with op.batch_alter_table("case_file") as case:
        case.drop_column("conflict")
    for table in (
        "case_conflict", "sync_extra", "sync_issue", "sync_refused", "sync_held", "sync_op",
        "device", "feed_doc", "feed", "feed_head",
    ):  # fmt: skip
        op.drop_table(table)
