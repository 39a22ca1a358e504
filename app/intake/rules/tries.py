"""The compiled form of the terms: tries that find every known word of a text in one pass."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from app.intake.rules.folding import fold
from app.intake.rules.romanised import sounds, stem

Trie = dict[str, Any]
Entry = tuple[str, float]

END: Final = ""
HEAD: Final = 3  # characters that show where no Khmer or Thai term can begin
TOKEN: Final = re.compile(r"[a-z][a-z']*|[0-9]+|\$")
FUZZY_FROM: Final = 6  # letters; below this one wrong letter makes another word too often
FUZZY_UP_TO: Final = 24  # letters; no word of the lexicon is longer, and trying all of them costs time
# The signs that people leave out or swap most, which carry no word apart here: shifters, samyok,
# toandakhiat and their like. Bantoc stays (ចង់ is not ចង) but for the rhyme with AA, where it is
# often left out and never decides
# (but for បាត់ "lost", which would become បាត "baht"). Long and short I, and long and short Y, are typed alike
# (but not I and Y: មិន is "not", ម៉ឺន ten thousand).
_LOOSE: Final = {ord(sign): None for sign in "\u17c9\u17ca\u17cc\u17cd\u17ce\u17cf\u17d0\u17d1\u17d7"} | {
    ord("\u17b8"): "\u17b7", ord("\u17ba"): "\u17b9",
}  # fmt: skip
_DROPPED: Final = re.compile("[" + "".join(chr(code) for code, new in _LOOSE.items() if new is None) + "]")
BANTOC: Final = re.compile("(?<=\u17b6[\u1780-\u17a2])(?<!\u1794\u17b6\u178f)\u17cb")


@dataclass(frozen=True)
class Tries:
    """Letters for Khmer and Thai, sounds for romanised Khmer, words for English and Malay.

    `heads` holds the first three characters of every Khmer and Thai term, all of a shorter one.
    """

    letters: Trie
    heads: frozenset[str]
    sounds: Trie
    words: Trie
    romanised_words: frozenset[str]
    english_words: frozenset[str]
    malay_words: frozenset[str]
    near_sounds: dict[str, str] = field(repr=False)
    near_words: dict[str, str] = field(repr=False)


def loosen(key: str) -> str:
    """The looser key under which terms are looked up."""
    return BANTOC.sub("", key.translate(_LOOSE))


def loosen_with_places(key: str) -> tuple[str, list[int]]:
    """The looser key, and for each of its characters its place in the key."""
    spread = key.translate(_LOOSE)
    places = list(range(len(key)))
    for pattern, text in ((_DROPPED, key), (BANTOC, spread)):
        for found in reversed(list(pattern.finditer(text))):
            del places[found.start()]
    return BANTOC.sub("", spread), places


def joined_sounds(words: Iterable[str]) -> str:
    """Sound keys run together; a sound that ends one word and begins the next is written once."""
    whole = ""
    for word in words:
        whole += word[1:] if whole and word and whole[-1] == word[0] else word
    return whole


def build_tries(terms: Iterable[tuple[str, str, str, float]]) -> Tries:
    """Compile (script, text, group, weight) rows."""
    letters: Trie = {}
    heads: set[str] = set()
    heard_as: Trie = {}
    words: Trie = {}
    romanised: set[str] = set()
    english: set[str] = set()
    malay: set[str] = set()
    for script, text, group, weight in terms:
        key = fold(text)
        entry = (group, weight)
        if script in {"khmer", "thai"}:
            # A blank in a term would hide every longer term that begins like it and is parted there.
            loose = loosen(key).replace(" ", "")
            _insert(letters, loose, entry)
            heads.add(loose[:HEAD])
        elif script == "latin":
            heard = sounds(TOKEN.findall(key))
            _insert(heard_as, joined_sounds(heard), entry)
            romanised.update(heard)
        else:
            stems = [stem(word) for word in TOKEN.findall(key)]
            _insert(words, stems, (group, weight))
            (malay if script == "malay" else english).update(stems)
    _compress(letters)
    _compress(heard_as)
    return Tries(
        letters=letters, heads=frozenset(heads), sounds=heard_as, words=words,
        romanised_words=frozenset(romanised), english_words=frozenset(english), malay_words=frozenset(malay),
        near_sounds=_neighbours(romanised), near_words=_neighbours(english),
    )  # fmt: skip


def _insert(trie: Trie, path: Iterable[str], entry: Entry) -> None:
    node = trie
    for step in path:
        node = node.setdefault(step, {})
    if node is not trie:
        entries = node.setdefault(END, [])
        if entry not in entries:
            entries.append(entry)


def _compress(trie: Trie) -> None:
    """Write every branch that no longer forks as one string with its entries.

    Nine nodes of ten do not fork; without them the tries stay in the processor's cache.
    """
    for step, child in trie.items():
        if step == END:
            continue
        rest, node = "", child
        while END not in node and len(node) == 1:
            letter, node = next(iter(node.items()))
            rest += letter
        if set(node) == {END}:
            trie[step] = (rest, node[END])
        else:
            _compress(child)


def ends(text: str, start: int, trie: Trie, *, blanks: bool) -> list[tuple[int, list[Entry]]]:
    """Where the terms end that begin at `start`; with `blanks`, one blank at a time is passed over."""
    found: list[tuple[int, list[Entry]]] = []
    size = len(text)
    node: Any = trie
    at = start
    while at < size:
        step = text[at]
        at += 1
        below = node.get(step)
        if below is None:
            # One blank is passed over, where no term has it.
            if step != " " or not blanks or at == start + 1 or at == size:
                break
            below = node.get(text[at])
            at += 1
            if below is None:
                break
        node = below
        if type(node) is tuple:
            rest, entries = node
            if text.startswith(rest, at):
                found.append((at + len(rest), entries))
            elif blanks and (end := _over_blanks(text, at, rest)) >= 0:
                found.append((end, entries))
            break
        if END in node:
            found.append((at, node[END]))
    return found


def _over_blanks(text: str, at: int, rest: str) -> int:
    """Where `rest` ends if it stands at `at` with single blanks between its letters, or -1."""
    size = len(text)
    for letter in rest:
        if at < size and text[at] == " " != letter:
            at += 1
        if at >= size or text[at] != letter:
            return -1
        at += 1
    return at


def _neighbours(words: Iterable[str]) -> dict[str, str]:
    """Each long word by every form that lacks one of its letters; what two words share is left out."""
    found: dict[str, str | None] = {}
    for word in sorted(set(words)):
        if len(word) >= FUZZY_FROM:
            for form in {word, *less_one(word)}:
                found[form] = None if form in found and found[form] != word else word
    return {form: word for form, word in found.items() if word is not None}


def less_one(word: str) -> list[str]:
    """The word without each of its letters in turn, the first letter always kept."""
    return [word[:at] + word[at + 1 :] for at in range(1, len(word))]
