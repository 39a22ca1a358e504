"""Doing what a device did, by the use cases that the JSON API calls: one document, one transaction."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from app.attachments.rules.uploads import Wish
from app.cases.store.people import Person
from app.cases.store.records import ContactAttempt
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound, Refusal
from app.store.feed import Doc, Kind
from app.store.files import new_ref
from app.sync.pulling import Carrier
from app.sync.rules import FieldsRefused, Lost, OnlyAdded, Op, ReadOnly
from app.sync.store import SyncStore
from app.usecases import attaching, case_work, keeping
from app.usecases.case_work import Command
from app.usecases.fields import MEMBER_FIELDS, AttachmentFields, ContactFields, NoteFields, checked
from app.usecases.seeing import locked_case
from app.usecases.unit_of_work import UnitOfWork


class ParentUnknown(Exception):
    """The case that the row belongs to is not here yet."""

    def __init__(self, parent_id: UUID) -> None:
        super().__init__("the parent is not here yet")
        self.parent_id = parent_id


@dataclass(slots=True)
class Doing:
    """One op while it is done, and what comes of it: its case, and what of it was not written."""

    uow: UnitOfWork
    carrier: Carrier
    op: Op
    now: datetime
    known: bool = True  # whether the document is here already; where it may be, it is looked for
    case_id: UUID | None = None
    lost: list[Lost] = field(default_factory=list)
    created: bool = False

    @property
    def pushed(self) -> SyncStore:
        """What devices pushed."""
        return SyncStore(self.uow.connection, self.uow.vault, self.uow.touched)

    def command(self, content: str) -> Command:
        """The op as a command that is safe to repeat; `content` is written as the JSON API writes it."""
        assert self.case_id is not None  # noqa: S101 - whoever asks has found the case
        return Command(self.carrier.worker, self.case_id, self.op.id, content)

    def parent(self) -> UUID:
        """The case that a new document says it belongs to. Raises: FieldsRefused."""
        try:
            self.case_id = UUID(str(self.op.set.get("case_id")))
        except ValueError:
            raise FieldsRefused(fields="case_id") from None
        return self.case_id

    def must_be_brought(self) -> None:
        """Nothing has this id: unless the row brings it, it is as if it were somebody else's.

        Raises: NotFound.
        """
        if not self.op.create and not self.op.set.get("case_id"):
            raise NotFound

    def read(self, shape: TypeAdapter[Any]) -> Any:  # noqa: ANN401 - one of several shapes
        """The fields as a shape reads them. Raises: FieldsRefused."""
        try:
            return shape.validate_python(dict(self.op.set))
        except ValidationError as error:
            raise FieldsRefused(fields=named(error)) from None


def named(error: ValidationError) -> str:
    """The fields that an error is about, never what stood in them."""
    return ", ".join(sorted({".".join(map(str, one["loc"])) or "row" for one in error.errors()}))[:200]


def valid(fields: Mapping[str, TypeAdapter[Any]], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The known ones of these fields as they are kept. An empty text is none. Raises: FieldsRefused."""
    kept: dict[str, Any] = {}
    wrong = []
    for name, value in wanted.items():
        if name not in fields:
            continue
        try:
            kept[name] = checked(fields, name, None if value == "" else value)
        except ValidationError:
            wrong.append(name)
    if wrong:
        raise FieldsRefused(fields=", ".join(sorted(wrong)))
    return kept


def person_of(fields: Mapping[str, Any], given_id: object, fallback: UUID) -> Person:
    """A person from fields named `person.name` and so on. Raises: FieldsRefused."""
    known = valid(MEMBER_FIELDS, fields)
    try:
        person_id = UUID(str(given_id)) if given_id else fallback
    except ValueError:
        raise FieldsRefused(fields="person.id") from None
    phone, birth = known.get("person.phone"), known.get("person.birth_date")
    return Person(
        person_id, name=known.get("person.name"), phone=Phone(phone) if phone else None,
        sex=known.get("person.sex") or "unknown",
        birth_date=datetime.fromisoformat(birth).date() if birth else None,
        language=known.get("person.language"),
    )  # fmt: skip


def own_id(doc_id: UUID, part: str) -> UUID:
    """An id for a part of a document, the same each time."""
    return uuid5(doc_id, part)


def add_note(doing: Doing) -> None:
    """A note, under the device's id. Raises: OnlyAdded, and as the use case."""
    uow, op = doing.uow, doing.op
    known = uow.records.notes([op.id]).get(op.id) if doing.known else None
    if known:
        doing.case_id = known.case_id
        locked_case(uow, doing.carrier.worker, known.case_id)
        _must_say_the_same(op, {"text": known.text, "restricted": known.restricted})
        return
    doing.must_be_brought()
    fields: NoteFields = doing.read(_NOTE)
    doing.parent()
    content = "note " + _compact({"text": fields.text, "restricted": fields.restricted})
    case_work.add_note(
        uow, doing.command(content), text=fields.text, restricted=fields.restricted, now=doing.now
    )
    doing.created = True


