"""Amounts in a text: how many people, for how many months, how old, read from digits and number words."""

import re
from dataclasses import dataclass
from typing import Final

from app.intake.rules.folding import fold
from app.intake.rules.tries import loosen

_KHMER_NUMBERS: Final = {
    "មួយ": 1, "ពីរ": 2, "បី": 3, "បួន": 4, "ប្រាំ": 5, "ប្រាំមួយ": 6, "ប្រាំពីរ": 7, "ប្រាំបី": 8,
    "ប្រាំបួន": 9, "ដប់": 10, "ដប់មួយ": 11, "ដប់ពីរ": 12, "ដប់បី": 13, "ដប់បួន": 14, "ដប់ប្រាំ": 15,
    "ដប់ប្រាំមួយ": 16, "ដប់ប្រាំពីរ": 17, "ម្ភៃ": 20, "សាមសិប": 30, "សែសិប": 40, "ហាសិប": 50,
}  # fmt: skip
_LATIN_NUMBERS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15, "sixteen": 16, "twenty": 20,
    "thirty": 30, "muoy": 1, "mouy": 1, "pir": 2, "pi": 2, "bey": 3, "bei": 3, "buon": 4, "boun": 4,
    "pram": 5, "prammuoy": 6, "prampir": 7, "prambei": 8, "prambuon": 9, "dop": 10, "dob": 10, "mpey": 20,
    "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6,
}  # fmt: skip
_THAI_NUMBERS: Final = {
    "หนึ่ง": 1, "สอง": 2, "สาม": 3, "สี่": 4, "ห้า": 5, "หก": 6, "เจ็ด": 7, "แปด": 8, "เก้า": 9, "สิบ": 10,
}  # fmt: skip
_MOST_PEOPLE: Final = 5000
ADULT: Final = 18  # years. Source: docs/sources.md#minors
_PEOPLE_WORDS: Final = (
    "នាក់ គ្នា neak nak neakk nek people persons person peoples workers worker of_us women men girls boys "
    "friends families คน orang pekerja"
)


def _key(word: str) -> str:
    return loosen(fold(word))


_VALUES: Final = {
    _key(word): value
    for table in (_KHMER_NUMBERS, _LATIN_NUMBERS, _THAI_NUMBERS)
    for word, value in table.items()
}


def _any(words: str) -> str:
    """An alternation of words given in one line, in the form that they have in the key."""
    keys = sorted({_key(word.replace("_", " ")) for word in words.split()}, key=len, reverse=True)
    return "|".join(map(re.escape, keys))


def _whole(words: str, behind: str = "") -> str:
    """The same alternation of Latin words, none of which begins inside a word.

    Each begins with its first letter and not with what may not stand before it: a search for letters is
    several times as fast.
    """
    return "|".join(f"{word[0]}(?<![a-z]{word[0]}){word[1:]}{behind}" for word in words.split("|"))


