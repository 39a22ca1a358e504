"""How Alembic meets the database: one environment for both engines, for the program and for the command."""

from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlmodel import SQLModel

import app.attachments.tables
import app.audit.tables
import app.calls.tables
import app.cases.tables
import app.circumstances.tables
import app.escalation.tables
import app.exports.tables
import app.identity.tables
import app.intake.tables
import app.outbox.tables
import app.privacy.tables
import app.statistics.tables
import app.store.feed
import app.store.heartbeats
import app.sync.tables  # noqa: F401 - as those above: importing a module of tables registers them
from alembic import context
from app.settings import Settings
from app.store.database import Database
from app.store.migrations import alone


def _written(kind: str, item: Any, revision: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - as Alembic asks
    """How a new revision writes a type of SQLModel's; False leaves the writing to Alembic."""
    if kind == "type" and type(item).__module__.startswith("sqlmodel."):
        revision.imports.add("import sqlmodel")
        return f"sqlmodel.{item!r}"
    return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_server_default=True,
        # SQLite alters a table by making it anew; the same revision alters it in place on PostgreSQL.
        render_as_batch=True,
        render_item=_written,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run() -> None:
    if context.is_offline_mode():
        # A script would hold one engine's SQL, and the lock against a second migration would be missing.
        raise CommandError("Spean migrates a database that is there; it writes no SQL script.")
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    database = Database(Settings().database_url)
    try:
        with alone(database) as connection:
            _migrate(connection)
    finally:
        database.close()


_run()
