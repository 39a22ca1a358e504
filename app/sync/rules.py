"""How what a device did is weighed against what is there now: pure, and the same for every kind."""

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.kernel.refusal import Refusal

SCHEMA: Final = 2  # the version of documents that this program speaks
LATE: Final = timedelta(minutes=1)
_DIGEST_MARK: Final = "#"
_DIGEST_LETTERS: Final = 8
_CURSOR: Final = struct.Struct(">6sQ")
_TAG_BYTES: Final = 7


class CursorGone(Refusal):
    """The cursor comes from a time that this database has forgotten: a backup was restored."""

    code = "cursor-gone"
    status = 410


class CursorNotOurs(Refusal):
    """The cursor was not made here, or not for this worker and these kinds."""

    code = "cursor.invalid"
    status = 422


class RowUnreadable(Refusal):
    """The row is not written as rows are; `field` says where."""

    code = "sync.unreadable"
    status = 422


class FieldsRefused(Refusal):
    """Some fields of the row hold what they cannot hold; `fields` names them."""

    code = "sync.fields"
    status = 422


class OnlyAdded(Refusal):
    """Notes, contact attempts and files are only ever added."""

    code = "sync.only_added"


class ReadOnly(Refusal):
    """Devices only read this."""

    code = "sync.read_only"
    status = 403


class KeptForTheOffice(Refusal):
    """The row met a fault of ours; it is kept, and somebody in charge looks at it."""

    code = "sync.fault"
    status = 500


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that a device did: fields that are set, and what it saw there before (`was`)."""

    op: str
    kind: str
    id: UUID
    set: Mapping[str, Any]
    was: Mapping[str, Any]
    create: bool = False
    do: str | None = None
    at: datetime | None = None
    whole: Mapping[str, Any] | None = None  # all that the device has, where it tells
    echo: bool = False  # the device only repeats what it was told


@dataclass(frozen=True, slots=True)
class Lost:
    """A value of a device that was not written, and the one that stands in its place."""

    field: str
    kept: Any
    yours: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """What of a device's values is written, and what clashes with what others wrote."""

    apply: Mapping[str, Any] = field(default_factory=dict)
    clashes: tuple[Lost, ...] = ()


def merge(
    current: Mapping[str, Any], wanted: Mapping[str, Any], was: Mapping[str, Any], *, fresh: bool = False
) -> Merged:
    """Field by field: what is there already needs nothing; what is as the device saw it is written.

    Everything else clashes. A device that says nothing of what it saw (no `was`) wrote over what
    was there knowingly, unless it believed the document to be new (`fresh`).
    """
    apply: dict[str, Any] = {}
    clashes = []
    for name, value in wanted.items():
        here = current.get(name)
        if here == value:
            continue
        unseen = name not in was and not fresh
        if unseen or here is None or same(here, was.get(name)):
            apply[name] = value
        else:
            clashes.append(Lost(name, here, value))
    return Merged(apply, tuple(clashes))


def merge_sets(current: Iterable[str], wanted: Iterable[str], was: Iterable[str] | None) -> list[str]:
    """A list in which order means nothing: what the device added and took away, done to what is there."""
    here, there = list(current), list(wanted)
    if was is None:
        return there
    seen = set(was)
    kept = [name for name in here if name in there or name not in seen]
    return [*kept, *(name for name in there if name not in seen and name not in kept)]


def raised(current: bool, *, wanted: bool) -> bool:  # noqa: FBT001 - what stands here, beside what is wanted
    """A warning: once somebody has raised it, no device takes it back."""
    return current or wanted


def same(here: Any, seen: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value is what the device saw; a long text may be given as `#` and 8 digits of its SHA-256."""
    if here == seen:
        return True
    if isinstance(here, str) and isinstance(seen, str) and seen.startswith(_DIGEST_MARK):
        return seen[1:] == hashlib.sha256(here.encode()).hexdigest()[:_DIGEST_LETTERS]
    return False


def flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with those of `person` named `person.name` and so on, so that each is weighed by itself."""
    flattened: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "person" and isinstance(value, Mapping):
            flattened |= {f"person.{inner}": one for inner, one in value.items()}
        else:
            flattened[name] = value
    return flattened


def op_id(worker_id: UUID, op: Op, row: Mapping[str, Any]) -> UUID:
    """The name of what was done: the same for the same row under the same id of the same worker.

    An id that comes again with another content is another thing: nothing that was said is passed over.
    """
    said = {key: value for key, value in row.items() if key not in {"at", "sent_at"}}
    text = json.dumps([str(worker_id), op.op, said], sort_keys=True)
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])


def late_at(
    claimed: datetime | None, last_seen: datetime | None, now: datetime, *, ahead: timedelta = timedelta()
) -> datetime | None:
    """When something was done, going by a device whose clock is `ahead`, where that is a while ago.

    Never before the device was seen last, never after now. Nothing is decided by it.
    """
    try:
        at = claimed - ahead if claimed else None
    except OverflowError:
        return None  # a time before or after all years
    if at is None or at > now - LATE:
        return None
    return max(at, last_seen) if last_seen else at


def write_cursor(lineage: bytes, seq: int, tag: Callable[[str], bytes]) -> str:
    """An opaque cursor. `tag` makes the authentication code of a text for this worker and these kinds."""
    body = _CURSOR.pack(lineage, seq)
    return base64.urlsafe_b64encode(body + tag(body.hex())[:_TAG_BYTES]).decode()


def read_cursor(cursor: str, tag: Callable[[str], bytes]) -> tuple[bytes, int]:
    """The lineage and number of a cursor. Raises: CursorNotOurs."""
    try:
        plain = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        body, code = plain[: _CURSOR.size], plain[_CURSOR.size :]
        lineage, seq = _CURSOR.unpack(body)
    except (binascii.Error, UnicodeError, ValueError, struct.error):
        raise CursorNotOurs from None
    if not hmac.compare_digest(code, tag(body.hex())[:_TAG_BYTES]):
        raise CursorNotOurs
    return lineage, seq


def digest(revisions: Iterable[tuple[UUID, int]]) -> tuple[int, str]:
    """How many documents, and the XOR of the first 8 bytes of SHA-256 over `id:rev` of each."""
    count, folded = 0, 0
    for doc_id, rev in revisions:
        count += 1
        folded ^= int.from_bytes(hashlib.sha256(f"{doc_id}:{rev}".encode()).digest()[:8], "big")
    return count, f"{folded:016x}"
