"""Fresh databases on each engine that is here, and the application on one of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bootstrap import Application, build
from app.cli.demo import organisations_of
from app.settings import Environment, Settings
from app.store.database import Database
from app.store.migrations import upgrade
from app.usecases.setting_up import load_organisations
from tests.cluster import Cluster

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "an invented token of a carrier"  # noqa: S105 - for an account that does not exist
ADDRESS = "https://hotline.example"
SENDER = "+15005550006"


@dataclass
class Engine:
    """One engine. Databases live in a folder that goes with the run."""

    name: str
    folder: Path
    cluster: Cluster | None
    _made: list[str] = field(default_factory=list)

    def new_database(self) -> str:
        """The URL of a new database with all tables and nothing in them."""
        if self.cluster:
            url = self.cluster.new_database()
        else:
            url = f"sqlite:///{self.folder / f'spean-{len(self._made)}.db'}"
        self._made.append(url)
        database = Database(url)
        upgrade(database)
        database.close()
        return url

    def drop(self, url: str) -> None:
        """Give the room back."""
        if self.cluster:
            self.cluster.drop(url)
            return
        for end in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + end).unlink(missing_ok=True)


@dataclass(frozen=True)
class Run:
    """One run: the engines that are here, and whether to take the full sizes."""

    engines: tuple[Engine, ...]
    folder: Path
    full: bool

    def size(self, usual: int, full: int) -> int:
        """How many, by whether there is much time."""
        return full if self.full else usual

    @contextmanager
    def application(self, engine: Engine) -> Iterator[Application]:
        """The application on a fresh database with the organisations of the configuration."""
        url = engine.new_database()
        application = build(settings_for(self.folder, url))
        with application.office.work(application.clock.now()) as uow:
            load_organisations(uow, organisations_of(application))
        try:
            yield application
        finally:
            if "inbox" in vars(application):
                application.inbox.close()
            application.office.database.close()
            engine.drop(url)


def settings_for(folder: Path, database_url: str, *, embed_worker: bool = False) -> Settings:
    """Settings of a demo in a folder, with the project's own configuration and a carrier."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "keys_file": folder / "keys.json",
        "files_dir": folder / "files",
        "config_dir": ROOT / "config",
        "locales_dir": ROOT / "locales",
        "environment": Environment.DEMO,
        "embed_worker": embed_worker,
        "public_base_url": ADDRESS,
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_tokens": TOKEN,
        "twilio_sms_numbers": SENDER,
        # Nothing is ever sent: whoever tries finds nobody there.
        "twilio_api_base_url": "http://127.0.0.1:9",
    }
    return Settings(_env_file=None, **values)


def environment_of(settings: Settings) -> dict[str, str]:
    """The same settings for another process."""
    names = (
        "database_url", "keys_file", "files_dir", "config_dir", "locales_dir", "environment", "embed_worker",
        "public_base_url", "twilio_account_sid", "twilio_auth_tokens", "twilio_sms_numbers",
        "twilio_api_base_url",
    )  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPEAN_")}
    return kept | {f"SPEAN_{name.upper()}": str(getattr(settings, name)) for name in names}
