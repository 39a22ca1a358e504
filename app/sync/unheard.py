"""What a device wrote itself before it heard the answer: it stands here, and nobody else wrote it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from app.store.feed import Kind
from app.sync.applying import Doing, valid
from app.sync.reading import read_op, read_pair
from app.sync.rules import Lost, Op, RowUnreadable
from app.usecases.fields import CASE_FIELDS, MEMBER_FIELDS, FieldKind

_WITHIN: Final = timedelta(days=7)
_DONE: Final = frozenset({"applied", "merged"})
_FIELDS: Final[Mapping[str, Mapping[str, FieldKind]]] = {Kind.CASE: CASE_FIELDS, Kind.MEMBER: MEMBER_FIELDS}


def own_words(doing: Doing, clashes: Iterable[Lost]) -> frozenset[str]:
    """Those of the clashing fields whose value here is this very device's, written over the same as now.

    Somebody who corrects themselves while the first push is still on its way meant the last word: RxDB
    sends it with the state of before the first. What another person or device wrote clashes as ever.
    """
    op, carrier = doing.op, doing.carrier
    left = {clash.field: clash.kept for clash in clashes}
    ours = set()
    if not left or not carrier.device:
        return frozenset()
    since = doing.now - _WITHIN
    for row, result in doing.pushed.said_by(carrier.worker.id, carrier.device, since):
        before = _read(row, op.kind, carrier.schema)
        if before is None or before.id != op.id or result["status"] not in _DONE:
            continue
        said = valid(_FIELDS[op.kind], before.set)
        for name in left.keys() & said.keys():
            kept = left.pop(name)  # the newest row that says something of a field decides
            if said[name] == kept and before.was.get(name) == op.was.get(name):
                ours.add(name)
        if not left:
            break
    return frozenset(ours)


def _read(row: Mapping[str, Any], kind: str, schema: int) -> Op | None:
    try:
        return read_pair(kind, row, schema) if "newDocumentState" in row else read_op(row, schema)
    except RowUnreadable:
        return None
