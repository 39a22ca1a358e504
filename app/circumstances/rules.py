"""What lies around a case, and when two names of companies are one name."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.kernel.money import Money

# The form of a company says nothing of which one it is, and one writer leaves it out where another does not.
_FORMS: Final = frozenset({
    "co", "coltd", "company", "corp", "corporation", "enterprise", "group", "inc", "limited", "ltd",
    "plc", "pte", "pty", "sdn", "bhd", "ក្រុមហ៊ុន", "ក្រុម", "ឯក", "ចក",
})  # fmt: skip
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
