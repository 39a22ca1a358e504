"""Settings: the example file names each of them, and says the default that really holds."""

import re
from typing import Any

import pytest

from app.settings import Settings
from tests.house.tree import ROOT

LINE = re.compile(r"^#?SPEAN_([A-Z_]+)=(.*)$", re.MULTILINE)
# Not one variable each: they gather what only an installation knows.
GATHERED = {"gateway_secrets", "unknown_names"}


def example() -> dict[str, str]:
    written = LINE.findall((ROOT / ".env.example").read_text("utf-8"))
    return {name: value for name, value in written if not re.fullmatch("GATEWAY_.*_SECRET", name)}


def test_the_example_names_every_setting_and_nothing_else() -> None:
    settings = {name.upper() for name in Settings.model_fields.keys() - GATHERED}
    assert settings
    assert example().keys() == settings


@pytest.mark.parametrize("name", sorted(example()))
def test_the_example_shows_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default: Any = getattr(Settings(_env_file=None), name.lower())
    shown = example()[name]
    if shown:
        monkeypatch.setenv(f"SPEAN_{name}", shown)
        assert getattr(Settings(_env_file=None), name.lower()) == default
    else:
        assert default in {"", None, (), frozenset(), ROOT / "config", ROOT / "locales"}


def test_the_example_can_be_used_as_it_is() -> None:
    settings = Settings(_env_file=ROOT / ".env.example")
    assert settings.unknown_names == ()
