"""The codebook of a file: every column, what it means, and every value that it may hold, in km and en."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from babel import Locale

from app.exports.rules.codes import FIXED, PLAIN
from app.exports.rules.columns import Column, Sheet
from app.usecases.rulebook import Rulebook

HEADINGS: Final = (
    "sheet", "column", "heading_km", "heading_en", "kind", "meaning_km", "meaning_en", "list", "value",
    "value_km", "value_en", "hxl",
)  # fmt: skip
_LOCALES: Final = ("km", "en")
_ZERO_WIDTH_SPACE: Final = "\u200b"
Line = tuple[str | None, ...]
Value = tuple[str, str, str]


def lines(rulebook: Rulebook, sheets: Iterable[tuple[Sheet, Sequence[Column]]]) -> Iterator[Line]:
    """The codebook below its headings: a line for each column, then one for each of its values."""
    for sheet, columns in sheets:
        for column in columns:
            words = rulebook.catalogues
            headings = [words.text(column.heading, locale) for locale in _LOCALES]
            meanings = [words.text(column.meaning, locale) for locale in _LOCALES]
            about = (sheet.value, column.name, *headings, column.cell.value, *meanings, column.codes)
            yield (*about, None, None, None, column.hxl)
            for code, km, en in values_of(rulebook, column.codes):
                yield (sheet.value, column.name, *[None] * 5, column.codes, code, km, en, None)


def values_of(rulebook: Rulebook, codes: str | None) -> Iterator[Value]:
    """The values of a list, each with what it is called in km and en; of no list, none."""
    codes = codes or ""
    if codes in FIXED:
        for code in FIXED[codes]:
            km, en = (rulebook.catalogues.text(f"export.value.{codes}.{code}", each) for each in _LOCALES)
            yield code, km, en
    elif codes == "language":
        for code in PLAIN[codes]:
            yield code, _language(code, "km"), _language(code, "en")
    elif codes in PLAIN:
        for code in PLAIN[codes]:
            yield code, code, code
    elif codes == "consent":
        yield from _consents(rulebook)
    else:
        for one in rulebook.code_lists.get(codes, ()):
            yield one["code"], _called(one, "km"), _called(one, "en")


def _consents(rulebook: Rulebook) -> Iterator[Value]:
    """Each purpose with each answer, as a case tells what was said to what."""
    for purpose, names in rulebook.consent.purposes.items():
        for said, km, en in values_of(rulebook, "said"):
            yield (
                f"{purpose}: {said}",
                f"{names.get('km', purpose)}: {km}",
                f"{names.get('en', purpose)}: {en}",
            )


def _called(one: Mapping[str, str], locale: str) -> str:
    return one.get(locale) or one["code"]


def _language(code: str, locale: str) -> str:
    named = Locale.parse(locale).languages.get(code, code)
    return str(named).replace(_ZERO_WIDTH_SPACE, "")
