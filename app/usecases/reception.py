"""Reception: taking what carriers gave us, one stored row at a time, each in its own transaction."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules import stages
from app.cases.rules.facts import DetailsChanged, Fact, MessageReceived
from app.cases.rules.stages import Case
from app.intake.rules.conversation import (
    Answered,
    Talk,
    Turn,
    is_reply,
    status_code_in,
    take_turn,
    wish_in,
    yes_or_no,
)
from app.intake.rules.incoming import (
    IncomingCallReport,
    IncomingRecording,
    IncomingReport,
    IncomingText,
    kept_words,
)
from app.intake.rules.joining import wholes, within
from app.intake.rules.triage import UNRECOGNISED, Decision
from app.intake.store import ContactPoint, Message, Waiting
from app.kernel.ids import new_id
from app.kernel.language import Script
from app.kernel.phone import Sender, SenderKind
from app.kernel.urgency import most_urgent
from app.usecases import answering, found_calls, recordings
from app.usecases.conversing import (
    Came,
    CodeWord,
    answer,
    answer_stranger,
    grant_silence,
    hear_code_word,
    is_known,
    leave_quietly,
    talk_with,
    tell_status,
    thank,
)
from app.usecases.deliveries import apply_carrier_report
from app.usecases.opening import Draft, learn_more, open_case, tell_owner
from app.usecases.understanding import of_danger_only, plain, understood
from app.usecases.unit_of_work import UnitOfWork

OWN_NUMBER: Final = "own_number"
_SAME_TEXT_WITHIN: Final = timedelta(minutes=10)
_TRIES: Final = 4
_PARKED_FOR: Final = timedelta(hours=24)


def anything_waits(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether reception has something to do."""
    return uow.intake.anything_waits(now)


def claim(uow: UnitOfWork, *, now: datetime) -> Waiting | None:
    """The oldest arrival that waits, locked until the transaction ends."""
    arrival = uow.intake.claim_next(now)
    uow.rulebook.passed("reception.claimed")
    return arrival


def take(uow: UnitOfWork, arrival: Waiting, *, now: datetime) -> None:
    """Turn a claimed arrival into what it means: a text in a case, or news of a text or call.

    Raises: Unreadable, and whatever else is wrong with it; the caller puts it back.
    """
    incoming = uow.rulebook.readers[arrival.carrier](arrival.raw, arrival.account)
    match incoming:
        case IncomingText():
            message_id = take_text(uow, arrival, incoming, now=now)
            uow.intake.taken(arrival.id, message_id=message_id)
        case IncomingCallReport(began_at=datetime() as began_at):
            call, problem = found_calls.take(uow, arrival, incoming, began_at=began_at, now=now)
            uow.intake.taken(arrival.id, call_id=call.id, problem=problem)
        case _:
            # News of a text or call of ours; it may come before our own row is committed.
            if _apply(uow, arrival, incoming, now=now):
                uow.intake.taken(arrival.id)
            else:
                _park(uow, arrival, now=now)
    uow.rulebook.passed("reception.changed")


def _apply(
    uow: UnitOfWork,
    arrival: Waiting,
    incoming: IncomingReport | IncomingCallReport | IncomingRecording,
    *,
    now: datetime,
) -> bool:
    """Whether what the news is about is known."""
    match incoming:
        case IncomingReport():
            return apply_carrier_report(uow, arrival.carrier, incoming, now=now)
        case IncomingCallReport():
            return answering.ended(uow, arrival.carrier, arrival.account, incoming, now=now)
        case IncomingRecording():
            return recordings.announced(uow, arrival.carrier, arrival.account, incoming, now=now)


def put_back(uow: UnitOfWork, arrival: Waiting, *, problem: str, now: datetime) -> None:
    """What to do with an arrival that could not be taken: try again soon, after a few tries tell a human.

    Nothing where another worker has tried, or taken, it since.
    """
    if not uow.intake.still_waits(arrival):
        return
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
    text = replace(text, sender=kept_words(text.sender), body=kept_words(text.body))
    came, case = _read(uow, arrival, text, now=now)
    uow.intake.add_message(came.message, came.decision, came.duplicate_of)
    if came.message.sender_kind not in {SenderKind.PHONE, SenderKind.WITHHELD}:
        # Operators, robots and ourselves: kept for whoever looks, never answered, no case.
        uow.audit.record(Deed("message.ignored", "reception", came.message.id))
        return came.message.id
    if not _is_settled(uow, came, case, now=now):
        _take_up(uow, came, case, text.body, now=now)
    return came.message.id


