"""Sending through Twilio's REST interface, and looking there before sending again."""

from datetime import timedelta
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from app.channels.twilio.reading import verdict_on
from app.outbox.rules import NotKnown, Sending, Taken, Text, TryLater

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_LOOK_BACK: Final = timedelta(minutes=5)
_LONGEST_VALIDITY: Final = 36_000
_SHORTEST_VALIDITY: Final = 1


class TwilioSender:
    """Hands texts to Twilio, or to whatever speaks its REST interface at another address.

    The interface takes no key that would make a repeat safe. So after a try without an answer we
    look there for a text with the same words to the same phone before we send again.
    """

    name = "twilio"

    def __init__(
        self, *, account_sid: str, token: str, base_url: str, status_url: str, timeout_seconds: float
    ) -> None:
        """Talk to the REST interface at this base URL. The library's own time-out is for ever."""
        http = TwilioHttpClient(timeout=timeout_seconds, max_retries=0)
        if http.session is not None:
            http.session.mount("http://", HTTPAdapter())
        self._client = Client(account_sid, token, http_client=http)
        self._client.api.base_url = base_url.rstrip("/")
        self._status_url = status_url

    def send(self, text: Text) -> Sending:
        """Hand over one text. Never raises for what a carrier or a network may do."""
        try:
            if text.may_have_gone and (sid := self._already_there(text)):
                return Taken(sid)
            created = self._client.messages.create(**self._wish(text))
        except TwilioRestException as refused:
            return _meaning(refused)
        except requests.exceptions.ConnectTimeout as cut:
            return TryLater(type(cut).__name__)
        except (requests.exceptions.RequestException, ValueError, KeyError) as cut:
            return NotKnown(type(cut).__name__)
        return Taken(created.sid) if created.sid else NotKnown("no_sid")

    def _wish(self, text: Text) -> dict[str, Any]:
        validity = int((text.expires_at - text.created_at).total_seconds())
        return {
            "to": text.to.e164,
            "from_": text.via,
            "body": text.body,
            "status_callback": self._status_url,
            "validity_period": min(max(validity, _SHORTEST_VALIDITY), _LONGEST_VALIDITY),
        }

    def _already_there(self, text: Text) -> str | None:
        since = text.created_at - _LOOK_BACK
        for found in self._client.messages.list(to=text.to.e164, date_sent_after=since, limit=200):
            if found.body == text.body and found.from_ == text.via:
                return str(found.sid)
        return None


def _meaning(refused: TwilioRestException) -> Sending:
    """Twilio's own code where there is one; a proxy's page has only an HTTP status."""
    code = str(refused.code or refused.status)
    if refused.status == _TOO_MANY:
        return verdict_on("20429")
    if refused.status >= _SERVER_ERROR:
        return NotKnown(f"http_{refused.status}")
    return verdict_on(code)
