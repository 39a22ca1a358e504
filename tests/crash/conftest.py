"""Processes from which those are forked that die; each loads the program once for all tests."""

from collections.abc import Iterator

import pytest

from tests.crash.child import Child


@pytest.fixture(scope="session")
def child() -> Iterator[Child]:
    with Child() as running:
        yield running


@pytest.fixture(scope="session")
def other_child() -> Iterator[Child]:
    """One more, for two that work side by side."""
    with Child() as running:
        yield running
