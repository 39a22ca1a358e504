"""What caseworkers decide over triage is listed for whoever keeps the words, and tells of nobody."""

from typing import Any
from uuid import UUID

import pytest

from app.identity.rules import Role, Worker
from tests.command_line import CommandLine
from tests.makers import KHMER_UNPAID, Installation

WORDS = f"{KHMER_UNPAID} ខ្ញុំឈ្មោះ ចាន់សុភា"
PRIVATE = ["ចាន់សុភា", "ថៅកែ", "+66812345678", "66812345678", "Sokunthea", "an invented reason", "Rumduol"]


@pytest.fixture
def spean(here: Installation) -> CommandLine:
    return CommandLine.of(here.application.settings)


def change(here: Installation, worker: Worker, case_id: UUID, **fields: object) -> int:
    """PATCH what the worker has just read; the status of the answer."""
    seen = here.ask(worker, "GET", f"/v1/cases/{case_id}").headers["etag"]
    answer = here.ask(worker, "PATCH", f"/v1/cases/{case_id}", fields, {"If-Match": seen})
    return int(answer.status_code)


def listed(spean: CommandLine) -> list[dict[str, Any]]:
    said = spean.run("triage", "corrections", "--json")
    assert said.status == 0
    rows: list[dict[str, Any]] = said.json
    return rows


def test_a_correction_is_listed_with_the_rules_that_it_corrects(
    here: Installation, spean: CommandLine
) -> None:
    worker = here.a_worker(name="Sokunthea")
    case_id = here.a_case(WORDS)
    rules = {reason["rule"] for reason in case_of(here, worker, case_id)["urgency_reasons"]}
    here.clock.forward(minutes=5)
    assert change(here, worker, case_id, categories=["forced_extension"]) == 200
    (row,) = listed(spean)
    assert (row["field"], row["before"], row["after"]) == (
        "categories", ["unpaid_wages"], ["forced_extension"]
    )  # fmt: skip
    assert set(row["rules"]) == rules
    assert "unpaid_wages.withheld" in rules
    assert (row["language"], row["at"]) == ("km", "2026-06-08T03:05:00.000000Z")
    said = spean.run("triage", "corrections")
    assert "1×  categories: unpaid_wages → forced_extension   by unpaid_wages.withheld" in said.out
    assert said.out.splitlines()[-1] == "1 corrections"


def test_urgency_is_a_correction_of_its_own_and_both_may_come_at_once(
    here: Installation, spean: CommandLine
) -> None:
    here.a_worker()
    supervisor = here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case(WORDS)
    assert change(here, supervisor, case_id, categories=["information_request"], urgency="U1") == 200
    fields = {row["field"]: (row["before"], row["after"]) for row in listed(spean)}
    assert fields == {
        "categories": (["unpaid_wages"], ["information_request"]),
        "urgency": (["U3"], ["U1"]),
    }
    here.clock.forward(seconds=1)
    assert change(here, supervisor, case_id, urgency="U4", reason="an invented reason") == 200
    assert [row["after"] for row in listed(spean)][-1] == ["U4"]


def test_what_changes_nothing_is_no_correction(here: Installation, spean: CommandLine) -> None:
    worker = here.a_worker()
    case_id = here.a_case(f"{WORDS} ម៉ាដាមដកហូតប៉ាស្ព័រខ្ញុំ")
    case = case_of(here, worker, case_id)
    assert len(case["categories"]) == 2
    backwards = list(reversed(case["categories"]))
    for fields in (
        {"categories": case["categories"]},
        {"categories": backwards},
        {"urgency": case["urgency"]},
    ):
        assert change(here, worker, case_id, **fields) == 200
    assert change(here, worker, case_id, summary="Rumduol", destination_country="MY") == 200
    assert listed(spean) == []
    assert "categories.changed" not in here.kinds(case_id)
    assert spean.run("triage", "corrections").out == "0 corrections\n"


def test_saying_that_nothing_is_known_of_an_unclear_case_changes_nothing(
    here: Installation, spean: CommandLine
) -> None:
    worker = here.a_worker()
    case_id = here.a_case("ក្អែក ក្អែក")
    assert change(here, worker, case_id, categories=[]) == 200
    assert "categories.changed" not in here.kinds(case_id)
    assert change(here, worker, case_id, categories=["detention"]) == 200
    assert [row["rules"] for row in listed(spean)] == [["unrecognised"]]


def test_a_refused_change_is_no_correction(here: Installation, spean: CommandLine) -> None:
    worker = here.a_worker()
    case_id = here.a_case(WORDS)
    assert change(here, worker, case_id, categories=["no_such_category"]) == 422
    assert change(here, worker, case_id, urgency="U4", reason="an invented reason") == 403
    assert listed(spean) == []


def test_a_worker_who_thinks_again_about_what_they_wrote_down_corrects_no_triage(
    here: Installation, spean: CommandLine
) -> None:
    worker = here.a_worker()
    opened = here.ask(worker, "POST", "/v1/cases", {"categories": ["unpaid_wages"]}).json()
    for category in ("physical_abuse", "detention"):
        assert change(here, worker, UUID(opened["id"]), categories=[category]) == 200
    assert listed(spean) == []


def test_the_list_tells_of_nobody(here: Installation, spean: CommandLine) -> None:
    here.a_worker()
    worker = here.a_worker(Role.SUPERVISOR, name="Sokunthea")
    case_id = here.a_case(WORDS)
    code = case_of(here, worker, case_id)["code"]
    change(here, worker, case_id, summary="Rumduol")
    change(here, worker, case_id, categories=["detention"], urgency="U1", reason="an invented reason")
    for words in (("triage", "corrections"), ("triage", "corrections", "--json")):
        said = spean.run(*words)
        found = [part for part in [*PRIVATE, code, str(case_id), str(worker.id)] if part in said.out]
        assert (said.status, found, said.err) == (0, [], "")
    assert all(set(row) == {"field", "before", "after", "rules", "language", "at"} for row in listed(spean))


def case_of(here: Installation, worker: Worker, case_id: UUID) -> dict[str, Any]:
    case: dict[str, Any] = here.ask(worker, "GET", f"/v1/cases/{case_id}").json()
    return case
