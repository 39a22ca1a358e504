"""What hangs on a case: people, members, notes, contact attempts, tasks, and repeated requests."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, or_, select, update

from app.cases.rules.stages import Sight
from app.cases.store.people import Person, person_of, person_values
from app.cases.store.sight import seen_by
from app.cases.tables import cases, commands, contact_attempts, corrections, members, notes, persons, tasks
from app.crypto.vault import Place, Vault
from app.kernel.ids import new_id
from app.kernel.money import Money
from app.store.feed import Kind, Touched
from app.store.rows import insert_new


@dataclass(frozen=True, slots=True)
class Member:
    """One affected person of a case."""

    id: UUID
    case_id: UUID
    person: Person
    status: str = "active"
    outcome: str | None = None
    flags: frozenset[str] = frozenset()
    wages_claimed: Money | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a worker wrote down."""

    id: UUID
    case_id: UUID
    author_id: UUID
    text: str
    restricted: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactAttempt:
    """One try to reach somebody of a case; where we made the call, which it was and how long they talked."""

    id: UUID
    case_id: UUID
    author_id: UUID
    channel: str
    outcome: str
    note: str | None
    at: datetime
    seconds: int | None = None
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Something a human must do."""

    id: UUID
    kind: str
    case_id: UUID | None
    subject_id: UUID | None
    due_at: datetime
    created_at: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A category or urgency that a person changed, with the rules that had led to it."""

    field: str  # categories | urgency
    before: tuple[str, ...]
    after: tuple[str, ...]
    rules: tuple[str, ...]
    language: str
    at: datetime


