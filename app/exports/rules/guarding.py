"""How a text becomes a cell that a spreadsheet shows as it is, and how it is found again."""

import re
from typing import Final

_APOSTROPHE: Final = "'"
# A spreadsheet looks past blanks, control characters and marks without a width; Khmer typed on a
# phone often begins with such a mark (U+200B). Full-width signs count: input methods make them plain.
_PASSED_OVER: Final = (
    r"\s\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f"
)
_FORMULA: Final = rf"['\t\r\n]|[{_PASSED_OVER}]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
# Digits with nothing but the signs of a number, a day or an hour around them: a spreadsheet would drop
# leading zeros, round long numbers and turn 1-2 into a day of this year.
_FIGURES: Final = (
    rf"[{_PASSED_OVER}]*[.,]?[0-9][0-9{_PASSED_OVER}.,:;/%+\-]*(?:[eE][+\-]?[0-9]+)?[{_PASSED_OVER}]*\Z"
)
_CHANGED: Final = re.compile(f"{_FORMULA}|{_FIGURES}")
# XML 1.0 has no form for these, a reader of CSV stops at some, and half a surrogate pair is no text.
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HALF_A_PAIR: Final = re.compile(r"[\ud800-\udfff]")
_IN_ITS_PLACE: Final = "\ufffd"


def guard(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula, a number or a day.

    One apostrophe goes before a text that begins with an apostrophe, a tab or a line break, or whose
    first character behind blanks, control characters and marks without a width is one of `= + - @` or
    their full-width forms, and before a text of nothing but figures. Any other text stays as it is, so
    `recover` always finds the original.
    Source: OWASP, CSV Injection.
    """
    return _APOSTROPHE + text if _CHANGED.match(text) else text


def is_changed_by_spreadsheets(text: str) -> bool:
    """Whether a spreadsheet would take the text for something else when it is typed in."""
    return _CHANGED.match(text) is not None


def whole(text: str) -> str:
    """The text without what no file can hold: control characters, and halves of surrogate pairs as `?`.

    They come out of broken phones only. Tabs and line breaks stay.
    """
    if _HALF_A_PAIR.search(text):
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _NO_TEXT.sub(_IN_ITS_PLACE, text)


def recover(cell: str) -> str:
    """The text that `guard` was given: the cell without its first character, if that is an apostrophe."""
    return cell.removeprefix(_APOSTROPHE)
