"""Migrations lead from an empty database to the tables that the code knows, on the engine under test."""

import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Connection, Integer, LargeBinary, Table, Uuid, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import AutoString, SQLModel, UTCDateTime

import app.bootstrap  # noqa: F401 - importing what knows every room registers every table
from app.audit.tables import head as audit_head
from app.identity.tables import organisations, workers
from app.store.database import Database
from app.store.migrations import FOLDER, ForeignKeysBroken, current, downgrade, head, is_at_head, upgrade
from tests.cluster import HOW_TO_GET_ONE, Cluster, start_cluster
from tests.house.tree import ROOT

ENGINE = os.environ.get("SPEAN_TEST_ENGINE", "sqlite")
PATIENCE_SECONDS = 60

NewDatabase = Callable[[], Database]
Later = Callable[[str], Path]
# Names of tables, indexes and constraints, each with all that the engine says about it.
Shape = dict[str, object]

EXAMPLES: dict[type, object] = {
    AutoString: "some",
    Boolean: True,
    Integer: 1,
    JSON: [],
    LargeBinary: b"sealed",
    UTCDateTime: datetime(2026, 1, 5, 2, 0, tzinfo=UTC),
    Uuid: UUID("01940000-0000-7000-8000-000000000001"),
}

# Says that it is there, waits for the word, migrates.
MIGRATE = """
import sys
import threading
from app.store.database import Database
from app.store.migrations import upgrade
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
upgrade(database)
"""

POSTGRESQL_SAYS = """
SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
"""

# SQLite makes the table of organisations anew for this, while workers point at it.
CHANGES_A_TABLE = """
revision = "changed"
down_revision = {before!r}

import sqlalchemy as sa
from alembic import op

def upgrade() -> None:
    with op.batch_alter_table("organisation") as organisation:
        organisation.add_column(sa.Column("email", sa.String()))
        organisation.alter_column("capacity", new_column_name="most_cases")
        organisation.drop_constraint("uq_organisation_code", type_="unique")
        organisation.create_unique_constraint("uq_organisation_code_name", ["code", "name"])
    {more}

def downgrade() -> None:
    pass
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster | None]:
    if ENGINE == "sqlite":
        yield None
        return
    cluster = start_cluster()
    if cluster is None:
        pytest.skip(HOW_TO_GET_ONE)
    yield cluster
    cluster.stop()


@pytest.fixture
def new_database(cluster: Cluster | None, tmp_path: Path) -> Iterator[NewDatabase]:
    opened: list[Database] = []

    def make() -> Database:
        url = cluster.new_database() if cluster else f"sqlite:///{tmp_path}/spean-{len(opened)}.db"
        opened.append(Database(url))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    return new_database()


@pytest.fixture
def later(tmp_path: Path) -> Later:
    """A folder of migrations with one more, which changes a table and then runs the line."""

    def make(more: str) -> Path:
        # A percent sign means something to the library that reads Alembic's options.
        folder = tmp_path / "100% later" / "alembic"
        shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
        script = dedent(CHANGES_A_TABLE).format(before=head(), more=more)
        (folder / "versions" / "later.py").write_text(script, encoding="utf-8")
        return folder

    return make


def _shape(database: Database) -> Shape:
    with database.read() as connection:
        return _shape_on_sqlite(connection) if database.is_sqlite else _shape_on_postgresql(connection)


def _shape_on_sqlite(connection: Connection) -> Shape:
    asked = "SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version' AND sql IS NOT NULL"
    return {name: _definitions(sql) for name, sql in connection.execute(text(asked))}


def _definitions(sql: str) -> list[str]:
    """An index as it is; a table's columns and constraints in no order, since migrations add at the end."""
    plain = re.sub(r"\s+", " ", sql.replace('"', ""))
    if not plain.startswith("CREATE TABLE"):
        return [plain]
    inside, _, options = plain.partition("(")[2].rpartition(")")
    definitions, depth = [""], 0
    for letter in inside:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            definitions.append("")
        else:
            definitions[-1] += letter
    return [*sorted(definition.strip() for definition in definitions), options]


def _shape_on_postgresql(connection: Connection) -> Shape:
    found = connection.execute(text(POSTGRESQL_SAYS))
    return {name: definition for name, definition in found if not name.startswith("alembic_version")}


def _tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def _filled(table: Table, **values: object) -> dict[str, object]:
    """A row with these values, and with an example wherever the table wants one."""
    found = {column.name: type(column.type).__mro__ for column in table.c if not column.nullable}
    return {name: next(EXAMPLES[one] for one in of if one in EXAMPLES) for name, of in found.items()} | values


def _one_worker(database: Database) -> None:
    """A worker of an organisation: a row, and one that it points at."""
    organisation = _filled(organisations, capacity=7)
    with database.write() as connection:
        connection.execute(organisations.insert().values(organisation))
        connection.execute(
            workers.insert().values(_filled(workers, username="sokha", organisation_id=organisation["id"]))
        )


def test_an_empty_database_comes_to_head(database: Database) -> None:
    assert current(database) is None
    assert not is_at_head(database)
    upgrade(database)
    assert current(database) == head()
    assert is_at_head(database)
    assert _tables(database) == SQLModel.metadata.tables.keys() | {"alembic_version"}


