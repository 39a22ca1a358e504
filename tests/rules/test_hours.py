"""The hour that a person names for a call: understood where there is no doubt, else left to a human."""

from datetime import time

import pytest

from app.intake.rules.code_words import is_only, says_word
from app.intake.rules.hours import hours_in
from app.outbox.rules import SafeWindow


@pytest.mark.parametrize(
    ("body", "begins", "ends"),
    [
        ("8 in the evening", time(20), time(21)),
        ("at 8pm", time(20), time(21)),
        ("8 p.m. please", time(20), time(21)),
        ("20:30", time(20, 30), time(21, 30)),
        ("7 in the morning", time(7), time(8)),
        ("8 to 10 pm", time(20), time(22)),
        ("8-10 at night", time(20), time(22)),
        ("after 9 pm", time(21), time(23)),
        ("12 at night", time(0), time(1)),
        ("2 at night", time(2), time(3)),
        ("11pm", time(23), time(0)),
        ("ម៉ោង ៨ យប់", time(20), time(21)),
        ("ម៉ោង៧ព្រឹក", time(7), time(8)),
        ("ម៉ោង ៦ ល្ងាច", time(18), time(19)),
        ("moung 8 yub", time(20), time(21)),
        ("\u0e52\u0e50:\u0e53\u0e50", time(20, 30), time(21, 30)),  # in Thai figures
    ],
)
def test_an_hour_without_doubt_is_understood(body: str, begins: time, ends: time) -> None:
    assert hours_in(body) == SafeWindow(begins, ends)


@pytest.mark.parametrize(
    "body",
    [
        "8", "at 8", "any time", "", "not at 8 pm", "before 8 pm", "8 pm tomorrow", "8 or 9 or 10 pm",
        "8 in the morning or in the evening", "កុំហៅម៉ោង ៨ យប់", "មុនម៉ោង ៨ យប់", "25:00", "8:75 pm", "10 to 8 pm",
        "sunday 8 pm", "៩", "ពេលណាក៏បាន",
    ],
)  # fmt: skip
def test_what_could_mean_another_hour_is_left_to_a_human(body: str) -> None:
    assert hours_in(body) is None


@pytest.mark.parametrize(
    ("body", "word", "said"),
    [
        ("blue mango", "Blue Mango", True),
        ("hello, BLUE MANGO!", "blue mango", True),
        ("blue mangoes", "blue mango", False),
        ("ខ្ញុំស្វាយទុំមកវិញ", "ស្វាយទុំ", True),
        ("ស្វាយ", "ស្វាយទុំ", False),
        ("anything", "", False),
    ],
)
def test_the_agreed_word_is_heard_however_it_is_typed(body: str, word: str, said: bool) -> None:  # noqa: FBT001 - a case of the test
    assert says_word(body, word) is said


def test_the_word_alone_is_known_from_the_word_in_a_sentence() -> None:
    assert is_only("Blue mango.", "blue mango")
    assert not is_only("blue mango, call me", "blue mango")
