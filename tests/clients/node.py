"""Programs for Node that tests run: installed once, outside the repository, with exact versions."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
# Read before the suite takes settings away from the environment.
REQUIRED: Final = bool(os.environ.get("SPEAN_REQUIRE_NODE")) or os.environ.get("CI") in {"1", "true"}
_INSTALL: Final = (
    "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error",
)  # fmt: skip
_INSTALL_SECONDS: Final = 180


@dataclass(frozen=True)
class NodeClient:
    """A folder of `tests/clients` with its packages beside it."""

    folder: Path
    node: str

    def run(self, script: str, job: dict[str, Any], *, seconds: float) -> tuple[int, dict[str, Any]]:
        """The script's exit status, and what it said; it is given the job on stdin."""
        done = subprocess.run(
            [self.node, script], input=json.dumps(job), cwd=self.folder, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, said


def client(name: str) -> NodeClient:
    """The client in `tests/clients/<name>`, ready to run.

    Skips the test, visibly, where there is no Node or the packages cannot be had; fails it in CI and
    where SPEAN_REQUIRE_NODE is set.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        _do_without("node and npm are not installed")
    source = HERE / name
    digest = hashlib.sha256((source / "package.json").read_bytes()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"spean-node-{os.getuid()}" / f"{name}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may come at once
        if not (folder / ".installed").exists():
            shutil.copy(source / "package.json", folder)
            done = subprocess.run(
                [str(npm), *_INSTALL], cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS,
                check=False,
            )  # fmt: skip
            if done.returncode:
                _do_without(f"npm install failed: {done.stderr.strip()[-200:]}")
            (folder / ".installed").touch()
        for script in source.glob("*.mjs"):
            shutil.copy(script, folder)
    return NodeClient(folder, str(node))


def _do_without(reason: str) -> None:
    if REQUIRED:
        pytest.fail(f"{reason}, and this run requires it")
    pytest.skip(reason)
