"""Small shared pieces of SQL that mean the same on both engines."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> Any:  # noqa: ANN401 - one of two dialects' Insert
    """An INSERT that understands ON CONFLICT in the dialect at hand."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row unless one like it is there already; whether it was inserted."""
    statement = insert_into(connection, table).values(dict(values)).on_conflict_do_nothing()
    # A count of rows is not to be had of every insert on PostgreSQL; a row that comes back is proof.
    return connection.execute(statement.returning(literal_column("1"))).first() is not None


def insert_or_change(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Insert the row, or change these values of the row that has the key."""
    statement = insert_into(connection, table).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
