"""A phone that runs cht-gateway: it polls over real HTTP, repeats what was not answered, sends a text once.

Source: medic/cht-gateway, README and the classes WebappPoller, WakefulService, Db and SmsSender.
"""

import base64
import gzip
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias

import httpx

from tests.peers import web_client

Json: TypeAlias = dict[str, Any]
Status: TypeAlias = Literal["UNSENT", "PENDING", "SENT", "DELIVERED", "FAILED"]

INBOUND_A_REQUEST: Final = 10
UPDATES_A_REQUEST: Final = 20
SENT_A_WAKE: Final = 10
SOFT_RETRIES: Final = 20
# Ours alone: a server that never heeds a status would otherwise keep the phone awake for ever.
REQUESTS_A_WAKE: Final = 200
# What Android takes for a number; anything else fails without the radio being asked.
_GLOBAL_NUMBER: Final = re.compile(r"\+?[0-9.-]+")


@dataclass(frozen=True)
class OutgoingText:
    """A text that the server asked the phone to send."""

    id: str
    to: str
    content: str


@dataclass(frozen=True)
class Report:
    """What the radio says of a text after it was handed over; UNSENT is a soft failure, tried again later."""

    status: Status
    reason: str | None = None


Radio: TypeAlias = Callable[[OutgoingText], Sequence[Report]]


def all_fine(_: OutgoingText) -> Sequence[Report]:
    """The network takes every text and the handset has it."""
    return (Report("SENT"), Report("DELIVERED"))


def fails(_: OutgoingText) -> Sequence[Report]:
    """The network refuses every text for good."""
    return (Report("FAILED", "generic"),)


def silent(_: OutgoingText) -> Sequence[Report]:
    """The texts leave, and nobody ever says what became of them."""
    return ()


def no_service(_: OutgoingText) -> Sequence[Report]:
    """No network just now: the phone tries again at later wakes, then gives up."""
    return (Report("UNSENT", "no-service"),)


MODES: Final[Mapping[str, Radio]] = {
    "all fine": all_fine, "fails": fails, "silent": silent, "no service": no_service,
}  # fmt: skip


@dataclass(frozen=True)
class Habits:
    """How this phone and its version of the app behave."""

    gzip_requests: bool = False
    accepts_gzip: bool = True
    sms_sent: Literal["known", "zero", "absent"] = "known"
    empty_lists: Literal["empty", "null", "absent"] = "empty"
    extra_fields: bool = False
    # The app tells the server UNSENT as soon as it has stored a text; older ones begin with PENDING.
    reports_unsent: bool = True


@dataclass
class Polled:
    """What came of one wake of the phone, which may take several requests."""

    requests: int = 0
    status: int | None = None  # of the last request; None when no answer came
    failed: bool = False  # the last request brought no good answer, so all of it is said again
    offered: int = 0
    new: int = 0
    sent: int = 0


@dataclass
class _Waiting:
    """An inbound text or a status update, kept for ever, with whether a good answer has come for it."""

    item: Json
    forwarded: bool = False


@dataclass
class _Kept:
    text: OutgoingText
    status: Status = "UNSENT"
    retries: int = 0


