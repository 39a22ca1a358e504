"""The `spean` command: help, the demo, workers, simulated texts, migrating, the audit chain, exports."""

import os
import pty
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import pytest
import typer
from sqlalchemy import select

from app.audit.tables import entries
from app.cli.main import app
from app.identity.rules import Role
from app.store.migrations import downgrade, is_at_head
from tests.command_line import CommandLine
from tests.makers import KHMER_LOCKED_IN, TONLE, Installation

PASSWORD = "correct horse\n"
LEAF_COMMANDS = {
    "serve", "work", "migrate", "demo", "doctor", "simulate text", "simulate call", "worker add", "export",
    "audit verify", "audit anchor", "keys create", "words check", "triage explain", "triage evaluate",
    "keys list", "keys add", "keys use", "keys rotate", "keys retire",
    "backup", "restore",
}  # fmt: skip


def commands() -> Iterator[tuple[str, click.Command]]:
    def walk(name: str, command: Any) -> Iterator[tuple[str, click.Command]]:
        inside = getattr(command, "commands", None)
        if inside is None:
            yield name.strip(), command
            return
        yield name.strip(), command
        for word, one in inside.items():
            yield from walk(f"{name} {word}", one)

    yield from walk("", typer.main.get_command(app))


def signs_in(here: Installation, username: str, password: str) -> bool:
    form = {"grant_type": "password", "username": username, "password": password}
    return bool(here.client.post("/v1/token", data=form).status_code == 200)


def actions(here: Installation) -> list[str]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(entries.c.action).order_by(entries.c.number)).scalars())


# Help.


def test_every_command_and_group_explains_itself(spean: CommandLine) -> None:
    found = dict(commands())
    assert set(found) >= LEAF_COMMANDS
    for name, command in found.items():
        said = spean.run(*name.split(), "--help")
        assert said.status == 0, name
        assert "Usage:" in said.out
        assert command.help, name


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and parameter.name != "role"
    ]
    assert silent == []


@pytest.mark.parametrize("words", [["nothing"], ["serve", "--port", "x"], ["serve", "--port", "70000"],
                                   ["audit", "x"],
                                   ["simulate", "text"], ["simulate", "call"], ["worker", "add"],
                                   ["export", "--nothing"]])  # fmt: skip
def test_wrong_usage_ends_with_two_and_says_how_it_is_right(spean: CommandLine, words: list[str]) -> None:
    said = spean.run(*words)
    assert said.status == 2
    assert "Usage:" in said.err
    assert said.out == ""


# The demo.


def test_the_demo_prints_who_can_sign_in_and_is_the_same_each_time(
    here: Installation, spean: CommandLine
) -> None:
    first, second = spean.run("demo", "--json"), spean.run("demo", "--json")
    assert (first.status, first.err) == (0, "")
    assert first.out == second.out
    told = first.json
    assert {"organisations", "sign_ins", "gateways"} == set(told)
    assert all({"code", "name"} == set(one) for one in told["organisations"])
    assert all({"username", "password", "role", "organisation"} == set(one) for one in told["sign_ins"])
    assert all({"name", "secret"} == set(one) for one in told["gateways"])
    assert len(told["organisations"]) >= 2
    for organisation in told["organisations"]:
        roles = sorted(one["role"] for one in told["sign_ins"] if one["organisation"] == organisation["code"])
        assert roles == ["caseworker", "caseworker", "duty_lead", "supervisor"]
    assert [one["role"] for one in told["sign_ins"] if one["organisation"] is None] == [
        "coordinator",
        "admin",
    ]
    assert len({one["password"] for one in told["sign_ins"]}) == len(told["sign_ins"])
    assert all(signs_in(here, one["username"], one["password"]) for one in told["sign_ins"][:3])


def test_the_demo_shows_a_table_to_people(spean: CommandLine) -> None:
    said = spean.run("demo")
    assert said.status == 0
    assert "coordinator" in said.out


def test_the_demo_is_refused_where_it_is_none(spean: CommandLine) -> None:
    spean.environment["SPEAN_ENVIRONMENT"] = "production"
    said = spean.run("demo", "--json")
    assert (said.status, said.out) == (1, "")
    assert "not a demo" in said.err


# Workers.


