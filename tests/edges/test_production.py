"""Starting: a fresh folder, a production that refuses what is unsafe, and a doctor who names each fault."""

import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.cli.demo import prepare
from app.store.database import Database
from tests.command_line import CommandLine, doctors
from tests.conftest import ENGINE
from tests.makers import ROOT, TONLE, Installation
from tests.peers import web_client
from tests.searching import Search, spellings_of

LETTERS = "សុភាពចន្ថា"
PHONE = "+85512345678"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


# Production refuses.


def test_production_names_each_fault_at_once(here: Installation, spean: CommandLine) -> None:
    prepare(here.application)  # demo keys, demo workers
    spean.environment |= {
        "SPEAN_ENVIRONMENT": "production",
        "SPEAN_PUBLIC_BASE_URL": "http://hotline.example",
    }
    for command in ("serve", "work"):
        said = spean.run(command)
        assert (said.status, said.out) == (1, "")
        named = {line[2:].partition(":")[0] for line in said.err.splitlines() if line.startswith("- ")}
        assert named == {"keys", "public_base_url", "carriers", "demo sign-ins"}
        assert "demo keys" in said.err


FAULTS: dict[str, dict[str, str]] = {
    "keys": {"SPEAN_KEYS_FILE": "nowhere.json"},
    "public_base_url": {"SPEAN_PUBLIC_BASE_URL": "http://hotline.example"},
    "proxies": {"SPEAN_TRUSTED_PROXIES": "10.0.0.0/8, 0.0.0.0/0"},
    "carriers": {"SPEAN_GATEWAY_DEMO_KH_SECRET": ""},
    "twilio": {"SPEAN_TWILIO_ACCOUNT_SID": "AC" + "0" * 32},
    "gateways": {"SPEAN_GATEWAY_NOBODY_SECRET": "x"},
    "files_dir": {"SPEAN_FILES_DIR": "production-keys.json"},
    "configuration": {"SPEAN_CONFIG_DIR": "nowhere"},
    "catalogues": {"SPEAN_LOCALES_DIR": "nowhere"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_production_refuses_one_fault_by_its_name(production: CommandLine, name: str) -> None:
    production.environment |= FAULTS[name]
    said = production.run("serve")
    assert said.status == 1
    named = {line[2:].partition(":")[0] for line in said.err.splitlines() if line.startswith("- ")}
    assert name in named
    assert named <= {name, "lexicon"}


def test_production_never_makes_keys(production: CommandLine, tmp_path: Path) -> None:
    keys = tmp_path / "none.json"
    production.environment["SPEAN_KEYS_FILE"] = str(keys)
    for words in (["serve"], ["work"], ["migrate"], ["doctor"], ["audit", "verify"], ["export"]):
        said = production.run(*words)
        assert said.status == 1
        assert "there is no key file" in said.out + said.err
    assert not keys.exists()


def test_keys_of_another_database_are_refused_also_in_the_demo(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_case()
    spean.environment["SPEAN_KEYS_FILE"] = str(tmp_path / "other.json")
    said = spean.run("serve")
    assert said.status == 1
    assert "was not written with the keys" in said.err


@contextmanager
def serving(spean: CommandLine, folder: Path, *words: str) -> Iterator["Serving"]:
    port = free_port()
    out, err = folder / "out.txt", folder / "err.txt"
    with out.open("w") as standard, err.open("w") as errors, web_client(20) as client:
        process = spean.start(
            "serve", "--port", str(port), *words, folder=folder, stdout=standard, stderr=errors
        )
        try:
            yield Serving(process, f"http://127.0.0.1:{port}", out, err, client)
        finally:
            process.terminate()
            process.wait(30)


@dataclass
class Serving:
    process: "subprocess.Popen[str]"
    origin: str
    out: Path
    err: Path
    client: httpx.Client

    def when_ready(self, seconds: float = 60) -> dict[str, Any]:
        """What `/readyz` says as soon as it is ready."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            assert self.process.poll() is None, self.err.read_text()
            try:
                answer = self.client.get(f"{self.origin}/readyz")
                if answer.status_code == 200:
                    return dict(answer.json())
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.err.read_text())


def test_production_starts_when_all_is_well(production: CommandLine, tmp_path: Path) -> None:
    production.environment["SPEAN_EMBED_WORKER"] = "true"
    with serving(production, tmp_path) as server:
        assert server.when_ready()["status"] == "ready"
        phone = server.client.get(f"{server.origin}/gateways/cht/demo-kh", auth=("demo-kh", "a secret"))
        assert phone.json() == {"medic-gateway": True}
        assert "password" not in server.out.read_text()
        added = production.run(
            "worker", "add", "sokha", "--role", "caseworker", "--organisation", TONLE, "--password-stdin",
            given="correct horse\n",
        )  # fmt: skip
        assert added.status == 0, added.err
        assert doctors(production) == {}
        server.process.send_signal(signal.SIGTERM)
        # The server lets go of everything, then ends by the very signal, as whoever sent it expects.
        assert server.process.wait(30) in {0, -signal.SIGTERM}
    assert server.err.read_text() == ""


def test_nobody_on_duty_keeps_nothing_from_starting(production: CommandLine, tmp_path: Path) -> None:
    # Servers are restarted at night, and a new installation has no workers yet.
    with serving(production, tmp_path) as server:
        give_up = time.monotonic() + 60
        while "serves on" not in server.out.read_text():
            assert server.process.poll() is None, server.err.read_text()
            assert time.monotonic() < give_up
            time.sleep(0.1)


def test_the_worker_alone_makes_the_service_ready_and_stops_when_told(
    spean: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "worker").mkdir()
    spean.environment["SPEAN_EMBED_WORKER"] = "false"
    with serving(spean, tmp_path) as server, (tmp_path / "worker" / "err.txt").open("w") as errors:
        worker = spean.start("work", folder=tmp_path / "worker", stderr=errors)
        try:
            assert server.when_ready()["checks"]["worker"] == "seen lately"
        finally:
            worker.terminate()
        assert worker.wait(30) == 0
    assert (tmp_path / "worker" / "err.txt").read_text() == ""


# A fresh folder, as after a clone.


@pytest.mark.skipif(ENGINE != "sqlite", reason="what stands in a fresh folder is SQLite")
def test_a_fresh_folder_serves_within_seconds_and_what_it_prints_works(tmp_path: Path) -> None:
    for name in ("app", "alembic", "config", "locales"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    spean = CommandLine({"PYTHONPATH": str(tmp_path)})
    with serving(spean, tmp_path) as server:
        assert server.when_ready()["status"] == "ready"
        assert server.client.get(f"{server.origin}/healthz").json() == {"status": "alive"}
        printed = server.out.read_text()
        assert server.origin in printed
        for sign_in in ("tonle.case1", "lotus.supervisor", "coordinator", "admin"):
            assert sign_in in printed
        commands = [
            line.strip() for line in printed.partition("Try")[2].splitlines() if line.startswith("  ")
        ]
        assert len(commands) == 2
        simulated, signed_in = (as_printed(command, spean, tmp_path) for command in commands)
        assert "U1" in simulated
        assert "Next timer" in simulated
        assert '"access_token"' in signed_in
        taken = spean.run_apart("serve", "--port", server.origin.rpartition(":")[2], folder=tmp_path)
        assert taken.status == 1
        assert "cannot listen" in taken.err
        nothing_of_a_fault_is_told(server, spean, tmp_path)
    made = {path.name for path in (tmp_path / "var").iterdir()}
    assert {"keys.json", "spean.db"} <= made
    with serving(spean, tmp_path) as server:
        server.when_ready()
        again = next(line for line in server.out.read_text().splitlines() if "curl" in line)
        # Another port, the same name and password.
        assert again.split("-d")[1:] == commands[1].split("-d")[1:]


def as_printed(command: str, spean: CommandLine, folder: Path) -> str:
    """Run a command as the server printed it; the program is not installed in this folder."""
    words = shlex.split(command)
    if words[0] == ".venv/bin/spean":
        words[:1] = [sys.executable, "-m", "app"]
    elif shutil.which(words[0]) is None:
        fields = dict(word.split("=", 1) for word in words if "=" in word)
        return httpx.post(words[2], data=fields).text
    done = subprocess.run(
        words, cwd=folder, env=spean.whole_environment(), capture_output=True, text=True, check=True
    )
    return done.stdout


def nothing_of_a_fault_is_told(server: Serving, spean: CommandLine, folder: Path) -> None:
    """A table goes missing under a running server: the log says where it broke, and nothing else."""
    told = spean.run_apart("demo", "--json", folder=folder).json
    sign_in = next(one for one in told["sign_ins"] if one["role"] == "caseworker")
    form = {"grant_type": "password", "username": sign_in["username"], "password": sign_in["password"]}
    token = server.client.post(f"{server.origin}/v1/token", data=form).json()["access_token"]
    database = Database(f"sqlite:///{folder / 'var' / 'spean.db'}")
    with database.write() as connection:
        connection.execute(text("ALTER TABLE person RENAME TO person_gone"))
    answer = server.client.post(
        f"{server.origin}/v1/cases", headers={"Authorization": f"Bearer {token}"},
        json={"summary": LETTERS, "reporter": {"name": LETTERS, "phone": PHONE}},
    )  # fmt: skip
    with database.write() as connection:
        connection.execute(text("ALTER TABLE person_gone RENAME TO person"))
    database.close()
    assert answer.status_code == 500
    logged = server.err.read_text()
    assert '"error": "OperationalError"' in logged
    assert "Traceback" not in logged
    assert (
        Search([LETTERS, *spellings_of(PHONE)]).found_in({"log": logged.encode(), "answer": answer.content})
        == []
    )


# The `.env` file.


def test_an_env_file_is_read_and_the_environment_goes_before_it(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = CommandLine.of(here.application.settings).environment
    lines = [f"{name}={value}" for name, value in settings.items() if name != "SPEAN_ENVIRONMENT"]
    lines += [
        "SPEAN_ENVIRONMENT=production",
        "SPEAN_GATEWAY_DEMO_TH_SECRET=from the file",
        "SPEAN_PORT=",
        "OTHER=1",
    ]
    (tmp_path / ".env").write_text("\n".join(lines))
    spean = CommandLine()
    found = {check["name"]: check for check in spean.run("doctor", "--json").json["checks"]}
    assert found["carriers"]["finding"] == "demo-th"
    assert "demo keys" in found["keys"]["finding"] or "no key file" in found["keys"]["finding"]
    assert found["settings"]["ok"]
    spean.environment["SPEAN_ENVIRONMENT"] = "demo"
    assert spean.run("demo", "--json").status == 0
    told = {one["name"]: one["secret"] for one in spean.run("demo", "--json").json["gateways"]}
    assert told["demo-th"] == "from the file"
