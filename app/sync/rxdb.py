"""The dialect of RxDB over the same engine: rows of whole documents in, the documents that differ out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.sync.pulling import Carrier, Change, shown
from app.sync.pushing import Taken, push
from app.sync.reading import read_pair
from app.sync.rules import Op, flat
from app.usecases.unit_of_work import Office

Document = dict[str, Any]
_DELETED: Final = "_deleted"


def as_rxdb(change: Change, carrier: Carrier) -> Document:
    """A change as RxDB takes it; one that must go bears its id and nothing of what it was."""
    if change.content is None:
        return {"id": str(change.doc.id), _DELETED: True}
    return {**shown(change, carrier), _DELETED: False}


def push_rxdb(
    office: Office, carrier: Carrier, kind: str, rows: Iterable[Any], *, now: datetime
) -> list[Document]:
    """The documents that stand here otherwise than they were sent. Never refused as a whole: RxDB would
    send the same rows for ever.
    """

    def read(row: object, schema: int) -> Op:
        return read_pair(kind, row, schema)

    taken = push(office, carrier, rows, read=read, now=now)
    return [master for one in taken if (master := _master(one)) is not None]


def _master(taken: Taken) -> Document | None:
    """The document as it stands here, where the device must be told; None where it holds the same."""
    op, result = taken.op, taken.result
    if op is None or result["status"] in {"applied", "held"}:
        return None
    doc = result.get("doc")
    if doc is None:
        return {"id": str(op.id), _DELETED: True}
    same = result["status"] == "duplicate" and _holds(doc, op)
    return None if same else {**doc, _DELETED: False}


def _holds(doc: Mapping[str, Any], op: Op) -> bool:
    here = flat(doc)
    return all(_plain(here.get(name)) == value for name, value in op.set.items())


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of a document
    return str(value) if isinstance(value, UUID) else value
