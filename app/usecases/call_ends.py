"""The end of a call: what it leaves a human to do, and calls whose end nobody told us."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from app.audit.rules import Deed
from app.calls.rules.calls import LEFT_WITHIN, Call, Ending, Kind
from app.calls.rules.ivr import Safe, Step
from app.cases.rules.facts import CallEnded
from app.usecases import calling_back, calling_out
from app.usecases.unit_of_work import UnitOfWork

_URGENT_WITHIN: Final = timedelta(minutes=5)
# Where a caller who pressed nothing and said nothing must have been for it to be more than a slip.
_HEARD_OUT: Final = frozenset({Step.MESSAGE, Step.RECORD, Step.DONE})


def end(uow: UnitOfWork, call: Call, ending: Ending, *, seconds: int, now: datetime) -> Call:
    """The call is over; what it asks of a human becomes a task, in the case if there is one."""
    wanted = left_to_do(call)
    over = replace(call, ended_at=now, ended_as=ending, seconds=seconds, ringing=None)
    uow.calls.save(over)
    if wanted:
        leave_to_human(uow, call, wanted, now=now)
    if call.case_id:
        uow.tell(call.case_id, [CallEnded(call.id, ending, seconds, wanted)], actor="reception")
    else:
        uow.audit.record(Deed("call.ended", "reception", call.id, {"ended_as": ending, "wanted": wanted}))
    match call.kind:
        case Kind.CALLBACK:
            calling_back.call_ended(uow, over, now=now)
        case Kind.BRIDGE:
            calling_out.call_ended(uow, over, now=now)
        case Kind.HOTLINE if wanted == "call_back" and not over.message:
            calling_back.dropped(uow, over, now=now)
    return over


def left_to_do(call: Call) -> str | None:
    """What a call that is over leaves to a human, as the kind of a task.

    Somebody who asked for help, or left words, or whom nobody answered, is called back, unless they
    said that this is not safe. Somebody who heard everything out and neither pressed a key nor spoke
    may be in danger.
    """
    if call.answered_by:
        return None
    if call.wanted_something or call.unheard or not call.state.recording:
        may_call = call.state.safe in {None, Safe.YES}
        return "call_back" if may_call else "contact_otherwise"
    heard_out = not call.pressed and call.state.step in _HEARD_OUT
    return "possible_danger" if call.silent or heard_out else None


def leave_to_human(uow: UnitOfWork, call: Call, wanted: str, *, now: datetime) -> None:
    """Put before a human what the call left to do, in its case if there is one."""
    within = _URGENT_WITHIN if call.state.danger else LEFT_WITHIN[wanted]
    subject = None if call.case_id else call.id
    uow.records.add_task(kind=wanted, case_id=call.case_id, subject_id=subject, due_at=now + within, now=now)


def any_lost(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether there is a call whose end no carrier told us of."""
    return uow.calls.any_overdue(now)


def end_lost(uow: UnitOfWork, *, now: datetime, limit: int = 100) -> int:
    """End the calls whose end no carrier told us of: none can last so long. Returns how many."""
    lost = uow.calls.overdue(now, limit=limit)
    for call in lost:
        end(uow, call, Ending.LOST, seconds=0, now=now)
    return len(lost)
