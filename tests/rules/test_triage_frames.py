"""Triage: frames of questions and of thanks around every harm, and reports that end in a question.

Each frame is put around each harm, so that a frame is understood and not a sentence.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.intake.rules.triage import INFORMATION, decide

CONFIG = Path(__file__).parents[2] / "config"

# Nobody in particular stands in these.
HARMS = (
    "ថៅកែមិនបើកប្រាក់ខែ",
    "ថៅកែដកហូតប៉ាស្ព័រ",
    "ថៅកែវាយកម្មករ",
    "កម្មករត្រូវគេរំលោភ",
    "ពលករត្រូវគេលក់",
    "ប៉ូលិសចាប់",
    "គេបង្ខំឱ្យធ្វើការ",
    "កម្មករដាច់ដៃ",
    "កម្មករស្លាប់",
    "មេខ្យល់បោកយកលុយ",
    "ម្ចាស់ផ្ទះចាក់សោទ្វារ",
    "ថៅកែកាត់លុយ",
    "គេគំរាម",
    "ឈឺធ្ងន់",
)
QUESTIONS = (
    "បើ{} ត្រូវធ្វើម៉េច",
    "ប្រសិនបើ{} តើអ្នកណាជួយ",
    "តើ{}បានដែរឬទេ",
    "{} ខុសច្បាប់ទេ",
    "ពេល{} តើច្បាប់ថាម៉េច",
    "ចង់ដឹងថា{} មានទោសប៉ុន្មានឆ្នាំ",
    "ឮថា{} ពិតទេ",
    "{} មានទោសអ្វី",
    "ធ្វើម៉េចកុំឱ្យ{}",
    "តើច្បាប់ការពារទេ បើ{}",
    "{} តើអាចទាមទារសំណងបានទេ",
    "តើមានស្ថាប័នណាជួយពេល{}",
    "ករណី{} ត្រូវទាក់ទងអ្នកណា",
    "តើធ្វើដូចម្ដេចដើម្បីជៀសវាង{}",
    "មិត្តខ្ញុំសួរថា បើ{} ប្ដឹងបានទេ",
    "ប្អូនខ្ញុំចង់ទៅម៉ាឡេស៊ី បើ{} ធ្វើម៉េច",
    "ខ្ញុំចង់ទៅថៃ តែឮថា{} មែនទេ",
    "តើអង្គការបងជួយករណី{}ទេ",
    "អត់ទាន់មានរឿងអីទេ តែបើ{} ត្រូវធ្វើម៉េច",
    "លេខអ្វីត្រូវហៅ បើ{}",
    "ខ្ញុំគ្រាន់តែសួរ បើ{}",
)
ENGLISH_HARMS = (
    "boss does not pay salary",
    "employer takes the passport",
    "employer beats the worker",
    "a worker is raped",
    "a worker is sold",
    "police arrest a worker",
    "a worker dies",
    "broker cheats money",
    "boss cuts wages",
)
ENGLISH_QUESTIONS = (
    "what can a worker do if {}",
    "is it true that {}",
    "where to complain if {}",
    "I heard that {}, is it true?",
    "before i go, what if {}",
    "in case {}, who should i call",
    "what does the law say when {}",
    "{}, is that normal?",
)
OWN = ("ខ្ញុំ", "ពួកយើង", "ប្អូនស្រីខ្ញុំ", "ប្ដីខ្ញុំ")
DONE = (
    "ថៅកែវាយ{}",
    "គេចាក់សោ{}ក្នុងបន្ទប់",
    "គេរំលោភ{}",
    "គេលក់{}ឱ្យទូកនេសាទ",
    "{}ត្រូវគេវាយ",
    "{}ត្រូវប៉ូលិសចាប់",
    "{}បាត់ខ្លួន",
    "{}ធ្លាក់ពីអគារបាក់ជើង",
)
CRIES = (
    "{} តើត្រូវធ្វើម៉េច",
    "{} តើយើងត្រូវធ្វើម៉េច",
    "{} ត្រូវហៅអ្នកណា",
    "{} ប្ដឹងនៅណា",
    "{} បងជួយបានទេ",
    "{} តើមានអ្នកណាជួយបានទេ",
    "{} ទៅណាបាន",
    "{} យប់មិញ តើត្រូវប្ដឹងនៅឯណា",
)
OVER = (
    "ថៅកែបើកលុយឱ្យ{}ហើយ",
    "ប៉ូលិសដោះលែង{}ហើយ",
    "{}ចេញពីពេទ្យហើយ",
    "{}បានប៉ាស្ព័រវិញហើយ",
    "រក{}ឃើញហើយ",
    "{}មកដល់ផ្ទះហើយ",
    "គេលែងវាយ{}ហើយ",
    "{}ជាពីរបួសហើយ",
    "{}រួចពីគុកហើយ",
    "គេសងលុយ{}វិញហើយ",
    "ថៅកែឱ្យ{}មកផ្ទះហើយ",
    "គេឈប់គំរាម{}ហើយ",
)
THANKS = ("{}", "{} អរគុណបង", "{} មិនបាច់បារម្ភទេ", "{} អរគុណដែលបានជួយ", "ម្សិលមិញ{} សប្បាយចិត្តណាស់")


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(CONFIG)


def framed(frames: Iterable[str], parts: Iterable[str]) -> list[str]:
    return [frame.format(part) for frame, part in product(frames, parts)]


def share_of_reports(texts: list[str], lexicon: Lexicon) -> float:
    """How many of the texts, from 0 to 1, are taken for an abuse."""
    return sum(bool(set(decide(text, lexicon).categories) - {INFORMATION}) for text in texts) / len(texts)


def test_questions_about_what_happens_to_people_are_no_reports(lexicon: Lexicon) -> None:
    texts = framed(QUESTIONS, HARMS) + framed(ENGLISH_QUESTIONS, ENGLISH_HARMS)
    assert len(texts) > 300
    assert share_of_reports(texts, lexicon) <= 0.03


def test_a_report_that_ends_in_a_question_stays_a_report(lexicon: Lexicon) -> None:
    assert share_of_reports(framed(CRIES, framed(DONE, OWN)), lexicon) >= 0.99


def test_thanks_for_what_is_over_are_no_reports(lexicon: Lexicon) -> None:
    assert share_of_reports(framed(THANKS, framed(OVER, ["ខ្ញុំ", "កូនខ្ញុំ", "ពួកយើង"])), lexicon) <= 0.03


@pytest.mark.parametrize(
    "text",
    [
        "បើខ្ញុំមិនធ្វើ គេវាយខ្ញុំ តើខ្ញុំត្រូវធ្វើម៉េច",
        "ថៅកែថាបើរត់ គេវាយសម្លាប់ តើត្រូវធ្វើម៉េច",
        "ពេលគេវាយខ្ញុំ ខ្ញុំស្រែក តើត្រូវប្ដឹងនៅណា",
        "if I do not sign they beat me, what should I do?",
    ],
)
def test_a_condition_that_tells_is_not_only_thought_of(text: str, lexicon: Lexicon) -> None:
    assert set(decide(text, lexicon).categories) - {INFORMATION}


def test_no_phrase_of_the_lexicon_waits_for_one_that_comes_after_it(lexicon: Lexicon) -> None:
    """A circle among phrases would be cut somewhere, and `without` would not see what comes later."""
    last = {phrase.id: place for place, phrase in enumerate(lexicon.phrases.patterns)}
    for place, phrase in enumerate(lexicon.phrases.patterns):
        needed = {group for groups in phrase.words for group in groups} | phrase.without
        assert [name for name in needed - {phrase.id} if last.get(name, -1) > place] == []
