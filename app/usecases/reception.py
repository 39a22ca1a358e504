"""Reception: taking what carriers gave us, one stored row at a time, each in its own transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules import stages
from app.cases.rules.facts import MessageReceived
from app.cases.rules.stages import Case
from app.intake.rules.conversation import Reply, reply_to
from app.intake.rules.incoming import IncomingReport, IncomingText
from app.intake.rules.triage import Decision, decide
from app.intake.store import ContactPoint, Conversation, Message, Waiting
from app.kernel.ids import new_id
from app.kernel.language import Script
from app.kernel.phone import Sender, SenderKind
from app.kernel.urgency import Urgency
from app.outbox.rules import ACKNOWLEDGE_AGAIN_AFTER, Purpose, Way
from app.usecases import clocks
from app.usecases.deliveries import apply_carrier_report
from app.usecases.opening import Draft, open_case
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import Words, alert, say

OWN_NUMBER: Final = "own_number"
_SAME_TEXT_WITHIN: Final = timedelta(minutes=10)
_TELL_OWNER_EVERY: Final = timedelta(minutes=15)
_TRIES: Final = 4
_PARKED_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Came:
    """One text while it is being taken: what arrived, and what is known of who sent it."""

    arrival: Waiting
    text: IncomingText
    message: Message
    decision: Decision
    point: ContactPoint | None
    duplicate_of: UUID | None


def anything_waits(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether reception has something to do."""
    return uow.intake.anything_waits(now)


def claim(uow: UnitOfWork, *, now: datetime) -> Waiting | None:
    """The oldest arrival that waits, locked until the transaction ends."""
    arrival = uow.intake.claim_next(now)
    uow.rulebook.passed("reception.claimed")
    return arrival


def take(uow: UnitOfWork, arrival: Waiting, *, now: datetime) -> None:
    """Turn a claimed arrival into what it means: a text in a case, or news of a text of ours.

    Raises: Unreadable, and whatever else is wrong with it; the caller puts it back.
    """
    incoming = uow.rulebook.readers[arrival.carrier](arrival.raw, arrival.account)
    match incoming:
        case IncomingText():
            message_id = take_text(uow, arrival, incoming, now=now)
            uow.intake.taken(arrival.id, message_id=message_id)
        case IncomingReport():
            if apply_carrier_report(uow, arrival.carrier, incoming, now=now):
                uow.intake.taken(arrival.id)
            else:
                _park(uow, arrival, now=now)
    uow.rulebook.passed("reception.changed")


def put_back(uow: UnitOfWork, arrival: Waiting, *, problem: str, now: datetime) -> None:
    """What to do with an arrival that could not be taken: try again soon, and after a few tries tell a human."""
    if arrival.attempts + 1 < _TRIES:
        wait = timedelta(seconds=2 ** (2 * arrival.attempts))
        uow.intake.try_again(arrival.id, at=now + wait, problem=problem)
        return
    uow.intake.quarantine(arrival.id, problem=problem)
    uow.records.add_task(
        kind="unreadable_text", case_id=None, subject_id=arrival.id, due_at=now + timedelta(hours=1), now=now
    )
    uow.audit.record(Deed("inbox.quarantined", "reception", arrival.id, {"problem": problem}))


def take_text(uow: UnitOfWork, arrival: Waiting, text: IncomingText, *, now: datetime) -> UUID:
    """Keep a text, put it into its case, and answer it at most once. Returns the message's id."""
    came = _read(uow, arrival, text, now=now)
    uow.intake.add_message(came.message, came.decision, came.duplicate_of)
    if came.message.sender_kind not in {SenderKind.PHONE, SenderKind.WITHHELD}:
        # Operators, robots and ourselves: kept for whoever looks, never answered, no case.
        uow.audit.record(Deed("message.ignored", "reception", came.message.id))
        return came.message.id
    case = uow.cases.open_with_phone(came.point.id) if came.point else None
    conversation = uow.intake.conversation(came.point.id, now) if came.point else None
    reply = reply_to(text.body, came.decision, asked=conversation.asked if conversation else None)
    case = _heard(uow, came, case, reply, now=now) if case else _opened(uow, came, reply, now=now)
    if came.point and not came.duplicate_of:
        _answer(uow, came.point, came, case, reply, in_conversation=conversation is not None, now=now)
    return came.message.id


def _read(uow: UnitOfWork, arrival: Waiting, text: IncomingText, *, now: datetime) -> Came:
    sender = Sender.read(text.sender, region=text.region)
    own = sender.phone in uow.rulebook.own_numbers
    decision = decide(text.body, uow.rulebook.lexicon)
    point = None
    if sender.phone and not own:
        point = uow.intake.contact_point(
            sender.phone, language=decision.language, script=decision.script, now=now
        )
    message = Message(
        id=new_id(now), contact_point_id=point.id if point else None,
        sender_kind=OWN_NUMBER if own else sender.kind, carrier=arrival.carrier, via=text.via,
        carrier_id=arrival.carrier_id, body=text.body, received_at=arrival.received_at,
        claimed_at=text.claimed_at,
    )  # fmt: skip
    duplicate_of = uow.intake.same_lately(message, _SAME_TEXT_WITHIN) if point else None
    return Came(arrival, text, message, decision, point, duplicate_of)


