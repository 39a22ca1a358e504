"""Column types that mean the same on both engines, and the way from a row class to its table."""

from typing import Any, cast

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, text
from sqlalchemy.types import JSON
from sqlmodel import Field, SQLModel

# Both engines give a constraint the same name, so that a later migration can find what it changes.
# A check is named by hand: its name says which rule it keeps, and a check without one is refused here.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(constraint_name)s",
}

# SQLite counts a row number up by itself only in a column of type INTEGER.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")


def table_of(row: type[SQLModel]) -> Table:
    """The table behind a row class, for SQLAlchemy's Core: the stores work on tables, not on objects."""
    return cast("Table", getattr(row, "__table__"))  # noqa: B009 - SQLModel adds the attribute at run time


def json_field(*, nullable: bool = False) -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A JSON value without personal data."""
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=nullable))


def sealed_field(*, nullable: bool = True) -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A value that the vault sealed."""
    return Field(sa_column=Column(LargeBinary, nullable=nullable))


def counted_field() -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A primary key that the database counts up, never using a number twice."""
    return Field(default=None, sa_column=Column(_RowNumber, primary_key=True, autoincrement=True))


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which the condition holds: small where most rows are done with."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
