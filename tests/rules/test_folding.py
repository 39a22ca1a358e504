"""Folding: spellings that look alike match alike, and nothing is folded twice."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake.rules.folding import fold, fold_with_origin

LOOK_ALIKE = [
    ("vowel typed before the subscript", "ស្រី", "សី្រ"),
    ("left vowel before the subscript", "ក្រែង", "កែ្រង"),
    ("subscript DA for subscript TA", "ក្តី", "ក្ដី"),
    ("RO before another subscript", "ស្ត្រី", "ស្រ្តី"),
    ("E and II for OE", "ដើរ", "ដេីរ"),
    ("E and AA for OO", "រោង", "រេាង"),
    ("AA and E in the other order", "រោង", "រាេង"),
    ("two E for AE", "ខែ", "ខេេ"),
    ("nikahit before AA", "ចាំ", "ចំា"),
    ("shifter after the vowel", "ម៉ឺន", "មឺ៉ន"),
    ("U for a shifter, first series", "ស៊ី", "សុី"),
    ("U for a shifter, second series", "ម៉ឺន", "មុឺន"),
    ("deprecated QAA", "អាហារ", "ឤហារ"),
    ("deprecated QA", "អង្ករ", "ឣង្ករ"),
    ("deprecated QUK", "ឧក", "ឨ"),
    ("independent QI", "ឥឡូវ", "អិឡូវ"),
    ("independent RYY", "ឬ", "រឺ"),
    ("independent LYY", "ឮ", "លឺ"),
    ("independent QE", "ឯណា", "អែណា"),
    ("to give, two letters", "ឱ្យ", "ឲ្យ"),
    ("to give, spelled out", "ឱ្យ", "អោយ"),
    ("to give, without the subscript", "ឲ្យ", "ឱយ"),
    ("space of no width", "ប្រាក់ខែ", "ប្រាក់\u200bខែ"),
    ("joiner inside a syllable", "ប្រាក់", "ប្រា\u200dក់"),
    ("byte order mark", "ជួយ", "\ufeffជួយ"),
    ("subscript sign twice", "ខ្លាច", "ខ្្លាច"),
    ("vowel twice", "បាន", "បាាន"),
    ("sign twice", "បាត់", "បាត់់"),
    ("Khmer digits", "១២០០", "1200"),
    ("Thai digits", "๑๒", "12"),
    ("Thai AM in two parts", "ทำงาน", "ทํางาน"),
    ("Thai E twice for AE", "แม่", "เเม่"),
    ("capitals", "HELP Me", "help me"),
    ("wide letters", "\uff42\uff4f\uff53\uff53", "boss"),
    ("accents", "passepórt", "passeport"),
    ("blanks", " boss   no pay ", "boss no pay"),
    ("apostrophes", "don’t", "don't"),
]
DIFFERENT = [("ចង់", "ចង"), ("បង់", "បង"), ("ទុក", "ទូក"), ("មិន", "ម៉ឺន"), ("កូន", "កុន")]

khmer_text = st.text(st.sampled_from([chr(code) for code in range(0x1780, 0x17DE)] + list(" a1\u200b")))


@pytest.mark.parametrize(("left", "right"), [pair[1:] for pair in LOOK_ALIKE], ids=[p[0] for p in LOOK_ALIKE])
def test_spellings_that_look_alike_have_one_key(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_words_that_differ_keep_different_keys(left: str, right: str) -> None:
    assert fold(left) != fold(right)


@given(khmer_text)
def test_folding_a_key_of_any_khmer_clusters_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_folding_a_key_of_any_text_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.one_of(khmer_text, st.text()))
def test_every_character_of_the_key_has_its_place_in_the_raw_text(text: str) -> None:
    key, origin = fold_with_origin(text)
    assert key == fold(text)
    places = [origin.of(place) for place in range(len(key))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)


@given(khmer_text)
def test_invisible_characters_never_change_the_key(text: str) -> None:
    sprinkled = "\u200b".join(text)
    assert fold(sprinkled) == fold(text.replace("\u200b", ""))


def test_twenty_thousand_short_texts_are_folded_in_a_second() -> None:
    texts = [right for _, _, right in LOOK_ALIKE] + ["ថៅកែមិនបើកប្រាក់ខែឱ្យពួកយើងពីរខែហើយ ជួយផង"]
    fold("".join(texts))
    rounds = 40
    # The processor's own time: a busy neighbour on the machine is not the folding's fault.
    began = time.thread_time()
    for _ in range(rounds):
        for text in texts:
            fold(text)
    assert rounds * len(texts) / max(time.thread_time() - began, 1e-9) > 20_000
