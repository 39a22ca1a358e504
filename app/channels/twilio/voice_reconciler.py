"""Finding the calls and the recordings that Twilio holds and never told us of."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import requests
import structlog
from prometheus_client import Counter
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from app.calls.rules.calls import LONGEST
from app.channels.twilio.door import CARRIER
from app.channels.twilio.reading import BEGAN_AT, CALL_ENDS, seconds_of
from app.channels.twilio.rest import Account, client_of
from app.intake.rules.incoming import Arrival
from app.usecases import catching_up
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("twilio")
_LOOKS = Counter(
    "spean_voice_reconciled_total", "Looks at Twilio's lists of calls and recordings", ["list", "result"]
)
_EVERY: Final = timedelta(minutes=5)
# A call stands in the list under the time at which it began, and counts here once it has ended.
_OVERLAP: Final = LONGEST + timedelta(hours=1)
# What ended a moment ago is about to be told.
_SETTLED: Final = timedelta(minutes=1)
_PAGE: Final = 500
_CALLS: Final = "calls"
_RECORDINGS: Final = "recordings"
_NOT_FOUND: Final = 404
_UNCLEAR: Final = (
    requests.exceptions.RequestException, TwilioException,
    # What the library raises where an answer is no JSON, or not the JSON that it expects.
    ValueError, LookupError, TypeError, AttributeError,
)  # fmt: skip


@dataclass
class VoiceReconciler:
    """Reads the lists of calls and recordings every five minutes and puts what is news into the inbox.

    While our server was down callers were told to leave a message, or nothing at all; who called and
    what they left becomes known here. `numbers` are ours (E.164). The account may be shared: calls to
    other numbers, and what was left in them, are nobody's business here.
    """

    office: Office
    account: Account
    numbers: Collection[str]
    _next_at: datetime | None = None
    # Calls that are not ours and of which recordings are listed: asked for once, not at every look.
    _others: set[str] = field(default_factory=set)
    _client: Any = field(init=False)

    def __post_init__(self) -> None:
        """Make the client, which this loop's thread alone uses."""
        self._client = client_of(self.account)

    def step(self, now: datetime) -> bool:
        """Look, if it is time. Returns whether anything was found that was not known.

        After a look that failed the next one goes back as far as the last that did not, for each list.
        """
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + _EVERY
        # Calls first, so that what was left in one finds it.
        found = [self._look(what, now) for what in (_CALLS, _RECORDINGS)]
        return any(found)

    def _look(self, what: str, now: datetime) -> int:
        mark = f"{CARRIER}:{what}_reconciled"
        with self.office.look() as uow:
            since = catching_up.looked_until(uow, mark, now=now) - _OVERLAP
        try:
            arrivals = self._new_calls(since, now) if what == _CALLS else self._new_recordings(since, now)
        except _UNCLEAR as problem:
            _LOOKS.labels(what, "failed").inc()
            _LOG.warning("not_reconciled", list=what, error=type(problem).__name__)
            with self.office.work(now) as uow:
                catching_up.not_read(uow, mark, now=now)
            return 0
        with self.office.work(now) as uow:
            found = catching_up.keep_found(uow, mark, arrivals, now=now)
        _LOOKS.labels(what, "found" if found else "nothing_new").inc()
        if found:
            _LOG.warning(f"{what}_never_told", count=found)
        return found

    def _new_calls(self, since: datetime, now: datetime) -> list[Arrival]:
        """Calls to our numbers that are over and of which something is not known, the oldest first."""
        listed = [
            call
            for number in sorted(self.numbers)
            for call in self._client.calls.stream(to=number, start_time_after=since, page_size=_PAGE)
            if self._is_ours(call) and _began(call) >= since and _is_over(call, now)
        ]
        return self._told_of(sorted(listed, key=_began))

    def _new_recordings(self, since: datetime, now: datetime) -> list[Arrival]:
        """Recordings of calls to our numbers that are not known, the oldest first, after those calls."""
        found = self._client.recordings.stream(date_created_after=since, page_size=_PAGE)
        listed = [one for one in found if one.call_sid and one.status == "completed"]
        self._others.intersection_update(one.call_sid for one in listed)
        fresh = self._unknown([one for one in reversed(listed) if _is_settled(one, now)])
        known = self._known_calls(one.call_sid for one in fresh)
        calls = self._ours_of({one.call_sid for one in fresh} - known.keys())
        unheard = [call for call in calls.values() if _is_over(call, now)]
        left = [one for one in fresh if one.call_sid in known or one.call_sid in calls]
        return [
            *self._told_of(sorted(unheard, key=_began)),
            *(_recording(one, self.account.sid, calls.get(one.call_sid)) for one in left),
        ]

    def _told_of(self, calls: list[Any]) -> list[Arrival]:
        """What we were not told of these calls, which are over."""
        known = self._known_calls(call.sid for call in calls)
        account = self.account.sid
        return [_call(one, account, known=one.sid in known) for one in calls if not known.get(one.sid)]

    def _known_calls(self, sids: Iterable[str]) -> Mapping[str, bool]:
        with self.office.look() as uow:
            return catching_up.known_calls(uow, CARRIER, self.account.sid, sorted(set(sids)))

    def _unknown(self, listed: list[Any]) -> list[Any]:
        """Those of the recordings that neither are known nor came to the inbox."""
        account = self.account.sid
        with self.office.look() as uow:
            known = catching_up.known_recordings(uow, CARRIER, account, [one.sid for one in listed])
            return [
                one
                for one in listed
                if one.sid not in known and not catching_up.has_arrived(uow, CARRIER, account, _as_told(one))
            ]

    def _ours_of(self, sids: set[str]) -> dict[str, Any]:
        """Those of these calls that came to our numbers; each that did not is asked for once."""
        ours = {}
        for sid in sorted(sids - self._others):
            call = self._fetched(sid)
            if call is not None and self._is_ours(call):
                ours[sid] = call
            else:
                self._others.add(sid)
        return ours

    def _fetched(self, sid: str) -> Any | None:  # noqa: ANN401 - the library has no type for what it fetches
        """One call; None where Twilio no longer has it, and nobody can say whose it was."""
        try:
            return self._client.calls(sid).fetch()
        except (TwilioRestException, TwilioServiceException) as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise

    def _is_ours(self, call: Any) -> bool:  # noqa: ANN401 - as above
        return call.direction == "inbound" and call.to in self.numbers


