"""Exports: asked for, looked after, fetched and deleted; and the plain CSV of cases, streamed at once."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Header, Query
from starlette.responses import Response, StreamingResponse

from app.api import cursors
from app.api.doors import Asked, Asking, Door, Given, lets, may_answer
from app.api.export_views import ExportIn, ExportOut, ExportPage, ManifestOut, When, moment_of
from app.api.ranges import begun, span_of
from app.api.schemas import CategoryCode
from app.cases.rules.stages import Status
from app.exports import jobs, service
from app.exports.rules import WantedCases
from app.i18n.catalogue import choose_locale
from app.identity.rules import Action

door = Door(prefix="/v1/exports", tags=["exports"])

Language = Annotated[str | None, Header(alias="accept-language", max_length=200)]
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_FILE: Final[dict[str, Any]] = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}


@door.get(
    "/cases.csv",
    responses={**may_answer(), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
)
@lets(Action.EXPORT_CASES, under_duress="sees_nothing")
def cases_as_csv(
    asked: Asked,
    opened_from: Annotated[When | None, Query(alias="from", description="a day, or a time")] = None,
    opened_to: Annotated[
        When | None, Query(alias="to", description="a day, which counts, or a time, which no longer does")
    ] = None,
    status: Annotated[list[Status], Query()] = [],  # noqa: B006 - FastAPI copies it
    category: Annotated[list[CategoryCode], Query()] = [],  # noqa: B006 - FastAPI copies it
    locale: Annotated[Literal["km", "en"] | None, Query(description="of the headings")] = None,
    accept_language: Annotated[str | None, Header(max_length=200)] = None,
) -> Any:  # noqa: ANN401 - a stream
    """The cases that you may know of, oldest first. Remembered in the audit chain before the first row."""
    office = asked.office
    office.rulebook.must_know(tuple(category))
    zone = office.rulebook.ladders.calendar.timezone
    wanted = WantedCases(
        opened_from=moment_of(opened_from, zone),
        opened_to=moment_of(opened_to, zone, after=timedelta(days=1)),
        statuses=tuple(item.value for item in status),
        categories=tuple(category),
        locale=locale or choose_locale(accept_language),
    )
    with office.work(asked.now) as uow:
        plan = service.begin(uow, asked.worker, wanted, asked.now)
    pieces = service.stream(office.database, office.vault, office.rulebook.catalogues, plan)
    disposition = f'attachment; filename="{plan.file_name}"'
    return StreamingResponse(
        begun(pieces), headers={"Content-Disposition": disposition}, media_type=_TYPES["csv"]
    )


@door.post("", status_code=202, responses=may_answer(409))
@lets(Action.READ_STATISTICS)
def ask(asked: Asked, given: Given, body: ExportIn, accept_language: Language = None) -> ExportOut:
    """Ask for an export, to be made by and by. What holds names needs a reason, a password for the
    archive, and a sign-in within the last ten minutes.
    """
    needed = jobs.action_for(body.profile)
    asked.held.must_be_allowed(needed, asked.now, totp_roles=given.terms.totp_roles)
    zone = asked.office.rulebook.ladders.calendar.timezone
    password = body.password.get_secret_value() if body.password else None
    wish = jobs.Asked(
        asked.worker, body.wanted(zone, choose_locale(accept_language)), body.id, body.reason, password
    )
    with asked.office.work(asked.now) as uow:
        job = jobs.ask(uow, wish, asked.now)
    return _shown(asked, job, accept_language)


@door.get("", responses=may_answer())
@lets(Action.READ_STATISTICS)
def list_exports(
    asked: Asked,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    accept_language: Language = None,
) -> ExportPage:
    """The exports that you asked for, and those of your organisation, newest first."""
    with asked.office.look() as uow:
        found, more = jobs.listed(uow, asked.worker, after=cursors.read(cursor), limit=limit)
    return ExportPage(
        items=[_shown(asked, job, accept_language) for job in found],
        next_cursor=cursors.write(found[-1].asked_at, found[-1].id) if more else None,
    )


@door.get("/{export_id}", responses=may_answer(404))
@lets(Action.READ_STATISTICS)
def see(asked: Asked, export_id: UUID, accept_language: Language = None) -> ExportOut:
    """How far an export has come, until when its file can be fetched, or why there is none."""
    with asked.office.look() as uow:
        job = jobs.see(uow, asked.worker, export_id)
    return _shown(asked, job, accept_language)


@door.get(
    "/{export_id}/file",
    responses={
        **may_answer(404, 409, 410, 416),
        200: {"description": "The whole file", "content": _FILE},
        206: {"description": "The part that `Range` asks for", "content": _FILE},
    },
    response_class=StreamingResponse,
)
@lets(Action.READ_STATISTICS)
def fetch(
    asked: Asked,
    given: Given,
    export_id: UUID,
    asked_range: Annotated[
        str | None, Header(alias="Range", max_length=1_000, description="one range of bytes")
    ] = None,
    if_range: Annotated[str | None, Header(max_length=1_000)] = None,
) -> Any:  # noqa: ANN401 - a stream
    """The file, opened as it is sent; `Range` for a part of it. Remembered before the first byte."""
    with asked.office.work(asked.now) as uow:
        job = jobs.see(uow, asked.worker, export_id)
        size, etag = job.size_bytes or 0, f'"{job.sha256}"'
        job.must_be_there(asked.now)
        span = span_of(asked_range if if_range in {None, etag} else None, size)
        part = None if span.whole else f"{span.start}-{span.stop - 1}"
        job, file = jobs.download(uow, asked.worker, export_id, asked.now, part=part)
    if not given.exports.exists(file.name):
        raise jobs.Expired  # A backup was put back that is older than the file, or has none.
    headers = {
        **span.headers, "ETag": etag,
        "Content-Disposition": f'attachment; filename="{job.download_name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        # Said, so that nothing on the way compresses it: the ranges are of these very bytes.
        "Content-Encoding": "identity",
    }  # fmt: skip
    pieces = given.exports.read(file, size=size, start=span.start, stop=span.stop)
    return StreamingResponse(begun(pieces), span.status, headers, media_type=_TYPES[job.file_kind])


@door.get("/{export_id}/manifest", responses=may_answer(404, 409, 410))
@lets(Action.READ_STATISTICS)
def see_manifest(asked: Asked, export_id: UUID) -> ManifestOut:
    """What the file holds: filters, rows, the SHA-256 of each part, the version of its columns."""
    with asked.office.look() as uow:
        job = jobs.see(uow, asked.worker, export_id)
    job.must_be_there(asked.now)
    return ManifestOut(dict(job.manifest or {}))


@door.get(
    "/{export_id}/codebook",
    responses={**may_answer(404, 409, 410), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
@lets(Action.READ_STATISTICS)
def see_codebook(asked: Asked, export_id: UUID) -> Any:  # noqa: ANN401 - text
    """What each column of the file means, and which values it may hold, as CSV."""
    with asked.office.look() as uow:
        job = jobs.see(uow, asked.worker, export_id)
    job.must_be_there(asked.now)
    headers = {"Content-Disposition": f'attachment; filename="codebook-{job.wanted.profile.value}.csv"'}
    return Response((job.codebook or "").encode(), headers=headers, media_type=_TYPES["csv"])


@door.delete("/{export_id}", status_code=204, responses=may_answer(404))
@lets(Action.READ_STATISTICS)
def delete(asked: Asked, given: Given, export_id: UUID) -> None:
    """The file is gone, and what is being made is not finished. That it was asked for is remembered."""
    with asked.office.work(asked.now) as uow:
        name = jobs.delete(uow, asked.worker, export_id, asked.now)
    if name:
        given.exports.delete(name)


def _shown(asked: Asking, job: jobs.Job, accept_language: str | None) -> ExportOut:
    catalogues = asked.office.rulebook.catalogues
    return ExportOut.of(job, asked.now, catalogues, choose_locale(accept_language))
