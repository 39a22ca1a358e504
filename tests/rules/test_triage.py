"""Triage: what texts mean, with the rule that says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli.measure import read_labelled
from app.cli.triage import triage_app
from app.intake.rules.lexicon import Lexicon, LexiconError, load_lexicon
from app.intake.rules.romanised import sound, sounds, stem
from app.intake.rules.scanning import scan, view
from app.intake.rules.triage import decide
from app.intake.rules.tries import build_tries
from app.kernel.language import Language, Script
from app.kernel.urgency import Urgency

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(CONFIG)


def rules_of(text: str, lexicon: Lexicon) -> set[str]:
    return {reason.rule for reason in decide(text, lexicon).reasons}


MEANINGS = [
    ("ថៅកែមិនទាន់បើកប្រាក់ខែឱ្យខ្ញុំទេ", "unpaid_wages.withheld", Urgency.U3),
    ("thaoke ot berk luy khae oy nhom", "unpaid_wages.withheld", Urgency.U3),
    ("boss never pay our salary", "unpaid_wages.withheld", Urgency.U3),
    ("นายจ้างยังไม่จ่ายค่าแรง", "unpaid_wages.withheld", Urgency.U3),
    ("majikan tak bayar gaji 3 bulan", "unpaid_wages.withheld", Urgency.U3),
    ("គេចាក់សោបន្ទប់ ពួកយើងចេញមិនបាន", "detention.locked_in", Urgency.U1),
    ("polis chab bdei nhom", "detention.by_police", Urgency.U2),
    ("កុងត្រាចប់ហើយ ក្រុមហ៊ុនមិនឱ្យទៅផ្ទះ", "forced_extension.not_let_home", Urgency.U2),
    ("ម៉ាដាមដកហូតប៉ាស្ព័រខ្ញុំ", "passport_confiscation.taken", Urgency.U2),
    ("foreman punch my face", "physical_abuse.beaten", Urgency.U1),
    ("boss say he will kill me", "physical_abuse.threatened_kill", Urgency.U1),
    ("ម្ចាស់ផ្ទះរំលោភប្អូនស្រីខ្ញុំ", "sexual_violence.rape", Urgency.U1),
    ("ke luok nhom oy krom hun scam", "trafficking_forced_labour.sold", Urgency.U1),
    ("ខ្ញុំចង់សម្លាប់ខ្លួន", "injury_medical.suicide", Urgency.U1),
    ("kon nhom bat domneng", "missing_person.no_news_kin", Urgency.U2),
    ("agent take my money and no job", "recruitment_fee_debt.fee_taken_no_job", Urgency.U3),
    ("SOS", "urgency.sos", Urgency.U1),
]


@pytest.mark.parametrize(("text", "rule", "urgency"), MEANINGS)
def test_a_text_is_understood_and_says_why(text: str, rule: str, urgency: Urgency, lexicon: Lexicon) -> None:
    decision = decide(text, lexicon)
    assert rule in {reason.rule for reason in decision.reasons}
    assert decision.urgency is urgency


@pytest.mark.parametrize(
    "text",
    [
        "boss never beat me",
        "ថៅកែមិនដែលវាយខ្ញុំទេ",
        "thaoke min del vay nhom te",
    ],
)
def test_what_is_denied_is_not_reported(text: str, lexicon: Lexicon) -> None:
    assert "physical_abuse" not in decide(text, lexicon).categories


@pytest.mark.parametrize("text", ["ជួយផង", "jouy nhom", "help me", "", "????", "🙏🙏"])
def test_a_text_in_which_nothing_is_recognised_stays_urgent(text: str, lexicon: Lexicon) -> None:
    decision = decide(text, lexicon)
    assert decision.categories == ()
    assert decision.urgency is Urgency.U2
    assert decision.reasons


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("ថៅកែមិនបើកលុយឱ្យពួកខ្ញុំ ២០នាក់", 20),
        ("ពួកយើងមានដប់ពីរនាក់ គេមិនបើកប្រាក់ខែ", 12),
        ("boss not pay 7 workers salary", 7),
        ("we are 15, no salary", 15),
        ("ke min berk prak khae yerng 8 neak", 8),
        ("ไม่จ่ายเงินเดือน 5 คน", 5),
        ("they not pay us", 2),
        ("boss not pay me 3 months", None),
    ],
)
def test_the_number_of_people_is_read(text: str, members: int | None, lexicon: Lexicon) -> None:
    assert decide(text, lexicon).members == members


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("នៅបាងកក", "TH"), ("nov malaysia", "MY"), ("I work in Busan", "KR"), ("នៅជប៉ុន", "JP"),
        ("อยู่ระยอง", "TH"), ("from Phnom Penh", None), ("ជួយផង", None),
    ],
)  # fmt: skip
def test_the_country_named_is_read(text: str, country: str | None, lexicon: Lexicon) -> None:
    assert decide(text, lexicon).destination == country


@pytest.mark.parametrize(
    ("text", "script", "language"),
    [
        ("ជួយខ្ញុំផង", Script.KHMER, Language.KM),
        ("jouy nhom phong bong", Script.LATIN, Language.KM),
        ("please help my sister", Script.ENGLISH, Language.EN),
        ("boss មិនបើក salary", Script.MIXED, Language.KM),
        ("ช่วยด้วย", Script.THAI, Language.TH),
        ("majikan tak bayar gaji saya", Script.LATIN, Language.MS),
        ("éf¶ExqñaMkMeNIt", Script.UNREADABLE, Language.KM),
        ("!!!", Script.UNREADABLE, Language.KM),
    ],
)
def test_script_and_language_are_told(
    text: str, script: Script, language: Language, lexicon: Lexicon
) -> None:
    decision = decide(text, lexicon)
    assert (decision.script, decision.language) == (script, language)


def test_a_child_in_danger_is_an_emergency(lexicon: Lexicon) -> None:
    assert decide("កូនស្រីខ្ញុំអាយុ ១៥ បាត់ដំណឹង", lexicon).urgency is Urgency.U1
    assert decide("កូនស្រីខ្ញុំអាយុ ២៥ បាត់ដំណឹង", lexicon).urgency is Urgency.U2


def test_many_months_without_wages_are_more_urgent(lexicon: Lexicon) -> None:
    assert decide("boss not pay salary 2 month", lexicon).urgency is Urgency.U3
    assert "unpaid_wages.many_months" in rules_of("boss not pay salary 6 month", lexicon)
    assert decide("boss not pay salary 6 month", lexicon).urgency is Urgency.U2


def test_a_span_shows_the_words_in_the_raw_text_with_their_invisible_characters(lexicon: Lexicon) -> None:
    text = "បង\u200b ថៅកែ\u200bមិន\u200bបើក\u200bប្រាក់ខែ ទេ"
    reason = next(r for r in decide(text, lexicon).reasons if r.rule == "unpaid_wages.withheld")
    assert reason.text == text[reason.start : reason.end] == "មិន\u200bបើក\u200bប្រាក់ខែ"


@pytest.mark.parametrize(
    "family",
    [
        "berk boek baek bek beuk", "thaoke thavke taoke thouke towke", "luy louy lui",
        "hery hz hey heuy haey",
        "oy aoy ouy", "chuoy jouy juy joy chouy", "vay veay vai wai", "romlop romlob rumlop", "nov nou nw",
        "chab jab chap", "domneng domneung domnerng", "tov tv tou", "phong pong porng", "komream kumream",
    ],
)  # fmt: skip
def test_spellings_of_one_romanised_word_have_one_sound(family: str) -> None:
    assert len({sound(word) for word in family.split()}) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("bong", "bon"), ("luy", "loh"), ("min", "mean"), ("teah", "tea")]
)
def test_romanised_words_that_differ_have_different_sounds(left: str, right: str) -> None:
    assert sound(left) != sound(right)


@given(st.lists(st.from_regex(r"[a-z']{1,12}", fullmatch=True)))
def test_words_heard_together_sound_as_they_do_alone(words: list[str]) -> None:
    assert sounds(words) == [sound(word) for word in words]


_LETTERS = "កខគ"


@given(st.lists(st.text(_LETTERS, min_size=1, max_size=4), min_size=1), st.text(_LETTERS + " ", max_size=12))
def test_every_term_is_found_wherever_it_stands_with_or_without_blanks(terms: list[str], text: str) -> None:
    tries = build_tries(("khmer", term, term, 1.0) for term in terms)
    seen = view(text, tries)
    found = {(hit.start, hit.group) for hit in scan(seen, tries)}
    assert found == {
        (start, term)
        for start, letter in enumerate(seen.loose)
        for term in terms
        if letter != " " and seen.loose[start:].replace(" ", "").startswith(term)
    }


def _found(text: str, *terms: str) -> set[tuple[str, int, int]]:
    tries = build_tries(("khmer", term, term, 1.0) for term in terms)
    return {(hit.group, hit.start, hit.end) for hit in scan(view(text, tries), tries)}


def test_a_term_with_a_blank_hides_no_other() -> None:
    assert _found("កខ គ", "កខ abc", "កខគ") == {("កខគ", 0, 4)}


def test_a_term_ends_where_a_cluster_does_even_if_a_blank_stands_inside_it() -> None:
    assert _found("កា", "ក", "កា") == {("កា", 0, 2)}
    assert _found("ក ា ខ", "ក", "កា", "កាខ") == {("ក", 0, 1), ("កា", 0, 3), ("កាខ", 0, 5)}


def test_no_term_begins_with_a_subscript_even_if_a_blank_stands_before_it() -> None:
    assert _found("ប ្ រ ា ក", "ប្រាក", "រាក") == {("ប្រាក", 0, 9)}


def test_the_reasons_are_the_same_in_every_process() -> None:
    program = (
        "import sys; from pathlib import Path; from app.intake.rules.lexicon import load_lexicon; "
        "from app.intake.rules.triage import decide; lexicon = load_lexicon(Path('config')); "
        "sys.stdout.write(repr([decide(line, lexicon) for line in sys.stdin]))"
    )
    rows = read_labelled(CONFIG.parent / "tests" / "rules" / "khmer" / "second.jsonl")
    texts = "\n".join(row.text.replace("\n", " ") for row in rows)
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=texts, cwd=CONFIG.parent, env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True, text=True, check=True, encoding="utf-8",
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(said) == 1
    assert "unpaid_wages.withheld" in said.pop()


def test_english_forms_have_one_stem() -> None:
    assert stem("locks") == stem("locked") == stem("locking") == stem("lock")
    assert stem("hitting") == stem("hits") == stem("hit")


def test_one_wrong_letter_in_a_long_word_is_forgiven(lexicon: Lexicon) -> None:
    assert "passport_confiscation" in decide("boss keep my pasaport", lexicon).categories
    assert "missing_person" in decide("kon nhom bat domnengg", lexicon).categories


@given(st.text(max_size=400))
@settings(deadline=None)
def test_any_unicode_is_decided_with_valid_spans(text: str) -> None:
    lexicon = _shared()
    decision = decide(text, lexicon)
    for reason in decision.reasons:
        assert 0 <= reason.start <= reason.end <= len(text)
        assert reason.text == text[reason.start : reason.end]
    assert decision == decide(text, lexicon)


@given(
    st.lists(
        st.sampled_from(
            ["not", "ot", "pay", "luy", "មិន", "បើក", "ប្រាក់ខែ", "ខ្ញុំ", "្", "\u200b", "5", "?", "ไม่", "gaji"]
        )
    )
)
@settings(deadline=None)
def test_any_heap_of_words_is_decided(words: list[str]) -> None:
    lexicon = _shared()
    for glue in ("", " "):
        text = glue.join(words)
        assert all(r.text == text[r.start : r.end] for r in decide(text, lexicon).reasons)


_KEPT: list[Lexicon] = []


def _shared() -> Lexicon:
    if not _KEPT:
        _KEPT.append(load_lexicon(CONFIG))
    return _KEPT[0]


@given(st.sampled_from(["thanks", "boss is good", "how much", "promotion", "អរគុណ", "orkun"]))
def test_more_words_never_lower_an_emergency(words: str) -> None:
    assert decide(f"they rape my sister {words}", _shared()).urgency is Urgency.U1


@pytest.mark.parametrize(
    ("sheet", "line", "field"),
    [
        ("category: x\ngroups:\n  a:\n    - {term: b, script: klingon}\n", 4, "script"),
        ("category: x\ngroups:\n  a:\n    - {script: khmer}\n", 4, "term"),
        ("category: x\ngroups:\n  a:\n    - {term: b, script: english, weight: 7}\n", 4, "weight"),
        ("category: x\nrules:\n  - {id: r, words: [nothing]}\n", 3, "words"),
        ("category: x\nrules:\n  - {words: [a]}\n", 3, "id"),
        ("category: x\nrulez: []\n", 2, "rulez"),
        ("category: [\n", 2, "yaml"),
        ('groups:\n  a:\n    - {term: "2 khae", script: latin}\n', 3, "term"),
    ],
)
def test_a_mistake_in_the_lexicon_is_named_by_file_line_and_field(
    tmp_path: Path, sheet: str, line: int, field: str
) -> None:
    (tmp_path / "lexicon").mkdir()
    (tmp_path / "lexicon" / "x.yaml").write_text(sheet, encoding="utf-8")
    (tmp_path / "places.yaml").write_text("places: []\n", encoding="utf-8")
    with pytest.raises(LexiconError) as caught:
        load_lexicon(tmp_path)
    assert (caught.value.file, caught.value.line, caught.value.field) == ("x.yaml", line, field)


def test_a_folder_without_a_lexicon_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LexiconError):
        load_lexicon(tmp_path)


def test_a_word_that_an_ngo_adds_is_understood_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "lexicon").mkdir()
    sheet = (
        "category: unpaid_wages\ngroups:\n  gone:\n"
        "    - {term: flibber, script: english, weight: 1, note: made up}\n"
        "rules:\n  - {id: gone, words: [gone]}\n"
    )
    (tmp_path / "lexicon" / "x.yaml").write_text(sheet, encoding="utf-8")
    (tmp_path / "places.yaml").write_text("places: []\n", encoding="utf-8")
    assert decide("my flibber", load_lexicon(tmp_path)).categories == ("unpaid_wages",)


def test_explain_prints_the_decision_as_json() -> None:
    result = CliRunner().invoke(
        triage_app, ["explain", "boss not pay salary", "--json", "--config-dir", str(CONFIG)]
    )
    shown = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(shown) == {"folded", "categories", "urgency", "members", "reasons"}
    assert shown["categories"] == ["unpaid_wages"]
    assert set(shown["reasons"][0]) == {"rule", "category", "start", "end", "text"}
