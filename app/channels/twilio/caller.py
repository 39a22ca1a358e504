"""Making calls through Twilio's REST interface, and looking there before asking for one again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from app.calls.rules.dialling import Dial
from app.channels.twilio.reading import meaning_of
from app.channels.twilio.rest import Account, client_of
from app.outbox.rules import CallLeave, GiveUp, Hold, NotKnown, Sending, Taken, TryLater

# Our clock and theirs may differ by this much.
_LOOK_BACK: Final = timedelta(minutes=5)
_LOOK_AT: Final = 50
# What each refusal of a call means for us. Source: docs/sources.md#twilio-errors.
_CALLS: Final[Mapping[str, Hold | GiveUp]] = {
    # A country that is switched off, a number that we may not show, an address that is wrong: ours to mend.
    **{code: Hold(code) for code in ("13227", "21205", "21210", "21212", "21213", "21215", "32205")},
    **{code: GiveUp(code) for code in ("13223", "13224", "21201", "21211", "21214", "21216", "21217")},
}
_UNCLEAR: Final = (
    requests.exceptions.RequestException, TwilioException,
    # What the library raises where an answer is no JSON, or not the JSON that it expects.
    ValueError, LookupError, TypeError, AttributeError,
)  # fmt: skip


class TwilioCaller:
    """Has Twilio make calls, or whatever speaks its REST interface at another address.

    The interface takes no key that would make a repeat safe. So after a try without an answer we
    look there for a call to the same phone before we ask again; where we cannot look, nobody rings.
    """

    name = "twilio"

    def __init__(self, account: Account, *, base_url: str) -> None:
        """Call for this account; documents are asked for, and statuses come, below this URL."""
        self._client = client_of(account)
        self._voice = f"{base_url.rstrip('/')}/twilio/voice"

    def place(self, leave: CallLeave, dial: Dial) -> Sending:
        """Have the phone rung for which there is leave. Never raises for what a carrier may do."""
        try:
            sid = self._already_there(dial) if dial.may_be_placed else None
            sid = sid or self._client.calls.create(to=leave.phone.e164, **self._wish(dial)).sid
        except (TwilioRestException, TwilioServiceException) as refused:
            return meaning_of(refused.status, refused.code, _CALLS)
        except requests.exceptions.ConnectTimeout as cut:
            return TryLater(type(cut).__name__)
        except _UNCLEAR as cut:
            return NotKnown(type(cut).__name__)
        return Taken(sid) if sid else NotKnown("no_sid")

    def _wish(self, dial: Dial) -> dict[str, Any]:
        wish = {
            "from_": dial.via,
            "url": f"{self._voice}/outgoing/{dial.call_id}",
            "status_callback": f"{self._voice}/status",
            "timeout": int(dial.ring.total_seconds()),
        }
        return {**wish, "machine_detection": "Enable"} if dial.detect_machine else wish

    def _already_there(self, dial: Dial) -> str | None:
        """The id of the call if an earlier try arrived. No time is asked for: a call that still waits
        at Twilio has no time of starting by which it could be found.
        """
        since = dial.created_at - _LOOK_BACK
        for found in self._client.calls.list(to=dial.to.e164, from_=dial.via, limit=_LOOK_AT):
            made_at: datetime | None = found.date_created
            if found.sid not in dial.not_these and (made_at is None or made_at >= since):
                return str(found.sid)
        return None
