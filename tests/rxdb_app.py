"""What RxDB's replication does, as far as a server can tell: forks, masters, checkpoints, conflicts."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.field_app import FieldApp, Row

COLLECTIONS = (
    "case", "member", "note", "contact_attempt", "task", "message", "attachment", "reference", "sync_issue",
)  # fmt: skip


@dataclass
class Collection:
    """One collection of a device: what it shows (`fork`), and what it believes to be on the server."""

    app: FieldApp
    name: str
    fork: dict[str, Row] = field(default_factory=dict)
    master: dict[str, Row] = field(default_factory=dict)
    checkpoint: str = ""
    told_to_reconcile: int = 0

    def write(self, doc_id: str, **fields: Any) -> None:
        """The person edits a document, online or not."""
        self.fork[doc_id] = {**self.fork.get(doc_id, {"id": doc_id, "_deleted": False}), **fields}

    def dirty(self) -> list[str]:
        """What was edited and not pushed yet."""
        return [one for one, doc in self.fork.items() if self.master.get(one) != doc]

    def rows(self) -> list[Row]:
        """What would be pushed: several edits of one document are one row."""
        return [
            {
                "newDocumentState": self.fork[one],
                **({"assumedMasterState": self.master[one]} if one in self.master else {}),
            }
            for one in self.dirty()
        ]

    def push(self) -> list[Row]:
        """Push, and resolve conflicts as RxDB does unless told otherwise: the master wins."""
        rows = self.rows()
        if not rows:
            return []
        answer = self.app.ask("POST", f"/v1/rxdb/{self.name}/push", rows)
        assert answer.status_code == 200, answer.text
        conflicts: list[Row] = answer.json()
        for row in rows:
            doc = row["newDocumentState"]
            self.master[doc["id"]] = dict(doc)
        for doc in conflicts:
            self.master[doc["id"]] = self.fork[doc["id"]] = dict(doc)
        return conflicts

    def pull(self, batch: int = 50) -> int:
        """Pull until a short page; edits that were not pushed are not overwritten."""
        count, again = 0, dict[str, Row]()
        for _ in range(1000):
            asked = {"cp": self.checkpoint, "limit": batch}
            answer = self.app.ask("GET", f"/v1/rxdb/{self.name}/pull", params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if page.get("reconcile"):
                self.told_to_reconcile += 1
                again = self.forgotten()
            dirty = set(self.dirty())
            for doc in page["documents"]:
                if doc["id"] not in dirty:
                    self.fork[doc["id"]] = dict(doc)
                self.master[doc["id"]] = dict(doc)
            self.checkpoint = page["checkpoint"]["c"]
            count += len(page["documents"])
            if len(page["documents"]) < batch:
                # Written once more, so that they are pushed once more: nobody reads the revision of a row.
                self.fork |= {doc_id: {**doc, "rev": 0} for doc_id, doc in again.items()}
                return count
        raise AssertionError("the collection never ended")

    def forgotten(self) -> dict[str, Row]:
        """What the server lacks, or has only as it was before, since an older backup was put back."""
        listed = [[one, doc["rev"]] for one, doc in self.alive().items() if "rev" in doc]
        answer = self.app.ask("POST", "/v1/sync/reconcile", {"kind": self.name, "ids": listed})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return {doc_id: self.fork[doc_id] for doc_id in (*told["unknown"], *told["behind"])}

    def alive(self) -> dict[str, Row]:
        """What the person sees."""
        return {one: doc for one, doc in self.fork.items() if not doc["_deleted"]}


@dataclass
class RxdbApp:
    """A device with all collections, each of which replicates by itself."""

    app: FieldApp
    collections: dict[str, Collection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.collections = {name: Collection(self.app, name) for name in COLLECTIONS}

    def __getitem__(self, name: str) -> Collection:
        return self.collections[name]

    def sync(self, batch: int = 50) -> None:
        """Everything pushed and pulled, until nothing moves."""
        for collection in self.collections.values():
            collection.push()
        for collection in self.collections.values():
            collection.pull(batch)


def new_id() -> str:
    return str(uuid4())
