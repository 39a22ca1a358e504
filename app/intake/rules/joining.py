"""Long texts that a phone hands over in pieces: which texts belong together, and in which order."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Final

from app.i18n.parts import Encoding, encoding, units
from app.intake.rules.triage import Reason

# A piece of a joined SMS is full but for the last: 67 UTF-16 units or 153 septets; one less where a
# character of two units did not fit any more. Source: docs/sources.md#sms.
_FULL: Final = {Encoding.UCS2: (66, 67), Encoding.GSM7: (152, 153)}
# Every order of so many full pieces is looked at (24); longer texts are taken in the order they came.
_MOST_TO_ORDER: Final = 4
_COENG: Final = "\u17d2"


@dataclass(frozen=True, slots=True)
class Whole:
    """A long text put together; the piece at hand begins at `start`."""

    text: str
    start: int


def is_full_piece(body: str, form: Encoding) -> bool:
    """Whether the text is as long as a piece of a longer one that travels in this encoding."""
    return (units(body) if form is Encoding.GSM7 else ucs2_units(body)) in _FULL[form]


def ucs2_units(body: str) -> int:
    """The length in UTF-16 units: what counts for a piece of plain letters in a text with Khmer elsewhere."""
    return len(body.encode("utf-16-le", "surrogatepass")) // 2


def wholes(earlier: Sequence[str], body: str) -> tuple[Whole, ...]:
    """The long text of which this is a later piece, in each order that its cuts allow.

    Empty where it stands by itself. `earlier` holds what the same sender wrote in the last minutes,
    oldest first. All pieces but the last are full; a short one among them ends the text.
    """
    form = Encoding.UCS2 if Encoding.UCS2 in map(encoding, (*earlier[-1:], body)) else Encoding.GSM7
    pieces = _chain(earlier, body, form)
    if len(pieces) == 1:
        return ()
    at = len(pieces) - 1
    full = [place for place, piece in enumerate(pieces) if is_full_piece(piece, form)]
    last = tuple(place for place in range(len(pieces)) if place not in full)
    orders = permutations(full) if len(full) <= _MOST_TO_ORDER else [tuple(full)]
    by_order = {order: _spoilt([pieces[place] for place in order]) for order in ((*o, *last) for o in orders)}
    least = min(by_order.values())
    return tuple(
        Whole(
            "".join(pieces[place] for place in order),
            sum(len(pieces[place]) for place in order[: order.index(at)]),
        )
        for order, spoilt in by_order.items()
        if spoilt == least
    )


def within(reasons: Iterable[Reason], whole: Whole, body: str) -> tuple[Reason, ...]:
    """Reasons found in the whole text, with their places in the piece; (0, 0) where they stand in another."""
    moved = []
    for reason in reasons:
        start = max(reason.start - whole.start, 0)
        end = min(reason.end - whole.start, len(body))
        here = (start, end) if start < end else (0, 0)
        moved.append(replace(reason, start=here[0], end=here[1]))
    return tuple(moved)


def _chain(earlier: Sequence[str], body: str, form: Encoding) -> list[str]:
    """The texts that may be one, in the order in which they came: full ones, and one short one at most."""
    chain = [body]
    short = not is_full_piece(body, form)
    for text in reversed(earlier):
        if not is_full_piece(text, form):
            if short:
                break
            short = True
        chain.insert(0, text)
    return chain


def _spoilt(pieces: Sequence[str]) -> int:
    """How many of the cuts cannot be: a mark without its letter, a subscript sign with nothing under it."""
    odd = sum(_cannot_follow(before, after) for before, after in pairwise(pieces))
    return odd + _cannot_follow(" ", pieces[0]) + pieces[-1].endswith(_COENG)


def _cannot_follow(before: str, after: str) -> bool:
    if before.endswith(_COENG):
        return not "\u1780" <= after[:1] <= "\u17a2"
    leans = unicodedata.category(after[:1] or " ")[0] == "M"
    if leans:
        return unicodedata.category(before[-1:] or " ")[0] not in "LM"
    # A sentence may begin after a small letter only where a blank or a mark was lost.
    return (before[-1:].islower() and after[:1].isupper()) or (before == after[:1] == " ")
