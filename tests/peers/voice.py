"""The voice side of the fake REST API: calls that can be asked for, listed and ended, and recordings."""

import io
import itertools
import threading
import time
import wave
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final, TypeAlias

from tests.peers import Heard, Loopback, Reply
from tests.peers.rest import (
    API_VERSION,
    E164,
    WEB_URL,
    Json,
    checked,
    dated_as_asked,
    names,
    new_sid,
    page,
    refuse_first,
    refused,
    whole,
)

FINISHED: Final = names("completed busy failed no-answer canceled")
_CALL_PARAMS: Final = names(
    "To From Method FallbackUrl FallbackMethod StatusCallback StatusCallbackEvent StatusCallbackMethod"
    " SendDigits Timeout Record RecordingChannels RecordingStatusCallback RecordingStatusCallbackMethod"
    " RecordingStatusCallbackEvent RecordingTrack MachineDetection MachineDetectionTimeout Trim CallerId"
    " AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod CallReason TimeLimit Url Twiml"
    " ApplicationSid"
)
_CALL_LIST: Final = names(
    "To From Status ParentCallSid StartTime StartTime< StartTime> PageSize Page PageToken"
)
_RECORDING_LIST: Final = names("CallSid DateCreated DateCreated< DateCreated> PageSize Page PageToken")
_EVENTS: Final = names("initiated ringing answered completed")
_UNKNOWN: Final = names("phone_number_sid price forwarded_from group_sid caller_name trunk_sid")

# One silent frame of MPEG 1, layer III: 32 kbit/s, 44.1 kHz, one channel, 26 ms.
_MP3_FRAME: Final = b"\xff\xfb\x10\xc4" + bytes(100)
_MP3_FRAMES_A_SECOND: Final = 38


@dataclass
class Call:
    """One call that the carrier knows, of either direction, as it stands now."""

    sid: str
    to: str
    from_: str
    created_at: datetime
    params: Mapping[str, str] = field(default_factory=dict)
    status: str = "queued"
    direction: str = "outbound-api"
    seconds: int | None = None
    answered_by: str | None = None
    parent_sid: str | None = None

    @property
    def events(self) -> frozenset[str]:
        """What the StatusCallback is told."""
        return names(self.params.get("StatusCallbackEvent", "completed"))

    def resource(self, account_sid: str) -> Json:
        """The properties of the call."""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Calls/{self.sid}"
        when, over = format_datetime(self.created_at), self.status in FINISHED
        started = self.status != "queued"
        return dict.fromkeys(_UNKNOWN) | {
            "account_sid": account_sid, "answered_by": self.answered_by, "api_version": API_VERSION,
            "date_created": when, "date_updated": when, "direction": self.direction,
            "duration": str(self.seconds or 0) if over else None, "end_time": when if over else None,
            "from": self.from_, "from_formatted": self.from_, "parent_call_sid": self.parent_sid,
            "price_unit": "USD", "queue_time": "0", "sid": self.sid, "status": self.status,
            "start_time": when if started else None,
            "subresource_uris": {"recordings": f"{uri}/Recordings.json"}, "to": self.to,
            "to_formatted": self.to, "uri": f"{uri}.json",
        }  # fmt: skip


