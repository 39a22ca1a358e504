"""The `spean` command on an installation of its own, in a folder without a `.env`."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.crypto.keyring import KeyRing
from tests.command_line import CommandLine
from tests.makers import Installation


@pytest.fixture(name="spean")
def _spean(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The command on the installation `here`, in a folder without a `.env`."""
    monkeypatch.chdir(tmp_path)
    spean = CommandLine.of(here.application.settings)
    # Its usual port is taken, so that a server that should have been refused does not serve for ever.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        spean.environment["SPEAN_PORT"] = str(taken.getsockname()[1])
        yield spean


@pytest.fixture(name="production")
def _production(spean: CommandLine, tmp_path: Path) -> CommandLine:
    """The command as in production, with nothing wrong."""
    keys = tmp_path / "production-keys.json"
    KeyRing.fresh(made_for="production").save(keys)
    spean.environment |= {
        "SPEAN_ENVIRONMENT": "production", "SPEAN_KEYS_FILE": str(keys),
        "SPEAN_PUBLIC_BASE_URL": "https://hotline.example", "SPEAN_GATEWAY_DEMO_KH_SECRET": "a secret",
    }  # fmt: skip
    return spean
