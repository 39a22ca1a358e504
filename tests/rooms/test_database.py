"""The database on either engine: fair writers, no lock that fails, snapshots, rows that mean the same."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.audit.tables import entries
from app.intake.tables import inbox
from app.store.database import Database, FairLock
from app.store.heartbeats import HeartbeatStore, heartbeats
from app.store.rows import insert_new, insert_or_change
from tests.conftest import ENGINE

NOW = datetime(2026, 6, 8, 3, 0, 0, 123456, tzinfo=UTC)
on_sqlite = pytest.mark.skipif(ENGINE != "sqlite", reason="about SQLite alone")


@pytest.fixture(name="database")
def _database(new_database: Callable[[], str]) -> Iterator[Database]:
    made = Database(new_database())
    yield made
    made.close()


def beat(connection: Connection, name: str, at: datetime = NOW) -> None:
    HeartbeatStore(connection).beat(name, at)


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(heartbeats.c.name).order_by(heartbeats.c.name)).scalars())


def test_a_lock_is_given_in_the_order_in_which_it_was_asked_for() -> None:
    lock = FairLock()
    order: list[int] = []

    def wait(number: int) -> None:
        with lock:
            order.append(number)

    with lock:
        waiting = []
        for number in range(20):
            thread = threading.Thread(target=wait, args=(number,))
            thread.start()
            waiting.append(thread)
            while len(lock._waiting) <= number:  # noqa: SLF001 - until this one stands in the queue
                time.sleep(0.001)
    for thread in waiting:
        thread.join()
    assert order == list(range(20))


def test_a_lock_is_free_again_after_an_error() -> None:
    lock = FairLock()
    for _ in range(2):
        with pytest.raises(RuntimeError), lock:
            raise RuntimeError
    with lock:
        pass


def test_what_was_written_is_there_and_what_failed_is_not(database: Database) -> None:
    with database.write() as connection:
        beat(connection, "kept")

    def fail() -> None:
        with database.write() as connection:
            beat(connection, "lost")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert names(connection) == ["kept"]


def test_whoever_reads_writes_nothing(database: Database) -> None:
    with database.read() as connection:
        beat(connection, "lost")
    with database.read() as connection:
        assert names(connection) == []


def test_writers_of_two_programs_that_look_before_they_write_never_fail(
    database: Database, new_database: Callable[[], str]
) -> None:
    # A transaction that begins by reading and writes later cannot be saved by waiting on SQLite: the
    # write must be announced when it begins.
    other = Database(str(database.url.render_as_string(hide_password=False)))
    with database.write() as connection:
        beat(connection, "counter", NOW)
    problems: list[Exception] = []

    def count(place: Database) -> None:
        try:
            for _ in range(25):
                with place.write() as connection:
                    seen = connection.execute(select(heartbeats.c.seen_at).with_for_update()).scalar_one()
                    beat(connection, "counter", seen + timedelta(seconds=1))
        except Exception as problem:  # noqa: BLE001 - told to the test
            problems.append(problem)

    threads = [threading.Thread(target=count, args=((database, other)[n % 2],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with other.read() as connection:
        reached = connection.execute(select(heartbeats.c.seen_at)).scalar_one()
    other.close()
    assert problems == []
    assert reached == NOW + timedelta(seconds=150)


def test_a_snapshot_sees_one_moment_while_writers_go_on(database: Database) -> None:
    with database.write() as connection:
        beat(connection, "a")
    with database.snapshot() as snapshot:
        assert names(snapshot) == ["a"]
        with database.write() as connection:
            beat(connection, "b")
            connection.execute(update(heartbeats).values(seen_at=NOW + timedelta(days=1)))
        assert names(snapshot) == ["a"]
        assert snapshot.execute(select(heartbeats.c.seen_at)).scalar_one() == NOW
    with database.snapshot() as snapshot:
        assert names(snapshot) == ["a", "b"]


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as writing:
        beat(writing, "not yet")
        with database.read() as connection:
            assert names(connection) == []


def test_a_connection_that_read_a_snapshot_writes_afterwards(database: Database) -> None:
    for round_ in range(30):  # more often than the pool has connections
        with database.snapshot() as connection:
            names(connection)
        with database.write() as connection:
            beat(connection, f"{round_:02}")
    with database.read() as connection:
        assert len(names(connection)) == 30


def test_a_time_comes_back_aware_and_in_utc_whatever_zone_it_was_given_in(database: Database) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=7)))
    with database.write() as connection:
        beat(connection, "local", local)
    with database.read() as connection:
        kept = connection.execute(select(heartbeats.c.seen_at)).scalar_one()
    assert (kept, kept.utcoffset()) == (NOW, timedelta(0))


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)naive|timezone|aware"), database.write() as connection:
        beat(connection, "naive", NOW.replace(tzinfo=None))


def test_ids_json_and_bytes_mean_the_same_on_either_engine(database: Database) -> None:
    row = {
        "number": 1, "at": NOW, "actor": "ក", "action": "x", "subject": uuid4(),
        "details": {"ខ": [1, 2.5, None, True, "គ\n\"'"], "nested": {"a": {}}}, "previous": bytes(range(256)),
        "code": b"",
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(entries).values(row))
    with database.read() as connection:
        kept = connection.execute(select(entries)).one()._asdict()
        found = connection.execute(
            select(entries.c.number).where(entries.c.subject == row["subject"])
        ).scalar_one()
    assert {**kept, "previous": bytes(kept["previous"]), "code": bytes(kept["code"])} == row
    assert found == 1


def arrival(carrier_id: str) -> dict[str, object]:
    return {
        "id": uuid4(), "carrier": "c", "account": "a", "carrier_id": carrier_id, "kind": "text",
        "sender_index": b"", "raw": b"", "received_at": NOW, "state": "stored", "due_at": NOW, "attempts": 0,
    }  # fmt: skip


def test_a_row_that_is_there_already_is_left_as_it_is(database: Database) -> None:
    with database.write() as connection:
        assert insert_new(connection, inbox, arrival("1"))
        assert not insert_new(connection, inbox, {**arrival("1"), "state": "other"})
        assert insert_new(connection, inbox, arrival("2"))
        assert connection.execute(select(inbox.c.state).distinct()).scalars().all() == ["stored"]


def test_a_row_that_is_there_already_is_changed_where_that_is_asked(database: Database) -> None:
    with database.write() as connection:
        for moment in (NOW, NOW + timedelta(seconds=5)):
            insert_or_change(connection, heartbeats, {"name": "a"}, {"seen_at": moment})
        kept = connection.execute(select(heartbeats.c.seen_at)).scalars().all()
    assert kept == [NOW + timedelta(seconds=5)]


def test_numbers_of_removed_rows_do_not_come_again(database: Database) -> None:
    with database.write() as connection:
        insert_new(connection, inbox, arrival("1"))
        first = connection.execute(select(func.max(inbox.c.number))).scalar_one()
        connection.execute(inbox.delete())
        insert_new(connection, inbox, arrival("2"))
        assert connection.execute(select(func.max(inbox.c.number))).scalar_one() > first


def test_a_row_that_points_at_nothing_is_refused(database: Database) -> None:
    dangling = text("INSERT INTO case_category (case_id, category) VALUES (:case_id, 'x')")
    value = uuid4().hex if ENGINE == "sqlite" else uuid4()
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(dangling, {"case_id": value})


def test_an_error_never_quotes_what_a_statement_was_given(database: Database) -> None:
    secret = "+85512345678 សុខា"
    with database.write() as connection:
        beat(connection, secret)
    with pytest.raises(DBAPIError) as refused, database.write() as connection:
        connection.execute(insert(heartbeats).values(name=secret, seen_at=NOW))
    # The driver's own words are another matter: they never leave the process (see the log's form).
    assert secret not in str(refused.value).replace(str(refused.value.orig), "")


@on_sqlite
def test_sqlite_keeps_what_it_promised_and_forgets_what_was_deleted(database: Database) -> None:
    with database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


@on_sqlite
def test_a_writer_announces_itself_and_a_reader_does_not(database: Database) -> None:
    with database.write() as writing:
        assert writing.connection.dbapi_connection is not None
        rival = Database(str(database.url))
        with rival.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            connection.rollback()
            with pytest.raises(DBAPIError, match="locked"):
                connection.execution_options(spean_begin="BEGIN IMMEDIATE").begin()
        with rival.read() as reading:
            assert names(reading) == []
        rival.close()


@pytest.mark.skipif(ENGINE != "postgresql", reason="about PostgreSQL alone")
def test_postgresql_speaks_utc_and_a_snapshot_cannot_write(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    with pytest.raises(DBAPIError, match="read-only"), database.snapshot() as connection:
        beat(connection, "lost")
