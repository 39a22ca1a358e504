"""The database's schema, brought to the newest revision or back, by one process at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from app.kernel.refusal import Fault
from app.store.database import Database

FOLDER: Final = Path(__file__).resolve().parents[2] / "alembic"

# The number is ours alone among the advisory locks of the database; it is "spean" in ASCII.
_LOCK: Final = 0x73_70_65_61_6E

# Alembic keeps the environment that is at work in a global, so two threads must not migrate at once,
# not even two databases.
_one_at_a_time = threading.Lock()


class ForeignKeysBroken(Fault):
    """A migration would leave rows that point at nothing; it was rolled back. Names tables, no rows."""


def upgrade(database: Database, folder: Path = FOLDER) -> None:
    """The schema is at the newest revision, or, after any error, where it was before.

    Repeating it is safe, also from several processes at once: one migrates, the others wait for it.

    Raises: ForeignKeysBroken; Alembic's CommandError where the database is at a revision unknown here.
    """
    if is_at_head(database, folder):
        return  # So that a process that starts beside working ones waits for no lock.
    with alone(database) as connection:
        alembic.command.upgrade(_config(connection, folder), "head")


def downgrade(database: Database, revision: str, folder: Path = FOLDER) -> None:
    """The schema is at this earlier revision: an id, "-1" for one step back, "base" for nothing.

    Raises: as upgrade.
    """
    with alone(database) as connection:
        alembic.command.downgrade(_config(connection, folder), revision)


def current(database: Database) -> str | None:
    """The revision that the database is at; None before the first."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head(folder: Path = FOLDER) -> str:
    """The newest revision that this program knows."""
    newest = ScriptDirectory(str(folder)).get_current_head()
    if newest is None:
        raise Fault(f"There is no revision in {folder}.")
    return newest


def knows(revision: str, folder: Path = FOLDER) -> bool:
    """Whether this program can bring a database at this revision to the newest."""
    try:
        return ScriptDirectory(str(folder)).get_revision(revision) is not None
    except CommandError:
        return False


def is_at_head(database: Database, folder: Path = FOLDER) -> bool:
    """Whether the schema is the one that this program was written for."""
    return current(database) == head(folder)


@contextmanager
def alone(database: Database) -> Iterator[Connection]:
    """A connection in a transaction during which no other thread or process migrates this database.

    Leaving without an error commits it: all revisions of one upgrade, or none.

    Raises: ForeignKeysBroken.
    """
    with _one_at_a_time:
        if database.is_sqlite:
            with _alone_on_sqlite(database) as connection:
                yield connection
        else:
            with database.write() as connection:
                # The lock goes with the transaction, however that ends.
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
                yield connection


@contextmanager
def _alone_on_sqlite(database: Database) -> Iterator[Connection]:
    """As `Database.write()`, but with foreign keys checked once, at the end.

    SQLite changes a table by making a new one and dropping the old, and with foreign keys on that drop
    deletes rows elsewhere or fails. They can be turned off only before a transaction begins.
    Source: https://sqlite.org/lang_altertable.html#otheralter
    """
    with database.engine.connect() as connection:
        connection.detach()  # This one is closed afterwards: nobody else may get it, with its keys off.
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.execution_options(spean_begin="BEGIN IMMEDIATE").begin():
            yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                tables = sorted({str(row[0]) for row in broken})
                raise ForeignKeysBroken(f"Rows that point at nothing would be left in {', '.join(tables)}.")


def _config(connection: Connection, folder: Path) -> Config:
    """Alembic's configuration without a file: nothing depends on the working directory or sets up logging."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
