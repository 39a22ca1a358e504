"""A caseworker at the phones of one case, for tests of safe contact."""

from typing import Any
from uuid import UUID

from httpx import Response
from sqlalchemy import func, select

from app.audit.tables import entries
from app.identity.rules import Role, Worker
from app.outbox.tables import outbox
from tests.fakes import FakeCarrier
from tests.makers import Installation

SENDER = "+66812345678"
WORD = "ស្វាយទុំ"
NEUTRAL = "សូមទូរស័ព្ទមកវិញពេលទំនេរ"


class Desk:
    """A caseworker at a case that a text opened, an hour after that."""

    def __init__(self, here: Installation, sender: str = SENDER) -> None:
        self.here = here
        self.worker: Worker = here.a_worker()
        self.case_id: UUID = here.a_case(sender=sender)
        self.carrier = FakeCarrier("console")
        here.send(self.carrier)
        self.carrier.sent.clear()
        here.clock.forward(hours=1)
        self.phone_id = self.phones()[0]["id"]

    def phones(self) -> list[dict[str, Any]]:
        """What the door shows of the case's phones."""
        items: list[dict[str, Any]] = self.here.ask(self.worker, "GET", self.path).json()["items"]
        return items

    @property
    def path(self) -> str:
        return f"/v1/cases/{self.case_id}/phones"

    def put(self, **safety: Any) -> Response:
        answer: Response = self.here.ask(self.worker, "PUT", f"{self.path}/{self.phone_id}/safety", safety)
        return answer

    def write(self, words: str = NEUTRAL, **more: Any) -> Response:
        body = {"text": words, **more}
        answer: Response = self.here.ask(self.worker, "POST", f"{self.path}/{self.phone_id}/texts", body)
        return answer

    def gone(self) -> list[str]:
        """What has gone to the person by now, staff alerts left out."""
        self.here.send(self.carrier)
        return [text.body for text in self.carrier.sent if text.to.e164 == SENDER]

    def queued(self) -> int:
        with self.here.office.database.read() as connection:
            asked = select(func.count()).where(outbox.c.case_id == self.case_id, outbox.c.worker_id.is_(None))
            return int(connection.execute(asked).scalar_one())

    def deeds(self, action: str) -> list[tuple[str, UUID | None]]:
        """Who did this, and to what, as the audit chain knows it."""
        with self.here.office.database.read() as connection:
            asked = select(entries.c.actor, entries.c.subject).where(entries.c.action == action)
            return [(row.actor, row.subject) for row in connection.execute(asked)]

    def tasks(self) -> list[str]:
        supervisor = self.here.a_worker(Role.SUPERVISOR)
        items = self.here.ask(supervisor, "GET", "/v1/tasks").json()["items"]
        return [item["kind"] for item in items]
