"""Calling back who rang and was not answered: keep the ring, call at a safe time, and else tell a human."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.calls.rules import callbacks, ivr
from app.calls.rules.callbacks import (
    BUDGET,
    CANNOT_BE_CALLED,
    COUNTRY,
    DEAR,
    LATE_AFTER,
    LEARNT_LATE,
    UNKNOWN,
    URGENT_WITHIN,
    CallNow,
    HandOver,
    Made,
    MissedCall,
    Stage,
    Wait,
)
from app.calls.rules.calls import LEFT_WITHIN, RING, RING_UNSCREENED, Call, Kind
from app.calls.rules.dialling import DialState
from app.cases.rules.facts import CallDropped, CallReceived
from app.kernel.ids import new_id
from app.kernel.language import Language
from app.kernel.phone import Phone
from app.outbox.rules import call_back_at, next_time_to_call, zone_of
from app.usecases import dialling
from app.usecases.dialling import Refused, Wish
from app.usecases.opening import tell_owner
from app.usecases.unit_of_work import UnitOfWork

OWN_NUMBER: Final = "own_number"
NO_NUMBER: Final = "no_number"
BUDGET_USED_UP: Final = "callback_budget_used_up"
NOT_CALLED_BACK: Final = "not_called_back"
_LOOK_WITHIN: Final = timedelta(hours=12)
_DAY: Final = timedelta(days=1)
_ALL_CALLERS: Final = "callbacks"
_NO_CARRIER: Final = "no_carrier"
# No call of ours will reach them, so a human has to think of something else.
_NEVER: Final = frozenset({callbacks.NEVER_SAFE, CANNOT_BE_CALLED})


def is_for(uow: UnitOfWork, via: str) -> bool:
    """Whether this number of ours is one that people ring to be called back."""
    return via in uow.rulebook.callbacks.numbers


def rang(uow: UnitOfWork, call: Call, phone: Phone, *, now: datetime) -> str | None:
    """The ring is joined with those of the same phone that wait, and its call back is due.

    Returns why this number is not called back, as a stable code. `call` is the ring, kept already.
    """
    rules = uow.rulebook.callbacks
    point_id = _point_id(call)
    latest = uow.missed.latest_of(point_id)
    refused = callbacks.refused_because(phone, rules)
    refused_lately = latest and latest.stage is Stage.REFUSED and latest.last_at > now - _DAY
    joins = latest and (latest.is_open or (refused and refused_lately))
    begun = callbacks.first_ring(new_id(now), point_id, call.via, now=now)
    before = latest if latest and joins else _still_urgent(begun, latest, now=now)
    lately = uow.calls.rings_since(point_id, now - URGENT_WITHIN)
    missed = callbacks.rang(before, within_the_hour=lately, rules=rules, now=now)
    if refused:
        missed = replace(missed, stage=Stage.REFUSED, because=refused)
    if joins:
        uow.missed.save(missed)
    else:
        uow.missed.add(missed)
        if refused in {COUNTRY, UNKNOWN}:
            # One task for all of them: whoever rings from everywhere must not bury those who need us.
            uow.records.add_task_once(
                kind=NOT_CALLED_BACK, subject_id=call.id, due_at=now + _LOOK_WITHIN, now=now
            )
    if missed.urgent_at and not before.urgent_at and refused != DEAR:
        _task(uow, missed, "possible_danger", subject_id=call.id, now=now)
    return refused


def learnt_late(uow: UnitOfWork, ring: Call, phone: Phone, *, now: datetime) -> str | None:
    """A ring that was not told when it came is called back while it is young, else given to a human.

    Nothing more follows where the phone rang once more since: that ring was heard. Returns as `rang`.
    """
    point_id, rang_at = _point_id(ring), ring.began_at
    latest = uow.missed.latest_of(point_id)
    if latest and latest.last_at >= rang_at:
        return None
    refused = callbacks.refused_because(phone, uow.rulebook.callbacks)
    if refused or (latest and latest.is_open) or now - rang_at < LATE_AFTER:
        return rang(uow, ring, phone, now=rang_at)
    told = uow.missed.handed_over_since(point_id, rang_at - _DAY)
    missed = callbacks.first_ring(new_id(now), point_id, ring.via, now=rang_at)
    missed = replace(missed, rings=1, due_at=now, stage=Stage.GIVEN_UP, because=LEARNT_LATE)
    uow.missed.add(missed)
    if not told:
        _task(uow, missed, "call_back", subject_id=ring.id, now=now)
    return None


def dropped(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """A call broke off before the person had said everything: who asked for that is called back by us.

    Everybody else is a human's to call: an unasked call to an unknown phone may do harm.
    """
    phones = uow.intake.phones([call.contact_point_id]) if call.contact_point_id else {}
    latest = uow.missed.latest_of(call.contact_point_id) if call.contact_point_id else None
    phone = next(iter(phones.values()), None)
    if phone is None or call.case_id is None or (latest and latest.is_open):
        return
    at = call_back_at(uow.outbox.safety_of(phone), now, urgent=call.state.danger)
    if at is None or callbacks.refused_because(phone, uow.rulebook.callbacks):
        return
    waits = callbacks.first_ring(new_id(now), _point_id(call), call.via, now=now)
    due_at = max(at, now + uow.rulebook.callbacks.after)
    uow.missed.add(replace(waits, due_at=due_at, urgent_at=now if call.state.danger else None))
    uow.tell(call.case_id, [CallDropped(call.id, due_at)], actor="calls")


def answered(uow: UnitOfWork, point_id: UUID, *, now: datetime) -> None:
    """The person called a number that we answer: they are not called back any more."""
    missed = uow.missed.latest_of(point_id)
    if missed is None or not missed.is_open:
        return
    uow.missed.save(replace(missed, stage=Stage.ANSWERED))
    if missed.stage is Stage.CALLING and missed.call_id:
        uow.dials.withdraw(missed.call_id, now)


def anything_due(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether somebody is to be called back now."""
    return uow.missed.anything_due(now)


