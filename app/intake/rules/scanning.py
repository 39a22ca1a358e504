"""Finding words: one pass over a text that yields every known term with its place in the raw text."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from app.intake.rules.asking import question_ends
from app.intake.rules.folding import fold_with_map
from app.intake.rules.romanised import sound, sounds, stem
from app.intake.rules.tries import (
    END,
    FUZZY_FROM,
    FUZZY_UP_TO,
    HEAD,
    TOKEN,
    Entry,
    Trie,
    Tries,
    ends,
    less_one,
    loosen_with_places,
)
from app.kernel.language import Language, Script

_KHMER: Final = re.compile("[\u1780-\u17d3]")
_ACCENTED: Final = re.compile("[\u00a1-\u00ff]")
_QUESTION_MARK: Final = re.compile(r"\?")
_NO_GAP: Final = re.compile(r"[^\W_]|[.!?\n]")
_THAI: Final = re.compile("[\u0e01-\u0e4e]")
_STARTS: Final = re.compile("(?<!\u17d2)[\u1780-\u17b3\u0e01-\u0e4e]")
# A term ends where no dependent sign follows and begins where no coeng stands before.
_DEPENDENT: Final = frozenset(map(chr, [*range(0x17B4, 0x17D4), 0x17DD])) | frozenset(
    map(chr, [0x0E31, *range(0x0E34, 0x0E3B), *range(0x0E47, 0x0E4F)])
)
_TRUSTED: Final = 0.9  # the weight that a term keeps when it was only recognised with one wrong letter
_SHORT_WORD: Final = 5  # characters of the key
_SHORTEST_PART: Final = 3  # sounds of each of two terms that were written as one word
_MOST_TOKENS: Final = 320
_MOST_CHARS: Final = 1700  # the longest text that carriers join is 1,600


# Named tuples, since hundreds are made for one text and a frozen dataclass takes three times as long.
class Hit(NamedTuple):
    """A group found at `start:end` of the loose key, with the weight of what was found."""

    group: str
    start: int
    end: int
    weight: float


# Half as long as `Hit(…)`, whose own `__new__` is Python; for the one place that makes hundreds.
_NEW: Final = tuple.__new__


class Token(NamedTuple):
    """One Latin word or number of the loose key."""

    start: int
    end: int
    word: str


@dataclass(frozen=True, slots=True)
class View:
    """One text as the rules see it: its keys, where they come from, its script and its Latin words."""

    raw: str
    folded: str
    loose: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    tokens: tuple[Token, ...]
    script: Script
    language: Language

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `start:end` of the loose key stands in the raw text, up to the end of its last cluster."""
        if start >= end:
            return (0, 0)
        last = max(self.ends[start:end])
        while last < len(self.raw) and self.raw[last] in _DEPENDENT:
            last += 1
        return self.starts[start], last


def view(text: str, tries: Tries) -> View:
    """The text prepared for matching. What lies beyond any joined SMS is not read."""
    folded, starts, ends = fold_with_map(text[:_MOST_CHARS])
    loose, places = loosen_with_places(folded[: 2 * _MOST_CHARS])
    tokens = tuple(
        Token(found.start(), found.end(), found.group())
        for found, _ in zip(TOKEN.finditer(loose), range(_MOST_TOKENS), strict=False)
    )
    script, language = _script(text, loose, tokens, tries)
    return View(
        text, folded, loose,
        tuple(map(starts.__getitem__, places)), tuple(map(ends.__getitem__, places)),
        tokens, script, language,
    )  # fmt: skip


def _script(text: str, loose: str, tokens: tuple[Token, ...], tries: Tries) -> tuple[Script, Language]:
    khmer = len(_KHMER.findall(loose))
    thai = len(_THAI.findall(loose))
    latin = sum(len(token.word) for token in tokens if token.word[0].isalpha())
    if looks_legacy(text) or not khmer + thai + latin:
        return Script.UNREADABLE, Language.KM
    if khmer and latin > 1:
        return Script.MIXED, Language.KM
    if khmer >= thai and khmer:
        return Script.KHMER, Language.KM
    if thai:
        return Script.THAI, Language.TH
    return _latin_language(tokens, tries)


