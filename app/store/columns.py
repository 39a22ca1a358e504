"""Column types that mean the same on both engines, and the way from a row class to its table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, LargeBinary, MetaData, Table, Uuid, text
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

_SEALED: Final = "sealed"
_IDS_KEPT: Final = 20_000  # some 4 MB

# SQLite counts a row number up by itself only in a column of type INTEGER.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class _Id(Uuid[UUID]):
    """An id. Where the engine keeps it as text, one that was read before is not read again.

    A page of documents names each case, its organisation and its owner in row after row; to make a UUID
    of text costs more than all else that is done with the cell.
    """

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:  # noqa: ARG002 - as SQLAlchemy calls it
        """How a cell becomes an id."""
        return None if dialect.supports_native_uuid else _id_of


@lru_cache(maxsize=_IDS_KEPT)
def _id_of(written: str | None) -> UUID | None:
    return UUID(written) if written else None


def table_of(row: type[SQLModel]) -> Table:
    """The table behind a row class, for SQLAlchemy's Core: the stores work on tables, not on objects."""
    table = cast("Table", getattr(row, "__table__"))  # noqa: B009 - SQLModel adds the attribute at run time
    for column in table.columns:
        if type(column.type) is Uuid:
            column.type = _Id()
    return table


def json_field(*, nullable: bool = False) -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A JSON value without personal data."""
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=nullable))


def sealed_field(
    *, nullable: bool = True, row: str = "id", field: str | None = None, kind: str | None = None
) -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A value that the vault sealed at `Place(table, row, field)`.

    `row` names the column whose id stands in the place, which need not be the primary key; `field` what
    stands there as the field, where it is not the column's name; `kind` a column whose value follows the
    table's name with a dot, where ids are unique in one kind only. By this the rotation of keys finds
    every sealed value and its place: what is sealed and declared otherwise is not sealed anew.
    """
    info = {_SEALED: {"row": row, "field": field, "kind": kind}}
    return Field(sa_column=Column(LargeBinary, nullable=nullable, info=info))


def bytes_field() -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """Bytes that hold nothing personal and are not sealed."""
    return Field(sa_column=Column(LargeBinary, nullable=False))


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values, and the columns that bind each value to its row."""

    column: Column[Any]
    row: Column[Any]
    field: str
    kind: Column[Any] | None = None

    @property
    def binding(self) -> tuple[Column[Any], ...]:
        """The columns that have to be known to say where a value is bound to."""
        return (self.row, *([self.kind] if self.kind is not None else []))

    def place(self, row: Mapping[str, Any]) -> Place:
        """Where the value of this row, by column, is bound to."""
        kind = f".{row[self.kind.name]}" if self.kind is not None else ""
        return Place(f"{self.column.table.name}{kind}", row[self.row.name], self.field)


def sealed_columns(metadata: MetaData = SQLModel.metadata) -> dict[Table, tuple[SealedColumn, ...]]:
    """Every sealed column of every table that was imported, by table, in an order that stays."""
    found: dict[Table, tuple[SealedColumn, ...]] = {}
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        sealed = tuple(_sealed(column) for column in table.columns if _SEALED in column.info)
        if sealed:
            found[table] = sealed
    return found


def _sealed(column: Column[Any]) -> SealedColumn:
    told, others = column.info[_SEALED], column.table.columns
    kind = others[told["kind"]] if told["kind"] else None
    return SealedColumn(column, others[told["row"]], told["field"] or column.name, kind)


def counted_field() -> Any:  # noqa: ANN401 - as SQLModel's own Field
    """A primary key that the database counts up, never using a number twice."""
    return Field(default=None, sa_column=Column(_RowNumber, primary_key=True, autoincrement=True))


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which the condition holds: small where most rows are done with."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
