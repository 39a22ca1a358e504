"""What a text answers and what is asked next: at most three short questions, one at a time."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, auto
from typing import Final

from app.intake.rules.folding import fold
from app.intake.rules.scanning import looks_legacy
from app.intake.rules.triage import Decision
from app.kernel.language import Language
from app.kernel.urgency import Urgency

MOST_QUESTIONS: Final = 3
STILL_TELLING: Final = timedelta(minutes=2)


class Question(StrEnum):
    """What we may ask of a person. The last two are asked in between, and count for nothing."""

    PROBLEM = "problem"
    SAFE_NOW = "safe_now"
    MAY_CALL = "may_call"
    WHEN = "when"
    LANGUAGE = "language"  # of who wants another language
    WRITE_AGAIN = "write_again"  # of who wrote letters that nobody can read


ASKED_WITH: Final[Mapping[Question, str]] = {
    Question.PROBLEM: "sms.menu",
    Question.SAFE_NOW: "sms.ask_safe_now",
    Question.MAY_CALL: "sms.ask_may_call",
    Question.WHEN: "sms.ask_when",
    Question.LANGUAGE: "sms.language_menu",
    Question.WRITE_AGAIN: "sms.unreadable",
}
_IN_BETWEEN: Final = frozenset({Question.LANGUAGE, Question.WRITE_AGAIN})
# `when` is missing: it is asked of nobody but who has just said that we may call.
TAKEN_UP_WITH: Final = (Question.PROBLEM, Question.SAFE_NOW, Question.MAY_CALL)
# The order of `sms.menu` and of `ivr.menu`; six is "something else" and leaves the case to a human.
MENU: Final = {
    1: "detention",
    2: "unpaid_wages",
    3: "forced_extension",
    4: "passport_confiscation",
    5: "physical_abuse",
}
_MENU_LAST: Final = 6
_LANGUAGES: Final = {1: Language.KM, 2: Language.EN}
_YES, _NO = "1", "2"
# The key that ends a call at once and for good, as the words of quick exit end texts.
QUICK_EXIT_KEY: Final = "*"
_WITH_CODE: Final = re.compile(r"(?P<word>[^0-9]+?)[\s:.#-]*(?P<code>[0-9][0-9\s-]*)")


class Wish(StrEnum):
    """What a person may want of our texts, said in a single word."""

    SILENCE = auto()
    WORDS_AGAIN = auto()
    QUICK_EXIT = auto()  # somebody else may be looking: end it, and say nothing
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

    Whoever writes again within two minutes of a question goes on with their story before they have
    read it: only a digit or a yes or no answers it then. What reached us before we asked answers
    nothing at all, such as the second "1" of somebody who waited too long for an answer to the first.
    What was asked in between stands at the end of `asked` only where nothing else was open: else the
    question that stands there still waits for its answer.
    """

    open: Question | None = None
    asked: tuple[Question, ...] = ()
    asked_just_now: bool = False
    asked_later: bool = False  # than the text at hand came


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


def next_question(talk: Talk, *, known: bool) -> Question | None:
    """What to ask when the talk begins or is taken up again: what waits, else the first not asked.

    `known` says that nobody needs to ask what happened.
    """
    waits = _waiting(talk)
    if waits is not None and not (known and waits is Question.PROBLEM and talk.open is not waits):
        return waits
    order = TAKEN_UP_WITH[1:] if known else TAKEN_UP_WITH
    return next((question for question in order if _may_ask(talk, question)), None)


def having_asked(talk: Talk, question: Question | None) -> Talk:
    """The talk with this question open; None where there is nothing to ask any more.

    A question that is said again, or in another language, counts once.
    """
    if question in _IN_BETWEEN:
        if talk.open is not None:
            return Talk(question, talk.asked)
        return Talk(question, (*(before for before in talk.asked if before not in _IN_BETWEEN), question))
    if question is None or question in talk.asked:
        return Talk(question, talk.asked)
    return Talk(question, (*talk.asked, question))


def take_turn(body: str, decision: Decision, talk: Talk, keywords: Keywords, *, known: bool = False) -> Turn:
    """What the text means, given what the person was asked last. `known` is as in `next_question`."""
    told = Turn(decision.categories, decision.urgency, continues=False)
    if talk.asked_later or looks_legacy(body) or wish_in(body, keywords):
        return told
    match talk.open:
        case None | Question.WRITE_AGAIN:
            return told
        case Question.PROBLEM:
            return _told(body, decision, talk, known=known)
        case Question.LANGUAGE:
            language = _LANGUAGES.get(digit(body, len(_LANGUAGES)) or 0)
            return Turn(
                decision.categories, decision.urgency, language=language, continues=language is not None
            )
        case _:
            return _said(body, decision, talk, keywords)


