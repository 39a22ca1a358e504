"""Files of a case: announced by what is known of them, complete when their bytes are here."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.cases.rules.facts import AttachmentAdded
from app.cases.store.attachments import PENDING, Attachment
from app.identity.rules import Action, Worker
from app.usecases.seeing import locked_case
from app.usecases.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Announced:
    """A file as the one who has it describes it. `sha256` is of its bytes, in hexadecimal digits."""

    id: UUID
    case_id: UUID
    name: str | None
    mime: str
    size_bytes: int
    sha256: str


def announce(uow: UnitOfWork, worker: Worker, announced: Announced, *, now: datetime) -> Attachment:
    """What is known of a file that is still to come. Its id must be new. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.WORK_CASES)
    case = locked_case(uow, worker, announced.case_id)
    attachment = Attachment(
        announced.id, case.id, worker.id, announced.name, announced.mime, announced.size_bytes,
        announced.sha256, PENDING, now,
    )  # fmt: skip
    uow.attachments.add(attachment)
    fact = AttachmentAdded(attachment.id, attachment.mime, attachment.size_bytes)
    uow.tell(case.id, [fact], actor=worker.id)
    return attachment