def test_a_worker_who_was_added_signs_in(here: Installation, spean: CommandLine) -> None:
    said = spean.run(
        "worker", "add", "sokha", "--role", "caseworker", "--organisation", TONLE, "--phone", "+85510000999",
        "--name", "សុខា", "--language", "km", "--language", "th", "--password-stdin", given=PASSWORD,
    )  # fmt: skip
    assert (said.status, said.err) == (0, "")
    worker_id = UUID(said.out.strip())
    assert signs_in(here, "sokha", "correct horse")
    with here.office.look() as uow:
        worker = uow.identity.worker(worker_id)
        phones = uow.identity.phones([worker_id])
    assert worker is not None
    assert (worker.role, worker.languages) == (Role.CASEWORKER, frozenset({"km", "th"}))
    assert phones[worker_id][0].e164 == "+85510000999"
    assert "worker.added" in actions(here)


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (["sokha", "--role", "boss"], 2, "boss"),
        (["sokha"], 2, "--role"),
        (["sokha", "--role", "coordinator", "--phone", "12"], 2, "international"),
        (["sokha", "--role", "coordinator", "--language", "xx"], 2, "xx"),
        (["sokha", "--role", "caseworker"], 1, "do not go together"),
        (["sokha", "--role", "caseworker", "--organisation", "nobody"], 1, "no organisation"),
        (["sokha", "--role", "admin", "--organisation", TONLE], 1, "do not go together"),
        (["tonle.case1", "--role", "coordinator"], 1, "taken"),
        (["s", "--role", "coordinator"], 1, "2 to 64"),
        (["so kha", "--role", "coordinator"], 1, "blank"),
        (["012345678", "--role", "coordinator"], 1, "phone number"),
    ],
)
def test_a_worker_who_cannot_be_is_refused_with_the_reason(
    here: Installation, spean: CommandLine, words: list[str], status: int, why: str
) -> None:
    said = spean.run("worker", "add", *words, "--password-stdin", given=PASSWORD)
    assert (said.status, said.out) == (status, "")
    assert why in said.err
    assert not signs_in(here, words[0], "correct horse")


@pytest.mark.parametrize("password", ["", "\n", "short\n"])
def test_a_short_password_is_refused(spean: CommandLine, password: str) -> None:
    said = spean.run("worker", "add", "sokha", "--role", "admin", "--password-stdin", given=password)
    assert (said.status, said.out) == (1, "")
    assert "characters" in said.err


def test_nobody_is_asked_for_a_password_where_nobody_is(spean: CommandLine) -> None:
    said = spean.run("worker", "add", "sokha", "--role", "admin")
    assert said.status == 2
    assert "--password-stdin" in said.err


# Simulated texts.


def test_a_simulated_text_says_what_came_of_it(spean: CommandLine) -> None:
    said = spean.run("simulate", "text", "--from", "+66812345678", KHMER_LOCKED_IN, "--json")
    assert (said.status, said.err) == (0, "")
    told = said.json
    assert {"message_id", "case", "replies"} == set(told)
    UUID(told["message_id"])
    assert (told["case"]["urgency"], "detention" in told["case"]["categories"]) == ("U1", True)
    assert told["case"]["owner"]
    assert told["case"]["next_timer"]["due_at"].endswith("Z")
    assert [set(reply) for reply in told["replies"]] == [{"to", "body", "parts"}]
    assert told["replies"][0]["to"] == "+66812345678"


def test_a_simulated_call_walks_through_the_menu(spean: CommandLine) -> None:
    keys = ["1", "2", "1", "m"]
    said = spean.run("simulate", "call", "--from", "+66812345678", "--json", "--", *keys)
    told = said.json
    assert told["heard"][:4] == ["ivr.welcome", "ivr.language", "ivr.danger", "ivr.menu"]
    assert told["heard"][-1] == "ivr.thanks"
    assert told["case"]["categories"] == ["unpaid_wages"]


def test_a_simulated_call_is_shown_to_people(spean: CommandLine) -> None:
    said = spean.run("simulate", "call", "--from", "+66812345678", "--", "-", "-", "-", "m")
    assert said.status == 0
    assert "ivr.consent" in said.out
    assert "The case" in said.out


def test_a_caller_who_hangs_up_at_once_leaves_no_case(spean: CommandLine) -> None:
    assert spean.run("simulate", "call", "--from", "", "--json", "--", "x").json["case"] is None


def test_a_simulated_text_is_shown_to_people(spean: CommandLine) -> None:
    said = spean.run("simulate", "text", "--from", "+66812345678", KHMER_LOCKED_IN)
    assert said.status == 0
    for shown in ("receives", "U1", "detention", "Next timer"):
        assert shown in said.out


