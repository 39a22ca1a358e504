"""How the phones of a case may be used without harm: what people told of them, and what follows from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.audit.rules import Deed
from app.calls.rules.ivr import Safe
from app.cases.rules.facts import SafetyChanged
from app.cases.rules.stages import Case
from app.cases.store.people import Person
from app.identity.rules import Action, Worker
from app.intake.rules.code_words import will_do
from app.intake.rules.conversation import Answered, Question, Talk
from app.intake.rules.hours import hours_in
from app.intake.store import ContactPoint, Conversation
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound, Refusal
from app.outbox.rules import (
    NOTHING_KNOWN,
    Known,
    Purpose,
    Reach,
    SafeContact,
    awaits_code_word,
    call_refused_because,
    next_time_to_call,
    next_time_to_text,
    phone_refuses,
    reconciled,
    zone_of,
)
from app.outbox.store import Source, Told, in_force
from app.usecases.seeing import locked_case, sight_of
from app.usecases.unit_of_work import UnitOfWork

_BY_KEY: Final[Mapping[Safe, Mapping[str, Any]]] = {
    Safe.YES: {"may_call": Known.YES},
    Safe.NO: {"may_call": Known.NO},
    Safe.TEXT_ONLY: {"may_call": Known.NO, "may_text": Known.YES},
}
# Set by the program, not by whoever writes the rest down.
_NOT_WRITTEN: Final = frozenset({"code_word_heard_at", "opted_out_at", "country"})


class ZoneUnknown(Refusal):
    """No such time zone."""

    code = "safety.zone_unknown"
    status = 422


class AlreadyOver(Refusal):
    """What was told would have ended before it began."""

    code = "safety.already_over"
    status = 422


class CodeWordWeak(Refusal):
    """The code word is too short, or one that people write anyway."""

    code = "safety.code_word_weak"
    status = 422


@dataclass(frozen=True, slots=True)
class Writes:
    """How a phone may be used, as a caseworker writes it down.

    `seen` is the version that they had before their eyes; None, that they mean it whatever stands there.
    """

    safe: SafeContact
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class PhoneView:
    """One phone of a case, what was told of it here, and what that means at this moment.

    `told` is what holds in this case; the four answers beside it also heed what other cases know of
    the phone. A code is why not now, None where it may be; a time is the next at which it may be.
    """

    id: UUID
    phone: Phone
    person: Person | None
    added_at: datetime
    told: SafeContact
    by: Told | None
    version: int
    zone: str
    call_refused: str | None
    next_call_at: datetime | None
    text_refused: str | None
    next_text_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person said to a question of ours: the code, and their own words."""

    question: str
    said: str
    body: str


def see_phones(uow: UnitOfWork, worker: Worker, case_id: UUID, *, now: datetime) -> list[PhoneView]:
    """The phones of a case with their numbers; the audit chain remembers who looked.

    Raises: NotAllowed, NotFound.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case = uow.cases.get(case_id, sight_of(worker))
    if case is None:
        raise NotFound
    uow.audit.record(Deed("phones.read", str(worker.id), case_id))
    return _views(uow, case_id, now=now)


def set_safety(
    uow: UnitOfWork, worker: Worker, phone: tuple[UUID, UUID], writes: Writes, *, now: datetime
) -> PhoneView:
    """What a caseworker knows of a phone, given as case and contact point, in place of what they wrote
    before. The same again changes nothing. Closed cases take it too.

    Where somebody else wrote meanwhile, what forbids most of the two holds: nobody's no is lost because
    another device had not heard of it. Raises: NotAllowed, NotFound, ZoneUnknown, AlreadyOver, CodeWordWeak.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case_id, point_id = phone
    case = locked_case(uow, worker, case_id)
    point = point_of(uow, case_id, point_id)
    safe = writes.safe
    _must_make_sense(uow, safe, now=now)
    if point.phone in uow.consents.suspects_phones(case_id):
        safe = replace(safe, may_call=Known.NO, may_text=Known.NO, may_leave_voicemail=Known.NO)
    index = uow.outbox.phone_index(point.phone)
    before = uow.outbox.safety.in_case(case_id).get(index, {}).get(Source.CASEWORKER)
    old = before.safe if before else NOTHING_KNOWN
    if before and writes.seen not in {None, before.version}:
        safe = reconciled(old, safe)
    if before and safe.code_word == old.code_word:
        safe = replace(safe, code_word_heard_at=old.code_word_heard_at)
    changed = _changed(old, safe)
    if changed or before is None:
        uow.outbox.safety.tell(
            Told(case_id, index, Source.CASEWORKER, safe, now, worker.id, ended_at=case.closed_at)
        )
        fact = SafetyChanged(point_id, changed, Source.CASEWORKER)
        uow.tell(case_id, [fact], actor=worker.id)
    return next(view for view in _views(uow, case_id, now=now) if view.id == point_id)


def heed(uow: UnitOfWork, point: ContactPoint, case: Case, reply: Reply, *, now: datetime) -> None:
    """Keep what the person's own answer says of their phone: whether we may call, and when."""
    _told_by_person(uow, point, case.id, lambda old: _as_said(old, reply), now=now)


