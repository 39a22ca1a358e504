"""One database, SQLite or PostgreSQL, and the three kinds of transaction on it: write, read, snapshot."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

_BUSY_TIMEOUT_SECONDS: Final = 30
_LOOK_AGAIN_SECONDS: Final = 0.02
_CONNECTIONS: Final = 20
_MORE_CONNECTIONS: Final = 60


class Database:
    """The way to one database.

    On SQLite writers of this process queue in the order in which they came: left to busy retries,
    some starve for seconds. Writers of other processes wait on SQLite's own lock.
    """

    def __init__(self, url: str) -> None:
        """Connect on first use. Makes the folder of a SQLite file."""
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._turn = FairLock()
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside a writing transaction; leaving without an error commits it."""
        with self._turn if self.is_sqlite else nullcontext(), self.engine.connect() as connection:
            writer = connection.execution_options(spean_begin="BEGIN IMMEDIATE")
            with writer.begin():
                yield writer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that only reads, seeing each statement's newest state (SQLite: one state)."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose every read sees one and the same state, while writers go on."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**level) as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


class FairLock:
    """A lock that is given to waiters in the order in which they asked."""

    def __init__(self) -> None:
        """Start free."""
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


def _sqlite(url: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy exports no public name for a made URL's type
    engine = create_engine(
        url,
        connect_args={"timeout": _BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        # An error's text must not quote what a statement was given.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
        # The driver must not begin transactions by itself: it would begin them too late.
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "cache_size=-8000",  # KiB, for each connection. Source: docs/performance.md#sqlite-cache
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("spean_begin", "BEGIN"))

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the file to its write-ahead log.

    Whoever asks for it while another process does so with a new file is told that the file is busy:
    here alone SQLite does not wait by itself.
    """
    give_up_at = time.monotonic() + _BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # The low byte names the error, the others only its kind.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _postgresql(url: Any) -> Engine:  # noqa: ANN401 - as above
    return create_engine(
        url, pool_size=_CONNECTIONS, max_overflow=_MORE_CONNECTIONS, pool_pre_ping=True,
        hide_parameters=True,
        # Compiling a statement about all cases takes PostgreSQL longer than running it, and what sorts or
        # hashes them should not go to the disk for a few megabytes. Source: docs/performance.md#statistics
        connect_args={"options": "-c timezone=UTC -c jit=off -c work_mem=16MB"},
    )  # fmt: skip
