"""Rows as devices send them, read into what was meant; what cannot be read says where."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app.store.feed import Kind
from app.sync.rules import Op, RowUnreadable, flat
from app.sync.versions import read_as_ours

_LONGEST_ID: Final = 200
_NOT_FIELDS: Final = frozenset({"id", "rev", "_deleted", "_rev", "_attachments", "_meta"})


def read_op(row: object, schema: int) -> Op:
    """What a row of the native protocol means. Raises: RowUnreadable."""
    if not isinstance(row, Mapping):
        raise RowUnreadable(field="row")
    _must_be_text(row)
    kind, doc_id = _kind(row.get("kind")), _uuid(row.get("id"))
    wanted, was = _fields(row, "set"), _fields(row, "was")
    name = row.get("op")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID:
        raise RowUnreadable(field="op")
    do = row.get("do")
    if do is not None and do not in {"accept", "decline", "reopen"}:
        raise RowUnreadable(field="do")
    return Op(
        name, kind, doc_id, flat(read_as_ours(kind, _without_meta(wanted), schema)),
        flat(read_as_ours(kind, was, schema)), row.get("create") is True, do, moment(row.get("at")),
    )  # fmt: skip


def read_pair(kind: str, row: object, schema: int) -> Op:
    """What a row of the RxDB dialect means: the fields that differ from what the device believed to be here.

    Raises: RowUnreadable.
    """
    new = row.get("newDocumentState") if isinstance(row, Mapping) else None
    old = row.get("assumedMasterState") if isinstance(row, Mapping) else None
    if not isinstance(new, Mapping) or not (old is None or isinstance(old, Mapping)):
        raise RowUnreadable(field="newDocumentState")
    _must_be_text(row)
    now_flat = flat(read_as_ours(kind, _without_meta(new), schema))
    was = flat(read_as_ours(kind, _without_meta(old or {}), schema))
    wanted = {name: value for name, value in now_flat.items() if name not in was or was[name] != value}
    if new.get("_deleted") is True and not (old or {}).get("_deleted"):
        wanted = {"_deleted": True}
    seen = {name: was.get(name) for name in wanted}
    echo = old is not None and not wanted
    return Op("", kind, _uuid(new.get("id")), wanted, seen, old is None, whole=now_flat, echo=echo)


def moment(written: object) -> datetime | None:
    """A time as a device claims it; None for what is none. Nothing is decided by it."""
    if not isinstance(written, str):
        return None
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC) if at.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def _without_meta(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _NOT_FIELDS}


def _must_be_text(row: Any) -> None:  # noqa: ANN401 - a JSON value
    """What no encoding can write could not be given back to any device."""
    try:
        text = orjson.dumps(row)
    except (TypeError, ValueError, RecursionError):
        raise RowUnreadable(field="row") from None
    if b"\\u0000" in text:
        raise RowUnreadable(field="row")


def _fields(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    fields = row.get(name, {})
    if not isinstance(fields, Mapping):
        raise RowUnreadable(field=name)
    return fields


def _kind(written: object) -> str:
    if written not in set(Kind):
        raise RowUnreadable(field="kind")
    return str(written)


def _uuid(written: object) -> UUID:
    try:
        return UUID(str(written)) if isinstance(written, str) else UUID(int=-1)
    except ValueError:
        raise RowUnreadable(field="id") from None
