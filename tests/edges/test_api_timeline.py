"""The timeline tells what happened in the contract's words, and the audit chain who did or saw it."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.audit.tables import entries
from app.identity.rules import Role, Worker
from tests.fakes import FakeCarrier
from tests.makers import KHMER_LOCKED_IN, Installation

BASE = {"id", "kind", "at", "actor", "case_id"}
OWN = {
    "message.received": {"message_id", "carrier", "carrier_id", "text"},
    "message.queued": {"outbox_id", "purpose", "parts", "text", "to"},
    "case.opened": {"urgency", "categories", "channel", "members"},
    "case.routed": {"organisation_id", "owner_id", "because"},
    "case.declined": {"worker_id", "reason"},
    "case.accepted": {"owner_id"},
    "case.assigned": {"organisation_id", "owner_id", "reason"},
    "note.added": {"note_id", "text", "restricted"},
    "contact.attempted": {"attempt_id", "channel", "outcome", "note"},
    "urgency.changed": {"before", "after", "reason"},
    "categories.changed": {"before", "after"},
    "details.changed": {"fields"},
    "status.changed": {"before", "after", "reason"},
    "escalation.fired": {"rung", "to", "expected_at", "workers"},
    "case.closed": {"outcome", "client_informed", "note"},
    "case.reopened": {"reason"},
}


def _ask(here: Installation, worker: Worker, method: str, path: str, body: object = None) -> Any:
    answer = here.ask(worker, method, path, body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def _a_life(here: Installation) -> tuple[UUID, Worker, list[dict[str, Any]]]:
    """A case to which everything happens; its supervisor; its timeline."""
    worker, supervisor = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    here.a_worker(Role.DUTY_LEAD, phone="+85512000009")
    case_id = here.a_case(KHMER_LOCKED_IN)
    path = f"/v1/cases/{case_id}"
    here.send(FakeCarrier("console"))
    here.clock.forward(minutes=16)
    here.fire()
    _ask(here, worker, "POST", f"{path}/accept")
    _ask(
        here,
        worker,
        "POST",
        f"{path}/contact-attempts",
        {"channel": "call", "outcome": "reached", "note": "ក"},
    )
    _ask(here, worker, "POST", f"{path}/notes", {"text": "បានជួប"})
    _ask(here, worker, "POST", f"{path}/status", {"status": "in_progress", "reason": "ចាប់ផ្ដើម"})
    _ask(here, supervisor, "PATCH", path, {"urgency": "U2", "reason": "មានសុវត្ថិភាព", "language": "th"})
    _ask(here, supervisor, "PATCH", path, {"categories": ["missing_person"]})
    here.a_worker()
    _ask(here, worker, "POST", f"{path}/decline", {"reason": "ឈឺ"})
    _ask(here, supervisor, "POST", f"{path}/assign", {"owner_id": str(worker.id), "reason": "ជា"})
    _ask(
        here,
        worker,
        "POST",
        f"{path}/close",
        {"outcome": "repatriated", "client_informed": "yes", "note": "ខ"},
    )
    _ask(here, worker, "POST", f"{path}/reopen", {"reason": "ម្ដងទៀត"})
    return case_id, supervisor, _ask(here, supervisor, "GET", f"{path}/timeline")["items"]


def test_every_kind_of_item_brings_the_fields_that_the_contract_names(here: Installation) -> None:
    case_id, _, items = _a_life(here)
    assert {item["kind"] for item in items} >= OWN.keys()
    for item in items:
        assert set(item) >= BASE | OWN.get(item["kind"], set()), item
        assert str(UUID(item["id"])) == item["id"]
        assert item["case_id"] == str(case_id)
        assert item["at"].endswith("Z")
    assert len({item["id"] for item in items}) == len(items)
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)


def test_why_here_and_what_was_late_is_told(here: Installation) -> None:
    _, _, items = _a_life(here)
    first_routing = next(item for item in items if item["kind"] == "case.routed")
    assert first_routing["because"]
    assert all(reason["rule"] for reason in first_routing["because"])
    fired = next(item for item in items if item["kind"] == "escalation.fired")
    assert (fired["rung"], fired["to"], fired["clock"]) == (1, "duty_lead", "accept")
    assert fired["expected_at"] == "2026-06-08T03:15:00.000000Z"
    assert fired["at"] == "2026-06-08T03:16:00Z"


def test_times_inside_an_item_end_in_z_as_well(here: Installation) -> None:
    _, _, items = _a_life(here)
    times = [value for item in items for name, value in item.items() if name.endswith("_at") and value]
    assert times
    assert all(time.endswith("Z") for time in times)


def _entries(here: Installation, *actions: str) -> list[tuple[str, str]]:
    asked = select(entries.c.action, entries.c.actor).order_by(entries.c.number)
    with here.office.database.read() as connection:
        found = [(row.action, row.actor) for row in connection.execute(asked)]
    return [one for one in found if not actions or one[0] in actions]


def _count(here: Installation) -> int:
    with here.office.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(entries)).scalar_one())


def test_every_item_of_a_timeline_is_one_entry_of_the_audit_chain(here: Installation) -> None:
    case_id, _, items = _a_life(here)
    with here.office.database.read() as connection:
        asked = select(entries.c.action).where(entries.c.subject == case_id).order_by(entries.c.number)
        audited = [action for action in connection.execute(asked).scalars() if not action.endswith(".read")]
    told = [i["kind"] for i in items]
    assert sorted(kind for kind in audited if not kind.startswith("message.")) == sorted(
        kind for kind in told if not kind.startswith("message.")
    )
    assert len(audited) == len(told)


def test_each_look_at_the_details_of_a_case_is_one_entry_and_a_list_is_none(here: Installation) -> None:
    worker, stranger = here.a_worker(), here.a_worker(organisation="lotus-legal", languages=("en",))
    case_id = here.a_case()
    before = _count(here)
    here.ask(worker, "GET", "/v1/cases")
    here.ask(worker, "GET", f"/v1/cases/{case_id}/timers")
    here.ask(stranger, "GET", f"/v1/cases/{case_id}")
    assert _count(here) == before
    for path in (f"/v1/cases/{case_id}", f"/v1/cases/{case_id}", f"/v1/cases/{case_id}/timeline"):
        here.ask(worker, "GET", path)
    reads = _entries(here, "case.read", "timeline.read")
    assert reads == [("case.read", str(worker.id))] * 2 + [("timeline.read", str(worker.id))]
    assert _count(here) == before + 3


def test_a_refused_or_repeated_command_leaves_no_entry(here: Installation) -> None:
    worker, other = here.a_worker(), here.a_worker()
    case_id = here.a_case()
    here.ask(worker, "POST", f"/v1/cases/{case_id}/accept")
    before = _count(here)
    here.ask(worker, "POST", f"/v1/cases/{case_id}/accept")
    here.ask(other, "POST", f"/v1/cases/{case_id}/accept")
    here.ask(worker, "POST", f"/v1/cases/{case_id}/status", {"status": "new"})
    assert _count(here) == before


def test_what_people_do_besides_cases_is_in_the_chain_too(here: Installation) -> None:
    worker = here.a_worker(Role.COORDINATOR, username="dara")
    now = here.clock.now()
    with here.office.work(now) as uow:
        uow.records.add_task(kind="call_back", case_id=None, subject_id=None, due_at=now, now=now)
    (task,) = here.ask(worker, "GET", "/v1/tasks").json()["items"]
    here.ask(worker, "POST", f"/v1/tasks/{task['id']}/done")
    here.ask(worker, "POST", f"/v1/tasks/{task['id']}/done")
    here.ask(worker, "GET", "/v1/intake")
    here.ask(worker, "PATCH", "/v1/me", {"on_duty": False})
    here.client.post("/v1/token", data={"grant_type": "password", "username": "dara", "password": "no"})
    assert [action for action, _ in _entries(here)][-4:] == [
        "task.done", "intake.listed", "worker.off_duty", "sign_in.refused",
    ]  # fmt: skip
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None