_NUMBER: Final = (
    r"(?:(?<![\w.,])[0-9]{1,4}|(?<![a-z])(?:"
    + "|".join(map(re.escape, sorted(_VALUES, key=len, reverse=True)))
    + r"))"
)
_WHOLE_WORD: Final = r"(?![a-z\u17b4-\u17d3])"
_BEFORE: Final = re.compile(rf"({_NUMBER})[ -]*(?:(?:khmer|cambodian|other|more|old)s? +)?$")
_AFTER: Final = re.compile(rf"[ :,]*(?:{_any('ទើប តែ only បាន ត្រឹម ទើបតែ just')})?[ ]*({_NUMBER})")
_NOT_PEOPLE: Final = re.compile(
    r" *(?:month|year|day|week|time|khae|khe|chnam|tngai|thngai|hour|usd|dollar|baht|ringgit|\$|[0-9]|"
    + _any("ខែ ឆ្នាំ ថ្ងៃ ម៉ោង ពាន់ ម៉ឺន")
    + ")"
)
_HEAD: Final = 24  # characters before a unit in which its number stands
_PEOPLE: Final = re.compile(rf"(?:{_any(_PEOPLE_WORDS)})" + _WHOLE_WORD)
_WE_ARE: Final = re.compile(r"(?:we are|we have|us|group of|yerng|yeung|พวกเรา|kami)(?= |[0-9])")
_MONTHS: Final = re.compile(rf"(?:{_any('ខែ khae khe month months mth mths เดือน bulan')})" + _WHOLE_WORD)
_YEARS: Final = re.compile(rf"(?:{_any('ឆ្នាំ chnam chhnam year years ปี tahun')})" + _WHOLE_WORD)
_AGED: Final = re.compile(rf"(?:{_any('អាយុ ayu aayu ayo age aged อายุ umur berumur')})" + _WHOLE_WORD)
_OLD: Final = re.compile(
    "(?:"
    + "|".join(f"{before}(?:old|girl|boy)" for before in (r"years?[ -]*", r"yrs?[ -]*", " [ -]*", "-[ -]*"))
    + "|old|girl|boy|yo(?![a-z])|y/o)"
)
_CHILD_IS: Final = re.compile(
    rf"(?:{_whole('son|daughter|child|sister|brother|girl|boy|niece|nephew')}) "
    r"([0-9]{1,2}) *(?:years?|yrs?)(?! ago)"
)
_I_AM: Final = re.compile(
    rf"(?:{_whole('i am|im|she is|he is|she|he|only')}) ([0-9]{{1,2}})(?= *(?:$|[.,!?;]|and|but|now|years?))"
)
# "Grandchild 12 years": fewer than six may be how long it has gone on.
_YOUNG: Final = re.compile(
    rf"(?:{_any('កូន កូនស្រី កូនប្រុស ចៅ ចៅស្រី ចៅប្រុស ក្មួយ ក្មួយស្រី ក្មួយប្រុស ប្អូនស្រី ប្អូនប្រុស ក្មេង ក្មេងស្រី')}"
    rf"|{_whole('kon|jao|chao|kmouy|kmuoy|oun|kmeng', '(?: srey| proh| bros)?')}) ?([6-9]|1[0-7]) ?"
    rf"(?:{_any('ឆ្នាំ chnam chhnam')}){_WHOLE_WORD}(?! ?(?:{_any('ហើយ hery hz')}))"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its place in the loose key."""

    value: int
    start: int
    end: int


def _value(text: str) -> int:
    return int(text) if text.isdecimal() else _VALUES[text]


def _counted(loose: str, unit: re.Pattern[str]) -> list[Amount]:
    """Every number that stands directly before the unit."""
    found = []
    for word in unit.finditer(loose):
        head = max(0, word.start() - _HEAD)
        number = _BEFORE.search(loose[head : word.start()])
        if number:
            found.append(Amount(_value(number[1]), head + number.start(1), word.end()))
    return found


def people(loose: str) -> Amount | None:
    """The largest number of people that the text names, or None."""
    found = _counted(loose, _PEOPLE)
    for word in _WE_ARE.finditer(loose):
        number = _AFTER.match(loose, word.end())
        if number and not _NOT_PEOPLE.match(loose, number.end()):
            found.append(Amount(_value(number[1]), word.start(), number.end()))
    sane = [amount for amount in found if 0 < amount.value <= _MOST_PEOPLE]
    return max(sane, key=lambda amount: amount.value) if sane else None


def months(loose: str) -> Amount | None:
    """The longest stretch of time in whole months, years counted as twelve."""
    found = _counted(loose, _MONTHS)
    found += [Amount(year.value * 12, year.start, year.end) for year in _counted(loose, _YEARS)]
    return max(found, key=lambda amount: amount.value) if found else None


def minor(loose: str) -> Amount | None:
    """The age of somebody under eighteen whom the text names by age, or None."""
    ages = [age for age in _counted(loose, _OLD) if age.value]
    for word in _AGED.finditer(loose):
        number = _AFTER.match(loose, word.end())
        if number:
            ages.append(Amount(_value(number[1]), word.start(), number.end()))
    ages += [Amount(int(said[1]), said.start(), said.end()) for said in _YOUNG.finditer(loose)]
    told = [Amount(int(said[1]), said.start(), said.end()) for said in _CHILD_IS.finditer(loose)]
    told += [Amount(int(said[1]), said.start(), said.end()) for said in _I_AM.finditer(loose)]
    ages += sorted(told, key=lambda age: age.start)
    return next((age for age in ages if 0 < age.value < ADULT), None)