def _latin_language(tokens: tuple[Token, ...], tries: Tries) -> tuple[Script, Language]:
    words = [token.word for token in tokens if token.word[0].isalpha()]
    english = romanised = malay = 0.0
    for word, heard in zip(words, sounds(words), strict=True):
        root = stem(word)
        is_english, is_khmer, is_malay = (
            root in tries.english_words, heard in tries.romanised_words, root in tries.malay_words
        )  # fmt: skip
        shared = is_english + is_khmer + is_malay
        if shared:
            share = 1.0 if shared == 1 else 0.3
            english += share * is_english
            romanised += share * is_khmer
            malay += share * is_malay
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
    found = _scan_letters(seen.loose, tries)
    romanised_on = seen.language is not Language.EN and seen.language is not Language.MS
    latin = list(_scan_sounds(seen, tries)) if romanised_on else []
    latin.extend(_scan_words(seen, tries, guarded=seen.script is Script.LATIN and romanised_on))
    found.extend(_once(latin))
    found.extend(
        Hit("digits", token.start, token.end, 1.0) for token in seen.tokens if token.word[0].isdigit()
    )
    masks: dict[int, list[Hit]] = {}
    for mask in found:
        if mask.group == "mask":
            for place in range(mask.start, mask.end):
                masks.setdefault(place, []).append(mask)
    if masks:
        found = [
            hit
            for hit in found
            if not ((hit.start in masks or hit.end - 1 in masks) and _is_masked(hit, masks))
        ]
    found.extend(Hit(group, start, end, 1.0) for group, start, end in question_ends(seen.loose))
    found.extend(Hit("question_mark", *mark.span(), 1.0) for mark in _QUESTION_MARK.finditer(seen.loose))
    # Three stable sorts by one field each are faster than one by a key that is made for every hit.
    found.sort(key=attrgetter("end"), reverse=True)
    found.sort(key=attrgetter("weight"), reverse=True)
    found.sort(key=attrgetter("start"))
    return found


def _once(hits: Iterable[Hit]) -> Iterable[Hit]:
    """Each group at each place once, with the larger weight: a word may be found by sound and by stem."""
    unique: dict[tuple[str, int, int], Hit] = {}
    for hit in hits:
        span = (hit.group, hit.start, hit.end)
        if span not in unique or unique[span].weight < hit.weight:
            unique[span] = hit
    return unique.values()


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


def _scan_letters(loose: str, tries: Tries) -> list[Hit]:
    found: list[Hit] = []
    size = len(loose)
    heads = tries.heads
    for begin in _STARTS.finditer(loose):
        start = begin.start()
        head = loose[start : start + HEAD]
        # At every second place no term begins; a blank in the head needs the longer look.
        if head not in heads and head[:2] not in heads and head[:1] not in heads and " " not in head:
            continue
        # People part Khmer words by blanks as they like.
        for at, entries in ends(loose, start, tries.letters, blanks=True):
            if at == size or loose[at] not in _DEPENDENT:
                found += [_NEW(Hit, (group, start, at, weight)) for group, weight in entries]
    return found


def _runs(seen: View) -> Iterator[list[Token]]:
    """Latin words that stand together, parted by blanks and marks only."""
    run: list[Token] = []
    for token in seen.tokens:
        if run and (not _is_gap(seen.loose[run[-1].end : token.start]) or not token.word[0].isalpha()):
            yield run
            run = []
        if token.word[0].isalpha():
            run.append(token)
    if run:
        yield run


def _is_gap(between: str) -> bool:
    return between == " " or not _NO_GAP.search(between)


@dataclass(frozen=True, slots=True)
class _Run:
    """Latin words that stand together, as one string of sounds with the places where words begin and end."""

    tokens: tuple[Token, ...]
    sounds: str
    begins: tuple[int, ...]
    ends: dict[int, int]
    own_ends: tuple[int, ...]

    @classmethod
    def of(cls, tokens: list[Token], heard: list[str]) -> "_Run":
        """A sound that ends one word and begins the next is written once."""
        whole = ""
        begins: list[int] = []
        own_ends: list[int] = []
        ends: dict[int, int] = {}
        for at, word in enumerate(heard):
            lap = 1 if whole and word and whole[-1] == word[0] else 0
            begins.append(len(whole) - lap)
            whole += word[lap:]
            is_first = bool(word) and ends.setdefault(len(whole), at) == at
            own_ends.append(len(whole) if is_first else begins[-1])
        return cls(tuple(tokens), whole, tuple(begins), ends, tuple(own_ends))


