"""Files of a case: announced, grown piece by piece, checked when they are whole, then read by whoever may."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.attachments.rules import uploads
from app.attachments.rules.kinds import MediaType, is_hopeless, kind_of
from app.attachments.rules.position import NotAPicture, without_position
from app.attachments.rules.uploads import (
    Attachment,
    BadMetadata,
    BytesLost,
    ChecksumMismatch,
    IsKept,
    Kept,
    OffsetConflict,
    PictureUnreadable,
    State,
    StoredFile,
    TooLong,
    TypeRefused,
    UploadGone,
    Wish,
    must_fit,
    name_to_save,
)
from app.audit.rules import Deed
from app.cases.rules.facts import AttachmentAdded
from app.identity.rules import Action, Worker
from app.kernel.refusal import NotFound
from app.store.files import FileDamaged, FileRef, FileStore
from app.usecases.case_work import IdConflict
from app.usecases.seeing import locked_case, sight_of
from app.usecases.unit_of_work import UnitOfWork

_ITSELF: Final = "attachments"
_LOOKED_AT_AGAIN_AFTER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FileOfCase:
    """A complete file, ready to be read."""

    attachment: Attachment
    kept: Kept

    @property
    def name(self) -> str:
        """What to save it as."""
        return name_to_save(self.attachment.name, self.kept.kind)


def begin(uow: UnitOfWork, worker: Worker, wish: Wish, file: FileRef, *, now: datetime) -> Attachment:
    """An upload that takes bytes, or the one that was begun with the same words before.

    `file` is where they will go. An upload that ended without its fault may begin again.
    Raises: NotAllowed, NotFound, IdConflict, AttachmentTooLarge, CaseFull, TooManyUploads, or why the
    file was refused when it came before.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    locked_case(uow, worker, wish.case_id)
    known = uow.attachments.locked(wish.id)
    if known and not (known.author_id == worker.id and known.is_same_as(wish)):
        raise IdConflict
    if known and not known.may_begin_again(now):
        if known.state is State.REFUSED:
            known.must_take_bytes(now)
        return known
    limits = uow.rulebook.attachments
    taken = uow.attachments.bytes_of_case(wish.case_id, but=wish.id)
    waiting = uow.attachments.open_uploads(worker.id, now, but=wish.id)
    must_fit(wish, limits, case_bytes=taken, open_uploads=waiting)
    anew = uploads.begun(wish, StoredFile(file.name, file.key), author_id=worker.id, limits=limits, now=now)
    if known:
        anew = uploads.begun_again(known, anew)
        uow.attachments.save(anew)
    elif not uow.attachments.add(anew):
        raise IdConflict
    _remember(uow, "attachment.begun", anew, worker.id)
    return anew


