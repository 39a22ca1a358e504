"""The messages of the cht-gateway protocol: what a phone tells us, and what we answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app.channels.cht.pieces import pieces, understood
from app.intake.rules.incoming import Arrival, IncomingText, Unreadable
from app.outbox.rules import Report, State, Text

CARRIER: Final = "cht"
_STATES: Final[Mapping[str, State]] = {
    "UNSENT": State.ACCEPTED,
    "PENDING": State.ACCEPTED,
    "SENT": State.SENT,
    "DELIVERED": State.DELIVERED,
    "FAILED": State.FAILED,
}
_MILLIS: Final = 1000
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)


class NotTheProtocol(ValueError):
    """The body is not what a cht-gateway phone sends. The text says what is wrong, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a phone brought: texts it received, byte for byte, and news of texts that we gave it."""

    items: tuple[bytes, ...]
    updates: tuple[tuple[UUID, Report], ...]


def parse(body: bytes) -> Poll:
    """The body of a poll. Lists may be absent or null; fields that we do not know are passed over.

    Raises: NotTheProtocol.
    """
    body = body.strip() or b"{}"
    try:
        given = understood(body)
    except ValueError:
        raise NotTheProtocol("the body is not JSON") from None
    if not isinstance(given, dict):
        raise NotTheProtocol("the body is not a JSON object")
    items = pieces(body, "messages") if _listed(given, "messages") else ()
    return Poll(items, tuple(_updates(_listed(given, "updates"))))


def arrival(gateway: str, raw: bytes) -> Arrival:
    """One received text as it goes into the inbox, whatever its form; reception finds out what it is.

    One may have no id: the phone repeats it until we answer all the same.
    """
    item = understood(raw)
    fields = item if isinstance(item, dict) else {}
    return Arrival(CARRIER, gateway, _word(fields.get("id")), "text", _word(fields.get("from")) or "", raw)


def reader(countries: Mapping[str, str]) -> Callable[[bytes, str], IncomingText]:
    """What reads received texts, given the country of each gateway's SIM."""

    def read(raw: bytes, gateway: str) -> IncomingText:
        """The meaning of one received text; who sent it may be missing. Raises: Unreadable."""
        item = understood(raw)
        if not isinstance(item, dict):
            raise Unreadable("item")
        sender, content = item.get("from"), item.get("content")
        if sender is not None and _word(sender) is None and sender != "":
            raise Unreadable("from")
        if not isinstance(content, str):
            raise Unreadable("content")
        return IncomingText(
            sender=_word(sender) or "", via=gateway, body=content, region=countries.get(gateway),
            claimed_at=_moment(item.get("sms_sent")) or _moment(item.get("sms_received")),
        )  # fmt: skip

    return read


def answer(texts: list[Text]) -> bytes:
    """What the phone should send."""
    return orjson.dumps(
        {"messages": [{"id": str(text.id), "to": text.to.e164, "content": text.body} for text in texts]}
    )


def _listed(given: Mapping[str, Any], name: str) -> tuple[object, ...]:
    items = given.get(name)
    if items is None:
        return ()
    if not isinstance(items, list):
        raise NotTheProtocol(f"{name} is not a list")
    return tuple(items)


def _updates(items: tuple[object, ...]) -> list[tuple[UUID, Report]]:
    """News that we understand; a phone repeats the rest for ever, so it is passed over."""
    found = []
    for item in items:
        if not isinstance(item, dict):
            continue
        state = _STATES.get((_word(item.get("status")) or "").upper())
        try:
            text_id = UUID(_word(item.get("id")) or "")
        except ValueError:
            continue
        if state is not None:
            reason = "gateway_failed" if state is State.FAILED else None
            found.append((text_id, Report(state, reason)))
    return found


def _word(value: object) -> str | None:
    """A text, or a number in its place, with something in it."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value) if str(value).strip() else None


def _moment(millis: object) -> datetime | None:
    """When the phone says that a text was sent; a phone's clock can say anything."""
    if not isinstance(millis, (int, float)) or isinstance(millis, bool):
        return None
    try:
        moment = datetime.fromtimestamp(millis / _MILLIS, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment if moment >= _EARLIEST else None
