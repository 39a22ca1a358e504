"""What a text answers, and which of at most three questions comes next."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration import SHIPPED, load_configuration
from app.i18n.catalogue import Catalogues
from app.i18n.wording import ACKNOWLEDGEMENTS, QUESTIONS
from app.intake.rules.conversation import (
    ASKED_WITH,
    MOST_QUESTIONS,
    TAKEN_UP_WITH,
    Answered,
    Question,
    Talk,
    Turn,
    Wish,
    digit,
    having_asked,
    is_reply,
    next_question,
    status_code_in,
    take_turn,
    wish_in,
    yes_or_no,
)
from app.intake.rules.triage import Decision
from app.kernel.language import Language, Script
from app.kernel.urgency import Urgency

KEYWORDS = load_configuration(SHIPPED).keywords
CATALOGUES = Catalogues.load(Path(__file__).parents[2] / "locales")
PROBLEM, SAFE_NOW, MAY_CALL, WHEN = (
    Question.PROBLEM, Question.SAFE_NOW, Question.MAY_CALL, Question.WHEN
)  # fmt: skip
IN_BETWEEN = {Question.LANGUAGE, Question.WRITE_AGAIN}
LEGACY = "RBHr©®¦Kµ ÃÆB¾K©"

talks = st.builds(
    Talk,
    st.none() | st.sampled_from(list(Question)),
    st.lists(st.sampled_from(list(Question)), unique=True, max_size=4).map(tuple),
    st.booleans(),
    st.booleans(),
)
answers = st.sampled_from(
    ["1", "២", "๓", "6", "9", "yes", "ទេ", "ok ok", "8 យប់", "hello?", "STOP", "HELP", "ខ្មែរ", LEGACY, ""]
)


def decision(*categories: str, urgency: Urgency = Urgency.U2) -> Decision:
    return Decision("", categories, urgency, None, (), Script.KHMER, Language.KM, None)


def turn(body: str, talk: Talk, *categories: str, urgency: Urgency = Urgency.U2, known: bool = False) -> Turn:
    return take_turn(body, decision(*categories, urgency=urgency), talk, KEYWORDS, known=known)


# Asking.


def test_what_happened_is_asked_first_where_it_is_unclear_and_else_how_the_person_is() -> None:
    assert next_question(Talk(), known=False) is PROBLEM
    assert next_question(Talk(), known=True) is SAFE_NOW


def test_an_open_question_is_taken_up_again_and_a_closed_one_is_not_repeated() -> None:
    assert next_question(Talk(SAFE_NOW, (SAFE_NOW,)), known=True) is SAFE_NOW
    assert next_question(Talk(None, (SAFE_NOW,)), known=True) is MAY_CALL
    assert next_question(Talk(None, (PROBLEM,)), known=False) is SAFE_NOW
    assert next_question(Talk(None, (PROBLEM, SAFE_NOW, MAY_CALL)), known=False) is None


def test_nobody_is_asked_for_an_hour_who_has_not_just_said_that_we_may_call() -> None:
    assert next_question(Talk(None, (SAFE_NOW, MAY_CALL)), known=True) is None
    assert turn("2", Talk(MAY_CALL, (SAFE_NOW, MAY_CALL))).next is None
    assert turn("hello", Talk(MAY_CALL, (SAFE_NOW, MAY_CALL))).next is None
    assert turn("1", Talk(MAY_CALL, (SAFE_NOW, MAY_CALL))).next is WHEN


@given(talk=talks, known=st.booleans())
def test_every_question_that_an_acknowledgement_may_carry_is_measured_with_it(
    talk: Talk,
    known: bool,  # noqa: FBT001 - hypothesis calls it by name
) -> None:
    question = next_question(talk, known=known)
    assert question is None or ASKED_WITH[question] in QUESTIONS


def test_the_measured_pairs_are_those_of_the_conversation() -> None:
    met = [next_question(Talk(question), known=True) for question in (*TAKEN_UP_WITH, WHEN)]
    assert [ASKED_WITH[question] for question in met if question] == list(QUESTIONS)
    assert set(ACKNOWLEDGEMENTS) == {"sms.ack_received", "sms.ack_urgent"}


@given(moves=st.lists(st.none() | st.sampled_from(list(Question)), max_size=12))
def test_whatever_is_asked_counts_once_and_what_is_asked_in_between_never(
    moves: list[Question | None],
) -> None:
    talk = Talk()
    for question in moves:
        before = talk.asked
        talk = having_asked(talk, question)
        assert talk.open is question
        assert len(set(talk.asked)) == len(talk.asked)
        assert question is None or question in talk.asked or talk.asked == before


def test_what_was_open_comes_again_after_something_asked_in_between() -> None:
    talk = having_asked(Talk(SAFE_NOW, (PROBLEM, SAFE_NOW)), Question.LANGUAGE)
    assert next_question(talk, known=True) is SAFE_NOW
    answered = having_asked(Talk(None, (PROBLEM, SAFE_NOW)), Question.LANGUAGE)
    assert next_question(answered, known=True) is MAY_CALL
    again = having_asked(having_asked(having_asked(answered, MAY_CALL), None), Question.LANGUAGE)
    assert next_question(again, known=True) is None
    twice = having_asked(talk, Question.WRITE_AGAIN)
    assert next_question(twice, known=True) is SAFE_NOW
    menu = having_asked(Talk(PROBLEM, (PROBLEM,)), Question.LANGUAGE)
    assert next_question(menu, known=False) is PROBLEM
    assert next_question(menu, known=True) is SAFE_NOW


# Answering.


@pytest.mark.parametrize(("body", "said"), [("1", "detention"), ("៥", "physical_abuse"), ("๖", "other")])
def test_a_digit_tells_what_happened_and_how_the_person_is_comes_next(body: str, said: str) -> None:
    taken = turn(body, Talk(PROBLEM, (PROBLEM,)))
    assert taken.answer == (PROBLEM, said)
    assert taken.categories == (() if said == "other" else (said,))
    assert taken.next is SAFE_NOW


def test_words_tell_what_happened_once_there_was_time_to_read_the_question() -> None:
    talk = Talk(PROBLEM, (PROBLEM,))
    told = turn("…", talk, "unpaid_wages")
    assert (told.answer, told.next) == ((PROBLEM, Answered.WORDS), SAFE_NOW)
    early = turn("…", Talk(PROBLEM, (PROBLEM,), asked_just_now=True), "unpaid_wages")
    assert (early.answer, early.continues, early.categories) == (None, False, ("unpaid_wages",))
    assert not turn("hello?", talk).continues
    # Who told it in the sentence before need not tell it again.
    assert turn("hello?", talk, known=True).next is SAFE_NOW


@pytest.mark.parametrize(
    "body", ["2", "២", "no", "NOT SAFE!", "ទេ", "ពិបាក", "2 ពិបាក", "no no", "ไม่", "takut"]
)
def test_who_is_not_safe_is_an_emergency_whatever_else_the_words_say(body: str) -> None:
    taken = turn(body, Talk(SAFE_NOW, (SAFE_NOW,)), urgency=Urgency.U4)
    assert (taken.answer, taken.urgency) == ((SAFE_NOW, Answered.NO), Urgency.U1)
    assert taken.next is MAY_CALL


@pytest.mark.parametrize("body", ["1", "១", "ok", "ok 1", "បាទ", "មិនអីទេ", "1 min ey te", "baat ban", "สบายดี"])
def test_who_is_all_right_is_asked_whether_we_may_call(body: str) -> None:
    taken = turn(body, Talk(SAFE_NOW, (SAFE_NOW,)))
    assert (taken.answer, taken.next) == ((SAFE_NOW, Answered.YES), MAY_CALL)
    assert taken.urgency is Urgency.U4


def test_words_of_danger_say_that_the_person_is_not_safe() -> None:
    taken = turn("…", Talk(SAFE_NOW, (SAFE_NOW,)), "physical_abuse", urgency=Urgency.U1)
    assert (taken.answer, taken.urgency) == ((SAFE_NOW, Answered.NO), Urgency.U1)
    early = turn("…", Talk(SAFE_NOW, (SAFE_NOW,), asked_just_now=True), "physical_abuse", urgency=Urgency.U1)
    assert (early.answer, early.urgency, early.continues) == (None, Urgency.U1, False)


def test_an_hour_may_be_said_at_once_but_a_story_is_not_an_hour() -> None:
    talk = Talk(WHEN, (SAFE_NOW, MAY_CALL, WHEN), asked_just_now=True)
    assert turn("8 យប់", talk).answer == (WHEN, Answered.WORDS)
    assert turn("…", talk, "unpaid_wages").answer is None


@pytest.mark.parametrize("key", ["sms.ask_safe_now", "sms.ask_may_call"])
@pytest.mark.parametrize("language", ["km", "en", "km-Latn"])
def test_the_words_of_a_question_itself_are_understood_as_its_answer(key: str, language: str) -> None:
    found = re.search(r"\b1 (.+) 2 (.+)$", CATALOGUES.written(key, language).replace(chr(0x200B), ""))
    assert found is not None
    for number, (words, said) in enumerate(zip(found.groups(), (Answered.YES, Answered.NO), strict=True), 1):
        assert yes_or_no(words, KEYWORDS) is said, words
        assert yes_or_no(f"{number} {words}", KEYWORDS) is said, words


@pytest.mark.parametrize("body", ["yes no", "1 2", "22", "12", "maybe", "", "…", "ok but come", "1 no"])
def test_what_is_neither_yes_nor_no_is_left_to_a_human(body: str) -> None:
    assert yes_or_no(body, KEYWORDS) is Answered.WORDS


@pytest.mark.parametrize("question", [PROBLEM, SAFE_NOW, MAY_CALL, WHEN, Question.LANGUAGE])
def test_what_came_before_we_asked_answers_nothing(question: Question) -> None:
    talk = Talk(question, (PROBLEM,), asked_later=True)
    assert not turn("1", talk).continues
    assert not is_reply("1", talk, KEYWORDS)


@pytest.mark.parametrize("body", ["HELP", "ភាសា", "English", "status", "START", LEGACY])
def test_a_wish_and_letters_that_nobody_can_read_answer_no_question(body: str) -> None:
    for question in (PROBLEM, SAFE_NOW, MAY_CALL, WHEN):
        taken = turn(body, Talk(question, (question,)), "unpaid_wages", urgency=Urgency.U1, known=True)
        assert (taken.answer, taken.continues) == (None, False)
        assert (taken.categories, taken.urgency) == (("unpaid_wages",), Urgency.U1)


def test_a_language_is_chosen_by_digit() -> None:
    assert turn("១", Talk(Question.LANGUAGE)).language is Language.KM
    assert turn("2", Talk(Question.LANGUAGE)).language is Language.EN
    assert not turn("3", Talk(Question.LANGUAGE)).continues


@given(talk=talks, body=answers | st.text(max_size=80), known=st.booleans())
def test_no_text_can_be_taken_amiss(
    talk: Talk,
    body: str,
    known: bool,  # noqa: FBT001 - hypothesis calls it by name
) -> None:
    taken = turn(body, talk, known=known)
    assert taken.next is None or taken.next not in talk.asked
    assert taken.next is None or len(set(talk.asked) - IN_BETWEEN) < MOST_QUESTIONS
    assert taken.answer is None or (taken.continues and taken.answer[0] is talk.open)
    if is_reply(body, talk, KEYWORDS) and not wish_in(body, KEYWORDS):
        assert taken.continues


# Words that stand alone.


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ("STOP", Wish.SILENCE), ("ឈប់។", Wish.SILENCE), ("start", Wish.WORDS_AGAIN), ("ជំនួយ", Wish.HELP),
        ("ស្ថានភាព", Wish.STATUS), ("ภาษา", Wish.LANGUAGE_MENU),
        ("ខ្មែរ", Wish.KHMER), ("ENGLISH", Wish.ENGLISH),
    ],
)  # fmt: skip
def test_a_single_word_is_a_wish(body: str, wish: Wish) -> None:
    assert wish_in(body, KEYWORDS) is wish
    assert wish_in(f"{body} ថៅកែវាយខ្ញុំ", KEYWORDS) is None


@pytest.mark.parametrize(
    "body",
    ["status 4829-1376", "STATUS: 48291376.", "ស្ថានភាព ៤៨២៩-១៣៧៦", "ស្ថានភាព៤៨២៩១៣៧៦។", "สถานะ 4829 1376"],
)
def test_a_code_behind_the_word_for_status_is_found(body: str) -> None:
    found = status_code_in(body, KEYWORDS)
    assert found is not None
    assert "".join(filter(str.isdigit, found)) == "48291376"


@pytest.mark.parametrize(
    "body", ["status", "status please", "4829-1376", "help 4829-1376", "status of 4829-1376", ""]
)
def test_anything_else_asks_for_no_status(body: str) -> None:
    assert status_code_in(body, KEYWORDS) is None


@given(body=st.text(max_size=40), last=st.integers(1, 9))
def test_a_digit_is_one_of_those_offered_or_none(body: str, last: int) -> None:
    number = digit(body, last)
    assert number is None or 1 <= number <= last
