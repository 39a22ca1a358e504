"""Databases that one test gives back and the next one gets."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.cluster import Cluster, start_cluster
from tests.reused import Reused

HELD = "SELECT number, name, sealed FROM bridge ORDER BY number"


@pytest.fixture(scope="module")
def reused() -> Iterator[Reused]:
    """Copies of a database with one row in it."""
    cluster: Cluster | None = start_cluster()
    if cluster is None:
        pytest.skip("no PostgreSQL here")
    template = cluster.new_database()
    with _open(template) as connection:
        for statement in (
            "CREATE TABLE bridge (number serial PRIMARY KEY, name text, sealed bytea)",
            "CREATE TABLE step (bridge int NOT NULL REFERENCES bridge)",
            r"INSERT INTO bridge (name, sealed) VALUES ('ស្ពាន', '\x00ff')",
        ):
            connection.execute(text(statement))
    yield Reused(cluster, template)
    cluster.stop()


@contextmanager
def _open(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def _do(url: str, *statements: str) -> None:
    with _open(url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def _held(url: str) -> list[tuple[object, ...]]:
    with _open(url) as connection:
        return [tuple(row) for row in connection.execute(text(HELD))]


FIRST = [(1, "ស្ពាន", b"\x00\xff")]


def test_what_a_test_wrote_changed_and_deleted_is_as_at_first_for_the_next(reused: Reused) -> None:
    mine = reused.take()
    _do(
        mine,
        "INSERT INTO bridge (name) VALUES ('another'), ('a third')",
        "INSERT INTO step VALUES (2), (3)",
        "UPDATE bridge SET name = 'not a bridge', sealed = NULL WHERE number = 1",
    )
    reused.give_back(mine)
    next_one = reused.take()
    assert _held(next_one) == FIRST
    _do(next_one, "INSERT INTO bridge (name) VALUES ('it has the number that it has in a new database')")
    assert [number for number, *_ in _held(next_one)] == [1, 2]
    _do(next_one, "DELETE FROM bridge")
    reused.give_back(next_one)
    assert _held(reused.take()) == FIRST


def test_the_next_test_gets_the_same_database_under_another_name(reused: Reused) -> None:
    number = "SELECT oid FROM pg_database WHERE datname = current_database()"
    mine = reused.take()
    with _open(mine) as connection:
        known = connection.execute(text(number)).scalar()
    reused.give_back(mine)
    next_one = reused.take()
    assert next_one != mine
    with _open(next_one) as connection:
        assert connection.execute(text(number)).scalar() == known
    with pytest.raises(OperationalError):
        _held(mine)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE step RENAME TO stair",
        "ALTER TABLE step ADD COLUMN made_of text",
        "ALTER TABLE step ALTER COLUMN bridge DROP NOT NULL",
        "ALTER TABLE bridge ALTER COLUMN name SET DEFAULT 'a bridge'",
        "CREATE INDEX ix_step ON step (bridge)",
        "DROP TABLE step",
        "CREATE TABLE stair (number int)",
        "ANALYZE bridge",
    ],
)
def test_what_is_not_rows_is_not_mended_but_thrown_away(reused: Reused, change: str) -> None:
    mine = reused.take()
    _do(mine, change)
    reused.give_back(mine)
    with pytest.raises(OperationalError):
        _held(mine)
    assert _held(reused.take()) == FIRST


def test_who_is_still_connected_keeps_nothing_that_another_test_gets(reused: Reused) -> None:
    mine = reused.take()
    with create_engine(mine, poolclass=NullPool).connect() as still_there:
        still_there.execute(text(HELD))
        reused.give_back(mine)
        with pytest.raises(OperationalError):
            still_there.execute(text(HELD))
        still_there.invalidate()
    with pytest.raises(OperationalError):
        _held(mine)


def test_a_database_that_its_test_dropped_is_not_missed(reused: Reused) -> None:
    mine = reused.take()
    reused.cluster.drop(mine)
    reused.give_back(mine)
    assert _held(reused.take()) == FIRST
