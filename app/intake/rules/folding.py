"""Folding: the key under which look-alike spellings of Khmer, Thai and Latin text match alike.

The stored text is never changed; the key exists only to compare. The order inside a Khmer cluster
is the one of the Unicode standard: base, subscripts (RO last), shifter, vowel, other signs,
nikahit, reahmuk.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final

_COENG: Final = "\u17d2"
_RO: Final = "\u179a"
_MUUS: Final = "\u17c9"
_TRII: Final = "\u17ca"
_SHIFTERS: Final = _MUUS + _TRII
_E: Final = "\u17c1"
_U: Final = "\u17bb"
_NIKAHIT: Final = "\u17c6"
_ABOVE: Final = frozenset("\u17b7\u17b8\u17b9\u17ba\u17be")
# Series-one consonants that take triisap; under a vowel above, either shifter is drawn as U.
_TAKES_TRII: Final = frozenset("\u179f\u17a0\u17a2")
_OY: Final = "\u17a2\u17c4\u1799"

# Independent vowels are written as QA with the vowel, since people write either. The deprecated
# letters follow the Unicode standard's advice; U+17B4 and U+17B5 are invisible.
_SPELLED: Final = {
    "\u17a3": "\u17a2", "\u17a4": "\u17a2\u17b6", "\u17a5": "\u17a2\u17b7", "\u17a6": "\u17a2\u17b8",
    "\u17a7": "\u17a2\u17bb", "\u17a8": "\u17a2\u17bb\u1780", "\u17a9": "\u17a2\u17bc",
    "\u17aa": "\u17a2\u17bc\u179c", "\u17ab": "\u179a\u17b9", "\u17ac": "\u179a\u17ba",
    "\u17ad": "\u179b\u17b9", "\u17ae": "\u179b\u17ba", "\u17af": "\u17a2\u17c2", "\u17b0": "\u17a2\u17c3",
    "\u17b1": "\u17a2\u17c4", "\u17b2": "\u17a2\u17c4", "\u17b3": "\u17a2\u17c5", "\u17b4": "", "\u17b5": "",
    "\u179d": "\u179f", "\u179e": "\u179f", "\u17d3": _NIKAHIT, "\u17c8": "\u17c7",
    "\u17d4": ".", "\u17d5": ".", "\u17d6": ":", "\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u0149": "'n",
}  # fmt: skip
# The sign E is drawn as the left half of other vowels: typed with a right half it makes the whole.
_WHOLE: Final = {"\u17b8": "\u17be", "\u17b6": "\u17c4"}
_HOLDS_E: Final = frozenset("\u17be\u17bf\u17c0\u17c4\u17c5")
_AE: Final = "\u17c2"
_KEPT_BLOCKS: Final = ((0x0E00, 0x0E7F), (0x1780, 0x17FF))
_BEGIN: Final = itemgetter(0)
_COMPOSED_THAI: Final = {"\u0e4d\u0e32": "\u0e33", "\u0e40\u0e40": "\u0e41"}


class _Letters(dict[int, str]):
    """What each single character becomes, worked out the first time that it is met."""

    def __missing__(self, code: int) -> str:
        folded = _fold_letter(chr(code))
        if len(self) < _LETTERS_KEPT:
            self[code] = folded
        return folded


# Every character of the scripts that we read fits; random Unicode must not fill the memory.
_LETTERS_KEPT: Final = 8192
_CLUSTERS_KEPT: Final = 16384


def _fold_letter(char: str) -> str:
    if char in _SPELLED:
        return _SPELLED[char]
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    if any(low <= ord(char) <= high for low, high in _KEPT_BLOCKS):
        return char
    if char.isspace() or unicodedata.category(char) == "Cc":
        return " "
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", char).casefold()).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    # A compatibility form may open into Khmer, a digit or a blank: those are folded once more.
    return "".join("" if _is_unseen(c) else " " if c.isspace() else c for c in plain)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in {"Cf", "Cs", "Mn", "Me"}


_LETTERS: Final = _Letters()
# A cluster with one mark is tidy already, unless the mark is a subscript.
_UNTIDY: Final = re.compile(
    "([\u1780-\u17a2](?=\u17d2|[\u17b6-\u17d1\u17dd][\u17b6-\u17d2\u17dd])"
    "(?:\u17d2+[\u1780-\u17a2]?|[\u17b6-\u17d1\u17dd])+|^ +| +$|  +|\u0e4d\u0e32|\u0e40\u0e40)"
)
_PARTS: Final = re.compile("\u17d2+[\u1780-\u17a2]?|[\u17b6-\u17d1\u17dd]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the characters of a key come from in the raw text.

    Only what tidying changed is written down: (begin in the key, its end there, begin before, its end
    there), in order. Between two changes the key runs beside the text, of which `raw` says where each
    character stood.
    """

    raw: list[int]
    changes: tuple[tuple[int, int, int, int], ...]

    def of(self, place: int) -> tuple[int, int]:
        """Where the raw characters behind one place of the key begin and end."""
        last = bisect_right(self.changes, place, key=_BEGIN) - 1
        if last < 0:
            return self.raw[place], self.raw[place] + 1
        _, end, first, beyond = self.changes[last]
        if place < end:
            return self.raw[first], self.raw[beyond - 1] + 1
        before = self.raw[beyond + place - end]
        return before, before + 1


