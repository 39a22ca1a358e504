"""How an upload goes: what may begin, how it grows, when it is over, and why it may be refused."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from app.attachments.rules.kinds import ENDINGS, MediaType
from app.kernel.refusal import Refusal

_MEGABYTE: Final = 1_000_000
_LONGEST_NAME: Final = 120
_LONGEST_ENDING: Final = 8
# Marks that turn the direction of writing: with one, "gpj.exe" can be made to look like a photo.
_TURNING: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
_SETTLED_LATEST: Final = timedelta(minutes=1)


class State(StrEnum):
    """How far an attachment has come."""

    PENDING = "pending"
    COMPLETE = "complete"
    REFUSED = "refused"
    ERASED = "erased"  # withdrawn by its author, or not finished in time


class AttachmentTooLarge(Refusal):
    """The file is larger than is taken."""

    code = "attachment.too_large"
    status = 413


class CaseFull(Refusal):
    """The files of this case would take more room than a case has."""

    code = "attachment.case_full"
    status = 413


class TooManyUploads(Refusal):
    """The worker has as many unfinished uploads as one may have."""

    code = "attachment.too_many_uploads"
    status = 429


class BadMetadata(Refusal):
    """What was said about the file is missing or does not read."""

    code = "attachment.bad_metadata"
    status = 422
    told: ClassVar[tuple[str, ...]] = ("field",)


class OffsetConflict(Refusal):
    """The bytes do not begin where the upload has come to."""

    code = "attachment.offset_conflict"


class TooLong(Refusal):
    """More bytes came than were announced."""

    code = "attachment.too_long"
    status = 413


class UploadGone(Refusal):
    """The upload was withdrawn, or was not finished in time."""

    code = "attachment.gone"
    status = 410


class IsKept(Refusal):
    """A complete attachment belongs to its case: no upload takes it back."""

    code = "attachment.is_kept"
    status = 403


class ChecksumMismatch(Refusal):
    """What arrived is not what was announced. It was thrown away and may be sent again."""

    code = "attachment.checksum_mismatch"
    status = 422


class TypeRefused(Refusal):
    """By its bytes the file is nothing that is taken."""

    code = "attachment.type_refused"
    status = 422


class PictureUnreadable(Refusal):
    """The picture does not read, so nobody could say that its position is gone."""

    code = "attachment.picture_unreadable"
    status = 422


class BytesLost(Refusal):
    """What had arrived can no longer be read here. It may be sent again."""

    code = "attachment.bytes_lost"
    status = 422


WHY_REFUSED: Final[Mapping[str, type[Refusal]]] = {
    reason.code: reason for reason in (ChecksumMismatch, TypeRefused, PictureUnreadable, BytesLost)
}
# The same file, sent once more, can come out well.
_MAY_COME_AGAIN: Final = frozenset({ChecksumMismatch.code, BytesLost.code})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken, and for how long an unfinished upload is waited for after its last byte."""

    file_bytes: int = 25 * _MEGABYTE
    case_bytes: int = 500 * _MEGABYTE
    open_uploads: int = 20
    unfinished_for: timedelta = timedelta(days=7)
    keep_position: bool = False  # whether photos may tell where they were taken


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device announces about a file. `sha256` are 64 hexadecimal digits in lower case."""

    id: UUID
    case_id: UUID
    size_bytes: int
    sha256: str
    name: str
    declared_type: str
    announced: str  # all of it in the device's own writing, to be said back to it


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes are: a name that means nothing, and the key without which they are noise."""

    name: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of a file that was found good, and where."""

    kind: MediaType
    size_bytes: int
    sha256: str
    file: StoredFile
    position_removed: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a case, or one that is on its way there.

    `size_bytes` and `sha256` are of what is sent; `kept` tells what is kept. `leftover` is a file that
    belongs to nobody any more and is still to be removed. `due_at` is when somebody has to look at it
    again.
    """

    id: UUID
    case_id: UUID
    author_id: UUID
    state: State
    name: str
    announced: str
    declared_type: str
    size_bytes: int
    sha256: str
    offset_bytes: int
    file: StoredFile | None
    created_at: datetime
    expires_at: datetime
    due_at: datetime | None
    kept: Kept | None = None
    problem: str | None = None
    leftover: str | None = None
    completed_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every byte has arrived."""
        return self.offset_bytes == self.size_bytes

    def is_over(self, now: datetime) -> bool:
        """Whether it waited in vain for its bytes."""
        return self.state is State.PENDING and not self.is_whole and now >= self.expires_at

    def must_take_bytes(self, now: datetime) -> None:
        """Raises: UploadGone, or why the file was refused."""
        if self.state is State.REFUSED:
            raise WHY_REFUSED[self.problem or TypeRefused.code]
        if self.state is State.ERASED or self.is_over(now):
            raise UploadGone

    def is_same_as(self, wish: Wish) -> bool:
        """Whether the wish is for this very file in this very case."""
        return (self.case_id, self.size_bytes, self.sha256) == (wish.case_id, wish.size_bytes, wish.sha256)

    def may_begin_again(self, now: datetime) -> bool:
        """Whether its author may send it anew under the same id."""
        again = self.state is State.REFUSED and self.problem in _MAY_COME_AGAIN
        return again or self.state is State.ERASED or self.is_over(now)


def must_fit(wish: Wish, limits: Limits, *, case_bytes: int, open_uploads: int) -> None:
    """Raises: AttachmentTooLarge, CaseFull, TooManyUploads.

    `case_bytes` are those of the case's files, announced ones included; `open_uploads` the worker's own.
    """
    if wish.size_bytes > limits.file_bytes:
        raise AttachmentTooLarge(megabytes=limits.file_bytes // _MEGABYTE)
    if case_bytes + wish.size_bytes > limits.case_bytes:
        raise CaseFull(megabytes=limits.case_bytes // _MEGABYTE)
    if open_uploads >= limits.open_uploads:
        raise TooManyUploads(limit=limits.open_uploads)


def begun(wish: Wish, file: StoredFile, *, author_id: UUID, limits: Limits, now: datetime) -> Attachment:
    """An upload of which no byte has arrived."""
    until = now + limits.unfinished_for
    return Attachment(
        id=wish.id, case_id=wish.case_id, author_id=author_id, state=State.PENDING,
        name=clean_name(wish.name), announced=wish.announced, declared_type=wish.declared_type,
        size_bytes=wish.size_bytes, sha256=wish.sha256, offset_bytes=0, file=file, created_at=now,
        expires_at=until, due_at=until,
    )  # fmt: skip


def begun_again(known: Attachment, anew: Attachment) -> Attachment:
    """An upload from its first byte, of which an earlier try is known. A file that is there is used again."""
    return replace(anew, file=known.file or anew.file, leftover=known.leftover)


def grown(attachment: Attachment, *, to: int, limits: Limits, now: datetime) -> Attachment:
    """The upload with so many bytes; it is waited for anew from here."""
    until = now + limits.unfinished_for
    whole = to == attachment.size_bytes
    # Whoever sent the last byte settles it at once; where they cannot, the worker does soon after.
    return replace(
        attachment, offset_bytes=to, expires_at=until, due_at=now + _SETTLED_LATEST if whole else until
    )


def completed(attachment: Attachment, kept: Kept, *, now: datetime) -> Attachment:
    """The attachment as part of its case. What it was sent into is left over, if another file is kept."""
    sent = attachment.file.name if attachment.file else None
    leftover = sent if sent != kept.file.name else attachment.leftover
    return replace(
        attachment, state=State.COMPLETE, kept=kept, file=kept.file, leftover=leftover, completed_at=now,
        due_at=now if leftover else None,
    )  # fmt: skip


def refused(attachment: Attachment, problem: str, *, now: datetime) -> Attachment:
    """The attachment without its bytes, and why."""
    return replace(_without_file(attachment, now), state=State.REFUSED, problem=problem)


def erased(attachment: Attachment, *, now: datetime) -> Attachment:
    """The attachment without its bytes."""
    return replace(_without_file(attachment, now), state=State.ERASED)


def cleared(attachment: Attachment) -> Attachment:
    """The attachment, nothing left over of it."""
    due_at = attachment.expires_at if attachment.state is State.PENDING else None
    return replace(attachment, leftover=None, due_at=due_at)


def _without_file(attachment: Attachment, now: datetime) -> Attachment:
    leftover = attachment.file.name if attachment.file else attachment.leftover
    return replace(attachment, file=None, leftover=leftover, due_at=now if leftover else None)


def clean_name(name: str) -> str:
    """A file's name without its folders, and without marks that no reader sees or that turn the text."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(
        letter
        for letter in last
        if letter not in _TURNING and unicodedata.category(letter) not in {"Cc", "Cs"}
    )
    return seen.strip(" .")[:_LONGEST_NAME]


def name_to_save(name: str, kind: MediaType) -> str:
    """The name under which it is saved: with the ending of what it is, whatever it said it was."""
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > _LONGEST_ENDING or not ending.isalnum():
        stem = name
    return f"{stem.strip(' .') or 'attachment'}.{ENDINGS[kind]}"
