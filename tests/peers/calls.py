"""A carrier's telephone line to our service: people ring it, and it rings the people whom we ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.testclient import TestClient

from tests.peers import Answer, Poster, country, sign, web_client
from tests.peers.callers import (
    BUSY,
    HANG_UP,
    NO_ANSWER,
    SILENCE,
    UNREACHABLE,
    VOICEMAIL,
    Answers,
    Caller,
    HangsUp,
    Picks,
    Says,
    Script,
    hangs_up,
    in_turn,
    nobody,
    picks_up,
    says,
    scripts,
)
from tests.peers.exchange import (
    Asked,
    Callback,
    Dialled,
    Ended,
    Exchange,
    Fetch,
    Heard,
    Post,
    Recorded,
)
from tests.peers.legs import Leg
from tests.peers.rest import API_VERSION
from tests.peers.voice import FINISHED, Call

__all__ = [
    "BUSY",
    "HANG_UP",
    "NO_ANSWER",
    "SILENCE",
    "UNREACHABLE",
    "VOICEMAIL",
    "Answers",
    "Asked",
    "Callback",
    "Caller",
    "Dialled",
    "Ended",
    "Fetch",
    "HangsUp",
    "Heard",
    "Line",
    "Picks",
    "Post",
    "Recorded",
    "Says",
    "Script",
    "fetched_by_client",
    "fetched_over_http",
    "hangs_up",
    "in_turn",
    "nobody",
    "picks_up",
    "posted_by_client",
    "posted_over_http",
    "says",
    "scripts",
]

_FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"
_MACHINE_SECONDS: Final = 4.0


def posted_over_http(poster: Poster, token: str) -> Post:
    """Forms that are signed with this token and travel over real HTTP, through the poster's proxies."""
    return lambda url, form: poster.post_signed(url, form, token=token)


def posted_by_client(client: TestClient, token: str) -> Post:
    """Forms that are signed with this token and handed to the application in this process."""

    def post(url: str, form: Mapping[str, str]) -> Answer:
        url = url.partition("#")[0]
        headers = {
            "Content-Type": _FORM,
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": sign(url, form, token),
        }
        content = urlencode(form).encode()
        answer = client.post(_target(url), content=content, headers=headers, follow_redirects=False)
        return Answer(answer.status_code, dict(answer.headers), answer.text)

    return post


def fetched_by_client(client: TestClient) -> Fetch:
    """Prompts that the application in this process serves."""

    def fetch(url: str) -> Answer:
        answer = client.get(_target(url), follow_redirects=False)
        # A sound is no text; only its status and its kind are looked at.
        return Answer(answer.status_code, dict(answer.headers), "")

    return fetch


def fetched_over_http(poster: Poster) -> Fetch:
    """Prompts that are fetched over real HTTP, through the poster's proxies."""

    def fetch(url: str) -> Answer:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with web_client(15) as client:
            answer = client.get(poster.proxies.get(origin, origin) + _target(url))
        return Answer(answer.status_code, dict(answer.headers), "")

    return fetch


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


