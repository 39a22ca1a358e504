"""The tus 1.0 protocol: its headers, what a device says of a file in them, and a body as it arrives."""

import asyncio
import base64
import binascii
import re
from collections import deque
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Header
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.doors import Asked, Asking
from app.kernel.refusal import Refusal
from app.usecases.attaching import Attachment, BadMetadata, State, Wish

PATH: Final = "/v1/blobs"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"
BYTES: Final = "application/offset+octet-stream"
_OVERRIDDEN_BY: Final = frozenset({"PATCH", "DELETE", "HEAD"})
_WITH_BODY: Final = frozenset({"PATCH", "POST"})
_AHEAD_BYTES: Final = 512 * 1024  # of each upload that is under way
_LONGEST_METADATA: Final = 4096
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_A_MOMENT_SECONDS: Final = 0.02
_LEAVES_WITHIN_SECONDS: Final = 1.0
_QUIET_SECONDS: Final = 5.0
_MOST_QUIET: Final = 12  # times: after a minute without a byte the line is dead, whatever TCP thinks


class TusVersionUnknown(Refusal):
    """The device speaks another version of the protocol, or does not say which."""

    code = "attachment.tus_version"
    status = 412


class ReadAhead:
    """A body, read as it arrives, whether or not anybody asks for it yet.

    The server throws away what it has of a body when the connection ends, and a cut may follow the
    bytes at once. On a bad line they are worth more than a little memory.
    """

    def __init__(self, receive: Receive) -> None:
        """Nothing is read before `run`."""
        self._receive = receive
        self._arrived: deque[Message | Exception] = deque()
        self._waiting_bytes = 0
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self) -> None:
        """Read until the body, or the connection, has ended."""
        goes_on = True
        while goes_on:
            await self._room.wait()
            message: Message | Exception
            try:
                message = await self._receive()
                goes_on = message["type"] == "http.request" and message.get("more_body", False)
                self._waiting_bytes += len(message.get("body", b""))
            except Exception as problem:  # noqa: BLE001 - it is raised where the body is asked for
                message, goes_on = problem, False
            self._arrived.append(message)
            self._something.set()
            if self._waiting_bytes >= _AHEAD_BYTES:
                self._room.clear()

    async def receive(self) -> Message:
        """The next message, in order."""
        while not self._arrived:
            self._something.clear()
            await self._something.wait()
        message = self._arrived.popleft()
        if isinstance(message, Exception):
            raise message
        self._waiting_bytes -= len(message.get("body", b""))
        if self._waiting_bytes < _AHEAD_BYTES:
            self._room.set()
        return message


class SpeaksTus:
    """Answers under `PATH` carry the protocol's version, and devices behind old proxies may write the
    method into a header, as the protocol says. Bodies are read ahead. Plain ASGI.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand round this application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("x-http-method-override", "")
        if scope["method"] == "POST" and wanted in _OVERRIDDEN_BY:
            scope = {**scope, "method": wanted}

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = VERSION
                if message["status"] == TusVersionUnknown.status:
                    headers["Tus-Version"] = VERSION
            await send(message)

        if scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send_with_version)
            return
        ahead = ReadAhead(receive)
        reading = asyncio.ensure_future(ahead.run())
        try:
            await self._app(scope, ahead.receive, send_with_version)
        finally:
            reading.cancel()


def _asking_in_tus(
    asked: Asked, tus_resumable: Annotated[str | None, Header(max_length=20, examples=[VERSION])] = None
) -> Asking:
    """Who asks, in our version of the protocol. Raises: TusVersionUnknown."""
    if tus_resumable != VERSION:
        raise TusVersionUnknown(version=VERSION)
    return asked


AskedInTus = Annotated[Asking, Depends(_asking_in_tus)]


def number(header: str | None, *, name: str) -> int:
    """A count of bytes from a header. Raises: BadMetadata."""
    if header is None or not _NUMBER.fullmatch(header):
        raise BadMetadata(field=name)
    return int(header)


def wish_of(metadata: str | None, length: str | None) -> Wish:
    """What a device announces. Raises: BadMetadata, which names the part."""
    size = number(length, name="Upload-Length")
    if size == 0:
        raise BadMetadata(field="Upload-Length")
    told = _told(metadata or "")
    sha256 = told.get("sha256", "")
    if not _SHA256.fullmatch(sha256):
        raise BadMetadata(field="sha256")
    declared = told.get("filetype", "").lower()
    return Wish(
        id=_uuid(told, "id"), case_id=_uuid(told, "case_id"), size_bytes=size, sha256=sha256.lower(),
        name=told.get("filename", ""), announced=metadata or "",
        # Whatever else somebody writes there is no type, and perhaps something personal.
        declared_type=declared if _MEDIA_TYPE.fullmatch(declared) else "",
    )  # fmt: skip


def _told(metadata: str) -> dict[str, str]:
    """The pairs of an `Upload-Metadata` header, opened."""
    if len(metadata) > _LONGEST_METADATA:
        raise BadMetadata(field="Upload-Metadata")
    told: dict[str, str] = {}
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if not key or key in told:
            raise BadMetadata(field="Upload-Metadata")
        try:
            told[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise BadMetadata(field="Upload-Metadata") from None
    return told


def _uuid(told: dict[str, str], key: str) -> UUID:
    try:
        return UUID(told.get(key, ""))
    except ValueError:
        raise BadMetadata(field=key) from None


def standing(upload: Attachment) -> dict[str, str]:
    """The headers that tell how far an upload has come."""
    headers = {"Upload-Offset": str(upload.offset_bytes)}
    if upload.state is State.PENDING and not upload.is_whole:
        headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return headers


async def pieces_of(request: Request, wanted: asyncio.Event) -> AsyncIterator[bytes]:
    """The pieces of a body as they arrive, and an empty one where nothing came for some seconds.

    It ends where the body ends, where the connection was cut, where nobody speaks any more, and soon
    after `wanted` is set, for then the device has another line. A body that is cut is not an error
    here: what has arrived has arrived.
    """
    quiet = 0
    leaving = asyncio.ensure_future(wanted.wait())
    end_at: float | None = None
    try:
        while end_at is None or asyncio.get_running_loop().time() < end_at:
            coming = asyncio.ensure_future(request.receive())
            try:
                while not await _came(coming, leaving):
                    quiet += 1
                    if leaving.done() or quiet > _MOST_QUIET:
                        return
                    yield b""
            finally:
                coming.cancel()
            message = coming.result()
            if message["type"] == "http.disconnect":
                return
            if piece := message.get("body", b""):
                quiet = 0
                yield piece
            if not message.get("more_body"):
                return
            if leaving.done() and end_at is None:
                end_at = asyncio.get_running_loop().time() + _LEAVES_WITHIN_SECONDS
    finally:
        leaving.cancel()


async def _came(coming: "asyncio.Future[Any]", leaving: "asyncio.Future[Any]") -> bool:
    """Whether a message came: within some seconds, or, for one who is leaving, was there already."""
    if not leaving.done():
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait({coming, leaving}, timeout=_QUIET_SECONDS, return_when=first)
    if leaving.done() and not coming.done():
        await asyncio.wait({coming}, timeout=_A_MOMENT_SECONDS)
    return coming.done()
