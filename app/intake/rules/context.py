"""What surrounds a report: whether a question is about the general case or about what happened."""

from typing import Final

from app.intake.rules.patterns import Index, Match

# Words that say that it has happened to somebody: a question with one of them is still a report.
_HAPPENED: Final = frozenset({"already", "force", "how_long"})
_OWN: Final = frozenset({"i", "we", "kin"})
_GENERAL: Final = "general_"


def asks_in_general(matches: list[Match], index: Index) -> bool:
    """Whether the text asks what is so in general rather than telling what happened to somebody."""
    general = any(match.rule.id.startswith(_GENERAL) for match in matches)
    return general and not (index.has(_HAPPENED) and index.has(_OWN))
