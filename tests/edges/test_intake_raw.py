"""Reading what nobody could take: the raw arrival behind an `unreadable_text` task."""

import json

from app.identity.rules import Role
from app.intake.rules.incoming import Arrival
from tests.makers import Installation


def quarantined(here: Installation) -> str:
    raw = json.dumps({"id": "k9", "from": "+66812345678", "content": 7}).encode()
    now = here.clock.now()
    with here.office.work(now) as uow:
        uow.intake.keep([Arrival("cht", "demo-th", "k9", "text", "+66812345678", raw)], now)
    for _ in range(6):
        here.receive()
        here.clock.forward(minutes=5)
    listed = here.ask(here.a_worker(Role.COORDINATOR), "GET", "/v1/intake?state=quarantined").json()["items"]
    assert [item["carrier_id"] for item in listed] == ["k9"]
    return str(listed[0]["id"])


def test_a_coordinator_reads_what_could_not_be_taken_and_is_remembered(here: Installation) -> None:
    arrival_id = quarantined(here)
    coordinator = here.a_worker(Role.COORDINATOR)
    answer = here.ask(coordinator, "GET", f"/v1/intake/{arrival_id}")
    assert answer.status_code == 200
    assert json.loads(answer.json()["text"])["content"] == 7
    tasks = here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert [(task["kind"], task["subject_id"]) for task in tasks] == [("unreadable_text", arrival_id)]


def test_what_belongs_to_no_case_is_not_there_for_one_organisation(here: Installation) -> None:
    arrival_id = quarantined(here)
    lead = here.a_worker(Role.DUTY_LEAD)
    caseworker = here.a_worker()
    assert here.ask(lead, "GET", f"/v1/intake/{arrival_id}").status_code == 404
    assert here.ask(caseworker, "GET", f"/v1/intake/{arrival_id}").status_code == 403


def test_a_lead_reads_the_raw_texts_of_their_own_cases_only(here: Installation) -> None:
    here.a_worker()
    here.a_case()
    ours, theirs = here.a_worker(Role.DUTY_LEAD), here.a_worker(Role.DUTY_LEAD, "lotus-legal")
    (item,) = here.ask(ours, "GET", "/v1/intake").json()["items"]
    assert here.ask(ours, "GET", f"/v1/intake/{item['id']}").status_code == 200
    assert here.ask(theirs, "GET", f"/v1/intake/{item['id']}").status_code == 404
