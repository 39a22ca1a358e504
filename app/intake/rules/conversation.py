"""What a text answers: the digit of a menu, in any script, or the problem in its words."""

from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text adds to its case, and the catalogue keys of what to say if it was an answer."""

    categories: tuple[str, ...]
    keys: tuple[str, ...]


def reply_to(body: str, decision: Decision, *, asked: str | None) -> Reply:
    """What the text means, given what the person was asked last (None where nothing was)."""
    choice = _digit(body) if asked == PROBLEM else None
    if choice is None:
        return Reply(decision.categories, ("sms.thanks",))
    chosen = (_MENU[choice],) if choice in _MENU else ()
    return Reply(chosen, ("sms.menu_noted",))


def _digit(body: str) -> int | None:
    """The one digit 1 to 6 that the text consists of, in ASCII, Khmer or Thai, with marks around it."""
    kept = [char for char in body if char.isalnum()]
    if len(kept) != 1 or not kept[0].isdecimal():
        return None
    number = int(kept[0])
    return number if 1 <= number <= _LAST else None
