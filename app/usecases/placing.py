"""Making the calls that are wanted: lease one, have the carrier make it, write down what it said."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.calls.rules.calls import LONGEST, Call, Ending
from app.calls.rules.dialling import LEASE, PACE, Dial, DialState
from app.outbox.rules import (
    ASK_AGAIN_AFTER,
    CallLeave,
    GiveUp,
    Hold,
    NotKnown,
    Sending,
    Taken,
    TryLater,
    wait_before,
)
from app.usecases import call_ends, dialling
from app.usecases.deliveries import CARRIER_REFUSES
from app.usecases.unit_of_work import UnitOfWork

_TURN: Final = "dialler"
_LOOK_WITHIN: Final = timedelta(hours=1)
_BATCH: Final = 50


def anything_to_do(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether there is a call to make, or one that is not worth making any more."""
    return uow.dials.anything_to_do(now)


def lease(uow: UnitOfWork, *, now: datetime) -> tuple[Dial, CallLeave] | None:
    """A call that nobody else will make while the lease lasts; at most one a second, whoever asks.

    The gate is asked again: what was learnt since the call was wanted counts. Calls whose time is over
    are given up on the way.
    """
    for over in uow.dials.claim_over(now, _BATCH):
        uow.dials.move(over.call_id, DialState.GIVEN_UP)
        _end(uow, over.call_id, Ending.CANCELED, now=now)
    if not uow.heartbeats.turn(_TURN, now, every=PACE):
        return None
    dial = uow.dials.claim_due(now)
    uow.rulebook.passed("dials.claimed")
    leave = dialling.leave_for(uow, dial, now=now) if dial else None
    if dial and leave is None:
        uow.dials.move(dial.call_id, DialState.GIVEN_UP)
        _end(uow, dial.call_id, Ending.CANCELED, now=now)
    return (dial, leave) if dial and leave else None


def record(uow: UnitOfWork, dial: Dial, said: Sending, *, now: datetime) -> None:
    """Write down what the carrier said of a leased call. Only what it took counts after the lease ran out."""
    known = uow.dials.locked(dial.call_id)
    if known is None:
        return
    if isinstance(said, Taken):
        _placed(uow, dial.call_id, carrier_id=said.carrier_id, now=now)
    elif known.state is DialState.LEASED and known.attempts == dial.attempt:
        _not_placed(uow, dial, said, now=now)
    uow.rulebook.passed("dials.recorded")


def picked_up(  # noqa: PLR0913 - the carrier's three words of the call, the transaction and the time
    uow: UnitOfWork, call_id: UUID, *, account: str, carrier_id: str, machine: bool, now: datetime
) -> Call | None:
    """The call of ours that was just picked up; None where nothing is to be said to whoever did.

    The carrier asks for this even where its answer to our wish was lost: so the call learns its id.
    A second call that was made for the same wish hears nothing, nor does a machine.
    """
    known = uow.dials.locked(call_id)
    call = uow.calls.locked(call_id)
    if known is None or call is None or call.ended_at or call.carrier_id not in {None, carrier_id}:
        uow.audit.record(Deed("call.picked_up_in_vain", "dialler", call_id))
        return None
    if known.state is not DialState.PLACED:
        uow.dials.move(call_id, DialState.PLACED, placed_at=now)
    begun = replace(call, account=account, carrier_id=carrier_id, ends_by=now + LONGEST)
    if call.state.documents == 1:
        begun = replace(begun, began_at=now)
    uow.calls.save(begun)
    return None if machine else begun


def _placed(uow: UnitOfWork, call_id: UUID, *, carrier_id: str | None, now: datetime) -> None:
    """The carrier has the call. What it told us of it in the meantime stays."""
    known, call = uow.dials.locked(call_id), uow.calls.locked(call_id)
    if known is None or call is None:
        return
    if known.state is not DialState.PLACED:
        uow.dials.move(call_id, DialState.PLACED, placed_at=now)
    if call.carrier_id is None:
        uow.calls.save(replace(call, carrier_id=carrier_id))
        uow.audit.record(Deed("call.placed", "dialler", call_id))


def _not_placed(
    uow: UnitOfWork, dial: Dial, said: TryLater | Hold | GiveUp | NotKnown, *, now: datetime
) -> None:
    # While it is not known whether an earlier try was placed, each later one has to look before it calls.
    waiting = DialState.LEASED if dial.may_be_placed else DialState.WANTED
    match said:
        case TryLater(code, wait, _):
            due_at = now + wait_before(dial.attempt, wait)
            uow.dials.move(dial.call_id, waiting, error_code=code, due_at=due_at)
        case Hold(code):
            due_at = now + ASK_AGAIN_AFTER
            uow.dials.move(dial.call_id, waiting, error_code=code, due_at=due_at)
            uow.records.add_task_once(
                kind=CARRIER_REFUSES, subject_id=dial.call_id, due_at=now + _LOOK_WITHIN, now=now
            )
        case NotKnown(code):
            # What was asked for may still be on its way there: look only when it must have arrived.
            uow.dials.move(dial.call_id, DialState.LEASED, error_code=code, due_at=now + LEASE)
        case GiveUp(code, _):
            uow.dials.move(dial.call_id, DialState.FAILED, error_code=code)
            _end(uow, dial.call_id, Ending.FAILED, now=now)


def _end(uow: UnitOfWork, call_id: UUID, ending: Ending, *, now: datetime) -> None:
    call = uow.calls.locked(call_id)
    if call and call.ended_at is None:
        call_ends.end(uow, call, ending, seconds=0, now=now)
