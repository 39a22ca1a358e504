"""Column types that mean the same on both engines, and the way from a row class to its table."""

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, text
from sqlalchemy.types import JSON
from sqlmodel import Field, SQLModel

from app.crypto.vault import Place

# Both engines give a constraint the same name, so that a later migration can find what it changes.
# A check is named by hand: its name says which rule it keeps, and a check without one is refused here.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(constraint_name)s",
}

_ROW_OF_PLACE: Final = "row_of_place"

# SQLite counts a row number up by itself only in a column of type INTEGER.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")


def table_of(row: type[SQLModel]) -> Table:
    """The table behind a row class, for SQLAlchemy's Core: the stores work on tables, not on objects."""
    return cast("Table", getattr(row, "__table__"))  # noqa: B009 - SQLModel adds the attribute at run time


def json_field(*, nullable: bool = False) -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A JSON value without personal data."""
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=nullable))


def sealed_field(*, nullable: bool = True, row: str = "id") -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A value that the vault sealed at `Place(table, row, field)`.

    `row` names the column whose id stands in the place, which need not be the primary key. By this the
    rotation of keys finds every sealed value and its place: what is sealed and declared otherwise would
    be lost with its key.
    """
    return Field(sa_column=Column(LargeBinary, nullable=nullable, info={_ROW_OF_PLACE: row}))


def bytes_field() -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """Bytes that hold nothing personal and are not sealed."""
    return Field(sa_column=Column(LargeBinary, nullable=False))


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values, and the column of the id that binds each value to its row."""

    column: Column[Any]
    row: Column[Any]

    def place(self, row_id: UUID) -> Place:
        """Where the value of this row is bound to."""
        return Place(self.column.table.name, row_id, self.column.name)


def sealed_columns() -> dict[Table, tuple[SealedColumn, ...]]:
    """Every sealed column of every table that was imported, by table, in an order that stays."""
    found: dict[Table, tuple[SealedColumn, ...]] = {}
    for table in sorted(SQLModel.metadata.tables.values(), key=lambda table: table.name):
        sealed = [column for column in table.columns if _ROW_OF_PLACE in column.info]
        if sealed:
            found[table] = tuple(SealedColumn(c, table.columns[c.info[_ROW_OF_PLACE]]) for c in sealed)
    return found


def counted_field() -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A primary key that the database counts up, never using a number twice."""
    return Field(default=None, sa_column=Column(_RowNumber, primary_key=True, autoincrement=True))


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which the condition holds: small where most rows are done with."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
