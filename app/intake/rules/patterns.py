"""Composing meaning: phrases and rules found among the words of a text, bounded whatever the text."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.intake.rules.lexicon import Pattern
from app.intake.rules.scanning import Hit

_MOST_PER_GROUP: Final = 24
# A denial directly before a word takes it back. These groups say "not" and nothing else.
_DENIALS: Final = frozenset({"not"})
_DENIED_WITHIN: Final = 2  # characters
_MOST_NEXT: Final = 3
_SLACK: Final = 2  # characters that a word may reach into its neighbour, as joined romanised words do


@dataclass(frozen=True, slots=True)
class Match:
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
        for hit in hits:
            self.add(hit)

    def add(self, hit: Hit) -> None:
        """Keep a hit, up to a number per group that no real text reaches."""
        kept = self.by_group.setdefault(hit.group, [])
        if len(kept) < _MOST_PER_GROUP:
            kept.append(hit)

    def any_of(self, groups: frozenset[str]) -> list[Hit]:
        """All hits of several groups, in order of place."""
        lists = [self.by_group[group] for group in groups if group in self.by_group]
        if not lists:
            return []
        if len(lists) == 1:
            return sorted(lists[0], key=_place)
        return sorted((hit for one in lists for hit in one), key=_place)

    def has(self, groups: frozenset[str]) -> bool:
        """Whether any of the groups was found."""
        return not groups.isdisjoint(self.by_group)


def _place(hit: Hit) -> tuple[int, int]:
    return (hit.start, hit.end)


def grow(index: Index, phrases: Iterable[Pattern]) -> None:
    """Add to the index every phrase that its words make, in the order of the phrases."""
    for phrase in phrases:
        for match in find(index, phrase):
            if is_denied(match, index):
                continue
            index.add(Hit(phrase.id, match.start, match.end, match.weight))


def is_denied(match: Match, index: Index) -> bool:
    """Whether the text says that this did not happen: `my boss never hits`."""
    denials = index.any_of(_DENIALS)
    return any(
        0 <= part.start - denial.end <= _DENIED_WITHIN and not _holds(match, denial)
        for part in match.parts
        for denial in denials
    )


def _holds(match: Match, denial: Hit) -> bool:
    """Whether the denial is itself a part of what was found: `does not pay`."""
    return any(part.start < denial.end and denial.start < part.end for part in match.parts)


def find(index: Index, pattern: Pattern) -> list[Match]:
    """Where the pattern is satisfied, at most a few times."""
    if any(index.by_group.keys().isdisjoint(groups) for groups in pattern.words):
        return []
    if pattern.without and index.has(pattern.without):
        return []
    places = [index.any_of(groups) for groups in pattern.words]
    found = []
    for first in places[0][:_MOST_PER_GROUP]:
        chain = _chain(first, places, pattern) if pattern.ordered else _nearby(first, places, pattern.gap)
        if chain:
            found.append(
                Match(
                    pattern,
                    min(hit.start for hit in chain),
                    max(hit.end for hit in chain),
                    pattern.weight * min(hit.weight for hit in chain),
                    tuple(chain),
                )
            )
    return found


def _chain(first: Hit, places: list[list[Hit]], pattern: Pattern) -> list[Hit] | None:
    """The hits in the given order, each within the gap of the one before; the nearest are tried first."""
    chain = [first]

    def extend(depth: int) -> bool:
        if depth == len(places):
            return True
        options = places[depth]
        end = chain[-1].end
        at = bisect_left(options, max(chain[-1].start + 1, end - _SLACK), key=lambda hit: hit.start)
        for hit in options[at : at + _MOST_NEXT]:
            if hit.start - end > pattern.gap:
                break
            chain.append(hit)
            if extend(depth + 1):
                return True
            chain.pop()
        return False

    return chain if extend(1) else None


def _nearby(first: Hit, places: list[list[Hit]], within: int) -> list[Hit] | None:
    """One hit of every place, none overlapping another, all within one stretch around the first."""
    chosen = [first]
    for options in places[1:]:
        near = [
            hit for hit in options
            if max(hit.end, *(h.end for h in chosen)) - min(hit.start, *(h.start for h in chosen)) <= within
            and all(hit.end <= h.start or hit.start >= h.end for h in chosen)
        ]  # fmt: skip
        if not near:
            return None
        chosen.append(min(near, key=lambda hit: abs(hit.start - first.start)))
    return chosen
