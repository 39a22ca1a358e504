"""What a carrier and our service say to each other about calls: requests, callbacks, and what was heard."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.peers import Answer
from tests.peers.callers import Answers, nobody
from tests.peers.rest import API_VERSION
from tests.peers.twiml import Document, Flavour, Gather, Record, Say, Verb
from tests.peers.voice import Voice

Post: TypeAlias = Callable[[str, Mapping[str, str]], Answer]
Fetch: TypeAlias = Callable[[str], Answer]
Kind: TypeAlias = Literal["call", "recording", "machine"]

_API: Final = {"twilio": "https://api.twilio.com", "somleng": "https://api.somleng.org"}
_SIP: Final = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}


class Ended(StrEnum):
    """How a call came to its end."""

    HUNG_UP = "hung up by us"
    LEFT = "the caller hung up"
    REJECTED = "rejected"
    DROPPED = "dropped"
    TOO_MANY_DOCUMENTS = "too many documents"
    RAN_OUT = "end of the document"
    STOPPED = "ended through the API"
    NOT_ANSWERED = "nobody answered"


class Over(Exception):
    """Raised where a leg of a call ends."""

    def __init__(self, ended: Ended) -> None:
        """Carry how."""
        super().__init__(ended)
        self.ended = ended


@dataclass(frozen=True)
class Asked:
    """Keys that were asked for, and the digits that came; None for none at all."""

    gather: Gather
    digits: str | None


@dataclass(frozen=True)
class Recorded:
    """A message that was asked for. An absent one holds nothing and has no `sid`."""

    record: Record
    sid: str | None
    seconds: int
    digits: str | None = None

    @property
    def absent(self) -> bool:
        """Whether the recording was empty."""
        return self.sid is None


@dataclass(frozen=True)
class Dialled:
    """One phone that was rung, and what came of it: completed, busy, no-answer, failed or canceled."""

    number: str
    sid: str
    timeout: int
    caller_id: str | None
    result: str
    seconds: int = 0
    whisper: "Heard | None" = None


@dataclass
class Heard:
    """All that happened on one leg of a call. `seconds` are of the simulated clock.

    `requests` counts whatever was posted for this call, callbacks and whispers included. `status` is the
    carrier's word for the end; `faults` is everything that a carrier would not have forgiven.
    """

    sid: str
    documents: list[Document] = field(default_factory=list)
    verbs: list[Verb] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    said: list[Say] = field(default_factory=list)
    gathers: list[Asked] = field(default_factory=list)
    recordings: list[Recorded] = field(default_factory=list)
    dials: list[Dialled] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ended: Ended = Ended.RAN_OUT
    status: str = "completed"
    rejected_as: str | None = None
    answered: bool = False
    seconds: float = 0.0
    requests: int = 0

    @property
    def digits(self) -> list[str | None]:
        """What was pressed, one entry for each Gather."""
        return [asked.digits for asked in self.gathers]


@dataclass(frozen=True)
class Callback:
    """Something the carrier tells us beside the flow of the call."""

    kind: Kind
    url: str
    form: Mapping[str, str]
    heard: Heard
    late: bool = False

    @property
    def status(self) -> str:
        """The status that it tells."""
        return self.form.get("CallStatus" if self.kind == "call" else "RecordingStatus", "")


@dataclass
class Exchange:
    """One account at a carrier, as our service sees it.

    `post` posts a signed form to a public URL. With `auto` callbacks are delivered when a carrier would;
    else they wait in `pending`. `delivered` holds those delivered, with our answers. Without
    `tells_of_hangups` the action of a Record or a Dial is not requested once the caller is gone.
    """

    post: Post
    account_sid: str
    base_url: str
    flavour: Flavour = "twilio"
    fetch: Fetch | None = None
    answers: Answers = nobody
    voice: Voice | None = None
    most_documents: int = 10
    auto: bool = True
    tells_of_hangups: bool = True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    pending: list[Callback] = field(default_factory=list)
    delivered: list[tuple[Callback, Answer]] = field(default_factory=list)
    _sequence: dict[str, int] = field(default_factory=dict)

    @property
    def somleng(self) -> bool:
        """Whether the carrier is Somleng."""
        return self.flavour == "somleng"

    def new_sid(self, prefix: str) -> str:
        """A fresh identifier; Somleng's are UUIDs."""
        return str(uuid4()) if self.somleng else prefix + secrets.token_hex(16)

    def ask(self, url: str, form: Mapping[str, str], heard: Heard) -> Answer:
        """Request a document. Raises: Over when nobody answers, or when the URL is not our service's."""
        origin = urlsplit(self.base_url)[:2]
        if urlsplit(url)[:2] != origin:
            heard.faults.append(f"{url!r} is not below {self.base_url}")
            raise Over(Ended.DROPPED)
        heard.requests += 1
        try:
            return self.post(url, dict(form))
        except httpx.TransportError as silent:
            heard.faults.append(f"canned error: {type(silent).__name__}")
            raise Over(Ended.DROPPED) from silent

    def ask_after_hangup(self, url: str, form: Mapping[str, str], heard: Heard) -> None:
        """Tell our service how a verb ended when nobody is there to hear the answer."""
        if self.tells_of_hangups:
            answer = self.ask(url, form, heard)
            if answer.status != 200:
                heard.faults.append(f"our service answered {answer.status} after a hang-up")

    def tell_call(self, url: str, form: Mapping[str, str], heard: Heard, *, seconds: float = 0) -> None:
        """Queue, or deliver, what became of a call; `form` has its CallStatus."""
        status, sid = form["CallStatus"], form["CallSid"]
        number = self._sequence.get(sid, 0)
        self._sequence[sid] = number + 1
        more = {
            "CallbackSource": "call-progress-events", "Timestamp": format_datetime(self.clock()),
            "SequenceNumber": "0" if self.somleng else str(number),
        }  # fmt: skip
        if (code := _SIP.get(status)) is not None:
            whole = int(seconds) if status == "completed" else 0
            more |= {"CallDuration": str(whole), "SipResponseCode": code}
            if not self.somleng:
                more["Duration"] = str(-(-whole // 60))
        self._tell(Callback("call", url, {**form, **more}, heard))

    def tell_recording(
        self, url: str, recorded: Recorded, heard: Heard, *, sid: str, status: str, now: bool = False
    ) -> None:
        """Queue what became of a recording; left alone, it is told of after the call, save with `now`."""
        form = {
            "AccountSid": self.account_sid, "CallSid": heard.sid, "ApiVersion": API_VERSION,
            "RecordingSid": sid, "RecordingUrl": self.recording_url(sid, heard.sid),
            "RecordingStatus": status, "RecordingChannels": "1", "RecordingSource": "RecordVerb",
            "RecordingStartTime": format_datetime(self.clock()),
        }  # fmt: skip
        if status == "completed":
            form["RecordingDuration"] = str(recorded.seconds)
        if not self.somleng:
            form |= {"RecordingTrack": "inbound", "ErrorCode": "0"}
        self._tell(Callback("recording", url, form, heard, late=not now))

    def tell_machine(self, url: str, form: Mapping[str, str], heard: Heard) -> None:
        """Queue who answered, when that is told beside the call."""
        self._tell(Callback("machine", url, form, heard))

    def recording_url(self, sid: str, call_sid: str) -> str:
        """Where the carrier says that a recording is: always at its own public address."""
        call = f"Calls/{call_sid}/" if self.somleng else ""
        return f"{_API[self.flavour]}/{API_VERSION}/Accounts/{self.account_sid}/{call}Recordings/{sid}"

    def _tell(self, callback: Callback) -> None:
        self.pending.append(callback)
        if self.auto and not callback.late:
            self.deliver(callback)

    def deliver(self, callback: Callback, *, times: int = 1) -> list[Answer]:
        """Post a callback so many times; it no longer waits. One delivered before can be delivered again."""
        if callback in self.pending:
            self.pending.remove(callback)
        return [self._post_callback(callback) for _ in range(times)]

    def deliver_all(self, callbacks: Sequence[Callback] | None = None) -> list[Answer]:
        """Post these callbacks in this order; without any, all that wait, the oldest first."""
        chosen = list(self.pending if callbacks is None else callbacks)
        return [answer for callback in chosen for answer in self.deliver(callback)]

    def _post_callback(self, callback: Callback) -> Answer:
        try:
            answer = self.ask(callback.url, callback.form, callback.heard)
        except Over:
            return Answer(0, {}, "")
        if not 200 <= answer.status < 300:
            callback.heard.faults.append(f"a {callback.kind} callback was answered {answer.status}")
        self.delivered.append((callback, answer))
        return answer
