"""Talking with a person by text: at most one answer to each text, at most three questions in all."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.facts import AnswerGiven, ImpersonationSuspected
from app.cases.rules.stages import UNCLASSIFIED, Case
from app.intake.rules.code_words import is_only, says_word
from app.intake.rules.conversation import (
    ASKED_WITH,
    Question,
    Talk,
    Turn,
    Wish,
    having_asked,
    next_question,
    status_code_in,
)
from app.intake.rules.scanning import looks_legacy
from app.intake.rules.triage import Decision
from app.intake.store import ContactPoint, Conversation, Message
from app.kernel.ids import case_code
from app.kernel.language import Language, Script
from app.kernel.urgency import Urgency
from app.outbox.rules import ACKNOWLEDGE_AGAIN_AFTER, Purpose, State, Way, awaits_code_word
from app.usecases import safe_contact
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import Words, say

_LOOK_WITHIN: Final = {
    "opted_out": timedelta(hours=24),
    "possible_impersonation": timedelta(hours=1),
    "status_asked": timedelta(hours=24),
    "unreadable_text": timedelta(hours=1),
}
_ASKED_FOR: Final = {Wish.KHMER: (Language.KM, Script.KHMER), Wish.ENGLISH: (Language.EN, Script.ENGLISH)}


@dataclass(frozen=True, slots=True)
class Came:
    """One text while it is being taken: what it says, who sent it, and how far the talk has come.

    `piece` is true for a piece of a longer text whose beginning was answered already.
    """

    message: Message
    decision: Decision
    point: ContactPoint | None
    duplicate_of: UUID | None
    talk: Talk
    wish: Wish | None
    piece: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """What to answer to a text: catalogue keys, why, and which question is open then.

    `aside` leaves the talk where it was: whatever is open stays open.
    """

    keys: tuple[str, ...]
    purpose: Purpose = Purpose.ANSWER
    question: Question | None = None
    aside: bool = False


class CodeWord(Enum):
    """What a text says of the word that was agreed on for its phone."""

    NOT_NEEDED = auto()  # none was agreed on, or it was said a short while ago
    ALONE = auto()
    MISSING = auto()


def is_known(case: Case | None) -> bool:
    """Whether anybody, or any text, has said what the case is about."""
    return case is not None and case.categories != (UNCLASSIFIED,)


def talk_with(
    uow: UnitOfWork, point: ContactPoint, case: Case | None, *, came_at: datetime, now: datetime
) -> Talk:
    """How far the questions to the person have come, for a text that came then.

    Three questions are for one case: a later one begins anew, but not on the same day.
    """
    kept = uow.intake.conversation(point.id, came_at=came_at, now=now)
    if kept is None:
        return Talk()
    same_case = case is not None and case.id == kept.case_id
    return kept.talk if same_case or kept.expires_at > now else Talk()


def grant_silence(uow: UnitOfWork, came: Came, case: Case | None, *, now: datetime) -> bool:
    """Whether a wish for silence, or for its end, was granted; one last word confirms it."""
    point = came.point
    if point is None or came.wish not in {Wish.SILENCE, Wish.WORDS_AGAIN}:
        return False
    silent = uow.outbox.rule_for(point.phone).opted_out_at is not None
    silence = came.wish is Wish.SILENCE
    if not silence and not silent:
        return False
    if silence is not silent:
        uow.outbox.set_rule(uow.outbox.phone_index(point.phone), opted_out_at=now if silence else None)
        uow.audit.record(Deed("phone.opted_out" if silence else "phone.opted_in", "reception", point.id))
        if case:
            safe_contact.tell_of(uow, case.id, point.id, ("opted_out_at",))
        last_word = Saying(("sms.opt_out_done",), Purpose.OPT_OUT)
        _say(uow, came, case, last_word if silence else Saying(("sms.opt_in_done",)), now=now)
        if case is None and silence:
            _leave_to_human(uow, "opted_out", came, None, now=now)
    return True


def leave_quietly(uow: UnitOfWork, came: Came, case: Case | None, *, now: datetime) -> bool:
    """Whether the text asked to end everything without a trace: nothing more is said, not even that."""
    if came.point is None or came.wish is not Wish.QUICK_EXIT:
        return False
    safe_contact.leave(uow, came.point, case.id if case else None, actor="reception", now=now)
    if case is None:
        _leave_to_human(uow, "opted_out", came, None, now=now)
    return True


def hear_code_word(uow: UnitOfWork, came: Came, *, now: datetime) -> CodeWord:
    """What the text says of the word that was agreed on for its phone, which is remembered for an hour."""
    if came.point is None:
        return CodeWord.NOT_NEEDED
    body, index = came.message.body, uow.outbox.phone_index(came.point.phone)
    words = {told.code_word for told in uow.outbox.safety.of_phone(index) if told.code_word}
    if not words:
        return CodeWord.NOT_NEEDED
    said = [word for word in words if says_word(body, word)]
    for word in said:
        uow.outbox.safety.heard_code_word(index, word, now)
    if any(is_only(body, word) for word in said):
        return CodeWord.ALONE
    awaited = awaits_code_word(uow.outbox.safety_of(came.point.phone), now)
    return CodeWord.MISSING if awaited else CodeWord.NOT_NEEDED


def thank(uow: UnitOfWork, came: Came, case: Case, *, now: datetime) -> None:
    """Say that the word was heard, without saying which or why."""
    _say(uow, came, case, Saying(("sms.thanks",), aside=True), now=now)


def answer_stranger(uow: UnitOfWork, came: Came, case: Case, *, now: datetime) -> None:
    """The phone has a code word, and the text did not say it: an empty answer, and a human is told."""
    uow.tell(case.id, [ImpersonationSuspected(came.message.id)], actor="reception")
    if not uow.records.waits_for_human(case.id, "possible_impersonation"):
        _leave_to_human(uow, "possible_impersonation", came, case, now=now)
    _say(uow, came, case, Saying(("sms.decoy",), Purpose.DECOY), now=now)


def tell_status(uow: UnitOfWork, came: Came, body: str, *, now: datetime) -> Case | None:
    """The case whose code stands behind the word for status, once the person was told how it stands.

    Only a phone that belongs to the case is told; to any other it is a text like all.
    """
    code = case_code(status_code_in(body, uow.rulebook.keywords) or "")
    case = uow.cases.by_code_with_phone(code, came.point.id) if code and came.point else None
    if case is None:
        return None
    _say(uow, came, case, Saying(("sms.status_open" if case.is_open else "sms.status_closed",)), now=now)
    if not case.is_open:
        _leave_to_human(uow, "status_asked", came, case, now=now)
    return case


def answer(uow: UnitOfWork, came: Came, case: Case, turn: Turn, *, now: datetime) -> None:
    """Say what is to be said to this text, if anything, and remember which question is open."""
    point = came.point
    if point is None:
        return
    if looks_legacy(came.message.body) and not came.piece:
        _leave_to_human(uow, "unreadable_text", came, case, now=now)
    came = replace(came, point=_in_wanted_language(uow, came, point, turn))
    if turn.answer:
        question, said = turn.answer
        uow.tell(case.id, [AnswerGiven(question, said, came.message.id)], actor="reception")
        reply = safe_contact.Reply(question, said, came.message.body)
        safe_contact.heed(uow, point, case, reply, now=now)
    legacy = looks_legacy(came.message.body)
    saying = _write_again(came) if legacy else _saying(uow, came, case, turn, now=now)
    if saying is None:
        return
    state = _say(uow, came, case, saying, now=now)
    if saying.aside or not (turn.answer or state is State.QUEUED):
        return
    # What was held back was never asked: it can be asked another day.
    talk = having_asked(came.talk, saying.question if state is State.QUEUED else None)
    kept = Conversation(case.id, talk, now + ACKNOWLEDGE_AGAIN_AFTER)
    uow.intake.converse(point.id, kept, now)


def _saying(uow: UnitOfWork, came: Came, case: Case, turn: Turn, *, now: datetime) -> Saying | None:
    """What is said: to a wish, to an answer, or once a day as the acknowledgement with a question."""
    talk, point = came.talk, came.point
    goes_on = talk.open is not None and turn.continues
    acknowledged = point is not None and uow.outbox.acknowledged_since(
        point.phone, now - ACKNOWLEDGE_AGAIN_AFTER
    )
    if not acknowledged and not goes_on:
        return _acknowledgement(came, case)
    if came.piece:
        return None
    if came.wish is Wish.LANGUAGE_MENU:
        return Saying((ASKED_WITH[Question.LANGUAGE],), question=Question.LANGUAGE)
    if came.wish in {Wish.HELP, Wish.STATUS}:
        return Saying(("sms.help",), aside=True)
    if came.wish in _ASKED_FOR or turn.language or talk.open is Question.WRITE_AGAIN:
        return _asking(next_question(talk, known=is_known(case)))
    return _asking(turn.next) if goes_on else None


def _write_again(came: Came) -> Saying | None:
    """Letters that nobody can read are answered once a day; what was open is asked again later."""
    if came.talk.open is Question.WRITE_AGAIN:
        return None
    return Saying((ASKED_WITH[Question.WRITE_AGAIN],), question=Question.WRITE_AGAIN)


def _asking(question: Question | None) -> Saying:
    """The question, or thanks where nothing is left to ask."""
    if question is None:
        return Saying(("sms.thanks",))
    return Saying((ASKED_WITH[question],), Purpose.QUESTION, question)


def _acknowledgement(came: Came, case: Case) -> Saying:
    first = "sms.ack_urgent" if case.urgency is Urgency.U1 else "sms.ack_received"
    question = next_question(came.talk, known=is_known(case))
    keys = (first, ASKED_WITH[question]) if question else (first,)
    return Saying(keys, Purpose.ACKNOWLEDGE, question)


def _in_wanted_language(uow: UnitOfWork, came: Came, point: ContactPoint, turn: Turn) -> ContactPoint:
    wanted = _ASKED_FOR.get(came.wish) if came.wish else None
    if turn.language:
        wanted = (turn.language, Script.KHMER if turn.language is Language.KM else Script.ENGLISH)
    if wanted is None:
        return point
    language, script = wanted
    uow.intake.read_in(point.id, language=language, script=script)
    return replace(point, language=language, script=script)


def _leave_to_human(uow: UnitOfWork, kind: str, came: Came, case: Case | None, *, now: datetime) -> None:
    due_at = now + _LOOK_WITHIN[kind]
    uow.records.add_task(
        kind=kind, case_id=case.id if case else None, subject_id=came.message.id, due_at=due_at, now=now
    )


def _say(uow: UnitOfWork, came: Came, case: Case | None, saying: Saying, *, now: datetime) -> State | None:
    """Answer this text, by the way it came and as its sender writes. None where no way leads there."""
    if came.point is None:
        return None
    words = Words(
        came.point.phone, saying.keys, came.point.language, Script(came.point.script),
        {"code": case.code if case else None}, saying.purpose, case_id=case.id if case else None,
        answers_id=came.message.id, same_as=Way(came.message.carrier, came.message.via),
        wrote_at=came.message.claimed_at or came.message.received_at,
    )  # fmt: skip
    return say(uow, words, now=now)
