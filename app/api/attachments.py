"""Attachments: what files a case has, and reading one, whole or from where the line broke."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import Header
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.views import AttachmentOut, Attachments
from app.identity.rules import Action
from app.usecases import attaching

door = Door(tags=["attachments"])
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_NOT_SATISFIABLE: Final = 416


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
    size = file.kept.size_bytes
    etag = f'"{file.kept.sha256}"'
    part = _part(range_ if if_range in {None, etag} else None, size)
    headers = {
        "Accept-Ranges": "bytes", "ETag": etag, "Content-Length": str(part.stop - part.start),
        "Content-Disposition": _disposition(file.name),
        # Shown by a browser all the same, it may run nothing and reach nothing.
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        # Said, so that nothing on the way compresses it: the ranges are of these very bytes.
        "Content-Encoding": "identity",
    }  # fmt: skip
    if part.is_part:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    pieces = attaching.read_file(given.files, file, start=part.start, stop=part.stop)
    return StreamingResponse(
        _begun(pieces), 206 if part.is_part else 200, headers=headers, media_type=file.kept.kind.value
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Which bytes are asked for, the last one not included."""

    start: int
    stop: int
    is_part: bool


def _part(asked: str | None, size: int) -> _Part:
    """What a `Range` header asks for. Several ranges, and what is none, are answered with everything.

    Raises: HTTPException, 416, for one that begins behind the end.
    """
    whole = _Part(0, size, is_part=False)
    found = _RANGE.fullmatch((asked or "").replace(" ", ""))
    if not found or not (found[1] or found[2]):
        return whole
    if found[1]:
        start, stop = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return whole
    else:
        start, stop = max(0, size - int(found[2])), size
    if start >= size:
        raise HTTPException(_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{size}"})
    return _Part(start, stop, is_part=True)


def _disposition(name: str) -> str:
    """To be saved, never shown in place; the name also for programs that know only ASCII (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, the first of them made already: a fault before it is a 500, not a torn file."""
    return chain([next(pieces, b"")], pieces)
