"""Refusals and faults as RFC 9457 problem details, in Khmer or English, in one place."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.i18n.catalogue import Catalogues, choose_locale
from app.kernel.refusal import Refusal, Term

_LOG = structlog.get_logger("api")
_FAULTS = Counter("spean_faults_total", "Requests that failed by our own fault", ["error"])
_REFUSALS = Counter("spean_refusals_total", "Requests that a rule refused", ["code"])
BY_STATUS: Final[Mapping[int, str]] = {
    400: "validation",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media",
    422: "validation",
    429: "rate_limited",
    503: "busy",
}
_OUR_STEP: Final = re.compile(r"|v1|[a-z][a-z._-]{1,30}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What a program should do: let its worker give the password again. Source: RFC 9470, section 3.
_SIGN_IN_AGAIN: Final = 'Bearer error="insufficient_user_authentication", max_age=600'
TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """One field of a request that is not as it should be."""

    field: str = Field(examples=["body.categories"])
    code: str = Field(examples=["missing"])


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457)."""

    type: str = Field(examples=["urn:spean:problem:case.already_accepted"])
    title: str
    status: int
    detail: str
    code: str = Field(description="stable; for programs", examples=["case.already_accepted"])
    instance: str
    errors: list[FieldProblem] | None = None
    owner: str | None = Field(default=None, description="where somebody has it already: what they are called")
    field: str | None = Field(default=None, description="where one header or part of it is at fault: which")
    wipe: bool | None = Field(default=None, description="where the device is to forget everything it holds")
    owner_id: UUID | None = Field(default=None, description="where somebody has it already: who")
    because: str | None = Field(default=None, description="where a phone must not be used: why")
    next_safe_at: datetime | None = Field(default=None, description="when a person may be called, if ever")


class Problems:
    """Answers every refusal and fault of the application."""

    def __init__(self, catalogues: Catalogues) -> None:
        """Keep the words."""
        self._catalogues = catalogues

    def attach(self, app: FastAPI) -> None:
        """Answer for this application."""
        app.add_exception_handler(Refusal, self._refusal)  # type: ignore[arg-type]  # Starlette knows no narrower type
        app.add_exception_handler(RequestValidationError, self._invalid)  # type: ignore[arg-type]  # as above
        app.add_exception_handler(HTTPException, self._http)  # type: ignore[arg-type]  # as above
        app.add_exception_handler(Exception, self._fault)

    def _refusal(self, request: Request, refusal: Refusal) -> Response:
        _REFUSALS.labels(refusal.code).inc()
        headers = {}
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if refusal.code == "fresh_sign_in_needed":
            headers["WWW-Authenticate"] = _SIGN_IN_AGAIN
        if seconds := refusal.details.get("seconds"):
            headers["Retry-After"] = str(seconds)
        if minutes := refusal.details.get("minutes"):
            headers["Retry-After"] = str(int(minutes) * 60)
        if refusal.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            headers["Content-Range"] = f"bytes */{refusal.details['size_bytes']}"
        told = {name: refusal.details.get(name) for name in refusal.told}
        return self.answer(
            request, refusal.code, refusal.status, refusal.details, headers=headers, told=told,
            words=refusal.words,
        )  # fmt: skip

    def _invalid(self, request: Request, problem: RequestValidationError) -> Response:
        # The library's own message can repeat what somebody typed, so only place and kind go out.
        errors = [
            {"field": ".".join(str(step) for step in error["loc"]), "code": error["type"]}
            for error in problem.errors()
        ]
        return self.answer(request, "validation", 422, {}, errors=errors)

    def _http(self, request: Request, problem: HTTPException) -> Response:
        code = BY_STATUS.get(problem.status_code, "refused")
        unreadable = [{"field": "body", "code": "unreadable"}] if code == "validation" else None
        return self.answer(request, code, problem.status_code, {}, errors=unreadable, headers=problem.headers)

    def _fault(self, request: Request, problem: Exception) -> Response:
        name = type(problem).__name__
        _FAULTS.labels(name).inc()
        route = request.scope.get("route")
        _LOG.error("fault", error=name, route=getattr(route, "path", None), where=_where(problem))
        return self.answer(request, "internal", 500, {})

    def answer(
        self,
        request: Request,
        code: str,
        status: int,
        details: Mapping[str, str | int | None],
        *,
        errors: Sequence[Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        told: Mapping[str, Any] | None = None,
        words: str | None = None,
    ) -> Response:
        """The problem details in the language that the request prefers; `told` are further members."""
        language = choose_locale(request.headers.get("accept-language"))
        details = {
            name: self._catalogues.text(value, language) if isinstance(value, Term) else value
            for name, value in details.items()
        }
        body: dict[str, Any] = {
            "type": f"urn:spean:problem:{code}",
            "title": self._catalogues.fill(f"refusal.{words or code}.title", language, details),
            "status": status,
            "detail": self._catalogues.fill(f"refusal.{words or code}.detail", language, details),
            "code": code,
            "instance": _shown_path(request.url.path),
            **(told or {}),
        }
        if errors is not None:
            body["errors"] = list(errors)
        sent = {"Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
        return Response(orjson.dumps(body), status, sent, TYPE)


def _shown_path(path: str) -> str:
    """The path with a dash for each step that is neither a word of ours nor an id.

    Somebody who types a phone number or a name into an address must not meet it again in an error,
    which devices and proxies keep.
    """
    return "/".join(step if _OUR_STEP.fullmatch(step) else "-" for step in path.split("/"))


def _where(problem: Exception) -> list[str]:
    """The places in our code that the fault passed, without any value."""
    places = []
    trace = problem.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/app/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-6:]
