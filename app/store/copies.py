"""Consistent copies of a whole database while others write to it, and putting one back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, MetaData, Table, func, inspect, select, text
from sqlmodel import SQLModel

from app.kernel.refusal import Fault
from app.store.database import Database

_PAGES: Final = 2_000
_REVISION: Final = "alembic_version"
_SETUP: Final = frozenset({_REVISION, "audit_head", "heartbeat"})  # filled from the first moment
_PROGRAMS: Final = "install PostgreSQL's client programs (Debian, Ubuntu: apt install postgresql-client)"

Told = Callable[[str], None]


class CopyImpossible(Fault):
    """The copy cannot be made or put back; the text says why and what helps."""


@contextmanager
def copied(database: Database, target: Path, told: Told) -> Iterator[Connection]:
    """The database as it is at one moment, in this new file; a connection that sees that moment.

    SQLite: a database file. PostgreSQL: the custom form of pg_dump, which is that of a file too.

    Raises: CopyImpossible.
    """
    if database.is_sqlite:
        _copy_sqlite(database, target, told)
        copy = Database(f"sqlite:///{target}")
        try:
            with copy.read() as connection:
                yield connection
        finally:
            copy.close()  # The last to close it takes the log into the file.
        return
    pg_dump = _program("pg_dump")
    with database.snapshot() as connection:
        shared = connection.execute(select(func.pg_export_snapshot())).scalar_one()
        told("pg_dump")
        wanted = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={shared}"]
        _run([pg_dump, *wanted, f"--file={target}", f"--dbname={_way(database)}"], database)
        yield connection


def empty(database: Database) -> bool:
    """Whether there is nothing in the database that anybody could miss."""
    if database.is_sqlite and not Path(str(database.url.database)).exists():
        return True
    names = [name for name in inspect(database.engine).get_table_names() if name not in _SETUP]
    with database.read() as connection:
        found = MetaData()
        found.reflect(connection, only=names)
        return not any(connection.execute(select(table).limit(1)).first() for table in found.sorted_tables)


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        str(table.name): int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in tables_there(connection)
    }


def tables_there(connection: Connection) -> list[Table]:
    """The tables that this program knows and that this database has: one of an older revision lacks some."""
    there = set(inspect(connection).get_table_names())
    return [table for table in SQLModel.metadata.sorted_tables if table.name in there]


def files_to_copy(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in an order in which copying them one by one loses nothing acknowledged.

    The side files of a file come before it: where one goes after it was looked for, its bytes are in the
    file that is copied later. Drafts are left out.
    """
    for home, inside, names in os.walk(folder):
        inside.sort()
        drafts = {name for name in names if name.endswith(".new")}
        # A side file is named as its file, with a dot and more behind it.
        for name in sorted(set(names) - drafts, key=lambda name: (name.partition(".")[0], -len(name))):
            yield Path(home, name)


def put_back_sqlite(copy: Path, database: Database) -> None:
    """The database is this copy, all of it or, after any error, as it was. Whoever has it open sees it."""
    path = Path(str(database.url.database))
    if not path.exists():
        path.touch(mode=0o600)
    source = sqlite3.connect(copy, isolation_level=None)
    target = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        target.execute("PRAGMA synchronous=FULL")
        source.backup(target, pages=-1)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as problem:
        raise CopyImpossible(f"{path} cannot be replaced: {problem}") from None
    finally:
        target.close()
        source.close()


def put_back_postgresql(copy: Path, database: Database) -> None:
    """The database is this copy: the tables of ours are removed and made anew in one transaction.

    Raises: CopyImpossible; the database is then as it was.
    """
    pg_restore, psql = _program("pg_restore"), _program("psql")
    # Only tables of ours: whatever else somebody keeps in this database is not ours to remove.
    with database.read() as connection:
        names = [*(table.name for table in tables_there(connection)), _REVISION]
    quoted = [database.engine.dialect.identifier_preparer.quote(name) for name in names]
    database.close()  # A connection of ours must not hold what is removed.
    script = [pg_restore, "--no-owner", "--no-privileges", "--file=-", str(copy)]
    apply = [psql, "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    first = f"DROP TABLE IF EXISTS {', '.join(quoted)} CASCADE;\n"
    with (
        _started([*apply, f"--dbname={_way(database)}"], database, stdin=subprocess.PIPE) as applying,
        _started(script, database, stdout=subprocess.PIPE) as writing,
    ):
        said = _fed(applying, writing, first.encode())
    if writing.returncode or applying.returncode:
        raise CopyImpossible(f"PostgreSQL did not take the copy: {said}")


def same_engine(database: Database, engine: str) -> bool:
    """Whether a copy from this engine can be put into the database."""
    return engine == database.url.get_backend_name()


def drop_draft(path: Path) -> None:
    """Nothing of a database file is left: also not what SQLite keeps beside it."""
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables that this connection sees."""
    if not inspect(connection).has_table(_REVISION):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def needs_programs(database: Database) -> None:
    """Nothing, where this database can be copied and put back here. Raises: CopyImpossible."""
    if not database.is_sqlite:
        for name in ("pg_dump", "pg_restore", "psql"):
            _program(name)


def _copy_sqlite(database: Database, target: Path, told: Told) -> None:
    """By SQLite's own way to copy a database that is in use.

    A copy that is made in steps begins anew whenever somebody writes between two of them, for ever on a
    busy hotline. Inside a transaction the source stays as it is, and writers go on in their log.
    """
    source = sqlite3.connect(str(database.url.database), isolation_level=None, timeout=30)
    copy = sqlite3.connect(target)
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            copy, pages=_PAGES, sleep=0,
            progress=lambda _, left, whole: told(f"{whole - left} of {whole} pages of the database"),
        )  # fmt: skip
        broken = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as problem:
        raise CopyImpossible(f"SQLite cannot be copied: {problem}") from None
    finally:
        copy.close()
        source.close()
    if broken != "ok":
        raise CopyImpossible("the database is damaged: SQLite's own check of the copy fails")


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise CopyImpossible(f"this needs the program {name}: {_PROGRAMS}")
    return found


def _way(database: Database) -> str:
    """How the programs reach the database; the password is not in it, for everybody sees arguments."""
    return make_conninfo(**{k: v for k, v in _conninfo(database).items() if k != "password"})


def _environment(database: Database) -> dict[str, str]:
    password = _conninfo(database).get("password")
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {}), "LC_ALL": "C"}


def _conninfo(database: Database) -> dict[str, Any]:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return dict(conninfo_to_dict(url))


def _run(command: list[str], database: Database) -> None:
    with _started(command, database) as running:
        said = _said_by(running)
    if running.returncode:
        raise CopyImpossible(f"{Path(command[0]).name} failed: {said}")


def _started(
    command: list[str],
    database: Database,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - programs of PostgreSQL's, with arguments of our own making
        command, env=_environment(database), stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
    )


def _fed(applying: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]", first: bytes) -> str:
    """Hand the script over; what was said about it."""
    target, source = cast("IO[bytes]", applying.stdin), cast("IO[bytes]", writing.stdout)
    try:
        with target:
            target.write(first)
            shutil.copyfileobj(source, target)
    except BrokenPipeError:
        writing.kill()
    return _said_by(applying) or _said_by(writing)


def _said_by(running: "subprocess.Popen[bytes]") -> str:
    """The first line that a program said on standard error. Later ones may quote rows."""
    return cast("IO[bytes]", running.stderr).read().decode("utf-8", "replace").strip().partition("\n")[0]
