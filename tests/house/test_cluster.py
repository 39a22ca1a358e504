"""The throw-away PostgreSQL that the other tests stand on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.cluster import Cluster, start_cluster
from tests.house.tree import ROOT

GONE_WITHIN_SECONDS = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One server for this module."""
    started = start_cluster()
    if started is None:
        pytest.skip("no PostgreSQL here")
    yield started
    started.stop()


def _asked(url: str, question: str) -> object:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return connection.execute(text(question)).scalar()


def _connected(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool).connect()


def test_a_new_database_is_empty_and_speaks_utf8(cluster: Cluster) -> None:
    url = cluster.new_database()
    assert _asked(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert _asked(url, "SELECT 'ស្ពាន'") == "ស្ពាន"


def test_a_copy_holds_what_its_template_held_and_changes_alone(cluster: Cluster) -> None:
    template = cluster.new_database()
    with create_engine(template, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE bridge (name text)"))
        connection.execute(text("INSERT INTO bridge VALUES ('ស្ពាន')"))
    copy = cluster.copy_database(template)
    with create_engine(copy, poolclass=NullPool).begin() as connection:
        connection.execute(text("DELETE FROM bridge"))
    assert _asked(copy, "SELECT count(*) FROM bridge") == 0
    assert _asked(template, "SELECT count(*) FROM bridge") == 1


def test_a_dropped_database_is_gone_also_for_those_still_connected(cluster: Cluster) -> None:
    url = cluster.new_database()
    with _connected(url) as still_there:
        cluster.drop(url)
        with pytest.raises(OperationalError):
            still_there.execute(text("SELECT 1"))
        still_there.invalidate()
    with pytest.raises(OperationalError):
        _connected(url)
    cluster.drop(url)


def test_the_server_does_not_keep_utc_so_that_careless_times_show(cluster: Cluster) -> None:
    assert _asked(cluster.new_database(), "SHOW timezone") != "UTC"


def test_a_stopped_server_leaves_nothing_behind(cluster: Cluster) -> None:
    other = start_cluster()
    assert other is not None
    assert other.folder != cluster.folder
    other.stop()
    other.stop()
    assert not other.folder.exists()


def test_a_server_goes_away_when_the_tests_are_killed(cluster: Cluster) -> None:
    program = "from tests.cluster import start_cluster; print(start_cluster().folder, flush=True); input()"
    tests = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tests:
        assert tests.stdout is not None
        folder = Path(tests.stdout.readline().strip())
        assert folder.is_dir()
        os.kill(tests.pid, signal.SIGKILL)
    give_up_at = time.monotonic() + GONE_WITHIN_SECONDS
    while folder.exists() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert not folder.exists()
