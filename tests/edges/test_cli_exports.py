"""`spean export` with a profile: the files that a job makes, in a folder of whoever runs the installation."""

import hashlib
import json
import os
import pty
from pathlib import Path

import pytest
import pyzipper
from sqlalchemy import select

from app.audit.tables import entries
from app.exports.tables import export_jobs
from tests.command_line import CommandLine
from tests.makers import Installation

PASSWORD = "correct horse 47 staple"


@pytest.fixture(name="secret")
def _secret(tmp_path: Path) -> Path:
    """A file with a password on its first line."""
    file = tmp_path / "secret"
    file.write_text(f"{PASSWORD}\n")
    return file


def deeds(here: Installation) -> list[tuple[str, str]]:
    with here.office.database.read() as connection:
        rows = connection.execute(select(entries.c.action, entries.c.actor).order_by(entries.c.number))
        return [(row.action, row.actor) for row in rows if row.action.startswith("export.")]


def test_names_are_written_to_an_archive_behind_the_password(
    here: Installation, spean: CommandLine, tmp_path: Path, secret: Path
) -> None:
    here.a_case()
    file = tmp_path / "cases.zip"
    said = spean.run(
        "export", "--profile", "identified", "--out", str(file), "--reason", "donor audit canary-7731",
        "--password-file", str(secret), "--locale", "en", "--json",
    )  # fmt: skip
    assert (said.status, said.err) == (0, "")
    told = said.json
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["size_bytes"] == file.stat().st_size
    assert told["rows"] == told["manifest"]["rows"] > 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("cases*")) == ["cases.zip"]
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(PASSWORD.encode())
        assert json.loads(archive.read("manifest.json")) == told["manifest"]
    assert deeds(here) == [("export.started", "cli"), ("export.finished", "cli")]
    with here.office.database.read() as connection:
        row = connection.execute(select(export_jobs)).one()
    assert (row.state, row.rows, row.sha256, row.password) == ("expired", told["rows"], told["sha256"], None)
    assert row.reason is not None
    assert list((tmp_path / "export-scratch").iterdir()) == []
    assert PASSWORD not in said.out
    assert "canary-7731" not in said.out


@pytest.mark.parametrize(("asked", "held"), [([], "labels"), (["--cells", "codes"], "codes")])
def test_cells_of_an_archive_hold_words_or_codes(
    here: Installation, spean: CommandLine, tmp_path: Path, secret: Path, asked: list[str], held: str
) -> None:
    here.a_case()
    file = tmp_path / "cases.zip"
    said = spean.run(
        "export", "--profile", "identified", "--out", str(file), "--reason", "donor audit",
        "--password-file", str(secret), "--locale", "en", "--json", *asked,
    )  # fmt: skip
    assert said.json["manifest"]["cells"] == held
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(PASSWORD.encode())
        assert (b",unpaid_wages," in archive.read("cases.csv")) is (held == "codes")


def test_labels_are_for_files_that_people_read(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    said = spean.run(
        "export", "--profile", "aggregate", "--cells", "labels", "--out", str(tmp_path / "counts.csv")
    )
    assert said.status == 1
    assert "Labels stand in" in said.err
    assert spean.run("export", "--cells", "codes").status == 2


def test_a_bare_file_has_its_manifest_and_codebook_beside_it(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_case()
    file = tmp_path / "people.csv"
    said = spean.run("export", "--profile", "anonymised", "--out", str(file))
    assert (said.status, said.out, said.err) == (0, "", "")
    beside = sorted(path.name for path in tmp_path.glob("people*"))
    assert beside == ["people.csv", "people.csv.codebook.csv", "people.csv.manifest.json"]
    assert json.loads((tmp_path / beside[2]).read_text())["profile"] == "anonymised"


def test_a_bare_file_may_go_down_a_pipe(here: Installation, spean: CommandLine, tmp_path: Path) -> None:
    said = spean.run("export", "--profile", "anonymised", "--format", "ndjson")
    assert (said.status, said.err) == (0, "")
    assert [json.loads(line) for line in said.out.splitlines()] == []


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--profile", "identified", "--password-file", "secret"], 1, "reason is needed"),
        (["--profile", "identified", "--reason", "x", "--password-file", "weak"], 1, "too weak"),
        (["--profile", "identified", "--reason", "x", "--password-file", "nowhere"], 2, "cannot be read"),
        (["--profile", "identified", "--reason", "x"], 2, "--password-file"),
        (["--profile", "anonymised", "--format", "html"], 1, "html"),
        (["--profile", "anonymised", "--filter", "nonsense=1"], 1, "."),
        (["--profile", "anonymised", "--filter", "nonsense"], 2, "NAME=VALUE"),
        (["--profile", "anonymised", "--from", "2026-06-08", "--to", "2026-06-06"], 1, "No time"),
        (["--profile", "anonymised", "--status", "new"], 2, "--filter"),
        (["--profile", "anonymised", "--json"], 2, "--out"),
        (["--profile", "everything"], 2, "profile"),
        (["--format", "xlsx"], 2, "--profile"),
        (["--filter", "sex=female"], 2, "--profile"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words_and_leaves_no_file(
    here: Installation, spean: CommandLine, tmp_path: Path, secret: Path, words: list[str], status: int,
    told: str,
) -> None:  # fmt: skip
    (tmp_path / "weak").write_text("123456789012")
    out = ["--out", "cases.out"] if "--json" not in words else []
    said = spean.run("export", *words, *out)
    assert said.status == status
    assert told in said.err
    assert list(tmp_path.glob("cases*")) == []
    assert deeds(here) == []


def test_a_folder_that_cannot_be_written_to_is_named_and_noted_as_failed(
    here: Installation, spean: CommandLine
) -> None:
    said = spean.run("export", "--profile", "anonymised", "--out", "no-such-folder/people.csv")
    assert said.status == 1
    assert "no-such-folder/people.csv cannot be written" in said.err
    assert deeds(here) == [("export.started", "cli"), ("export.failed", "cli")]


def test_the_password_is_asked_for_twice_at_a_terminal_and_never_shown(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_case()
    leader, follower = pty.openpty()
    process = spean.start(
        "export", "--profile", "identified", "--reason", "donor audit", "--out", "cases.zip",
        folder=tmp_path, stdin=follower, stderr=follower, stdout=follower,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    for prompts in (1, 2):
        # Not before it asks: what was typed until then is thrown away.
        while shown.count(b": ") < prompts:
            shown += os.read(leader, 1_024)
        os.write(leader, f"{PASSWORD}\n".encode())
    try:
        while piece := os.read(leader, 1_024):
            shown += piece
    except OSError:
        pass  # The other end is closed: the command has ended.
    os.close(leader)
    assert process.wait(30) == 0
    assert PASSWORD.encode() not in shown
    assert b"exporting" in shown
    with pyzipper.AESZipFile(tmp_path / "cases.zip") as archive:
        archive.setpassword(PASSWORD.encode())
        assert archive.testzip() is None
