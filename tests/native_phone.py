"""A device that speaks the native protocol over a network that may fail at any byte."""

import random
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.field_app import FieldApp, Row, op

PATIENCE_SECONDS: Final = 0.5
_BATCH: Final = 5


@dataclass
class Phone:
    """What it shows (`docs`), and what waits to be pushed. What is pushed is shown at once, as apps do."""

    app: FieldApp
    client: httpx.Client
    name: str
    docs: dict[tuple[str, str], Row] = field(default_factory=dict)
    waiting: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    cursor: str | None = None
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: int = 0

    def word(self) -> str:
        """One that nobody else writes."""
        self.words.append(f"ពាក្យ{self.name}x{len(self.words)}។")
        return self.words[-1]

    def add(self, kind: str, **fields: Any) -> str:
        """A new document."""
        doc_id = str(uuid4())
        self.docs[kind, doc_id] = {"id": doc_id, **fields}
        self.waiting.append(op(kind, doc_id, fields, create=True))
        return doc_id

    def change(self, kind: str, doc_id: str, **fields: Any) -> None:
        """Other fields in a document that it holds."""
        doc = self.docs[kind, doc_id]
        was = {name: doc.get(name) for name in fields}
        self.docs[kind, doc_id] = {**doc, **fields}
        self.waiting.append(op(kind, doc_id, fields, was=was))

    def live(self, chance: random.Random) -> None:
        """Somebody does something with it."""
        cases = [doc_id for kind, doc_id in self.docs if kind == "case"]
        if not cases or chance.random() < 0.15:
            self.add("case", summary=self.word(), categories=["unpaid_wages"])
            return
        case = chance.choice(cases)
        match chance.choice(["note", "note", "summary", "country", "status", "call"]):
            case "note":
                self.notes.append(self.add("note", case_id=case, text=self.word()))
            case "summary":
                self.change("case", case, summary=self.word())
            case "country":
                self.change("case", case, destination_country=chance.choice(["TH", "MY", "KR"]))
            case "status":
                self.change("case", case, status=chance.choice(["accepted", "in_progress", "resolved"]))
            case _:
                self.add(
                    "contact_attempt", case_id=case, channel="call", outcome="no_answer", note=self.word()
                )

    def push(self) -> bool:
        """Push what waits first; whether an answer came."""
        some = self.waiting[:_BATCH]
        if not some:
            return True
        body = {"ops": some}
        self.requests.append(body)
        answer = self._ask("POST", "/v1/sync/push", json=body)
        if answer is None:
            return False
        for result in answer["results"]:
            self._learn(result)
        self.waiting = self.waiting[len(some) :]
        return True

    def pull(self) -> Row | None:
        """The next page, if it came whole."""
        params = {"limit": 20, **({"cursor": self.cursor} if self.cursor else {})}
        page = self._ask("GET", "/v1/sync/pull", params=params)
        for change in page["changes"] if page else ():
            key = (change["kind"], change["id"])
            if change.get("gone"):
                self.docs.pop(key, None)
            else:
                self.docs[key] = change["doc"]
        self.cursor = page["cursor"] if page else self.cursor
        return page

    def settle(self) -> None:
        """Everything is pushed, everything is pulled."""
        while self.waiting:
            assert self.push()
        while (page := self.pull()) is None or page["more"]:
            assert page

    def replay(self, body: Row) -> list[Row]:
        """A request of long ago comes again; what is answered."""
        answer = self._ask("POST", "/v1/sync/push", json=body)
        assert answer
        results: list[Row] = answer["results"]
        return results

    def _learn(self, result: Row) -> None:
        key = (result["kind"], result["id"])
        if result.get("doc"):
            self.docs[key] = result["doc"]
        elif result["status"] == "rejected":
            self.docs.pop(key, None)

    def _ask(self, method: str, path: str, **sent: Any) -> Row | None:
        headers = {"Authorization": f"Bearer {self.app.token}", "Connection": "close"}
        try:
            answer = self.client.request(method, path, headers=headers, **sent)
        except httpx.HTTPError:
            self.failures += 1
            return None
        assert answer.status_code == 200, answer.text
        said: Row = answer.json()
        return said
