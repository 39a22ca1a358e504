"""No column that holds what a person said or is can be forgotten: each is in the one list of fates."""

from sqlalchemy import LargeBinary, Table
from sqlmodel import SQLModel

import app.bootstrap  # noqa: F401 - it imports every table of the program
from app.privacy.rules import FATES, Fate
from app.privacy.tables import erasures

# Fingerprints of tokens and of requests, and secrets of workers, which identify no client.
NOT_PERSONAL = {
    ("token", "access_hash"), ("token", "refresh_hash"), ("command", "fingerprint"),
    ("export_job", "fingerprint"),
    ("device", "lineage"), ("credential", "totp_secret"), ("credential", "reset_index"),
    ("recovery_code", "code_index"), ("allowance", "who_index"),
}  # fmt: skip


def _columns(tables: list[Table]) -> set[tuple[str, str]]:
    return {
        (table.name, column.name)
        for table in tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) or column.name.endswith("_index")
    }


def _unknown(tables: list[Table]) -> set[tuple[str, str]]:
    listed = {(table, column) for table, columns in FATES.items() for column in columns}
    return _columns(tables) - listed - NOT_PERSONAL


def test_h19_every_sealed_column_and_every_blind_index_has_a_fate() -> None:
    tables = list(SQLModel.metadata.tables.values())
    assert len(_columns(tables)) > 25
    assert _unknown(tables) == set()


def test_h19_a_column_that_nobody_thought_of_is_found() -> None:
    assert _unknown([erasures]) == set()
    renamed = erasures.to_metadata(type(SQLModel.metadata)(), name="erasure_of_tomorrow")
    assert _unknown([renamed]) == {("erasure_of_tomorrow", "reason")}


def test_h19_a_column_that_must_have_a_value_never_becomes_nothing() -> None:
    wrong = [
        (name, column)
        for name, columns in FATES.items()
        for column, fate in columns.items()
        if fate is Fate.NOTHING_LEFT and name in SQLModel.metadata.tables
        and column in SQLModel.metadata.tables[name].c
        and not SQLModel.metadata.tables[name].c[column].nullable
    ]  # fmt: skip
    assert wrong == []