class RecordStore:
    """What hangs on cases, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def add_person(self, person: Person, now: datetime) -> None:
        """Keep a person; one with this id that is there already stays as it is."""
        values = {"id": person.id, "created_at": now, **person_values(self._vault, person)}
        insert_new(self._connection, persons, values)

    def strangers(self, ids: Iterable[UUID], sight: Sight) -> frozenset[UUID]:
        """Those of the people who are there already, but in no case that these eyes may see."""
        wanted = list(ids)
        in_cases = select(members.c.person_id).join(cases, cases.c.id == members.c.case_id)
        reporting = select(cases.c.reporter_id).where(cases.c.reporter_id.in_(wanted), seen_by(sight))
        asked = select(persons.c.id).where(
            persons.c.id.in_(wanted),
            persons.c.id.not_in(in_cases.where(members.c.person_id.in_(wanted), seen_by(sight))),
            persons.c.id.not_in(reporting),
        )
        return frozenset(self._connection.execute(asked).scalars())

    def add_members(self, added: Iterable[Member], now: datetime) -> None:
        """Keep members and the people they are."""
        for member in added:
            self.add_person(member.person, now)
            insert_new(self._connection, members, {
                "id": member.id, "case_id": member.case_id, "person_id": member.person.id,
                "created_at": now, **_of_member(member),
            })  # fmt: skip
            self._touched.note(Kind.MEMBER, member.id, member.case_id)

    def members_of(self, case_ids: Iterable[UUID]) -> dict[UUID, list[Member]]:
        """The members of each case, in the order in which they were added."""
        asked = _MEMBERS.where(members.c.case_id.in_(list(case_ids)))
        found: dict[UUID, list[Member]] = defaultdict(list)
        for row in self._connection.execute(asked.order_by(members.c.created_at, members.c.id)):
            found[row.case_id].append(self._member(row))
        return found

    def members(self, ids: Iterable[UUID]) -> dict[UUID, Member]:
        """Members by id."""
        found = self._connection.execute(_MEMBERS_BY_ID, {"ids": list(ids)})
        return {row.member_id: self._member(row) for row in found}

    def change_member(self, member: Member) -> None:
        """Write down what is now known of a member, and of the person wherever else they are."""
        person = member.person
        self._connection.execute(
            update(members).where(members.c.id == member.id).values(**_of_member(member))
        )
        self._connection.execute(
            update(persons).where(persons.c.id == person.id).values(**person_values(self._vault, person))
        )
        elsewhere = select(members.c.id, members.c.case_id).where(members.c.person_id == person.id)
        for row in self._connection.execute(elsewhere):
            self._touched.note(Kind.MEMBER, row.id, row.case_id)
        reported = select(cases.c.id).where(cases.c.reporter_id == person.id)
        for case_id in self._connection.execute(reported).scalars():
            self._touched.note(Kind.CASE, case_id, case_id)

    def people(self, ids: Iterable[UUID]) -> dict[UUID, Person]:
        """People by id."""
        found = self._connection.execute(_PEOPLE, {"ids": list(ids)})
        return {row.id: person_of(self._vault, row) for row in found}

    def add_note(self, note: Note) -> None:
        """Keep a note. Notes are only ever added."""
        self._connection.execute(_ADD_NOTE, {
            "id": note.id, "case_id": note.case_id, "author_id": note.author_id,
            "restricted": note.restricted, "at": note.at,
            "text": self._vault.seal(note.text, Place("note", note.id, "text")),
        })  # fmt: skip
        self._touched.note(Kind.NOTE, note.id, note.case_id)

    def notes(self, ids: Iterable[UUID]) -> dict[UUID, Note]:
        """Notes by id."""
        found = self._connection.execute(_NOTES, {"ids": list(ids)})
        return {row.id: self._note(row) for row in found}

    def add_contact_attempt(self, attempt: ContactAttempt) -> None:
        """Keep a contact attempt."""
        self._connection.execute(insert(contact_attempts).values(
            id=attempt.id, case_id=attempt.case_id, author_id=attempt.author_id, channel=attempt.channel,
            outcome=attempt.outcome, at=attempt.at, seconds=attempt.seconds, call_id=attempt.call_id,
            note=self._sealed(attempt.note, "contact_attempt", attempt.id, "note"),
        ))  # fmt: skip
        self._touched.note(Kind.CONTACT_ATTEMPT, attempt.id, attempt.case_id)

    def contact_attempts(self, ids: Iterable[UUID]) -> dict[UUID, ContactAttempt]:
        """Contact attempts by id."""
        found = self._connection.execute(select(contact_attempts).where(contact_attempts.c.id.in_(list(ids))))
        return {row.id: self._attempt(row) for row in found}

    def add_task(
        self, *, kind: str, case_id: UUID | None, subject_id: UUID | None, due_at: datetime, now: datetime
    ) -> None:
        """A human must do this until then."""
        task_id = new_id(now)
        self._connection.execute(insert(tasks).values(
            id=task_id, kind=kind, case_id=case_id, subject_id=subject_id, due_at=due_at, created_at=now
        ))  # fmt: skip
        self._touched.note(Kind.TASK, task_id, case_id)

    def add_task_once(self, *, kind: str, subject_id: UUID | None, due_at: datetime, now: datetime) -> None:
        """As add_task, for no case, unless somebody has a task of this kind to do already."""
        waiting = select(tasks.c.id).where(tasks.c.kind == kind, tasks.c.done_at.is_(None)).limit(1)
        if self._connection.execute(waiting).first() is None:
            self.add_task(kind=kind, case_id=None, subject_id=subject_id, due_at=due_at, now=now)

    def put_tasks_into(self, case_id: UUID, *, subject_id: UUID) -> None:
        """What waits for a human because of this subject belongs to a case now."""
        moved = self._connection.execute(
            update(tasks)
            .where(tasks.c.subject_id == subject_id, tasks.c.case_id.is_(None), tasks.c.done_at.is_(None))
            .values(case_id=case_id, subject_id=None)
            .returning(tasks.c.id)
        )
        for task_id in moved.scalars().all():
            self._touched.note(Kind.TASK, task_id, case_id)

    def waits_for_human(self, case_id: UUID, kind: str) -> bool:
        """Whether somebody has a task of this kind to do in this case."""
        waiting = select(tasks.c.id).where(
            tasks.c.case_id == case_id, tasks.c.kind == kind, tasks.c.done_at.is_(None)
        )
        return self._connection.execute(waiting.limit(1)).first() is not None

    def open_tasks(self, sight: Sight, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Task]:
        """What waits for a human, the most pressing first. Tasks of no case are the coordinators'."""
        asked = select(tasks).where(tasks.c.done_at.is_(None), _for_eyes(sight))
        if after:
            later = (tasks.c.due_at == after[0]) & (tasks.c.id > after[1])
            asked = asked.where((tasks.c.due_at > after[0]) | later)
        found = self._connection.execute(asked.order_by(tasks.c.due_at, tasks.c.id).limit(limit))
        return [_task(row) for row in found]

    def tasks(self, ids: Iterable[UUID]) -> dict[UUID, Task]:
        """Tasks by id."""
        found = self._connection.execute(select(tasks).where(tasks.c.id.in_(list(ids))))
        return {row.id: _task(row) for row in found}

    def locked_task(self, task_id: UUID, sight: Sight) -> Task | None:
        """One task that these eyes may see, locked."""
        asked = select(tasks).where(tasks.c.id == task_id, _for_eyes(sight)).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        return _task(row) if row else None

    def finish_task(self, task: Task, *, by: UUID, now: datetime) -> None:
        """A human did it."""
        self._connection.execute(update(tasks).where(tasks.c.id == task.id).values(done_at=now, done_by=by))
        self._touched.note(Kind.TASK, task.id, task.case_id)

    def finish_tasks_about(self, subject_id: UUID, *, kind: str, by: UUID, now: datetime) -> None:
        """What the tasks of this kind asked about the subject was done."""
        waiting = tasks.c.subject_id == subject_id, tasks.c.kind == kind, tasks.c.done_at.is_(None)
        for row in self._connection.execute(select(tasks).where(*waiting)).all():
            self.finish_task(_task(row), by=by, now=now)

    def add_correction(self, case_id: UUID, correction: Correction) -> None:
        """Keep what a person decided over the words."""
        self._connection.execute(insert(corrections).values(
            id=new_id(correction.at), case_id=case_id, field=correction.field, before=list(correction.before),
            after=list(correction.after), rules=list(correction.rules), language=correction.language,
            at=correction.at,
        ))  # fmt: skip

    def corrections(self) -> list[Correction]:
        """Everything that people decided over the words, oldest first."""
        found = self._connection.execute(select(corrections).order_by(corrections.c.at, corrections.c.id))
        return [
            Correction(row.field, tuple(row.before), tuple(row.after), tuple(row.rules), row.language, row.at)
            for row in found
        ]

    def first_time(self, command_id: UUID, worker_id: UUID, fingerprint: bytes, now: datetime) -> bool | None:
        """Whether this request comes for the first time: True; False for a repeat; None where the
        same id came with another content or from another worker.
        """
        values = {"id": command_id, "worker_id": worker_id, "fingerprint": fingerprint, "at": now}
        if insert_new(self._connection, commands, values):
            return True
        return False if self.repeated(command_id, worker_id, fingerprint) else None

    def repeated(self, command_id: UUID, worker_id: UUID, fingerprint: bytes) -> bool:
        """Whether this worker made this very request before."""
        kept = self._connection.execute(select(commands).where(commands.c.id == command_id)).one_or_none()
        return kept is not None and (kept.worker_id, bytes(kept.fingerprint)) == (worker_id, fingerprint)

    def _sealed(self, plain: str | None, table: str, row: UUID, field: str) -> bytes | None:
        return self._vault.seal(plain, Place(table, row, field)) if plain else None

    def _opened(self, sealed: bytes | None, table: str, row: UUID, field: str) -> str | None:
        return self._vault.open(sealed, Place(table, row, field)) if sealed else None

    def _member(self, row: Row[Any]) -> Member:
        wages = Money(row.wages_minor, row.wages_currency) if row.wages_currency else None
        return Member(
            row.member_id, row.case_id, person_of(self._vault, row), row.status, row.outcome,
            frozenset(row.flags or ()), wages,
        )  # fmt: skip

    def _note(self, row: Row[Any]) -> Note:
        text = self._vault.open(row.text, Place("note", row.id, "text"))
        return Note(row.id, row.case_id, row.author_id, text, row.restricted, row.at)

    def _attempt(self, row: Row[Any]) -> ContactAttempt:
        note = self._opened(row.note, "contact_attempt", row.id, "note")
        return ContactAttempt(
            row.id, row.case_id, row.author_id, row.channel, row.outcome, note, row.at, row.seconds,
            row.call_id,
        )  # fmt: skip