@dataclass
class Line(Exchange):
    """A carrier with one of our numbers. `status_url` hears of the end of every incoming call, if given."""

    voice_url: str = ""
    status_url: str | None = None

    def __post_init__(self) -> None:
        """Incoming calls ask at the usual door unless told otherwise."""
        self.voice_url = self.voice_url or f"{self.base_url}/twilio/voice"

    def call(
        self, from_: str, to: str, caller: Caller, *, direction: str = "inbound", sid: str | None = None,
        url: str | None = None, extra: Mapping[str, str] | None = None,
    ) -> Heard:  # fmt: skip
        """A person rings our number, or, `outbound-api`, has just picked up a call of ours; all that follows.

        A repeat of the same call is made by giving the same `sid`. `extra` adds or replaces parameters.
        """
        heard = Heard(sid or self.new_sid("CA"))
        call = None
        if direction == "inbound" and self.voice is not None:
            call = Call(heard.sid, to, from_, self.clock(), status="ringing", direction=direction)
            self.voice.came_in(call)
        form = {**self._form(heard.sid, from_, to, direction), **(extra or {})}
        leg = Leg(self, caller, heard, form, call)
        if direction != "inbound":
            leg.answer()
        leg.run(url or self.voice_url)
        heard.status = _inbound_status(heard)
        self._end(leg, self.status_url, form)
        return heard

    def outgoing(self, call: Call, picks: Picks, caller: Caller | None = None) -> Heard:
        """Make a call that our service asked for: ring, run its document, and tell what was asked to be told.

        `picks` says what happens when the phone rings; its `steps` are taken unless a caller is given.
        """
        heard = Heard(call.sid, status="canceled", ended=Ended.NOT_ANSWERED)
        form = self._form(call.sid, call.from_, call.to, "outbound-api")
        callback = call.params.get("StatusCallback")
        leg = Leg(self, caller or picks.caller(), heard, form, call)
        for event, status in (("initiated", "initiated"), ("ringing", "ringing")):
            # A call that was ended through the API meanwhile never gets further.
            if call.status not in FINISHED:
                call.status = "queued" if event == "initiated" else status
                self._progress(call, heard, form, event, status)
        if call.status not in FINISHED:
            self._ring(leg, call, picks)
        elif call.status == "completed":
            call.status = "canceled"
        self._end(leg, callback if "completed" in call.events else None, form)
        return heard

    def _ring(self, leg: Leg, call: Call, picks: Picks) -> None:
        patience = float(call.params.get("Timeout", "60"))
        silent = picks.how == "no-answer" or picks.after_seconds > patience
        leg.heard.seconds = patience if silent else picks.after_seconds
        if silent or picks.how != "answers":
            leg.heard.status = "no-answer" if silent else picks.how
            return
        leg.answer()
        self._progress(call, leg.heard, leg.form, "answered", "in-progress")
        more = self._machine(leg, call, picks)
        if call.status in FINISHED:
            leg.heard.ended = Ended.STOPPED
        elif "Url" in call.params:
            leg.run(call.params["Url"], more)
        else:
            leg.heard.faults.append("the call has no Url, and this line runs no other document")
        leg.heard.status = "completed"

    def _machine(self, leg: Leg, call: Call, picks: Picks) -> dict[str, str]:
        """Who answered, for the document, if we asked for it and are willing to wait for it."""
        if call.params.get("MachineDetection") not in {"Enable", "DetectMessageEnd"}:
            return {}
        machine = (
            "machine_end_beep" if call.params["MachineDetection"] == "DetectMessageEnd" else "machine_start"
        )
        call.answered_by = machine if picks.machine else "human"
        found = {
            "AnsweredBy": call.answered_by,
            "MachineDetectionDuration": str(int(_MACHINE_SECONDS * 1000)),
        }
        if call.params.get("AsyncAmd") == "true":
            if (url := call.params.get("AsyncAmdStatusCallback")) is not None:
                who = {"CallSid": call.sid, "AccountSid": self.account_sid}
                self.tell_machine(url, {**who, **found}, leg.heard)
            return {}
        leg.heard.seconds += _MACHINE_SECONDS
        return found

    def _progress(self, call: Call, heard: Heard, form: Mapping[str, str], event: str, status: str) -> None:
        if (url := call.params.get("StatusCallback")) is not None and event in call.events:
            self.tell_call(url, {**form, "CallStatus": status}, heard)

    def _end(self, leg: Leg, callback: str | None, form: Mapping[str, str]) -> None:
        heard = leg.heard
        if leg.call is not None:
            leg.call.status = heard.status
            leg.call.seconds = int(leg.talked_seconds) if heard.status == "completed" else 0
        if callback is not None:
            last = {**form, "CallStatus": heard.status}
            if leg.call is not None and leg.call.answered_by is not None:
                last["AnsweredBy"] = leg.call.answered_by
            self.tell_call(callback, last, heard, seconds=leg.talked_seconds)
        if self.auto:
            self.deliver_all([one for one in self.pending if one.heard is heard])

    def _form(self, sid: str, from_: str, to: str, direction: str) -> dict[str, str]:
        form = {
            "CallSid": sid, "AccountSid": self.account_sid, "From": from_, "To": to, "Caller": from_,
            "Called": to, "Direction": direction, "ApiVersion": API_VERSION,
        }  # fmt: skip
        if not self.somleng:
            for name, number in (("From", from_), ("Caller", from_), ("To", to), ("Called", to)):
                form |= {
                    f"{name}Country": country(number),
                    f"{name}State": "",
                    f"{name}City": "",
                    f"{name}Zip": "",
                }
        return form


def _inbound_status(heard: Heard) -> str:
    """The carrier's word for the end of a call that came in."""
    if heard.rejected_as is not None:
        return "busy" if heard.rejected_as == "busy" else "no-answer"
    # Whoever is dropped, or hears nothing at all, was answered all the same: a canned error is a voice.
    return "no-answer" if heard.ended is Ended.LEFT and not heard.answered else "completed"
