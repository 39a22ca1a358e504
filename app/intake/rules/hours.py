"""The hour in an answer to "what is a good hour to call you", where there is no doubt which is meant."""

import re
from datetime import time
from typing import Final

from app.intake.rules.folding import fold
from app.outbox.rules import SafeWindow

_NOON: Final = 12
_MOST_HOURS: Final = 2  # from when to when
_LAST_MORNING_HOUR: Final = 4  # "two at night" is before dawn, "eight at night" is not
_AFTER_FOR: Final = 2  # hours that "after eight" is taken to mean

# Each names a part of the day, in the spellings that people type; the first of the list that is found counts.
_PARTS: Final = {
    "night": ("night", "យប់", "yub", "yup", "yob", "กลางคืน", "malam"),
    "am": ("morning", "ព្រឹក", "prek", "pruk", "proek", "เช้า", "pagi"),
    "pm": (
        "afternoon", "evening", "រសៀល", "ល្ងាច", "rosiel", "rosial", "longeach", "lngeach", "langeach", "บ่าย",
        "เย็น", "petang",
    ),
}  # fmt: skip
_AM_PM: Final = re.compile(r"(?<=[0-9 ])([ap])\.? ?m\b")
# Words that turn an hour into its opposite, or into something that only a person understands.
_NOT: Final = (
    "not", "dont", "don't", "no ", "before", "except", "until", "till", "tomorrow", "day", "week", "month",
    "កុំ", "មិន", "អត់", "មុន", "ក្រៅពី", "ថ្ងៃ", "ស្អែក", "kom ", "min ", "mun ", "ot ", "sa aek", "saek",
    "ไม่", "ก่อน", "พรุ่งนี้", "jangan", "sebelum", "esok",
)  # fmt: skip
_AFTER: Final = ("after", "from", "ក្រោយ", "បន្ទាប់", "kroy", "krauy", "หลัง", "selepas")
_HOUR: Final = re.compile(r"(?<![0-9])([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?![0-9])")
_NOT_FOLDED: Final = tuple(fold(word) for word in _NOT)
_AFTER_FOLDED: Final = tuple(fold(word) for word in _AFTER)
_PARTS_FOLDED: Final = {part: tuple(fold(word) for word in words) for part, words in _PARTS.items()}


def hours_in(body: str) -> SafeWindow | None:
    """The window that the words name; None where they could mean another, for a person to read.

    One hour is a window of one hour, "8 to 10" is what it says, "after 8" is two hours.
    """
    text = fold(body)
    found = list(_HOUR.finditer(text))
    parts = _parts_of_day(text)
    if not 1 <= len(found) <= _MOST_HOURS or len(parts) > 1 or any(word in text for word in _NOT_FOLDED):
        return None
    times = [_time(one, next(iter(parts), None)) for one in found]
    known = [one for one in times if one is not None]
    if len(known) < len(found):
        return None
    if len(known) == 1:
        after = any(word in text for word in _AFTER_FOLDED)
        return SafeWindow(known[0], _later(known[0], _AFTER_FOR if after else 1))
    return SafeWindow(known[0], known[1]) if known[0] < known[1] else None


def _parts_of_day(text: str) -> set[str]:
    named = {part for part, words in _PARTS_FOLDED.items() if any(word in text for word in words)}
    return named | {f"{letter}m" for letter in _AM_PM.findall(text)}


def _time(found: re.Match[str], part: str | None) -> time | None:
    hour, minute = int(found[1]), int(found[2] or 0)
    if hour > 23 or minute > 59 or (part is None and hour <= _NOON):  # noqa: PLR2004 - a clock's own limits
        return None
    if part is None or hour > _NOON:
        return time(hour, minute)
    hour %= _NOON
    evening = part == "pm" or (part == "night" and hour > _LAST_MORNING_HOUR)
    return time(hour + _NOON if evening else hour, minute)


def _later(moment: time, hours: int) -> time:
    return time((moment.hour + hours) % 24, moment.minute)
