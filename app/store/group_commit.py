"""One writer thread that commits rows in groups: whoever waits gets one disk flush together."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.exc import InterfaceError, OperationalError

from app.store.database import Database
from app.store.rows import insert_into

Row = Mapping[str, Any]
_LARGEST_GROUP: Final = 256


class Closed(RuntimeError):
    """The writer has stopped and takes no more rows."""


class GroupCommit:
    """Inserts rows into one table, each at most once, many to a transaction.

    With 64 clients this takes several times as many rows a second as a transaction for each, and
    nobody waits for seconds. Source: docs/performance.md#group-commit.
    """

    def __init__(
        self, database: Database, table: Table, passed: Callable[[str], None] = lambda _: None
    ) -> None:
        """Start the writer thread. `passed` is told when a group is about to commit and when it has."""
        self._database = database
        # Made once: SQLAlchemy would take longer over a new statement than the database over a row.
        self._insert = insert_into(database.engine, table).on_conflict_do_nothing()
        self._passed = passed
        self._waiting: SimpleQueue[tuple[Row, Future[None]] | None] = SimpleQueue()
        self._door = threading.Lock()
        self._last_came = float("-inf")
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="group-commit", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> "Future[None]":
        """A future that is done once the row is on disk (or was there already).

        It fails with whatever the database says of the row, and after `close` with Closed.
        """
        done: Future[None] = Future()
        # Nobody can call it off: whoever stops waiting must not stop the row.
        done.set_running_or_notify_cancel()
        with self._door:
            self._last_came = time.monotonic()
            if self._closed:
                done.set_exception(Closed("the writer has stopped"))
            else:
                self._waiting.put((row, done))
        return done

    def quiet_seconds(self) -> float:
        """How long ago anybody last came with a row."""
        return time.monotonic() - self._last_came

    def close(self) -> None:
        """Commit what waits, then stop. Closing twice is safe."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._commit([row for row, _ in group])
            except (OperationalError, InterfaceError) as problem:
                # The database is out of reach, which trying row by row would only find out more slowly.
                for _, done in group:
                    done.set_exception(problem)
            except Exception:  # noqa: BLE001 - a value that no driver can write must not end this thread
                self._one_by_one(group)
            else:
                for _, done in group:
                    done.set_result(None)

    def _next_group(self) -> list[tuple[Row, "Future[None]"]] | None:
        """Whatever waits now; blocks until something does. None when it is time to stop."""
        first = self._waiting.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _LARGEST_GROUP:
            try:
                more = self._waiting.get_nowait()
            except Empty:
                break
            if more is None:
                self._waiting.put(None)
                break
            group.append(more)
        return group

    def _commit(self, rows: Sequence[Row]) -> None:
        with self._database.write() as connection:
            connection.execute(self._insert, rows)
            self._passed("inbox.changed")
        self._passed("inbox.committed")

    def _one_by_one(self, group: Sequence[tuple[Row, "Future[None]"]]) -> None:
        """One row that the database refuses must not take the others with it."""
        for row, done in group:
            try:
                self._commit([row])
            except Exception as problem:  # noqa: BLE001 - as above; whoever waits for the row is told
                done.set_exception(problem)
            else:
                done.set_result(None)
