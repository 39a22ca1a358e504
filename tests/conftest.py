"""Fixtures of the whole suite: a fresh database on the engine at hand, and an installation on it.

`SPEAN_TEST_ENGINE` chooses `sqlite` (default) or `postgresql`. Tests that need no database do not
ask for one.
"""

import gc
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app.store.database import Database
from app.store.migrations import upgrade
from app.workers.loops import heartbeat_name
from tests.cluster import HOW_TO_GET_ONE, Cluster, start_cluster
from tests.makers import Installation, an_installation, settings_for
from tests.reused import Reused

ENGINE = os.environ.get("SPEAN_TEST_ENGINE", "sqlite")

# Shared machines are slow now and then: how long an example takes says nothing.
hypothesis_settings.register_profile(
    "spean", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("spean")


def pytest_configure() -> None:
    """Nothing that is imported is garbage, so nobody need look."""
    gc.disable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks for no database says the same on both engines, so it runs once only, in the SQLite half."""
    if ENGINE != "postgresql":
        return
    kept = {item for item in items if {"template", "cluster"} & set(getattr(item, "fixturenames", ()))}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def pytest_collection_finish() -> None:
    """What was imported stays to the end. Without this it is looked through for garbage again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests must not change what they say."""
    for name in list(os.environ):
        if name.startswith("SPEAN_") and name != "SPEAN_TEST_ENGINE":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _one_loop() -> Iterator[None]:
    """All clients of the process speak to the application in one event loop."""
    with start_blocking_portal() as portal:
        Installation.loop = portal
        yield
        Installation.loop = None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A throw-away PostgreSQL server."""
    started = start_cluster()
    if started is None:
        pytest.skip(HOW_TO_GET_ONE)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that tests copy: migrating each anew would take most of their time."""
    if ENGINE == "postgresql":
        server: Cluster = request.getfixturevalue("cluster")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'spean.db'}"
    database = Database(url)
    upgrade(database)
    database.close()
    return url


@pytest.fixture(scope="session")
def reused(cluster: Cluster, template: str) -> Reused:
    """Databases of the PostgreSQL server that go from test to test, empty."""
    return Reused(cluster, template)


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, template: str, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes fresh, migrated databases."""
    made: list[str] = []
    reused: Reused | None = request.getfixturevalue("reused") if ENGINE == "postgresql" else None

    def make() -> str:
        if reused:
            made.append(reused.take())
        else:
            file = tmp_path / f"spean-{len(made)}.db"
            shutil.copy(template.removeprefix("sqlite:///"), file)
            made.append(f"sqlite:///{file}")
        return made[-1]

    yield make
    if reused:
        for url in made:
            reused.give_back(url)


@pytest.fixture
def install(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes installations; settings may be changed by name."""
    made: list[Installation] = []

    def make(
        *, database_url: str | None = None, passed: Callable[[str], None] | None = None, **changes: Any
    ) -> Installation:
        settings = settings_for(tmp_path, database_url or new_database(), **changes)
        made.append(an_installation(settings, passed=passed))
        return made[-1]

    yield make
    # A worker that was stopped on a busy machine may be at a last step, with a connection of its own.
    for thread in threading.enumerate():
        if thread.name.startswith(heartbeat_name("")):
            thread.join(timeout=10)
    for installation in made:
        if "inbox" in vars(installation.application):
            installation.application.inbox.close()
        installation.office.database.close()


@pytest.fixture
def here(install: Callable[..., Installation]) -> Installation:
    """One installation with nobody in it yet."""
    return install()