def _opened(uow: UnitOfWork, came: Came, reply: Reply, *, now: datetime) -> Case:
    """A new case for the text, whatever its words say."""
    decision = came.decision
    draft = Draft(
        categories=reply.categories,
        urgency=decision.urgency,
        language=decision.language,
        channel="sms",
        destination=_destination(came),
        members=decision.members or 1,
        reasons=_reasons(came),
    )
    case = open_case(uow, draft, actor="reception", now=now)
    if came.point:
        uow.cases.add_phone(case.id, came.point.id, now)
    _link(uow, came, case, now=now)
    return case


def _heard(uow: UnitOfWork, came: Came, case: Case, reply: Reply, *, now: datetime) -> Case:
    """The open case with the text in its thread; what it tells may add a category or raise urgency."""
    _link(uow, came, case, now=now)
    if came.duplicate_of:
        return case
    words = came.decision.urgency
    urgency = uow.rulebook.urgency_of(reply.categories, words) if reply.categories else _of_danger_only(words)
    learnt, facts = stages.learn(
        case, categories=reply.categories, urgency=urgency, reasons=_reasons(came), now=now
    )
    if facts:
        saved = uow.cases.save(learnt)
        uow.tell(case.id, facts, actor="reception")
        clocks.adapt(uow, case, saved, now=now)
        case = saved
    if case.owner_id and not uow.outbox.alerted_since(case.id, case.owner_id, now - _TELL_OWNER_EVERY):
        alert(uow, [case.owner_id], case, key="staff.new_message", purpose=Purpose.STAFF_ALERT, now=now)
    return case


def _of_danger_only(words: Urgency) -> Urgency:
    """A later text without a problem in it ("thanks", "hello") changes nothing, unless it cries for help."""
    return words if words is Urgency.U1 else Urgency.U4


def _link(uow: UnitOfWork, came: Came, case: Case, *, now: datetime) -> None:
    uow.intake.link(came.message.id, case.id, now)
    fact = MessageReceived(came.message.id, came.message.carrier, came.message.carrier_id, came.duplicate_of)
    uow.tell(case.id, [fact], actor="reception")


def _answer(
    uow: UnitOfWork,
    point: ContactPoint,
    came: Came,
    case: Case,
    reply: Reply,
    *,
    in_conversation: bool,
    now: datetime,
) -> None:
    """At most one answer: to what was asked, or one acknowledgement a day with the first question."""
    keys: tuple[str, ...] = ()
    purpose = Purpose.ANSWER
    if in_conversation:
        keys = reply.keys
        uow.intake.end_conversation(point.id)
    elif not uow.outbox.acknowledged_since(point.phone, now - ACKNOWLEDGE_AGAIN_AFTER):
        purpose = Purpose.ACKNOWLEDGE
        keys = ("sms.ack_urgent" if case.urgency is Urgency.U1 else "sms.ack_received",)
        if case.categories == (stages.UNCLASSIFIED,):
            keys = (*keys, "sms.menu")
            asked = Conversation(case.id, "problem", now + ACKNOWLEDGE_AGAIN_AFTER)
            uow.intake.converse(point.id, asked, now)
    if keys:
        way = Way(came.message.carrier, came.message.via)
        words = Words(
            point.phone, keys, point.language, Script(point.script), {"code": case.code}, purpose,
            case_id=case.id, answers_id=came.message.id, same_as=way,
        )  # fmt: skip
        say(uow, words, now=now)


def _destination(came: Came) -> str | None:
    """Where the person works: what the text names, else the country of the phone unless that is home."""
    if came.decision.destination:
        return came.decision.destination
    country = came.point.phone.country if came.point else None
    return country if country != "KH" else None


def _reasons(came: Came) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "rule": reason.rule, "category": reason.category, "start": reason.start, "end": reason.end,
            "text": reason.text, "message_id": str(came.message.id),
        }
        for reason in came.decision.reasons
    )  # fmt: skip


def _park(uow: UnitOfWork, arrival: Waiting, *, now: datetime) -> None:
    """News of a text that we do not know (yet): our own row may commit a moment later."""
    if now - arrival.received_at > _PARKED_FOR:
        uow.intake.taken(arrival.id)
        uow.audit.record(Deed("report.unclaimed", "reception", arrival.id))
        return
    wait = timedelta(seconds=min(2 ** min(arrival.attempts, 10), 900))
    uow.intake.try_again(arrival.id, at=now + wait, problem="unknown_text")
