"""Uploads over tus 1.0: a worker's files arrive piece by piece, over lines that are slow and break."""

from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.doors import Asked, Door, Given, Services, lets, may_answer, services
from app.api.lines import Line
from app.api.tus import BYTES, EXTENSIONS, PATH, VERSION, AskedInTus, number, pieces_of, standing, wish_of
from app.identity.rules import Action
from app.store.files import CHUNK_BYTES, FileRef
from app.usecases import attaching
from app.usecases.attaching import Attachment, State, TooLong, TypeRefused

door = Door(prefix=PATH, tags=["attachments"])
_UNSUPPORTED: Final = 415
_BODY: Final = {
    "requestBody": {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}},
}
_SOME_HEADER: Final = Header(max_length=8192)
_Text = Annotated[str | None, _SOME_HEADER]


async def _line(request: Request, upload_id: UUID) -> AsyncIterator[Line]:
    """This request, known as one that brings bytes from its first moment to its last."""
    with services(request).lines.own(upload_id) as line:
        yield line


@door.options("", status_code=204, responses=may_answer(), response_class=Response)
@lets(Action.WORK_CASES)
def what_is_spoken(asked: Asked) -> Response:
    """Which version and extensions of tus are spoken here, and how large a file may be."""
    largest = asked.office.rulebook.attachments.file_bytes
    headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(largest)}
    return Response(status_code=204, headers=headers)


@door.post(
    "", status_code=201, responses=may_answer(404, 409, 410, 412, 413, 415, 422, 423, 429),
    response_class=Response, openapi_extra=_BODY,
)  # fmt: skip
@lets(Action.WORK_CASES)
async def begin_upload(
    asked: AskedInTus,
    given: Given,
    request: Request,
    upload_length: _Text = None,
    upload_metadata: _Text = None,
    content_type: _Text = None,
) -> Response:
    """Announce a file of a case: `Upload-Metadata` holds `id`, `case_id`, `sha256`, `filename`, `filetype`.

    The same announcement again is the same upload. The first bytes may come in the same request.
    """
    wish = wish_of(upload_metadata, upload_length)

    def begin() -> Attachment:
        with asked.office.work(asked.now) as uow:
            return attaching.begin(uow, asked.worker, wish, given.files.new(), now=asked.now)

    upload = await run_in_threadpool(begin)
    if content_type == BYTES and upload.offset_bytes == 0:
        with given.lines.own(upload.id) as line:
            await given.lines.hand_over(upload.id, to=line)
            upload = await _take(request, given, upload, line)
    headers = {"Location": f"{PATH}/{upload.id}", **standing(upload)}
    return Response(status_code=201, headers=headers)


@door.head("/{upload_id}", responses=may_answer(404, 410, 412, 423), response_class=Response)
@lets(Action.WORK_CASES)
async def see_upload(asked: AskedInTus, given: Given, upload_id: UUID) -> Response:
    """How far your own upload has come: what arrived before a cut is kept."""

    def look() -> Attachment:
        with asked.office.look() as uow:
            upload = attaching.own_upload(uow, asked.worker, upload_id)
        upload.must_take_bytes(asked.now)
        return upload

    upload = await run_in_threadpool(look)
    if not upload.is_whole:
        await given.lines.hand_over(upload_id)
        upload = await run_in_threadpool(look)
    if upload.is_whole:
        upload = await run_in_threadpool(_settled, given, upload)
    headers = {
        "Upload-Length": str(upload.size_bytes), "Upload-Metadata": upload.announced,
        "Cache-Control": "no-store", **standing(upload),
    }  # fmt: skip
    return Response(status_code=200, headers=headers)


