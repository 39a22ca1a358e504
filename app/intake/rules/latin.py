"""Finding words in Latin letters: romanised Khmer by its sound, English and Malay by stem."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from app.intake.rules.romanised import sounds, stem
from app.intake.rules.tries import END, FUZZY_FROM, FUZZY_UP_TO, NEW, TOKEN, Entry, Hit, Trie, Tries, less_one

_NO_GAP: Final = re.compile(r"[^\W_]|[.!?\n]")
_TRUSTED: Final = 0.9  # the weight that a term keeps when it was only recognised with one wrong letter
_SHORTEST_PART: Final = 3  # sounds of each of two terms that were written as one word
_SHARED: Final = 0.3  # what a word says for a language that is not the only one to have it
_TELLING: Final = 3  # letters; a shorter word is too short to be English among romanised ones
_MOST_WORDS: Final = 320
_MOST_SPANNED: Final = 32  # words that one term may be spread over; no romanised term has as many sounds
_WORDS_KEPT: Final = 16384

# Where the sound of a word parts into two terms, and what these terms are.
_Part = tuple[int, tuple[Entry, ...], tuple[Entry, ...]]


class Word(NamedTuple):
    """What the lexicon knows of one Latin word or number: all that does not depend on what is beside it.

    `sound` is spelled as in the lexicon where only one letter differs, and empty for a number; `begun` is
    what ends with it, None where nothing even begins so. `stems` is the beginning of the English and Malay
    terms whose first word this is, worth `sure`.
    """

    is_letters: bool
    is_number: bool
    sound: str
    begun: tuple[Entry, ...] | None
    parts: tuple[_Part, ...]
    stem: str
    stems: Trie | None
    sure: float
    is_plain_english: bool
    is_false_friend: bool
    english: float
    khmer: float
    malay: float


@dataclass(frozen=True, slots=True)
class Words:
    """The Latin words and numbers of a loose key, in order, up to a number that no real text reaches.

    `follows` says of each whether it stands directly behind the one before.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    follows: Sequence[bool]
    known: Sequence[Word]

    @classmethod
    def of(cls, loose: str, tries: Tries) -> "Words":
        """The words of this key as the lexicon knows them."""
        spans = [found.span() for found in islice(TOKEN.finditer(loose), _MOST_WORDS)]
        starts = [start for start, _ in spans]
        ends = [end for _, end in spans]
        between = [loose[end:start] for end, start in zip(ends, starts[1:], strict=False)]
        follows = [False, *(gap == " " or not _NO_GAP.search(gap) for gap in between)]
        return cls(starts, ends, follows, _known([loose[start:end] for start, end in spans], tries))


def _known(texts: list[str], tries: Tries) -> list[Word]:
    """What is known of each of these, from memory where they were met before."""
    met: dict[str, Word] = tries.met
    known = {text: met.get(text) for text in texts}
    fresh = [text for text, word in known.items() if word is None]
    if fresh:
        made = {text: _word(text, heard, tries) for text, heard in zip(fresh, sounds(fresh), strict=True)}
        if len(met) > _WORDS_KEPT:
            met.clear()
        # What the lexicon does not know may be somebody's name, and a number their phone: not remembered.
        met.update((text, word) for text, word in made.items() if _is_of_the_lexicon(word))
        known.update(made)
    return [word for text in texts if (word := known[text])]


def _is_of_the_lexicon(word: Word) -> bool:
    found = word.begun or word.parts or word.stems or word.english or word.khmer or word.malay
    return bool(found) and not word.is_number


def _word(text: str, heard: str, tries: Tries) -> Word:
    root = stem(text)
    spelled = _known_stem(root, tries)
    sound = _known_sound(heard, tries)
    is_letters = text[0].isalpha()
    spoken = (root in tries.english_words, heard in tries.romanised_words, root in tries.malay_words)
    share = (1.0 if sum(spoken) == 1 else _SHARED) if is_letters else 0.0
    return Word(
        is_letters=is_letters,
        is_number=text[0].isdigit(),
        sound=sound,
        begun=tries.sounds.get(sound),
        parts=tuple(_parts(sound, tries)),
        stem=spelled,
        stems=tries.words.get(spelled),
        sure=1.0 if spelled == root else _TRUSTED,
        is_plain_english=len(text) > FUZZY_FROM - 3 and root in tries.english_words,
        is_false_friend=heard in tries.romanised_words or len(text) < _TELLING,
        english=share * spoken[0],
        khmer=share * spoken[1],
        malay=share * spoken[2],
    )


