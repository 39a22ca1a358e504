"""Sending through Twilio's REST interface, and looking there before sending again."""

from datetime import datetime, timedelta
from typing import Any, Final

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from app.channels.twilio.reading import meaning_of
from app.channels.twilio.rest import Account, client_of
from app.outbox.rules import NotKnown, Sending, Taken, Text, TryLater

# Our clock and theirs may differ by this much.
_LOOK_BACK: Final = timedelta(minutes=15)
_LOOK_AT: Final = 200
_LONGEST_VALIDITY: Final = 36_000
_SHORTEST_VALIDITY: Final = 1
_DID_NOT_GO: Final = frozenset({"failed", "undelivered", "canceled"})
_UNCLEAR: Final = (
    requests.exceptions.RequestException, TwilioException,
    # What the library raises where an answer is no JSON, or not the JSON that it expects.
    ValueError, LookupError, TypeError, AttributeError,
)  # fmt: skip


class TwilioSender:
    """Hands texts to Twilio, or to whatever speaks its REST interface at another address.

    The interface takes no key that would make a repeat safe. So after a try without an answer we
    look there for a text with the same words to the same phone before we send again.
    """

    name = "twilio"

    def __init__(self, account: Account, *, status_url: str) -> None:
        """Send for this account; statuses come to this URL."""
        self._client = client_of(account)
        self._status_url = status_url

    def send(self, text: Text) -> Sending:
        """Hand over one text. Never raises for what a carrier or a network may do."""
        try:
            sid = self._already_there(text) if text.may_have_gone else None
            sid = sid or self._client.messages.create(**self._wish(text)).sid
        except (TwilioRestException, TwilioServiceException) as refused:
            return meaning_of(refused.status, refused.code)
        except requests.exceptions.ConnectTimeout as cut:
            return TryLater(type(cut).__name__)
        except _UNCLEAR as cut:
            return NotKnown(type(cut).__name__)
        return Taken(sid) if sid else NotKnown("no_sid")

    def _wish(self, text: Text) -> dict[str, Any]:
        validity = int(text.valid_for.total_seconds())
        return {
            "to": text.to.e164,
            "from_": text.via,
            "body": text.body,
            "status_callback": self._status_url,
            "validity_period": min(max(validity, _SHORTEST_VALIDITY), _LONGEST_VALIDITY),
        }

    def _already_there(self, text: Text) -> str | None:
        """The id of the text if an earlier try arrived. No date is asked for: a text that still waits
        at Twilio has no date of sending by which it could be found.
        """
        since = text.created_at - _LOOK_BACK
        for found in self._client.messages.list(to=text.to.e164, from_=text.via, limit=_LOOK_AT):
            made_at: datetime | None = found.date_created
            if (
                found.body == text.body
                and found.sid not in text.not_these
                and found.status not in _DID_NOT_GO
                and (made_at is None or made_at >= since)
            ):
                return str(found.sid)
        return None
