"""Twilio's webhooks: verify, commit what came to the inbox, answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from app.channels.door import BodyTooLarge, Inbox, commit, read_body
from app.channels.twilio.reading import fields_of
from app.channels.twilio.signature import Params, SignatureCheck, Signed
from app.intake.rules.incoming import Arrival, kept_id

CARRIER = "twilio"
_EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
_FORM = "application/x-www-form-urlencoded"
_REFUSED = Counter(
    "spean_carrier_refused_total", "Requests that a carrier's door refused", ["carrier", "why"]
)
_MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that comes from Twilio: its fields, and its body as it came."""

    fields: Mapping[str, str]
    body: bytes


async def verify(request: Request, check: SignatureCheck) -> Verified | Response:
    """The request, or the refusal to answer it with; what was refused leaves nothing behind but a count."""
    try:
        body = await read_body(request)
    except BodyTooLarge:
        _REFUSED.labels(CARRIER, "too_large").inc()
        return Response(status_code=413)
    params = _params(request, body)
    if not check.holds(_signed(request, body, params)):
        _REFUSED.labels(CARRIER, "signature").inc()
        return Response(status_code=403)
    return Verified(
        fields_of(body) if params is None else {name: params.first(name) for name in params}, body
    )


@dataclass(frozen=True)
class TwilioDoor:
    """What comes to the inbox: texts, and news of texts, calls and recordings."""

    inbox: Inbox
    check: SignatureCheck

    async def text(self, request: Request) -> Response:
        """`POST /twilio/sms`: one incoming text, answered with nothing: replies leave by the outbox."""
        return await self._take(request, kind="text")

    async def status(self, request: Request) -> Response:
        """`POST /twilio/sms/status`: what became of a text of ours."""
        return await self._take(request, kind="status")

    async def call_status(self, request: Request) -> Response:
        """`POST /twilio/voice/status`: what became of a call."""
        return await self._take(request, kind="call_status")

    async def recording(self, request: Request) -> Response:
        """`POST /twilio/recording`: what a caller left is ready, or nothing was said."""
        return await self._take(request, kind="recording")

    async def _take(self, request: Request, *, kind: str) -> Response:
        came = await verify(request, self.check)
        if isinstance(came, Response):
            return came
        await commit(self.inbox, [_arrival(came.fields, came.body, kind)])
        return Response(_EMPTY_TWIML, media_type="text/xml; charset=utf-8")


def _params(request: Request, body: bytes) -> Params | None:
    """The fields of a form; None for any other body, which its own hash in the URL must vouch for."""
    if not request.headers.get("content-type", _FORM).lower().startswith(_FORM):
        return None
    params = Params()
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def _signed(request: Request, body: bytes, params: Params | None) -> Signed:
    scope = request.scope
    return Signed(
        path=scope.get("raw_path", scope["path"].encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        signature=request.headers.get("x-twilio-signature", ""),
        body=body,
        params=params,
    )


def _arrival(fields: Mapping[str, str], body: bytes, kind: str) -> Arrival:
    account = kept_id(fields["AccountSid"]) if fields.get("AccountSid") else ""
    # What has many states comes under each of them once: each is news. A text comes under its id alone.
    match kind:
        case "text":
            sid = fields.get("MessageSid") or fields.get("SmsSid") or None
            return Arrival(CARRIER, account, sid, kind, fields.get("From", ""), body)
        case "call_status":
            sid, state = fields.get("CallSid"), fields.get("CallStatus", "")
        case "recording":
            sid, state = fields.get("RecordingSid"), fields.get("RecordingStatus", "")
        case _:
            sid = fields.get("MessageSid") or fields.get("SmsSid")
            state = fields.get("MessageStatus") or fields.get("SmsStatus", "")
    return Arrival(CARRIER, account, f"{sid}:{state}" if sid else None, kind, sid or "", body)