def _began(call: Any) -> datetime:  # noqa: ANN401 - as above
    began_at: datetime = call.start_time or call.date_created
    return began_at.astimezone(UTC)


def _sender(call: Any) -> str:  # noqa: ANN401 - as above
    return call._from or ""  # noqa: SLF001 - what the library calls it, of calls alone


def _is_over(call: Any, now: datetime) -> bool:  # noqa: ANN401 - as above
    ended_at = call.end_time or _began(call) + timedelta(seconds=seconds_of(call.duration))
    return call.status in CALL_ENDS and bool(ended_at <= now - _SETTLED)


def _is_settled(recording: Any, now: datetime) -> bool:  # noqa: ANN401 - as above
    lasts = timedelta(seconds=seconds_of(recording.duration))
    return bool(recording.date_created + lasts <= now - _SETTLED)


def _as_told(recording: Any) -> str:  # noqa: ANN401 - as above
    """The id under which the door keeps what is told of a recording."""
    return f"{recording.sid}:completed"


def _call(call: Any, account: str, *, known: bool) -> Arrival:  # noqa: ANN401 - as above
    """A listed call as news of its end, where it is known, else as a call that came, for whoever looks."""
    fields = {
        "CallSid": call.sid,
        "AccountSid": account,
        "From": _sender(call),
        "To": call.to,
        "CallStatus": call.status,
        "CallDuration": call.duration or "0",
        "Direction": call.direction,
        BEGAN_AT: _began(call).isoformat(),
    }
    raw = urlencode(fields).encode()
    if known:
        return Arrival(CARRIER, account, f"{call.sid}:{call.status}", "call_status", call.sid, raw)
    return Arrival(CARRIER, account, call.sid, "call", fields["From"], raw)


def _recording(one: Any, account: str, call: Any) -> Arrival:  # noqa: ANN401 - as above
    """A listed recording in the form in which the door would have kept it, with who left it if we asked."""
    fields = {
        "AccountSid": account,
        "CallSid": one.call_sid,
        "RecordingSid": one.sid,
        "RecordingStatus": "completed",
        "RecordingDuration": one.duration or "0",
        "RecordingChannels": str(one.channels or 1),
        "RecordingSource": one.source or "",
        **({"From": _sender(call), "To": call.to} if call else {}),
    }
    return Arrival(CARRIER, account, _as_told(one), "recording", one.sid, urlencode(fields).encode())
