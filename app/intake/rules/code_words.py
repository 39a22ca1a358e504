"""Whether a text says the word that a person and their caseworker agreed on, and which words will do."""

import re
from typing import Final

from app.intake.rules.conversation import Keywords, single_word

_LEAST_LETTERS: Final = 4
_LATIN: Final = re.compile(r"[a-z0-9]")


def says_word(body: str, word: str) -> bool:
    """Whether the text holds the word, however it is typed; Khmer needs no blanks around it."""
    said, agreed = single_word(body), single_word(word)
    if not agreed:
        return False
    before = r"(?<![a-z0-9])" if _LATIN.match(agreed[0]) else ""
    after = r"(?![a-z0-9])" if _LATIN.match(agreed[-1]) else ""
    return re.search(before + re.escape(agreed) + after, said) is not None


def is_only(body: str, word: str) -> bool:
    """Whether the text is the word and nothing else."""
    return single_word(body) == single_word(word)


def will_do(word: str, keywords: Keywords) -> bool:
    """Whether the word can be agreed on: not too short, and none that people write anyway."""
    folded = single_word(word)
    taken = keywords.wishes.keys() | keywords.yes | keywords.no
    return len(folded.replace(" ", "")) >= _LEAST_LETTERS and folded not in taken and not folded.isdecimal()