def is_reply(body: str, talk: Talk, keywords: Keywords) -> bool:
    """Whether the text is nothing but a digit, a yes or a no to the open question."""
    if talk.asked_later:
        return False
    match talk.open:
        case Question.PROBLEM:
            return digit(body, _MENU_LAST) is not None
        case Question.LANGUAGE:
            return digit(body, len(_LANGUAGES)) is not None
        case Question.SAFE_NOW | Question.MAY_CALL:
            return yes_or_no(body, keywords) is not Answered.WORDS
        case _:
            return False


def wish_in(body: str, keywords: Keywords) -> Wish | None:
    """The wish that the text consists of. A sentence with such a word in it is a report, not a wish."""
    return keywords.wishes.get(single_word(body))


def status_code_in(body: str, keywords: Keywords) -> str | None:
    """What stands behind the word for status, if the text is that word and figures: a case code, perhaps.

    Khmer needs no blank between them.
    """
    found = _WITH_CODE.fullmatch(fold(body).strip(" .!?"))
    if found is None or keywords.wishes.get(single_word(found["word"])) is not Wish.STATUS:
        return None
    return found["code"]


def single_word(body: str) -> str:
    """The text, folded, without marks: what a keyword is compared with."""
    kept = (char for char in fold(body) if char == " " or unicodedata.category(char)[0] in "LMN")
    return "".join(kept).strip()


def digit(body: str, last: int) -> int | None:
    """The digit from 1 to `last` that the text consists of, in ASCII, Khmer or Thai, with marks around it."""
    kept = [char for char in body if char.isalnum()]
    if len(kept) != 1 or not kept[0].isdecimal():
        return None
    number = int(kept[0])
    return number if 1 <= number <= last else None


def yes_or_no(body: str, keywords: Keywords) -> Answered:
    """What the text says where it consists of yeses or of noes: `2`, `ok 1`, `2 not safe`; else words."""
    words = single_word(body)
    known = keywords.yes | keywords.no
    number, _, rest = words.partition(" ")
    parts = [words] if words in known else [number, rest] if rest in known else words.split()
    if parts and all(part == _YES or part in keywords.yes for part in parts):
        return Answered.YES
    if parts and all(part == _NO or part in keywords.no for part in parts):
        return Answered.NO
    return Answered.WORDS


def _told(body: str, decision: Decision, talk: Talk, *, known: bool) -> Turn:
    choice = digit(body, _MENU_LAST)
    if choice is not None:
        chosen = (MENU[choice],) if choice in MENU else ()
        said = MENU.get(choice, "other")
        return Turn(chosen, Urgency.U4, (Question.PROBLEM, said), next=_after(talk, Question.PROBLEM))
    # Somebody's second sentence, or "hello?", must neither be answered nor end the question.
    if talk.asked_just_now or not (known or decision.categories):
        return Turn(decision.categories, decision.urgency, continues=False)
    answer = (Question.PROBLEM, Answered.WORDS.value)
    return Turn(decision.categories, decision.urgency, answer, next=_after(talk, Question.PROBLEM))


def _said(body: str, decision: Decision, talk: Talk, keywords: Keywords) -> Turn:
    question = talk.open
    if question is None:
        raise ValueError("nothing was asked")
    said = Answered.WORDS if question is Question.WHEN else yes_or_no(body, keywords)
    # Nobody says an hour with a digit or a yes: words that tell of no trouble are the hour.
    story = said is Answered.WORDS and (question is not Question.WHEN or bool(decision.categories))
    if story and talk.asked_just_now:
        return Turn(decision.categories, decision.urgency, continues=False)
    urgency = decision.urgency if decision.categories else Urgency.U4
    if question is Question.SAFE_NOW and (said is Answered.NO or decision.urgency is Urgency.U1):
        urgency, said = Urgency.U1, Answered.NO
    following = _after(talk, question)
    if question is Question.MAY_CALL and said is not Answered.YES:
        following = None
    return Turn(decision.categories, urgency, (question, said.value), next=following)


def _after(talk: Talk, answered: Question) -> Question | None:
    """The next question in order, as long as there have not been three."""
    order = (*TAKEN_UP_WITH, Question.WHEN)
    later = order[order.index(answered) + 1 :]
    return next((question for question in later if _may_ask(talk, question)), None)


def _may_ask(talk: Talk, question: Question) -> bool:
    """Whether it was not asked before, and there have not been three."""
    return question not in talk.asked and len(set(talk.asked) - _IN_BETWEEN) < MOST_QUESTIONS


def _waiting(talk: Talk) -> Question | None:
    """The question that has no answer yet: the open one, or the one before what was asked in between."""
    if talk.open not in _IN_BETWEEN:
        return talk.open
    last = talk.asked[-1] if talk.asked else None
    return None if last in _IN_BETWEEN else last
