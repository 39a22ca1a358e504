"""Every route says what it lets somebody do, refuses who is not signed in, and is written down for others."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.api.doors import Door, RouteWithoutCapability, capability_of
from app.api.problems import TYPE
from app.identity.rules import Action
from tests.makers import Installation

# Carriers sign, or bring a password of their own, and are answered in their own manner.
CARRIER_DOORS = {
    ("POST", "/twilio/sms"),
    ("POST", "/twilio/sms/status"),
    ("POST", "/twilio/voice"),
    ("POST", "/twilio/voice/next/{at:int}"),
    ("POST", "/twilio/voice/screen/{call_id:uuid}"),
    ("POST", "/twilio/voice/screened/{call_id:uuid}"),
    ("POST", "/twilio/voice/desk/{at:int}"),
    ("POST", "/twilio/voice/goodbye"),
    ("POST", "/twilio/voice/outgoing/{call_id:uuid}"),
    ("POST", "/twilio/voice/status"),
    ("POST", "/twilio/recording"),
    ("GET", "/prompts/{address}"),
    ("GET", "/gateways/cht/{gateway}"),
    ("POST", "/gateways/cht/{gateway}"),
}
DOCUMENT = {("GET", "/openapi.json")}
SOME_ID = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a01"


def _routes(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    for route in iter_route_contexts(app.routes):
        methods = route.methods or set()
        # Whoever answers GET answers HEAD too; uploads answer HEAD alone.
        for method in sorted(methods - {"HEAD"} if "GET" in methods else methods):
            assert route.path is not None
            yield method, route.path, route.endpoint


def _app(here: Installation) -> FastAPI:
    app = here.client.app
    assert isinstance(app, FastAPI)
    return app


def _document(here: Installation) -> dict[str, Any]:
    document: dict[str, Any] = here.client.get("/openapi.json").json()
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _is_open(here: Installation, name: str) -> bool:
    method, _, path = name.partition(" ")
    endpoint = next(e for m, p, e in _routes(_app(here)) if (m, p) == (method, path))
    return capability_of(endpoint) is Action.OPEN_DOOR


def test_every_route_names_what_it_lets_somebody_do_or_is_a_carriers_door(here: Installation) -> None:
    nameless = {(method, path) for method, path, end in _routes(_app(here)) if capability_of(end) is None}
    assert nameless == CARRIER_DOORS | DOCUMENT


def test_a_route_without_a_capability_cannot_be_added() -> None:
    door = Door()
    with pytest.raises(RouteWithoutCapability):
        door.get("/anything")(lambda: None)


def test_whoever_is_not_signed_in_gets_401_from_every_door_but_the_open_ones(here: Installation) -> None:
    answers = {}
    for method, path, endpoint in _routes(_app(here)):
        if capability_of(endpoint) in {None, Action.OPEN_DOOR}:
            continue
        where = re.sub(r"{\w+}", SOME_ID, path)
        for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic ZGFyYTpkYXJh"}):
            answer = here.client.request(method, where, headers=headers)
            answers[f"{method} {path} {headers}"] = (answer.status_code, answer.headers["www-authenticate"])
    assert len(answers) > 50
    assert set(answers.values()) == {(401, "Bearer")}


def test_only_these_doors_stand_open(here: Installation) -> None:
    found = {(m, p) for m, p, end in _routes(_app(here)) if capability_of(end) is Action.OPEN_DOOR}
    assert found == {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("POST", "/v1/token"),
        ("POST", "/v1/password"),
    }


def test_every_operation_says_in_words_what_it_does(here: Installation) -> None:
    document = _document(here)
    silent = [name for name, op in _operations(document) if not (op.get("summary") and op.get("description"))]
    assert silent == []
    assert document["openapi"].startswith("3.")


def test_every_json_answer_has_a_model_and_an_example_that_fits_it(here: Installation) -> None:
    document = _document(here)
    faults = [
        f"{name} {status}: {fault}"
        for name, operation in _operations(document)
        for status, answer in operation["responses"].items()
        for media in answer.get("content", {}).items()
        if (fault := _fault_of(document, media))
    ]
    assert faults == []


def test_every_body_that_is_sent_has_a_model_and_an_example_that_fits_it(here: Installation) -> None:
    document = _document(here)
    sent = {name: op["requestBody"] for name, op in _operations(document) if "requestBody" in op}
    faults = [
        f"{name}: {fault}"
        for name, body in sent.items()
        for media in body["content"].items()
        if (fault := _fault_of(document, media))
    ]
    assert len(sent) > 10
    assert faults == []


def test_every_refusal_is_documented_as_problem_details(here: Installation) -> None:
    refusals = {
        (name, status, media)
        for name, operation in _operations(_document(here))
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and status != "503"
        for media in answer.get("content", {"nothing": {}})
    }
    assert {media for _, _, media in refusals} == {TYPE}
    guarded = [name for name, _ in _operations(_document(here)) if not _is_open(here, name)]
    documented = {(name, status) for name, status, _ in refusals}
    assert [n for n in guarded if not {(n, s) for s in ("401", "403", "422")} <= documented] == []


def test_doors_to_one_case_document_that_it_may_not_be_there(here: Installation) -> None:
    about_one = [(name, op) for name, op in _operations(_document(here)) if "{" in name]
    assert len(about_one) > 10
    assert [name for name, op in about_one if "404" not in op["responses"]] == []


def _fault_of(document: dict[str, Any], media: tuple[str, dict[str, Any]]) -> str | None:
    kind, content = media
    if "json" not in kind and "form" not in kind:
        return None
    if not content.get("schema"):
        return "no model"
    if "example" not in content:
        return "no example"
    schema = {**content["schema"], "components": document["components"]}
    fault = next(jsonschema_rs.iter_errors(schema, content["example"]), None)
    return str(fault) if fault else None
