"""What a text answers: the digit of a menu, the problem in its words, or a wish for silence."""

import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from app.intake.rules.folding import fold
from app.intake.rules.triage import Decision

# The order of `sms.menu`; six is "something else" and leaves the case to a human.
_MENU: Final = {
    1: "detention",
    2: "unpaid_wages",
    3: "forced_extension",
    4: "passport_confiscation",
    5: "physical_abuse",
}
_LAST: Final = 6
PROBLEM: Final = "problem"

# Words that ask for silence, or end it, when nothing else is said. Twilio's own list has more, but
# END or CANCEL alone may well be about a contract.
_SILENCE: Final = frozenset(fold(word) for word in ("stop", "stopall", "unsubscribe", "ឈប់", "បញ្ឈប់", "chhop"))
_WORDS_AGAIN: Final = frozenset(fold(word) for word in ("start", "unstop", "ចាប់ផ្ដើម", "ចាប់ផ្តើម"))


class Wish(Enum):
    """What a person wants of our texts."""

    SILENCE = auto()
    WORDS_AGAIN = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text adds to its case, and the catalogue keys of what to say if something was asked.

    Without a key the text is no answer, and the question stays open.
    """

    categories: tuple[str, ...]
    keys: tuple[str, ...]


def reply_to(body: str, decision: Decision, *, asked: str | None) -> Reply:
    """What the text means, given what the person was asked last (None where nothing was)."""
    choice = _digit(body) if asked == PROBLEM else None
    if choice is None:
        # The second half of a long text, or "hello?", must neither be answered nor end the question.
        return Reply(decision.categories, ("sms.thanks",) if decision.categories else ())
    chosen = (_MENU[choice],) if choice in _MENU else ()
    return Reply(chosen, ("sms.menu_noted",))


def wish_in(body: str) -> Wish | None:
    """The wish that the text consists of. A sentence with such a word in it is a report, not a wish."""
    kept = (char for char in fold(body) if char == " " or unicodedata.category(char)[0] in "LMN")
    word = "".join(kept).strip()
    if word in _SILENCE:
        return Wish.SILENCE
    return Wish.WORDS_AGAIN if word in _WORDS_AGAIN else None


def _digit(body: str) -> int | None:
    """The one digit 1 to 6 that the text consists of, in ASCII, Khmer or Thai, with marks around it."""
    kept = [char for char in body if char.isalnum()]
    if len(kept) != 1 or not kept[0].isdecimal():
        return None
    number = int(kept[0])
    return number if 1 <= number <= _LAST else None
