"""Calls of which only the carrier's list told: kept as they were, and given to a human to call back."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.audit.rules import Deed
from app.calls.rules.calls import Call, Ending, Kind
from app.calls.rules.ivr import State, Step
from app.intake.rules.incoming import IncomingCallReport, kept_id
from app.intake.store import Waiting
from app.kernel.ids import new_id
from app.kernel.phone import Sender
from app.usecases import answering, call_ends, calling_back, recording_desk
from app.usecases.opening import tell_owner
from app.usecases.unit_of_work import UnitOfWork


def take(
    uow: UnitOfWork, arrival: Waiting, report: IncomingCallReport, *, began_at: datetime, now: datetime
) -> tuple[Call, str | None]:
    """The call that the list tells of, over, and why nothing follows, as a stable code, if nothing does.

    Of a call that we know nothing is taken but its end, and its sender. Repeating it changes nothing.
    """
    known = _known(uow, arrival, report, now=now)
    if known:
        return known, None
    sender = Sender.read(report.sender)
    phone = sender.phone if sender.phone not in uow.rulebook.own_numbers else None
    desk = recording_desk.desk_for(uow, phone, now=began_at) if phone else None
    point = answering.point_of(uow, phone, now=now) if phone and not desk else None
    call = _made(arrival, report, began_at=began_at, now=now)
    kind = Kind.DESK if desk else call.kind
    if calling_back.is_for(uow, report.via):
        kind = Kind.MISSED
    call = replace(
        call, kind=kind, sender_kind=sender.kind.value, contact_point_id=point.id if point else None,
        worker_id=desk.worker_id if desk and kind is Kind.DESK else None,
    )  # fmt: skip
    if not uow.calls.add(call):
        # A late request of the same call was answered at this moment, and has just kept it.
        return take(uow, arrival, report, began_at=began_at, now=now)
    uow.audit.record(Deed("call.found", "reception", call.id, {"kind": kind.value}))
    match kind:
        case Kind.HOTLINE:
            return _nobody_answered(uow, call, now=now), None
        case Kind.MISSED if point:
            return call, calling_back.learnt_late(uow, call, point.phone, now=now)
        case Kind.MISSED:
            return call, calling_back.OWN_NUMBER if sender.phone else calling_back.NO_NUMBER
    return call, None


def _known(uow: UnitOfWork, arrival: Waiting, report: IncomingCallReport, *, now: datetime) -> Call | None:
    if not answering.ended(uow, arrival.carrier, arrival.account, report, now=now):
        return None
    return uow.calls.locked_by_carrier(arrival.carrier, arrival.account, kept_id(report.carrier_id))


def _made(arrival: Waiting, report: IncomingCallReport, *, began_at: datetime, now: datetime) -> Call:
    """The call as the list has it, before anything is known of who called."""
    return Call(
        id=new_id(now), kind=Kind.HOTLINE, carrier=arrival.carrier, account=arrival.account,
        carrier_id=kept_id(report.carrier_id), via=report.via, sender_kind="",
        state=State(Step.GONE, documents=0),
        began_at=began_at, ends_by=began_at, ended_at=min(began_at + timedelta(seconds=report.seconds), now),
        ended_as=Ending(report.ended_as or Ending.COMPLETED), seconds=report.seconds,
    )  # fmt: skip


def _nobody_answered(uow: UnitOfWork, call: Call, *, now: datetime) -> Call:
    """The call in the open case of its phone, if there is one, and before a human."""
    case = uow.cases.open_with_phone(call.contact_point_id) if call.contact_point_id else None
    if case:
        call = replace(call, case_id=case.id)
        uow.tell(case.id, [answering.received(call)], actor="reception")
    ending = call.ended_as or Ending.COMPLETED
    over = call_ends.end(uow, call, ending, seconds=call.seconds or 0, now=now)
    over = replace(over, ended_at=call.ended_at)
    uow.calls.save(over)
    if case:
        tell_owner(uow, case, now=now)
    return over
