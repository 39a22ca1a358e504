"""The lexicon: terms, phrases and rules that an NGO keeps in `config/lexicon`, read and checked once."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, Final

import yaml

from app.intake.rules.tries import Tries, build_tries
from app.kernel.urgency import Urgency

SCRIPTS: Final = ("khmer", "latin", "english", "thai", "malay")
_TERM_FIELDS: Final = frozenset({"term", "script", "weight", "note"})
_PATTERN_FIELDS: Final = frozenset({"id", "words", "order", "gap", "without", "weight", "urgency", "means"})
_SIGN_FIELDS: Final = frozenset({"id", "words", "order", "gap", "without", "beside", "points", "means"})
_FILE_FIELDS: Final = frozenset({
    "category", "reviewed_by_native_speaker", "groups", "phrases", "rules", "signs",
})  # fmt: skip
_PLACE_FIELDS: Final = frozenset({"country", "words"})
_DEFAULT_GAP: Final = 14
# Found by the program, not by a term: a number in digits, the mark of a question, how one begins or ends.
BUILT_IN: Final = frozenset({
    "digits", "question_mark", "question_start", "question_end", "clause_question", "which_end",
    "may_start", "inner_question", "text_start", "text_end", "harm", "harm_part", "harm_sudden",
    "harm_single", "harm_many",
})  # fmt: skip
_MOST_POINTS: Final = 100
# Values stay text: what a value must be is checked here, where the error can name file, line and field.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class LexiconError(ValueError):
    """A file of the lexicon cannot be used: says which file, line and field, and what is wrong with it."""

    def __init__(self, *, file: str, line: int, field: str, problem: str) -> None:
        super().__init__(f"{file}, line {line}, {field}: {problem}")
        self.file = file
        self.line = line
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Term:
    """One word or phrase of a group; weight 0 to 1 says how surely it means what the group means."""

    text: str
    group: str
    script: str
    weight: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """Groups that mean something together: a phrase (its own group) or a rule (a category or urgency).

    `words` holds one set of alternatives per place. `gap` is the room between two neighbours when
    `ordered`, else the longest stretch that holds all of them, in characters of the key.
    """

    id: str
    words: tuple[frozenset[str], ...]
    ordered: bool
    gap: int
    without: frozenset[str]
    weight: float
    urgency: Urgency | None
    category: str | None


@dataclass(frozen=True, slots=True)
class Sign:
    """What speaks for a report (points above 0) or for a question or thanks (below): see `speech.py`.

    Where `beside` names a kind of harm, the pattern counts only within its gap of one.
    """

    pattern: Pattern
    points: int
    beside: str | None


@dataclass(frozen=True)
class Plan:
    """Patterns in order, each under the groups of one of its places: without them it cannot hold.

    The place taken is the one whose groups the fewest patterns name, so that most patterns are never
    tried on a text. `named_before` holds the patterns that one before them, or they themselves, name.
    """

    patterns: tuple[Pattern, ...]
    by_group: Mapping[str, tuple[int, ...]]
    named_before: frozenset[str]

    @classmethod
    def of(cls, patterns: Iterable[Pattern]) -> "Plan":
        """The plan for patterns in this order."""
        kept = tuple(patterns)
        named = Counter(group for pattern in kept for place in pattern.words for group in place)
        by_group: dict[str, list[int]] = {}
        names: set[str] = set()
        named_before = set()
        for at, pattern in enumerate(kept):
            names.update(*pattern.words)
            if pattern.id in names:
                named_before.add(pattern.id)
            for group in min(pattern.words, key=lambda place: sum(named[group] for group in place)):
                by_group.setdefault(group, []).append(at)
        found_under = {group: tuple(places) for group, places in by_group.items()}
        return cls(kept, found_under, frozenset(named_before))

    def mark(self, due: bytearray, groups: Iterable[str]) -> None:
        """Set the places in `due` of the patterns that these groups may satisfy."""
        for group in groups:
            for at in self.by_group.get(group, ()):
                due[at] = 1

    def possible(self, groups: Iterable[str]) -> Iterator[Pattern]:
        """The patterns that may hold in a text with these groups, in order."""
        due = bytearray(len(self.patterns))
        self.mark(due, groups)
        return compress(self.patterns, due)


@dataclass(frozen=True)
class Lexicon:
    """Everything that `decide` needs to know of words. Two loads of one folder behave alike."""

    terms: tuple[Term, ...]
    phrases: Plan
    rules: Plan
    signs: tuple[Sign, ...]
    places: Mapping[str, str]
    tries: Tries

    @property
    def categories(self) -> frozenset[str]:
        """The categories that some rule can lead to."""
        return frozenset(rule.category for rule in self.rules.patterns if rule.category)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No collection of garbage meanwhile: a hundred thousand nodes, all of them in use, would be walked
    again and again, which takes three quarters of the whole time of loading.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon of a config folder: every `lexicon/*.yaml` and `places.yaml`.

    Raises: LexiconError.
    """
    with _collector_at_rest():
        return _load(folder)


