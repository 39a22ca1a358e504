"""Folding: the key under which look-alike spellings of Khmer, Thai and Latin text match alike.

The stored text is never changed; the key exists only to compare. The order inside a Khmer cluster
is the one of the Unicode standard: base, subscripts (RO last), shifter, vowel, other signs,
nikahit, reahmuk.
"""

import re
import unicodedata
from functools import lru_cache
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
    "[\u1780-\u17a2](?=\u17d2|[\u17b6-\u17d1\u17dd][\u17b6-\u17d2\u17dd])"
    "(?:\u17d2+[\u1780-\u17a2]?|[\u17b6-\u17d1\u17dd])+|^ +| +$|  +|\u0e4d\u0e32|\u0e40\u0e40"
)
_PARTS: Final = re.compile("\u17d2+[\u1780-\u17a2]?|[\u17b6-\u17d1\u17dd]")


def fold(text: str) -> str:
    """The matching key of a text. Folding a key again returns the same key."""
    return _UNTIDY.sub(lambda found: _tidy(found.group()), text.translate(_LETTERS).strip(" "))


def fold_with_map(text: str) -> tuple[str, list[int], list[int]]:
    """The key, and for each of its characters where the raw characters begin and end behind it."""
    if all(len(_LETTERS[ord(char)]) == 1 for char in set(text)):
        origin = list(range(len(text)))
    else:
        origin = [place for place, char in enumerate(text) for _ in _LETTERS[ord(char)]]
    spread = text.translate(_LETTERS)
    left = len(spread) - len(spread.lstrip(" "))
    spread, origin = spread.strip(" "), origin[left : left + len(spread.strip(" "))]
    key: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for found in _UNTIDY.finditer(spread):
        piece = found.group()
        tidy = _tidy(piece)
        if tidy == piece:
            continue
        _copy(spread, origin, (at, found.start()), (key, starts, ends))
        first, last = origin[found.start()], origin[found.end() - 1] + 1
        key.append(tidy)
        starts.extend([first] * len(tidy))
        ends.extend([last] * len(tidy))
        at = found.end()
    _copy(spread, origin, (at, len(spread)), (key, starts, ends))
    return "".join(key), starts, ends


def _copy(
    spread: str, origin: list[int], part: tuple[int, int], into: tuple[list[str], list[int], list[int]]
) -> None:
    begin, end = part
    into[0].append(spread[begin:end])
    into[1].extend(origin[begin:end])
    into[2].extend(place + 1 for place in origin[begin:end])


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