def _for_eyes(sight: Sight) -> ColumnElement[bool]:
    of_a_case = tasks.c.case_id.in_(select(cases.c.id).where(seen_by(sight)))
    return or_(of_a_case, tasks.c.case_id.is_(None)) if sight.coordinates else of_a_case


def _task(row: Row[Any]) -> Task:
    return Task(row.id, row.kind, row.case_id, row.subject_id, row.due_at, row.created_at, row.done_at)


def _of_member(member: Member) -> dict[str, Any]:
    wages = member.wages_claimed
    return {
        "status": member.status, "outcome": member.outcome, "flags": sorted(member.flags) or None,
        "wages_minor": wages.amount_minor if wages else None,
        "wages_currency": wages.currency if wages else None,
    }  # fmt: skip


_MEMBERS: Final = select(
    members.c.id.label("member_id"),
    members.c.case_id,
    members.c.status,
    members.c.outcome,
    members.c.flags,
    members.c.wages_minor,
    members.c.wages_currency,
    persons,
).join(persons, persons.c.id == members.c.person_id)
# Made once, for every page of a device and every row that it pushes asks them.
_IDS: Final[Any] = bindparam("ids", expanding=True)
_MEMBERS_BY_ID: Final = _MEMBERS.where(members.c.id.in_(_IDS))
_PEOPLE: Final = select(persons).where(persons.c.id.in_(_IDS))
_NOTES: Final = select(notes).where(notes.c.id.in_(_IDS))
_ADD_NOTE: Final = insert(notes)
