"""`spean keys`: keys are added, used, rotated and retired, and none is ever lost on the way."""

import os
import pty
import stat
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.audit.tables import entries
from app.crypto.keyring import KeyFile, KeyRing, KeyRingError, change
from app.crypto.vault import Place, Vault
from app.intake.tables import messages
from app.kernel.ids import new_id
from tests.command_line import CommandLine
from tests.conftest import ENGINE
from tests.fakes import START
from tests.makers import Installation


def ring_of(here: Installation) -> KeyRing:
    return KeyRing.load(here.application.settings.keys_file)


def let_it_settle(here: Installation) -> None:
    """As if the current key had become that long ago."""
    change(
        here.application.settings.keys_file,
        lambda ring: replace(ring, current_since=START - timedelta(days=999)),
    )


def test_a_key_is_added_everything_sealed_with_it_and_the_old_one_retired(
    here: Installation, spean: CommandLine
) -> None:
    here.a_case()
    before = ring_of(here)
    listed = spean.run("keys", "list", "--json").json
    assert [(key["key"], key["current"]) for key in listed["keys"]] == [("k1", True)]
    rows = listed["keys"][0]["rows"]
    assert rows > 3
    name = spean.run("keys", "add", "--json", "--yes").json["key"]
    after = ring_of(here)
    assert (after.current, after.data["k1"]) == (name, before.data["k1"])
    assert (after.index, after.audit) == (before.index, before.audit)
    refused = spean.run("keys", "retire", "k1", "--yes")
    assert (refused.status, f"{rows} rows still use k1" in refused.err) == (1, True)
    turned = spean.run("keys", "rotate", "--json", "--yes")
    assert turned.status == 0
    assert turned.json == {"ok": True, "key": name, "resealed": rows, "left": 0, "broken": {}}
    assert spean.run("keys", "rotate", "--json", "--yes").json["resealed"] == 0
    early = spean.run("keys", "retire", "k1", "--yes")
    assert (early.status, "current for a moment only" in early.err) == (1, True)
    let_it_settle(here)
    assert spean.run("keys", "retire", "k1", "--yes").status == 0
    assert list(ring_of(here).data) == [name]
    assert spean.run("audit", "verify").status == 0
    with here.office.look() as uow:
        found, broken = uow.audit.first_break()
    assert (found > 4, broken) == (True, None)


def test_no_command_shows_a_key(here: Installation, spean: CommandLine) -> None:
    here.a_case()
    said = [
        spean.run("keys", *words)
        for words in (
            ("list",),
            ("add", "--yes"),
            ("list", "--json"),
            ("rotate", "--yes"),
            ("retire", "k1", "--yes"),
            ("list",),
        )
    ]
    shown = "".join(each.out + each.err for each in said)
    kept = here.application.settings.keys_file.read_text()
    secrets = [word for word in kept.split('"') if len(word) == 44]
    assert len(secrets) == 4
    assert [secret for secret in secrets if secret in shown] == []


def test_a_key_can_wait_until_every_machine_has_it(here: Installation, spean: CommandLine) -> None:
    here.a_case()
    name = spean.run("keys", "add", "--hold", "--json", "--yes").json["key"]
    assert ring_of(here).current == "k1"
    assert spean.run("keys", "rotate", "--json", "--yes").json["key"] == "k1"
    assert spean.run("keys", "use", name, "--yes").status == 0
    assert ring_of(here).current == name
    assert spean.run("keys", "rotate", "--json", "--yes").json["left"] == 0
    unknown = spean.run("keys", "use", "k77", "--yes")
    assert (unknown.status, "no key k77" in unknown.err) == (1, True)


def test_a_rotation_that_leaves_something_says_what_and_ends_with_one(
    here: Installation, spean: CommandLine
) -> None:
    here.a_text(sender="+66810000001")
    here.a_text(sender="+66810000002")
    with here.office.database.write() as connection:
        first, second = connection.execute(select(messages.c.id, messages.c.body)).all()
        moved = update(messages).where(messages.c.id == first.id).values(body=second.body)
        connection.execute(moved)
    turned = spean.run("keys", "rotate", "--new-key", "--json", "--yes")
    assert turned.status == 1
    assert (turned.json["ok"], turned.json["left"]) == (False, 1)
    assert turned.json["broken"] == {"message.body": 1}
    assert "message.body: 1 values do not open" in spean.run("keys", "rotate", "--yes").out
    let_it_settle(here)
    assert "1 rows still use k1" in spean.run("keys", "retire", "k1", "--yes").err


def test_the_current_key_and_one_that_is_not_there_cannot_be_retired(
    here: Installation, spean: CommandLine
) -> None:
    here.a_case()
    assert "k1 is the current key" in spean.run("keys", "retire", "k1", "--yes").err
    assert "no key k9" in spean.run("keys", "retire", "k9", "--yes").err
    assert ring_of(here).current == "k1"


