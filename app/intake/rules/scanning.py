"""Finding words: one pass over a text that yields every known term with its place in the raw text."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, compress, pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from app.intake.rules.asking import question_ends
from app.intake.rules.folding import Origin, fold_with_origin
from app.intake.rules.latin import Words, scan_sounds, scan_words
from app.intake.rules.tries import (
    CLUSTER,
    LETTER,
    NEW,
    SIGNS,
    Found,
    Hit,
    Node,
    Tail,
    Tries,
    loosen_with_gaps,
)
from app.kernel.language import Language, Script

_KHMER: Final = re.compile("[\u1780-\u17d3]+")
_ACCENTED: Final = re.compile("[\u00a1-\u00ff]")
_QUESTION_MARK: Final = re.compile(r"\?")
_THAI: Final = re.compile("[\u0e01-\u0e4e]+")
_DEPENDENT: Final = re.compile(f"[{SIGNS}]*")
_COENG: Final = "\u17d2"
_PARTED: Final = re.compile(rf" [{SIGNS}]")
_MASK: Final = "mask"
_START: Final = attrgetter("start")
_END: Final = attrgetter("end")
_WEIGHT: Final = attrgetter("weight")
_SHORT_WORD: Final = 5  # characters of the key
_MOST_CHARS: Final = 1700  # the longest text that carriers join is 1,600


@dataclass(frozen=True, slots=True)
class View:
    """One text as the rules see it: its keys, where they come from, its script and its Latin words."""

    raw: str
    folded: str
    loose: str
    origin: Origin
    gaps: list[int]
    words: Words
    script: Script
    language: Language

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `start:end` of the loose key stands in the raw text, up to the end of its last cluster."""
        if start >= end:
            return (0, 0)
        first, _ = self.origin.of(start + bisect_right(self.gaps, start))
        _, last = self.origin.of(end - 1 + bisect_right(self.gaps, end - 1))
        signs = _DEPENDENT.match(self.raw, last)
        return first, signs.end() if signs else last


def view(text: str, tries: Tries) -> View:
    """The text prepared for matching. What lies beyond any joined SMS is not read."""
    folded, origin = fold_with_origin(text[:_MOST_CHARS])
    loose, gaps = loosen_with_gaps(folded[: 2 * _MOST_CHARS])
    words = Words.of(loose, tries)
    script, language = _script(text, loose, words)
    return View(text, folded, loose, origin, gaps, words, script, language)


def _script(text: str, loose: str, words: Words) -> tuple[Script, Language]:
    khmer = sum(map(len, _KHMER.findall(loose)))
    thai = sum(map(len, _THAI.findall(loose)))
    latin = sum(
        end - start
        for word, start, end in zip(words.known, words.starts, words.ends, strict=True)
        if word.is_letters
    )
    if looks_legacy(text) or not khmer + thai + latin:
        return Script.UNREADABLE, Language.KM
    if khmer and latin > 1:
        return Script.MIXED, Language.KM
    if khmer >= thai and khmer:
        return Script.KHMER, Language.KM
    if thai:
        return Script.THAI, Language.TH
    return _latin_language(words)


def _latin_language(words: Words) -> tuple[Script, Language]:
    english = romanised = malay = 0.0
    for word in words.known:
        english += word.english
        romanised += word.khmer
        malay += word.malay
    if malay > max(english, romanised):
        return Script.LATIN, Language.MS
    if english >= romanised and english:
        return Script.ENGLISH, Language.EN
    return Script.LATIN, Language.KM


# Shares of letters that are accented Latin: in French about 0.05, in Limon text 0.2 and more.
_SURELY_LEGACY: Final = 0.24
_PERHAPS_LEGACY: Final = 0.06
_FEWEST_LEGACY: Final = 2


def looks_legacy(text: str) -> bool:
    """Whether this is text of an old Khmer font such as Limon, which arrives as Latin-1 gibberish."""
    high = len(_ACCENTED.findall(text))
    if high < _FEWEST_LEGACY or _KHMER.search(text):
        return False
    letters = sum(char.isalpha() for char in text) or 1
    inner = sum(a.islower() and b.isupper() for a, b in pairwise(text))
    share = high / letters
    return share > _SURELY_LEGACY or (share > _PERHAPS_LEGACY and inner > 1)


def scan(seen: View, tries: Tries) -> list[Hit]:
    """Every term found, in order of place, of those that begin together the surest and longest first."""
    found = _scan_letters(seen.loose, tries.letters)
    found += _scan_latin(seen, tries)
    masks: dict[int, list[Hit]] = {}
    for mask in [hit for hit in found if hit[0] == _MASK]:
        for place in range(mask.start, mask.end):
            masks.setdefault(place, []).append(mask)
    if masks:
        found = [
            hit
            for hit in found
            if (hit[1] not in masks and hit[2] - 1 not in masks) or not _is_masked(hit, masks)
        ]
    found += _surest_first([Hit(group, start, end, 1.0) for group, start, end in question_ends(seen.loose)])
    found += [Hit("question_mark", *mark.span(), 1.0) for mark in _QUESTION_MARK.finditer(seen.loose)]
    # What begins together is in order already: it is of one finder, or of groups that only one finder knows.
    found.sort(key=_START)
    return found


def _surest_first(hits: list[Hit]) -> list[Hit]:
    """In order of place, of those that begin together the surest and longest first."""
    # Three stable sorts by one field each are faster than one by a key that is made for every hit.
    hits.sort(key=_END, reverse=True)
    hits.sort(key=_WEIGHT, reverse=True)
    hits.sort(key=_START)
    return hits