def _known_sound(word: str, tries: Tries) -> str:
    """The sound as the lexicon spells it, when only one letter of a long word differs."""
    if not FUZZY_FROM < len(word) <= FUZZY_UP_TO or word in tries.romanised_words:
        return word
    return _near(word, tries.near_sounds)


def _known_stem(root: str, tries: Tries) -> str:
    if not FUZZY_FROM <= len(root) <= FUZZY_UP_TO or root in tries.english_words or root in tries.malay_words:
        return root
    return _near(root, tries.near_words)


def _near(word: str, near: dict[str, str]) -> str:
    for form in (word, *less_one(word)):
        target = near.get(form)
        if target is not None and abs(len(target) - len(word)) <= 1:
            return target
    return word


def _parts(sound: str, tries: Tries) -> Iterator[_Part]:
    for middle in range(_SHORTEST_PART, len(sound) - _SHORTEST_PART + 1):
        left = tries.sounds.get(sound[:middle])
        if left is None:
            return
        right = tries.sounds.get(sound[middle:])
        if left and right:
            yield middle, left, right


def scan_sounds(words: Words, tries: Tries, *, mixed: bool) -> list[Hit]:
    """The romanised terms. In a text of two scripts a plain English word is not read as Khmer."""
    found: list[Hit] = []
    run: list[str] = []
    for at, (word, follows) in enumerate(zip(words.known, words.follows, strict=True)):
        if run and not (follows and word.is_letters):
            _scan_run(run, at - len(run), words, tries, found)
            run = []
        if word.is_letters:
            run.append("" if mixed and word.is_plain_english else word.sound)
    if run:
        _scan_run(run, len(words.known) - len(run), words, tries, found)
    return found


def _scan_run(run: list[str], first: int, words: Words, tries: Tries, found: list[Hit]) -> None:
    """Find the terms in words that stand together, of which `first` is the first.

    The words are read as one string of sounds, in which a sound that ends one word and begins the next is
    written once: people part romanised words as they like. A term begins and ends with a word.
    """
    whole = ""
    begins: list[tuple[int, int]] = []
    stops: list[tuple[int, int]] = []
    for at, sound in enumerate(run, first):
        lap = 1 if whole and sound and whole[-1] == sound[0] else 0
        begins.append((len(whole) - lap, len(stops)))
        if len(sound) > lap:
            whole += sound[lap:]
            stops.append((len(whole), words.ends[at]))
    for at, (sound, (begin, own)) in enumerate(zip(run, begins, strict=True), first):
        word, start = words.known[at], words.starts[at]
        if sound and word.begun is not None:
            for reached, end in stops[own : own + _MOST_SPANNED]:
                entries = tries.sounds.get(whole[begin:reached])
                if entries is None:
                    break
                for group, weight in entries:
                    found.append(NEW(Hit, (group, start, end, weight)))
        if sound and word.parts:
            _scan_parts(word, start, words.ends[at], found)


def _scan_parts(word: Word, start: int, end: int, found: list[Hit]) -> None:
    """Two terms written as one word: the place inside the raw word is only known in share."""
    for middle, left, right in word.parts:
        cut = start + max(1, (end - start) * middle // len(word.sound))
        for behind in right:
            found += [Hit(group, start, cut, weight) for group, weight in left]
            found.append(Hit(behind[0], cut, end, behind[1]))


def scan_words(words: Words, *, guarded: bool) -> list[Hit]:
    """English and Malay terms. In romanised Khmer a short English word that is also a sound is not one."""
    found: list[Hit] = []
    size = len(words.known)
    for first, word in enumerate(words.known):
        node, at = word.stems, first
        while node is not None:
            if END in node and not (guarded and at == first and word.is_false_friend):
                start, end = words.starts[first], words.ends[at]
                for group, weight in node[END]:
                    found.append(NEW(Hit, (group, start, end, weight * word.sure)))
            at += 1
            if at == size or not words.follows[at]:
                break
            node = node.get(words.known[at].stem)
    return found
