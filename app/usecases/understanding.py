"""What words say about a case, whoever wrote them, and why: the same for a text and for a summary."""

from collections.abc import Iterable
from typing import Any, Final

import structlog

from app.intake.rules.triage import UNRECOGNISED, Decision, Reason, decide
from app.kernel.language import Language, Script
from app.kernel.urgency import Urgency, most_urgent
from app.usecases.unit_of_work import UnitOfWork

_LOG: Final = structlog.get_logger(__name__)


def understood(uow: UnitOfWork, words: str) -> Decision:
    """What the words say. A fault of ours there must not keep them from a human."""
    try:
        return decide(words, uow.rulebook.lexicon)
    except Exception as problem:  # noqa: BLE001 - whatever it is, a human reads the words
        _LOG.error("triage_failed", error=type(problem).__name__)
        failed = (Reason("triage.failed", None, 0, 0, ""),)
        return Decision("", (), Urgency.U2, None, failed, Script.UNREADABLE, Language.KM, None)


def of_danger_only(words: Urgency) -> Urgency:
    """Words without a problem in them ("thanks", "hello") change nothing, unless they cry for help."""
    return words if words is Urgency.U1 else Urgency.U4


def plain(reasons: Iterable[Reason], **more: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401 - JSON values
    """The reasons as a case keeps them; `more` stands in each."""
    return tuple(
        {"rule": r.rule, "category": r.category, "start": r.start, "end": r.end, "text": r.text, **more}
        for r in reasons
    )


def of_summary(
    uow: UnitOfWork, summary: str | None, categories: tuple[str, ...], at_least: Urgency
) -> tuple[tuple[str, ...], Urgency, tuple[dict[str, Any], ...]]:
    """The categories, urgency and reasons of a case that a worker wrote down in words.

    The words name categories only where the worker named none, and never make the case less urgent.
    """
    if not summary:
        return categories, at_least, ()
    decision = understood(uow, summary)
    urgency = decision.urgency if decision.categories else of_danger_only(decision.urgency)
    told = [reason for reason in decision.reasons if reason.rule != UNRECOGNISED]
    return categories or decision.categories, most_urgent([at_least, urgency]), plain(told)
