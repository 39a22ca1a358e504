"""Answering a call: what the caller hears next, and what their keys make of a case."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from app.audit.rules import Deed
from app.calls.rules import desk as desk_rules
from app.calls.rules import ivr
from app.calls.rules.calls import LONGEST, Call, Ending, Kind
from app.calls.rules.documents import Document, Reject
from app.calls.rules.ivr import OTHER, Heard, News, Situation, State, Step, Turn
from app.calls.rules.prompts import Desk
from app.cases.rules import stages
from app.cases.rules.facts import AnswerGiven, CallReceived
from app.intake.rules.incoming import Arrival, IncomingCallReport, kept_id
from app.intake.store import ContactPoint
from app.kernel.ids import new_id
from app.kernel.language import Language, Script
from app.kernel.phone import NotAPhone, Phone, Sender
from app.kernel.urgency import Urgency
from app.usecases import call_ends, calling_back, recording_desk, ringing
from app.usecases.opening import Draft, learn_more, open_case, tell_owner
from app.usecases.safe_contact import heed_keys
from app.usecases.unit_of_work import UnitOfWork

CHANNEL: Final = "call"
NOT_KNOWN: Final = "unknown"  # the sender of a call of which we know nothing but what was left in it
_HOME: Final = "KH"
REJECTED: Final[Document] = (Reject(),)


@dataclass(frozen=True, slots=True)
class Coming:
    """A call as the carrier announces it. `raw` is the request as it came."""

    carrier: str
    account: str
    carrier_id: str
    sender: str
    via: str
    raw: bytes


def begin(uow: UnitOfWork, coming: Coming, *, now: datetime) -> tuple[Call, Document]:
    """The call, kept before anything is said to it, and its first document. A repeat gets the same."""
    sender = Sender.read(coming.sender)
    own = sender.phone in uow.rulebook.own_numbers
    desk = recording_desk.desk_for(uow, sender.phone, now=now) if sender.phone and not own else None
    point = point_of(uow, sender.phone, now=now) if sender.phone and not own and not desk else None
    known = uow.calls.locked_by_carrier(coming.carrier, coming.account, coming.carrier_id)
    if known:
        return known, document(uow, known)
    if calling_back.is_for(uow, coming.via):
        return _rang(uow, coming, sender, point, now=now)
    if desk:
        return _at_desk(uow, coming, desk, now=now)
    case = uow.cases.open_with_phone(point.id) if point else None
    call = Call(
        id=new_id(now), kind=Kind.HOTLINE, carrier=coming.carrier, account=coming.account,
        carrier_id=coming.carrier_id, via=coming.via, began_at=now, ends_by=now + LONGEST,
        sender_kind=sender.kind.value, state=ivr.begin(language=_language(point)),
        contact_point_id=point.id if point else None, case_id=case.id if case else None,
    )  # fmt: skip
    if not uow.calls.add(call):
        # The same call came at the same moment to another process, which has just kept it.
        return begin(uow, coming, now=now)
    arrival = Arrival(coming.carrier, coming.account, coming.carrier_id, "call", coming.sender, coming.raw)
    uow.intake.keep_answered(arrival, call.id, now)
    if case:
        uow.tell(case.id, [received(call)], actor="reception")
        tell_owner(uow, case, now=now)
    else:
        uow.audit.record(Deed("call.received", "reception", call.id))
    if point:
        calling_back.answered(uow, point.id, now=now)
    return call, document(uow, call)


def _at_desk(uow: UnitOfWork, coming: Coming, desk: Desk, *, now: datetime) -> tuple[Call, Document]:
    """A call of a worker who comes to record prompts: no contact, no case and no task comes of it."""
    call = Call(
        id=new_id(now), kind=Kind.DESK, carrier=coming.carrier, account=coming.account,
        carrier_id=coming.carrier_id, via=coming.via, began_at=now, ends_by=now + LONGEST,
        sender_kind=Sender.read(coming.sender).kind.value, state=desk_rules.begin(Language(desk.language)),
        worker_id=desk.worker_id,
    )  # fmt: skip
    if not uow.calls.add(call):
        return begin(uow, coming, now=now)
    uow.audit.record(Deed("call.received", "reception", call.id, {"kind": Kind.DESK.value}))
    return call, document(uow, call)


def _rang(
    uow: UnitOfWork, coming: Coming, sender: Sender, point: ContactPoint | None, *, now: datetime
) -> tuple[Call, Document]:
    """A ring at a number that we do not answer: it is over at once, and called back."""
    ring = Call(
        id=new_id(now), kind=Kind.MISSED, carrier=coming.carrier, account=coming.account,
        carrier_id=coming.carrier_id, via=coming.via, began_at=now, ends_by=now, ended_at=now,
        ended_as=Ending.BUSY, seconds=0, sender_kind=sender.kind.value, state=State(Step.GONE),
        contact_point_id=point.id if point else None,
    )  # fmt: skip
    if not uow.calls.add(ring):
        return begin(uow, coming, now=now)
    uow.audit.record(Deed("call.rang", "reception", ring.id))
    if point:
        problem = calling_back.rang(uow, ring, point.phone, now=now)
    else:
        problem = calling_back.OWN_NUMBER if sender.phone else calling_back.NO_NUMBER
    arrival = Arrival(coming.carrier, coming.account, coming.carrier_id, "call", coming.sender, coming.raw)
    uow.intake.keep_answered(arrival, ring.id, now, problem=problem)
    return ring, REJECTED


def call_of(uow: UnitOfWork, coming: Coming) -> Call | None:
    """The call that the carrier speaks of, locked."""
    return uow.calls.locked_by_carrier(coming.carrier, coming.account, coming.carrier_id)


def go_on(uow: UnitOfWork, call: Call, at: int, heard: Heard, *, now: datetime) -> tuple[Call, Document]:
    """The next document of a locked call after what was heard of document number `at`.

    An answer that was lost is asked for again: then the same document is given again, and nothing else.
    """
    if at != call.state.documents or call.ended_at:
        return call, document(uow, call)
    situation = situation_of(uow, call)
    turn = ivr.advance(call.state, heard, situation)
    if call.state.step is Step.GATE and turn.state.step is Step.LANGUAGE:
        calling_back.reached(uow, call, now=now)
    pressed = call.pressed or heard.keys is not None
    call = replace(call, state=turn.state, pressed=pressed, ringing=None)
    for news in turn.news:
        call = _learn(uow, call, news, turn, now=now)
    if call.state.step is Step.RING:
        call = _ring(uow, call, situation)
    uow.calls.save(call)
    return call, document(uow, call)


def rung(uow: UnitOfWork, call: Call, at: int, *, talked: bool, now: datetime) -> tuple[Call, Document]:
    """The next document of a locked call after a worker's phone rang.

    `talked`: the carrier says that somebody picked up, which may have been a voicemail box; where it
    could ask for a key, only that counts.
    """
    if talked and not uow.rulebook.screens_calls and at == call.state.documents:
        call = ringing.joined(uow, call, now=now)
    return go_on(uow, call, at, Heard(joined=call.answered_by is not None), now=now)


def document(uow: UnitOfWork, call: Call) -> Document:
    """What the carrier is to do with the call as it stands."""
    if call.kind is Kind.DESK:
        return recording_desk.document(uow, call)
    if call.kind is Kind.MISSED:
        return REJECTED
    if call.state.step is Step.RING and call.ringing:
        return ringing.document(uow, call)
    return ivr.document_of(call.state)


def situation_of(uow: UnitOfWork, call: Call) -> Situation:
    """What the menu has to know of this hotline and this caller."""
    urgent = frozenset(name for name, least in uow.rulebook.floors.items() if least is Urgency.U1)
    hidden = call.contact_point_id is None and call.kind is Kind.HOTLINE
    return Situation(uow.rulebook.menu, urgent, hidden)


def ended(uow: UnitOfWork, carrier: str, account: str, report: IncomingCallReport, *, now: datetime) -> bool:
    """Whether the call is known. Once it has ended, what it left to do stands before a human."""
    call = uow.calls.locked_by_carrier(carrier, account, kept_id(report.carrier_id))
    if call is None:
        return False
    if report.sender and call.sender_kind == NOT_KNOWN:
        call = _recognised(uow, call, report, now=now)
    if report.ended_as and call.ended_at is None:
        call_ends.end(uow, call, Ending(report.ended_as), seconds=report.seconds, now=now)
    return True


def message_came(uow: UnitOfWork, call: Call, *, now: datetime) -> Call:
    """The call with a message in it, and its case. It may come before or after the call's own end."""
    if call.message:
        return call
    reasons = [_reason(call, "call.message")]
    told = _in_case(uow, replace(call, message=True, silent=False), (), reasons, now=now)
    return _learnt_late(uow, call, told, now=now)


