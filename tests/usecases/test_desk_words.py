"""Cases that a worker writes down in words: the words add what the worker did not name."""

from typing import Any

import pytest

from app.identity.rules import Role
from tests.makers import Installation

BEATEN = "ថៅកែវាយគាត់រាល់ថ្ងៃ ហើយចាក់សោទ្វារពីក្រៅ"


def opened(here: Installation, **body: Any) -> dict[str, Any]:
    """The case as the worker who wrote it down sees it."""
    worker = here.a_worker(role=Role.CASEWORKER)
    response = here.ask(worker, "POST", "/v1/cases", body)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = here.ask(worker, "GET", f"/v1/cases/{response.json()['id']}").json()
    return answer


def test_a_summary_alone_names_categories_urgency_and_why(here: Installation) -> None:
    case = opened(here, summary=BEATEN)
    assert case["categories"] == ["detention", "physical_abuse"]
    assert case["urgency"] == "U1"
    reasons = [reason for reason in case["urgency_reasons"] if reason["rule"] == "physical_abuse.beaten"]
    assert [reason["text"] for reason in reasons] == ["វាយ"]
    assert all(BEATEN[r["start"] : r["end"]] == r["text"] for r in case["urgency_reasons"] if r["text"])


def test_a_summary_adds_no_category_to_those_that_the_worker_named_but_raises_urgency(
    here: Installation,
) -> None:
    case = opened(here, summary=BEATEN, categories=["unpaid_wages"])
    assert case["categories"] == ["unpaid_wages"]
    assert case["urgency"] == "U1"


@pytest.mark.parametrize("summary", ["អរគុណបង", "តេទៅវិញពេលល្ងាច", "visa thai os ponman bong"])
def test_a_summary_never_lowers_urgency(here: Installation, summary: str) -> None:
    without = opened(here, categories=["forced_extension"])
    assert opened(here, categories=["forced_extension"], summary=summary)["urgency"] == without["urgency"]
    assert opened(here, summary=summary)["urgency"] == "U2"


def test_a_summary_of_unknown_words_leaves_the_case_to_a_human(here: Installation) -> None:
    case = opened(here, summary="xyzzy")
    assert case["categories"] == ["unclassified"]
    assert (case["urgency"], case["urgency_reasons"]) == ("U2", [])
