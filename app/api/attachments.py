"""Attachments: what files a case has, and reading one, whole or from where the line broke."""

import re
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Header
from starlette.responses import StreamingResponse

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.ranges import begun, span_of
from app.api.views import AttachmentOut, Attachments
from app.identity.rules import Action
from app.usecases import attaching

door = Door(tags=["attachments"])


@door.get("/v1/cases/{case_id}/attachments", responses=may_answer(404))
@lets(Action.READ_CASES)
def list_attachments(asked: Asked, case_id: UUID) -> Attachments:
    """The files of a case, oldest first, those on their way and those refused among them. Remembered."""
    with asked.office.work(asked.now) as uow:
        found = attaching.see_attachments(uow, asked.worker, case_id)
    return Attachments(items=[AttachmentOut.of(attachment) for attachment in found])


@door.get("/v1/attachments/{attachment_id}", responses=may_answer(404))
@lets(Action.READ_CASES)
def see_attachment(asked: Asked, attachment_id: UUID) -> AttachmentOut:
    """One file of a case: how far it has come, what it is, or why it was refused."""
    with asked.office.look() as uow:
        return AttachmentOut.of(attaching.see_attachment(uow, asked.worker, attachment_id))


@door.get(
    "/v1/attachments/{attachment_id}/file",
    responses={
        **may_answer(404, 416),
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "Partial Content", "content": {"application/octet-stream": {}}},
    },
    response_class=StreamingResponse,
)
@lets(Action.READ_CASES)
def read_file(
    asked: Asked,
    given: Given,
    attachment_id: UUID,
    range_: Annotated[str | None, Header(alias="range", max_length=100)] = None,
    if_range: Annotated[str | None, Header(max_length=100)] = None,
) -> Any:  # noqa: ANN401 - a stream
    """The file itself, once it is complete; `Range` for a part of it. Remembered before the first byte."""
    with asked.office.work(asked.now) as uow:
        file = attaching.open_file(uow, asked.worker, attachment_id)
    etag = f'"{file.kept.sha256}"'
    span = span_of(range_ if if_range in {None, etag} else None, file.kept.size_bytes)
    headers = {
        **span.headers, "ETag": etag,
        "Content-Disposition": _disposition(file.name),
        # Shown by a browser all the same, it may run nothing and reach nothing.
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        # Said, so that nothing on the way compresses it: the ranges are of these very bytes.
        "Content-Encoding": "identity",
    }  # fmt: skip
    pieces = attaching.read_file(given.files, file, start=span.start, stop=span.stop)
    return StreamingResponse(begun(pieces), span.status, headers, media_type=file.kept.kind.value)


def _disposition(name: str) -> str:
    """To be saved, never shown in place; the name also for programs that know only ASCII (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