def nothing_said(uow: UnitOfWork, call: Call, *, now: datetime) -> Call:
    """The call whose caller was on the line and said nothing. It may come before or after the call's end."""
    if call.message or call.silent:
        return call
    return _learnt_late(uow, call, replace(call, silent=True), now=now)


def _learnt_late(uow: UnitOfWork, before: Call, after: Call, *, now: datetime) -> Call:
    """The call as it is now, saved; what only now asks for a human, when it is over, becomes a task."""
    if before.ended_at and not call_ends.left_to_do(before) and (wanted := call_ends.left_to_do(after)):
        call_ends.leave_to_human(uow, after, wanted, now=now)
    if before.ended_at and after.case_id and not before.case_id:
        uow.records.put_tasks_into(after.case_id, subject_id=after.id)
    uow.calls.save(after)
    return after


def _learn(uow: UnitOfWork, call: Call, news: News, turn: Turn, *, now: datetime) -> Call:
    match news:
        case News.DANGER:
            reasons = [_reason(call, "call.danger_key")]
            call = _in_case(uow, call, (), reasons, now=now, least=Urgency.U1)
        case News.PROBLEM:
            chosen = () if call.state.problem in {None, OTHER} else (str(call.state.problem),)
            reasons = [_reason(call, f"answer.problem.{call.state.problem}")]
            call = _in_case(uow, call, chosen, reasons, now=now)
        case News.NO_RECORDING:
            call = _in_case(uow, call, (), [_reason(call, "call.no_recording")], now=now)
        case News.MESSAGE:
            call = message_came(uow, call, now=now)
        case News.NUMBER:
            call = _number_given(uow, call, turn.digits or "", now=now)
        case News.SILENT:
            call = replace(call, silent=not call.message)
        case News.LANGUAGE:
            _read_in(uow, call, now=now)
        case News.SAFE:
            _safe_said(uow, call, now=now)
    return call


