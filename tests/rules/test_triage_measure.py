"""Triage: the measure on labelled texts, the floors below it, and the time that a decision takes."""

import json
import random
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.measure import Labelled, NotLabelled, measure, read_labelled
from app.cli.triage import triage_app
from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.intake.rules.patterns import Index, find, grow, surest
from app.intake.rules.scanning import scan, view
from app.intake.rules.triage import decide

CONFIG = Path(__file__).parents[2] / "config"
TEXTS = Path(__file__).parent / "khmer"
# A set full of words of danger in which nobody is in danger: more of it is taken for an emergency.
HARDER = {"twentysecond.jsonl"}
KEPT_APART = TEXTS / "heldout.jsonl"
# Written when the words stood as they are, and never used to change them: the aims are asked of these.
NEVER_USED = ("twentythird.jsonl", "twentyfourth.jsonl", "twentyfifth.jsonl")
LIMIT = 1600  # characters of the longest joined text


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(CONFIG)


def heaps(lexicon: Lexicon) -> list[str]:
    """Long texts that nobody writes: the words of the lexicon, random clusters, random Latin, one word."""
    chance = random.Random(7)
    made = []
    for script, glue in (("khmer", ""), ("khmer", " "), ("latin", " "), ("english", " "), ("thai", "")):
        words = [term.text for term in lexicon.terms if term.script == script]
        made.append(glue.join(chance.choices(words, k=700))[:LIMIT])
    marks = [chr(code) for code in range(0x17B6, 0x17D3)]
    letters = [chr(code) for code in range(0x1780, 0x17A3)]
    made.append("".join(chance.choice(letters) + chance.choice(marks) for _ in range(LIMIT // 2)))
    latin = chance.choices("aeioubchkltnmpsvy", k=LIMIT)
    made.append("".join(latin))
    made.append("".join(" " if at % 6 == 5 else letter for at, letter in enumerate(latin)))
    return made


def test_the_lexicon_is_loaded_fast_enough_for_every_command() -> None:
    spent = []
    for _ in range(2):
        began = time.process_time()
        load_lexicon(CONFIG)
        spent.append(time.process_time() - began)
    # The aim is 0.4 s; a busy machine takes more.
    assert min(spent) < 1.0


def test_the_longest_text_is_decided_in_bounded_time(lexicon: Lexicon) -> None:
    rows = [row.text for row in read_labelled(KEPT_APART)]
    longest = [" ".join(rows[at : at + 45])[:1600] for at in range(0, len(rows) - 45, 40)]
    repeated = (
        "មិន",
        "no ",
        "ot ",
        "k",
        "មិនឱ្យ",
        "not give money ",
        "១ ",
        "ថៅកែវាយខ្ញុំ ",
        "vay nhom ",
        "nhom",
        "\ufdfa",
    )
    hostile = [(word * LIMIT)[:LIMIT] for word in repeated]
    for text in longest + hostile + heaps(lexicon):
        spent = []
        for _ in range(5):
            began = time.thread_time()
            decide(text, lexicon)
            spent.append(time.thread_time() - began)
        # The aim is 5 ms on a quiet machine; a busy one shares its cores and takes some times that.
        assert min(spent) < 0.015


def test_the_texts_kept_apart_are_understood(lexicon: Lexicon) -> None:
    rows = read_labelled(KEPT_APART)
    report = measure([Labelled(row, decide(row.text, lexicon)) for row in rows])
    assert len(rows) >= 150
    assert report["micro"]["f1"] >= 0.88
    assert report["emergency"]["recall"] >= 0.9
    assert report["emergency"]["precision"] >= 0.8
    assert report["false_alarms"]["rate"] <= 0.05


@pytest.mark.parametrize(
    ("file", "texts", "f1", "recall", "alarms"),
    [
        ("second.jsonl", 276, 0.92, 0.94, 0.03),
        ("third.jsonl", 133, 0.85, 0.92, 0.05),
        ("fourth.jsonl", 69, 0.88, 0.92, 0.07),
        ("fifth.jsonl", 44, 0.83, 0.87, 0.06),
    ],
)
def test_the_texts_of_a_second_reader_are_understood(
    file: str, texts: int, f1: float, recall: float, alarms: float, lexicon: Lexicon
) -> None:
    rows = read_labelled(TEXTS / file)
    report = measure([Labelled(row, decide(row.text, lexicon)) for row in rows])
    assert len(rows) == texts
    assert report["micro"]["f1"] >= f1
    assert report["emergency"]["recall"] >= recall
    assert report["emergency"]["precision"] >= 0.8
    assert report["false_alarms"]["rate"] <= alarms


@pytest.mark.parametrize(
    ("file", "texts", "f1", "recall", "alarms"),
    [
        ("sixth.jsonl", 165, 0.87, 0.9, 0.05),
        ("seventh.jsonl", 120, 0.86, 0.92, 0.05),
        ("eighth.jsonl", 124, 0.87, 0.92, 0.07),
        ("ninth.jsonl", 120, 0.81, 0.88, 0.11),
        ("tenth.jsonl", 119, 0.93, 0.95, 0.03),
        ("eleventh.jsonl", 105, 0.93, 0.95, 0.03),
        ("twelfth.jsonl", 80, 0.92, 0.95, 0.05),
        ("thirteenth.jsonl", 116, 0.88, 0.95, 0.04),
        ("fourteenth.jsonl", 117, 0.86, 0.9, 0.04),
        ("fifteenth.jsonl", 113, 0.84, 0.88, 0.04),
        ("sixteenth.jsonl", 104, 0.91, 0.88, 0.02),
        ("seventeenth.jsonl", 103, 0.84, 0.84, 0.06),
        ("eighteenth.jsonl", 104, 0.87, 0.88, 0.04),
        ("nineteenth.jsonl", 102, 0.9, 0.93, 0.02),
        ("twentieth.jsonl", 105, 0.84, 0.88, 0.05),
        ("twentyfirst.jsonl", 103, 0.92, 0.93, 0.04),
        ("twentysecond.jsonl", 105, 0.75, 0.9, 0.14),
    ],
)
def test_the_traffic_of_a_hotline_is_understood(
    file: str, texts: int, f1: float, recall: float, alarms: float, lexicon: Lexicon
) -> None:
    rows = read_labelled(TEXTS / file)
    report = measure([Labelled(row, decide(row.text, lexicon)) for row in rows])
    assert len(rows) == texts
    assert report["micro"]["f1"] >= f1
    assert report["emergency"]["recall"] >= recall
    assert report["emergency"]["precision"] >= (0.7 if file in HARDER else 0.8)
    assert report["false_alarms"]["rate"] <= alarms


def test_words_that_may_be_names_and_numbers_are_not_remembered() -> None:
    lexicon = load_lexicon(CONFIG)
    decide("sokhavuth borinthida 0812345678 ot ban luy, boss keep passport", lexicon)
    assert {"luy", "passport"} <= set(lexicon.tries.met)
    assert not {"sokhavuth", "borinthida", "0812345678"} & set(lexicon.tries.met)


def test_the_aims_hold_on_texts_that_were_never_used(lexicon: Lexicon) -> None:
    alarms = calm = 0
    for name in NEVER_USED:
        rows = read_labelled(TEXTS / name)
        report = measure([Labelled(row, decide(row.text, lexicon)) for row in rows])
        assert report["micro"]["f1"] >= 0.75, name
        assert report["emergency"]["recall"] >= 0.85, name
        assert report["emergency"]["precision"] >= 0.6, name
        alarms += report["false_alarms"]["count"]
        calm += report["false_alarms"]["of"]
    assert calm == 180
    assert alarms / calm <= 0.05


def test_no_pattern_that_holds_is_passed_over(lexicon: Lexicon) -> None:
    texts = [row.text for name in ("third.jsonl", "tenth.jsonl") for row in read_labelled(TEXTS / name)]
    for text in texts:
        seen = view(text, lexicon.tries)
        index = Index(scan(seen, lexicon.tries))
        grow(index, lexicon.phrases)
        tried = [match for rule in lexicon.rules.possible(index.present) if (match := surest(index, rule))]
        held = [match for rule in lexicon.rules.patterns if (match := surest(index, rule))]
        assert tried == held
        phrases = {phrase.id for phrase in lexicon.phrases.patterns if any(find(index, phrase))}
        assert index.made <= phrases


def test_evaluate_prints_every_part_of_the_measure() -> None:
    result = CliRunner().invoke(
        triage_app, ["evaluate", str(KEPT_APART), "--json", "--config-dir", str(CONFIG)]
    )
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(report) == {"micro", "macro", "per_category", "emergency", "false_alarms", "by_script"}
    assert set(report["false_alarms"]) == {"count", "of", "rate"}


@pytest.mark.parametrize("content", ["", "not json\n", '{"id": "1"}\n', "[]\n"])
def test_a_file_that_is_not_labelled_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NotLabelled):
        read_labelled(path)
    result = CliRunner().invoke(triage_app, ["evaluate", str(path), "--config-dir", str(CONFIG)])
    assert result.exit_code == 1
