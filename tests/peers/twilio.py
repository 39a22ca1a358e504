"""A strict fake of the Twilio REST API (2010-04-01) that also sends Twilio's signed webhooks, over HTTP."""

import base64
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from tests import peers
from tests.peers import Answer, Fault, Heard, Loopback, Params, Poster, Reply
from tests.peers.rest import (
    API_VERSION,
    E164,
    WEB_URL,
    Json,
    checked,
    dated_as_asked,
    explain,
    names,
    new_sid,
    page,
    refuse_first,
    refused,
    whole,
)
from tests.peers.voice import Voice

MAX_BODY_UNITS: Final = 1600
MAX_VALIDITY_SECONDS: Final = 36_000  # Source: Twilio error 21624.
SERVICE_SID: Final = "MG" + "5e" * 16
STATUSES: Final = names(
    "accepted scheduled queued sending sent delivered undelivered failed canceled read partially_delivered"
)
_UNFINISHED: Final = names("accepted scheduled queued sending")
_ENDED_BADLY: Final = names("failed undelivered")
_SENDER: Final = re.compile(r"\+[1-9]\d{6,14}|\d{3,6}|(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")
_ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-f]{32}")
_PATH: Final = re.compile(
    rf"/{API_VERSION}/Accounts/(AC\w+)/(?:Calls/[\w-]+/(?=Recordings))?"
    r"(Messages|Calls|Recordings)(?:/([\w-]{34,36}))?(\.json|\.mp3|\.wav)?"
)
_MESSAGE_PARAMS: Final = names(
    "To StatusCallback ApplicationSid MaxPrice ProvideFeedback Attempt ValidityPeriod ForceDelivery"
    " ContentRetention AddressRetention SmartEncoded PersistentAction TrafficType ShortenUrls ScheduleType"
    " SendAt SendAsMms ContentVariables MessageIntent RiskCheck From FallbackFrom MessagingServiceSid Body"
    " MediaUrl ContentSid"
)
_LIST_PARAMS: Final = names("To From DateSent DateSent< DateSent> PageSize Page PageToken")

# Tests find all that they need to play Twilio in this module.
sign, sign_json, with_body_hash, silence = peers.sign, peers.sign_json, peers.with_body_hash, peers.silence
BAD_GATEWAY, RESET = peers.BAD_GATEWAY, peers.RESET
TOO_MANY: Final = Fault(429, code=20429)
BROKEN: Final = Fault(500, code=20500)
UNAVAILABLE: Final = Fault(503, code=20503)


def refusal(code: int, status: int = 400) -> Fault:
    """The API refuses the request with this error code, such as 21610 for a person who wrote STOP."""
    return Fault(status, code=code)


@dataclass
class Message:
    """One text that the carrier holds, in either direction, as it stands now."""

    sid: str
    to: str
    from_: str
    body: str
    created_at: datetime
    direction: str = "outbound-api"
    status: str = "queued"
    error_code: int | str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def status_callback(self) -> str | None:
        """Where its statuses go, if anywhere."""
        return self.params.get("StatusCallback")

    def resource(self, account_sid: str, *, fresh: bool = False) -> Json:
        """All twenty properties. A fresh text, in the answer to its creation, has no date of sending yet."""
        service, when = self.params.get("MessagingServiceSid"), format_datetime(self.created_at)
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        return {
            "account_sid": account_sid, "api_version": API_VERSION, "body": self.body,
            "date_created": when, "date_sent": None if fresh else when, "date_updated": when,
            "direction": self.direction, "error_code": self.error_code,
            "error_message": None if self.error_code is None else f"Error {self.error_code}",
            "from": self.from_ or None, "messaging_service_sid": service, "num_media": "0",
            "num_segments": "0" if fresh and service else str(peers.segments(self.body)), "price": None,
            "price_unit": "USD", "sid": self.sid, "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"}, "to": self.to, "uri": f"{uri}.json",
        }  # fmt: skip


