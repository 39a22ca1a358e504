"""Texts of the greatest length that a carrier delivers, made to be as slow to triage as any can be."""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from app.intake.rules.lexicon import Lexicon

LONGEST = 1_600
_CLUSTER = re.compile("[\u1780-\u17b3](?:\u17d2[\u1780-\u17a2])*[\u17b6-\u17d1]*")
_LONG_WORD = 7  # letters; from here on a word is recognised with one wrong letter
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_REPEATED = (
    "មិនបើកប្រាក់ខែ ",
    "ក្ក្ក្ក្ក្ក្",
    "ក",
    "1 2 3 4 5 6 7 8 9 0 ",
    "3 nek ",
    " if i do not ",
    "a b c ",
    "?",
    "é",
)


def written(folder: Path) -> list[tuple[str, str]]:
    """The labelled texts of a folder with the name of their script."""
    lines = (line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines())
    rows = [json.loads(line) for line in lines if line.strip()]
    return [(row["script"], row["text"]) for row in rows]


def longest(lexicon: Lexicon, texts: list[tuple[str, str]], count: int) -> Iterator[tuple[str, str]]:
    """About `count` texts of each shape: (name of the shape, text). The same in every run."""
    chance = random.Random(7)
    messages: dict[str, list[str]] = {"any script": [text for _, text in texts]}
    for script, text in texts:
        messages.setdefault(script, []).append(text)
    terms: dict[str, list[str]] = {"any script": [term.text for term in lexicon.terms]}
    for term in lexicon.terms:
        terms.setdefault(term.script, []).append(term.text)
    clusters = sorted({cluster for _, text in texts for cluster in _CLUSTER.findall(text)})
    latin = [
        term for script in ("latin", "english", "malay") for term in terms[script] if len(term) >= _LONG_WORD
    ]
    shapes: list[tuple[str, Callable[[], str]]] = []
    for script, known in messages.items():
        shapes += _shapes(f"messages, {script}", known, chance)
    for script, known in terms.items():
        shapes += _shapes(f"words of the lexicon, {script}", known, chance)
    shapes += [
        ("Khmer clusters at random", lambda: chance.choice(clusters)),
        ("near misses, Khmer", lambda: _less_one(chance.choice(terms["khmer"]), chance)),
        ("near misses, Latin", lambda: _misspelt(chance.choice(latin), chance) + " "),
        ("Latin letters at random", lambda: "".join(chance.sample(_ALPHABET, chance.randrange(1, 12))) + " "),
        ("Khmer with a blank after every letter", lambda: " ".join(chance.choice(messages["khmer"])) + " "),
    ]
    for name, piece in shapes:
        for _ in range(count):
            yield name, _filled(piece)
    for _ in range(count):
        yield "one word of the lexicon over and over", _repeated(chance.choice(terms["any script"]) + " ")
    for shape in _REPEATED:
        yield "a few letters over and over", _repeated(shape)


def _shapes(name: str, known: list[str], chance: random.Random) -> list[tuple[str, Callable[[], str]]]:
    return [
        (name, lambda: chance.choice(known) + " "),
        (f"{name}, no blanks", lambda: chance.choice(known).replace(" ", "")),
    ]


def _filled(piece: Callable[[], str]) -> str:
    pieces: list[str] = []
    while sum(map(len, pieces)) < LONGEST:
        pieces.append(piece())
    return "".join(pieces)[:LONGEST]


def _repeated(piece: str) -> str:
    return (piece * LONGEST)[:LONGEST]


def _less_one(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + word[at + 1 :]


def _misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + chance.choice(_ALPHABET) + word[at + 1 :]
