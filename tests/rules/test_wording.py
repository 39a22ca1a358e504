"""Nothing sent to a migrant's phone tells who is writing, or why."""

import shutil
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli.words import words_app
from app.i18n.catalogue import CatalogueError, Catalogues
from app.i18n.parts import parts
from app.i18n.wording import (
    ACKNOWLEDGEMENTS,
    JOINT,
    QUESTIONS,
    SAMPLE_VALUES,
    Finding,
    UnsafeWord,
    UnsafeWords,
    WordListError,
    check,
    lint,
    load_unsafe_words,
)

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "locales"
CONFIG = ROOT / "config"
CATALOGUES = Catalogues.load(LOCALES)
WORDS = load_unsafe_words(CONFIG / "unsafe_words.yaml")
POLICE = UnsafeWords(
    [UnsafeWord("police", "ប៉ូលិស"), UnsafeWord("hotline", "hot line"), UnsafeWord("case", "case")]
)


def topics(text: str) -> set[str]:
    return {found.topic for found in lint(text, WORDS)}


def test_every_shipped_text_for_a_phone_is_short_and_safe() -> None:
    checked = check(CATALOGUES, WORDS)
    assert {text.language for text in checked} == {"km", "km-Latn", "en"}
    assert [(text.language, text.key, text.parts, text.findings) for text in checked if not text.ok] == []


def test_every_text_alone_is_one_part_and_every_acknowledgement_with_a_question_at_most_two() -> None:
    for language in CATALOGUES.names:
        for key in CATALOGUES.keys(language):
            if key.startswith(("sms.", "staff.")):
                assert parts(CATALOGUES.fill(key, language, SAMPLE_VALUES)) == 1, (language, key)
        for first in ACKNOWLEDGEMENTS:
            for second in QUESTIONS:
                both = JOINT.join(CATALOGUES.fill(key, language, SAMPLE_VALUES) for key in (first, second))
                assert parts(both) <= 2, (language, first, second)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Your case is open.", "case"),
        ("This is the help-line.", "hotline"),
        ("We passed on your complaint.", "complaint"),
        ("A UNION will call you.", "organisation"),
        ("Were you beaten?", "abuse"),
        ("How much are your wages?", "wages"),
        ("Shall we call the police?", "police"),
        ("លេខករណីរបស់អ្នក", "case"),
        ("នេះជាខ្សែទូរស័ព្ទជំនួយ", "hotline"),
        ("ពាក្យបណ្ដឹងរបស់អ្នក", "complaint"),
        ("អង្គការនឹងហៅទៅ", "organisation"),
        ("ថៅកែវាយអ្នកទេ?", "abuse"),
        ("គេមិនបើកប្រាក់ខែ", "wages"),
        ("ហៅប៉ូលិសទេ?", "police"),
        ("lek korani robos neak", "case"),
        ("khsae turasap", "hotline"),
        ("peak bondeng", "complaint"),
        ("angkar nung hao tov", "organisation"),
        ("ke tver bab neak te", "abuse"),
        ("ban berk luy te", "wages"),
        ("hao polis te", "police"),
    ],
)
def test_a_word_that_gives_the_trouble_away_is_found_in_each_way_of_writing(text: str, topic: str) -> None:
    assert topics(text) == {topic}


@pytest.mark.parametrize(
    "text",
    [
        "We got your message. We will contact you.",
        "The suitcase is in the courtyard, casein and all.",
        "បានទទួលសារអ្នកហើយ។",
        "ខ្ញុំចូលចិត្តស្វាយ",  # A mango ends like the word for beating, but its first letter is another.
        "ការដ្ឋានសំណង់",  # A building site begins like the word for compensation.
        "Ban totuol sar neak hery.",
        "",
    ],
)
def test_everyday_words_pass(text: str) -> None:
    assert lint(text, WORDS) == ()


@pytest.mark.parametrize(
    "typed",
    [
        "ប៉ូលិស",
        "បូ៉លិស",  # The same marks in the other order.
        "ប៉ូ\u200bលិស",  # An invisible space between syllables.
        "ប\u200d៉ូលិស",
    ],
)
def test_a_word_is_found_however_it_was_typed(typed: str) -> None:
    assert [found.term for found in POLICE.lint(f"ហៅ{typed}មក")] == ["ប៉ូលិស"]


def test_vowels_typed_in_halves_and_look_alike_letters_are_the_same_word() -> None:
    words = UnsafeWords(
        [UnsafeWord("complaint", "បណ្ដឹង"), UnsafeWord("other", "ចោរ"), UnsafeWord("other", "បើក")]
    )
    assert len(words.lint("ពាក្យបណ្តឹង")) == 1
    assert len(words.lint("ច\u17c1\u17b6រ")) == 1
    assert len(words.lint("ប\u17c1\u17b8ក")) == 1


def test_capitals_accents_wide_letters_and_dashes_do_not_hide_a_word() -> None:
    for text in ("Hot-Line", "HOTLINE", "hót line", "\uff48ot\uff4cine", "hot\n line"):
        assert [found.topic for found in POLICE.lint(text)] == ["hotline"], text


def test_a_finding_points_into_the_text_as_it_was_given() -> None:
    text = "\u200bហៅប៉ូ\u200bលិសមក"
    (found,) = POLICE.lint(text)
    assert text[found.start : found.end] == "ប៉ូ\u200bលិស"
    assert POLICE.lint("a case, a Case") == (Finding("case", "case", 2, 6), Finding("case", "case", 10, 14))


