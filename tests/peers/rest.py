"""What every resource of the fake REST API shares: refusals, checked parameters, and pages of a list."""

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import urlencode

from tests.peers import AnswerNow, Fault, Reply

Json: TypeAlias = dict[str, Any]


def names(text: str) -> frozenset[str]:
    """A set of names, written as one text."""
    return frozenset(text.split())


API_VERSION: Final = "2010-04-01"
E164: Final = re.compile(r"\+[1-9]\d{6,14}")
WEB_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?/\S*")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
_MANY: Final = names("MediaUrl PersistentAction StatusCallbackEvent RecordingStatusCallbackEvent")


def refused(status: int, code: int, words: str) -> AnswerNow:
    """The API's refusal, to be raised."""
    page = f"https://www.twilio.com/docs/errors/{code}"
    return AnswerNow(Reply.of(status, {"code": code, "message": words, "more_info": page, "status": status}))


def explain(fault: Fault) -> Reply:
    """The words of a fault that has a status."""
    return refused(fault.status, fault.code or 20000 + fault.status, "Something went wrong").reply


def checked(pairs: Sequence[tuple[str, str]], known: Collection[str]) -> dict[str, str]:
    """The parameters by name; the values of one that may come often are joined by spaces.

    Twilio itself only warns of unknown ones; here a typing error is loud.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known or (name in found and name not in _MANY):
            raise refused(400, 20001, f"Unknown or repeated parameter {name}")
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


def whole(text: str, *, most: int) -> bool:
    """Whether this is a whole number from 1 on."""
    return text.isascii() and text.isdigit() and 1 <= int(text) <= most


def refuse_first(*faults: tuple[bool, int, str]) -> None:
    """Refuse for the first thing that is wrong."""
    for wrong, code, words in faults:
        if wrong:
            raise refused(400, code, words)


def new_sid(prefix: str) -> str:
    """A fresh identifier of the carrier."""
    return prefix + secrets.token_hex(16)


def dated_as_asked(name: str, moment: datetime, asked: Mapping[str, str]) -> bool:
    """Whether a time fits: on a day, from a moment on, up to a moment, both moments included."""
    for key, text in asked.items():
        if key.startswith(name):
            if not _DATE.fullmatch(text):
                raise refused(400, 20001, f"{key} is no date")
            bound = datetime.fromisoformat(text).replace(tzinfo=UTC)
            fits = {name: moment.date() == bound.date(), f"{name}>": moment >= bound}
            if not fits.get(key, moment <= bound):
                return False
    return True


class Listed(Protocol):
    """What can stand in a list of resources."""

    @property
    def sid(self) -> str:
        """Its identifier."""

    def resource(self, account_sid: str) -> Json:
        """Its properties."""


def page(kind: str, fitting: Sequence[Listed], asked: dict[str, str], account_sid: str) -> Reply:
    """One page of a list, newest first, with the addresses of its neighbours."""
    size, number, token = asked.pop("PageSize", "50"), asked.pop("Page", "0"), asked.pop("PageToken", "")
    if not whole(size, most=1000) or not number.isdigit() or (number != "0") != bool(token):
        raise refused(400, 20001, "Invalid page")
    # A page begins behind what ended the last one, so that newcomers do not shift it.
    start = next((i + 1 for i, one in enumerate(fitting) if f"PA{one.sid}" == token), 0)
    shown = fitting[start : start + int(size)]
    base, end = f"/{API_VERSION}/Accounts/{account_sid}/{kind}.json?", start + len(shown)

    def uri(index: int, **onward: str) -> str:
        return base + urlencode(asked | {"PageSize": size, "Page": str(index)} | onward)

    more = uri(int(number) + 1, PageToken=f"PA{shown[-1].sid}") if end < len(fitting) else None
    return Reply.of(200, {
        kind.lower(): [one.resource(account_sid) for one in shown], "page": int(number),
        "page_size": int(size), "start": start, "end": max(end - 1, 0), "uri": uri(int(number)),
        "first_page_uri": uri(0), "next_page_uri": more, "previous_page_uri": None,
    })  # fmt: skip
