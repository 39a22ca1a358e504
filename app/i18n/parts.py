"""How many SMS parts a text takes, and where it may be divided without spoiling a letter."""

from enum import StrEnum
from itertools import accumulate
from typing import Final

import regex  # type: ignore[import-untyped]  # The library ships no types.

# The default alphabet and its extension table. Source: docs/sources.md#sms (3GPP TS 23.038, 6.2.1).
_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
)
_GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = _GSM_BASIC | _GSM_EXTENSION

_CLUSTER: Final = regex.compile(r"\X")
_BASIC_PLANE_END: Final = 0xFFFF
# Both GSM escapes and surrogate pairs are two units that belong together.
_SMALLEST_LIMIT: Final = 2
# Where a reader does not mind a break: a blank, a line end, or the invisible space between Khmer words.
_SOFT_BREAKS: Final = frozenset({" ", "\n", "\r\n", "\u200b"})


class Encoding(StrEnum):
    """How a text travels: seven-bit GSM letters, or UCS-2 as soon as one letter is outside them."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


# Units that fit a text sent alone, and one part of a joined text, whose header costs six octets:
# 3GPP TS 23.040. Source: docs/sources.md#sms.
_ALONE: Final = {Encoding.GSM7: 160, Encoding.UCS2: 70}
_JOINED: Final = {Encoding.GSM7: 153, Encoding.UCS2: 67}


def encoding(text: str) -> Encoding:
    """How a phone must send the text: one letter outside the GSM alphabet makes all of it UCS-2."""
    return Encoding.GSM7 if _GSM.issuperset(text) else Encoding.UCS2


def units(text: str) -> int:
    """The length that carriers count: septets of GSM-7, where `€` is two, or else UTF-16 units."""
    return _units(text, encoding(text))


def limit(text: str) -> int:
    """How many units a text of this encoding may have and still travel alone."""
    return _ALONE[encoding(text)]


def clusters(text: str) -> list[str]:
    """The letters as a reader sees them (extended grapheme clusters): a consonant with its marks is one."""
    found: list[str] = _CLUSTER.findall(text)
    return found


def parts(text: str) -> int:
    """How many SMS parts the text takes when it is divided between letters; nothing takes none.

    A carrier that cuts through letters may need one part less, never more.
    """
    return len(split(text))


def split(text: str, *, limit_units: int | None = None) -> list[str]:
    """The text in as few pieces as possible, which joined give the text again.

    Without `limit_units` the pieces are the parts of one joined SMS (153 or 67 units); with it, each
    piece has at most that many units and can be sent as a text of its own. A piece ends at a blank
    or a zero-width space where that costs no extra piece, and never inside a letter, unless one
    letter alone is longer than a piece.
    Raises: ValueError when `limit_units` is below 2.
    """
    form = encoding(text)
    if limit_units is not None and limit_units < _SMALLEST_LIMIT:
        message = "a piece must hold at least 2 units"
        raise ValueError(message)
    if not text:
        return []
    if _units(text, form) <= (_ALONE[form] if limit_units is None else limit_units):
        return [text]
    room = _JOINED[form] if limit_units is None else limit_units
    letters = _fitting(clusters(text), form, room)
    return _fill(letters, [_units(letter, form) for letter in letters], room)


def _units(text: str, form: Encoding) -> int:
    if form is Encoding.GSM7:
        return len(text) + sum(char in _GSM_EXTENSION for char in text)
    return len(text) + sum(ord(char) > _BASIC_PLANE_END for char in text)


def _fitting(letters: list[str], form: Encoding, room: int) -> list[str]:
    # A pile of marks on one base can exceed a whole part; then, and only then, its characters are
    # taken one by one, which still keeps surrogate pairs and escapes whole.
    fitting: list[str] = []
    for letter in letters:
        if _units(letter, form) <= room:
            fitting.append(letter)
        else:
            fitting.extend(letter)
    return fitting


def _fill(letters: list[str], costs: list[int], room: int) -> list[str]:
    count = len(letters)
    before = [0, *accumulate(costs)]
    reach = _reach(before, room)
    # `needed` holds the fewest pieces for everything from each letter on. It never grows along the
    # text, so the places where a piece may end at no extra cost lie side by side up to its reach.
    needed = [0] * (count + 1)
    for start in reversed(range(count)):
        needed[start] = 1 + needed[reach[start]]
    pieces: list[str] = []
    start = 0
    while start < count:
        end = reach[start]
        if end < count:
            allowed = (stop for stop in range(end, start, -1) if needed[stop] == needed[start] - 1)
            end = next((stop for stop in allowed if letters[stop - 1] in _SOFT_BREAKS), end)
        pieces.append("".join(letters[start:end]))
        start = end
    return pieces


def _reach(before: list[int], room: int) -> list[int]:
    # For each letter, the furthest end of a piece that begins there.
    reach: list[int] = []
    end = 0
    for spent in before[:-1]:
        while end + 1 < len(before) and before[end + 1] - spent <= room:
            end += 1
        reach.append(end)
    return reach
