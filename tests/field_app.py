"""A field app in a test: it holds documents, pulls what changed, and pushes what it did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from app.crypto.passwords import new_token
from app.identity.rules import Worker
from app.identity.store import SignIn
from app.kernel.ids import new_id
from tests.makers import Installation

Row = dict[str, Any]


@dataclass
class FieldApp:
    """The app on one device of one worker. `docs` is what it holds, by kind and id."""

    here: Installation
    worker: Worker
    device: str = field(default_factory=lambda: f"phone-{uuid4().hex[:8]}")
    headers: dict[str, str] = field(default_factory=dict)
    docs: dict[tuple[str, str], Row] = field(default_factory=dict)
    cursor: str | None = None
    token: str = ""

    def __post_init__(self) -> None:
        answer = self.here.ask(self.worker, "POST", "/v1/devices", {"device": self.device})
        assert answer.status_code == 201, answer.text
        now = self.here.clock.now()
        far = now.replace(year=now.year + 5)
        pair = SignIn(new_id(now), self.worker.id, self.device, new_token(), new_token(), far, far)
        with self.here.office.work(now) as uow:
            uow.identity.add_sign_in(pair, now)
        self.token = pair.access  # a registered device's own token would run out as tests go on

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """One request of this device."""
        headers = {"Authorization": f"Bearer {self.token}", **self.headers, **options.pop("headers", {})}
        return self.here.client.request(method, path, json=json, headers=headers, **options)

    def pull_page(self, **asked: Any) -> Row:
        """One page; the device holds what it says."""
        params = {"cursor": self.cursor, **asked}
        given = {name: value for name, value in params.items() if value is not None}
        answer = self.ask("GET", "/v1/sync/pull", params=given)
        assert answer.status_code == 200, answer.text
        page: Row = answer.json()
        for change in page["changes"]:
            key = (change["kind"], change["id"])
            if change.get("gone"):
                self.docs.pop(key, None)
            else:
                self.docs[key] = change["doc"]
        self.cursor = page["cursor"]
        return page

    def pull(self, **asked: Any) -> list[Row]:
        """Everything that changed, page after page."""
        changes = []
        for _ in range(1000):
            page = self.pull_page(**asked)
            changes.extend(page["changes"])
            if not page["more"]:
                return changes
        raise AssertionError("the feed never ended")

    def push(self, *ops: Mapping[str, Any], **more: Any) -> list[Row]:
        """Push these; the results."""
        answer = self.ask("POST", "/v1/sync/push", {"ops": [dict(op) for op in ops], **more})
        assert answer.status_code == 200, answer.text
        results: list[Row] = answer.json()["results"]
        return results

    def one(self, kind: str, doc_id: UUID | str) -> Row:
        """One document that the device holds."""
        return self.docs[kind, str(doc_id)]

    def holds(self, kind: str) -> set[str]:
        """The ids of a kind that the device holds."""
        return {doc_id for held, doc_id in self.docs if held == kind}


def op(kind: str, doc_id: UUID | str, fields: Mapping[str, Any], **more: Any) -> Row:
    """One thing that a device did, under an id of its own."""
    return {"op": str(uuid4()), "kind": kind, "id": str(doc_id), "set": dict(fields), **more}


def statuses(results: Iterable[Row]) -> list[str]:
    """What became of each op."""
    return [result["status"] for result in results]