def _load(folder: Path) -> Lexicon:
    files = sorted((folder / "lexicon").glob("*.yaml"))
    if not files:
        raise LexiconError(
            file=str(folder / "lexicon"), line=0, field="folder", problem="holds no *.yaml file"
        )
    sheets = [_Sheet(path) for path in files]
    terms = [term for sheet in sheets for term in sheet.terms()]
    phrases = [pattern for sheet in sheets for pattern in sheet.patterns("phrases")]
    rules = [pattern for sheet in sheets for pattern in sheet.patterns("rules")]
    known = {term.group for term in terms} | {phrase.id for phrase in phrases} | BUILT_IN
    for sheet in sheets:
        sheet.check_groups(known)
    places = _places(folder / "places.yaml")
    terms.extend(places)
    countries = {term.group: term.group.removeprefix("place:") for term in places}
    live = [term for term in terms if term.weight > 0]
    return Lexicon(
        terms=tuple(live),
        phrases=Plan.of(_in_order(phrases)),
        rules=Plan.of(rules),
        signs=tuple(sign for sheet in sheets for sign in sheet.signs()),
        places=countries,
        tries=build_tries((t.script, t.text, t.group, t.weight) for t in live),
    )


def _in_order(phrases: list[Pattern]) -> list[Pattern]:
    """Phrases so that one built of others comes after them; a circle keeps the order of the files."""
    waiting = list(phrases)
    done: list[Pattern] = []
    while waiting:
        names = {phrase.id for phrase in waiting}
        ready = [
            p
            for p in waiting
            if not any(word in names - {p.id} for words in (*p.words, p.without) for word in words)
        ]
        if not ready:
            return done + waiting
        done.extend(ready)
        waiting = [phrase for phrase in waiting if phrase not in ready]
    return done


