"""Twilio's REST interface as we use it: one account, a time-out, nothing of a text in a log."""

import logging
from dataclasses import dataclass, field

from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


@dataclass(frozen=True, slots=True)
class Account:
    """Whose texts are sent and listed, and where the interface is: at Twilio, or what speaks like it."""

    sid: str
    token: str = field(repr=False)
    base_url: str
    timeout_seconds: float


def client_of(account: Account) -> Client:
    """A client for this account, for one thread. The library's own time-out is for ever."""
    http = TwilioHttpClient(timeout=account.timeout_seconds, max_retries=0, logger=_silent())
    if http.session is not None:
        http.session.mount("http://", HTTPAdapter())
    client = Client(account.sid, account.token, http_client=http)
    client.api.base_url = account.base_url.rstrip("/")
    return client


def _silent() -> logging.Logger:
    """A log for what the libraries have to say: they write down whole URLs, with phone numbers in them."""
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logger = logging.getLogger("spean.twilio")
    logger.disabled = True
    return logger
