"""Documents as devices hold them: the same shapes as the JSON API answers, one kind at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from app.cases.rules.guards import shows_note
from app.cases.rules.stages import Case
from app.cases.store.people import Person
from app.cases.store.records import Member
from app.escalation.store import Timer
from app.identity.rules import Worker
from app.store.feed import Kind
from app.sync.store import SyncStore
from app.usecases.fields import FLAGS
from app.usecases.rulebook import Rulebook
from app.usecases.unit_of_work import UnitOfWork

Document = dict[str, Any]
REFERENCE_REV: Final = 1  # lists of codes have no revision of their own
_LANGUAGES: Final = ("km", "en")


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom documents are made, and out of which transaction."""

    uow: UnitOfWork
    worker: Worker

    @property
    def pushed(self) -> SyncStore:
        """What devices pushed."""
        return SyncStore(self.uow.connection, self.uow.vault, self.uow.touched)


def render(reader: Reader, wanted: Mapping[str, Iterable[UUID]]) -> dict[tuple[str, UUID], Document]:
    """The documents by kind and id, each with its revision and what another version knows of it.

    Whoever asks has made sure that the worker may hold them.
    """
    found: dict[tuple[str, UUID], Document] = {}
    listed = {kind: some for kind, ids in wanted.items() if (some := list(ids))}
    revisions = reader.uow.feed.revisions(listed)
    for kind, ids in listed.items():
        extras = reader.pushed.extras(kind, ids) if kind in _EXTENDED else {}
        for doc_id, doc in _RENDERERS[kind](reader, ids).items():
            doc["rev"] = revisions.get((kind, doc_id), REFERENCE_REV)
            if doc_id in extras:
                doc["extra"] = extras[doc_id]
            found[kind, doc_id] = doc
    return found


def by_kind(docs: Iterable[tuple[str, UUID]]) -> dict[str, list[UUID]]:
    """The ids of documents by their kind."""
    sorted_out: dict[str, list[UUID]] = defaultdict(list)
    for kind, doc_id in docs:
        sorted_out[kind].append(doc_id)
    return sorted_out


def references(rulebook: Rulebook) -> dict[UUID, Document]:
    """What every device needs to know of how this hotline works, by id: codes with their names."""
    return {reference_id(name): {"name": name, "items": items} for name, items in rulebook.code_lists.items()}


def reference_id(name: str) -> UUID:
    """The id of a list of codes: the same on every installation."""
    return uuid5(NAMESPACE_URL, f"urn:spean:reference:{name}")


