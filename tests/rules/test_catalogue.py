"""Texts by key and language, and the choice between languages."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.i18n.catalogue import (
    CatalogueError,
    Catalogues,
    choose_locale,
    country_name,
    format_moment,
    placeholders,
    wanted_catalogue,
)
from app.kernel.language import Language, Script

LOCALES = Path(__file__).parents[2] / "locales"
SHIPPED = Catalogues.load(LOCALES)
KHMER_LETTER = re.compile("[\u1780-\u17ff]")
PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")


def file_of(folder: Path, name: str) -> Path:
    return folder / name / "LC_MESSAGES" / "spean.po"


def write(folder: Path, name: str, body: str) -> Path:
    path = file_of(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    path.write_text(head + body, encoding="utf-8")
    return path


def both(folder: Path, body: str) -> None:
    write(folder, "km", body)
    write(folder, "en", body)


def test_khmer_and_english_hold_the_same_keys_with_the_same_placeholders() -> None:
    assert SHIPPED.keys("km") == SHIPPED.keys("en")
    assert len(SHIPPED.keys("km")) > 100


def test_what_is_sent_to_a_migrant_exists_in_latin_letters_too() -> None:
    sent = tuple(key for key in SHIPPED.keys("km") if key.startswith("sms."))
    assert SHIPPED.keys("km-Latn") == sent


@pytest.mark.parametrize("name", ["km", "en", "km_Latn"])
def test_each_file_is_sorted_by_key_so_that_a_reviewer_finds_a_text(name: str) -> None:
    keys = re.findall(r'^msgid "(.+)"$', file_of(LOCALES, name).read_text(encoding="utf-8"), re.MULTILINE)
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", ["km", "km_Latn"])
def test_no_draft_is_hidden_behind_a_fuzzy_mark(name: str) -> None:
    assert "fuzzy" not in file_of(LOCALES, name).read_text(encoding="utf-8")


def test_khmer_texts_are_in_khmer_letters_and_the_others_are_not() -> None:
    wrong = [key for key in SHIPPED.keys("km") if not KHMER_LETTER.search(SHIPPED.written(key, "km"))]
    assert wrong == []
    for name in ("en", "km-Latn"):
        assert [key for key in SHIPPED.keys(name) if KHMER_LETTER.search(SHIPPED.written(key, name))] == []


def test_a_text_is_filled_with_its_values() -> None:
    text = SHIPPED.text("sms.ack_received", Language.EN, code="4829-1376")
    assert "4829-1376" in text
    assert "{" not in text


def test_a_missing_value_or_key_is_an_error_at_once() -> None:
    with pytest.raises(KeyError, match="code"):
        SHIPPED.text("sms.ack_received", "en")
    with pytest.raises(KeyError, match="sms\\.unheard_of"):
        SHIPPED.text("sms.unheard_of", "en")


def test_a_value_is_never_read_as_a_template() -> None:
    text = SHIPPED.text("refusal.case.already_accepted.detail", "en", owner="{code} {0}")
    assert text.startswith("{code} {0} ")


def test_a_value_without_a_place_is_left_out_and_none_is_a_dash() -> None:
    plain = SHIPPED.text("sms.thanks", "km")
    assert SHIPPED.text("sms.thanks", "km", code="4829-1376") == plain
    assert SHIPPED.fill("refusal.case.already_accepted.detail", "en", {"owner": None}).startswith("- ")


@pytest.mark.parametrize(
    ("language", "script", "catalogue"),
    [
        (Language.KM, None, "km"),
        (Language.KM, Script.KHMER, "km"),
        (Language.KM, Script.MIXED, "km"),
        (Language.KM, Script.LATIN, "km-Latn"),
        ("km-Latn", None, "km-Latn"),
        (None, None, "km"),
        ("xx", None, "km"),
        (Language.EN, None, "en"),
        (Language.EN, Script.LATIN, "en"),
        (Language.TH, None, "en"),
        ("ms", None, "en"),
        (Language.KO, Script.LATIN, "en"),
        (Language.JA, None, "en"),
    ],
)
def test_a_person_is_answered_in_the_language_and_letters_they_use(
    language: Language | str | None, script: Script | None, catalogue: str
) -> None:
    assert SHIPPED.text("sms.thanks", language, script=script) == SHIPPED.written("sms.thanks", catalogue)


def test_what_does_not_exist_in_latin_letters_is_said_in_khmer() -> None:
    assert SHIPPED.text("status.closed", Language.KM, script=Script.LATIN) == SHIPPED.text(
        "status.closed", "km"
    )


def test_a_catalogue_that_an_organisation_adds_is_used_where_it_has_the_text(tmp_path: Path) -> None:
    both(tmp_path, 'msgid "a"\nmsgstr "one"\n\nmsgid "b"\nmsgstr "two"\n')
    write(tmp_path, "th", 'msgid "a"\nmsgstr "หนึ่ง"\n')
    catalogues = Catalogues.load(tmp_path)
    assert catalogues.names == ("km", "en", "th")
    assert [catalogues.text(key, Language.TH) for key in ("a", "b")] == ["หนึ่ง", "two"]


def test_an_edit_is_seen_at_the_next_start_without_a_compiler(tmp_path: Path) -> None:
    shutil.copytree(LOCALES, tmp_path, dirs_exist_ok=True)
    path = file_of(tmp_path, "en")
    path.write_text(path.read_text(encoding="utf-8").replace("Thank you.", "Many thanks."), encoding="utf-8")
    assert Catalogues.load(tmp_path).text("sms.thanks", "en").startswith("Many thanks.")


@pytest.mark.parametrize(
    ("km", "en", "problem"),
    [
        ('msgid "a"\nmsgstr "x"\n', "", r"en.LC_MESSAGES.spean\.po: a: the key is missing"),
        ("", 'msgid "a"\nmsgstr "x"\n', r"km.LC_MESSAGES.spean\.po: a: the key is missing"),
        ('msgid "a"\nmsgstr ""\n', 'msgid "a"\nmsgstr "x"\n', r"spean\.po, line 5: a: the text is missing"),
        ('msgid "a"\nmsgstr "{b}"\n', 'msgid "a"\nmsgstr "{c}"\n', "a: its placeholders differ"),
        ('msgid "a"\nmsgstr "{b"\n', 'msgid "a"\nmsgstr "x"\n', "line 5: a: a brace is not part of"),
        ('msgid "a"\nmsgstr "{0}"\n', 'msgid "a"\nmsgstr "x"\n', "line 5: a: a brace is not part of"),
        ('msgid "a"\nmsgstr "x"\n\nmsgid "a"\nmsgstr "y"\n', "", "line 8: a: the key is there twice"),
        ("what is this\n", "", "cannot be read"),
    ],
)
def test_catalogues_that_disagree_are_refused_with_file_and_key(
    tmp_path: Path, km: str, en: str, problem: str
) -> None:
    write(tmp_path, "km", km)
    write(tmp_path, "en", en)
    with pytest.raises(CatalogueError, match=problem):
        Catalogues.load(tmp_path)


def test_a_missing_file_wrong_bytes_and_an_unknown_key_are_refused(tmp_path: Path) -> None:
    body = 'msgid "a"\nmsgstr "x"\n'
    write(tmp_path, "km", body)
    with pytest.raises(CatalogueError, match=r"en.LC_MESSAGES.spean\.po: the file is missing"):
        Catalogues.load(tmp_path)
    write(tmp_path, "en", body)
    write(tmp_path, "km_Latn", body.replace('"a"', '"b"'))
    with pytest.raises(CatalogueError, match=r"km_Latn.*: b: no such key in Khmer and English"):
        Catalogues.load(tmp_path)
    file_of(tmp_path, "km_Latn").write_bytes(b'msgid "a"\nmsgstr "\xff"\n')
    with pytest.raises(CatalogueError, match="cannot be read"):
        Catalogues.load(tmp_path)


def test_placeholders_are_the_names_in_braces() -> None:
    assert placeholders("{code} and {to}, {code}") == {"code", "to"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "en"),
        ("", "en"),
        ("km", "km"),
        ("km-KH,km;q=0.9,en;q=0.8", "km"),
        ("en-GB, km", "en"),
        ("en;q=0.3, km;q=0.7", "km"),
        ("fr, th;q=0.9, km;q=0.1", "km"),
        ("fr", "en"),
        ("*", "en"),
        ("fr, *;q=0.5", "en"),
        ("en;q=0, *", "km"),
        ("km;q=0, *", "en"),
        ("km;q=0", "en"),
        ("km;q=0,en;q=0", "en"),
        ("*;q=0.1, km;q=0.2", "km"),
        ("en;q=0.2, *;q=0.5", "km"),
        ("KM-kh ; Q=0.9", "km"),
        ("km;q=high, en;q=0.1", "en"),
        (";;;,,q=,km;q=1.0000", "en"),
    ],
)
def test_the_language_of_an_answer_follows_the_header(header: str | None, expected: str) -> None:
    assert choose_locale(header) == expected


@given(header=st.one_of(st.text(max_size=60), st.text(alphabet="kmen*;q=0.19, -_", max_size=60)))
def test_any_header_gives_one_of_the_two_languages(header: str) -> None:
    assert choose_locale(header) in {"km", "en"}


def test_a_moment_is_written_by_the_24_hour_clock_of_the_place() -> None:
    moment = datetime(2026, 7, 4, 13, 5, tzinfo=UTC)
    assert format_moment(moment, Language.EN, PHNOM_PENH) == "Jul 4, 2026 20:05"
    assert format_moment(moment, Language.KM, PHNOM_PENH) == "4 កក្កដា 2026 20:05"
    assert format_moment(moment, "km-Latn", PHNOM_PENH) == "04/07/2026 20:05"
    assert format_moment(moment, Language.TH, PHNOM_PENH) == "Jul 4, 2026 20:05"


def test_a_country_is_named_without_invisible_spaces() -> None:
    assert country_name("KR", Language.KM) == "កូរ៉េខាងត្បូង"
    assert country_name("KR", Language.EN) == "South Korea"
    assert country_name("KR", "km-Latn") == "South Korea"
    assert country_name("QQ", Language.KM) == "QQ"


def test_the_letters_asked_for_matter_only_for_khmer() -> None:
    assert wanted_catalogue(Language.KM, Script.LATIN) == "km-Latn"
    assert wanted_catalogue(Language.EN, Script.LATIN) == "en"