def _is_settled(uow: UnitOfWork, came: Came, case: Case | None, *, now: datetime) -> bool:
    """Whether the text was a wish for silence, or its end, or came before; nothing else happens then."""
    if grant_silence(uow, came, case, now=now) or leave_quietly(uow, came, case, now=now):
        if case:
            _link(uow, came, case.id, now=now)
            tell_owner(uow, case, now=now)
        return True
    if came.duplicate_of:
        _repeated(uow, came, came.duplicate_of, now=now)
    return came.duplicate_of is not None


def _take_up(uow: UnitOfWork, came: Came, case: Case | None, body: str, *, now: datetime) -> None:
    """Put the text into its case and answer it, as far as its phone is known to be in the right hands."""
    code_word = hear_code_word(uow, came, now=now)
    if code_word is CodeWord.ALONE and case:
        _link(uow, came, case.id, now=now)
        thank(uow, came, case, now=now)
        return
    stranger = code_word is CodeWord.MISSING
    if not stranger and (asked_of := tell_status(uow, came, body, now=now)):
        _link(uow, came, asked_of.id, now=now)
        return
    # A later piece of a story is no answer, whatever it looks like by itself. Who did not say the code
    # word may be the person all the same, in a hurry: their words count, but nothing is told to them.
    talk = Talk() if came.piece or stranger else came.talk
    turn = take_turn(body, came.decision, talk, uow.rulebook.keywords, known=is_known(case))
    case = _heard(uow, came, case, turn, now=now) if case else _opened(uow, came, turn, now=now)
    if stranger:
        answer_stranger(uow, came, case, now=now)
    else:
        answer(uow, came, case, turn, now=now)


def _read(
    uow: UnitOfWork, arrival: Waiting, text: IncomingText, *, now: datetime
) -> tuple[Came, Case | None]:
    """The text with all that is known around it, and the open case of its phone, if there is one."""
    sender = Sender.read(text.sender, region=text.region)
    own = sender.phone in uow.rulebook.own_numbers
    decision = understood(uow, text.body)
    keywords = uow.rulebook.keywords
    wish = wish_in(text.body, keywords)
    point = None
    if sender.phone and not own:
        # STOP is what we ask people to write, and everybody writes "ok": neither says what one reads.
        by_the_way = (
            wish
            or status_code_in(text.body, keywords)
            or yes_or_no(text.body, keywords) is not Answered.WORDS
        )
        script = Script.UNREADABLE if by_the_way else decision.script
        point = uow.intake.contact_point(sender.phone, language=decision.language, script=script, now=now)
        uow.outbox.wrote_again(sender.phone, arrival.received_at)
    message = Message(
        id=new_id(now), contact_point_id=point.id if point else None,
        sender_kind=OWN_NUMBER if own else sender.kind, carrier=arrival.carrier, via=text.via,
        carrier_id=arrival.carrier_id, body=text.body, received_at=arrival.received_at,
        # A phone's clock may be days ahead; nothing was sent after it came.
        claimed_at=min(text.claimed_at, arrival.received_at) if text.claimed_at else None,
    )  # fmt: skip
    if point is None:
        return Came(message, decision, None, None, Talk(), wish), None
    case = uow.cases.open_with_phone(point.id)
    talk = talk_with(uow, point, case, came_at=message.received_at, now=now)
    reply = is_reply(text.body, talk, keywords)
    repeats = uow.intake.same_lately(message, _SAME_TEXT_WITHIN, reply=reply)
    whole = None if reply or wish or repeats else _of_the_whole(uow, message, point)
    came = Came(message, whole or decision, point, repeats, talk, wish, piece=whole is not None)
    return came, case


def _of_the_whole(uow: UnitOfWork, message: Message, point: ContactPoint) -> Decision | None:
    """What the long text says of which this is a later piece; None where it stands by itself.

    Phones hand pieces over one by one, in any order: where the cuts allow more than one, it counts
    in which the words say most.
    """
    earlier = uow.intake.said_lately(point.id, message.received_at - _SAME_TEXT_WITHIN)
    found = [(understood(uow, whole.text), whole) for whole in wholes(earlier, message.body)]
    if not found:
        return None
    decision, whole = max(found, key=lambda pair: (len(pair[0].reasons), len(pair[0].categories)))
    return replace(decision, reasons=within(decision.reasons, whole, message.body))