def add_contact_attempt(doing: Doing) -> None:
    """A contact attempt, under the device's id. Raises: OnlyAdded, and as the use case."""
    uow, op = doing.uow, doing.op
    known = uow.records.contact_attempts([op.id]).get(op.id) if doing.known else None
    if known:
        doing.case_id = known.case_id
        locked_case(uow, doing.carrier.worker, known.case_id)
        here = {"channel": known.channel, "outcome": known.outcome, "note": known.note}
        _must_say_the_same(op, here)
        return
    doing.must_be_brought()
    fields: ContactFields = doing.read(_CONTACT)
    parent = doing.parent()
    said = {"channel": fields.channel, "outcome": fields.outcome, "note": fields.note}
    attempt = ContactAttempt(
        op.id, parent, doing.carrier.worker.id, fields.channel, fields.outcome, fields.note, doing.now
    )
    case_work.add_contact_attempt(uow, doing.command("contact " + _compact(said)), attempt, now=doing.now)
    doing.created = True


def add_attachment(doing: Doing) -> None:
    """What is known of a file, whose bytes come another way. Raises: OnlyAdded, and as the use case."""
    uow, op = doing.uow, doing.op
    known = uow.attachments.get(op.id)
    if known:
        doing.case_id = known.case_id
        locked_case(uow, doing.carrier.worker, known.case_id)
        _must_say_the_same(
            op, {"name": known.name, "mime": known.declared_type, "size_bytes": known.size_bytes,
                 "sha256": known.sha256},
        )  # fmt: skip
        return
    doing.must_be_brought()
    fields: AttachmentFields = doing.read(_ATTACHMENT)
    wish = Wish(
        id=op.id, case_id=doing.parent(), size_bytes=fields.size_bytes, sha256=fields.sha256,
        name=fields.name or "", declared_type=fields.mime, announced="",
    )  # fmt: skip
    attaching.begin(uow, doing.carrier.worker, wish, new_ref(), now=doing.now)
    doing.created = True


def finish_task(doing: Doing) -> None:
    """A human did it; anything else about a task is the office's. Raises: ReadOnly, NotFound."""
    # First of all, so that it is said alike of a task of others and of one that never was.
    done = doing.op.set.get("done") is True or bool(doing.op.set.get("done_at"))
    if not done or doing.op.set.keys() - {"done", "done_at", "done_by"}:
        raise ReadOnly
    task = doing.uow.records.tasks([doing.op.id]).get(doing.op.id)
    if task is None:
        raise NotFound
    doing.case_id = task.case_id
    keeping.finish_task(doing.uow, doing.carrier.worker, task.id, now=doing.now)


def see_issue(doing: Doing) -> None:
    """The worker has seen what they were told, or threw it away. Raises: ReadOnly, NotFound."""
    issue = doing.pushed.issues([doing.op.id]).get(doing.op.id)
    if issue is None or issue.worker_id != doing.carrier.worker.id:
        raise NotFound
    doing.case_id = issue.case_id
    if doing.op.set.get("seen") is not True and "_deleted" not in doing.op.set:
        raise ReadOnly
    if "_deleted" in doing.op.set:
        doing.uow.feed.drop(issue.worker_id, Doc(Kind.SYNC_ISSUE, issue.id, issue.case_id))
    elif issue.seen_at is None:
        doing.pushed.seen(issue, doing.now)


def only_read(doing: Doing) -> None:
    """Devices only read these. Raises: ReadOnly."""
    found = doing.uow.intake.in_cases([doing.op.id]) or doing.uow.outbox.in_cases([doing.op.id])
    doing.case_id = found[doing.op.id]["case_id"] if found else None
    raise ReadOnly


def _must_say_the_same(op: Op, here: Mapping[str, Any]) -> None:
    if any(name in here and here[name] != value for name, value in op.set.items()) or "_deleted" in op.set:
        raise OnlyAdded


def _compact(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


_NOTE: Final = TypeAdapter(NoteFields)
_CONTACT: Final = TypeAdapter(ContactFields)
_ATTACHMENT: Final = TypeAdapter(AttachmentFields)
Handler = Callable[[Doing], None]
SIMPLE: Final[Mapping[str, Handler]] = {
    Kind.NOTE: add_note,
    Kind.CONTACT_ATTEMPT: add_contact_attempt,
    Kind.ATTACHMENT: add_attachment,
    Kind.TASK: finish_task,
    Kind.SYNC_ISSUE: see_issue,
    Kind.MESSAGE: only_read,
    Kind.REFERENCE: only_read,
}

__all__ = [
    "SIMPLE", "Doing", "Handler", "ParentUnknown", "Refusal", "named", "own_id", "person_of", "valid",
]  # fmt: skip
