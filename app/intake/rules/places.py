"""Places named in a text, and the country that they stand for."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from app.intake.rules.scanning import Hit

_HOME: Final = "KH"


def destination(hits: Iterable[Hit], places: Mapping[str, str]) -> tuple[str, Hit] | None:
    """The country abroad named most often, the first of them where several are, with its place."""
    named = [hit for hit in hits if hit.group in places and places[hit.group] != _HOME]
    if not named:
        return None
    counts = Counter(places[hit.group] for hit in named)
    best = max(named, key=lambda hit: (counts[places[hit.group]], -hit.start))
    return places[best.group], best
