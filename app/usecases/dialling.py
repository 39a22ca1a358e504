"""The one gate through which calls leave: whether a phone may be called, and the wish that one be made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.calls.rules.calls import Call, Kind
from app.calls.rules.dialling import PICKED_UP_WITHIN, WORTH_IT, Dial
from app.calls.rules.hours import next_hours
from app.calls.rules.ivr import State
from app.kernel.ids import new_id
from app.kernel.phone import Phone, SenderKind
from app.usecases.rulebook import Maker
from app.usecases.unit_of_work import UnitOfWork

OWN_NUMBER: Final = "own_number"
DEAR_NUMBER: Final = "premium_number"
OPTED_OUT: Final = "opted_out"
OUTSIDE_HOURS: Final = "outside_hours"


@dataclass(frozen=True, slots=True)
class Refused:
    """The phone must not be called now. `next_at` is when it may be, in UTC; None for never."""

    because: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to be made: `rings` is the phone that is rung first, `for_whom` the person's.

    They differ where a worker is rung, to be joined with the person. `urgent` lifts quiet hours.
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
    if uow.outbox.rule_for(phone).opted_out_at is not None:
        return Refused(OPTED_OUT)
    at = now if urgent else next_hours(phone.country, now)
    return None if at <= now else Refused(OUTSIDE_HOURS, at)


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
        attempt=0, created_at=now, may_be_placed=False,
    )  # fmt: skip
    uow.dials.add(dial, expires_at)
    return call
