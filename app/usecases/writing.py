"""What caseworkers write to people themselves: neutral words, and only where the phone may be written to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.cases.rules.stages import Case
from app.identity.rules import Action
from app.intake.store import ContactPoint
from app.kernel.refusal import Refusal
from app.outbox.rules import IN_HAND, Purpose, State
from app.usecases.case_work import Command
from app.usecases.safe_contact import point_of
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import Words, say

LONGEST: Final = timedelta(days=7)


class UnsafeContact(Refusal):
    """This phone must not be written to; `because` is a stable code."""

    code = "unsafe_contact"
    told = ("because",)


class UnsafeWords(Refusal):
    """The words would give away who writes, or why."""

    code = "unsafe_words"
    status = 422


class BadEnd(Refusal):
    """The words would end before they could go, or be kept for too long."""

    code = "text.bad_end"
    status = 422


@dataclass(frozen=True, slots=True)
class Letter:
    """What a caseworker wants to say to one phone of a case, and until when it is true."""

    point_id: UUID
    text: str
    good_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Where the text is, when it is due, and what it waits for."""

    id: UUID
    state: State
    due_at: datetime
    waits_for: str | None


def write(uow: UnitOfWork, command: Command, letter: Letter, *, now: datetime) -> Written:
    """The text is in the outbox, for now or for the next safe hour. The same request again is the same text.

    Raises: NotAllowed, NotFound, IdConflict, CaseIsClosed, BadEnd, UnsafeWords, UnsafeContact.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    point = point_of(uow, case.id, letter.point_id)
    if command.id is None:
        raise ValueError("a text has an id, its device's or a new one")
    if fresh:
        case.must_be_open()
        _say(uow, case, point, letter, command.id, now=now)
    found = uow.outbox.whereabouts(command.id)
    if found is None:
        raise UnsafeContact(because="no_way")
    state, due_at, code = found
    return Written(command.id, state, due_at, code if state is State.QUEUED else None)


def _say(  # noqa: PLR0913 - what, to whom, under which id and when: none follows from another
    uow: UnitOfWork, case: Case, point: ContactPoint, letter: Letter, text_id: UUID, *, now: datetime
) -> None:
    if letter.good_until is not None and not now < letter.good_until <= now + LONGEST:
        raise BadEnd(days=LONGEST.days)
    if uow.rulebook.unsafe_words.lint(letter.text):
        raise UnsafeWords
    words = Words(
        point.phone, (), point.language, None, {}, Purpose.WORKER_TEXT, case_id=case.id,
        # They hold the phone while they write: an answer within minutes is as safe as one of ours.
        wrote_at=uow.intake.last_wrote_at(point.id, now - IN_HAND),
        text=letter.text, good_until=letter.good_until, id=text_id,
    )  # fmt: skip
    if say(uow, words, now=now) is not State.QUEUED:
        found = uow.outbox.whereabouts(text_id)
        # The refusal undoes the transaction, so what the gate held is not kept either.
        raise UnsafeContact(because=found[2] if found else "no_way")
