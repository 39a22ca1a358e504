"""Recordings at Twilio, or what speaks like it: fetched from an address of our own making, then deleted."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from app.channels.twilio.rest import Account
from app.usecases.recordings import FETCH_WITHIN, NotHad, Problem, Sound, media_type_of

# Twilio's are RE and 32 digits, Somleng's are UUIDs; nothing of either leads to another address.
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_OK, _NO_CONTENT, _NOT_FOUND = 200, 204, 404
_REDIRECTS: Final = range(300, 400)
_REFUSALS: Final = frozenset({401, 403})
_PIECE_BYTES: Final = 64 * 1024


class TwilioRecordings:
    """Holds what callers left, until it is deleted. For one thread.

    No address that came with a webhook is ever asked, and no redirect followed: our token goes to the
    one configured host, or nowhere.
    """

    def __init__(self, account: Account, *, limit_bytes: int, within: timedelta = FETCH_WITHIN) -> None:
        """Fetch for this account what is not larger than that and comes as a whole within this time."""
        self._account = account
        self._within = within
        self._limit = limit_bytes
        self._session = requests.Session()
        self._session.auth = (account.sid, account.token)
        # What is packed could unfold to any size.
        self._session.headers["Accept-Encoding"] = "identity"

    @contextmanager
    def sound(self, carrier_id: str) -> Iterator[Sound]:
        """The recording as MP3, a quarter of a WAV's size. Raises: NotHad, also while it is read."""
        give_up_at = time.monotonic() + self._within.total_seconds()
        with self._ask("GET", carrier_id, ".mp3") as answer:
            if answer.status_code != _OK:
                raise NotHad(_problem_of(answer.status_code))
            if self._says_too_large(answer):
                raise NotHad(Problem.TOO_LARGE)
            pieces = self._pieces(answer, give_up_at)
            beginning = next(pieces, b"")
            media_type = media_type_of(answer.headers.get("Content-Type", ""), beginning)
            if media_type is None:
                raise NotHad(Problem.WRONG_TYPE)
            yield Sound(media_type, chain([beginning], pieces))

    def delete(self, carrier_id: str) -> None:
        """The carrier holds it no longer; it may have been gone before. Raises: NotHad."""
        with self._ask("DELETE", carrier_id, ".json") as answer:
            if answer.status_code not in {_OK, _NO_CONTENT, _NOT_FOUND}:
                raise NotHad(_problem_of(answer.status_code))

    @contextmanager
    def _ask(self, method: str, carrier_id: str, suffix: str) -> Iterator[requests.Response]:
        if not _ID.fullmatch(carrier_id):
            raise NotHad(Problem.NO_ID)
        account = self._account
        url = f"{account.base_url}/2010-04-01/Accounts/{account.sid}/Recordings/{carrier_id}{suffix}"
        try:
            answer = self._session.request(
                method, url, stream=True, allow_redirects=False, timeout=account.timeout_seconds
            )
        except requests.exceptions.RequestException:
            raise NotHad(Problem.UNREACHABLE) from None
        with answer:
            yield answer

    def _says_too_large(self, answer: requests.Response) -> bool:
        length = answer.headers.get("Content-Length", "")
        return length.isascii() and length.isdecimal() and int(length) > self._limit

    def _pieces(self, answer: requests.Response, give_up_at: float) -> Iterator[bytes]:
        """The body as it comes, nothing unpacked. Raises: NotHad."""
        size = 0
        try:
            # Whatever is there at the moment: waiting for a full piece, one would not see how late it is.
            while piece := answer.raw.read1(_PIECE_BYTES, decode_content=False):
                size += len(piece)
                if size > self._limit:
                    raise NotHad(Problem.TOO_LARGE)
                if time.monotonic() > give_up_at:
                    # A body that drips would hold the worker, and outlast its lease.
                    raise NotHad(Problem.UNREACHABLE)
                yield piece
        except (HTTPError, OSError):
            raise NotHad(Problem.UNREACHABLE) from None


def _problem_of(status: int) -> Problem:
    if status == _NOT_FOUND:
        return Problem.NOT_THERE
    if status in _REFUSALS:
        return Problem.REFUSED
    return Problem.REDIRECTED if status in _REDIRECTS else Problem.UNREACHABLE