@door.patch(
    "/{upload_id}", status_code=204, responses=may_answer(404, 409, 410, 412, 413, 415, 422, 423),
    response_class=Response, openapi_extra=_BODY,
)  # fmt: skip
@lets(Action.WORK_CASES)
async def add_bytes(
    line: Annotated[Line, Depends(_line)],  # first: whoever comes back while we look who asks, must find it
    asked: AskedInTus,
    given: Given,
    request: Request,
    upload_id: UUID,
    upload_offset: _Text = None,
    content_type: _Text = None,
    content_length: _Text = None,
) -> Response:
    """Send the bytes from `Upload-Offset` on. With the last of them the file is checked, kept or refused."""
    if content_type != BYTES:
        raise HTTPException(_UNSUPPORTED)
    at = number(upload_offset, name="Upload-Offset")
    announced = number(content_length, name="Content-Length") if content_length else 0

    def look() -> Attachment:
        with asked.office.look() as uow:
            return attaching.own_upload(uow, asked.worker, upload_id)

    await run_in_threadpool(look)
    await given.lines.hand_over(upload_id, to=line)
    upload = await run_in_threadpool(look)
    attaching.must_be_at(upload, at, now=asked.now)
    if at + announced > upload.size_bytes:
        raise TooLong
    upload = await _take(request, given, upload, line)
    return Response(status_code=204, headers=standing(upload))


@door.delete("/{upload_id}", status_code=204, responses=may_answer(404, 410, 412), response_class=Response)
@lets(Action.WORK_CASES)
def withdraw_upload(asked: AskedInTus, given: Given, upload_id: UUID) -> Response:
    """Let go of your own unfinished upload. A complete file belongs to its case and stays."""
    with asked.office.work(asked.now) as uow:
        attaching.withdraw(uow, asked.worker, upload_id, now=asked.now)
    given.look_after(upload_id)
    return Response(status_code=204)


async def _take(request: Request, given: Services, upload: Attachment, line: Line) -> Attachment:
    """The upload with the body's bytes, also those of a body that was cut; settled, if it is whole.

    Every chunk is acknowledged in the row before the next, and no lock is held while waiting for one:
    a device whose line died finds its upload free, and sends at most a chunk again.
    Raises: TooLong, OffsetConflict, UploadGone, FileBusy, or why the file was refused.
    """
    waiting = bytearray()
    async for piece in pieces_of(request, line.wanted):
        waiting += piece
        if upload.offset_bytes + len(waiting) > upload.size_bytes:
            raise TooLong
        while waiting and (not piece or len(waiting) >= _to_the_next_chunk(upload)):
            room = _to_the_next_chunk(upload)
            upload = await run_in_threadpool(_keep, given, upload, bytes(waiting[:room]))
            del waiting[:room]
    if waiting:
        upload = await run_in_threadpool(_keep, given, upload, bytes(waiting))
    if upload.is_whole:
        upload = await run_in_threadpool(_settled, given, upload)
    return upload


def _to_the_next_chunk(upload: Attachment) -> int:
    """Whole chunks are written once; a begun one is written anew each time it grows."""
    return CHUNK_BYTES - upload.offset_bytes % CHUNK_BYTES


def _keep(given: Services, upload: Attachment, piece: bytes) -> Attachment:
    """The upload with these bytes, first on the disk, then in the row."""
    now = given.clock.now()
    if upload.offset_bytes == 0 and attaching.is_hopeless(piece):
        with given.office.work(now) as uow:
            attaching.refuse_at_once(uow, upload.id, now=now)
        given.look_after(upload.id)
        raise TypeRefused
    name, key = attaching.place_of(upload)
    with given.files.alone(name):
        with given.office.look() as uow:
            attaching.must_go_on(uow, upload, now=now)
        to = given.files.append(FileRef(name, key), [piece], at=upload.offset_bytes, limit=upload.size_bytes)
        with given.office.work(now) as uow:
            return attaching.grow(uow, upload, to=to, now=now)


def _settled(given: Services, whole: Attachment) -> Attachment:
    """The upload, checked and part of its case. Raises: why it was refused, FileBusy."""
    if whole.state is State.PENDING:
        given.look_after(whole.id)
        with given.office.look() as uow:
            whole = attaching.upload_of(uow, whole.id) or whole
    whole.must_take_bytes(given.clock.now())
    return whole
