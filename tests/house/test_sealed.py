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


# Where the code makes a place of what it was given, and which columns it serves: whoever adds a line says
# that the columns are declared so that rotation finds their places (`sealed_field(row=, field=, kind=)`).
GIVEN = {
    "app/attachments/store.py": {
        ("attachment", "name"), ("attachment", "announced"), ("attachment", "file_key"),
    },
    "app/cases/store/conflicts.py": {("case_conflict", "kept"), ("case_conflict", "lost")},
    "app/sync/store.py": {
        ("sync_op", "said"), ("sync_refused", "said"), ("sync_held", "said"), ("sync_issue", "details"),
        ("sync_extra", "fields"),
    },
    "app/cases/store/people.py": {("person", "name"), ("person", "phone"), ("person", "born")},
    "app/cases/store/records.py": {("contact_attempt", "note")},
    "app/cases/store/consents.py": {("guardian", "name"), ("guardian", "phone")},
    "app/cases/store/sharing.py": {
        ("referral", "recipient"), ("referral", "purpose"), ("referral", "reason"),
        ("disclosure", "recipient"), ("disclosure", "reason"),
    },
    "app/identity/store.py": {("worker", "name"), ("worker", "phone")},
    "app/store/columns.py": set(),  # the registry itself
}  # fmt: skip


def _places() -> Iterator[tuple[str, str, str]]:
    """Table and field of every place that the code makes, empty where they were given, and where it does."""
    for path in modules("app"):
        for node in ast.walk(parsed(path)):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Place"):
                continue
            named = [arg.value if isinstance(arg, ast.Constant) else "" for arg in node.args]
            yield str(named[0]), str(named[2]), f"{shown(path)}:{node.lineno}"


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
    known = sealed | {("backup", "key")}
    strange = [where for table, field, where in _places() if table and field and (table, field) not in known]
    assert len(list(_places())) > 10
    assert strange == []


def test_every_place_that_is_made_of_what_was_given_is_known_with_its_columns() -> None:
    sealed = {_named(column) for column, _ in ALL}
    given = {where.partition(":")[0] for table, field, where in _places() if not (table and field)}
    assert given == set(GIVEN)
    assert [columns - sealed for columns in GIVEN.values() if columns - sealed] == []


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
    # Where an id alone is not unique, its kind stands in the place too.
    assert sealed.kind is not None or row.unique or row.name in alone or len(table.primary_key) == 1
