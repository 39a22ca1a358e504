"""What the forms that Twilio sends mean, and what its error codes ask us to do."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from app.intake.rules.incoming import (
    Incoming,
    IncomingCallReport,
    IncomingRecording,
    IncomingReport,
    IncomingText,
    Unreadable,
    kept_words,
)
from app.outbox.rules import GiveUp, Hold, NotKnown, Report, Sending, State, TryLater

# Not Twilio's: the fields in which a reconciler says when a text was written, or a call began, that it
# found later.
WRITTEN_AT: Final = "WrittenAt"
BEGAN_AT: Final = "BeganAt"
_TIMED_OUT: Final = 408
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_NONE: Final[Mapping[str, Sending]] = {}
_CAME_IN: Final = frozenset({"received", "receiving"})

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
# Not the text's fault: our account is closed or its token wrong, a country is switched off there, the
# number that we send from or the address for statuses is not right.
_CONFIGURATION: Final = frozenset({
    "10001", "20003", "20005", "20006", "20008", "20404", "21212", "21408", "21603", "21606", "21609",
    "21659", "30002", "30034",
})  # fmt: skip
_EFFECTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_CANNOT_TEXT, "cannot_text"),
    "21610": "opted_out", "21612": "no_route", "14107": "blocked",
}  # fmt: skip
_LATER: Final[Mapping[str, TryLater]] = {
    # The phone is off: people who are held have their phones off for hours. Three more tries, as far
    # apart as the time allows in which the words are true.
    "30003": TryLater("30003", timedelta(minutes=90), at_most=4),
    "30008": TryLater("30008", timedelta(minutes=5), at_most=3),
    # Never taken up, so safe to repeat as long as the words are true.
    "20429": TryLater("20429", timedelta(seconds=5), at_most=100),
    "30001": TryLater("30001", timedelta(minutes=1), at_most=5),
}


def read(raw: bytes, _account: str) -> Incoming:
    """The meaning of a form that came to one of Twilio's doors. Raises: Unreadable."""
    fields = fields_of(raw)
    if "RecordingSid" in fields:
        return _recording(fields)
    if "CallSid" in fields:
        return _call(fields)
    status = fields.get("MessageStatus") or (fields.get("SmsStatus") if "Body" not in fields else None)
    if status and status not in _CAME_IN:
        return _report(fields, status)
    if "From" not in fields and "Body" not in fields:
        raise Unreadable("neither From nor Body")
    return IncomingText(
        sender=fields.get("From", ""),
        via=fields.get("To", ""),
        body=fields.get("Body", ""),
        claimed_at=_moment(fields.get(WRITTEN_AT)),
    )


def fields_of(raw: bytes) -> dict[str, str]:
    """The fields of a form, or of a JSON object, each with its first value; empty for anything else."""
    text = raw.decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        pairs = parse_qsl(text, keep_blank_values=True)
        return {name: kept_words(value) for name, value in reversed(pairs)}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: kept_words(value) for name, value in given.items() if isinstance(value, str)}


def verdict_on(code: str) -> TryLater | Hold | GiveUp:
    """What an error code asks us to do with the text."""
    if code in _LATER:
        return _LATER[code]
    if code in _CONFIGURATION:
        return Hold(code)
    return GiveUp(code, _EFFECTS.get(code))


CALL_ENDS: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
_DIGITS: Final = 6  # more seconds than these many digits can hold are no duration


def seconds_of(text: str | None) -> int:
    """A duration as the carrier gives it; 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def _call(fields: Mapping[str, str]) -> IncomingCallReport:
    if not fields["CallSid"]:
        raise Unreadable("CallSid")
    status = fields.get("CallStatus", "")
    machine = fields.get("AnsweredBy", "").startswith(("machine", "fax"))
    ended = status if status in CALL_ENDS else None
    seconds = seconds_of(fields.get("CallDuration"))
    return IncomingCallReport(
        fields["CallSid"], ended, seconds, machine, sender=fields.get("From", ""), via=fields.get("To", ""),
        began_at=_moment(fields.get(BEGAN_AT)),
    )  # fmt: skip


def _recording(fields: Mapping[str, str]) -> IncomingRecording:
    if not fields["RecordingSid"]:
        raise Unreadable("RecordingSid")
    status = fields.get("RecordingStatus", "completed")
    seconds = seconds_of(fields.get("RecordingDuration")) if status == "completed" else 0
    return IncomingRecording(
        fields["RecordingSid"], fields.get("CallSid", ""), seconds, finished=status != "in-progress"
    )


def left_in(fields: Mapping[str, str]) -> IncomingRecording | None:
    """What the action of a Record says was left; None where it says nothing of a recording.

    Somleng gives its address alone, of which the last step is the id. No other part of an address
    that somebody gave us is ever used.
    """
    sid = fields.get("RecordingSid") or fields.get("RecordingUrl", "").rpartition("/")[2]
    if not sid:
        return None
    seconds = seconds_of(fields.get("RecordingDuration"))
    return IncomingRecording(sid, fields.get("CallSid", ""), seconds, finished=True)


def meaning_of(status: int, code: int | str | None, known: Mapping[str, Sending] = _NONE) -> Sending:
    """What a refusal of the REST interface asks of us; `known` goes before the codes of texts.

    Twilio has a code of its own for each; a proxy on the way has none.
    """
    if status == _TOO_MANY:
        return verdict_on("20429")
    if status >= _SERVER_ERROR or status == _TIMED_OUT:
        return NotKnown(f"http_{status}")
    if code is None or str(code) == str(status):
        return Hold(f"http_{status}")
    return known.get(str(code)) or verdict_on(str(code))


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _report(fields: Mapping[str, str], status: str) -> IncomingReport:
    sid = fields.get("MessageSid") or fields.get("SmsSid")
    if not sid:
        raise Unreadable("MessageSid")
    # A state that Twilio thinks of one day tells no more than that it has the text.
    state = _STATES.get(status, State.ACCEPTED)
    code = fields.get("ErrorCode") or None
    failed = state in {State.FAILED, State.UNDELIVERED}
    return IncomingReport(sid, Report(state, code, verdict_on(code) if failed and code else None))
