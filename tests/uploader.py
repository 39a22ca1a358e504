"""A field app's side of tus, strict about what the protocol promises it, on the doors of this process."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from httpx import Response

from app.identity.rules import Worker
from tests import photos
from tests.makers import Installation

TUS: Final = {"Tus-Resumable": "1.0.0"}
BYTES: Final = "application/offset+octet-stream"


def metadata(**told: str) -> str:
    """An `Upload-Metadata` header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())


@dataclass
class Upload:
    """One file that a worker sends."""

    here: Installation
    worker: Worker
    case_id: UUID
    content: bytes
    filename: str = "slip.pdf"
    filetype: str = "application/pdf"
    id: UUID = field(default_factory=uuid4)
    sha256: str | None = None

    @property
    def location(self) -> str:
        return f"/v1/blobs/{self.id}"

    @property
    def metadata(self) -> str:
        digest = self.sha256 or hashlib.sha256(self.content).hexdigest()
        return metadata(
            filename=self.filename, filetype=self.filetype, id=str(self.id), case_id=str(self.case_id),
            sha256=digest,
        )  # fmt: skip

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        by: Worker | None = None,
    ) -> Response:
        """One request, in our version of the protocol unless `headers` say otherwise."""
        token = self.here.token(by or self.worker)
        sent = {"Authorization": f"Bearer {token}", **TUS, **(headers or {})}
        answer: Response = self.here.client.request(method, path, headers=sent, content=content)
        assert answer.headers["tus-resumable"] == "1.0.0"
        return answer

    def announce(self, **changes: Any) -> Response:
        headers = {"Upload-Length": str(len(self.content)), "Upload-Metadata": self.metadata}
        return self.ask("POST", "/v1/blobs", headers, **changes)

    def send(self, start: int, stop: int | None = None, **changes: Any) -> Response:
        """The bytes from `start` to `stop`."""
        headers = {"Upload-Offset": str(start), "Content-Type": BYTES}
        return self.ask("PATCH", self.location, headers, content=self.content[start:stop], **changes)

    def look(self, **changes: Any) -> Response:
        return self.ask("HEAD", self.location, **changes)

    def offset(self) -> int:
        answer = self.look()
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    def withdraw(self, **changes: Any) -> Response:
        return self.ask("DELETE", self.location, **changes)

    def whole(self) -> Response:
        """Announced and sent at once; the last answer."""
        answer = self.announce()
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == self.location
        return self.send(0)

    def shown(self, by: Worker | None = None) -> Any:
        """What the attachment's door tells."""
        return self.here.ask(by or self.worker, "GET", f"/v1/attachments/{self.id}")

    def file(self, by: Worker | None = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.here.ask(by or self.worker, "GET", f"/v1/attachments/{self.id}/file", headers=sent)


def a_pdf(size: int = 1000) -> bytes:
    """A file of this size whose every part differs from every other."""
    numbers = b"".join(b"%08d" % number for number in range(size // 8 + 1))
    return (b"%PDF-1.7\n" + numbers)[:size]


def a_photo(size: int = 150_000) -> bytes:
    """A photo of about this size with a position in it."""
    return photos.photo(a_pdf(size // 2))


def files_on_disk(here: Installation) -> set[str]:
    return {name for name, _ in here.application.files.names()}


def look_after_all(here: Installation) -> int:
    count = 0
    while here.application.attachments.step(here.clock.now()):
        count += 1
        assert count < 100
    return count


def send_rest(here: Installation, *, token: str, upload_id: str, content: bytes) -> int:
    """Ask how far an upload has come and send what is missing; the last answer's status."""
    where = f"/v1/blobs/{upload_id}"
    headers = {"Authorization": f"Bearer {token}", **TUS}
    looked = here.client.head(where, headers=headers)
    if looked.status_code != 200:
        return int(looked.status_code)
    at = int(looked.headers["upload-offset"])
    sent = {**headers, "Upload-Offset": str(at), "Content-Type": BYTES}
    return int(here.client.patch(where, headers=sent, content=content[at:]).status_code)