class _Sheet:
    """One YAML file, read as nodes so that every error can name its line."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.root = self._compose(path)
        top = self.mapping(self.root, "file", allowed=_FILE_FIELDS)
        self.top = top
        self.category = str(self.plain(top["category"])) if "category" in top else None
        if self.category in {"", "null", "none", "~"}:
            self.category = None

    def _compose(self, path: Path) -> yaml.Node:
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
        except (OSError, UnicodeDecodeError) as problem:
            raise LexiconError(file=self.name, line=0, field="file", problem=str(problem)) from problem
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            line = mark.line + 1 if mark else 0
            said = str(getattr(problem, "problem", problem))
            raise LexiconError(file=self.name, line=line, field="yaml", problem=said) from problem
        if node is None:
            raise LexiconError(file=self.name, line=1, field="file", problem="is empty")
        return node

    def wrong(self, node: yaml.Node, field: str, problem: str) -> LexiconError:
        return LexiconError(file=self.name, line=node.start_mark.line + 1, field=field, problem=problem)

    def mapping(
        self, node: yaml.Node, field: str, *, allowed: Iterable[str] | None = None
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, field, "must be a mapping of fields")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if allowed is not None and key.value not in allowed:
                raise self.wrong(key, str(key.value), "is not a known field")
            if key.value in found:
                raise self.wrong(key, str(key.value), "stands twice")
            found[key.value] = value
        return found

    def sequence(self, node: yaml.Node, field: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, field, "must be a list")
        return list(node.value)

    def plain(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, "value", "must be a single value")
        return str(node.value)

    def number(self, fields: dict[str, yaml.Node], field: str, default: float) -> float:
        if field not in fields:
            return default
        try:
            value = float(self.plain(fields[field]))
        except ValueError:
            raise self.wrong(fields[field], field, "must be a number") from None
        if not 0 <= value <= (1 if field == "weight" else 1000):
            raise self.wrong(fields[field], field, "is out of range")
        return value

    def terms(self) -> list[Term]:
        found: list[Term] = []
        if "groups" not in self.top:
            return found
        for group, listed in self.mapping(self.top["groups"], "groups").items():
            for node in self.sequence(listed, group):
                fields = self.mapping(node, "term", allowed=_TERM_FIELDS)
                for needed in ("term", "script"):
                    if needed not in fields or not self.plain(fields[needed]).strip():
                        raise self.wrong(node, needed, "is missing")
                script = self.plain(fields["script"])
                if script == "latin" and any(char.isdigit() for char in self.plain(fields["term"])):
                    raise self.wrong(fields["term"], "term", "romanised terms hold no digits")
                if script not in SCRIPTS:
                    raise self.wrong(fields["script"], "script", f"must be one of {', '.join(SCRIPTS)}")
                found.append(
                    Term(self.plain(fields["term"]), group, script, self.number(fields, "weight", 1.0))
                )
        return found

    def patterns(self, kind: str) -> list[Pattern]:
        if kind not in self.top:
            return []
        return [self._pattern(node) for node in self.sequence(self.top[kind], kind)]

    def signs(self) -> list[Sign]:
        if "signs" not in self.top:
            return []
        return [self._sign(node) for node in self.sequence(self.top["signs"], "signs")]

    def _sign(self, node: yaml.Node) -> Sign:
        fields = self.mapping(node, "sign", allowed=_SIGN_FIELDS)
        if "points" not in fields:
            raise self.wrong(node, "points", "is missing")
        try:
            points = int(self.plain(fields["points"]))
        except ValueError:
            raise self.wrong(fields["points"], "points", "must be a whole number") from None
        if abs(points) > _MOST_POINTS:
            raise self.wrong(fields["points"], "points", "is out of range")
        beside = self.plain(fields["beside"]) if "beside" in fields else None
        if beside not in {None, "harm", "harm_sudden"}:
            raise self.wrong(fields["beside"], "beside", "must be harm or harm_sudden")
        return Sign(self._pattern(node, allowed=_SIGN_FIELDS), points, beside)

    def _pattern(self, node: yaml.Node, *, allowed: frozenset[str] = _PATTERN_FIELDS) -> Pattern:
        fields = self.mapping(node, "rule", allowed=allowed)
        for needed in ("id", "words"):
            if needed not in fields:
                raise self.wrong(node, needed, "is missing")
        order = self.plain(fields["order"]) if "order" in fields else "given"
        if order not in {"given", "any"}:
            raise self.wrong(fields["order"], "order", "must be given or any")
        urgency: Any = self.plain(fields["urgency"]) if "urgency" in fields else None
        if urgency is not None and urgency not in list(Urgency):
            raise self.wrong(fields["urgency"], "urgency", "must be U1, U2, U3 or U4")
        words = tuple(
            frozenset(self.plain(word).split("|")) for word in self.sequence(fields["words"], "words")
        )
        if not words:
            raise self.wrong(fields["words"], "words", "must name at least one group")
        without = self.sequence(fields["without"], "without") if "without" in fields else []
        return Pattern(
            id=self.plain(fields["id"]),
            words=words,
            ordered=order == "given",
            gap=int(self.number(fields, "gap", _DEFAULT_GAP)),
            without=frozenset(self.plain(word) for word in without),
            weight=self.number(fields, "weight", 1.0),
            urgency=Urgency(urgency) if urgency else None,
            category=self.category,
        )

    def check_groups(self, known: set[str]) -> None:
        """Refuse a phrase or rule that names a group which no file defines."""
        for kind in ("phrases", "rules", "signs"):
            for node in self.sequence(self.top[kind], kind) if kind in self.top else []:
                fields = self.mapping(node, "rule")
                for field in ("words", "without"):
                    for word in self.sequence(fields[field], field) if field in fields else []:
                        for name in self.plain(word).split("|"):
                            if name not in known:
                                raise self.wrong(word, field, f"no group or phrase is called {name}")

    def places(self) -> list[Term]:
        found: list[Term] = []
        for node in self.sequence(self.top["places"], "places"):
            fields = self.mapping(node, "place", allowed=_PLACE_FIELDS)
            if "country" not in fields or len(self.plain(fields["country"])) != 2:  # noqa: PLR2004 - ISO alpha-2
                raise self.wrong(node, "country", "must be a code of two letters")
            group = "place:" + self.plain(fields["country"])
            for script, listed in self.mapping(fields["words"], "words", allowed=SCRIPTS).items():
                found.extend(Term(self.plain(w), group, script, 1.0) for w in self.sequence(listed, script))
        return found


def _places(path: Path) -> list[Term]:
    return _PlaceSheet(path).places()


class _PlaceSheet(_Sheet):
    """The file of places, which has one list of countries and their words."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.root = self._compose(path)
        self.top = self.mapping(self.root, "file", allowed={"places"})
        self.category = None
        if "places" not in self.top:
            raise self.wrong(self.root, "places", "is missing")
