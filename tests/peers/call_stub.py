"""A tiny service with canned documents, and a line to it, for the tests of the call peer itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tests.peers import Answer
from tests.peers.calls import Heard, Line, Script

ACCOUNT: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "not-a-secret"
PUBLIC: Final = "https://hotline.example"
OURS, THEIRS, DUTY = "+855312345678", "+66812345678", "+85512345678"
XML: Final = {"content-type": "text/xml; charset=utf-8"}
HANGUP: Final = "<Hangup/>"

RECORD = (
    '<Record action="/1" maxLength="120" timeout="5" finishOnKey="#" recordingStatusCallback="/recording"'
    ' recordingStatusCallbackEvent="completed absent"/><Redirect>/2</Redirect>'
)


@dataclass
class Stub:
    """A service with one canned document for each path; what is not listed hangs up."""

    documents: dict[str, str | Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, form: Mapping[str, str]) -> Answer:
        """Answer a form."""
        path = urlsplit(url).path
        self.asked.append((path, dict(form)))
        found = self.documents.get(path, HANGUP)
        return found if isinstance(found, Answer) else Answer(200, XML, f"<Response>{found}</Response>")

    @property
    def paths(self) -> list[str]:
        """Where it was asked, in order."""
        return [path for path, _ in self.asked]

    def form(self, path: str) -> dict[str, str]:
        """The last form for a path."""
        return next(form for asked, form in reversed(self.asked) if asked == path)


def a_line(*documents: str | Answer, at: Mapping[str, str | Answer] | None = None, **changes: Any) -> Line:
    """A line whose first document is at /twilio/voice, the others at /1, /2 and so on."""
    first, *others = documents or (HANGUP,)
    paths = {"/twilio/voice": first} | {f"/{i}": one for i, one in enumerate(others, 1)} | dict(at or {})
    return Line(Stub(paths), ACCOUNT, PUBLIC, **changes)


def stub(line: Line) -> Stub:
    assert isinstance(line.post, Stub)
    return line.post


def ring(line: Line, *steps: Any, hang_up_at: int | None = None) -> Heard:
    return line.call(THEIRS, OURS, Script(*steps, hang_up_at=hang_up_at))
