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
    OUTSIDE_HOURS,
    STAFF,
    Asked,
    Purpose,
    Reach,
    State,
    Way,
    choose_way,
    expires_at,
    held_because,
    next_time_to_text,
)
from app.outbox.store import Queued
from app.usecases.seeing import who_may_know
from app.usecases.unit_of_work import Alert, UnitOfWork

UNSAFE_WORDS = "unsafe_words"
_HOUR = timedelta(hours=1)
_GATEWAY_SILENT_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Words:
    """What to say, why, and to which phone. `keys` are joined with a line break.

    `text` is what a caseworker wrote, in place of keys. `wrote_at` is when the person wrote what this
    answers; `good_until` is when the words stop being true, where it is another time than usual.
    """

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
    wrote_at: datetime | None = None
    text: str | None = None
    good_until: datetime | None = None
    id: UUID | None = None

    @property
    def reach(self) -> Reach:
        """Whom the words are for."""
        return Reach(self.purpose, self.worker_id is not None, self.wrote_at)


def say(uow: UnitOfWork, words: Words, *, now: datetime) -> State | None:
    """Queue the words, for now or for the next safe hour, or keep them as held when the gate says no.

    None where no way leads there. Raises nothing for what a gate may say: whether a text goes never
    decides what happens to a case.
    """
    lately = uow.outbox.automatic_since(words.to, now - _HOUR)
    if words.worker_id and lately == AUTOMATIC_AN_HOUR - 1:
        # The last alert of the hour says that there is more than it can say.
        words = replace(words, keys=("staff.many_waiting",))
    way = choose_way(_ways(uow, now), country=words.to.country, same_as=words.same_as)
    if way is None:
        return None
    rule = uow.outbox.rule_for(words.to)
    if rule.safety.language and words.purpose not in STAFF:
        words = replace(words, language=rule.safety.language)
    body = _body(uow, words)
    held = held_because(_asked(uow, words, body, lately, now=now), rule, now)
    if held in {None, OUTSIDE_HOURS} and words.purpose not in STAFF and uow.rulebook.unsafe_words.lint(body):
        # Somebody edited the catalogue or the list since the last `spean words check`.
        held = UNSAFE_WORDS
    later = next_time_to_text(rule.safety, now, wrote_at=words.wrote_at) if held == OUTSIDE_HOURS else None
    text = Queued(
        id=words.id or new_id(now), purpose=words.purpose, to=words.to, way=way, body=body,
        language=str(words.language), parts=parts(body), automatic=words.text is None,
        expires_at=words.good_until or expires_at(words.purpose, now), case_id=words.case_id,
        worker_id=words.worker_id, answers_id=words.answers_id, held_because=held, wrote_at=words.wrote_at,
        due_at=later,
    )  # fmt: skip
    _keep(uow, text, now=now)
    return text.state


def _keep(uow: UnitOfWork, text: Queued, *, now: datetime) -> None:
    """Put the text into the outbox and into its case's timeline. Nothing else in the program does so."""
    uow.outbox.add(text, now)
    if text.held_because == UNSAFE_WORDS:
        uow.records.add_task(
            kind="failed_message", case_id=text.case_id, subject_id=text.id, due_at=now + _HOUR, now=now
        )
    if text.case_id:
        moved = MessageMoved(text.id, text.purpose, text.state, text.parts, text.held_because)
        uow.tell(text.case_id, [moved], actor="outbox")


def _asked(uow: UnitOfWork, words: Words, body: str, lately: int, *, now: datetime) -> Asked:
    """The wish to say these words, as the gate looks at it."""
    return Asked(
        words.to, words.reach, automatic=words.text is None, automatic_last_hour=lately,
        own_number=words.to in uow.rulebook.own_numbers,
        repeats=lately >= AUTOMATIC_AN_HOUR and uow.outbox.only_said_since(words.to, body, now - _HOUR),
    )  # fmt: skip


def _body(uow: UnitOfWork, words: Words) -> str:
    if words.text is not None:
        return words.text
    return "\n".join(
        uow.rulebook.catalogues.fill(key, words.language, words.values, script=words.script)
        for key in words.keys
    )


def alert(  # noqa: PLR0913 - to whom, of what, in which words, why and when: none follows from another
    uow: UnitOfWork, workers: Iterable[UUID], case: Case, *, key: str, purpose: Purpose, now: datetime
) -> None:
    """Tell workers that a case wants them. The words name no person and no problem.

    Nothing is said to whom the case is kept from.
    """
    told = who_may_know(uow, case.id, workers)
    for worker_id, (phone, language) in sorted(uow.identity.phones(told).items()):
        values = {"code": case.code, "urgency": case.urgency.value}
        words = Words(phone, (key,), language, None, values, purpose, case.id, worker_id)
        say_last(uow, words, now=now)


def alert_about(uow: UnitOfWork, workers: Iterable[UUID], username: str, *, key: str, now: datetime) -> None:
    """Tell workers something about the sign-in of a colleague, by the name they sign in with."""
    for worker_id, (phone, language) in sorted(uow.identity.phones(workers).items()):
        words = Words(
            phone, (key,), language, None, {"username": username}, Purpose.STAFF_ALERT, worker_id=worker_id
        )
        say_last(uow, words, now=now)


def say_last(uow: UnitOfWork, words: Words, *, now: datetime) -> None:
    """Say it when the transaction ends: others may alert the same worker at this moment, and all count."""
    index = uow.outbox.phone_index(words.to)
    uow.alerts.append(Alert(index, words.worker_id, words.case_id, lambda unit: say(unit, words, now=now)))


def alerted_since(uow: UnitOfWork, case_id: UUID, worker_id: UUID, since: datetime) -> bool:
    """Whether this worker was told about this case since then, or will be when the transaction ends."""
    soon = any((one.case_id, one.worker_id) == (case_id, worker_id) for one in uow.alerts)
    return soon or uow.outbox.alerted_since(case_id, worker_id, since)


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
