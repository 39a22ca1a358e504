"""What a text answers and what is asked next: at most three short questions, one at a time."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, auto
from typing import Final

from app.intake.rules.folding import fold
from app.intake.rules.triage import Decision
from app.kernel.language import Language
from app.kernel.urgency import Urgency

MOST_QUESTIONS: Final = 3
STILL_TELLING: Final = timedelta(minutes=2)


class Question(StrEnum):
    """What we may ask. `language` is asked only of who wants another language, and counts for nothing."""

    PROBLEM = "problem"
    SAFE_NOW = "safe_now"
    MAY_CALL = "may_call"
    WHEN = "when"
    LANGUAGE = "language"


ASKED_WITH: Final[Mapping[Question, str]] = {
    Question.PROBLEM: "sms.menu",
    Question.SAFE_NOW: "sms.ask_safe_now",
    Question.MAY_CALL: "sms.ask_may_call",
    Question.WHEN: "sms.ask_when",
    Question.LANGUAGE: "sms.language_menu",
}
_ORDER: Final = (Question.PROBLEM, Question.SAFE_NOW, Question.MAY_CALL, Question.WHEN)
# The order of `sms.menu`; six is "something else" and leaves the case to a human.
_MENU: Final = {
    1: "detention",
    2: "unpaid_wages",
    3: "forced_extension",
    4: "passport_confiscation",
    5: "physical_abuse",
}
_MENU_LAST: Final = 6
_LANGUAGES: Final = {1: Language.KM, 2: Language.EN}
_YES, _NO = 1, 2


class Wish(StrEnum):
    """What a person may want of our texts, said in a single word."""

    SILENCE = auto()
    WORDS_AGAIN = auto()
    HELP = auto()
    STATUS = auto()
    LANGUAGE_MENU = auto()
    KHMER = auto()
    ENGLISH = auto()


class Answered(StrEnum):
    """What a text said to a question."""

    YES = "yes"
    NO = "no"
    WORDS = "words"  # said in the person's own words, for a human to read


@dataclass(frozen=True, slots=True)
class Keywords:
    """Single words that mean something by themselves, folded; an NGO edits them in `conversation.yaml`."""

    wishes: Mapping[str, Wish]
    yes: frozenset[str]
    no: frozenset[str]


@dataclass(frozen=True, slots=True)
class Talk:
    """How far the questions have come: which is open, and which have been asked, that one included.

    Whoever writes again within two minutes of a question goes on with their story, or sends the next
    piece of a long text, before they have read it: only a digit or a yes or no answers it then.
    """

    open: Question | None = None
    asked: tuple[Question, ...] = ()
    asked_just_now: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one text adds to its case, what it answers, and which question comes next, if any.

    `continues` is false where the text neither answers nor begins anything: nothing is said then,
    and an open question stays open.
    """

    categories: tuple[str, ...]
    urgency: Urgency
    answer: tuple[Question, str] | None = None
    language: Language | None = None
    next: Question | None = None
    continues: bool = True


def first_question(*, known: bool) -> Question:
    """What is asked first: what happened, unless that is known."""
    return Question.SAFE_NOW if known else Question.PROBLEM


def next_question(talk: Talk, known: bool) -> Question | None:  # noqa: FBT001 - reads as "known or not"
    """What to ask when the talk is taken up again: the open question, else the first not asked yet."""
    if talk.open is not None and talk.open is not Question.LANGUAGE:
        return talk.open
    if len(talk.asked) >= MOST_QUESTIONS:
        return None
    order = _ORDER[1:] if known else _ORDER
    return next((question for question in order if question not in talk.asked), None)


def take_turn(body: str, decision: Decision, talk: Talk, keywords: Keywords) -> Turn:
    """What the text means, given what the person was asked last."""
    match talk.open:
        case None:
            return Turn(decision.categories, decision.urgency, continues=False)
        case Question.PROBLEM:
            return _told(body, decision, talk)
        case Question.LANGUAGE:
            language = _LANGUAGES.get(digit(body, len(_LANGUAGES)) or 0)
            return Turn(
                decision.categories, decision.urgency, language=language, continues=language is not None
            )
        case _:
            return _said(body, decision, talk, keywords)


def wish_in(body: str, keywords: Keywords) -> Wish | None:
    """The wish that the text consists of. A sentence with such a word in it is a report, not a wish."""
    return keywords.wishes.get(single_word(body))


def status_code_in(body: str, keywords: Keywords) -> str | None:
    """What stands behind the word for status, if the text begins with it: a case code, perhaps."""
    word, _, rest = fold(body).strip().partition(" ")
    if keywords.wishes.get(single_word(word)) is not Wish.STATUS:
        return None
    return rest.strip() or None


def single_word(body: str) -> str:
    """The text, folded, without marks: what a keyword is compared with."""
    kept = (char for char in fold(body) if char == " " or unicodedata.category(char)[0] in "LMN")
    return "".join(kept).strip()


def digit(body: str, last: int) -> int | None:
    """The one digit from 1 to `last` that the text consists of, in ASCII, Khmer or Thai, with marks around it."""
    kept = [char for char in body if char.isalnum()]
    if len(kept) != 1 or not kept[0].isdecimal():
        return None
    number = int(kept[0])
    return number if 1 <= number <= last else None


def _told(body: str, decision: Decision, talk: Talk) -> Turn:
    choice = digit(body, _MENU_LAST)
    if choice is None:
        # The second half of a long text, or "hello?", must neither be answered nor end the question.
        known = bool(decision.categories) and not talk.asked_just_now
        following = _after(talk, Question.PROBLEM) if known else None
        answer = (Question.PROBLEM, Answered.WORDS.value) if known else None
        return Turn(decision.categories, decision.urgency, answer, next=following, continues=known)
    chosen = (_MENU[choice],) if choice in _MENU else ()
    said = _MENU.get(choice, "other")
    return Turn(chosen, Urgency.U4, (Question.PROBLEM, said), next=_after(talk, Question.PROBLEM))


def _said(body: str, decision: Decision, talk: Talk, keywords: Keywords) -> Turn:
    question = talk.open
    if question is None:
        raise ValueError("nothing was asked")
    said = _yes_or_no(body, keywords) if question is not Question.WHEN else Answered.WORDS
    urgency = decision.urgency if decision.categories else Urgency.U4
    if question is Question.SAFE_NOW and (said is Answered.NO or decision.urgency is Urgency.U1):
        urgency, said = Urgency.U1, Answered.NO
    if said is Answered.WORDS and question is not Question.WHEN and talk.asked_just_now:
        return Turn(decision.categories, urgency, continues=False)
    following = _after(talk, question)
    if question is Question.MAY_CALL and said is not Answered.YES:
        following = None
    return Turn(decision.categories, urgency, (question, said.value), next=following)


def _yes_or_no(body: str, keywords: Keywords) -> Answered:
    number, word = digit(body, _NO), single_word(body)
    if number == _YES or word in keywords.yes:
        return Answered.YES
    if number == _NO or word in keywords.no:
        return Answered.NO
    return Answered.WORDS


def _after(talk: Talk, answered: Question) -> Question | None:
    """The next question in order, as long as there have not been three."""
    if len(talk.asked) >= MOST_QUESTIONS:
        return None
    later = _ORDER[_ORDER.index(answered) + 1 :]
    return next((question for question in later if question not in talk.asked), None)
