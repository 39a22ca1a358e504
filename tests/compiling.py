"""One memory of compiled statements for all databases of a process.

SQLAlchemy keeps what it compiled for each engine, and every test has an engine of its own: without this
a quarter of the suite's time goes into compiling the same statements again.
"""

from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.store.database import Database

_COMPILED: Final[dict[Any, Any]] = {}


class _AnySQLite(SQLiteDialect_pysqlite):
    """All SQLite files are served by one and the same library, so what is compiled for one fits each."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class _AnyPostgreSQL(PGDialect_psycopg):
    """All databases of a worker lie in its one throw-away server."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register("sqlite", __name__, _AnySQLite.__name__)
registry.register("postgresql.psycopg", __name__, _AnyPostgreSQL.__name__)


def share_compiled(database: Database) -> None:
    """Let this database use what was compiled for others, and keep what it compiles for them."""
    database.engine.update_execution_options(compiled_cache=_COMPILED)
