"""Databases of the throw-away PostgreSQL that are emptied after a test and given to the next one.

To make one copies a thousand files, and whoever connects to a new one first reads its catalogues anew:
a third of a second for each test. Emptying one takes a tenth of that.
"""

from dataclasses import dataclass, field
from typing import Any, Final, cast

import psycopg
from psycopg import sql

from tests.cluster import Cluster

# Rows that were deleted stay in the files until a vacuum, and plans look at the size of files.
_USES_AT_MOST: Final = 40

_TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES: Final = (
    "SELECT schemaname || '.' || sequencename, start_value, last_value FROM pg_sequences"
    " WHERE schemaname = 'public'"
)
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# Whatever a test may have changed that deleting rows does not bring back, and what a plan was made from.
_SHAPE: Final = """
SELECT (SELECT md5(string_agg(concat_ws(' ', oid, relname, relkind, relhastriggers, relacl, reltuples), ','
                              ORDER BY oid)) FROM pg_class WHERE oid >= 16384),
       (SELECT md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull), ','
                              ORDER BY attrelid, attnum)) FROM pg_attribute WHERE attrelid >= 16384),
       (SELECT md5(string_agg(concat_ws(' ', oid, conname, convalidated), ','
                              ORDER BY oid)) FROM pg_constraint),
       (SELECT md5(string_agg(concat_ws(' ', oid, tgenabled), ',' ORDER BY oid)) FROM pg_trigger),
       (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_type),
       (SELECT count(*) FROM pg_attrdef), (SELECT count(*) FROM pg_statistic),
       (SELECT count(*) FROM pg_db_role_setting)
"""

_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _First:
    """What a migrated database holds before anybody used it."""

    shape: tuple[Any, ...]
    tables: tuple[str, ...]
    rows: dict[str, str]
    sequences: tuple[tuple[str, int, int | None], ...]

    @classmethod
    def of(cls, connection: _Connection) -> "_First":
        tables = tuple(sorted(name for (name,) in connection.execute(_TABLES)))
        held = {
            name: connection.execute(
                sql.SQL("SELECT json_agg(t)::text FROM {} t").format(sql.Identifier(name))
            ).fetchall()[0][0]
            for name in _filled(connection, tables)
        }
        sequences = cast("list[tuple[str, int, int | None]]", connection.execute(_SEQUENCES).fetchall())
        return cls(_shape(connection), tables, held, tuple(sequences))

    def again(self, connection: _Connection) -> None:
        """Bring every row and every number back to what it was."""
        steps: list[sql.Composable] = [sql.SQL("SET LOCAL session_replication_role = replica")]
        empty = sql.SQL("DELETE FROM {}")  # In any order: foreign keys do not count here.
        steps += [empty.format(sql.Identifier(name)) for name in _filled(connection, self.tables)]
        for name, rows in self.rows.items():
            back = sql.SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, {1})")
            steps.append(back.format(sql.Identifier(name), sql.Literal(rows)))
        for sequence, start, last in self.sequences:
            number, is_used = (start, False) if last is None else (last, True)
            steps.append(sql.SQL("SELECT setval({}, {}, {})").format(sequence, number, is_used))
        with connection.transaction():
            connection.execute(sql.SQL("; ").join(steps))


@dataclass(slots=True)
class Reused:
    """Copies of one migrated database. Each has a new name for every test, so that what an earlier test
    left running finds nothing.
    """

    cluster: Cluster
    template: str
    _first: _First | None = None
    _idle: list[str] = field(default_factory=list)
    _uses: dict[str, int] = field(default_factory=dict)

    def take(self) -> str:
        """The URL of a database as it is after its migration."""
        if not self._idle:
            return self.cluster.copy_database(self.template)
        old = self._idle.pop()
        url = self.cluster.rename(old)
        self._uses[url] = self._uses.pop(old)
        return url

    def give_back(self, url: str) -> None:
        """Empty the database for the next test, or drop it where it cannot be as it was."""
        self._uses[url] = self._uses.get(url, 0) + 1
        if self._uses[url] < _USES_AT_MOST and self._emptied(url):
            self._idle.append(url)
        else:
            del self._uses[url]
            self.cluster.drop(url)

    def _emptied(self, url: str) -> bool:
        if self._first is None:
            with self.cluster.connected(self.template) as connection:
                self._first = _First.of(connection)
        try:
            with self.cluster.connected(url) as connection:
                if connection.execute(_OTHERS).fetchone() != (0,) or _shape(connection) != self._first.shape:
                    return False
                self._first.again(connection)
        except psycopg.OperationalError:  # Dropped by the test itself.
            return False
        return True


def _shape(connection: _Connection) -> tuple[Any, ...]:
    return connection.execute(_SHAPE).fetchall()[0]


def _filled(connection: _Connection, tables: tuple[str, ...]) -> list[str]:
    """Those of the tables that hold a row."""
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
        for name in tables
    )
    return [name for (name,) in connection.execute(asked)]
