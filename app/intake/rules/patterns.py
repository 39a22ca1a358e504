"""Composing meaning: phrases and rules found among the words of a text, bounded whatever the text."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from app.intake.rules.lexicon import Pattern, Plan
from app.intake.rules.scanning import Hit

_START: Final = attrgetter("start")
_MOST_PER_GROUP: Final = 16
# A denial directly before a word takes it back. These groups say "not" and nothing else.
_DENIALS: Final = frozenset({"not"})
_DENIED_WITHIN: Final = 2  # characters
# "No passport in hand, the boss keeps it": a denial before a thing or a person takes nothing back.
_THINGS: Final = frozenset({
    "boss", "broker", "they", "i", "we", "kin", "who", "person_group", "passport", "contract", "wage",
    "money", "month", "year", "digits", "number", "number_any", "hospital", "body", "limb", "room", "police",
    "scam",
})  # fmt: skip
_MOST_MADE: Final = 8  # hits of one phrase
_MOST_NEXT: Final = 3
_SLACK: Final = 2  # characters that a word may reach into its neighbour, as joined romanised words do


class Match(NamedTuple):
    """A rule and the stretch of the loose key that satisfied it."""

    rule: Pattern
    start: int
    end: int
    weight: float
    parts: tuple[Hit, ...]


class Index:
    """The hits of one text by group, in order of place."""

    def __init__(self, hits: Iterable[Hit]) -> None:
        self.by_group: dict[str, list[Hit]] = {}
        # The keys of `by_group` once more: a set is compared with a set by the smaller, with a dict by
        # walking all of the dict, which rules do hundreds of times.
        self.present: set[str] = set()
        self._joined: dict[frozenset[str], tuple[list[Hit], list[int]]] = {}
        self._denials: dict[int, list[Hit]] | None = None
        # Phrases, whose own words have been judged already.
        self.made: set[str] = set()
        for hit in hits:
            self.add(hit)

    def add(self, hit: Hit) -> None:
        """Keep a hit, up to a number per group that no real text reaches."""
        kept = self.by_group.get(hit.group)
        if kept is None:
            self.by_group[hit.group] = [hit]
            self.present.add(hit.group)
        elif len(kept) < _MOST_PER_GROUP:
            kept.append(hit)

    def forget(self, group: str) -> None:
        """Join the lists with this group afresh: it has changed."""
        for groups in [groups for groups in self._joined if group in groups]:
            del self._joined[groups]

    def any_of(self, groups: frozenset[str]) -> tuple[list[Hit], list[int]]:
        """All hits of several groups in order of place, and where each begins."""
        joined = self._joined.get(groups)
        if joined is None:
            present = groups & self.present
            if len(present) == 1:
                hits = self.by_group[next(iter(present))]
            else:
                # Each list is in order already; the sort only merges them. Groups are taken by name, so
                # that what stands in one place comes in the same order in every process.
                hits = [hit for group in sorted(present) for hit in self.by_group[group]]
                hits.sort(key=_START)
            joined = self._joined[groups] = (hits, [hit.start for hit in hits])
        return joined

    def denials(self) -> dict[int, list[Hit]]:
        """The words that deny, by where they end."""
        if self._denials is None:
            self._denials = {}
            # "If I do not sleep with him, he …" is a threat, not a denial.
            conditions = {hit.end + blank for hit in self.by_group.get("if", ()) for blank in (0, 1)}
            for hit in self.any_of(_DENIALS)[0]:
                if hit.start in conditions:
                    continue
                self._denials.setdefault(hit.end, []).append(hit)
        return self._denials

    def has(self, groups: frozenset[str]) -> bool:
        """Whether any of the groups was found."""
        return not groups.isdisjoint(self.present)


def grow(index: Index, phrases: Plan) -> None:
    """Add to the index every phrase that its words make, in the order of the phrases."""
    due = bytearray(len(phrases.patterns))
    phrases.mark(due, index.present)
    for at, phrase in enumerate(phrases.patterns):
        if not due[at]:
            continue
        held = (match for match in find(index, phrase) if not is_denied(match, index))
        made = [Hit(phrase.id, m.start, m.end, m.weight) for m in islice(held, _MOST_MADE)]
        for hit in made:
            index.add(hit)
        if made:
            index.made.add(phrase.id)
            index.forget(phrase.id)
            phrases.mark(due, (phrase.id,))


def is_denied(match: Match, index: Index) -> bool:
    """Whether the text says that this did not happen: `my boss never hits`."""
    denials = index.denials()
    if not denials:
        return False
    # Plain loops: this is asked some hundred times for one text.
    for part in match.parts:
        if part.group in _THINGS or part.group in index.made:
            continue
        for end in range(part.start - _DENIED_WITHIN, part.start + 1):
            if end in denials and not all(_holds(match, denial) for denial in denials[end]):
                return True
    return False


def _holds(match: Match, denial: Hit) -> bool:
    """Whether the denial is itself a part of what was found: `does not pay`."""
    return any(part.start < denial.end and denial.start < part.end for part in match.parts)


def surest(index: Index, rule: Pattern) -> Match | None:
    """The surest place where the rule holds and is not denied."""
    best: Match | None = None
    for match in find(index, rule):
        if (best is None or match.weight > best.weight) and not is_denied(match, index):
            best = match
            if match.weight >= rule.weight:
                break
    return best


def find(index: Index, pattern: Pattern) -> Iterator[Match]:
    """Where the pattern is satisfied, in order of place, a bounded number of times."""
    present = index.present
    for groups in pattern.words:
        if groups.isdisjoint(present):
            return
    if pattern.without and index.has(pattern.without):
        return
    places = [index.any_of(groups) for groups in pattern.words]
    firsts = places[0][0][:_MOST_PER_GROUP]
    if len(places) == 1:
        parted: Iterable[list[Hit] | None] = ([first] for first in firsts)
    elif pattern.ordered:
        parted = (
            _chain(first, places, pattern.gap) for first in _followed(firsts, places[1][1], pattern.gap)
        )
    else:
        parted = (_nearby(first, places, pattern.gap) for first in _beside(firsts, places[1][1], pattern.gap))
    for parts in parted:
        if parts:
            yield _joined(pattern, parts)


def _followed(firsts: Iterable[Hit], starts: list[int], gap: int) -> Iterator[Hit]:
    """Those after which the second place has a hit within the gap: most are done with here."""
    size = len(starts)
    for first in firsts:
        _, start, end, _ = first
        low = end - _SLACK
        at = bisect_left(starts, low if low > start else start + 1)
        if at < size and starts[at] - end <= gap:
            yield first


def _beside(firsts: Iterable[Hit], starts: list[int], within: int) -> Iterator[Hit]:
    """Those around which the second place has a hit near enough."""
    size = len(starts)
    for first in firsts:
        _, start, end, _ = first
        at = bisect_left(starts, end - within)
        if at < size and starts[at] <= start + within:
            yield first


def _joined(pattern: Pattern, parts: list[Hit]) -> Match:
    if len(parts) == 1:
        hit = parts[0]
        return Match(pattern, hit.start, hit.end, pattern.weight * hit.weight, (hit,))
    _, starts, ends, weights = zip(*parts, strict=True)
    return Match(pattern, min(starts), max(ends), pattern.weight * min(weights), tuple(parts))


_Places = list[tuple[list[Hit], list[int]]]


def _chain(first: Hit, places: _Places, gap: int, depth: int = 1) -> list[Hit] | None:
    """The hits in the given order, each within the gap of the one before; the nearest are tried first."""
    if depth == len(places):
        return [first]
    options, starts = places[depth]
    at = bisect_left(starts, max(first.start + 1, first.end - _SLACK))
    for hit in options[at : at + _MOST_NEXT]:
        if hit.start - first.end > gap:
            break
        rest = _chain(hit, places, gap, depth + 1)
        if rest:
            return [first, *rest]
    return None


def _nearby(first: Hit, places: _Places, within: int) -> list[Hit] | None:
    """One hit of every place, none overlapping another, all within one stretch around the first."""
    chosen = [first]
    begin, end = first.start, first.end
    for options, starts in places[1:]:
        best: Hit | None = None
        for hit in options[bisect_left(starts, end - within) : bisect_right(starts, begin + within)]:
            if max(end, hit.end) - min(begin, hit.start) > within or any(
                hit.start < other.end and other.start < hit.end for other in chosen
            ):
                continue
            if best is None or abs(hit.start - first.start) < abs(best.start - first.start):
                best = hit
        if best is None:
            return None
        chosen.append(best)
        begin, end = min(begin, best.start), max(end, best.end)
    return chosen