def test_a_text_from_no_person_opens_no_case(spean: CommandLine) -> None:
    told = spean.run("simulate", "text", "--from", "AIS-Info", "win a prize", "--json").json
    assert (told["case"], told["replies"]) == (None, [])


# Migrating, keys.


def test_migrating_brings_the_newest_tables_and_repeats_safely(
    here: Installation, spean: CommandLine
) -> None:
    database = here.office.database
    downgrade(database, "base")
    for _ in range(2):
        said = spean.run("migrate")
        assert (said.status, said.err) == (0, "")
        assert is_at_head(database)


def test_keys_are_made_once_for_their_owner_alone(spean: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys.json"
    spean.environment |= {"SPEAN_KEYS_FILE": str(file), "SPEAN_ENVIRONMENT": "production"}
    assert spean.run("keys", "create").status == 0
    made = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = spean.run("keys", "create")
    assert again.status == 1
    assert "left as it is" in again.err
    assert file.read_bytes() == made
    assert b'"production"' in made


# A process of its own: what a terminal shows, and that no fault ends in a traceback.


def test_long_work_shows_progress_on_a_terminal_and_none_in_a_pipe(
    spean: CommandLine, tmp_path: Path
) -> None:
    for words in (["audit", "verify"], ["export", "--output", "cases.csv"]):
        ours, theirs = pty.openpty()
        process = spean.start(*words, folder=tmp_path, stderr=theirs, stdout=subprocess.PIPE)
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # The other end of a terminal closes so.
        os.close(ours)
        process.communicate()
        assert process.returncode == 0
        assert b"checking" in shown or b"exporting" in shown
        assert spean.run(*words).err == ""


COMMANDS = [
    ["demo", "--json"], ["doctor", "--json"], ["migrate"], ["audit", "verify"], ["export"],
    ["simulate", "text", "--from", "+66812345678", "x"], ["serve"], ["work"],
    ["worker", "add", "x1", "--role", "admin", "--password-stdin"],
]  # fmt: skip
FAULTS: dict[str, Callable[[Path], dict[str, str]]] = {
    "wrong settings": lambda _: {"SPEAN_PORT": "x", "SPEAN_CALLBACK_EVERY": "soon", "SPEAN_DATABASE_URL": "mysql://a:geheim@b/c"},
    "no database": lambda folder: {"SPEAN_DATABASE_URL": f"sqlite:///{folder / 'text.db'}"},
    "no server": lambda folder: {"SPEAN_DATABASE_URL": f"postgresql+psycopg://u:geheim@/x?host={folder}"},
    "no configuration": lambda folder: {"SPEAN_CONFIG_DIR": str(folder / "nowhere")},
    "no catalogues": lambda folder: {"SPEAN_LOCALES_DIR": str(folder / "nowhere")},
    "no key file": lambda folder: {"SPEAN_KEYS_FILE": str(folder / "text.db")},
    "no place for keys": lambda folder: {"SPEAN_KEYS_FILE": str(folder / "text.db" / "deeper" / "keys.json")},
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_wrong_every_command_says_so_without_a_traceback(
    spean: CommandLine, tmp_path: Path, fault: str
) -> None:
    (tmp_path / "text.db").write_text("this is no database " * 100)
    spean.environment |= FAULTS[fault](tmp_path)
    for words in COMMANDS:
        said = spean.run(*words, given=PASSWORD)
        told = said.out + said.err
        assert said.status == 1, (words, told)
        assert told.strip()
        assert "Traceback" not in told
        assert "geheim" not in told


def test_a_fault_of_the_program_ends_in_words_too(spean: CommandLine, tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    # A library breaks in a way that nobody foresaw, and quotes what it should not.
    broken.write_text(
        "import alembic.command\n"
        "def upgrade(*_): raise ArithmeticError('012345678')\n"
        "alembic.command.upgrade = upgrade\n"
    )
    spean.environment["SPEAN_DATABASE_URL"] = f"sqlite:///{tmp_path / 'empty.db'}"
    path = f"{tmp_path}:{spean.whole_environment()['PYTHONPATH']}"
    said = spean.run_apart("migrate", folder=tmp_path, PYTHONPATH=path)
    assert said.status == 1
    assert "ArithmeticError" in said.err
    assert "012345678" not in said.err
    assert "Traceback" not in said.err
