"""Spelling families: the sound under which romanisations of one Khmer word agree, and English stems."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

# Shorthands of chat that no spelling rule derives.
_SHORTHAND: Final = {
    "hz": "hei", "hx": "hei", "hy": "hei", "hzy": "hei", "herz": "hei", "hzz": "hei", "hey": "hei",
    "hery": "hei", "haey": "hei", "hoey": "hei", "hoy": "hei", "houy": "hei", "heuy": "hei", "hay": "hei",
    "mn": "min", "mnn": "min", "ott": "ot", "at": "ot", "tt": "te", "tee": "te",
    "nw": "nov", "nv": "nov", "tv": "tov", "tw": "tov", "bg": "bong", "trv": "trov", "jg": "jong",
    "fb": "fesbok", "noam": "naem", "noem": "naem", "noum": "naem", "nuom": "naem",
    "knh": "nhom", "kh": "nhom", "nh": "nhom", "k": "ke", "jm": "jam", "pg": "phong",
}  # fmt: skip
# Order matters: a longer family is replaced before a shorter one that it holds. `5` stands for the
# sound ng, `8` for the vowel ie, which are kept apart from n and from e.
_FAMILIES: Final = (
    (r"[^a-z\n]", ""),
    (r"(.)\1+", r"\1"),
    (r"nhh?|gn|ny(?=[aeiou])", "n"),
    (r"ng", "5"),
    (r"chh?|tch|tj|dj|j|zh", "c"),
    (r"kch", "kc"),
    (r"kh|q|g", "k"),
    (r"th", "t"),
    (r"ph|f", "p"),
    (r"sh|z", "s"),
    (r"x", "s"),
    (r"w", "v"),
    (r"(?<=[aeiou])r(?![aeiouy])", ""),
    (r"(?<!ea)(?<=[aeiou5])h(?![aeiouy])", ""),
    (r"(?:aou|ao|au|ou|uo|eo|o|u)[yi](?![aou])", "oi"),
    (r"(?:eay|eai|aey|ey|ei|ay|eiy|aiy)", "ai"),
    (r"(?:a|o|e)v(?![aeiou])", "o"),
    (r"iea|ie|ia|ea", "8"),
    (r"aeu|oeu|oue|ueu|eu|ue|oe|ae|eo|ee|i|e|y(?![aeiou58])", "e"),
    (r"ao|au|ou|oo|uo|oa|ua|u|o", "o"),
    (r"aa", "a"),
    (r"d$", "t"),
    (r"b$", "p"),
    (r"(.)\1+", r"\1"),
)  # fmt: skip
_STEPS: Final = tuple((re.compile(pattern, re.MULTILINE), new) for pattern, new in _FAMILIES)
_WORDS_KEPT: Final = 16384
_heard: Final[dict[str, str]] = {}


def sound(word: str) -> str:
    """The sound key of one Latin word: `berk`, `boek` and `baek` agree; empty where nothing is left."""
    return sounds([word])[0]


def sounds(words: Sequence[str]) -> list[str]:
    """The sound keys of several words, none of which holds a line break.

    Words not met before go through the families together, one to a line: for a long text of unknown
    words this is ten times as fast as one by one.
    """
    known = {word: _heard.get(word) for word in words}
    fresh = [word for word, key in known.items() if key is None]
    if fresh:
        lines = "\n".join(_SHORTHAND.get(word, word) for word in fresh)
        for pattern, new in _STEPS:
            lines = pattern.sub(new, lines)
        made = dict(zip(fresh, lines.split("\n"), strict=True))
        known.update(made)
        if len(_heard) > _WORDS_KEPT:
            _heard.clear()
        _heard.update(made)
    return [known[word] or "" for word in words]


_SUFFIXES: Final = ("ing", "ed", "es", "s")
_SHORTEST_STEM: Final = 3
_ES_AFTER: Final = ("s", "x", "z", "ch", "sh")
# A short root such as `rap` of `raped` has lost an e; one that ends in y, w or x never had one.
_LOST_E: Final = re.compile(r"[^aeiou][aeiou][^aeiouwxy]")


@lru_cache(maxsize=_WORDS_KEPT)
def stem(word: str) -> str:
    """The stem of one English word: `locks`, `locked` and `locking` agree."""
    root = word.replace("'", "")
    for suffix in _SUFFIXES:
        rest = root[: -len(suffix)]
        if not root.endswith(suffix) or len(rest) < _SHORTEST_STEM or root.endswith("ss"):
            continue
        if suffix == "es" and not rest.endswith(_ES_AFTER):
            continue
        root = rest + "e" if suffix in {"ing", "ed"} and _LOST_E.fullmatch(rest) else rest
        break
    root = re.sub(r"([^aeiou])\1+", r"\1", root)
    if len(root) > _SHORTEST_STEM + 1 and root.endswith("e"):
        root = root[:-1]
    if len(root) > _SHORTEST_STEM and root.endswith("i"):
        root = root[:-1] + "y"
    return root