def heed_keys(uow: UnitOfWork, point: ContactPoint, case_id: UUID, said: Safe, *, now: datetime) -> None:
    """Keep what the person pressed when a call asked whether we may call them."""
    _told_by_person(uow, point, case_id, lambda old: replace(old, **_BY_KEY[said]), now=now)


def leave(uow: UnitOfWork, point: ContactPoint, case_id: UUID | None, *, actor: str, now: datetime) -> None:
    """Somebody else may be looking at the phone: nothing more goes to it until it asks for words again.

    What was asked is not waited for any more. Doing it twice changes nothing.
    """
    if uow.outbox.rule_for(point.phone).opted_out_at is None:
        uow.outbox.set_rule(uow.outbox.phone_index(point.phone), opted_out_at=now)
        uow.audit.record(Deed("phone.left_quietly", actor, point.id))
        if case_id:
            tell_of(uow, case_id, point.id, ("opted_out_at",))
    talk = uow.intake.conversation(point.id, came_at=now, now=now)
    if talk:
        uow.intake.converse(point.id, Conversation(talk.case_id, Talk(None, talk.talk.asked), now), now)


def point_of(uow: UnitOfWork, case_id: UUID, point_id: UUID) -> ContactPoint:
    """A phone of the case. Raises: NotFound, also for a phone of another case."""
    if point_id not in {known for known, _, _ in uow.cases.phones_of(case_id)}:
        raise NotFound
    return uow.intake.points([point_id])[point_id]


def tell_of(uow: UnitOfWork, case_id: UUID, point_id: UUID, changed: Iterable[str]) -> None:
    """Put into the case that the person's own words changed what is known of their phone."""
    uow.tell(case_id, [SafetyChanged(point_id, tuple(changed), Source.PERSON)], actor="reception")


def _views(uow: UnitOfWork, case_id: UUID, *, now: datetime) -> list[PhoneView]:
    rows = uow.cases.phones_of(case_id)
    points = uow.intake.points(point_id for point_id, _, _ in rows)
    people = uow.records.people(person_id for _, person_id, _ in rows if person_id)
    told = uow.outbox.safety.in_case(case_id)
    return [
        _view(uow, points[point_id], people.get(person_id) if person_id else None, told, (added_at, now))
        for point_id, person_id, added_at in rows
    ]


def _view(
    uow: UnitOfWork,
    point: ContactPoint,
    person: Person | None,
    told: dict[bytes, dict[Source, Told]],
    times: tuple[datetime, datetime],
) -> PhoneView:
    added_at, now = times
    sources = told.get(uow.outbox.phone_index(point.phone), {})
    rule = uow.outbox.rule_for(point.phone)
    gate = rule.safety
    here = replace(in_force(sources), opted_out_at=gate.opted_out_at, country=gate.country)
    return PhoneView(
        id=point.id, phone=point.phone, person=person, added_at=added_at, told=here,
        by=sources.get(Source.CASEWORKER) or sources.get(Source.PERSON),
        version=sources[Source.CASEWORKER].version if Source.CASEWORKER in sources else 0,
        zone=zone_of(here),
        call_refused=call_refused_because(gate, now, urgent=False),
        next_call_at=next_time_to_call(gate, now, urgent=False),
        text_refused=phone_refuses(rule, Reach(Purpose.WORKER_TEXT), now),
        next_text_at=None if awaits_code_word(gate, now) else next_time_to_text(gate, now),
    )  # fmt: skip


def _told_by_person(
    uow: UnitOfWork,
    point: ContactPoint,
    case_id: UUID,
    learn: Callable[[SafeContact], SafeContact],
    *,
    now: datetime,
) -> None:
    index = uow.outbox.phone_index(point.phone)
    before = uow.outbox.safety.in_case(case_id).get(index, {}).get(Source.PERSON)
    old = before.safe if before else NOTHING_KNOWN
    safe = learn(old)
    changed = _changed(old, safe)
    if changed:
        uow.outbox.safety.tell(Told(case_id, index, Source.PERSON, safe, now))
        tell_of(uow, case_id, point.id, changed)


def _as_said(old: SafeContact, reply: Reply) -> SafeContact:
    match reply.question, reply.said:
        case Question.MAY_CALL, Answered.YES:
            return replace(old, may_call=Known.YES)
        case Question.MAY_CALL, Answered.NO:
            # The answer that we offer reads "no, only write".
            return replace(old, may_call=Known.NO, may_text=Known.YES)
        case Question.WHEN, _:
            window = hours_in(reply.body)
            return replace(old, hours=(window,)) if window else old
    return old


def _changed(old: SafeContact, new: SafeContact) -> tuple[str, ...]:
    names = (field.name for field in fields(SafeContact) if field.name not in _NOT_WRITTEN)
    return tuple(sorted(name for name in names if getattr(old, name) != getattr(new, name)))


def _must_make_sense(uow: UnitOfWork, safe: SafeContact, *, now: datetime) -> None:
    if safe.zone is not None:
        try:
            ZoneInfo(safe.zone)
        except (KeyError, ValueError, OSError):
            raise ZoneUnknown from None
    if safe.valid_until is not None and safe.valid_until <= now:
        raise AlreadyOver
    if safe.code_word is not None and not will_do(safe.code_word, uow.rulebook.keywords):
        raise CodeWordWeak