def call_next(uow: UnitOfWork, *, now: datetime) -> bool:
    """Decide on the call back that waited longest. Its whole effect is rows: the dialler makes the call."""
    if uow.rulebook.callbacks.daily_budget is not None:
        # Of several workers one decides at a time: each has to see what the others have spent.
        uow.heartbeats.beat(_ALL_CALLERS, now)
    missed = uow.missed.claim_due(now)
    if missed is None:
        return False
    _act(uow, missed, now=now)
    return True


def reached(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """Somebody pressed the key at the gate: from here on it is a call like any other."""
    missed = uow.missed.locked_by_call(call.id)
    if missed and missed.is_open:
        uow.missed.save(replace(missed, stage=Stage.REACHED))
    if call.case_id and (case := uow.cases.locked(call.case_id, None)):
        fact = CallReceived(call.id, call.carrier, call.carrier_id or "")
        uow.tell(case.id, [fact], actor="reception")
        tell_owner(uow, case, now=now)


def reasons(uow: UnitOfWork, call: Call) -> list[dict[str, Any]]:
    """What the rings before a call back say of a case that comes of it: how many they were."""
    missed = uow.missed.locked_by_call(call.id) if call.kind is Kind.CALLBACK else None
    if missed is None or missed.rings == 0:
        return []
    return [{"rule": "call.rings", "category": None, "call_id": str(call.id), "count": missed.rings}]


def call_ended(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """A call back is over. Where it reached nobody, another one follows, or a human."""
    missed = uow.missed.locked_by_call(call.id)
    if missed is None:
        return
    if call.case_id:
        uow.calls.put_rings_into(call.case_id, missed.contact_point_id, missed.first_at)
    if missed.stage is not Stage.CALLING:
        return
    dial = uow.dials.locked(call.id)
    if dial and dial.state is DialState.FAILED:
        _hand_over(uow, missed, CANNOT_BE_CALLED, now=now)
        return
    phone = uow.intake.phones([missed.contact_point_id])[missed.contact_point_id]
    safety = uow.outbox.safety_of(phone)
    dawn = callbacks.dawn(zone_of(safety), now)
    morning = next_time_to_call(safety, dawn, urgent=False) or dawn
    match callbacks.not_reached(missed, morning, rules=uow.rulebook.callbacks, now=now):
        case Wait(until, because):
            rang_meanwhile = missed.last_at > call.began_at
            at = min(until, now + uow.rulebook.callbacks.after) if rang_meanwhile else until
            uow.missed.save(replace(missed, stage=Stage.WAITING, because=because, due_at=at))
        case HandOver(because):
            _hand_over(uow, missed, because, now=now)


def _act(uow: UnitOfWork, missed: MissedCall, *, now: datetime) -> None:
    phone = uow.intake.phones([missed.contact_point_id])[missed.contact_point_id]
    rules = uow.rulebook.callbacks
    refused = dialling.refusal_to_call(uow, phone, urgent=missed.may_come_at_any_hour(now), now=now)
    made = Made(
        uow.dials.called_back_since(phone, now - _DAY),
        uow.dials.calls_back_since(callbacks.budget_day(now)) if rules.daily_budget is not None else 0,
    )
    match callbacks.decide(made, refused.next_at if refused else now, rules=rules, now=now):
        case CallNow():
            _call(uow, missed, phone, now=now)
        case Wait(until, because):
            if because == BUDGET:
                uow.records.add_task_once(
                    kind=BUDGET_USED_UP, subject_id=None, due_at=now + LEFT_WITHIN["call_back"], now=now
                )
            uow.missed.save(replace(missed, due_at=until, because=because))
        case HandOver(because):
            _hand_over(uow, missed, because, now=now)


def _call(uow: UnitOfWork, missed: MissedCall, phone: Phone, *, now: datetime) -> None:
    maker = uow.rulebook.call_maker
    if maker is None:
        _hand_over(uow, missed, _NO_CARRIER, now=now)
        return
    screened = uow.rulebook.screens_calls
    case = uow.cases.open_with_phone(missed.contact_point_id)
    language = uow.intake.language_of(missed.contact_point_id)
    made = dialling.want(uow, Wish(
        kind=Kind.CALLBACK, rings=phone, for_whom=phone, via=missed.via,
        ring=RING if screened else RING_UNSCREENED, detect_machine=screened,
        state=ivr.begin(language=Language.EN if language == Language.EN else Language.KM, gate=True),
        urgent=missed.may_come_at_any_hour(now), contact_point_id=missed.contact_point_id,
        case_id=case.id if case else None,
    ), maker=maker, now=now)  # fmt: skip
    if isinstance(made, Call):
        calling = replace(missed, stage=Stage.CALLING, tries=missed.tries + 1, because=None, call_id=made.id)
        uow.missed.save(calling)
        uow.audit.record(Deed("call.wanted", "callbacks", made.id, {"try": calling.tries}))
    elif isinstance(made, Refused):
        _hand_over(uow, missed, made.because, now=now)


def _hand_over(uow: UnitOfWork, missed: MissedCall, because: str, *, now: datetime) -> None:
    """A human finds a way. Who rings again and again is handed over once a day, not each time."""
    told = uow.missed.handed_over_since(missed.contact_point_id, now - _DAY)
    uow.missed.save(replace(missed, stage=Stage.GIVEN_UP, because=because))
    if not told:
        kind = "contact_otherwise" if because in _NEVER else "call_back"
        _task(uow, missed, kind, subject_id=missed.call_id or missed.id, now=now)


def _task(uow: UnitOfWork, missed: MissedCall, kind: str, *, subject_id: UUID, now: datetime) -> None:
    case = uow.cases.open_with_phone(missed.contact_point_id)
    uow.records.add_task(
        kind=kind, case_id=case.id if case else None, subject_id=None if case else subject_id,
        due_at=now + LEFT_WITHIN[kind], now=now,
    )  # fmt: skip


def _still_urgent(begun: MissedCall, latest: MissedCall | None, *, now: datetime) -> MissedCall:
    """The first ring of a phone of which a human was told within the hour that it rings and rings."""
    since = latest.urgent_at if latest else None
    return replace(begun, urgent_at=since) if since and since > now - URGENT_WITHIN else begun


def _point_id(call: Call) -> UUID:
    assert call.contact_point_id is not None  # noqa: S101 - who hides the number has no phone to call back
    return call.contact_point_id
