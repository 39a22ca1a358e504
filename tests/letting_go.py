"""A supervisor at a case full of what names people, for tests of letting go."""

import json
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import LargeBinary, Table, func, insert, select
from sqlmodel import SQLModel

from app.audit.tables import entries
from app.cases.tables import cases, events, notes, persons
from app.crypto.vault import Place, SealBroken
from app.identity.rules import Role, Worker
from app.intake.tables import inbox, messages
from app.kernel.ids import new_id
from app.outbox.tables import outbox
from tests.fakes import FakeCarrier
from tests.makers import KHMER_UNPAID, Installation

SENDER: Final = "+66812345678"
MOTHER: Final = "+85512345678"
NAME, MOTHERS_NAME = "សុខា ចាន់", "ម្ដាយ ស្រីពៅ"
NOTE, SUMMARY, WORD = "ថៅកែដឹងផ្ទះ", "នៅបន្ទប់លេខប្រាំ", "ស្វាយទុំ"
SECRETS: Final = (SENDER, MOTHER, NAME, MOTHERS_NAME, NOTE, SUMMARY, WORD, KHMER_UNPAID)
CLOSING: Final = {"outcome": "wages_recovered", "client_informed": "yes", "note": "ម្ដាយគាត់ដឹង"}


class Office:
    """A supervisor and a caseworker of one organisation at a case with a member, a reporter and words."""

    def __init__(self, here: Installation) -> None:
        self.here = here
        self.worker: Worker = here.a_worker()
        self.supervisor: Worker = here.a_worker(Role.SUPERVISOR)
        self.case_id: UUID = here.a_case(sender=SENDER)
        here.send(FakeCarrier("console"))
        self.member = str(uuid4())
        here.clock.forward(minutes=1)
        self.ask("POST", "accept")
        person = {"id": self.member, "name": NAME, "phone": SENDER, "birth_date": "1991-05-17"}
        assert self.ask("POST", "members", {"members": [person]}).status_code < 300
        assert self.ask("POST", "notes", {"text": NOTE}).status_code == 201
        attempt = {"channel": "call", "outcome": "reached", "note": f"{NAME} {SENDER}"}
        assert self.ask("POST", "contact-attempts", attempt).status_code == 201
        assert self.ask("PATCH", "", {"summary": SUMMARY}).status_code == 200
        (phone,) = self.ask("GET", "phones").json()["items"]
        self.ask("PUT", f"phones/{phone['id']}/safety", {"may_text": "yes", "code_word": WORD})

    def ask(self, method: str, path: str, body: Any = None, *, by: Worker | None = None) -> Any:
        where = f"/v1/cases/{self.case_id}/{path}".rstrip("/")
        return self.here.ask(by or self.worker, method, where, body)

    def close(self) -> None:
        assert self.ask("POST", "close", CLOSING).status_code == 200

    def erase(self, **body: Any) -> Any:
        asked = {"reason": "គាត់សុំ", "requested_by": "person", **body}
        return self.ask("POST", "erasure", asked, by=self.supervisor)

    def retain(self, **later: int) -> Any:
        self.here.clock.forward(**later)
        return self.here.application.forgetting.once(self.here.clock.now())

    def opened(self) -> dict[str, list[str]]:
        """Every sealed value of the database that can be opened, by table and column, the evidence apart."""
        found: dict[str, list[str]] = {}
        vault = self.here.office.vault
        with self.here.office.database.read() as connection:
            for table in SQLModel.metadata.sorted_tables:
                keys = [column for column in table.c if str(column.type) == "CHAR(32)" or column.name == "id"]
                keys += [column for column in table.primary_key if column not in keys]
                sealed = [column for column in table.c if isinstance(column.type, LargeBinary)]
                if table.name in {"worker", "erasure", "breach"} or not sealed:
                    continue
                for row in connection.execute(select(table)).mappings():
                    for column in sealed:
                        for key in keys:
                            try:
                                place = Place(table.name, row[key.name], column.name)
                                text = vault.open(bytes(row[column.name] or b""), place)
                            except (SealBroken, TypeError):
                                continue
                            found.setdefault(f"{table.name}.{column.name}", []).append(text)
        return found

    def leaks(self) -> list[str]:
        """Where something that names somebody can still be read."""
        return [
            where for where, texts in self.opened().items() for text in texts
            if any(secret in text or json.dumps(secret)[1:-1] in text for secret in SECRETS)
        ]  # fmt: skip

    def indexes(self) -> list[str]:
        """Where somebody's number can still be found by its blind index."""
        wanted = [self.here.office.vault.index("phone", phone) for phone in (SENDER, MOTHER)]
        with self.here.office.database.read() as connection:
            return [
                f"{table.name}.{column.name}"
                for table in SQLModel.metadata.sorted_tables
                for column in table.c
                if column.name.endswith("phone_index")
                and connection.execute(
                    select(func.count()).select_from(table).where(column.in_(wanted))
                ).scalar_one()
            ]

    def counted(self) -> dict[str, int]:
        """How many rows the tables that people count have."""
        with self.here.office.database.read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (cases, messages, notes, persons, events, inbox, outbox)
            }

    def deeds(self, action: str) -> list[dict[str, Any]]:
        with self.here.office.database.read() as connection:
            asked = select(entries.c.details).where(entries.c.action == action)
            return [dict(row.details) for row in connection.execute(asked)]

    def facts(self) -> tuple[Any, ...]:
        """What statistics are made of."""
        shown = self.ask("GET", "", by=self.supervisor).json()
        names = (
            "urgency",
            "categories",
            "destination_country",
            "outcome",
            "opened_at",
            "closed_at",
            "member_count",
        )
        return tuple(shown[name] for name in names)

    def hold(self, holds: Table) -> None:
        """A legal hold, as whoever knows of one keeps it."""
        row_id, now = new_id(self.here.clock.now()), self.here.clock.now()
        reason = self.here.office.vault.seal("តុលាការ", Place("legal_hold", row_id, "reason"))
        with self.here.office.database.write() as connection:
            connection.execute(insert(holds).values(
                id=row_id, case_id=self.case_id, reason=reason, held_by=self.supervisor.id, at=now,
            ))  # fmt: skip
