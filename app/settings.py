"""Settings from the environment (prefix `SPEAN_`) or a `.env` file; read at entrances only."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class Environment(StrEnum):
    """What the installation is for."""

    DEMO = "demo"
    PRODUCTION = "production"


Listed = Annotated[str, Field(description="comma-separated")]


class Settings(BaseSettings):
    """Every setting, with its default. docs/operations.md explains each."""

    model_config = SettingsConfigDict(
        env_prefix="SPEAN_", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    database_url: str = "sqlite:///var/spean.db"
    host: str = "127.0.0.1"
    port: int = 8000
    public_base_url: str = "http://127.0.0.1:8000"
    environment: Environment = Environment.DEMO
    keys_file: Path = Path("var/keys.json")
    config_dir: Path = Path("config")
    locales_dir: Path = Path("locales")
    files_dir: Path = Path("var/files")
    twilio_account_sid: str = ""
    twilio_auth_tokens: Listed = ""
    twilio_api_base_url: str = "https://api.twilio.com"
    twilio_sms_numbers: Listed = ""
    twilio_voice_numbers: Listed = ""
    twilio_timeout_seconds: PositiveFloat = 10
    embed_worker: bool | None = None
    worker_poll_seconds: PositiveFloat = 0.5
    token_minutes: PositiveInt = 30
    worker_case_limit: PositiveInt = 30

    def listed(self, name: str) -> tuple[str, ...]:
        """A comma-separated setting as its items."""
        return tuple(item.strip() for item in str(getattr(self, name)).split(",") if item.strip())

    @property
    def runs_worker_inside(self) -> bool:
        """Whether the server runs the worker itself: by default on SQLite, which is one process."""
        return self.embed_worker if self.embed_worker is not None else self.database_url.startswith("sqlite")

    @property
    def poll(self) -> timedelta:
        """How long a worker waits when there is nothing to do."""
        return timedelta(seconds=self.worker_poll_seconds)