def test_with_the_keys_of_another_installation_nothing_is_touched(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_case()
    other = tmp_path / "other.json"
    KeyRing.fresh(made_for="demo").save(other)
    spean.environment["SPEAN_KEYS_FILE"] = str(other)
    before = other.read_bytes()
    for words in (
        ("add", "--yes"),
        ("rotate", "--new-key", "--yes"),
        ("retire", "k1", "--yes"),
        ("use", "k1", "--yes"),
        ("list",),
    ):
        said = spean.run("keys", *words)
        assert said.status == 1
        assert "was not written with the keys" in said.err
    assert other.read_bytes() == before


def test_a_process_that_runs_takes_the_new_key_by_itself(here: Installation) -> None:
    path = here.application.settings.keys_file
    file = KeyFile(path)
    door, other = Vault(KeyRing.load(path), file.newer), here.office.vault
    ring = change(path, lambda ring: ring.with_new_key(here.clock.now()))
    place = Place("message", new_id(here.clock.now()), "body")
    other.look_again()
    sealed = other.seal("ផ្កាឈូក", place)
    assert sealed[2 : 2 + len(ring.current)].decode() == ring.current
    # The other had not looked: the value itself tells it.
    assert door.open(sealed, place) == "ផ្កាឈូក"
    assert door.current == ring.current
    change(path, lambda ring: ring.without("k1"))
    door.look_again()
    assert door.open(Vault(KeyRing.load(path)).seal("x", place), place) == "x"


def test_a_process_goes_on_with_its_keys_where_the_file_is_gone_or_anothers(
    here: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    ring = KeyRing.fresh(made_for="demo")
    ring.save(path)
    vault = Vault(ring, KeyFile(path).newer)
    place = Place("message", new_id(here.clock.now()), "body")
    sealed = vault.seal("x", place)
    for content in ("", "{}", here.application.settings.keys_file.read_text()):
        path.write_text(content)
        vault.look_again()
        assert vault.open(vault.seal("y", place), place) == "y"
    path.unlink()
    vault.look_again()
    assert vault.open(sealed, place) == "x"


def test_of_keys_that_are_added_at_once_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyRing.fresh(made_for="demo").save(path)
    adding = [
        threading.Thread(target=change, args=(path, lambda ring: ring.with_new_key(START))) for _ in range(8)
    ]
    for each in adding:
        each.start()
    for each in adding:
        each.join()
    assert len(KeyRing.load(path).data) == 9
    assert [found.name for found in tmp_path.iterdir()] == ["keys.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ring_that_cannot_be_changed_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(KeyRingError, match="there is no key file"):
        change(path, lambda ring: ring)
    KeyRing.fresh(made_for="demo").save(path)
    before = path.read_bytes()

    def fails(_: KeyRing) -> KeyRing:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change(path, fails)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.skipif(ENGINE != "postgresql", reason="SQLite needs no program")
def test_without_the_programs_of_postgresql_a_backup_is_refused_in_plain_words(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_worker()
    spean.environment["PATH"] = str(tmp_path)
    said = spean.run("backup", str(tmp_path / "copy"))
    assert said.status == 1
    assert "this needs the program pg_dump: install PostgreSQL's client programs" in said.err
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("words", [("add",), ("use", "k1"), ("rotate", "--new-key"), ("retire", "k1")])
def test_keys_are_changed_only_where_somebody_says_that_it_is_meant(
    here: Installation, spean: CommandLine, words: tuple[str, ...]
) -> None:
    before = ring_of(here)
    said = spean.run("keys", *words, given=f"{words[0]}\n")
    assert (said.status, "--yes" in said.err) == (2, True)
    assert ring_of(here) == before


@pytest.mark.parametrize(("typed", "status"), [("rotate", 0), ("yes", 1), ("", 1)])
def test_at_a_terminal_the_word_is_typed(
    here: Installation, spean: CommandLine, tmp_path: Path, typed: str, status: int
) -> None:
    keys = len(ring_of(here).data)
    ours, theirs = pty.openpty()
    process = spean.start(
        "keys", "rotate", "--new-key", folder=tmp_path, stdin=theirs, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{typed}\n".encode() + b"\x04")
    told = process.communicate(timeout=120)[1]
    os.close(ours)
    assert process.returncode == status, told
    assert "type rotate to go on" in told
    assert len(ring_of(here).data) == keys + (status == 0)


def test_the_audit_chain_knows_which_account_of_the_machine_changed_keys(
    here: Installation, spean: CommandLine
) -> None:
    spean.run("keys", "rotate", "--yes")
    with here.office.database.read() as connection:
        asked = select(entries.c.actor, entries.c.details).where(entries.c.action == "keys.rotated")
        (row,) = connection.execute(asked)
    assert (row.actor, row.details["uid"]) == ("cli", os.getuid())