def silent_wav(seconds: float) -> bytes:
    """A sound file of silence that any player opens: 8 kHz, 16 bits, one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * int(8000 * seconds)))
    return file.getvalue()


@dataclass
class Recording:
    """One recorded message. `wav` and `mp3` are its bytes; without them there is as much silence.

    `troubles` go wrong with the next requests for its sound, one each.
    """

    sid: str
    call_sid: str
    created_at: datetime
    seconds: int
    wav: bytes | None = None
    mp3: bytes | None = None
    source: str = "RecordVerb"
    deleted: bool = False
    troubles: "deque[Trouble]" = field(default_factory=deque)

    def resource(self, account_sid: str) -> Json:
        """The properties of the recording."""
        when = format_datetime(self.created_at)
        return {
            "account_sid": account_sid, "api_version": API_VERSION, "call_sid": self.call_sid, "channels": 1,
            "conference_sid": None, "date_created": when, "date_updated": when,
            "duration": str(self.seconds), "encryption_details": None, "error_code": None, "price": None,
            "price_unit": "USD", "sid": self.sid, "source": self.source, "start_time": when,
            "status": "completed", "track": "both",
            "uri": f"/{API_VERSION}/Accounts/{account_sid}/Recordings/{self.sid}.json",
        }  # fmt: skip

    def sound(self, suffix: str) -> Reply:
        """The file itself; without a suffix it is a WAV, as at Twilio."""
        if suffix == ".mp3":
            made = (
                self.mp3 if self.mp3 is not None else _MP3_FRAME * (_MP3_FRAMES_A_SECOND * self.seconds or 1)
            )
            return Reply(200, made, {"Content-Type": "audio/mpeg"})
        made = self.wav if self.wav is not None else silent_wav(self.seconds or 0.4)
        return Reply(200, made, {"Content-Type": "audio/x-wav"})


Trouble: TypeAlias = Callable[[Reply], Reply]


def _not_found(_sound: Reply) -> Reply:
    return refused(404, 20404, "The requested recording was not found").reply


def _unauthorised(_sound: Reply) -> Reply:
    return refused(401, 20003, "Authenticate").reply


def _web_page(_sound: Reply) -> Reply:
    return Reply(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"})


def _endless(sound: Reply) -> Reply:
    return Reply(200, b"", sound.headers, itertools.repeat(bytes(65_536)))


NOT_YET: Final[Trouble] = _not_found
UNAUTHORISED: Final[Trouble] = _unauthorised
WEB_PAGE: Final[Trouble] = _web_page
ENDLESS: Final[Trouble] = _endless


def fails(status: int) -> Trouble:
    """An answer of this status and nothing else, such as 503."""
    return lambda _sound: Reply(status)


def moved_to(url: str, status: int = 302) -> Trouble:
    """A redirect to another host, which must never see credentials."""
    return lambda _sound: Reply(status, b"", {"Location": url})


def oversize(size_bytes: int) -> Trouble:
    """A sound of this size, which its Content-Length says honestly."""
    return lambda sound: Reply(200, bytes(size_bytes), sound.headers)


def slow(seconds: float) -> Trouble:
    """The right sound, after a silence of so many seconds."""

    def wait(sound: Reply) -> Reply:
        time.sleep(seconds)
        return sound

    return wait


@contextmanager
def another_host() -> Iterator[Loopback]:
    """A stranger who would gladly serve a sound; `heard` holds every request that reached it."""
    with Loopback(lambda _: Reply(200, silent_wav(1), {"Content-Type": "audio/x-wav"})) as stranger:
        # A name of its own, so that a client which compares hosts without ports also sees another one.
        stranger.base_url = stranger.base_url.replace("127.0.0.1", "localhost")
        yield stranger


class Voice:
    """All that an account has to do with calls. `calls` were asked for; `inbound` came from people."""

    def __init__(self, account_sid: str, numbers: Collection[str], now: Callable[[], datetime]) -> None:
        """Begin with nothing. Without `numbers` every well-formed sender is the account's own."""
        self.account_sid, self.numbers, self.now = account_sid, numbers, now
        self.calls: list[Call] = []
        self.inbound: list[Call] = []
        self.recordings: dict[str, Recording] = {}
        self.deleted: list[str] = []
        self._lock = threading.RLock()

    def route(self, heard: Heard, kind: str, sid: str | None, suffix: str) -> Reply:
        """Answer a request for calls or recordings. Sounds are fetched outside the lock: some are slow."""
        if kind == "Recordings" and sid is not None and heard.method == "GET" and suffix != ".json":
            return self._sound(self.recording(sid), suffix)
        with self._lock:
            return self._call(heard, sid) if kind == "Calls" else self._recording(heard, sid)

    def _call(self, heard: Heard, sid: str | None) -> Reply:
        match heard.method, sid:
            case "POST", None:
                return self._create(checked(heard.form, _CALL_PARAMS))
            case "GET", None:
                return self._list(checked(heard.query, _CALL_LIST))
            case "GET", str(sid):
                return Reply.of(200, self.call(sid).resource(self.account_sid))
            case "POST", str(sid):
                return self._end(self.call(sid), checked(heard.form, names("Status")))
        raise refused(405, 20004, "Method not allowed")

    def _recording(self, heard: Heard, sid: str | None) -> Reply:
        match heard.method, sid:
            case "GET", None:
                return self._list_recordings(checked(heard.query, _RECORDING_LIST))
            case "GET", str(sid):
                return Reply.of(200, self.recording(sid).resource(self.account_sid))
            case "DELETE", str(sid):
                self.recording(sid).deleted = True
                self.deleted.append(sid)
                return Reply(204)
        raise refused(405, 20004, "Method not allowed")

    def _create(self, params: dict[str, str]) -> Reply:
        to, from_, url = (params.get(name, "") for name in ("To", "From", "Url"))
        methods = {params.get(name, "POST") for name in ("Method", "FallbackMethod", "StatusCallbackMethod")}
        own = bool(E164.fullmatch(from_)) and from_ in (self.numbers or {from_})
        callback = params.get("StatusCallback")
        call = Call(new_sid("CA"), to, from_, self.now(), params)
        refuse_first(
            (not to, 21201, "No 'To' number is specified"),
            (not from_, 21213, "A 'From' phone number is required"),
            (not E164.fullmatch(to), 21211, "Invalid 'To' phone number"),
            (not own, 21210, "The 'From' number is not verified"),
            (not {"Url", "Twiml", "ApplicationSid"} & params.keys(), 21205, "A Url or Twiml is required"),
            (bool(url) and not WEB_URL.fullmatch(url), 21205, "Invalid Url"),
            (not methods <= {"GET", "POST"}, 21200, "A method is GET or POST"),
            (not whole(params.get("Timeout", "60"), most=600), 21200, "Invalid timeout"),
            (callback is not None and not WEB_URL.fullmatch(callback), 21609, "Invalid 'StatusCallback'"),
            (not call.events <= _EVENTS, 21626, "Invalid 'StatusCallbackEvent'"),
        )
        self.calls.append(call)
        return Reply.of(201, call.resource(self.account_sid))

    def _list(self, asked: dict[str, str]) -> Reply:
        fitting = [
            call
            for call in sorted(self.calls + self.inbound, key=lambda one: one.created_at, reverse=True)
            if call.to == asked.get("To", call.to)
            and call.from_ == asked.get("From", call.from_)
            and call.status == asked.get("Status", call.status)
            and asked.get("ParentCallSid") in {None, call.parent_sid}
            and dated_as_asked("StartTime", call.created_at, asked)
        ]
        return page("Calls", fitting, asked, self.account_sid)

    def _end(self, call: Call, params: dict[str, str]) -> Reply:
        status = params.get("Status", "")
        refuse_first(
            (status not in {"completed", "canceled"}, 21201, "A call can be completed or canceled"),
            (call.status in FINISHED, 21220, "Invalid call state"),
        )
        # A cancel reaches calls that still wait or ring, and leaves one in progress alone.
        if status == "completed" or call.status in {"queued", "ringing"}:
            call.status = status
        return Reply.of(200, call.resource(self.account_sid))

    def _list_recordings(self, asked: dict[str, str]) -> Reply:
        fitting = [
            one
            for one in reversed(self.recordings.values())
            if not one.deleted
            and one.call_sid == asked.get("CallSid", one.call_sid)
            and dated_as_asked("DateCreated", one.created_at, asked)
        ]
        return page("Recordings", fitting, asked, self.account_sid)

    def _sound(self, recording: Recording, suffix: str) -> Reply:
        with self._lock:
            trouble = recording.troubles.popleft() if recording.troubles else None
        sound = recording.sound(suffix)
        return sound if trouble is None else trouble(sound)

    def call(self, sid: str) -> Call:
        """The call with this sid, of either direction. Raises: AnswerNow, the 404 of the API."""
        for call in (*self.calls, *self.inbound):
            if call.sid == sid:
                return call
        raise refused(404, 20404, f"The call {sid} was not found")

    def recording(self, sid: str) -> Recording:
        """The recording with this sid. Raises: AnswerNow, the 404 of the API."""
        found = self.recordings.get(sid)
        if found is None or found.deleted:
            raise refused(404, 20404, f"The recording {sid} was not found")
        return found

    def came_in(self, call: Call) -> None:
        """Keep a person's call; one that is told twice replaces itself."""
        with self._lock:
            self.inbound[:] = [known for known in self.inbound if known.sid != call.sid] + [call]

    def record(self, sid: str, call_sid: str, seconds: int) -> Recording:
        """Keep a recorded message. The same sid is kept once."""
        made = Recording(sid, call_sid, self.now(), seconds)
        return self.recordings.setdefault(sid, made)