def test_names_of_organisations_can_be_added() -> None:
    named = POLICE.with_names(["Blue Lotus", "ផ្កាឈូក"])
    assert [found.topic for found in named.lint("Blue lotus ឬ ផ្កាឈូក")] == ["organisation", "organisation"]
    assert POLICE.lint("Blue lotus") == ()
    assert [found.topic for found in named.lint("ប៉ូលិស")] == ["police"]


@given(text=st.text(max_size=300))
def test_any_text_can_be_looked_through_and_each_finding_lies_inside_it(text: str) -> None:
    for found in WORDS.lint(text):
        assert 0 <= found.start < found.end <= len(text)


@given(
    before=st.text(alphabet="កខគ។ \u200b\n,.ា", max_size=20),
    after=st.text(alphabet="កខគ។ \u200b\n,.", max_size=20),
    word=st.sampled_from(WORDS.words),
)
def test_each_listed_word_is_found_wherever_it_stands(before: str, after: str, word: UnsafeWord) -> None:
    assert any(found.topic == word.topic for found in WORDS.lint(f"{before}{word.term}{after}"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "line 1: the file: must hold fields"),
        ("police:\n  en: police\n", "line 2: police.en: must be a list of terms"),
        ("police: []\n", "line 1: police: must hold fields"),
        ("police:\n  en:\n    - cop\n    - no\n", "line 4: police.en: must be a word"),
        ("police:\n  en: ['']\n", "line 2: police.en: must be a word"),
        ("police: [\n", "cannot be read"),
    ],
)
def test_a_faulty_word_list_is_refused_with_file_line_and_field(
    tmp_path: Path, content: str, problem: str
) -> None:
    path = tmp_path / "unsafe_words.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(WordListError, match=problem) as refused:
        load_unsafe_words(path)
    assert "unsafe_words.yaml" in str(refused.value)


def test_a_missing_word_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WordListError, match="cannot be read"):
        load_unsafe_words(tmp_path / "none.yaml")


def test_a_text_with_a_placeholder_nobody_fills_is_refused() -> None:
    held = {name: {"sms.help": "Hello {name}."} for name in ("km", "en")}
    with pytest.raises(CatalogueError, match="no sample value for 'name'"):
        check(Catalogues(held), WORDS)


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(words_app, ["check", *arguments])
    return answer.exit_code, answer.output


def edited(tmp_path: Path, old: str, new: str) -> Path:
    copy = tmp_path / "locales"
    shutil.copytree(LOCALES, copy)
    path = copy / "en" / "LC_MESSAGES" / "spean.po"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def test_the_command_shows_each_text_and_ends_well() -> None:
    code, output = run("--locales-dir", str(LOCALES), "--config-dir", str(CONFIG))
    assert code == 0
    assert "km  sms.ack_received + sms.menu  ucs2" in output
    assert output.rstrip().endswith(", 0 wrong.")


def test_the_command_answers_programs_in_json() -> None:
    code, output = run("--json", "--locales-dir", str(LOCALES), "--config-dir", str(CONFIG))
    answer = orjson.loads(output)
    assert code == 0
    assert answer["ok"] is True
    menu = next(text for text in answer["texts"] if (text["key"], text["language"]) == ("sms.menu", "km"))
    assert menu["parts"] == 1
    assert menu["units"] <= 70
    assert menu["findings"] == []


def test_the_command_fails_when_a_reviewer_writes_an_unsafe_word(tmp_path: Path) -> None:
    copy = edited(tmp_path, "Thank you. We have your answer.", "Thank you for calling the hotline.")
    code, output = run("--locales-dir", str(copy), "--config-dir", str(CONFIG))
    assert code == 1
    assert "! hotline names: hotline" in output


@pytest.mark.parametrize("name", ["Lotus Legal Aid", "Tonle Bridge", "Morning Star Migrant Desk"])
def test_the_command_fails_when_a_reviewer_names_an_organisation_that_takes_part(
    tmp_path: Path, name: str
) -> None:
    copy = edited(tmp_path, "Thank you. We have your answer.", f"Thank you from {name}.")
    code, output = run("--locales-dir", str(copy), "--config-dir", str(CONFIG))
    assert code == 1
    assert f"! {name} names: organisation" in output


def test_the_command_says_which_organisation_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "organisations.yaml").write_text("organisations: [{code: a}]\n", encoding="utf-8")
    code, output = run("--locales-dir", str(LOCALES), "--config-dir", str(tmp_path))
    assert code == 1
    assert "organisations.yaml, line 1" in output


def test_each_acknowledgement_is_measured_with_each_question_and_nothing_else_is_joined() -> None:
    joined = {text.key for text in check(CATALOGUES, WORDS) if JOINT in text.text}
    assert joined == {f"{first} + {second}" for first in ACKNOWLEDGEMENTS for second in QUESTIONS}
    assert {text.parts_allowed for text in check(CATALOGUES, WORDS) if text.key == "sms.unreadable"} == {1}


def test_the_command_fails_when_a_reviewer_writes_too_much(tmp_path: Path) -> None:
    copy = edited(tmp_path, "Thank you. We have your answer.", "Thank you. " * 20)
    code, output = run("--locales-dir", str(copy), "--config-dir", str(CONFIG))
    assert code == 1
    assert "too long: 2 parts, 1 allowed" in output


def test_the_command_says_which_catalogue_it_cannot_read(tmp_path: Path) -> None:
    copy = edited(tmp_path, 'msgid "sms.thanks"', 'msgid "sms.thank"')
    code, output = run("--locales-dir", str(copy), "--config-dir", str(CONFIG))
    assert code == 1
    assert "sms.thank: the key is missing" in output
