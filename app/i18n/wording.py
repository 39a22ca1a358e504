"""Which words may appear on a migrant's phone, and whether every shipped text is safe and short."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from app.i18n.catalogue import CatalogueError, Catalogues
from app.i18n.parts import Encoding, clusters, encoding, parts, units

# What a real text is filled with when it is measured.
SAMPLE_VALUES: Final[Mapping[str, str]] = {"code": "4829-1376", "urgency": "U1", "username": "tonle.case1"}
# An acknowledgement and the question that goes with it are one message of two lines.
JOINT: Final = "\n"
ACKNOWLEDGEMENTS: Final = ("sms.ack_received", "sms.ack_urgent")
QUESTIONS: Final = ("sms.menu", "sms.ask_safe_now", "sms.ask_may_call", "sms.ask_when")
_MEASURED: Final = ("sms.", "staff.")
_ALONE_PARTS: Final = 1
_JOINED_PARTS: Final = 2

_COENG: Final = "\u17d2"
_LATIN_MARKS: Final = re.compile("[\u0300-\u036f]")
# Spellings that look alike on the screen: coeng da and coeng ta, the two letters of "give", and two
# vowels that can be typed in halves.
_LOOK_ALIKES: Final = (("\u17d2\u178a", "\u17d2\u178f"), ("\u17b2", "\u17b1"))
_HALVES: Final = ((frozenset("\u17c1\u17b6"), "\u17c4"), (frozenset("\u17c1\u17b8"), "\u17be"))


class WordListError(ValueError):
    """The list of unsafe words cannot be used: the text names file, line and field."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        """Say what is wrong, and where."""
        super().__init__(f"{path}, line {line}: {problem}")


@dataclass(frozen=True, slots=True)
class UnsafeWord:
    """One term that must not reach a migrant's phone, and the topic that it would give away."""

    topic: str
    term: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An unsafe term found in a text; `start` and `end` count characters of the text as it was given."""

    topic: str
    term: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Folded:
    # A text as it is compared, with the places where its letters begin, and where each came from.
    key: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]


class UnsafeWords:
    """The terms that give away who writes to a person, or why."""

    def __init__(self, words: Iterable[UnsafeWord]) -> None:
        """Hold the words; one that differs from another only in how it is typed is kept once."""
        by_key = {_fold(word.term).key: word for word in words}
        self._patterns = tuple((_pattern(key), word) for key, word in by_key.items() if key.strip())

    @property
    def words(self) -> tuple[UnsafeWord, ...]:
        """The words, in the order of the file."""
        return tuple(word for _, word in self._patterns)

    def with_names(self, names: Iterable[str], *, topic: str = "organisation") -> "UnsafeWords":
        """These words and the given names, such as those of the organisations that take part."""
        return UnsafeWords([*self.words, *(UnsafeWord(topic, name) for name in names)])

    def lint(self, text: str) -> tuple[Finding, ...]:
        """Every unsafe term in the text, in the order of the text; none when it is safe to send."""
        folded = _fold(text)
        found = {
            Finding(word.topic, word.term, folded.starts[hit.start()], folded.ends[hit.end()])
            for pattern, word in self._patterns
            for hit in pattern.finditer(folded.key)
            if hit.start() in folded.starts and hit.end() in folded.ends
        }
        return tuple(sorted(found, key=lambda finding: (finding.start, finding.end, finding.term)))


def lint(text: str, words: UnsafeWords) -> tuple[Finding, ...]:
    """Every term in the text that would give away the hotline or the trouble; none when it is safe."""
    return words.lint(text)


def load_unsafe_words(path: Path) -> UnsafeWords:
    """The words of a file such as `config/unsafe_words.yaml`: topic, then language, then terms.

    Raises: WordListError.
    """
    try:
        with path.open(encoding="utf-8") as file:
            root = yaml.compose(file, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WordListError(path, 1, f"cannot be read: {error}") from error
    return UnsafeWords(_words(path, root))


@dataclass(frozen=True, slots=True)
class Checked:
    """One text as it would be sent: what it costs and what it gives away."""

    key: str
    language: str
    text: str
    encoding: Encoding
    units: int
    parts: int
    parts_allowed: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether it may be sent: short enough and with no unsafe word."""
        return self.parts <= self.parts_allowed and not self.findings