def _cases(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    uow = reader.uow
    found = uow.cases.many(ids)
    timers = uow.timers.next_of(ids)
    reporters = uow.records.people(case.reporter_id for case in found if case.reporter_id)
    return {
        case.id: case_doc(
            case, timers.get(case.id), reporters.get(case.reporter_id) if case.reporter_id else None
        )
        for case in found
    }


def case_doc(case: Case, timer: Timer | None, reporter: Person | None) -> Document:
    """A case as `GET /v1/cases/{id}` answers it, without its members, which are documents of their own."""
    return {
        "id": case.id, "code": case.code, "status": case.status.value, "urgency": case.urgency.value,
        "categories": list(case.categories),
        "urgency_reasons": [{"category": None, "text": None, **reason} for reason in case.reasons],
        "language": case.language, "origin_channel": case.origin_channel,
        "destination_country": case.destination_country, "organisation_id": case.organisation_id,
        "owner_id": case.owner_id, "queue": case.queue.value if case.queue else None,
        "opened_at": case.opened_at, "accepted_at": case.accepted_at,
        "first_contact_at": case.first_contact_at, "closed_at": case.closed_at,
        "hold_until": case.hold_until, "overdue_since": case.overdue_since, "updated_at": case.updated_at,
        "outcome": case.outcome.value if case.outcome else None, "client_informed": case.client_informed,
        "conflict": case.conflict, "next_timer": _timer(timer) if timer else None,
        "member_count": case.member_count, "reporter": _person(reporter) if reporter else None,
        "summary": case.summary, "version": case.version,
    }  # fmt: skip


def member_doc(member: Member) -> Document:
    """A member as it stands in a case, with the case's id."""
    wages = member.wages_claimed
    return {
        "id": member.id, "case_id": member.case_id, "status": member.status, "outcome": member.outcome,
        "wages_claimed": {"amount_minor": wages.amount_minor, "currency": wages.currency} if wages else None,
        **{flag: flag in member.flags for flag in FLAGS},
        "person": _person(member.person),
    }  # fmt: skip


def _members(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    return {key: member_doc(member) for key, member in reader.uow.records.members(ids).items()}


def _notes(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    worker = reader.worker

    def shown(note: Any) -> str | None:  # noqa: ANN401 - a note
        # Nobody's devices hold a case of another organisation but coordinators'.
        readable = shows_note(
            worker,
            restricted=note.restricted,
            author_id=note.author_id,
            organisation_id=worker.organisation_id,
        )
        return note.text if readable else None

    return {
        note.id: {
            "id": note.id, "case_id": note.case_id, "author_id": note.author_id, "text": shown(note),
            "restricted": note.restricted, "at": note.at,
        }
        for note in reader.uow.records.notes(ids).values()
    }  # fmt: skip


def _attempts(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    return {
        one.id: {
            "id": one.id, "case_id": one.case_id, "author_id": one.author_id, "channel": one.channel,
            "outcome": one.outcome, "note": one.note, "at": one.at,
        }
        for one in reader.uow.records.contact_attempts(ids).values()
    }  # fmt: skip


def _tasks(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    return {
        task.id: {
            "id": task.id, "kind": task.kind, "case_id": task.case_id, "subject_id": task.subject_id,
            "due_at": task.due_at, "created_at": task.created_at, "done_at": task.done_at,
        }
        for task in reader.uow.records.tasks(ids).values()
    }  # fmt: skip


def _messages(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    came = reader.uow.intake.in_cases(ids)
    went = reader.uow.outbox.in_cases([doc_id for doc_id in ids if doc_id not in came])
    return {key: {"id": key, **one} for found in (came, went) for key, one in found.items()}


def _attachments(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    return {
        one.id: {
            "id": one.id, "case_id": one.case_id, "author_id": one.author_id, "name": one.name,
            "mime": one.kept.kind.value if one.kept else one.declared_type, "size_bytes": one.size_bytes,
            "sha256": one.sha256, "state": one.state.value, "at": one.created_at,
        }
        for one in reader.uow.attachments.of_ids(ids).values()
    }  # fmt: skip


def _references(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    known = references(reader.uow.rulebook)
    return {key: {"id": key, **known[key]} for key in ids if key in known}


def _issues(reader: Reader, ids: list[UUID]) -> dict[UUID, Document]:
    return {
        issue.id: {
            "id": issue.id, "code": issue.code,
            **explained(reader.uow.rulebook, issue.code, issue.details.get("words", {})),
            "about": {"kind": issue.about_kind, "id": issue.about_id},
            "case_id": issue.case_id, "conflict": issue.details.get("conflict", []),
            "at": issue.at, "seen": issue.seen_at is not None,
        }
        for issue in reader.pushed.issues(ids).values()
    }  # fmt: skip


def explained(rulebook: Rulebook, code: str, words: Mapping[str, Any]) -> Document:
    """Why something was refused, as title and detail, each in Khmer and English."""
    texts = rulebook.catalogues
    return {
        part: {name: texts.fill(f"refusal.{code}.{part}", name, words) for name in _LANGUAGES}
        for part in ("title", "detail")
    }


def _timer(timer: Timer) -> Document:
    return {
        "id": timer.id, "kind": timer.plan.kind.value, "rung": timer.plan.rung, "to": timer.plan.to,
        "due_at": timer.plan.due_at, "state": timer.state,
    }  # fmt: skip


def _person(person: Person) -> Document:
    return {
        "id": person.id, "name": person.name, "phone": person.phone.e164 if person.phone else None,
        "sex": person.sex, "birth_date": person.birth_date, "language": person.language,
    }  # fmt: skip


_EXTENDED: Final = frozenset({Kind.CASE, Kind.MEMBER, Kind.NOTE, Kind.CONTACT_ATTEMPT, Kind.ATTACHMENT})
_RENDERERS: Final[Mapping[str, Callable[[Reader, list[UUID]], dict[UUID, Document]]]] = {
    Kind.CASE: _cases,
    Kind.MEMBER: _members,
    Kind.NOTE: _notes,
    Kind.CONTACT_ATTEMPT: _attempts,
    Kind.TASK: _tasks,
    Kind.MESSAGE: _messages,
    Kind.ATTACHMENT: _attachments,
    Kind.REFERENCE: _references,
    Kind.SYNC_ISSUE: _issues,
}
