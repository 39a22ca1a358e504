"""Every sealed value can be found: what a rotation of keys does not know of would be lost with its key."""

import ast
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, LargeBinary, UniqueConstraint, Uuid
from sqlmodel import SQLModel

import app.bootstrap  # noqa: F401 - importing what knows every room registers every table
from app.store.columns import SealedColumn, sealed_columns
from tests.house.tree import modules, parsed, shown

# Bytes that were never sealed: hashes, keyed fingerprints, the links of the audit chain.
PLAIN_ENDS = ("_index", "_hash", "fingerprint")
PLAIN = {
    ("audit_entry", "previous"), ("audit_entry", "code"), ("audit_head", "code"), ("device", "lineage"),
}  # fmt: skip
ALL = [(column.column, column) for columns in sealed_columns().values() for column in columns]


def _named(column: Column[object]) -> tuple[str, str]:
    return column.table.name, column.name


def _places() -> Iterator[tuple[str, str, str]]:
    """Table and field of every place that the code writes out, with where it does."""
    for path in modules("app"):
        for node in ast.walk(parsed(path)):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Place"):
                continue
            table, _, field = node.args
            if isinstance(table, ast.Constant) and isinstance(field, ast.Constant):
                yield str(table.value), str(field.value), f"{shown(path)}:{node.lineno}"


def test_bytes_in_a_table_are_sealed_or_known_to_hold_nothing_personal() -> None:
    sealed = {_named(column) for column, _ in ALL}
    tables = SQLModel.metadata.tables.values()
    unknown = [
        _named(column)
        for table in tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
        and _named(column) not in sealed | PLAIN
        and not column.name.endswith(PLAIN_ENDS)
    ]
    assert len(sealed) > 10
    assert unknown == []


def test_every_place_that_the_code_seals_at_is_a_column_that_rotation_knows() -> None:
    sealed = {_named(column) for column, _ in ALL}
    # The key of a backup lies in the backup.
    strange = [
        where for table, field, where in _places() if (table, field) not in sealed | {("backup", "key")}
    ]
    assert len(list(_places())) > 10
    assert strange == []


@pytest.mark.parametrize("sealed", [sealed for _, sealed in ALL], ids=lambda s: ".".join(_named(s.column)))
def test_the_id_that_a_sealed_value_is_bound_to_is_its_rows_alone(sealed: SealedColumn) -> None:
    row, table = sealed.row, sealed.row.table
    assert isinstance(row.type, Uuid)
    alone = {
        column.name
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
        for column in constraint.columns
    }
    assert row.primary_key or row.unique or row.name in alone