def _in_case(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, call: Call, categories: tuple[str, ...], reasons: list[dict[str, Any]], *,
    now: datetime, least: Urgency | None = None,
) -> Call:  # fmt: skip
    """The call in its case: the one that it belongs to, or the open one of its phone, or a new one."""
    if call.case_id is None:
        reasons = [*calling_back.reasons(uow, call), *reasons]
    case = uow.cases.locked(call.case_id, None) if call.case_id else None
    if case is None and call.contact_point_id:
        case = uow.cases.open_with_phone(call.contact_point_id)
    if case is None or not case.is_open:
        return _opened(uow, call, categories, reasons, least=least, now=now)
    urgency = uow.rulebook.urgency_of(categories, least or Urgency.U4)
    learnt, facts = stages.learn(case, categories=categories, urgency=urgency, reasons=reasons, now=now)
    case = learn_more(uow, case, learnt, facts, now=now)
    if call.case_id is None:
        uow.tell(case.id, [received(call)], actor="reception")
    tell_owner(uow, case, now=now)
    return replace(call, case_id=case.id)


def _opened(  # noqa: PLR0913 - as above
    uow: UnitOfWork, call: Call, categories: tuple[str, ...], reasons: list[dict[str, Any]], *,
    least: Urgency | None, now: datetime,
) -> Call:  # fmt: skip
    phones = uow.intake.phones([call.contact_point_id]) if call.contact_point_id else {}
    country = next((phone.country for phone in phones.values()), None)
    draft = Draft(
        categories=categories, urgency=least or (Urgency.U4 if categories else Urgency.U2),
        language=call.state.language, channel=CHANNEL, destination=country if country != _HOME else None,
        reasons=tuple(reasons),
    )  # fmt: skip
    case = open_case(uow, draft, actor="reception", now=now)
    if call.contact_point_id:
        uow.cases.add_phone(case.id, call.contact_point_id, now)
    uow.tell(case.id, [received(call)], actor="reception")
    return replace(call, case_id=case.id)