def fold(text: str) -> str:
    """The matching key of a text. Folding a key again returns the same key."""
    # Every second piece is untidy. Neither the splitting nor the joining runs a line of Python.
    pieces = _UNTIDY.split(text.translate(_LETTERS).strip(" "))
    pieces[1::2] = map(_tidy, pieces[1::2])
    return "".join(pieces)


def fold_with_origin(text: str) -> tuple[str, Origin]:
    """The key, and where its characters come from."""
    raw: list[int] = []
    at = 0
    for place in _uneven(text):
        raw.extend(range(at, place))
        raw.extend([place] * len(_LETTERS[ord(text[place])]))
        at = place + 1
    raw.extend(range(at, len(text)))
    spread = text.translate(_LETTERS)
    pieces = _UNTIDY.split(spread.strip(" "))
    untidy = pieces[1::2]
    pieces[1::2] = tidied = list(map(_tidy, untidy))
    changes = []
    at = before = 0
    for plain, old, new in zip(pieces[::2], untidy, tidied, strict=False):
        at += len(plain)
        before += len(plain)
        if old != new:
            changes.append((at, at + len(new), before, before + len(old)))
        at += len(new)
        before += len(old)
    left = len(spread) - len(spread.lstrip(" "))
    return "".join(pieces), Origin(raw[left:], tuple(changes))


def _uneven(text: str) -> list[int]:
    """Where the characters stand that become none or several."""
    places = []
    for char in set(text):
        if len(_LETTERS[ord(char)]) != 1:
            places += [found.start() for found in re.finditer(re.escape(char), text)]
    return sorted(places)


@lru_cache(maxsize=_CLUSTERS_KEPT)
def _tidy(piece: str) -> str:
    """One cluster in canonical order, a run of blanks as one, a Thai pair as its single letter."""
    if piece in _COMPOSED_THAI:
        return _COMPOSED_THAI[piece]
    if piece[0] == " ":
        return " "
    base, parts = piece[0], _PARTS.findall(piece[1:])
    under = _subscripts(parts)
    marks = [part for part in parts if part[0] != _COENG]
    shifters = sorted({mark for mark in marks if mark in _SHIFTERS})[:1]
    vowels = _vowels([mark for mark in marks if "\u17b6" <= mark <= "\u17c5"])
    if _U in vowels and not _ABOVE.isdisjoint(vowels):
        vowels.remove(_U)
        shifters = shifters or [_TRII if base in _TAKES_TRII else _MUUS]
    signs = sorted({mark for mark in marks if mark > _TRII})
    last = sorted({mark for mark in marks if _NIKAHIT <= mark <= "\u17c8"})
    if base == "\u17a2" and under == ["\u17d2\u1799"] and vowels == ["\u17c4"] and not shifters:
        return _OY + "".join(signs + last)
    return "".join([base, *under, *shifters, *vowels, *signs, *last])


def _subscripts(parts: list[str]) -> list[str]:
    """The subscripts without repeats, DA as TA, RO last; a sign with no letter under it is dropped."""
    seen: list[str] = []
    for part in parts:
        if part[0] != _COENG or part[-1] == _COENG:
            continue
        letter = "\u178f" if part[-1] == "\u178a" else part[-1]
        if _COENG + letter not in seen:
            seen.append(_COENG + letter)
    return sorted(seen, key=lambda pair: pair[-1] == _RO)


def _vowels(marks: list[str]) -> list[str]:
    """The vowel signs in code order without repeats, those that stand for one vowel joined."""
    if marks and set(marks) == {_E} and len(marks) > 1:
        return [_AE]
    found = set(marks)
    while _E in found and len(found) > 1:
        half = next((half for half in _WHOLE if half in found), None)
        if half is None and found.isdisjoint(_HOLDS_E):
            break
        found.discard(_E)
        if half is not None:
            found.discard(half)
            found.add(_WHOLE[half])
    return sorted(found)
