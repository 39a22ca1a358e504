"""The one gate through which calls leave: whether a phone may be called, and the wish that one be made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.calls.rules.calls import Call, Kind
from app.calls.rules.dialling import PICKED_UP_WITHIN, WORTH_IT, Dial
from app.calls.rules.ivr import State
from app.kernel.ids import new_id
from app.kernel.phone import Phone, SenderKind
from app.outbox.rules import NOTHING_KNOWN, CallLeave, call_refused_because, leave_to_call, next_time_to_call
from app.usecases.rulebook import Maker
from app.usecases.unit_of_work import UnitOfWork

OWN_NUMBER: Final = "own_number"
DEAR_NUMBER: Final = "premium_number"


@dataclass(frozen=True, slots=True)
class Refused:
    """The phone must not be called now. `next_at` is when it may be, in UTC; None for never."""

    because: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to be made: `rings` is the phone that is rung first, `for_whom` the person's.

    They differ where a worker is rung, to be joined with the person. `urgent` lifts the usual quiet hours,
    never hours on which somebody agreed.
    """

    kind: Kind
    rings: Phone
    for_whom: Phone
    via: str
    ring: timedelta
    state: State
    urgent: bool = False
    detect_machine: bool = False
    contact_point_id: UUID | None = None
    case_id: UUID | None = None
    worker_id: UUID | None = None
    call_id: UUID | None = None


def refusal_to_call(uow: UnitOfWork, phone: Phone, *, urgent: bool, now: datetime) -> Refused | None:
    """Why nobody may call this person's phone now; None when they may.

    Asked before every call that leaves us, and again at the moment at which the person is dialled.
    """
    if phone in uow.rulebook.own_numbers:
        return Refused(OWN_NUMBER)
    if phone.costs_extra:
        return Refused(DEAR_NUMBER)
    safety = uow.outbox.safety_of(phone)
    because = call_refused_because(safety, now, urgent=urgent)
    return Refused(because, next_time_to_call(safety, now, urgent=urgent)) if because else None


def leave_for(uow: UnitOfWork, dial: Dial, *, now: datetime) -> CallLeave | None:
    """What the carrier needs to ring the phone; None where something was learnt since the call was wanted.

    A worker who asked to be rung holds their own phone, at any hour.
    """
    safety = NOTHING_KNOWN if dial.kind is Kind.BRIDGE else uow.outbox.safety_of(dial.to)
    return leave_to_call(dial.to, safety, now, urgent=dial.urgent or dial.kind is Kind.BRIDGE)


def want(uow: UnitOfWork, wish: Wish, *, maker: Maker, now: datetime) -> Call | Refused | None:
    """The call that the dialler will make, if the gate lets it; nothing else in the program asks for one.

    None where the wish brings an id that is taken.
    """
    if refused := refusal_to_call(uow, wish.for_whom, urgent=wish.urgent, now=now):
        return refused
    expires_at = now + WORTH_IT[wish.kind]
    call = Call(
        id=wish.call_id or new_id(now), kind=wish.kind, carrier=maker.carrier, account=maker.account,
        carrier_id=None, via=wish.via, sender_kind=SenderKind.PHONE, state=wish.state, began_at=now,
        ends_by=expires_at + PICKED_UP_WITHIN, contact_point_id=wish.contact_point_id,
        worker_id=wish.worker_id, case_id=wish.case_id,
    )  # fmt: skip
    if not uow.calls.add(call):
        return None
    dial = Dial(
        call.id, wish.kind, wish.rings, wish.via, wish.ring, wish.detect_machine,
        attempt=0, created_at=now, may_be_placed=False, urgent=wish.urgent,
    )  # fmt: skip
    uow.dials.add(dial, expires_at)
    return call
