"""The compiled form of the terms: what a text is looked up in, so that one pass finds every known word."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final, NamedTuple

from app.intake.rules.folding import fold
from app.intake.rules.romanised import sounds, stem

Trie = dict[str, Any]
Entry = tuple[str, float]

END: Final = ""
TOKEN: Final = re.compile(r"[a-z][a-z']*|[0-9]+|\$")
FUZZY_FROM: Final = 6  # letters; below this one wrong letter makes another word too often
FUZZY_UP_TO: Final = 24  # letters; no word of the lexicon is longer, and trying all of them costs time
# A cluster is one character with the dependent signs and the subscripts behind it. Khmer and Thai terms
# begin and end where a cluster does, so that clusters are the letters of the look-up.
SIGNS: Final = "\u17b4-\u17d3\u17dd\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
CLUSTER: Final = re.compile(rf".[{SIGNS}]*(?:(?<=\u17d2)[\u1780-\u17b3\u0e01-\u0e4e][{SIGNS}]*)*", re.DOTALL)
LETTER: Final = re.compile("[\u1780-\u17b3\u0e01-\u0e4e]")
# The signs that people leave out or swap most, which carry no word apart here: shifters, samyok,
# toandakhiat and their like. Bantoc stays (ចង់ is not ចង) but for the rhyme with AA, where it is
# often left out and never decides
# (but for បាត់ "lost", which would become បាត "baht"). Long and short I, and long and short Y, are typed alike
# (but not I and Y: មិន is "not", ម៉ឺន ten thousand).
_LEFT_OUT: Final = "\u17c9\u17ca\u17cc\u17cd\u17ce\u17cf\u17d0\u17d1\u17d7"
_ALIKE: Final = (("\u17b8", "\u17b7"), ("\u17ba", "\u17b9"))
_DROPPED: Final = re.compile(f"[{_LEFT_OUT}]")
# The sign itself comes first, since a search begins at a letter faster than at what stands before one.
BANTOC: Final = re.compile("\u17cb(?<=\u17b6[\u1780-\u17a2]\u17cb)(?<!\u1794\u17b6\u178f\u17cb)")


# Named tuples, since hundreds are made for one text and a frozen dataclass takes three times as long.
class Hit(NamedTuple):
    """A group found at `start:end` of the loose key, with the weight of what was found."""

    group: str
    start: int
    end: int
    weight: float


# Half as long as `Hit(…)`, whose own `__new__` is Python; for the places that make hundreds.
NEW: Final = tuple.__new__

Found = tuple[tuple[str, int, float], ...]


class Node(NamedTuple):
    """Where the clusters of some terms have led so far.

    `found` holds the terms that end here or on the way here as (group, place of the last cluster counted
    from 0, weight), the surest and longest first: only the node reached last must be asked. Nine nodes of
    ten do not fork, so that `below` ends in a `Tail`: what is small stays in the processor's cache.
    """

    below: "Mapping[str, Node] | Tail"
    found: Found


class Tail(NamedTuple):
    """The last clusters of a term behind which nothing forks, and what is found where they stand."""

    clusters: list[str]
    found: Found


@dataclass(frozen=True)
class Tries:
    """Clusters for Khmer and Thai, sounds for romanised Khmer, words for English and Malay.

    `sounds` holds every beginning of a romanised term with the terms that end there, mostly none.
    """

    letters: Mapping[str, Node]
    sounds: Mapping[str, tuple[Entry, ...]]
    words: Trie
    romanised_words: frozenset[str]
    english_words: frozenset[str]
    malay_words: frozenset[str]
    near_sounds: dict[str, str] = field(repr=False)
    near_words: dict[str, str] = field(repr=False)
    # What is known of the Latin words met lately; `latin.py` fills and bounds it.
    met: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def loosen(key: str) -> str:
    """The looser key under which terms are looked up."""
    return BANTOC.sub("", _without_signs(key))


def _without_signs(key: str) -> str:
    # One replacement after the other is several times as fast as `translate`, most of them finding nothing.
    for sign in _LEFT_OUT:
        key = key.replace(sign, "")
    for sign, other in _ALIKE:
        key = key.replace(sign, other)
    return key


def loosen_with_gaps(key: str) -> tuple[str, list[int]]:
    """The looser key, and before which of its places something was left out, in order.

    Place `p` of the looser key is place `p + bisect_right(gaps, p)` of the key.
    """
    spread = _without_signs(key)
    left_out = [found.start() for found in _DROPPED.finditer(key)]
    bantocs = [found.start() for found in BANTOC.finditer(spread)]
    if bantocs:
        gaps = [place - before for before, place in enumerate(left_out)]
        left_out += [place + bisect_right(gaps, place) for place in bantocs]
        left_out.sort()
        spread = BANTOC.sub("", spread)
    return spread, [place - before for before, place in enumerate(left_out)]


def joined_sounds(words: Iterable[str]) -> str:
    """Sound keys run together; a sound that ends one word and begins the next is written once."""
    whole = ""
    for word in words:
        whole += word[1:] if whole and word and whole[-1] == word[0] else word
    return whole


def build_tries(terms: Iterable[tuple[str, str, str, float]]) -> Tries:
    """Compile (script, text, group, weight) rows."""
    letters: Trie = {}
    heard_as: dict[str, list[Entry]] = {}
    words: Trie = {}
    romanised: set[str] = set()
    english: set[str] = set()
    malay: set[str] = set()
    # One number for all that weigh alike, and one string for each cluster: fewer places of memory to look at.
    weights: dict[float, float] = {}
    for script, text, group, weight in terms:
        key = fold(text)
        entry = (group, weights.setdefault(weight, weight))
        if script in {"khmer", "thai"}:
            # A blank in a term would hide every longer term that begins like it and is parted there.
            loose = loosen(key).replace(" ", "")
            # Nothing is looked for in the middle of a number or a Latin word.
            if LETTER.match(loose):
                _insert(letters, map(intern, CLUSTER.findall(loose)), entry)
        elif script == "latin":
            heard = sounds(TOKEN.findall(key))
            _insert_sounds(heard_as, joined_sounds(heard), entry)
            romanised.update(heard)
        else:
            stems = [stem(word) for word in TOKEN.findall(key)]
            _insert(words, stems, entry)
            (malay if script == "malay" else english).update(stems)
    return Tries(
        letters=_nodes(letters, 0, ()), sounds={sound: tuple(ends) for sound, ends in heard_as.items()},
        words=words,
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


def _insert_sounds(table: dict[str, list[Entry]], sound: str, entry: Entry) -> None:
    for size in range(1, len(sound)):
        table.setdefault(sound[:size], [])
    if sound and entry not in (entries := table.setdefault(sound, [])):
        entries.append(entry)


def _nodes(trie: Trie, depth: int, above: Found) -> dict[str, Node]:
    """The trie as nodes, each with what was found above it."""
    nodes: dict[str, Node] = {}
    for step, child in trie.items():
        if step != END:
            found = _with(above, depth, child)
            nodes[step] = Node(_tail(child, depth + 1, found) or _nodes(child, depth + 1, found), found)
    return nodes


def _tail(trie: Trie, depth: int, above: Found) -> Tail | None:
    """The rest of the only term below, where there is only one."""
    clusters: list[str] = []
    while True:
        below = [step for step in trie if step != END]
        if clusters and END in trie:
            return None if below else Tail(clusters, _with(above, depth + len(clusters) - 1, trie))
        if len(below) != 1:
            return None
        clusters += below
        trie = trie[below[0]]


def _with(above: Found, depth: int, node: Trie) -> Found:
    """What was found above and here, the surest and longest first."""
    if END not in node:
        return above
    own = [(group, depth, weight) for group, weight in node[END]]
    return tuple(sorted([*above, *own], key=lambda one: (-one[2], -one[1])))


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
