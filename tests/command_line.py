"""The `spean` command as people and programs use it: here in this process, or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli.main import app
from app.settings import Settings
from tests.makers import ROOT


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """The command, with settings from the environment. Changes of `environment` hold from then on."""

    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "CommandLine":
        """The command on the same installation as these settings."""
        names = (
            "database_url", "keys_file", "config_dir", "locales_dir", "files_dir", "environment",
            "public_base_url",
        )  # fmt: skip
        return cls({f"SPEAN_{name.upper()}": str(getattr(settings, name)) for name in names})

    def run(self, *words: str, given: str | None = None) -> Said:
        """Run it in this process; an error that it does not turn into words is raised here."""
        done = CliRunner().invoke(app, list(words), input=given, env=self.environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def start(self, *words: str, folder: Path, **options: Any) -> "subprocess.Popen[str]":
        """Start it as a process in this folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "app", *words],
            cwd=folder,
            env=self.whole_environment(),
            text=True,
            **options,
        )

    def run_apart(self, *words: str, folder: Path, given: str | None = None, **also: str) -> Said:
        """Run it as a process in this folder, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *words], cwd=folder, env=self.whole_environment(also), text=True,
            input=given or "", capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def whole_environment(self, also: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the process sees: nothing of ours but the way to the program."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPEAN_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            **self.environment,
            **(also or {}),
        }


def found_wrong(said: Said) -> dict[str, str]:
    """What the doctor found wrong, by name; several findings of one name are joined."""
    found: dict[str, str] = {}
    for check in said.json["checks"]:
        if not check["ok"]:
            found[check["name"]] = f"{found.get(check['name'], '')}\n{check['finding']}".strip()
    assert said.json["ok"] == (not found)
    assert said.status == (1 if found else 0)
    return found


def doctors(spean: CommandLine) -> dict[str, str]:
    return found_wrong(spean.run("doctor", "--json"))
