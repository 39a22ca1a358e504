"""Reading JSON from a phone that may say anything: nothing too deep, and items kept as they came."""

import json
import re
from typing import Any, Final

_DEEPEST: Final = 20
_LONGEST_NUMBER: Final = 20
# A string that never ends runs to the end of the body, so that it is looked at once and not anew
# from each quotation mark inside it.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z)|[\[\]{},:]', re.DOTALL)
_OPENING: Final = frozenset({b"[", b"{"})
_CLOSING: Final = frozenset({b"]", b"}"})


def understood(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value in these bytes, with null in place of whatever nests deeper than 20 levels.

    Half an emoji is taken, which phones send and stricter readers refuse; a number of very many
    digits is a text of digits. Raises: ValueError.
    """
    text = _shallow(raw).decode("utf-8", "replace").removeprefix("\ufeff")
    return json.loads(text, parse_int=_whole)


def pieces(raw: bytes, name: str) -> tuple[bytes, ...]:
    """The items of the list that stands under a name in a JSON object, each byte for byte as it came.

    `raw` must be an object in sound JSON. Of a name that comes twice the last list counts.
    """
    found: list[bytes] = []
    depth, start, key, text = 0, -1, None, b'""'
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in _OPENING:
            depth += 1
            if depth == 2 and mark == b"[" and key == name:  # noqa: PLR2004 - a list inside the object
                found, start = [], token.end()
        elif mark in _CLOSING or mark == b",":
            inside = depth == 2 and start >= 0  # noqa: PLR2004 - as above
            if inside and (piece := raw[start : token.start()].strip()):
                found.append(piece)
            depth -= mark != b","
            start = token.end() if inside and mark == b"," else (-1 if inside else start)
        elif mark == b":":
            key = understood(text) if depth == 1 else key
        elif depth == 1:
            text = mark
    return tuple(found)


def _shallow(raw: bytes) -> bytes:
    """The same JSON without what nests too deep: readers that call themselves would run out of stack."""
    kept: list[bytes] = []
    depth, done = 0, 0
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in _OPENING:
            depth += 1
            if depth == _DEEPEST + 1:
                kept += [raw[done : token.start()], b"null"]
        elif mark in _CLOSING:
            depth -= 1
            if depth == _DEEPEST:
                done = token.end()
    return b"".join([*kept, raw[done:]]) if depth <= _DEEPEST else raw[:0]


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits
