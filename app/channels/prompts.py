"""The door at which carriers fetch prompts: sounds at addresses that nobody can guess."""

import re
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.store.plain_files import PlainFiles
from app.usecases import prompting
from app.usecases.prompting import TONE, Served
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("prompts")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_-]{16,64}\.(wav|mp3)")
# What stands at an address never changes: a new recording has a new one.
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class PromptDoor:
    """Serves what is recorded, without a sign-in: prompts are what every caller hears."""

    office: Office
    files: PlainFiles

    async def get(self, request: Request) -> Response:
        """`GET /prompts/{address}`: one sound, for ever the same."""
        address = request.path_params["address"]
        name, content, sound = TONE
        if address == name:
            return self._given(request, Served(name, sound), content)
        found = await run_in_threadpool(self._found, address) if _ADDRESS.fullmatch(address) else None
        return self._given(request, found) if found else Response(status_code=404)

    def _found(self, address: str) -> Served | None:
        with self.office.look() as uow:
            served = prompting.served(uow, address)
        if served and not self.files.path(served.file).is_file():
            _LOG.error("prompt_file_missing", file=served.file)
            return None
        return served

    def _given(self, request: Request, served: Served, content: bytes | None = None) -> Response:
        tag = f'"{served.sound.sha256}"'
        headers = {"Cache-Control": _FOR_EVER, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if content is None:
            path = self.files.path(served.file)
            return FileResponse(path, media_type=served.sound.media_type, headers=headers)
        body = content if request.method == "GET" else b""
        headers["Content-Length"] = str(len(content))
        return Response(body, media_type=served.sound.media_type, headers=headers)
