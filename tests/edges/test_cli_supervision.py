"""The `spean` command for whoever runs the installation: the audit chain and exports."""

import csv
import io
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.audit.tables import entries
from tests.command_line import CommandLine
from tests.makers import KHMER_EXTENDED, KHMER_LOCKED_IN, KHMER_UNPAID, Installation


def actions(here: Installation) -> list[str]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(entries.c.action).order_by(entries.c.number)).scalars())


# The audit chain.


def verdict(entries: int, *, broken: dict[str, Any] | None = None, since: int = 1) -> dict[str, Any]:
    return {
        "ok": broken is None, "entries": entries, "since": since, "break": broken, "strange_anchors": 0,
    }  # fmt: skip


def test_a_second_check_can_begin_where_the_first_ended(here: Installation, spean: CommandLine) -> None:
    here.a_case()
    count = len(actions(here))
    spean.run("audit", "verify")
    here.a_case(sender="+66812345670")
    told = spean.run("audit", "verify", "--new", "--json").json
    assert told == verdict(len(actions(here)), since=count)


def test_the_end_of_the_chain_is_printed_to_be_kept_elsewhere(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    assert spean.run("audit", "anchor").status == 1
    here.a_case()
    line = spean.run("audit", "anchor").out
    assert line.startswith(f"{len(actions(here))} ")
    (tmp_path / "kept").write_text(line, "utf-8")
    assert spean.run("audit", "verify", "--anchors", str(tmp_path / "kept")).status == 0


def test_the_audit_chain_is_verified_for_people_and_programs(here: Installation, spean: CommandLine) -> None:
    assert spean.run("audit", "verify", "--json").json == verdict(0)
    here.a_case()
    count = len(actions(here))
    assert spean.run("audit", "verify", "--json").json == verdict(count)
    said = spean.run("audit", "verify")
    assert (said.status, said.out) == (0, f"all {count} entries hold\n")


def test_a_broken_audit_chain_ends_with_one_and_names_the_entry(
    here: Installation, spean: CommandLine
) -> None:
    here.a_case()
    with here.office.database.write() as connection:
        connection.execute(update(entries).where(entries.c.number == 2).values(actor="nobody"))
    told = spean.run("audit", "verify", "--json")
    assert (told.status, told.json) == (1, verdict(1, broken={"entry": 2, "problem": "edited"}))
    said = spean.run("audit", "verify")
    assert said.status == 1
    assert "entry 2 was edited" in said.out


def test_an_emptied_audit_chain_is_noticed_by_the_workers_who_were_added(
    here: Installation, spean: CommandLine
) -> None:
    here.a_worker()
    said = spean.run("audit", "verify", "--json")
    assert (said.status, said.json["break"]) == (1, {"entry": 1, "problem": "cut"})


# Exports.


def cases_in(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))


def test_an_export_has_every_case_of_every_organisation_and_is_remembered_first(
    here: Installation, spean: CommandLine
) -> None:
    texts = {"+66810000001": KHMER_UNPAID, "+66810000002": KHMER_LOCKED_IN, "+821012345678": KHMER_EXTENDED}
    for sender, body in texts.items():
        here.a_case(body, sender=sender)
    said = spean.run("export", "--locale", "en")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("\ufeff")
    assert len(cases_in(said.out)) == 3
    assert actions(here)[-1] == "export.started"
    for sender in texts:
        assert sender[1:] not in said.out


def test_an_export_to_a_file_is_whole_and_its_owners_alone(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_case()
    file = tmp_path / "cases.csv"
    for _ in range(2):
        said = spean.run("export", "--output", str(file))
        assert (said.status, said.out, said.err) == (0, "", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert file.read_bytes().endswith(b"\r\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in {".csv", ".part"}] == ["cases.csv"]


def test_an_export_takes_what_was_asked_for(here: Installation, spean: CommandLine) -> None:
    here.a_case(KHMER_UNPAID, sender="+66810000001")
    here.clock.forward(days=2)
    here.a_case(KHMER_LOCKED_IN, sender="+66810000002")

    def count(*words: str) -> int:
        said = spean.run("export", *words)
        assert said.status == 0, said.err
        return len(cases_in(said.out))

    assert count("--category", "unpaid_wages") == 1
    assert count("--category", "unpaid_wages", "--category", "detention") == 2
    assert count("--status", "closed") == 0
    # The clock starts on 8 June at ten in the morning in Phnom Penh.
    assert count("--from", "2026-06-08", "--to", "2026-06-08") == 1
    assert count("--from", "2026-06-09") == 1
    assert count("--to", "2026-06-10") == 2
    assert count("--to", "2026-06-07") == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--category", "nothing"], 2), (["--status", "nothing"], 2), (["--from", "yesterday"], 2),
        (["--to", "9999-12-31"], 2), (["--locale", "fr"], 2), (["--output", "none/such/cases.csv"], 1),
    ],
)  # fmt: skip
def test_an_export_that_cannot_be_is_refused_in_words(
    spean: CommandLine, words: list[str], status: int
) -> None:
    said = spean.run("export", *words)
    assert (said.status, said.out) == (status, "")
    assert said.err