@dataclass
class FakeChtPhone:
    """One phone with its queues. `poll()` is one wake of the app, which the real one has every 30 s.

    `url` is the gateway's own address. `client` may be a test client in place of a real connection.
    `sent_over_the_air` holds every text that left the phone, in order; `requests` every body that it
    posted; `polls` every wake; `complaints` what in the server's answers was not the protocol.
    """

    url: str
    _: KW_ONLY
    user: str
    password: str
    radio: Radio | str = "all fine"
    habits: Habits = field(default_factory=Habits)
    client: httpx.Client | None = None
    sent_over_the_air: list[OutgoingText] = field(default_factory=list, init=False)
    requests: list[Json] = field(default_factory=list, init=False)
    polls: list[Polled] = field(default_factory=list, init=False)
    complaints: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Start with empty queues."""
        self._http = self.client or web_client(10)
        self._inbound: list[_Waiting] = []
        self._updates: list[_Waiting] = []
        self._kept: dict[str, _Kept] = {}
        self._replies_to_lose = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.client is None:
            self._http.close()

    # What happens to the phone.

    def receive_sms(self, from_: str, content: str, at_ms: int) -> str:
        """A person's text arrives at this time of the phone's clock (ms since 1970). Returns its id."""
        item: Json = {"id": str(uuid.uuid4()), "from": from_, "content": content}
        sent = {"known": {"sms_sent": at_ms - 2000}, "zero": {"sms_sent": 0}, "absent": {}}
        item |= sent[self.habits.sms_sent] | {"sms_received": at_ms}
        if self.habits.extra_fields:
            item |= {"sim_slot": 1, "parts": [1]}
        self.receive_raw(item)
        return str(item["id"])

    def receive_raw(self, item: Any) -> None:
        """Queue any JSON as an inbound text, such as a broken one among good ones."""
        self._inbound.append(_Waiting(item))

    def lose_next_reply(self, times: int = 1) -> None:
        """The next requests reach the server and are worked on, but their answers never arrive."""
        self._replies_to_lose += times

    def forget_that_the_server_answered(self) -> None:
        """Queue every inbound text and every status again, as after a crash before they were noted."""
        for waiting in (*self._inbound, *self._updates):
            waiting.forwarded = False

    def radio_reports(self, text_id: str, *reports: Report) -> None:
        """The network says something late of a text that has left, in any order, also the same again.

        Raises: ValueError for UNSENT, which would send the text a second time.
        """
        for report in reports:
            if report.status == "UNSENT":
                raise ValueError(text_id)
            self._hear(self._kept[text_id], report)

    # What the phone does.

    def probe(self) -> bool:
        """Whether the address is that of a gateway server, as the settings page asks."""
        try:
            answer = self._http.get(self.url, headers=self._headers(), follow_redirects=False)
            said = answer.json()
        except (httpx.TransportError, ValueError):
            return False
        return answer.is_success and isinstance(said, dict) and said.get("medic-gateway") is True

    def poll(self) -> Polled:
        """One wake: tell and ask until no batch is full or something fails, then send what waits."""
        wake = Polled()
        more = True
        while more:
            inbound = [one for one in self._inbound if not one.forwarded][:INBOUND_A_REQUEST]
            updates = [one for one in self._updates if not one.forwarded][:UPDATES_A_REQUEST]
            reply = self._ask(inbound, updates, wake)
            wake.failed = reply is None
            for waiting in (*inbound, *updates):
                waiting.forwarded = not wake.failed
            for text in self._offers(reply):
                self._keep(text, wake)
            full = len(inbound) == INBOUND_A_REQUEST or len(updates) == UPDATES_A_REQUEST
            more = full and not wake.failed and wake.requests < REQUESTS_A_WAKE
        # The radio is asked even when the server was out of reach.
        self._send_waiting(wake)
        self.polls.append(wake)
        return wake

    def drain(self, max_polls: int) -> int:
        """Poll until a good wake is offered nothing and leaves nothing queued. Returns how many it took.

        Raises: TimeoutError when so many polls were not enough.
        """
        for count in range(1, max_polls + 1):
            # Whatever is offered leaves something queued, be it only a status to say once more.
            if not self.poll().failed and not self.queued:
                return count
        raise TimeoutError(max_polls)

    @property
    def queued(self) -> int:
        """How much the phone still has to say to the server or to send over the air."""
        unsaid = sum(not waiting.forwarded for waiting in (*self._inbound, *self._updates))
        return unsaid + sum(kept.status == "UNSENT" for kept in self._kept.values())

    # How it does so.

    def _headers(self) -> dict[str, str]:
        pair = f"{self.user}:{self.password}".encode("iso-8859-1")
        return {
            "Accept": "application/json",
            "Accept-Charset": "utf-8",
            "Accept-Encoding": "gzip" if self.habits.accepts_gzip else "identity",
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Cache-Control": "no-cache",
            "Content-Type": "application/json",
        }

    def _body(self, inbound: Sequence[_Waiting], updates: Sequence[_Waiting]) -> Json:
        body: Json = {}
        for name, waiting in (("messages", inbound), ("updates", updates)):
            if waiting or self.habits.empty_lists == "empty":
                body[name] = [one.item for one in waiting]
            elif self.habits.empty_lists == "null":
                body[name] = None
        return body | ({"app": {"version": "1.9"}, "battery": 71} if self.habits.extra_fields else {})

    def _ask(self, inbound: Sequence[_Waiting], updates: Sequence[_Waiting], wake: Polled) -> Json | None:
        """Post one request. Returns the reply where it is good, otherwise None."""
        body = self._body(inbound, updates)
        self.requests.append(body)
        wake.requests += 1
        wake.status = None
        headers, content = self._headers(), json.dumps(body, ensure_ascii=False).encode()
        if self.habits.gzip_requests:
            headers, content = headers | {"Content-Encoding": "gzip"}, gzip.compress(content)
        try:
            answer = self._http.post(self.url, content=content, headers=headers, follow_redirects=False)
        except httpx.TransportError:
            return None
        if self._replies_to_lose:
            self._replies_to_lose -= 1
            return None
        wake.status = answer.status_code
        return self._understood(answer)

    def _understood(self, answer: httpx.Response) -> Json | None:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.headers.get("content-encoding") == "gzip" and not self.habits.accepts_gzip:
            self.complaints.append("gzip was not asked for")
        if not answer.headers.get("content-type", "").startswith("application/json"):
            self.complaints.append(f"{answer.status_code} without a JSON content type")
        if not isinstance(said, dict):
            self.complaints.append(f"{answer.status_code} without a JSON object")
            return None
        if answer.is_success:
            return said
        if not (answer.is_error and said.get("error") is True and isinstance(said.get("message"), str)):
            self.complaints.append(f"{answer.status_code} that does not say error and message")
        return None

    def _offers(self, reply: Json | None) -> Sequence[OutgoingText]:
        if reply is None:
            return ()
        items = reply.get("messages")
        if not isinstance(items, list):
            self.complaints.append("a reply without a list of messages")
            return ()
        good: list[OutgoingText] = []
        for item in items:
            match item:
                case {"id": str(text_id), "to": str(to), "content": str(words)} if text_id and to and words:
                    good.append(OutgoingText(text_id, to, words))
                case _:
                    self.complaints.append("a message without id, to or content")
        return good

    def _keep(self, text: OutgoingText, wake: Polled) -> None:
        """Store a text of the server, or, where its id is known, queue its newest status once more."""
        wake.offered += 1
        if text.id in self._kept:
            told = [update for update in self._updates if update.item["id"] == text.id]
            for newest in told[-1:]:
                newest.forwarded = False
            return
        wake.new += 1
        self._kept[text.id] = _Kept(text)
        if self.habits.reports_unsent:
            self._tell(text.id, Report("UNSENT"))

    def _send_waiting(self, wake: Polled) -> None:
        speak = MODES[self.radio] if isinstance(self.radio, str) else self.radio
        unsent = [kept for kept in self._kept.values() if kept.status == "UNSENT"]
        for kept in unsent[:SENT_A_WAKE]:
            self._hear(kept, Report("PENDING"))
            valid = bool(_GLOBAL_NUMBER.fullmatch(kept.text.to))
            reports = speak(kept.text) if valid else (Report("FAILED", "destination.invalid"),)
            if not reports or reports[0].status not in {"FAILED", "UNSENT"}:
                self.sent_over_the_air.append(kept.text)
                wake.sent += 1
            for report in reports:
                self._hear(kept, report)

    def _hear(self, kept: _Kept, report: Report) -> None:
        if report.status == "UNSENT":
            kept.retries += 1
            if kept.retries > SOFT_RETRIES:
                report = Report("FAILED", report.reason)
        kept.status = report.status
        if report.status != "UNSENT" or self.habits.reports_unsent:
            self._tell(kept.text.id, report)

    def _tell(self, text_id: str, report: Report) -> None:
        item: Json = {"id": text_id, "status": report.status}
        if report.status == "FAILED":
            item["reason"] = report.reason or "unknown"
        if self.habits.extra_fields:
            item["timestamp"] = 0
        self._updates.append(_Waiting(item))
