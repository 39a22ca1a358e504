"""Refusals are problem details in Khmer and English, whatever went wrong, and never repeat what was typed."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response

from tests.makers import Installation

JSON = {"Content-Type": "application/json"}
UNDECODABLE = {b"\xff\xfe\x00", b"[" * 5_000}
MEBIBYTE = 1024 * 1024


def _is_a_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance"} <= set(problem)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:spean:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("km", "km"), ("km-KH,en;q=0.5", "km"), ("en", "en"), ("en-GB", "en"), ("fr", "en"), ("", "en"),
        ("th, km;q=0.1", "km"), ("en;q=0.1, km;q=0.9", "km"), ("nonsense;;;q=x", "en"),
    ],
)  # fmt: skip
def test_a_refusal_is_said_in_the_language_that_is_asked_for(
    here: Installation, accepts: str, language: str
) -> None:
    answer = here.client.get("/v1/me", headers={"Accept-Language": accepts})
    problem = _is_a_problem(answer, 401, "not_signed_in")
    assert answer.headers["content-language"] == language
    assert "accept-language" in answer.headers["vary"].lower()
    assert any("\u1780" <= char <= "\u17ff" for char in problem["title"]) is (language == "km")


def test_what_the_server_itself_refuses_is_said_in_the_same_form(here: Installation) -> None:
    worker = here.a_worker()
    _is_a_problem(here.client.get("/v1/nowhere"), 404, "not_found")
    _is_a_problem(here.ask(worker, "GET", "/v1/cases/17"), 422, "validation")
    wrong = here.client.delete("/v1/cases")
    _is_a_problem(wrong, 405, "method_not_allowed")
    assert set(wrong.headers["allow"].split(", ")) <= {"GET", "POST"}
    _is_a_problem(here.client.post("/twilio/nowhere"), 404, "not_found")


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b'{"categories": ["detention"', JSON),
        (b"", JSON),
        (b"[]", JSON),
        (b'"text"', JSON),
        (b"\xff\xfe\x00", JSON),
        (b"[" * 5_000, JSON),
        (b'{"summary": "\\ud800"}', JSON),
        (b'{"summary": NaN}', JSON),
        (b'{"categories": ["detention"]}', {"Content-Type": "text/plain"}),
        (b"categories=detention", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"--x", {"Content-Type": "multipart/form-data; boundary=x"}),
        (b'{"categories": ["detention"]}', {"Content-Type": "application/xml; charset=x"}),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_opens_nothing(
    here: Installation, content: bytes, headers: dict[str, str]
) -> None:
    worker = here.a_worker()
    sent = {"Authorization": f"Bearer {here.token(worker)}", **headers}
    answer = here.client.post("/v1/cases", content=content, headers=sent)
    problem = _is_a_problem(answer, 400 if content in UNDECODABLE else 422, "validation")
    assert problem["errors"][0]["field"].startswith("body")
    assert here.ask(worker, "GET", "/v1/cases?total=true").json()["total"] == 0


def test_a_huge_body_is_refused(here: Installation) -> None:
    worker = here.a_worker()
    headers = {"Authorization": f"Bearer {here.token(worker)}", **JSON}
    body = b'{"summary": "' + b"x" * (2 * MEBIBYTE) + b'"}'
    _is_a_problem(here.client.post("/v1/cases", content=body, headers=headers), 413, "body_too_large")

    def in_pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    _is_a_problem(here.client.post("/v1/cases", content=in_pieces(), headers=headers), 413, "body_too_large")


def test_no_refusal_repeats_what_somebody_typed(here: Installation) -> None:
    worker = here.a_worker()
    typed = "ឈ្មោះសម្ងាត់ +8551234567890123456"
    bodies: list[tuple[str, str, Any]] = [
        ("POST", "/v1/cases", {"categories": [typed]}),
        ("POST", "/v1/cases", {"categories": ["detention"], "phone": typed, typed: typed}),
        ("POST", "/v1/cases", {"summary": [typed], "members": [{"birth_date": typed}]}),
        ("POST", "/v1/cases", typed),
        ("PATCH", f"/v1/cases/{here.a_case()}", {"urgency": typed, "language": typed}),
        ("GET", f"/v1/cases?status={typed}&cursor={typed}&owner={typed}", None),
        ("GET", f"/v1/tasks?cursor={typed}&limit={typed}", None),
    ]
    for method, path, body in bodies:
        answer = here.ask(worker, method, path, body)
        assert answer.status_code == 422
        assert "ឈ្មោះសម្ងាត់" not in answer.text
        assert "8551234567" not in answer.text
        assert answer.json()["errors"] or answer.json()["code"] == "cursor.invalid"


def test_the_instance_is_a_uri_reference_whatever_was_asked_for(here: Installation) -> None:
    problem = here.client.get("/v1/ករណី%20x").json()
    assert problem["instance"].isascii()
    assert " " not in problem["instance"]


def test_every_answer_forbids_sniffing_framing_and_keeping(here: Installation) -> None:
    worker = here.a_worker()
    for answer in (
        here.ask(worker, "GET", "/v1/cases"), here.client.get("/v1/nowhere"), here.client.get("/healthz"),
    ):  # fmt: skip
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
