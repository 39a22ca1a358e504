"""Workers with phones that are mostly offline: what each holds, what it wants to send, what it ever said."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson

from app.identity.rules import Worker
from app.kernel.refusal import Refusal
from app.sync import docs, service
from app.sync.docs import Reader
from app.sync.service import Ask, Carrier
from app.usecases.unit_of_work import UnitOfWork
from tests.makers import Installation

Doc = dict[str, Any]
Key = tuple[str, str]
Op = dict[str, Any]


@dataclass
class Phone:
    """A device below the doors: it calls the same engine without the wire."""

    here: Installation
    worker: Worker
    name: str = field(default_factory=lambda: f"phone-{uuid4().hex[:6]}")
    docs: dict[Key, Doc] = field(default_factory=dict)
    queue: list[Op] = field(default_factory=list)
    sent: list[list[Op]] = field(default_factory=list)
    cursor: str | None = None

    @property
    def carrier(self) -> Carrier:
        return Carrier(self.worker, self.name)

    def write(self, kind: str, doc_id: str, fields: Doc, *, create: bool = False, **more: Any) -> None:
        """The person does something: it is shown at once and sent later."""
        held = self.docs.get((kind, doc_id), {})
        seen = {} if create else {name: _at(held, name) for name in fields}
        at = random.choice([None, "2016-01-01T00:00:00Z", "2036-01-01T00:00:00Z"])
        self.queue.append(
            {"op": str(uuid4()), "kind": kind, "id": doc_id, "set": fields, "was": seen, "create": create,
             "at": at, **more}
        )  # fmt: skip
        self.docs[kind, doc_id] = _written(held, fields)

    def push(self, ops: Sequence[Op] | None = None, *, answered: bool = True) -> list[Doc]:
        """Send what waits, or these again. Without an answer it all waits still."""
        rows = list(self.queue if ops is None else ops)
        if not rows:
            return []
        self.sent.append(rows)
        now = self.here.clock.now()
        taken = service.push(self.here.office, self.carrier, _over_the_wire(rows), now=now)
        results: list[Doc] = _over_the_wire([one.result for one in taken])
        if answered and ops is None:
            self.queue.clear()
            for result in results:
                if result["status"] not in {"applied", "held"} and "id" in result:
                    self._take(result["kind"], result["id"], result.get("doc"))
        return results

    def pull(self, *, limit: int = 100, answered: bool = True) -> int:
        """Everything that changed; a lost answer leaves the phone as it was."""
        count = 0
        while True:
            try:
                ask = Ask(self.cursor, limit=limit)
                page = service.pull(self.here.office, self.carrier, ask, now=self.here.clock.now())
            except Refusal:
                self.cursor = None
                self.docs.clear()
                continue
            if not answered:
                return 0
            unsent = {(op["kind"], op["id"]) for op in self.queue}
            for change in page.changes:
                key = (str(change.doc.kind), str(change.doc.id))
                if key not in unsent:
                    content = service.shown(change, self.carrier) if change.content else None
                    self._take(*key, _over_the_wire(content))
            self.cursor = page.cursor
            count += len(page.changes)
            if not page.more:
                return count

    def held(self, kind: str) -> list[str]:
        """The ids of a kind that the phone holds."""
        return sorted(doc_id for one, doc_id in self.docs if one == kind)

    def _take(self, kind: str, doc_id: str, doc: Doc | None) -> None:
        if doc is None:
            self.docs.pop((kind, doc_id), None)
        else:
            self.docs[kind, doc_id] = doc


def seen_from_here(uow: UnitOfWork, worker: Worker) -> dict[Key, Doc]:
    """Everything that the worker's devices should hold, worked out anew and not by the feed."""
    found: dict[Key, Doc] = {}
    cases = [case for case in uow.cases.many(_all_cases(uow)) if _holds(uow, worker, case)]
    wanted = [
        (doc.kind, doc.id)
        for doc in uow.feed.docs_of([case.id for case in cases])
        if doc.viewer in {None, worker.id}
    ]
    wanted += [(doc.kind, doc.id) for doc in uow.feed.docs_without_case(worker.id)]
    wanted += [("reference", key) for key in docs.references(uow.rulebook)]
    for (kind, doc_id), doc in docs.render(Reader(uow, worker), docs.by_kind(wanted)).items():
        found[str(kind), str(doc_id)] = _over_the_wire(doc)
    return found


def _holds(uow: UnitOfWork, worker: Worker, case: Any) -> bool:
    """The rule of who holds a case, drawn up once more and not taken from the program."""
    if case.organisation_id != worker.organisation_id:
        return False
    if case.owner_id is None:
        return True
    return worker.id == case.owner_id or worker.id in _helpers(uow, case.id)


def _helpers(uow: UnitOfWork, case_id: UUID) -> set[UUID]:
    found = uow.connection.exec_driver_sql("SELECT case_id, worker_id FROM case_helper").all()
    return {UUID(str(row[1])) for row in found if UUID(str(row[0])) == case_id}


def _all_cases(uow: UnitOfWork) -> list[UUID]:
    return [UUID(str(row[0])) for row in uow.connection.exec_driver_sql("SELECT id FROM case_file").all()]


def _over_the_wire(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, option=service.JSON))


def _at(doc: Doc, name: str) -> Any:
    outer, _, inner = name.partition(".")
    return doc.get(outer, {}).get(inner) if inner else doc.get(name)


def _written(doc: Doc, fields: Doc) -> Doc:
    written = dict(doc)
    for name, value in fields.items():
        outer, _, inner = name.partition(".")
        if inner:
            written[outer] = {**written.get(outer, {}), inner: value}
        else:
            written[name] = value
    return written
