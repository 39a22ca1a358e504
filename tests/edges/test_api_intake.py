"""What a role may do, and what each is shown of what came in and what waits for a human."""

from typing import Any
from uuid import UUID, uuid4

from httpx import Response

from app.identity.rules import Role, Worker
from tests.makers import KHMER_UNPAID, LOTUS, TONLE, Installation


def _without_instance(answer: Response) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    problem.pop("instance")
    return problem


def test_a_caseworker_may_not_assign_whether_or_not_the_case_is_there(here: Installation) -> None:
    worker = here.a_worker()
    body = {"owner_id": str(worker.id), "reason": "ក"}
    answers = [
        here.ask(worker, "POST", f"/v1/cases/{some_id}/assign", body) for some_id in (here.a_case(), uuid4())
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert _without_instance(answers[0]) == _without_instance(answers[1])


def test_an_admin_keeps_the_installation_and_sees_no_case(here: Installation) -> None:
    here.a_worker()
    admin = here.a_worker(Role.ADMIN)
    doors = [
        ("GET", "/v1/cases", None), ("POST", "/v1/cases", {"categories": ["detention"]}),
        ("GET", "/v1/intake", None), ("GET", "/v1/tasks", None), ("POST", f"/v1/tasks/{uuid4()}/done", None),
        ("GET", "/v1/workers", None), ("GET", "/v1/organisations", None),
    ]  # fmt: skip
    refused = {(here.ask(admin, *door).status_code, here.ask(admin, *door).json()["code"]) for door in doors}
    assert refused == {(403, "not_allowed")}
    assert here.ask(admin, "GET", "/v1/me").status_code == 200


def test_roles_may_do_what_the_capability_table_says(here: Installation) -> None:
    may = {
        role: [
            here.ask(worker, "GET", path).status_code == 200
            for path in ("/v1/me", "/v1/cases", "/v1/tasks", "/v1/intake")
        ]
        for role in Role
        for worker in [here.a_worker(role)]
    }
    assert may == {
        Role.CASEWORKER: [True, True, True, False],
        Role.DUTY_LEAD: [True, True, True, True],
        Role.SUPERVISOR: [True, True, True, True],
        Role.COORDINATOR: [True, True, True, True],
        Role.ADMIN: [True, False, False, False],
    }


def _carrier_ids(here: Installation, worker: Worker, query: str = "") -> list[str]:
    items = here.ask(worker, "GET", f"/v1/intake{query}").json()["items"]
    return [item["carrier_id"] for item in items]


def test_intake_shows_leads_what_belongs_to_their_cases_and_what_belongs_to_none(here: Installation) -> None:
    here.a_worker(organisation=TONLE)
    here.a_text(KHMER_UNPAID, sender="+66812345678", carrier_id="of-tonle")
    here.a_text("សួស្ដី", sender="12345", carrier_id="of-nobody")
    ours, theirs = here.a_worker(Role.SUPERVISOR, TONLE), here.a_worker(Role.SUPERVISOR, LOTUS)
    assert _carrier_ids(here, ours) == ["of-nobody", "of-tonle"]
    assert _carrier_ids(here, theirs) == ["of-nobody"]
    assert "+66812345678" not in here.ask(theirs, "GET", "/v1/intake").text
    (mine,) = [
        i for i in here.ask(ours, "GET", "/v1/intake").json()["items"] if i["carrier_id"] == "of-tonle"
    ]
    assert (mine["from"], mine["state"], mine["sender_kind"]) == ("+66812345678", "taken", "phone")
    assert isinstance(UUID(mine["case_id"]), UUID)
    here.post_text(sender="+66819876543", carrier_id="not-yet-read")
    assert _carrier_ids(here, ours, "?state=stored") == ["not-yet-read"]
    assert "+66819876543" not in here.ask(ours, "GET", "/v1/intake").text


def test_intake_is_read_page_by_page_and_by_channel(here: Installation) -> None:
    lead = here.a_worker(Role.COORDINATOR)
    for number in range(5):
        here.a_text("សួស្ដី", sender="12345", carrier_id=f"text-{number}")
    seen: list[str] = []
    path = "/v1/intake?limit=2&channel=console"
    while True:
        page = here.ask(lead, "GET", path).json()
        seen += [item["carrier_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        here.a_text("សួស្ដី", sender="12345", carrier_id=f"later-{len(seen)}")
        path = f"/v1/intake?limit=2&channel=console&cursor={page['next_cursor']}"
    assert seen == [f"text-{number}" for number in (4, 3, 2, 1, 0)]
    assert _carrier_ids(here, lead, "?channel=twilio") == []
    assert here.ask(lead, "GET", "/v1/intake?cursor=W10").status_code == 422


def _a_task(here: Installation, case_id: UUID | None, minutes: int) -> None:
    now = here.clock.now()
    due = here.clock.forward(minutes=minutes)
    here.clock.forward(minutes=-minutes)
    with here.office.work(now) as uow:
        uow.records.add_task(kind="failed_message", case_id=case_id, subject_id=None, due_at=due, now=now)


def test_tasks_are_seen_where_their_case_is_and_done_once(here: Installation) -> None:
    ours = here.a_worker(organisation=TONLE)
    case_id = here.a_case()
    theirs, coordinator = here.a_worker(organisation=LOTUS), here.a_worker(Role.COORDINATOR)
    for minutes, of in ((30, case_id), (10, case_id), (20, None)):
        _a_task(here, of, minutes)
    mine = here.ask(ours, "GET", "/v1/tasks").json()["items"]
    assert [task["case_id"] for task in mine] == [str(case_id)] * 2
    assert mine[0]["due_at"] < mine[1]["due_at"]
    assert here.ask(theirs, "GET", "/v1/tasks").json()["items"] == []
    (loose,) = here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert loose["case_id"] is None
    first = here.ask(ours, "GET", "/v1/tasks?limit=1").json()
    rest = here.ask(ours, "GET", f"/v1/tasks?limit=1&cursor={first['next_cursor']}").json()
    assert [*first["items"], *rest["items"]] == mine
    assert rest["next_cursor"] is None
    done = f"/v1/tasks/{mine[0]['id']}/done"
    absent = f"/v1/tasks/{uuid4()}/done"
    assert _without_instance(here.ask(theirs, "POST", done)) == _without_instance(
        here.ask(theirs, "POST", absent)
    )
    assert [here.ask(ours, "POST", done).status_code for _ in range(2)] == [204, 204]
    assert here.ask(ours, "GET", "/v1/tasks").json()["items"] == mine[1:]
    assert here.ask(ours, "POST", f"/v1/tasks/{loose['id']}/done").status_code == 404
