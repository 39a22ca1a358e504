"""Small shared pieces of SQL that mean the same on both engines."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(where: Connection | Engine, table: Table) -> Any:  # noqa: ANN401 - one of two dialects' Insert
    """An INSERT that understands ON CONFLICT in the dialect at hand."""
    return insert_for(where.dialect.name, table)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row unless one like it is there already; whether it was inserted."""
    # A count of rows is not to be had of every insert on PostgreSQL; a row that comes back is proof.
    return connection.execute(_insert_new(connection.dialect.name, table), values).first() is not None


def insert_many_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of the rows that are not there already."""
    if rows:
        connection.execute(insert_into(connection, table).on_conflict_do_nothing(), list(rows))


def insert_or_change(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Insert the row, or change these values of the row that has the key."""
    statement = _insert_or_change(connection.dialect.name, table, tuple(key), tuple(values))
    connection.execute(statement, {**key, **values})


def insert_for(dialect: str, table: Table) -> Any:  # noqa: ANN401 - as above
    """As insert_into, for a dialect by its name."""
    return (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)


# Statements are made once: SQLAlchemy takes longer over a new one than the database over a row.
@cache
def _insert_new(dialect: str, table: Table) -> Any:  # noqa: ANN401 - as above
    return insert_for(dialect, table).on_conflict_do_nothing().returning(literal_column("1"))


@cache
def _insert_or_change(dialect: str, table: Table, key: tuple[str, ...], values: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
    statement = insert_for(dialect, table)
    changed = {name: statement.excluded[name] for name in values}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
