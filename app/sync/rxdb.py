"""The dialect of RxDB over the same engine: rows of whole documents in, the documents that differ out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from app.sync.pulling import JSON, Carrier, Change, shown
from app.sync.pushing import Taken, push
from app.sync.reading import read_pair
from app.sync.rules import Op
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

    sent = list(rows)
    taken = push(office, carrier, sent, read=read, whole=True, now=now)
    masters = (_master(one, row) for one, row in zip(taken, sent, strict=True))
    return [master for master in masters if master is not None]


def _master(taken: Taken, row: Any) -> Document | None:  # noqa: ANN401 - a row as it came
    """The document as it stands here, in full; None where the device holds the very same.

    The next pull alone would not do: RxDB takes nothing over a document that it is still pushing, and
    goes on behind it. A pull that overtakes the answer to a push would leave the device with its own
    state for ever. Source: docs/sync.md#what-the-client-test-found.
    """
    if taken.op is None:
        return None
    if taken.doc is None and taken.result["status"] == "held":
        return None
    # Of what it may not hold, or threw away before we ever had it, nothing stays on the device.
    gone = {"id": str(taken.op.id), _DELETED: True}
    master = gone if taken.doc is None else {**taken.doc, _DELETED: False}
    return None if _same(master, row["newDocumentState"]) else master


def _same(master: Document, theirs: Mapping[str, Any]) -> bool:
    written: Document = orjson.loads(orjson.dumps(master, option=JSON))
    return {**written, **_META} == {_DELETED: False, **theirs, **_META}


_META: Final[Document] = dict.fromkeys(("_rev", "_attachments", "_meta"))
