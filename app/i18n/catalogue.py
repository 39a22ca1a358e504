"""The texts that people read, by key and language, from .po files that a translator edits as text."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Self, cast

from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.messages.pofile import PoFileError, read_po

from app.kernel.language import Language, Script

# Khmer as people type it without Khmer letters; only the texts sent to phones exist in it.
LATIN_KHMER: Final = "km-Latn"
_COMPLETE: Final = ("km", "en")
_DOMAIN: Final = Path("LC_MESSAGES", "spean.po")
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MSGID: Final = re.compile(r'^msgid "(.+)"\s*$', re.MULTILINE)
_ZERO_WIDTH_SPACE: Final = "\u200b"
_NO_VALUE: Final = "-"

TextValue = str | int | None


class CatalogueError(ValueError):
    """A catalogue is missing, unreadable or disagrees with another: the text names file, line and key."""

    def __init__(
        self, where: Path | str, problem: str, *, key: str | None = None, line: int | None = None
    ) -> None:
        """Say what is wrong, and where."""
        place = f"{where}, line {line}" if line else f"{where}"
        super().__init__(": ".join(piece for piece in (place, key, problem) if piece))


class Catalogues:
    """All texts of the service. Reading it again after an edit needs a restart, never a compiler."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        """Hold the texts by catalogue (`km`, `en`, `km-Latn`, …) and key."""
        self._texts = MappingProxyType({name: MappingProxyType(dict(held)) for name, held in texts.items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every `<language>/LC_MESSAGES/spean.po` under the folder.

        Khmer and English must be there with the same keys; any other may hold a part of them. A text
        has the same placeholders in every language.
        Raises: CatalogueError.
        """
        read: dict[str, dict[str, str]] = {}
        for path in sorted(folder.glob(f"*/{_DOMAIN}")):
            read[path.parent.parent.name.replace("_", "-")] = _read(path)
        _agree(read, folder)
        return cls(read)

    @property
    def names(self) -> tuple[str, ...]:
        """The catalogues that exist, Khmer first."""
        return tuple(sorted(self._texts, key=lambda name: (not name.startswith("km"), name)))

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of one catalogue, sorted. Raises: KeyError."""
        return tuple(sorted(self._texts[name]))

    def written(self, key: str, name: str) -> str:
        """The text of a key exactly as it stands in one catalogue, unfilled. Raises: KeyError."""
        return self._texts[name][key]

    def text(
        self,
        key: str,
        language: Language | str | None,
        /,
        *,
        script: Script | None = None,
        **values: TextValue,
    ) -> str:
        """The text of a key, with its `{placeholders}` filled.

        Khmer for who writes Khmer and for who is not known; `Script.LATIN` asks for Khmer in Latin
        letters where there is one. Languages that have no text of their own get English. Values that
        the text has no place for are left out; None is written as `-`.
        Raises: KeyError when there is no such key, or the text has a placeholder without a value.
        """
        return self.fill(key, language, values, script=script)

    def fill(
        self,
        key: str,
        language: Language | str | None,
        values: Mapping[str, TextValue],
        *,
        script: Script | None = None,
    ) -> str:
        """The same as `text`, for values that are already together. Raises: KeyError."""
        template = self._template(key, wanted_catalogue(language, script))
        return _PLACEHOLDER.sub(lambda found: _shown(values[found[1]]), template)

    def _template(self, key: str, wanted: str) -> str:
        fallback = "km" if wanted.startswith("km") else "en"
        for name in (wanted, fallback):
            if key in self._texts.get(name, {}):
                return self._texts[name][key]
        raise KeyError(key)


def wanted_catalogue(language: Language | str | None, script: Script | None = None) -> str:
    """The catalogue that suits a person best, whether or not it exists: `km` for who is not known."""
    if language == LATIN_KHMER:
        return LATIN_KHMER
    known = language if language in set(Language) else Language.KM
    if known == Language.KM and script is Script.LATIN:
        return LATIN_KHMER
    return str(known)


def choose_locale(accept_language: str | None) -> Literal["km", "en"]:
    """The language of an answer of the API, from a header `Accept-Language`; English where nothing fits.

    Source: RFC 9110, section 12.5.4. What cannot be read is as if it were not there.
    """
    ranges = _ranges(accept_language or "")
    refused = {name for name, quality in ranges if quality == 0}
    listed = {name for name, _ in ranges}
    by_quality = sorted((item for item in ranges if item[1] > 0), key=lambda item: -item[1])
    preferred: list[str] = []
    for name, _ in by_quality:
        preferred.extend([other for other in ("en", "km") if other not in listed] if name == "*" else [name])
    offered = [name for name in ("km", "en") if name not in refused]
    return cast('Literal["km", "en"]', negotiate_locale(preferred, offered, sep="-") or "en")


def format_moment(moment: datetime, language: Language | str | None, tz: tzinfo) -> str:
    """A moment as people of the language write it, in the given zone, by the 24-hour clock.

    Khmer in Latin letters gets figures only. `moment` must be aware.
    """
    local = moment.astimezone(tz)
    if wanted_catalogue(language) == LATIN_KHMER:
        day = format_date(local, "dd/MM/yyyy", locale="en")
    else:
        day = format_date(local, "medium", locale=_locale(language))
    return f"{_plain(day)} {local:%H:%M}"


def country_name(code: str, language: Language | str | None) -> str:
    """The name of a country by its ISO 3166 code; a code that has no name is its own name."""
    return _plain(_locale(language).territories.get(code, code))


def _locale(language: Language | str | None) -> Locale:
    # Catalogues other than Khmer fall back to English, and a date must not mix a third language in.
    return Locale.parse("km" if wanted_catalogue(language) == "km" else "en")


def _plain(text: str) -> str:
    # The Unicode locale data puts zero-width spaces into Khmer names; a search or a CSV chokes on them.
    return text.replace(_ZERO_WIDTH_SPACE, "")


def _shown(value: TextValue) -> str:
    return _NO_VALUE if value is None else str(value)


def _ranges(header: str) -> list[tuple[str, float]]:
    ranges: list[tuple[str, float]] = []
    for item in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter.removeprefix("q="))
        if name:
            ranges.append((name, quality))
    return ranges


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", text, re.ASCII) else 0.0


def _read(path: Path) -> dict[str, str]:
    try:
        source = path.read_text(encoding="utf-8")
        with path.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
    except (OSError, UnicodeDecodeError, PoFileError) as error:
        raise CatalogueError(path, f"cannot be read: {error}") from error
    _refuse_repeats(path, source)
    texts: dict[str, str] = {}
    for message in catalogue:
        if not message.id:
            continue
        key, text = message.id, message.string
        if not isinstance(key, str) or not isinstance(text, str) or not text.strip():
            raise CatalogueError(path, "the text is missing", key=str(key), line=message.lineno)
        if set("{}") & set(_PLACEHOLDER.sub("", text)):
            raise CatalogueError(path, "a brace is not part of a {name}", key=key, line=message.lineno)
        texts[key] = text
    return texts


def _refuse_repeats(path: Path, source: str) -> None:
    seen: set[str] = set()
    for found in _MSGID.finditer(source):
        if found[1] in seen:
            line = source.count("\n", 0, found.start()) + 1
            raise CatalogueError(path, "the key is there twice", key=found[1], line=line)
        seen.add(found[1])


def _agree(read: Mapping[str, Mapping[str, str]], folder: Path) -> None:
    for name in _COMPLETE:
        if name not in read:
            raise CatalogueError(folder / name / _DOMAIN, "the file is missing")
    km, en = read["km"], read["en"]
    for key in sorted(km.keys() ^ en.keys()):
        lacking = "en" if key in km else "km"
        raise CatalogueError(folder / lacking / _DOMAIN, "the key is missing", key=key)
    for name, texts in read.items():
        path = folder / name.replace("-", "_") / _DOMAIN
        for key, text in texts.items():
            if key not in en:
                raise CatalogueError(path, "no such key in Khmer and English", key=key)
            if placeholders(text) != placeholders(en[key]):
                raise CatalogueError(path, "its placeholders differ from the English ones", key=key)


def placeholders(text: str) -> frozenset[str]:
    """The names in braces that a text wants filled."""
    return frozenset(cast("Iterable[str]", _PLACEHOLDER.findall(text)))
