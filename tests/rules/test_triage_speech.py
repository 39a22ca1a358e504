"""Triage: signs that tell a report from a question or thanks, in frames that no labelled text uses."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from app.intake.rules.lexicon import Lexicon, LexiconError, load_lexicon
from app.intake.rules.triage import INFORMATION, decide
from app.kernel.urgency import Urgency

CONFIG = Path(__file__).parents[2] / "config"

HARMS = {
    "khmer": (
        "ថៅកែមិនបើកប្រាក់ខែ",
        "ថៅកែដកហូតប៉ាស្ព័រ",
        "ថៅកែវាយកម្មករ",
        "កម្មករស្លាប់",
        "មេខ្យល់បោកយកលុយ",
        "ម្ចាស់ផ្ទះចាក់សោទ្វារ",
    ),
    "latin": (
        "thaoke min berk luy",
        "thaoke dok pasport",
        "ke vay kamakor",
        "mekhyol bok luy",
        "kamakor slab",
    ),
    "english": (
        "an agent asks for too much money",
        "a maid is locked in",
        "workers are forced to work",
        "somebody goes missing",
        "the boss keeps a passport",
    ),
}
QUESTIONS = {
    "khmer": (
        "ខ្ញុំជានិស្សិត ចង់សួរថា ករណី{} កើតញឹកញាប់ទេ",
        "ត្រូវការឯកសារអ្វីខ្លះ ពេល{}",
        "ច្បាប់កំណត់ទោសប៉ុន្មាន លើករណី{}",
        "ក្រសួងណាទទួលបន្ទុក បើ{}",
        "អ្នកជិតខាងនិយាយថា {} ខ្ញុំចង់ដឹងថាពិតឬអត់",
        "តើស្ថានទូតធ្វើអ្វីបាន ពេល{}",
        "មុនទៅធ្វើការ ត្រូវដឹងអ្វីខ្លះ ក្រែង{}",
    ),
    "latin": (
        "som suor {} mean tos avey",
        "korney {} ongkar na jouy",
        "jong deng tha {} mean tos ponman chnam",
        "tver doch mdech deumbei jiesveang {}",
    ),
    "english": (
        "how long does a case take when {}",
        "i am a student, how often does it happen that {}",
        "what papers are needed if {}",
        "do we have rights if {}",
        "how to avoid that {}",
    ),
}
OWN = ("ខ្ញុំ", "ប្អូនស្រីខ្ញុំ", "ប្ដីខ្ញុំ")
DONE = (
    "ថៅកែវាយ{}", "គេចាក់សោ{}ក្នុងបន្ទប់", "ថៅកែមិនបើកលុយឱ្យ{}៣ខែហើយ", "ថៅកែយកប៉ាស្ព័រ{}", "គេបង្ខំ{}ឱ្យធ្វើការ",
    "គេមិនឱ្យ{}ទៅផ្ទះ", "{}ត្រូវប៉ូលិសចាប់",
)  # fmt: skip
AROUND = (
    "{}", "ជួយផង {}", "{} តាំងពីខែមុន អាចប្ដឹងបានទេ", "សួស្ដីបង {} សូមជួយផង អរគុណ", "ខ្ញុំនៅថៃ {}", "{} តើគេខុសច្បាប់ទេ",
)  # fmt: skip
ENGLISH_DONE = (
    "my boss beat me",
    "they lock us in the room",
    "police arrest my husband yesterday",
    "boss not pay me 4 months",
    "they raped my daughter",
    "boss keeps my passport",
    "company does not let us go home",
)
ENGLISH_AROUND = (
    "{}",
    "{}, what should i do?",
    "{}, where can i complain?",
    "{}, can you help?",
    "please, {}",
)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(CONFIG)


def framed(frames: Iterable[str], parts: Iterable[str]) -> list[str]:
    return [frame.format(part) for frame, part in product(frames, parts)]


def taken_for_reports(texts: list[str], lexicon: Lexicon) -> list[str]:
    return [text for text in texts if set(decide(text, lexicon).categories) - {INFORMATION}]


@pytest.mark.parametrize("script", ["khmer", "latin", "english"])
def test_questions_in_other_frames_are_no_reports(script: str, lexicon: Lexicon) -> None:
    texts = framed(QUESTIONS[script], HARMS[script])
    assert len(taken_for_reports(texts, lexicon)) <= 0.05 * len(texts)


def test_what_was_done_to_own_people_stays_a_report_whatever_stands_around_it(lexicon: Lexicon) -> None:
    texts = framed(AROUND, framed(DONE, OWN)) + framed(ENGLISH_AROUND, ENGLISH_DONE)
    assert len(texts) > 150
    assert len(taken_for_reports(texts, lexicon)) >= 0.98 * len(texts)


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("tver doch mdech deumbei jiesveang polis chab", Urgency.U2),
        ("tver doch mdech deumbei jiesveang ke vay kamakor", Urgency.U2),
        ("thaoke min berk luy ach tiem tear somnong ban te", Urgency.U3),
        ("ខ្ញុំគ្រាន់តែសួរ បើកម្មករត្រូវគេរំលោភ", Urgency.U2),
    ],
)
def test_what_the_signs_make_a_question_says_so_and_is_looked_at(
    text: str, urgency: Urgency, lexicon: Lexicon
) -> None:
    decision = decide(text, lexicon)
    held = [one for one in decision.reasons if one.rule.startswith("speech.")]
    assert decision.categories in ((INFORMATION,), ())
    assert decision.urgency is urgency
    assert held
    assert all(one.text == text[one.start : one.end] for one in held)


@pytest.mark.parametrize(
    "text",
    [
        "ke vay nhom, orkun bong",
        "ជួយផង គេចាក់សោទ្វារ អរគុណ",
        "thank you for the number, but now they beat us",
        "ke jak sor bontop, trov tver mech",
        "ថៅកែថាបើរត់ គេវាយសម្លាប់ តើត្រូវធ្វើម៉េច",
        "ថៅកែថា បើយើងប្ដឹង គេបាញ់ចោល តើអាចប្ដូរការងារបានទេ",
        "ថៅកែបង្ខំប្អូនស្រីខ្ញុំឱ្យធ្វើការ",
        "ខ្ញុំត្រូវថៅកែលក់",
        "តៃកុងរុញមិត្តខ្ញុំធ្លាក់ទឹក",
        "boss shoot my son",
    ],
)
def test_an_emergency_is_no_question_and_no_thanks(text: str, lexicon: Lexicon) -> None:
    assert decide(text, lexicon).urgency is Urgency.U1


def test_a_long_story_is_never_taken_for_a_question(lexicon: Lexicon) -> None:
    story = "តើច្បាប់ការពារទេ បើថៅកែវាយកម្មករ " * 16
    assert not [one for one in decide(story, lexicon).reasons if one.rule.startswith("speech.")]


@pytest.mark.parametrize(
    ("sign", "field"),
    [
        ("{id: s, words: [a]}", "points"),
        ("{id: s, words: [a], points: much}", "points"),
        ("{id: s, words: [a], points: 101}", "points"),
        ("{id: s, words: [a], points: 1, beside: nothing}", "beside"),
        ("{id: s, words: [b], points: 1}", "words"),
        ("{id: s, words: [a], points: 1, urgency: U1}", "urgency"),
    ],
)
def test_a_mistake_in_a_sign_is_named_by_field(tmp_path: Path, sign: str, field: str) -> None:
    (tmp_path / "lexicon").mkdir()
    sheet = f"groups:\n  a:\n    - {{term: b, script: english}}\nsigns:\n  - {sign}\n"
    (tmp_path / "lexicon" / "x.yaml").write_text(sheet, encoding="utf-8")
    (tmp_path / "places.yaml").write_text("places: []\n", encoding="utf-8")
    with pytest.raises(LexiconError) as caught:
        load_lexicon(tmp_path)
    assert (caught.value.line, caught.value.field) == (5, field)