class FakeTwilio(Loopback):
    """A carrier, up between `with` and the end of its block; `base_url` stands for https://api.twilio.com.

    `messages` are the outgoing texts and `calls` the outgoing calls, in the order in which they were
    accepted; `voice` holds all that has to do with calls, `recordings` what was recorded, by sid;
    `inbound` what people wrote; `requests` everything that was asked, also what was refused or went wrong.
    Numbers in `opted_out` refuse texts with 21610.
    """

    def __init__(
        self, *, account_sid: str, auth_token: str, numbers: Collection[str] = (),
        proxies: Mapping[str, str] | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        """Open an account. Without `numbers` every well-formed sender is the account's own.

        `proxies`: public origin to loopback origin, for webhooks to a public address that is really here.
        """
        super().__init__(self._answer, explain)
        if not _ACCOUNT.fullmatch(account_sid):
            raise ValueError(account_sid)
        self.account_sid, self.auth_token, self.numbers = account_sid, auth_token, numbers
        self.proxies = dict(proxies or {})
        self.messages: list[Message] = []
        self.inbound: list[Message] = []
        self.voice = Voice(account_sid, numbers, self._now)
        self.calls, self.recordings = self.voice.calls, self.voice.recordings
        self.opted_out: set[str] = set()
        self.requests = self.heard
        self._clock, self._lock, self._poster = clock, threading.RLock(), Poster(self.proxies)

    def __exit__(self, *_: object) -> None:
        self._poster.close()
        super().__exit__()

    def _answer(self, heard: Heard) -> Reply:
        found = _PATH.fullmatch(heard.path)
        wanted = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if heard.headers.get("authorization") != f"Basic {wanted}":
            raise refused(401, 20003, "Authenticate")
        if (
            found is None
            or found[1] != self.account_sid
            or (found[2] != "Recordings" and found[4] != ".json")
        ):
            raise refused(404, 20404, f"The requested resource {heard.path} was not found")
        form = heard.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if heard.method == "POST" and not form:
            raise refused(400, 20001, "Parameters must come as a form")
        if found[2] != "Messages":
            return self.voice.route(heard, found[2], found[3], found[4] or "")
        with self._lock:
            return self._route(heard, found[3])

    def _route(self, heard: Heard, sid: str | None) -> Reply:
        match heard.method, sid:
            case "POST", None:
                return self._create_message(checked(heard.form, _MESSAGE_PARAMS))
            case "GET", None:
                return self._list_messages(checked(heard.query, _LIST_PARAMS))
            case "GET", str(sid):
                return Reply.of(200, self.message(sid).resource(self.account_sid))
            case "DELETE", str(sid):
                return self._delete_message(self.message(sid))
        raise refused(405, 20004, "Method not allowed")

    def _create_message(self, params: dict[str, str]) -> Reply:
        to, from_, body = (params.get(name, "") for name in ("To", "From", "Body"))
        service, callback = params.get("MessagingServiceSid", ""), params.get("StatusCallback")
        something = body or params.get("MediaUrl") or params.get("ContentSid")
        lasting = whole(params.get("ValidityPeriod", "1"), most=MAX_VALIDITY_SECONDS)
        refuse_first(
            (not to, 21604, "A 'To' phone number is required"),
            (not from_ and not service, 21603, "A 'From' or 'MessagingServiceSid' is required"),
            (not something, 21602, "A message body is required"),
            (not E164.fullmatch(to), 21211, "Invalid 'To' phone number"),
            (bool(from_) and not _SENDER.fullmatch(from_), 21212, "Invalid 'From' number"),
            (bool(from_) and from_ not in (self.numbers or {from_}), 21606, "Not a number of this account"),
            (bool(service) and not _SERVICE.fullmatch(service), 21701, "No such Messaging Service"),
            (to == from_, 21266, "'To' and 'From' cannot be the same"),
            (peers.units(body) > MAX_BODY_UNITS, 21617, "The body exceeds the 1600 character limit"),
            (not lasting, 21624, "Invalid validity period value"),
            (callback is not None and not WEB_URL.fullmatch(callback), 21609, "Invalid 'StatusCallback'"),
            (to in self.opted_out, 21610, "The recipient has unsubscribed"),
        )
        status = "accepted" if service else "queued"
        message = Message(new_sid("SM"), to, from_, body, self._now(), status=status, params=params)
        self.messages.append(message)
        return Reply.of(201, message.resource(self.account_sid, fresh=True))

    def _list_messages(self, asked: dict[str, str]) -> Reply:
        fitting = [
            message
            for message in sorted(self.messages + self.inbound, key=lambda one: one.created_at, reverse=True)
            if not message.deleted
            and message.to == asked.get("To", message.to)
            and message.from_ == asked.get("From", message.from_)
            and dated_as_asked("DateSent", message.created_at, asked)
        ]
        return page("Messages", fitting, asked, self.account_sid)

    def _delete_message(self, message: Message) -> Reply:
        if message.status in _UNFINISHED:
            raise refused(409, 20009, "Cannot delete this resource before it is complete")
        message.deleted = True
        return Reply(204)

    def message(self, sid: str) -> Message:
        """The text with this sid, of either direction. Raises: AnswerNow, the 404 of the API."""
        for message in (*self.messages, *self.inbound):
            if message.sid == sid and not message.deleted:
                return message
        raise refused(404, 20404, f"The message {sid} was not found")

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(microsecond=0)

    def post_signed(
        self, url: str, params: Params, *, token: str | None = None, base_url_override: str | None = None
    ) -> Answer:
        """Post any form to the public `url` as Twilio does; another token makes the signature wrong."""
        key = self.auth_token if token is None else token
        return self._poster.post_signed(url, params, token=key, via=base_url_override)

    def inbound_text(
        self, url: str, *, to: str, from_: str, body: str, sid: str | None = None, token: str | None = None,
        extra: Mapping[str, str | None] | None = None, base_url_override: str | None = None,
    ) -> Answer:  # fmt: skip
        """Post a person's text to the public `url`, which is signed; it really stands at the override.

        A repeat is made by giving the same `sid`. `extra` adds or replaces parameters; None takes one away.
        """
        sid = self.unposted_text(to=to, from_=from_, body=body, sid=sid).sid
        params: dict[str, str | None] = {
            "ToCountry": peers.country(to), "ToState": "", "ToCity": "", "ToZip": "", "To": to, "From": from_,
            "FromCountry": peers.country(from_), "FromState": "", "FromCity": "", "FromZip": "", "Body": body,
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "SmsStatus": "received",
            "AccountSid": self.account_sid, "MessagingServiceSid": SERVICE_SID, "NumMedia": "0",
            "NumSegments": str(peers.segments(body)), "ReferralNumMedia": "0", "ApiVersion": API_VERSION,
        }  # fmt: skip
        chosen = {name: value for name, value in (params | dict(extra or {})).items() if value is not None}
        return self.post_signed(url, chosen, token=token, base_url_override=base_url_override)

    def unposted_text(self, *, to: str, from_: str, body: str, sid: str | None = None) -> Message:
        """Keep a person's text that is posted nowhere, so that only the list of messages shows it."""
        sid = sid or new_sid("SM")
        text = Message(sid, to, from_, body, self._now(), direction="inbound", status="received")
        with self._lock:
            if all(known.sid != sid for known in self.inbound):
                self.inbound.append(text)
        return text

    def deliver(
        self, sid: str, *statuses: str, error_code: int | str | None = None, times: int = 1
    ) -> list[Answer]:
        """Bring an accepted text through these statuses and post each of them so many times."""
        told = [self._advance(sid, status, error_code) for status in statuses]
        return [self._call_back(sid, one) for one in told for _ in range(times)]

    def callbacks_out_of_order(
        self, sid: str, *statuses: str, error_code: int | str | None = None
    ) -> list[Answer]:
        """Bring a text through these statuses, but post the last one first and the first one last."""
        told = [self._advance(sid, status, error_code) for status in statuses]
        return [self._call_back(sid, one) for one in reversed(told)]

    def _advance(self, sid: str, status: str, error_code: int | str | None) -> dict[str, str]:
        if status not in STATUSES:
            raise ValueError(status)
        message = self.message(sid)
        message.status = status
        message.error_code = error_code if status in _ENDED_BADLY else None
        params = {
            "MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "To": message.to,
            "From": message.from_, "AccountSid": self.account_sid, "ApiVersion": API_VERSION,
        }  # fmt: skip
        if message.error_code is not None:
            params["ErrorCode"] = str(message.error_code)
        if status in {"delivered", "undelivered"}:
            # Minutes, in the time of some network on the way: here that of Bangkok and Phnom Penh.
            params["RawDlrDoneDate"] = (self._now() + timedelta(hours=7)).strftime("%y%m%d%H%M")
        return params

    def _call_back(self, sid: str, params: Params) -> Answer:
        callback = self.message(sid).status_callback
        if callback is None:
            raise LookupError(sid)
        return self.post_signed(callback, params)