def own_upload(uow: UnitOfWork, worker: Worker, upload_id: UUID) -> Attachment:
    """The worker's own upload, as far as it has come.

    Raises: NotAllowed, NotFound, also for an upload of somebody else and for a case out of sight.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    found = uow.attachments.get(upload_id)
    if found is None or found.author_id != worker.id:
        raise NotFound
    if not uow.cases.visible([found.case_id], sight_of(worker)):
        raise NotFound
    return found


def must_be_at(upload: Attachment, at: int, *, now: datetime) -> None:
    """The upload takes bytes at this offset. Raises: OffsetConflict, UploadGone, or why it was refused."""
    upload.must_take_bytes(now)
    if upload.offset_bytes != at:
        raise OffsetConflict


def place_of(upload: Attachment) -> tuple[str, bytes]:
    """Name and key of the file that takes the bytes. Raises: UploadGone."""
    if upload.file is None:
        raise UploadGone
    return upload.file.name, upload.file.key


def must_go_on(uow: UnitOfWork, upload: Attachment, *, now: datetime) -> None:
    """The upload is still where it was when it was looked at.

    Raises: OffsetConflict, UploadGone, or why the file was refused.
    """
    found = uow.attachments.get(upload.id)
    if found is None:
        raise UploadGone
    must_be_at(found, upload.offset_bytes, now=now)
    if found.file != upload.file:
        raise OffsetConflict  # It was given up and begun again meanwhile.


def grow(uow: UnitOfWork, upload: Attachment, *, to: int, now: datetime) -> Attachment:
    """The upload with the bytes up to there, which are on the disk. Raises: as must_go_on."""
    found = uow.attachments.locked(upload.id)
    must_go_on(uow, upload, now=now)
    larger = uploads.grown(found or upload, to=to, limits=uow.rulebook.attachments, now=now)
    uow.attachments.save(larger)
    return larger


def examine(files: FileStore, attachment: Attachment, *, keep_position: bool) -> Kept | str:
    """What is to be kept of an upload that is whole, or the code of why it is refused.

    A photo whose position goes is written into a file of its own; that file counts for nothing until
    the row names it. Takes memory for three times the file.
    """
    sent = attachment.file
    if sent is None:
        return BytesLost.code
    try:
        content = b"".join(files.read(FileRef(sent.name, sent.key), size=attachment.size_bytes))
    except FileDamaged:
        return BytesLost.code
    if hashlib.sha256(content).hexdigest() != attachment.sha256:
        return ChecksumMismatch.code
    kind = kind_of(content)
    return _kept(files, attachment, content, kind, keep_position=keep_position) if kind else TypeRefused.code


def _kept(
    files: FileStore,
    attachment: Attachment,
    content: bytes,
    kind: MediaType,
    *,
    keep_position: bool,
) -> Kept | str:
    try:
        clean = content if keep_position else without_position(content, kind)
    except NotAPicture:
        return PictureUnreadable.code
    if clean == content and attachment.file:
        return Kept(kind, len(content), attachment.sha256, attachment.file, position_removed=False)
    ref = files.new()
    files.append(ref, [clean], at=0, limit=len(clean))
    digest = hashlib.sha256(clean).hexdigest()
    return Kept(kind, len(clean), digest, StoredFile(ref.name, ref.key), position_removed=True)


def settle(uow: UnitOfWork, attachment: Attachment, verdict: Kept | str, *, now: datetime) -> Attachment:
    """The attachment as part of its case, or refused. One that was settled before stays as it was."""
    uow.cases.locked(attachment.case_id, None)  # the case before what hangs on it, as everywhere
    found = uow.attachments.locked(attachment.id)
    if found is None or found.state is not State.PENDING or found.file != attachment.file:
        return found or attachment
    if isinstance(verdict, str):
        settled = uploads.refused(found, verdict, now=now)
        _remember(uow, "attachment.refused", settled, found.author_id)
    else:
        settled = uploads.completed(found, verdict, now=now)
        fact = AttachmentAdded(found.id, verdict.kind.value, verdict.size_bytes)
        uow.tell(found.case_id, [fact], actor=found.author_id)
    uow.attachments.save(settled)
    return settled


def refuse_at_once(uow: UnitOfWork, upload_id: UUID, *, now: datetime) -> None:
    """The upload is refused before it is whole: its first bytes are of nothing that is taken."""
    found = uow.attachments.locked(upload_id)
    if found and found.state is State.PENDING:
        refused = uploads.refused(found, TypeRefused.code, now=now)
        uow.attachments.save(refused)
        _remember(uow, "attachment.refused", refused, found.author_id)


def withdraw(uow: UnitOfWork, worker: Worker, upload_id: UUID, *, now: datetime) -> Attachment:
    """The worker does not want to send it after all. Raises: NotFound, IsKept, UploadGone."""
    own_upload(uow, worker, upload_id)
    found = uow.attachments.locked(upload_id)
    if found is None or found.state is State.ERASED:
        raise UploadGone
    if found.state is State.COMPLETE:
        raise IsKept
    gone = uploads.erased(found, now=now)
    uow.attachments.save(gone)
    _remember(uow, "attachment.withdrawn", gone, worker.id)
    return gone


def see_attachments(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[Attachment]:
    """The files of a case, on their way or there, oldest first. Looking is remembered. Raises: NotFound."""
    _must_see(uow, worker, case_id)
    uow.audit.record(Deed("attachment.listed", str(worker.id), case_id))
    return uow.attachments.of_case(case_id)


def see_attachment(uow: UnitOfWork, worker: Worker, attachment_id: UUID) -> Attachment:
    """One file of a case, or what became of it. Raises: NotFound."""
    found = uow.attachments.get(attachment_id)
    if found is None:
        worker.must_be_allowed(Action.READ_CASES)
        raise NotFound
    _must_see(uow, worker, found.case_id)
    return found


def open_file(uow: UnitOfWork, worker: Worker, attachment_id: UUID) -> FileOfCase:
    """A file, the reading of which is remembered. Raises: NotFound, also before the file is complete."""
    found = see_attachment(uow, worker, attachment_id)
    if found.state is not State.COMPLETE or found.kept is None:
        raise NotFound
    _remember(uow, "attachment.read", found, worker.id)
    return FileOfCase(found, found.kept)


def read_file(
    files: FileStore, file: FileOfCase, *, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """The bytes from `start` up to `stop`, not included. Raises: FileDamaged, with the first piece."""
    kept = file.kept
    return files.read(FileRef(kept.file.name, kept.file.key), size=kept.size_bytes, start=start, stop=stop)


def next_due(uow: UnitOfWork, now: datetime) -> UUID | None:
    """An attachment that somebody has to look at: whole, given up, or with a file to be removed."""
    return uow.attachments.due(now)


def postpone(uow: UnitOfWork, attachment_id: UUID, *, now: datetime) -> None:
    """Nobody else needs to look at it for a while; one that fails does not hold up the others."""
    uow.attachments.postpone(attachment_id, now + _LOOKED_AT_AGAIN_AFTER)


def upload_of(uow: UnitOfWork, attachment_id: UUID) -> Attachment | None:
    """The attachment for the program itself, which looks after it."""
    return uow.attachments.get(attachment_id)


def give_up(uow: UnitOfWork, attachment_id: UUID, *, now: datetime) -> Attachment | None:
    """The upload that waited in vain for its bytes is no more; None where it is no such one."""
    found = uow.attachments.locked(attachment_id)
    if found is None or not found.is_over(now):
        return None
    gone = uploads.erased(found, now=now)
    uow.attachments.save(gone)
    _remember(uow, "attachment.expired", gone, _ITSELF)
    return gone


def clear(uow: UnitOfWork, attachment_id: UUID, file_name: str) -> None:
    """The file that was left over is gone from the disk."""
    found = uow.attachments.locked(attachment_id)
    if found and found.leftover == file_name:
        uow.attachments.save(uploads.cleared(found))


def _must_see(uow: UnitOfWork, worker: Worker, case_id: UUID) -> None:
    worker.must_be_allowed(Action.READ_CASES)
    if not uow.cases.visible([case_id], sight_of(worker)):
        raise NotFound


def _remember(uow: UnitOfWork, action: str, attachment: Attachment, actor: UUID | str) -> None:
    told: dict[str, str | int] = {"attachment_id": str(attachment.id), "size_bytes": attachment.size_bytes}
    if attachment.problem:
        told["problem"] = attachment.problem
    uow.audit.record(Deed(action, str(actor), attachment.case_id, told))


__all__ = [
    "Attachment",
    "BadMetadata",
    "FileOfCase",
    "MediaType",
    "State",
    "TooLong",
    "TypeRefused",
    "Wish",
    "begin",
    "clear",
    "examine",
    "give_up",
    "grow",
    "is_hopeless",
    "must_be_at",
    "must_go_on",
    "next_due",
    "open_file",
    "own_upload",
    "place_of",
    "postpone",
    "read_file",
    "refuse_at_once",
    "see_attachment",
    "see_attachments",
    "settle",
    "upload_of",
    "withdraw",
]