def check(catalogues: Catalogues, words: UnsafeWords) -> tuple[Checked, ...]:
    """Every text for a phone in every language, filled with sample values, and every pair sent as one.

    Raises: CatalogueError when a text has a placeholder that is not one of `SAMPLE_VALUES`.
    """
    checked: list[Checked] = []
    for language in catalogues.names:
        texts = {
            key: _sample(catalogues, key, language)
            for key in catalogues.keys(language)
            if key.startswith(_MEASURED)
        }
        checked.extend(_measured(key, language, text, words) for key, text in texts.items())
        checked.extend(
            _measured(f"{first} + {second}", language, texts[first] + JOINT + texts[second], words)
            for first in ACKNOWLEDGEMENTS
            for second in QUESTIONS
            if first in texts and second in texts
        )
    return tuple(checked)


def _sample(catalogues: Catalogues, key: str, language: str) -> str:
    try:
        return catalogues.fill(key, language, SAMPLE_VALUES)
    except KeyError as unknown:
        raise CatalogueError(language, f"no sample value for {unknown}", key=key) from unknown


def _measured(key: str, language: str, text: str, words: UnsafeWords) -> Checked:
    return Checked(
        key=key,
        language=language,
        text=text,
        encoding=encoding(text),
        units=units(text),
        parts=parts(text),
        parts_allowed=_JOINED_PARTS if JOINT in text else _ALONE_PARTS,
        findings=words.lint(text),
    )


def _fold(text: str) -> _Folded:
    """The text as it is compared: case, accents, invisible characters and ways of typing do not count."""
    visible = [(place, char) for place, char in enumerate(text) if unicodedata.category(char) != "Cf"]
    key, starts, ends = "", {}, {}
    taken = 0
    for letter in clusters("".join(char for _, char in visible)):
        starts[len(key)] = visible[taken][0]
        taken += len(letter)
        folded = " " if letter.isspace() else _letter(letter)
        key += folded
        ends[len(key)] = visible[taken - 1][0] + 1
    return _Folded(key, starts, ends)


def _letter(letter: str) -> str:
    plain = _LATIN_MARKS.sub("", unicodedata.normalize("NFKD", letter)).casefold()
    if plain.isascii() or len(plain) == 1:
        return plain
    # Keyboards put the marks of one Khmer letter in any order, and repeat them; all look the same.
    for typed, kept in _LOOK_ALIKES:
        plain = plain.replace(typed, kept)
    marks = set(re.findall(f"{_COENG}.|.", plain[1:], re.DOTALL))
    for halves, whole in _HALVES:
        if halves <= marks:
            marks = marks - halves | {whole}
    return plain[0] + "".join(sorted(marks))


def _pattern(key: str) -> re.Pattern[str]:
    # Only where a script puts blanks between words is the letter next to a term part of its word.
    body = r"[\s\-_.]*".join(re.escape(word) for word in key.split())
    before = r"(?<![a-z0-9])" if re.match("[a-z0-9]", key.strip()) else ""
    after = r"(?![a-z0-9])" if re.search("[a-z0-9]$", key.strip()) else ""
    return re.compile(before + body + after)


def _words(path: Path, root: yaml.Node | None) -> Iterator[UnsafeWord]:
    for topic, languages in _fields(path, root, "the file"):
        for language, terms in _fields(path, languages, topic):
            where = f"{topic}.{language}"
            if not isinstance(terms, yaml.SequenceNode):
                raise _wrong(path, terms, where, "must be a list of terms")
            for term in terms.value:
                if term.tag != "tag:yaml.org,2002:str" or not term.value.strip():
                    raise _wrong(path, term, where, "must be a word; put quotes around it")
                yield UnsafeWord(topic, term.value.strip())


def _fields(path: Path, node: yaml.Node | None, where: str) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise _wrong(path, node, where, "must hold fields")
    for name, value in node.value:
        yield str(name.value), value


def _wrong(path: Path, node: yaml.Node | None, field: str, problem: str) -> WordListError:
    line = node.start_mark.line + 1 if node and node.start_mark else 1
    return WordListError(path, line, f"{field}: {problem}")
