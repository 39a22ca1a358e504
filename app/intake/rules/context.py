"""What surrounds a report: negation, questions about the general case, thanks and matters settled."""

from typing import Final

from app.intake.rules.patterns import Index, Match

_NEAR: Final = 2
# A denial directly before a verb takes it back. Groups that say "not" and nothing else.
_DENIALS: Final = frozenset({"not", "never"})
# Words that say that it has happened to somebody: a question with one of them is still a report.
_HAPPENED: Final = frozenset({"already", "force", "how_long"})
_OWN: Final = frozenset({"i", "we", "kin"})
# Groups in which no blank is left between denial and verb, or a word such as "ever".
_GENERAL: Final = "general_"


def is_denied(match: Match, index: Index) -> bool:
    """Whether the text says that this did not happen: `my boss never hits`."""
    denials = index.any_of(_DENIALS)
    for part in match.parts:
        for denial in denials:
            if 0 <= part.start - denial.end <= _NEAR and not _holds(match, denial.start, denial.end):
                return True
    return False


def _holds(match: Match, start: int, end: int) -> bool:
    return any(part.start <= start and end <= part.end for part in match.parts)


def asks_in_general(matches: list[Match], index: Index) -> bool:
    """Whether the text asks what is so in general rather than telling what happened to somebody."""
    general = any(match.rule.id.startswith(_GENERAL) for match in matches)
    return general and not (index.has(_HAPPENED) and index.has(_OWN))
