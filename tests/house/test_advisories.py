"""An advisory for something that we stand on fails the build, unless somebody wrote down why it may stay."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.audit import ACCEPTED, AcceptedUnreadable, Report, accepted_from, audit, verdict
from tests.house.tree import ROOT

TODAY = date(2026, 6, 8)
ONE = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"], "description": "…"}
FOUND = {
    "dependencies": [
        {"name": "quiet", "version": "1.0", "vulns": []},
        {"name": "loud", "version": "1.0", "vulns": [ONE]},
    ]
}
REASON = "because: the part that it is about is never called"


def test_a_known_advisory_fails_and_says_what_mends_it() -> None:
    found = verdict(FOUND, {}, TODAY)
    assert found.fails
    assert found.lines[0] == "loud 1.0: PYSEC-2026-1 CVE-2026-1; fixed in: 2.0"


def test_none_fails_nothing() -> None:
    found = verdict({"dependencies": FOUND["dependencies"][:1]}, {}, TODAY)
    assert (found.fails, found.lines) == (False, ("1 packages looked at; no advisory is known.",))


@pytest.mark.parametrize("name", ["PYSEC-2026-1", "CVE-2026-1"])
def test_one_that_was_accepted_may_stay_until_its_day(name: str) -> None:
    accepted = accepted_from(f"[{{id: {name}, {REASON}, until: 2026-06-08}}]")
    assert not verdict(FOUND, accepted, TODAY).fails
    assert verdict(FOUND, accepted, date(2026, 6, 9)).fails


@pytest.mark.parametrize(
    "entry",
    ["{id: X}", "{id: X, because: no time, until: 2026-06-08}", f"{{id: X, {REASON}, until: some day}}",
     f"{{id: X, {REASON}, until: 2026-06-08, by: me}}", "X"],
)  # fmt: skip
def test_nothing_is_accepted_without_a_reason_and_a_day(entry: str) -> None:
    with pytest.raises(AcceptedUnreadable):
        accepted_from(f"[{entry}]")


def test_the_list_itself_can_be_read() -> None:
    assert isinstance(accepted_from(ACCEPTED.read_text("utf-8")), dict)


KNOWN = {"dependencies": FOUND["dependencies"][:1]}
UNKNOWN = {"dependencies": [{"name": "quiet", "skip_reason": "not found"}]}


@pytest.mark.parametrize("answer", [None, UNKNOWN])
def test_a_source_that_answers_nothing_or_knows_nothing_fails_nothing(answer: Report | None) -> None:
    found = audit(lambda _files: answer, {}, TODAY)
    assert (found.fails, found.lines) == (False, ("Skipped: no source of advisories answers from here.",))


@pytest.mark.parametrize("answer", [None, UNKNOWN])
def test_a_lock_that_cannot_be_audited_though_its_first_line_can_fails(answer: Report | None) -> None:
    assert audit(lambda files: KNOWN if len(files) == 1 else answer, {}, TODAY).fails


def test_what_is_asked_about_is_the_whole_lock() -> None:
    asked: list[str] = []

    def ask(files: Sequence[Path]) -> Report:
        asked.extend(file.name for file in files)
        return FOUND

    assert audit(ask, {}, TODAY).fails
    assert asked == ["one.txt", "dev.txt", "run.txt"]


def test_the_real_one_says_plainly_that_it_was_skipped_where_the_network_is_closed() -> None:
    nowhere = "http://127.0.0.1:9"
    closed = {**os.environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere}
    closed |= {"NO_PROXY": "", "no_proxy": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit"], cwd=ROOT, env=closed, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (
        0,
        "Advisories:\nSkipped: no source of advisories answers from here.\n",
    )
