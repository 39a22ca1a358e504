"""Putting words into the outbox: the only way in which anything is ever said to anyone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.cases.rules.facts import MessageMoved
from app.cases.rules.stages import Case
from app.i18n.catalogue import TextValue
from app.i18n.parts import parts
from app.kernel.ids import new_id
from app.kernel.language import Language, Script
from app.kernel.phone import Phone
from app.outbox.rules import (
    AUTOMATIC_AN_HOUR,
    STAFF,
    Asked,
    Purpose,
    State,
    Way,
    choose_way,
    expires_at,
    held_because,
)
from app.outbox.store import Queued
from app.usecases.unit_of_work import UnitOfWork

UNSAFE_WORDS = "unsafe_words"
_HOUR = timedelta(hours=1)
_GATEWAY_SILENT_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Words:
    """What to say, why, and to which phone. `keys` are joined with a line break."""

    to: Phone
    keys: tuple[str, ...]
    language: Language | str
    script: Script | None
    values: Mapping[str, TextValue]
    purpose: Purpose
    case_id: UUID | None = None
    worker_id: UUID | None = None
    answers_id: UUID | None = None
    same_as: Way | None = None


def say(uow: UnitOfWork, words: Words, *, now: datetime) -> State | None:
    """Queue the words, or keep them as held when the gate says no. None where no way leads there.

    Raises nothing for what a gate may say: whether a text goes never decides what happens to a case.
    """
    lately = uow.outbox.automatic_since(words.to, now - _HOUR)
    if words.worker_id and lately == AUTOMATIC_AN_HOUR - 1:
        # The last alert of the hour says that there is more than it can say.
        words = replace(words, keys=("staff.many_waiting",))
    way = choose_way(_ways(uow, now), country=words.to.country, same_as=words.same_as)
    if way is None:
        return None
    body = "\n".join(
        uow.rulebook.catalogues.fill(key, words.language, words.values, script=words.script)
        for key in words.keys
    )
    asked = Asked(
        words.to, words.purpose, automatic=True, automatic_last_hour=lately,
        own_number=words.to in uow.rulebook.own_numbers,
        repeats=lately >= AUTOMATIC_AN_HOUR and uow.outbox.only_said_since(words.to, body, now - _HOUR),
    )  # fmt: skip
    held = held_because(asked, uow.outbox.rule_for(words.to), now)
    if not held and words.purpose not in STAFF and uow.rulebook.unsafe_words.lint(body):
        # Somebody edited the catalogue or the list since the last `spean words check`.
        held = UNSAFE_WORDS
    text = Queued(
        id=new_id(now), purpose=words.purpose, to=words.to, way=way, body=body, language=str(words.language),
        parts=parts(body), automatic=True, expires_at=expires_at(words.purpose, now), case_id=words.case_id,
        worker_id=words.worker_id, answers_id=words.answers_id, held_because=held,
    )  # fmt: skip
    uow.outbox.add(text, now)
    if held == UNSAFE_WORDS:
        uow.records.add_task(
            kind="failed_message", case_id=words.case_id, subject_id=text.id, due_at=now + _HOUR, now=now
        )
    state = State.HELD if held else State.QUEUED
    if words.case_id:
        uow.tell(
            words.case_id, [MessageMoved(text.id, words.purpose, state, text.parts, held)], actor="outbox"
        )
    return state


def alert(  # noqa: PLR0913 - to whom, of what, in which words, why and when: none follows from another
    uow: UnitOfWork, workers: Iterable[UUID], case: Case, *, key: str, purpose: Purpose, now: datetime
) -> None:
    """Tell workers that a case wants them. The words name no person and no problem."""
    for worker_id, (phone, language) in sorted(uow.identity.phones(workers).items()):
        values = {"code": case.code, "urgency": case.urgency.value}
        words = Words(phone, (key,), language, None, values, purpose, case.id, worker_id)
        say(uow, words, now=now)


def _ways(uow: UnitOfWork, now: datetime) -> list[Way]:
    """The ways out, gateway phones that have been silent for ten minutes marked as such."""
    phones = {gateway_heartbeat(way.via) for way in uow.rulebook.ways if way.country}
    living = uow.heartbeats.alive_since(phones, now - _GATEWAY_SILENT_AFTER)
    return [
        replace(way, alive=way.country is None or gateway_heartbeat(way.via) in living)
        for way in uow.rulebook.ways
    ]


def phone_way(uow: UnitOfWork, country: str | None, *, now: datetime) -> Way | None:
    """A living gateway phone for a country, its own first: the way where a carrier has no route."""
    living = [way for way in _ways(uow, now) if way.country is not None and way.alive]
    return choose_way(living, country=country, same_as=None)


def gateway_heartbeat(gateway: str) -> str:
    """The name under which a gateway phone's heartbeat is kept."""
    return f"gateway:{gateway}"