def _scan_sounds(seen: View, tries: Tries) -> Iterator[Hit]:
    mixed = seen.script is Script.MIXED
    for tokens in _runs(seen):
        heard = [
            "" if mixed and _is_plain_english(token.word, tries) else _known_sound(key, tries)
            for token, key in zip(tokens, sounds([token.word for token in tokens]), strict=True)
        ]
        run = _Run.of(tokens, heard)
        for at, word in enumerate(heard):
            if word:
                yield from _sounds_from(run, at, tries.sounds)


def _is_plain_english(word: str, tries: Tries) -> bool:
    return len(word) > FUZZY_FROM - 3 and stem(word) in tries.english_words


def _known_sound(word: str, tries: Tries) -> str:
    """The sound as the lexicon spells it, when only one letter of a long word differs."""
    if not FUZZY_FROM < len(word) <= FUZZY_UP_TO or word in tries.romanised_words:
        return word
    return _near(word, tries.near_sounds)


def _near(word: str, near: dict[str, str]) -> str:
    for form in (word, *less_one(word)):
        target = near.get(form)
        if target is not None and abs(len(target) - len(word)) <= 1:
            return target
    return word


def _sounds_from(run: _Run, first: int, trie: Trie) -> Iterator[Hit]:
    """Terms that begin at one word and end with a word, or two terms that fill the word between them."""
    token, begin = run.tokens[first], run.begins[first]
    inside: list[tuple[int, list[Entry]]] = []
    for end, entries in ends(run.sounds, begin, trie, blanks=False):
        if end in run.ends:
            last = run.tokens[run.ends[end]].end
            yield from (Hit(group, token.start, last, weight) for group, weight in entries)
        elif end - begin >= _SHORTEST_PART:
            inside.append((end, entries))
    own_end = run.own_ends[first]
    for middle, entries in inside:
        if own_end - middle < _SHORTEST_PART:
            continue
        rest = [more for end, more in ends(run.sounds, middle, trie, blanks=False) if end == own_end]
        # Two terms written as one word: the place inside the raw word is only known in share.
        cut = token.start + max(1, (token.end - token.start) * (middle - begin) // (own_end - begin))
        for more in rest:
            yield from (Hit(group, token.start, cut, weight) for group, weight in entries)
            yield from (Hit(group, cut, token.end, weight) for group, weight in more)


def _scan_words(seen: View, tries: Tries, *, guarded: bool) -> Iterator[Hit]:
    """English and Malay terms. In romanised Khmer a short English word that is also a sound is not one."""
    tokens = seen.tokens
    roots = [stem(token.word) for token in tokens]
    stems = [_known_stem(root, tries) for root in roots]
    for first, token in enumerate(tokens):
        node: Trie | None = tries.words.get(stems[first])
        at = first
        while node is not None:
            if END in node and not (guarded and at == first and _is_false_friend(token.word, tries)):
                weight_of = _TRUSTED if stems[first] != roots[first] else 1.0
                for group, weight in node[END]:
                    yield Hit(group, token.start, tokens[at].end, weight * weight_of)
            at += 1
            if at == len(tokens) or not _is_gap(seen.loose[tokens[at - 1].end : tokens[at].start]):
                break
            node = node.get(stems[at])


def _known_stem(root: str, tries: Tries) -> str:
    if not FUZZY_FROM <= len(root) <= FUZZY_UP_TO or root in tries.english_words or root in tries.malay_words:
        return root
    return _near(root, tries.near_words)


def _is_false_friend(word: str, tries: Tries) -> bool:
    return sound(word) in tries.romanised_words or len(word) < 3  # noqa: PLR2004 - too short to tell
