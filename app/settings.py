"""Settings from the environment (prefix `SPEAN_`) or a `.env` file; read at entrances only."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.attachments.rules.uploads import Limits
from app.calls.rules.callbacks import CallbackRules
from app.escalation.rules.calendar import parse_span
from app.identity.rules import Role
from app.kernel.phone import NotAPhone, Phone

_PREFIX: Final = "SPEAN_"
_HERE: Final = Path(__file__).resolve().parents[1]  # so that the command works from any folder
_GATEWAY: Final = re.compile(r"SPEAN_GATEWAY_([A-Z0-9_]+)_SECRET")
_FOR_TESTS: Final = "SPEAN_TEST_"
_PARTS_OF_A_YEAR: Final = (1, 3, 6, 12)
_PUBLISHED_AFTER: Final = timedelta(days=7)


class Environment(StrEnum):
    """What the installation is for."""

    DEMO = "demo"
    PRODUCTION = "production"


def items(listed: str) -> tuple[str, ...]:
    """The items of a comma-separated text."""
    return tuple(item.strip() for item in listed.split(",") if item.strip())


def _numbers(listed: str) -> str:
    for place, number in enumerate(items(listed), start=1):
        try:
            Phone.parse(number)
        except NotAPhone:
            raise ValueError(f"entry {place} is no phone number in international form (+855…)") from None
    return listed


def _length(written: object) -> object:
    """`20s`, `15m`, `2h` or `1d` as a length of time; what is none is left for pydantic to refuse."""
    if not isinstance(written, str):
        return written
    span = parse_span(written)
    if span.unit == "bd":
        raise ValueError("business days mean nothing here: write d for days")
    return span.on_every_clock


def _lengths(written: object) -> object:
    return tuple(_length(item) for item in items(written)) if isinstance(written, str) else written


def _countries(written: object) -> object:
    if not isinstance(written, str):
        return written
    codes = tuple(item.upper() for item in items(written))
    for place, code in enumerate(codes, start=1):
        if code not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"entry {place} is no country: one is written with two letters, like KH")
    return codes


def _networks(written: object) -> object:
    if not isinstance(written, str):
        return written
    found = []
    for place, network in enumerate(items(written), start=1):
        try:
            found.append(ip_network(network))
        except ValueError:
            raise ValueError(f"entry {place} is no address or network such as 10.0.0.0/8") from None
    return tuple(found)


def _roles(written: object) -> object:
    return frozenset(items(written)) if isinstance(written, str) else written


def _database(url: str) -> str:
    if not re.match(r"sqlite:///.|postgresql\+psycopg://", url):
        raise ValueError("is neither sqlite:///path/to/file nor postgresql+psycopg://user:password@host/name")
    return url


def _months(number: int) -> int:
    if number not in _PARTS_OF_A_YEAR:
        raise ValueError("must cut a year into equal parts: 1, 3, 6 or 12 months")
    return number


def _web_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is no web address such as https://hotline.example.org")
    return address.rstrip("/")


Listed = Annotated[str, Field(description="comma-separated")]
Secrets = Annotated[Listed, Field(repr=False)]
Numbers = Annotated[Listed, AfterValidator(_numbers)]
Length = Annotated[timedelta, BeforeValidator(_length), Field(ge=timedelta(0))]
Lengths = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_lengths)]
Countries = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_countries)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
Roles = Annotated[frozenset[Role], NoDecode, BeforeValidator(_roles)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
# A file is looked at whole, in memory, before it is kept.
AttachmentBytes = Annotated[int, Field(ge=1, le=500_000_000)]
PortNumber = Annotated[int, Field(ge=1, le=65_535)]
# Below this a count points at people. Source: docs/statistics.md#k
SmallCell = Annotated[int, Field(ge=5, le=1_000)]
PublishedMonths = Annotated[int, AfterValidator(_months)]


class Settings(BaseSettings):
    """Every setting, with its default. docs/operations.md explains each."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore",
        hide_input_in_errors=True,
    )  # fmt: skip

    database_url: DatabaseUrl = Field(default="sqlite:///var/spean.db", repr=False)
    host: str = "127.0.0.1"
    port: PortNumber = 8000
    public_base_url: WebAddress = "http://127.0.0.1:8000"
    environment: Environment = Environment.DEMO
    keys_file: Path = Path("var/keys.json")
    audit_anchors_file: Path | None = None
    erasures_file: Path | None = None
    config_dir: Path = _HERE / "config"
    locales_dir: Path = _HERE / "locales"
    files_dir: Path = Path("var/files")
    twilio_account_sid: str = ""
    twilio_auth_tokens: Secrets = ""
    twilio_api_base_url: WebAddress = "https://api.twilio.com"
    twilio_sms_numbers: Numbers = ""
    twilio_voice_numbers: Numbers = ""
    twilio_screens_calls: bool = True
    twilio_timeout_seconds: PositiveFloat = 10
    missed_call_numbers: Numbers = ""
    callback_after: Length = timedelta(seconds=20)
    callback_every: Length = timedelta(minutes=10)
    callback_per_day: NonNegativeInt = 4
    callback_daily_budget: NonNegativeInt | None = None
    callback_countries: Countries = ("KH", "TH", "MY", "KR", "JP")
    callback_retries: Lengths = (timedelta(minutes=15), timedelta(hours=2))
    recording_max_bytes: PositiveInt = 20_000_000
    recording_days: PositiveInt = 180
    attachment_max_bytes: AttachmentBytes = 25_000_000
    attachment_case_max_bytes: PositiveInt = 500_000_000
    attachment_open_uploads: PositiveInt = 20
    attachment_unfinished_for: Length = timedelta(days=7)
    attachments_keep_position: bool = False
    export_kept_for: Length = timedelta(hours=72)
    export_scratch_dir: Path | None = None
    embed_worker: bool | None = None
    worker_poll_seconds: PositiveFloat = 0.5
    token_minutes: PositiveInt = 30
    trusted_proxies: Networks = ()
    require_totp_roles: Roles = frozenset()
    sign_ins_per_minute: NonNegativeInt = 240
    requests_per_minute: NonNegativeInt = 3_000
    device_requests_per_minute: NonNegativeInt = 2_400
    worker_case_limit: PositiveInt = 30
    sync_closed_days: PositiveInt = 30
    sync_offline_days: PositiveInt = 14
    sync_hint_seconds: NonNegativeInt = 55
    small_cell_k: SmallCell = 11
    small_cell_insiders: bool = False
    published_months: PublishedMonths = 1
    published_after: Length | None = None

    gateway_secrets: dict[str, str] = Field(
        default={}, repr=False, description="SPEAN_GATEWAY_<NAME>_SECRET by NAME"
    )
    unknown_names: tuple[str, ...] = Field(default=(), description="SPEAN_… that is no setting: a slip")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """As usual, and the names that only an installation knows."""
        written = dotenv_settings.env_vars if isinstance(dotenv_settings, DotEnvSettingsSource) else {}
        named = _NamedByInstallation(settings_cls, written)
        return init_settings, env_settings, dotenv_settings, file_secret_settings, named

    def listed(self, name: str) -> tuple[str, ...]:
        """A comma-separated setting as its items."""
        return items(str(getattr(self, name)))

    def gateway_secret(self, gateway: str) -> str | None:
        """The password of the gateway of this name, if one is set."""
        return self.gateway_secrets.get(gateway.upper().replace("-", "_"))

    @property
    def anchors_file(self) -> Path:
        """Where the ends of the audit chain are noted: beside the keys unless said otherwise."""
        return self.audit_anchors_file or self.keys_file.with_name("audit.anchors")

    @property
    def scratch_dir(self) -> Path:
        """Where exports lie in the clear while they are made: never among the files, which are backed up."""
        return self.export_scratch_dir or self.files_dir.with_name("export-scratch")

    @property
    def ledger_file(self) -> Path:
        """Where erasures on request are noted outside the database: beside the keys unless said otherwise."""
        return self.erasures_file or self.keys_file.with_name("erasures.ledger")

    @property
    def attachment_limits(self) -> Limits:
        """How large files may be, and how many may be on their way."""
        return Limits(
            file_bytes=self.attachment_max_bytes,
            case_bytes=self.attachment_case_max_bytes,
            open_uploads=self.attachment_open_uploads,
            unfinished_for=self.attachment_unfinished_for,
            keep_position=self.attachments_keep_position,
        )

    @property
    def callback_rules(self) -> CallbackRules:
        """Whom the hotline calls back, when and how often."""
        return CallbackRules(
            numbers=frozenset(Phone.parse(number).e164 for number in self.listed("missed_call_numbers")),
            after=self.callback_after, every=self.callback_every, per_day=self.callback_per_day,
            daily_budget=self.callback_daily_budget, countries=frozenset(self.callback_countries),
            retries=self.callback_retries,
        )  # fmt: skip

    @property
    def published_behind(self) -> timedelta | None:
        """How long after its end a window may be published; None, as in the demo: also before its end."""
        if self.published_after is None and self.environment is Environment.PRODUCTION:
            return _PUBLISHED_AFTER
        return self.published_after

    @property
    def runs_worker_inside(self) -> bool:
        """Whether the server runs the worker itself: by default on SQLite, which is one process."""
        return self.embed_worker if self.embed_worker is not None else self.database_url.startswith("sqlite")

    @property
    def poll(self) -> timedelta:
        """How long a worker waits when there is nothing to do."""
        return timedelta(seconds=self.worker_poll_seconds)


class _NamedByInstallation(PydanticBaseSettingsSource):
    """Reads variables whose names hold the name of a gateway, and finds those that are nothing at all."""

    def __init__(self, settings_cls: type[BaseSettings], written: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        found = {name.upper(): value for source in (written, os.environ) for name, value in source.items()}
        self._found = {name: value for name, value in found.items() if name.startswith(_PREFIX) and value}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the parent's signature
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        known = {_PREFIX + name.upper() for name in self.settings_cls.model_fields}
        gateways = {match[1]: name for name in self._found if (match := _GATEWAY.fullmatch(name))}
        unknown = self._found.keys() - known - set(gateways.values())
        return {
            "gateway_secrets": {gateway: self._found[name] for gateway, name in gateways.items()},
            "unknown_names": tuple(sorted(name for name in unknown if not name.startswith(_FOR_TESTS))),
        }