def _repeated(uow: UnitOfWork, came: Came, original: UUID, *, now: datetime) -> None:
    """A carrier brought the same words twice: they stand beside the first, and nothing else happens."""
    for case_id in uow.intake.cases_of([original]).values():
        _link(uow, came, case_id, now=now)


def _opened(uow: UnitOfWork, came: Came, turn: Turn, *, now: datetime) -> Case:
    """A new case for the text, whatever its words say."""
    decision = came.decision
    draft = Draft(
        categories=turn.categories,
        # An answer to an old question says little: who wrote it must not wait longer than for a text.
        urgency=most_urgent([turn.urgency, *(() if turn.categories else (decision.urgency,))]),
        language=decision.language,
        channel="sms",
        destination=_destination(came),
        members=decision.members or 1,
        reasons=_reasons(came, turn),
    )
    case = open_case(uow, draft, actor="reception", now=now)
    if came.point:
        uow.cases.add_phone(case.id, came.point.id, now)
    _link(uow, came, case.id, now=now)
    return case


def _heard(uow: UnitOfWork, came: Came, case: Case, turn: Turn, *, now: datetime) -> Case:
    """The open case with the text in its thread; what it tells may add a category or raise urgency."""
    _link(uow, came, case.id, now=now)
    words = turn.urgency
    urgency = uow.rulebook.urgency_of(turn.categories, words) if turn.categories else of_danger_only(words)
    learnt, facts = stages.learn(
        case, categories=turn.categories, urgency=urgency, reasons=_reasons(came, turn), now=now
    )
    learnt, more = _filled_in(learnt, came.decision, now=now)
    case = learn_more(uow, case, learnt, [*facts, *more], reasons=tuple(_reasons(came, turn)), now=now)
    tell_owner(uow, case, now=now)
    return case


def _filled_in(case: Case, decision: Decision, *, now: datetime) -> tuple[Case, list[Fact]]:
    """What a later text adds to what nobody knew: where the person works, and that there are more of them."""
    fields: dict[str, Any] = {}
    if case.destination_country is None and decision.destination:
        fields["destination_country"] = decision.destination
    if decision.members and decision.members > case.member_count:
        fields["member_count"] = decision.members
    if not fields:
        return case, []
    return replace(case, **fields, updated_at=now), [DetailsChanged(tuple(sorted(fields)))]


def _link(uow: UnitOfWork, came: Came, case_id: UUID, *, now: datetime) -> None:
    message = came.message
    uow.intake.link(message.id, case_id, now)
    fact = MessageReceived(
        message.id, message.carrier, message.carrier_id, came.duplicate_of, message.claimed_at
    )
    uow.tell(case_id, [fact], actor="reception")


def _destination(came: Came) -> str | None:
    """Where the person works: what the text names, else the country of the phone unless that is home."""
    if came.decision.destination:
        return came.decision.destination
    country = came.point.phone.country if came.point else None
    return country if country != "KH" else None


def _reasons(came: Came, turn: Turn) -> tuple[dict[str, Any], ...]:
    """Why: the answer to a question, and the rules that words satisfied."""
    told: list[dict[str, Any]] = []
    if turn.answer:
        question, said = turn.answer
        rule = f"answer.{question}.{said}"
        told.append({"rule": rule, "category": None, "message_id": str(came.message.id)})
    heard = [reason for reason in came.decision.reasons if not (turn.answer and reason.rule == UNRECOGNISED)]
    told.extend(plain(heard, message_id=str(came.message.id)))
    return tuple(told)


def _park(uow: UnitOfWork, arrival: Waiting, *, now: datetime) -> None:
    """News of a text that we do not know (yet): our own row may commit a moment later."""
    if now - arrival.received_at > _PARKED_FOR:
        uow.intake.taken(arrival.id)
        uow.audit.record(Deed("report.unclaimed", "reception", arrival.id))
        return
    wait = timedelta(seconds=min(2 ** min(arrival.attempts, 10), 900))
    uow.intake.try_again(arrival.id, at=now + wait, problem="unknown_text")
