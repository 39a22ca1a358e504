"""What a text does with the harm that it names: whether it tells of it, or only asks or gives thanks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.intake.rules.asking import inner_questions
from app.intake.rules.lexicon import Sign
from app.intake.rules.patterns import Index, Match, find, is_denied
from app.intake.rules.scanning import Hit
from app.kernel.urgency import Urgency

QUESTION: Final = "question"  # the sign without which a text that tells nothing is thanks or talk
_LONGEST: Final = 400  # characters; whoever writes more tells a story, whatever is asked in it
_MANY: Final = 3
_USUALLY_SUDDEN: Final = frozenset({"physical_abuse", "sexual_violence", "trafficking_forced_labour"})


@dataclass(frozen=True, slots=True)
class Held:
    """A sign that holds, and where in the key."""

    sign: Sign
    start: int
    end: int


def tells(held: Sequence[Held]) -> bool:
    """Whether the signs together speak for a report; a draw does."""
    return sum(one.sign.points for one in held) >= 0


def signs_held(index: Index, harms: Sequence[Match], loose: str, signs: Sequence[Sign]) -> list[Held]:
    """The signs that hold in a text with this key, in which these harms were found; none in a long text.

    Marks the harms and the ends of the text in the index, so that signs can name them.
    """
    if len(loose) > _LONGEST:
        return []
    _mark(index, harms, loose)
    found = ((sign, _place(index, sign)) for sign in signs)
    return [Held(sign, max(0, at.start), min(len(loose), at.end)) for sign, at in found if at]


def _place(index: Index, sign: Sign) -> Match | None:
    """Where the sign holds first, undenied, and near to what it must stand beside."""
    gap = sign.pattern.gap
    beside = index.by_group.get(sign.beside, []) if sign.beside else None
    for match in find(index, sign.pattern):
        if is_denied(match, index):
            continue
        if beside is None or any(
            hit.start - gap <= match.end and match.start <= hit.end + gap for hit in beside
        ):
            return match
    return None


def _mark(index: Index, harms: Sequence[Match], loose: str) -> None:
    size = len(loose)
    for group, start, end in sorted({*_marks(harms), ("text_start", -1, 0), ("text_end", size, size + 1)}):
        index.add(Hit(group, start, end, 1.0))
    for start, end in inner_questions(loose):
        index.add(Hit("inner_question", start, end, 1.0))


def _marks(harms: Sequence[Match]) -> Iterator[tuple[str, int, int]]:
    for match in harms:
        yield "harm", match.start, match.end
        if _is_sudden(match):
            yield "harm_sudden", match.start, match.end
        for part in match.parts:
            yield "harm_part", part.start, part.end
    if len(harms) == 1:
        yield "harm_single", harms[0].start, harms[0].end
    if len(harms) >= _MANY:
        yield "harm_many", harms[0].start, harms[0].end


def _is_sudden(match: Match) -> bool:
    if match.rule.urgency is None:
        return match.rule.category in _USUALLY_SUDDEN
    return match.rule.urgency is Urgency.U1
