"""What somebody sees whom another forced to sign in: an account that is theirs, and in which nothing is."""

import inspect
from dataclasses import replace
from typing import Any, Final, get_type_hints
from uuid import UUID, uuid5

import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.identity.rules import Role, Worker
from app.kernel.refusal import NotAllowed, NotFound

_READS: Final = frozenset({"GET", "HEAD"})
_TRUE: Final = frozenset({"1", "true", "on", "yes", "t", "y"})


class EmptyPage(Exception):
    """The list that the door would have shown, with nothing in it."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("empty")
        self.body = body


def attach(app: FastAPI) -> None:
    """Answer empty pages for this application."""
    app.add_exception_handler(EmptyPage, _answer)  # type: ignore[arg-type]  # Starlette knows no narrower type


def must_be_empty(request: Request) -> None:
    """Answer a door of which nothing is known as that of an empty account, without opening it.

    A list has no items, one thing is not there, and whatever would change something is refused: words
    written here would be lost, so none are taken. A door that is added later is closed by this as well.

    Raises: EmptyPage, NotFound, NotAllowed.
    """
    if request.path_params:
        raise NotFound
    model = _answered_by(request.scope["endpoint"])
    if request.method not in _READS or model is None or "items" not in model.model_fields:
        raise NotAllowed
    body: dict[str, Any] = {name: [] if name == "items" else None for name in model.model_fields}
    if "total" in body and request.query_params.get("total", "").lower() in _TRUE:
        raise EmptyPage({**body, "total": 0})
    raise EmptyPage(body)


def nobody_like(worker: Worker) -> Worker:
    """A worker of the same role whose eyes see nothing: no row bears these ids.

    A coordinator sees what belongs to nobody, so one becomes a supervisor of nothing. The ids are
    always the same, so that the audit chain shows what was tried.
    """
    nowhere = _other(worker.id)
    role = Role.SUPERVISOR if worker.role is Role.COORDINATOR else worker.role
    return replace(worker, id=_other(nowhere), organisation_id=nowhere, role=role)


def _other(known: UUID) -> UUID:
    return uuid5(known, "duress")


def _answered_by(endpoint: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any route's function
    shown = get_type_hints(inspect.unwrap(endpoint)).get("return")
    return shown if isinstance(shown, type) and issubclass(shown, BaseModel) else None


def _answer(_request: Request, page: EmptyPage) -> Response:
    return Response(orjson.dumps(page.body), media_type="application/json")
