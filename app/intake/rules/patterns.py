"""Composing meaning: phrases and rules found among the words of a text, bounded whatever the text."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, islice
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
        self._joined: dict[frozenset[str], list[Hit]] = {}
        self._starts: dict[frozenset[str], list[int]] = {}
        self._denials: dict[int, list[Hit]] | None = None
        self._denied: dict[int, list[Hit]] | None = None
        # Phrases, whose own words have been judged already.
        self.made: set[str] = set()
        # As `keep` does; hundreds of calls for one text would take longer than the work.
        by_group = self.by_group
        for hit in hits:
            kept = by_group.get(hit[0])
            if kept is None:
                by_group[hit[0]] = [hit]
            elif len(kept) < _MOST_PER_GROUP:
                kept.append(hit)
        self.present.update(by_group)

    def add(self, hit: Hit) -> None:
        """Keep a hit found later on; what was joined of its group is joined afresh."""
        self.keep(hit)
        self.forget(hit.group)

    def keep(self, hit: Hit) -> None:
        """Keep a hit of a group that was not asked for yet, up to a number that no real text reaches."""
        kept = self.by_group.get(hit.group)
        if kept is None:
            self.by_group[hit.group] = [hit]
            self.present.add(hit.group)
        elif len(kept) < _MOST_PER_GROUP:
            kept.append(hit)

    def forget(self, group: str) -> None:
        """Join the lists with this group afresh: it has changed."""
        for groups in [groups for groups in self._starts if group in groups]:
            del self._starts[groups]
            self._joined.pop(groups, None)

    def any_of(self, groups: frozenset[str]) -> list[Hit]:
        """All hits of several groups in order of place."""
        joined = self._joined.get(groups)
        if joined is None:
            present = groups & self.present
            if len(present) == 1:
                joined = self.by_group[next(iter(present))]
            else:
                # Each list is in order already; the sort only merges them. Groups are taken by name, so
                # that what stands in one place comes in the same order in every process.
                joined = list(chain.from_iterable(map(self.by_group.__getitem__, sorted(present))))
                joined.sort(key=_START)
            self._joined[groups] = joined
        return joined

    def starts_of(self, groups: frozenset[str]) -> list[int]:
        """Where the hits of `any_of` begin, one by one: enough to see that none is near."""
        starts = self._starts.get(groups)
        if starts is None:
            present = groups & self.present
            starts = [hit.start for group in present for hit in self.by_group[group]]
            if len(present) > 1:
                starts.sort()
            self._starts[groups] = starts
        return starts

    def denials(self) -> dict[int, list[Hit]]:
        """The words that deny, by where they end."""
        if self._denials is None:
            self._denials = {}
            # "If I do not sleep with him, he …" is a threat, not a denial.
            conditions = {hit.end + blank for hit in self.by_group.get("if", ()) for blank in (0, 1)}
            for hit in chain.from_iterable(self.by_group.get(group, ()) for group in _DENIALS):
                if hit.start in conditions:
                    continue
                self._denials.setdefault(hit.end, []).append(hit)
        return self._denials

    def denied(self) -> dict[int, list[Hit]]:
        """The words that deny, by the places directly behind them."""
        if self._denied is None:
            self._denied = {}
            for end, words in self.denials().items():
                for place in range(end, end + _DENIED_WITHIN + 1):
                    self._denied.setdefault(place, []).extend(words)
        return self._denied

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
            index.keep(hit)
        if made:
            index.made.add(phrase.id)
            if phrase.id in phrases.named_before:
                index.forget(phrase.id)
            phrases.mark(due, (phrase.id,))


def is_denied(match: Match, index: Index) -> bool:
    """Whether the text says that this did not happen: `my boss never hits`."""
    denied = index.denied()
    if not denied:
        return False
    # A plain loop: this is asked some hundred times for one text.
    for part in match.parts:
        denials = denied.get(part[1])
        if (
            denials
            and part.group not in _THINGS
            and part.group not in index.made
            and not all(_holds(match, denial) for denial in denials)
        ):
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
    if not pattern.without.isdisjoint(present):
        return
    for groups in pattern.words:
        if groups.isdisjoint(present):
            return
    firsts = index.any_of(pattern.words[0])[:_MOST_PER_GROUP]
    if len(pattern.words) == 1:
        for first in firsts:
            yield _joined(pattern, [first])
    elif pattern.ordered:
        yield from _in_order(index, pattern, firsts)
    else:
        yield from _together(index, pattern, firsts)


def _in_order(index: Index, pattern: Pattern, firsts: list[Hit]) -> Iterator[Match]:
    """Each first with those after it in the given order; most end where none of the second place is near."""
    starts = index.starts_of(pattern.words[1])
    gap, size = pattern.gap, len(starts)
    for first in firsts:
        _, start, end, _ = first
        low = end - _SLACK
        at = bisect_left(starts, low if low > start else start + 1)
        if at < size and starts[at] - end <= gap and (parts := _chain(index, pattern, first)):
            yield _joined(pattern, parts)


def _together(index: Index, pattern: Pattern, firsts: list[Hit]) -> Iterator[Match]:
    """Each first with the others around it, in any order."""
    starts = index.starts_of(pattern.words[1])
    within, size = pattern.gap, len(starts)
    for first in firsts:
        _, start, end, _ = first
        at = bisect_left(starts, end - within)
        if at < size and starts[at] <= start + within and (parts := _nearby(index, pattern, first)):
            yield _joined(pattern, parts)


def _joined(pattern: Pattern, parts: list[Hit]) -> Match:
    if len(parts) == 1:
        _, start, end, weight = parts[0]
    else:
        _, starts, ends, weights = zip(*parts, strict=True)
        start, end, weight = min(starts), max(ends), min(weights)
    return Match(pattern, start, end, pattern.weight * weight, tuple(parts))


def _chain(index: Index, pattern: Pattern, first: Hit, depth: int = 1) -> list[Hit] | None:
    """The hits in the given order, each within the gap of the one before; the nearest are tried first."""
    if depth == len(pattern.words):
        return [first]
    _, start, end, _ = first
    groups = pattern.words[depth]
    starts = index.starts_of(groups)
    at = bisect_left(starts, max(start + 1, end - _SLACK))
    if at == len(starts) or starts[at] - end > pattern.gap:
        return None
    for hit in index.any_of(groups)[at : at + _MOST_NEXT]:
        if hit.start - end > pattern.gap:
            break
        rest = _chain(index, pattern, hit, depth + 1)
        if rest:
            return [first, *rest]
    return None


def _nearby(index: Index, pattern: Pattern, first: Hit) -> list[Hit] | None:
    """One hit of every place, none overlapping another, all within one stretch around the first."""
    within = pattern.gap
    chosen = [first]
    begin, end = first.start, first.end
    for groups in pattern.words[1:]:
        starts = index.starts_of(groups)
        best: Hit | None = None
        for hit in index.any_of(groups)[
            bisect_left(starts, end - within) : bisect_right(starts, begin + within)
        ]:
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
