"""The OpenAPI document: what FastAPI writes, with problem details where they belong, and examples."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from app.api.examples import ANSWERED, SENT
from app.api.examples_statistics import STATISTICS
from app.api.problems import BY_STATUS, TYPE

_JSON: Final = "application/json"
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_CODES: Final = {**BY_STATUS, 409: "case.already_accepted", 412: "precondition_failed"}


def describe(app: FastAPI) -> None:
    """Let the application serve the finished document."""
    written = app.openapi

    def finished() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _finished(written())
        return app.openapi_schema

    app.openapi = finished  # type: ignore[method-assign]  # FastAPI's documented way


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    for operation in _operations(document):
        answers = operation["responses"]
        if "requestBody" in operation:
            too_large = {"description": "Content Too Large", "content": {_JSON: {"schema": _PROBLEM}}}
            answers[str(HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value)] = too_large
            for sent in operation["requestBody"]["content"].values():
                _exemplify(sent, SENT)
        for status, answer in answers.items():
            _as_problem(int(status), answer)
            for shown in answer.get("content", {}).values():
                _exemplify(shown, {**ANSWERED, **STATISTICS})
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for path in document["paths"].values() for operation in path.values())


def _as_problem(status: int, answer: dict[str, Any]) -> None:
    """Problem details have a media type of their own, which FastAPI cannot be told by a model."""
    content = answer.get("content", {})
    if content.get(_JSON, {}).get("schema") == _PROBLEM:
        code = _CODES.get(status, "refused")
        example = {
            "type": f"urn:spean:problem:{code}", "title": "…", "status": status, "detail": "…", "code": code,
            "instance": "/v1/cases",
        }  # fmt: skip
        answer["content"] = {TYPE: {"schema": _PROBLEM, "example": example}}


def _exemplify(media: dict[str, Any], examples: dict[str, Any]) -> None:
    schema = media.get("schema", {})
    choices = [schema, *schema.get("anyOf", [])]
    named = (str(choice.get("$ref", "")).rpartition("/")[2] for choice in choices)
    found = next((name for name in named if name in examples), None)
    if found:
        media["example"] = examples[found]
