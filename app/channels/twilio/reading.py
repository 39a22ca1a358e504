"""What the forms that Twilio sends mean, and what its error codes ask us to do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

from app.intake.rules.incoming import IncomingReport, IncomingText, Unreadable
from app.outbox.rules import GiveUp, Report, State, TryLater

_STATES: Final[Mapping[str, State]] = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "partially_delivered": State.SENT,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}

# What each error means for us. Source: docs/sources.md#twilio-errors. Somleng's codes are not
# numbers, so codes are text throughout.
_CANNOT_TEXT: Final = frozenset({"21211", "21614", "21635", "30005", "30006"})
_CONFIGURATION: Final = frozenset({"20003", "21408", "21606", "21659", "30034", "21612"})
_OPTED_OUT: Final = "21610"
_LOOP: Final = "14107"
_LATER: Final[Mapping[str, TryLater]] = {
    # The phone is off: people who are held have their phones off for hours. Three tries in a day.
    "30003": TryLater("30003", timedelta(hours=2), at_most=4),
    "30008": TryLater("30008", timedelta(minutes=5), at_most=3),
    "20429": TryLater("20429", timedelta(seconds=5), at_most=12),
    "30001": TryLater("30001", timedelta(minutes=1), at_most=5),
}


def read(raw: bytes, _account: str) -> IncomingText | IncomingReport:
    """The meaning of a form that came to one of Twilio's doors. Raises: Unreadable."""
    fields = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    status = fields.get("MessageStatus") or (fields.get("SmsStatus") if "Body" not in fields else None)
    if status:
        return _report(fields, status)
    if "From" not in fields and "Body" not in fields:
        raise Unreadable("neither From nor Body")
    return IncomingText(
        sender=fields.get("From", ""),
        via=fields.get("To", ""),
        # PostgreSQL keeps no NUL in a text; the raw form keeps it.
        body=fields.get("Body", "").replace("\x00", ""),
    )


def verdict_on(code: str) -> TryLater | GiveUp:
    """What an error code asks us to do with the text."""
    if code in _LATER:
        return _LATER[code]
    if code in _CANNOT_TEXT:
        return GiveUp(code, "cannot_text")
    if code == _OPTED_OUT:
        return GiveUp(code, "opted_out")
    if code == _LOOP:
        return GiveUp(code, "blocked")
    return GiveUp(code, "halt" if code in _CONFIGURATION else None)


def _report(fields: Mapping[str, str], status: str) -> IncomingReport:
    sid = fields.get("MessageSid") or fields.get("SmsSid")
    if not sid:
        raise Unreadable("MessageSid")
    state = _STATES.get(status)
    if state is None:
        raise Unreadable("MessageStatus")
    code = fields.get("ErrorCode") or None
    failed = state in {State.FAILED, State.UNDELIVERED}
    return IncomingReport(sid, Report(state, code, verdict_on(code) if failed and code else None))
