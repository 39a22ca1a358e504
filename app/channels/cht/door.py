"""The door for phones that run cht-gateway: they poll, bring texts, and take texts to send."""

import base64
import binascii
import hmac
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.channels.cht import reading
from app.channels.door import BODY_LIMIT_BYTES, BodyTooLarge, Inbox, commit, read_body
from app.kernel.clock import Clock
from app.outbox.rules import Text
from app.usecases import deliveries, sending
from app.usecases.unit_of_work import Office

# What did not get in leaves nothing behind but a count.
_REFUSED: Final = Counter(
    "spean_gateway_refused_total", "Requests that the gateways' door refused", ["status"]
)
_OFFERED_AT_ONCE: Final = 50
_UNPACKED_LIMIT_BYTES: Final = 8 * BODY_LIMIT_BYTES


@dataclass(frozen=True)
class ChtDoor:
    """`/gateways/cht/{gateway}`. `secrets` holds the password of each gateway; `is_worker` tells
    whether a name and password are those of somebody who works here, and so in the wrong place.
    """

    office: Office
    inbox: Inbox
    clock: Clock
    secrets: Mapping[str, str]
    is_worker: Callable[[str, str], bool]

    async def probe(self, request: Request) -> Response:
        """`GET`: whether this is a gateway's address and the password is right."""
        refused = await self._refused(request)
        return refused or _json(200, {"medic-gateway": True})

    async def poll(self, request: Request) -> Response:
        """`POST`: commit what the phone received, apply its news, answer with what to send."""
        refused = await self._refused(request)
        if refused:
            return refused
        gateway = request.path_params["gateway"]
        try:
            poll = reading.parse(_unpacked(request, await read_body(request)))
        except BodyTooLarge:
            return _error(413, "the body is too large")
        except reading.NotTheProtocol as problem:
            return _error(400, str(problem))
        await commit(self.inbox, [reading.arrival(gateway, item) for item in poll.items])
        texts = await run_in_threadpool(self._exchange, gateway, poll)
        return Response(reading.answer(texts), media_type="application/json")

    def _exchange(self, gateway: str, poll: reading.Poll) -> list[Text]:
        now = self.clock.now()
        with self.office.work(now) as uow:
            for text_id, report in poll.updates:
                deliveries.apply_gateway_report(uow, text_id, gateway, report, now=now)
            return sending.offer(uow, gateway, now=now, limit=_OFFERED_AT_ONCE)

    async def _refused(self, request: Request) -> Response | None:
        gateway = request.path_params["gateway"]
        if gateway not in self.secrets:
            return _error(404, "there is no such gateway")
        name, password = _credentials(request)
        right = self.secrets[gateway].encode()
        if name == gateway and hmac.compare_digest(password.encode(), right):
            return None
        if name and name not in self.secrets and await run_in_threadpool(self.is_worker, name, password):
            return _error(403, "this address is for gateways")
        return _error(401, "wrong name or password")


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        # The phone's app writes its password in Latin-1.
        name, _, password = base64.b64decode(encoded, validate=True).decode("latin-1").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (name, password) if name.isprintable() else ("", "")


def _unpacked(request: Request, body: bytes) -> bytes:
    """The body as it was before it was compressed. Raises: BodyTooLarge, NotTheProtocol."""
    if request.headers.get("content-encoding", "identity").lower() == "identity":
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, whichever it is
    try:
        unpacked = unpacker.decompress(body, _UNPACKED_LIMIT_BYTES)
    except zlib.error:
        raise reading.NotTheProtocol("the body is not gzip") from None
    if len(unpacked) == _UNPACKED_LIMIT_BYTES:
        raise BodyTooLarge
    if not unpacker.eof:
        raise reading.NotTheProtocol("the body ends too early")
    return unpacked


def _error(status: int, message: str) -> Response:
    _REFUSED.labels(str(status)).inc()
    headers = {"WWW-Authenticate": 'Basic realm="gateway"'} if status == HTTPStatus.UNAUTHORIZED else None
    return _json(status, {"error": True, "message": message}, headers)


def _json(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(dict(body)), status, headers, "application/json")
