"""Cases in bulk, as the use cases would have left them: sealed, linked, with running clocks."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, insert, text

from app.bootstrap import Application
from app.cases.tables import case_categories, case_phones, cases, events
from app.crypto.vault import Place, Vault
from app.escalation.tables import timers
from app.identity.rules import Organisation, Role
from app.identity.store import NewWorker
from app.intake.rules.incoming import Arrival
from app.intake.store import TAKEN, inbox_values
from app.intake.tables import contact_points, inbox, message_cases, messages
from app.kernel.ids import new_id
from app.kernel.phone import Phone
from app.usecases.unit_of_work import Office

KHMER = (
    "ថៅកែចាក់សោទ្វារ មិនឱ្យពួកយើងចេញក្រៅទេ",
    "ថៅកែមិនបើកប្រាក់ខែឱ្យខ្ញុំ ៣ខែហើយ",
    "កុងត្រាខ្ញុំផុតហើយ តែថៅកែមិនព្រមឱ្យត្រឡប់ទៅស្រុក",
    "នាយកដកហូតលិខិតឆ្លងដែនរបស់ខ្ញុំ ហើយមិនបើកប្រាក់ខែ ៣ ខែហើយ សូមជួយផង",
)
_CATEGORIES = ("detention", "unpaid_wages", "forced_extension", "passport_confiscation")
_AT_ONCE = 2_000
_ROWS_A_CASE: tuple[Table, ...] = (
    inbox, contact_points, cases, case_categories, case_phones, messages, message_cases, timers, events,
)  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Holder:
    """Where a case is: with an organisation's worker, or in the coordinators' queue."""

    organisation_id: UUID | None = None
    owner_id: UUID | None = None
    queue: str | None = None


QUEUE = Holder(queue="coordinator")


@dataclass(frozen=True)
class Wanted:
    """Which cases to make. They were opened one after the other, the last of them at `until`."""

    holders: Sequence[Holder]
    until: datetime
    due_at: Callable[[int], datetime] | None = None  # when the accept clock of each runs out
    every: timedelta = timedelta(seconds=1)
    summary: str | None = None


def staff(
    application: Application, organisations: Sequence[Organisation], *, each: int, now: datetime
) -> list[Holder]:
    """Caseworkers of these organisations, `each` of them, as holders of cases."""
    made = [
        NewWorker(
            new_id(now), f"{organisation.code}.{number}", "no password", Role.CASEWORKER, organisation.id,
            None, Phone(f"+8551{place}{number:06d}"), organisation.languages,
        )
        for place, organisation in enumerate(organisations)
        for number in range(each)
    ]  # fmt: skip
    with application.office.work(now) as uow:
        for worker in made:
            uow.identity.add_worker(worker, now)
    return [Holder(worker.organisation_id, worker.id) for worker in made]


def fill(office: Office, wanted: Wanted) -> None:
    """These cases are in the database, each with its phone, first text, clocks and timeline."""
    rng = random.Random(7)
    count = len(wanted.holders)
    for begin in range(0, count, _AT_ONCE):
        rows: Rows = {table.name: [] for table in _ROWS_A_CASE}
        for number in range(begin, min(count, begin + _AT_ONCE)):
            for name, row in _rows(office.vault, rng, wanted, number):
                rows[name].append(row)
        with office.database.write() as connection:
            for table in _ROWS_A_CASE:
                connection.execute(insert(table), rows[table.name])
    if not office.database.is_sqlite:
        _settle(office)


def _settle(office: Office) -> None:
    """What PostgreSQL does by itself a minute after much was written: statistics, and no dead rows."""
    with office.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _run(connection, "VACUUM ANALYZE")


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def _rows(
    vault: Vault, rng: random.Random, wanted: Wanted, number: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    holder = wanted.holders[number]
    opened_at = wanted.until - wanted.every * (len(wanted.holders) - 1 - number)
    case_id, point_id, message_id = new_id(opened_at), new_id(opened_at), new_id(opened_at)
    phone = f"+6670{rng.randrange(10**4):04d}{number:07d}"
    body, category = KHMER[number % len(KHMER)], _CATEGORIES[number % len(_CATEGORIES)]
    arrival = Arrival("twilio", "AC", f"SM{message_id.hex}", "text", phone, f"Body={body}".encode())
    yield "inbox", {
        **inbox_values(vault, arrival, opened_at), "state": TAKEN, "message_id": message_id, "problem": None,
    }  # fmt: skip
    yield "contact_point", {
        "id": point_id, "phone": vault.seal(phone, Place("contact_point", point_id, "phone")),
        "phone_index": vault.index("phone", phone), "country": "TH", "language": "km", "script": "khmer",
        "first_seen_at": opened_at, "last_seen_at": opened_at,
    }  # fmt: skip
    yield "case_file", _case(vault, wanted, holder, (case_id, number, category, opened_at))
    yield "case_category", {"case_id": case_id, "category": category}
    yield "case_phone", {
        "case_id": case_id, "contact_point_id": point_id, "person_id": None, "added_at": opened_at,
    }  # fmt: skip
    yield "message", {
        "id": message_id, "contact_point_id": point_id, "sender_kind": "phone", "carrier": "twilio",
        "via": "+15005550006", "carrier_id": f"SM{message_id.hex}",
        "body": vault.seal(body, Place("message", message_id, "body")),
        "body_index": vault.index("body", body), "script": "khmer", "language": "km",
        "received_at": opened_at, "claimed_at": None, "triage": {"categories": [category]},
        "duplicate_of": None,
    }  # fmt: skip
    yield "message_case", {"message_id": message_id, "case_id": case_id, "linked_at": opened_at}
    due_at = wanted.due_at(number) if wanted.due_at else opened_at + timedelta(days=400)
    for kind, at in (("accept", due_at), ("first_contact", opened_at + timedelta(days=400))):
        yield "timer", {
            "id": new_id(opened_at), "case_id": case_id, "kind": kind, "rung": 1, "to_role": "owner",
            # The rungs above are counted from here, and so lie ahead of the first.
            "base_at": at, "due_at": at, "state": "armed", "armed_at": opened_at, "armed_for": 1,
            "ended_at": None,
        }  # fmt: skip
    for place, kind in enumerate(("case.opened", "case.routed", "message.received"), start=1):
        yield "case_event", {
            "id": new_id(opened_at), "case_id": case_id, "number": place, "kind": kind, "at": opened_at,
            "actor": "reception", "details": {"message_id": str(message_id)} if place == 3 else {},
            "private": None,
        }  # fmt: skip


def _case(
    vault: Vault, wanted: Wanted, holder: Holder, of: tuple[UUID, int, str, datetime]
) -> dict[str, Any]:
    case_id, number, category, opened_at = of
    seal = wanted.summary and vault.seal(wanted.summary, Place("case_file", case_id, "summary"))
    return {
        # Codes with letters in them: no case that is opened while we measure can draw the same.
        "id": case_id, "code": f"b{number:07d}", "status": "assigned" if holder.owner_id else "triaged",
        "urgency": "U2", "categories": [category],
        "reasons": vault.seal("[]", Place("case_file", case_id, "reasons")), "language": "km",
        "origin_channel": "sms", "destination_country": "TH", "organisation_id": holder.organisation_id,
        "owner_id": holder.owner_id, "queue": holder.queue, "member_count": 1 + number % 9,
        "reporter_id": None, "summary": seal or None, "opened_at": opened_at, "accepted_at": None,
        "first_contact_at": None, "closed_at": None, "hold_until": None, "outcome": None,
        "client_informed": None, "overdue_since": None, "version": 1, "event_count": 3,
        "updated_at": opened_at,
    }  # fmt: skip