def test_a_database_at_head_is_left_alone(database: Database) -> None:
    upgrade(database)
    _one_worker(database)
    before = _shape(database)
    upgrade(database)
    assert _shape(database) == before
    with database.read() as connection:
        assert connection.execute(select(workers.c.username)).scalars().all() == ["sokha"]
        assert connection.execute(select(audit_head.c.number)).scalars().all() == [0]


def test_a_database_at_head_is_not_waited_for_while_others_write(database: Database) -> None:
    upgrade(database)
    with database.write():
        upgrade(database)  # With a lock this would wait for ever: the writer is this very thread.


def test_the_newest_revision_can_be_taken_back_and_made_again(database: Database) -> None:
    upgrade(database)
    at_head = _shape(database)
    downgrade(database, "-1")
    before_head = ScriptDirectory(str(FOLDER)).get_revision(head()).down_revision
    assert current(database) == before_head
    assert _shape(database) != at_head
    upgrade(database)
    assert _shape(database) == at_head


def test_everything_can_be_taken_back(database: Database) -> None:
    upgrade(database)
    downgrade(database, "base")
    assert current(database) is None
    assert _tables(database) == {"alembic_version"}


def test_alembic_finds_no_difference_between_migrations_and_tables(database: Database) -> None:
    upgrade(database)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_indexes_and_constraints_are_those_of_the_tables_to_the_letter(new_database: NewDatabase) -> None:
    # Alembic compares no conditions of indexes and no checks, so the engine is asked for its own words.
    migrated, made = new_database(), new_database()
    upgrade(migrated)
    with made.write() as connection:
        SQLModel.metadata.create_all(connection)
    shape = _shape(migrated)
    assert shape == _shape(made)
    assert "armed" in str(shape["timer_once"])
    assert "case_never_dropped" in str(shape)


def test_every_constraint_has_a_name() -> None:
    nameless = [
        f"{table.name}: {constraint}"
        for table in SQLModel.metadata.sorted_tables
        for constraint in table.constraints
        if not constraint.name
    ]
    assert nameless == []


def test_the_audit_chain_has_its_beginning(database: Database) -> None:
    upgrade(database)
    with database.read() as connection:
        rows = connection.execute(select(audit_head)).mappings().all()
    assert [dict(row) for row in rows] == [{"id": 1, "number": 0, "code": bytes(32)}]


def test_two_processes_that_start_at_once_both_come_to_head(database: Database, tmp_path: Path) -> None:
    # Neither runs in the repository's folder: the migrations are found from anywhere.
    url = database.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=PATIENCE_SECONDS) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert is_at_head(database)
    with database.read() as connection:
        assert connection.execute(select(audit_head.c.number)).scalars().all() == [0]


def test_the_alembic_command_works_on_the_database_of_the_settings(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)

    def say(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            cwd=ROOT,
            env={**os.environ, "SPEAN_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        ).stdout

    say("upgrade", "head")
    assert is_at_head(database)
    assert say("current").strip() == f"{head()} (head)"
    assert "No new upgrade operations" in say("check")


def test_migrating_changes_nothing_about_logging(database: Database) -> None:
    root, ours = logging.getLogger(), logging.getLogger("app.anything")
    before = (root.level, list(root.handlers), logging.getLogger("alembic").level)
    upgrade(database)
    assert (root.level, list(root.handlers), logging.getLogger("alembic").level) == before
    assert not ours.disabled


def test_a_later_revision_changes_a_table_that_others_point_at(database: Database, later: Later) -> None:
    upgrade(database)
    _one_worker(database)
    upgrade(database, later("pass"))
    assert current(database) == "changed"
    with database.read() as connection:
        joined = (
            "SELECT username, most_cases, email FROM worker"
            " JOIN organisation ON organisation.id = worker.organisation_id"
        )
        assert connection.execute(text(joined)).all() == [("sokha", 7, None)]
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("DELETE FROM organisation"))


def test_a_revision_that_fails_half_way_leaves_nothing_behind(database: Database, later: Later) -> None:
    upgrade(database)
    _one_worker(database)
    before = _shape(database)
    with pytest.raises(ZeroDivisionError):
        upgrade(database, later("1 / 0"))
    assert current(database) == head()
    assert _shape(database) == before


def test_a_first_migration_that_fails_leaves_an_empty_database(database: Database, later: Later) -> None:
    with pytest.raises(ZeroDivisionError):
        upgrade(database, later("1 / 0"))
    assert _tables(database) == set()
    upgrade(database)
    assert is_at_head(database)


def test_a_revision_may_not_leave_rows_that_point_at_nothing(database: Database, later: Later) -> None:
    upgrade(database)
    _one_worker(database)
    refused = ForeignKeysBroken if database.is_sqlite else IntegrityError
    with pytest.raises(refused, match="worker"):
        upgrade(database, later("op.execute('DELETE FROM organisation')"))
    assert current(database) == head()
    with database.read() as connection:
        assert len(connection.execute(select(organisations.c.id)).all()) == 1


def test_a_database_from_a_newer_program_is_not_at_head(database: Database, later: Later) -> None:
    folder = later("pass")
    upgrade(database, folder)
    assert is_at_head(database, folder)
    assert not is_at_head(database)


@pytest.mark.skipif(ENGINE != "sqlite", reason="Only a SQLite file is busy while another opens it.")
def test_a_new_file_that_another_process_is_opening_is_waited_for(database: Database) -> None:
    other = sqlite3.connect(str(database.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.rollback)
    done.start()
    try:
        upgrade(database)
    finally:
        done.join()
        other.close()
    assert is_at_head(database)
