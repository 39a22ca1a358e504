"""What becomes of our texts: reports of carriers, texts whose time is over, texts given up."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.cases.rules.facts import MessageMoved
from app.intake.rules.incoming import IncomingReport
from app.outbox.rules import (
    ASK_AGAIN_AFTER,
    GIVEN_UP,
    STAFF,
    WAITING,
    GiveUp,
    Hold,
    Purpose,
    Report,
    State,
    TryLater,
    moves_up,
    wait_before,
)
from app.outbox.store import Kept
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import alert

_BLOCKED_FOR: Final = timedelta(hours=1)
_LOOK_WITHIN: Final = timedelta(hours=1)
_BATCH: Final = 100
CARRIER_REFUSES: Final = "carrier_refuses"


def apply_carrier_report(uow: UnitOfWork, carrier: str, incoming: IncomingReport, *, now: datetime) -> bool:
    """Apply news of a text by the carrier's own id; False where we do not know that id."""
    kept = uow.outbox.locked_by_carrier_id(carrier, incoming.carrier_id)
    if kept is None:
        return False
    apply_report(uow, kept, incoming.report, now=now)
    return True


def apply_gateway_report(uow: UnitOfWork, text_id: UUID, via: str, report: Report, *, now: datetime) -> bool:
    """Apply what a gateway phone says of a text that it was offered; False where it was not offered to it."""
    kept = uow.outbox.locked(text_id)
    if kept is None or kept.via != via:
        return False
    apply_report(uow, kept, report, now=now)
    return True


def apply_report(uow: UnitOfWork, kept: Kept, report: Report, *, now: datetime) -> None:
    """Move a text up; reports that repeat, or come late, change nothing."""
    if not _is_news(kept, report):
        return
    match report.verdict:
        case TryLater() as later if _may_try(kept, later, now=now):
            wait = wait_before(kept.attempts, later.wait)
            uow.outbox.move(kept, State.QUEUED, now, error_code=later.code, due_at=now + wait)
            return
        case Hold() as refused:
            hold(uow, kept, refused, waiting=State.QUEUED, now=now)
            return
        case GiveUp() as final:
            _note_effect(uow, kept, final.effect, now=now)
    uow.outbox.move(kept, report.state, now, error_code=report.error_code)
    tell_of(uow, kept, report.state, now=now, error_code=report.error_code)


def give_up(uow: UnitOfWork, kept: Kept, final: GiveUp, *, now: datetime) -> None:
    """The carrier will never take this text."""
    _note_effect(uow, kept, final.effect, now=now)
    uow.outbox.move(kept, State.FAILED, now, error_code=final.code)
    tell_of(uow, kept, State.FAILED, now=now, error_code=final.code)


def hold(uow: UnitOfWork, kept: Kept, refused: Hold, *, waiting: State, now: datetime) -> None:
    """The carrier refuses us: the text waits as long as its words are true, and one task tells a human."""
    due_at = now + wait_before(kept.attempts, ASK_AGAIN_AFTER)
    uow.outbox.move(kept, waiting, now, error_code=refused.code, due_at=due_at)
    uow.records.add_task_once(kind=CARRIER_REFUSES, subject_id=kept.id, due_at=now + _LOOK_WITHIN, now=now)


def anything_over(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether the time of some text that waits is over."""
    return uow.outbox.anything_over(now)


def expire(uow: UnitOfWork, *, now: datetime) -> int:
    """Texts whose words are no longer true are never sent; a human learns of each. Returns how many."""
    over = uow.outbox.claim_expired(now, _BATCH)
    for kept in over:
        tell_of(uow, kept, State.EXPIRED, now=now)
    return len(over)


def tell_of(
    uow: UnitOfWork, kept: Kept, state: State, *, now: datetime, error_code: str | None = None
) -> None:
    """Put a text's new state into its case; one that was given up becomes somebody's task."""
    if kept.case_id:
        fact = MessageMoved(kept.id, kept.purpose, state, kept.parts, error_code)
        uow.tell(kept.case_id, [fact], actor="outbox")
    # A caseworker thinks that their words have gone; what nobody wrote, nobody waits for.
    lost = state is State.HELD and kept.purpose is Purpose.WORKER_TEXT
    if state in GIVEN_UP or lost:
        uow.records.add_task(
            kind="failed_message",
            case_id=kept.case_id,
            subject_id=kept.id,
            due_at=now + _LOOK_WITHIN,
            now=now,
        )
        _escalate(uow, kept, now=now)


def _escalate(uow: UnitOfWork, kept: Kept, *, now: datetime) -> None:
    """Tell the owner that the person was not reached. A staff alert that failed has its ladder instead."""
    case = uow.cases.get(kept.case_id, None) if kept.case_id else None
    if case is None or case.owner_id is None or kept.purpose in STAFF:
        return
    alert(uow, [case.owner_id], case, key="staff.escalation", purpose=Purpose.STAFF_ALERT, now=now)


def _is_news(kept: Kept, report: Report) -> bool:
    """Whether a report tells more than we know. A text that waits for another try has reports of the
    earlier one behind it, of which only that it arrived after all is news.
    """
    if kept.carrier_id is not None and kept.state in WAITING:
        return report.state is State.DELIVERED
    return moves_up(kept.state, report.state)


def _may_try(kept: Kept, later: TryLater, *, now: datetime) -> bool:
    return kept.attempts < later.at_most and now + wait_before(kept.attempts, later.wait) < kept.expires_at


def _note_effect(uow: UnitOfWork, kept: Kept, effect: str | None, *, now: datetime) -> None:
    match effect:
        case "cannot_text":
            uow.outbox.set_rule(kept.phone_index, cannot_text_since=now)
        case "opted_out":
            uow.outbox.set_rule(kept.phone_index, opted_out_at=now)
        case "blocked":
            uow.outbox.set_rule(kept.phone_index, blocked_until=now + _BLOCKED_FOR)