def _scan_latin(seen: View, tries: Tries) -> list[Hit]:
    """The terms in Latin letters, and numbers."""
    words = seen.words
    if not words.known:
        return []
    romanised_on = seen.language is not Language.EN and seen.language is not Language.MS
    found = scan_sounds(words, tries, mixed=seen.script is Script.MIXED) if romanised_on else []
    found += scan_words(words, guarded=seen.script is Script.LATIN and romanised_on)
    # Each group at each place once, with the larger weight: a word may be found by sound and by stem.
    unique: dict[tuple[str, int, int], Hit] = {}
    for hit in found:
        place = hit[:3]
        kept = unique.get(place)
        if kept is None or kept.weight < hit.weight:
            unique[place] = hit
    found = _surest_first(list(unique.values()))
    found += [
        Hit("digits", start, end, 1.0)
        for word, start, end in zip(words.known, words.starts, words.ends, strict=True)
        if word.is_number
    ]
    return found


def _is_masked(hit: Hit, masks: dict[int, list[Hit]]) -> bool:
    """Whether a hit lies inside a longer word, or, being short, straddles the edge of one.

    សព in រើសពលករ is no corpse: it is the end of one word and the beginning of the next.
    """
    size = hit.end - hit.start
    for mask in masks.get(hit.start, ()):
        if size < mask.end - mask.start and hit.end <= mask.end:
            return True
        if size <= _SHORT_WORD and mask.start < hit.start < mask.end < hit.end:
            return True
    return size <= _SHORT_WORD and any(
        hit.start < mask.start and hit.end < mask.end for mask in masks.get(hit.end - 1, ())
    )


def _scan_letters(loose: str, letters: Mapping[str, Node]) -> list[Hit]:
    """The Khmer and Thai terms, found cluster by cluster."""
    found: list[Hit] = []
    if loose.isascii():
        return found
    clusters = _clusters(loose)
    texts, starts, ends, cuts = clusters
    for first, node in enumerate(map(letters.get, texts)):
        if cuts:
            found += _cut_short(first, clusters, letters)
        if node is None:
            continue
        start = starts[first]
        for group, last, weight in _furthest(node, texts, first + 1):
            found.append(NEW(Hit, (group, start, ends[first + last], weight)))
    return _surest_first(found) if cuts else found


def _furthest(node: Node, texts: list[str], at: int) -> Found:
    """What is found from this node on as far as the clusters behind it go along."""
    below, found = node
    while below:
        if isinstance(below, Tail):
            rest, behind = below
            return behind if texts[at : at + len(rest)] == rest else found
        further = below.get(texts[at])
        if further is None:
            break
        below, found = further
        at += 1
    return found


class _Clusters(NamedTuple):
    """The clusters of a loose key with where each begins and ends, an empty one behind them.

    Single blanks are left out, since people part Khmer words by blanks as they like. `cuts` holds, for the
    clusters that have a blank inside, what stands before that blank and where this ends.
    """

    texts: list[str]
    starts: list[int]
    ends: list[int]
    cuts: dict[int, list[tuple[str, int]]]


def _clusters(loose: str) -> _Clusters:
    # Where something between two blanks was left out, the second of them parts what it stands between.
    pieces = CLUSTER.findall(loose.replace("  ", " \n"))
    ends = list(accumulate(map(len, pieces)))
    starts = [0, *ends]
    if _PARTED.search(loose):
        return _mended(pieces, starts, ends)
    if " " in loose:
        kept = [piece != " " for piece in pieces]
        pieces = list(compress(pieces, kept))
        starts = list(compress(starts, kept))
        ends = list(compress(ends, kept))
    pieces.append("")
    return _Clusters(pieces, starts, ends, {})


def _mended(pieces: list[str], starts: list[int], ends: list[int]) -> _Clusters:
    """The same where a blank stands before a sign or a subscript: these belong to the cluster before."""
    made = _Clusters([], [], [], {})
    for piece, start, end in zip(pieces, starts, ends, strict=False):
        if piece == " ":
            continue
        if made.texts and (piece[0] == " " or (made.texts[-1][-1] == _COENG and LETTER.match(piece))):
            made.cuts.setdefault(len(made.texts) - 1, []).append((made.texts[-1], made.ends[-1]))
            made.texts[-1] += piece.lstrip(" ")
            made.ends[-1] = end
        else:
            made.texts.append(piece)
            made.starts.append(start)
            made.ends.append(end)
    made.texts.append("")
    return made


def _cut_short(first: int, clusters: _Clusters, letters: Mapping[str, Node]) -> Iterator[Hit]:
    """The terms from one cluster on that end before a blank behind which a sign stands."""
    below: Mapping[str, Node] | Tail = letters
    for at in range(first, len(clusters.texts)):
        for short, end in clusters.cuts.get(at, ()):
            reached = _step(below, short)
            for group, last, weight in reached.found if reached else ():
                if last == at - first:
                    yield Hit(group, clusters.starts[first], end, weight)
        reached = _step(below, clusters.texts[at])
        if reached is None:
            return
        below = reached.below


def _step(below: Mapping[str, Node] | Tail, cluster: str) -> Node | None:
    if not isinstance(below, Tail):
        return below.get(cluster)
    if not below.clusters or below.clusters[0] != cluster:
        return None
    rest = Tail(below.clusters[1:], below.found)
    return Node(rest, () if rest.clusters else below.found)


__all__ = ["Hit", "View", "looks_legacy", "scan", "view"]
