"""The log of breaches and its 72 hours (H20)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.audit.tables import entries
from app.identity.rules import Role, Worker
from app.outbox.tables import outbox
from app.privacy.tables import breaches
from app.workers.retention import BreachTimer
from tests.makers import Installation


@pytest.fixture(name="coordinator")
def _coordinator(here: Installation) -> Worker:
    return here.a_worker(Role.COORDINATOR, phone="+85512999888")


def a_breach(here: Installation, worker: Worker, **more: Any) -> Any:
    body = {
        "id": str(uuid4()), "kinds": ["lost_device"], "what": "ទូរស័ព្ទបាត់",
        "noticed_at": here.clock.now().isoformat(), "records_estimate": 40, **more,
    }  # fmt: skip
    return here.ask(worker, "POST", "/v1/breaches", body)


def deeds(here: Installation) -> list[str]:
    with here.office.database.read() as connection:
        asked = select(entries.c.action).where(entries.c.action.like("breach.%")).order_by(entries.c.number)
        return list(connection.execute(asked).scalars())


def warned(here: Installation) -> int:
    """How many texts went to those in charge."""
    step = BreachTimer(here.office).step
    while step(here.clock.now()):
        pass
    with here.office.database.read() as connection:
        asked = select(outbox.c.id).where(outbox.c.worker_id.is_not(None), outbox.c.case_id.is_(None))
        return len(connection.execute(asked).all())


def tasks(here: Installation, worker: Worker) -> list[str]:
    return [item["kind"] for item in here.ask(worker, "GET", "/v1/tasks").json()["items"]]


def test_h20_the_time_of_a_breach_is_72_hours_from_when_it_was_noticed(
    here: Installation, coordinator: Worker
) -> None:
    noticed_at = here.clock.now() - timedelta(hours=5)
    answer = a_breach(here, coordinator, noticed_at=noticed_at.isoformat())
    assert answer.status_code == 201
    assert datetime.fromisoformat(answer.json()["due_at"]) == noticed_at + timedelta(hours=72)
    assert tasks(here, coordinator) == ["breach_notice"]
    assert deeds(here) == ["breach.logged"]


def test_h20_those_in_charge_are_told_a_day_before_and_when_the_time_is_over(
    here: Installation, coordinator: Worker
) -> None:
    here.a_worker(Role.ADMIN, phone="+85512999777")
    a_breach(here, coordinator)
    assert warned(here) == 0
    here.clock.forward(hours=47, minutes=59)
    assert warned(here) == 0
    here.clock.forward(minutes=1)
    assert warned(here) == 2
    here.clock.forward(hours=23)
    assert warned(here) == 2
    here.clock.forward(hours=1)
    assert warned(here) == 4
    here.clock.forward(days=10)
    assert warned(here) == 4
    assert deeds(here) == ["breach.logged", "breach.due_soon", "breach.overdue"]
    assert sorted(tasks(here, coordinator)) == ["breach_due_soon", "breach_notice", "breach_overdue"]


def test_h20_a_breach_that_is_noticed_too_late_is_warned_of_once(
    here: Installation, coordinator: Worker
) -> None:
    old = here.clock.now() - timedelta(days=30)
    a_breach(here, coordinator, noticed_at=old.isoformat())
    assert warned(here) == 1
    assert deeds(here) == ["breach.logged", "breach.overdue"]


def test_h20_once_the_authority_was_told_nobody_is_warned(here: Installation, coordinator: Worker) -> None:
    breach = a_breach(here, coordinator).json()
    path = f"/v1/breaches/{breach['id']}"
    told = here.ask(coordinator, "POST", f"{path}/notified")
    assert (told.json()["state"], told.json()["notified_at"] is not None) == ("notified", True)
    here.clock.forward(hours=1)
    assert here.ask(coordinator, "POST", f"{path}/notified").json() == told.json()
    here.clock.forward(days=5)
    assert warned(here) == 0
    assert here.ask(coordinator, "POST", f"{path}/closed").json()["state"] == "closed"
    assert here.ask(coordinator, "POST", f"{path}/notified").json()["code"] == "breach.closed"
    (listed,) = here.ask(coordinator, "GET", "/v1/breaches").json()["items"]
    assert (listed["state"], listed["what"]) == ("closed", "ទូរស័ព្ទបាត់")
    assert deeds(here) == ["breach.logged", "breach.notified", "breach.closed"]


def test_h20_the_same_breach_sent_again_is_one(here: Installation, coordinator: Worker) -> None:
    own_id = str(uuid4())
    first, again = a_breach(here, coordinator, id=own_id), a_breach(here, coordinator, id=own_id)
    assert first.json() == again.json()
    assert tasks(here, coordinator) == ["breach_notice"]


def test_h20_what_happened_is_sealed(here: Installation, coordinator: Worker) -> None:
    a_breach(here, coordinator, what="ឈ្មោះសុខា")
    with here.office.database.read() as connection:
        assert "សុខា".encode() not in bytes(connection.execute(select(breaches.c.what)).scalar_one())


@pytest.mark.parametrize("field", ["noticed_at", "happened_at"])
def test_h20_times_that_cannot_be_are_refused(here: Installation, coordinator: Worker, field: str) -> None:
    later = (here.clock.now() + timedelta(minutes=1)).isoformat()
    refused = a_breach(here, coordinator, **{field: later})
    assert (refused.status_code, refused.json()["code"]) == (422, "breach.bad_time")


def test_h20_only_those_in_charge_know_of_breaches(here: Installation, coordinator: Worker) -> None:
    breach = a_breach(here, coordinator).json()
    worker = here.a_worker()
    assert a_breach(here, worker).status_code == 403
    assert here.ask(worker, "GET", "/v1/breaches").status_code == 403
    for role in (Role.SUPERVISOR, Role.ADMIN):
        assert here.ask(here.a_worker(role), "GET", "/v1/breaches").status_code == 200
    assert here.ask(coordinator, "POST", f"/v1/breaches/{uuid4()}/closed").status_code == 404
    assert here.ask(worker, "POST", f"/v1/breaches/{breach['id']}/closed").status_code == 403
