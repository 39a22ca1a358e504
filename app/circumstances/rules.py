"""What lies around a case: when two names of companies are one name, and what money is worth in dollars."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.kernel.money import Money

# The form of a company says nothing of which one it is, and one writer leaves it out where another does not.
_FORMS: Final = frozenset({
    "co", "coltd", "company", "corp", "corporation", "enterprise", "group", "inc", "limited", "ltd",
    "plc", "pte", "pty", "sdn", "bhd", "ក្រុមហ៊ុន", "ក្រុម", "ឯក", "ចក",
})  # fmt: skip
DOLLAR: Final = "USD"
_WORD: Final = re.compile(r"[^\W_]+(?:[\u17b4-\u17d3\u17dd]+[^\W_]*)*")
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


class PartyKind(StrEnum):
    """What somebody was to the people of a case."""

    RECRUITER = "recruiter"
    EMPLOYER = "employer"
    BROKER = "broker"
    SITE = "site"  # a training centre, a vessel, a factory


@dataclass(frozen=True, slots=True)
class Circumstances:
    """In which trade the people of a case work, and from which province they come; None where unknown."""

    case_id: UUID
    sector: str | None = None
    origin_province: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A company or person that acts towards migrants; `names` in the order in which they became known."""

    id: UUID
    kind: PartyKind
    names: tuple[str, ...]
    country: str | None = None
    licence: str | None = None
    merged_into: UUID | None = None
    disputed_since: datetime | None = None  # somebody says that what is kept of it is wrong


@dataclass(frozen=True, slots=True)
class Recovery:
    """Money that came back to the people of a case on a day."""

    id: UUID
    case_id: UUID
    amount: Money
    day: date
    worker_id: UUID
    at: datetime
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sector:
    """A trade: what staff call it, and the divisions of ISIC Rev. 4 that it is made of."""

    code: str
    labels: Mapping[str, str]  # by language: km and en
    isic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """From this day on, one unit of a currency was worth so many US dollars."""

    since: date
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an NGO configured: trades, provinces by code with their names, rates by currency, oldest first."""

    sectors: Mapping[str, Sector] = field(default_factory=dict)
    provinces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rates: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)

    def usd_for_unit(self, currency: str, day: date) -> Decimal | None:
        """What one unit of the currency was worth on this day; None where nobody wrote it down."""
        if currency == DOLLAR:
            return Decimal(1)
        listed = self.rates.get(currency, ())
        place = bisect_right([rate.since for rate in listed], day)
        return listed[place - 1].usd if place else None


def same_name(name: str) -> str:
    """A form of a company's name that is equal for all the ways in which people write that name.

    Case, accents over Latin letters, blanks, signs and the form of the company do not count. A name that
    is nothing but a form stays as it is.
    """
    plain = unicodedata.normalize("NFKD", _UNSEEN.sub("", name).casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))
    words = _WORD.findall(plain)
    telling = [word for word in words if word not in _FORMS]
    return "".join(telling or words)