def _ring(uow: UnitOfWork, call: Call, situation: Situation) -> Call:
    """The call with the next phone ringing, or on the way on where nobody is there to ring."""
    worker_id = ringing.next_to_ring(uow, call)
    if worker_id is None:
        return replace(call, state=ivr.nobody_to_ring(call.state, situation))
    return replace(call, ringing=worker_id, rung=(*call.rung, worker_id))


def _number_given(uow: UnitOfWork, call: Call, typed: str, *, now: datetime) -> Call:
    """A caller whose number is hidden typed one. It is kept as typed also where it is no number."""
    call = replace(call, typed_number=typed)
    region = Phone(call.via).country if call.via.startswith("+") else None
    try:
        phone = Phone.parse(typed, region=region)
    except NotAPhone:
        return call
    if phone in uow.rulebook.own_numbers:
        return call
    point = point_of(uow, phone, now=now)
    if call.case_id:
        uow.cases.add_phone(call.case_id, point.id, now)
    return replace(call, contact_point_id=point.id)


def _read_in(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """The person chose a language: texts to them are in it from now on."""
    phones = uow.intake.phones([call.contact_point_id]) if call.contact_point_id else {}
    for phone in phones.values():
        point = point_of(uow, phone, now=now)
        if point.language != call.state.language:
            script = Script.KHMER if call.state.language is Language.KM else Script.ENGLISH
            uow.intake.read_in(point.id, language=call.state.language, script=script)


def _safe_said(uow: UnitOfWork, call: Call, *, now: datetime) -> None:
    """Whether we may call: it counts for every later text and call to this phone."""
    if not (call.case_id and call.state.safe):
        return
    fact = AnswerGiven("may_call", call.state.safe, call_id=call.id)
    uow.tell(call.case_id, [fact], actor="reception")
    for point in uow.intake.points([call.contact_point_id] if call.contact_point_id else []).values():
        heed_keys(uow, point, call.case_id, call.state.safe, now=now)


def _recognised(uow: UnitOfWork, call: Call, report: IncomingCallReport, *, now: datetime) -> Call:
    """A call of which we had nothing but the words that were left, now with the phone that it came from."""
    sender = Sender.read(report.sender)
    call = replace(call, sender_kind=sender.kind.value, via=report.via)
    if sender.phone and sender.phone not in uow.rulebook.own_numbers:
        point = point_of(uow, sender.phone, now=now)
        call = replace(call, contact_point_id=point.id)
        if call.case_id:
            uow.cases.add_phone(call.case_id, point.id, now)
    uow.calls.save(call)
    return call


def point_of(uow: UnitOfWork, phone: Phone, *, now: datetime) -> ContactPoint:
    """The contact point of a phone; a call says nothing of what its owner reads."""
    return uow.intake.contact_point(phone, language=Language.KM, script=Script.UNREADABLE, now=now)


def _language(point: ContactPoint | None) -> Language:
    return Language.EN if point and point.language == Language.EN else Language.KM


def received(call: Call) -> CallReceived:
    """The fact that this call came."""
    return CallReceived(call.id, call.carrier, call.carrier_id or "")


def _reason(call: Call, rule: str) -> dict[str, Any]:
    return {"rule": rule, "category": None, "call_id": str(call.id)}
