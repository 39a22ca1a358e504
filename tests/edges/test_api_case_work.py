"""Working a case through the door: each command with its refusals, and its repeat under the same id."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import Response

from app.cases.rules.stages import Outcome
from app.identity.rules import Role, Worker
from tests.makers import KHMER_LOCKED_IN, LOTUS, TONLE, Installation

CLOSING = {"outcome": "wages_recovered", "client_informed": "yes"}
DAY = 86_400


def _do(here: Installation, worker: Worker, case_id: UUID | str, what: str, body: object = None) -> Response:
    answer: Response = here.ask(worker, "POST", f"/v1/cases/{case_id}/{what}", body)
    return answer


def _code(answer: Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code") if answer.status_code >= 400 else None


def _items(here: Installation, worker: Worker, case_id: UUID | str, kind: str) -> list[dict[str, Any]]:
    timeline = here.ask(worker, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
    return [item for item in timeline if item["kind"] == kind]


def _bodies() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each command with a body, and with another body for the same id."""
    yield "accept", {}, {}
    yield "decline", {"reason": "ខ្ញុំឈប់"}, {"reason": "ផ្សេង"}
    yield "notes", {"text": "ក"}, {"text": "ខ"}
    yield (
        "contact-attempts",
        {"channel": "call", "outcome": "no_answer"},
        {"channel": "call", "outcome": "reached"},
    )
    yield "status", {"status": "in_progress"}, {"status": "resolved"}
    yield "close", CLOSING, {**CLOSING, "outcome": "withdrawn_by_client"}
    yield "reopen", {"reason": "គាត់ទូរស័ព្ទមកវិញ"}, {"reason": "ផ្សេង"}
    yield "assign", {"reason": "ជិត"}, {"reason": "ឆ្ងាយ"}


def _ready_for(here: Installation, what: str) -> tuple[Worker, UUID, dict[str, Any]]:
    """Somebody who may do this to a case that is where it can be done; what the body needs besides."""
    owner = here.a_worker()
    case_id = here.a_case()
    here.a_worker()  # so that what is declined stays in the house
    if what == "status":
        _do(here, owner, case_id, "accept")
    if what == "reopen":
        _do(here, owner, case_id, "close", CLOSING)
    if what == "assign":
        return here.a_worker(Role.SUPERVISOR), case_id, {"owner_id": str(here.a_worker().id)}
    return owner, case_id, {}


@pytest.mark.parametrize(("what", "body", "other"), list(_bodies()))
def test_a_command_may_be_repeated_under_its_id_and_the_id_means_nothing_else(
    here: Installation, what: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    worker, case_id, more = _ready_for(here, what)
    named = {**body, **more, "id": str(uuid4())}
    first = _do(here, worker, case_id, what, named)
    told = len(here.kinds(case_id))
    here.clock.forward(minutes=1)
    again = _do(here, worker, case_id, what, named)
    assert first.status_code in {200, 201}, first.text
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert len(here.kinds(case_id)) == told
    if other != body:
        assert _code(_do(here, worker, case_id, what, {**named, **other})) == (409, "id_conflict")
    second_case = here.a_case(sender="+66819999999")
    assert _code(_do(here, worker, second_case, what, named)) == (409, "id_conflict")
    lead = here.a_worker(Role.SUPERVISOR)
    assert _code(_do(here, lead, case_id, what, named)) == (409, "id_conflict")


def test_one_id_does_not_stand_for_two_kinds_of_command(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    _do(here, worker, case_id, "close", CLOSING)
    body = {"id": str(uuid4()), "reason": "ដដែល"}
    assert _do(here, worker, case_id, "reopen", body).status_code == 200
    assert _code(_do(here, worker, case_id, "decline", body)) == (409, "id_conflict")


def test_whoever_accepts_second_is_told_by_name_who_has_it(here: Installation) -> None:
    first, second = here.a_worker(name="ដារ៉ា"), here.a_worker()
    case_id = here.a_case()
    accepted = _do(here, first, case_id, "accept").json()
    assert (accepted["status"], accepted["owner_id"]) == ("accepted", str(first.id))
    assert accepted["accepted_at"] == "2026-06-08T03:00:00Z"
    refused = _do(here, second, case_id, "accept")
    problem = refused.json()
    assert _code(refused) == (409, "case.already_accepted")
    assert (problem["owner"], problem["owner_id"]) == ("ដារ៉ា", str(first.id))
    assert "ដារ៉ា" in problem["detail"]
    again = _do(here, first, case_id, "accept")
    assert (again.status_code, again.json()["version"]) == (200, accepted["version"])
    assert here.kinds(case_id).count("case.accepted") == 1


def test_a_declined_case_goes_to_the_next_with_the_reason_told(here: Installation) -> None:
    workers = {str(worker.id): worker for worker in (here.a_worker(), here.a_worker())}
    case_id = here.a_case()
    lead = here.a_worker(Role.SUPERVISOR)
    owner = here.ask(lead, "GET", f"/v1/cases/{case_id}").json()["owner_id"]
    moved = _do(here, workers[owner], case_id, "decline", {"reason": "ស្គាល់ថៅកែ"}).json()
    assert moved["status"] == "assigned"
    assert moved["owner_id"] in workers.keys() - {owner}
    (declined,) = _items(here, lead, case_id, "case.declined")
    assert (declined["worker_id"], declined["reason"]) == (owner, "ស្គាល់ថៅកែ")
    assert _code(_do(here, workers[owner], case_id, "decline", {"reason": "ម្ដងទៀត"})) == (
        409,
        "case.not_owner",
    )
    assert _do(here, workers[owner], case_id, "decline", {}).status_code == 422


def test_a_case_declined_away_to_another_organisation_tells_no_more_of_itself(here: Installation) -> None:
    ours = here.a_worker(organisation=TONLE)
    case_id = here.a_case()
    theirs = here.a_worker(organisation=LOTUS)
    body = {"id": str(uuid4()), "reason": "យើងមិនទាន់មានកន្លែង"}
    first = _do(here, ours, case_id, "decline", body)
    assert here.ask(theirs, "GET", f"/v1/cases/{case_id}").json()["owner_id"] == str(theirs.id)
    assert here.ask(ours, "GET", f"/v1/cases/{case_id}").status_code == 404
    _do(here, theirs, case_id, "accept")
    again = _do(here, ours, case_id, "decline", body)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    shown = first.json()
    assert (shown["status"], shown["owner_id"], shown["organisation_id"]) == ("triaged", None, None)
    assert (shown["members"], shown["urgency_reasons"], shown["next_timer"]) == ([], [], None)


def test_a_coordinator_who_takes_a_case_from_the_queue_keeps_sight_of_it(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR)
    case_id = here.a_case()
    assert _do(here, coordinator, case_id, "accept").json()["owner_id"] == str(coordinator.id)
    assert here.ask(coordinator, "GET", f"/v1/cases/{case_id}").status_code == 200
    assert here.ask(coordinator, "GET", "/v1/cases?owner=me&total=true").json()["total"] == 1


def test_a_note_is_kept_word_by_word_and_shown_in_the_timeline(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    text = "  បានជួប\nម្ដាយ 🙏 "
    kept = _do(here, worker, case_id, "notes", {"text": text})
    assert kept.status_code == 201
    assert (kept.json()["text"], kept.json()["author_id"]) == (text, str(worker.id))
    (item,) = _items(here, worker, case_id, "note.added")
    assert (item["text"], item["note_id"], item["actor"]) == (text, kept.json()["id"], str(worker.id))
    assert _do(here, worker, case_id, "notes", {"text": ""}).status_code == 422


def test_a_restricted_note_is_for_its_author_and_those_in_charge(here: Installation) -> None:
    author, colleague = here.a_worker(), here.a_worker()
    case_id = here.a_case()
    _do(here, author, case_id, "notes", {"text": "គាត់ខ្លាចប៉ូលិស", "restricted": True})

    def read_by(worker: Worker) -> list[str | None]:
        return [item["text"] for item in _items(here, worker, case_id, "note.added")]

    assert read_by(author) == ["គាត់ខ្លាចប៉ូលិស"]
    assert read_by(colleague) == [None]
    assert read_by(here.a_worker(Role.DUTY_LEAD)) == [None]
    assert read_by(here.a_worker(Role.SUPERVISOR)) == ["គាត់ខ្លាចប៉ូលិស"]
    assert "គាត់ខ្លាចប៉ូលិស" not in here.ask(colleague, "GET", f"/v1/cases/{case_id}").text


def test_the_first_try_at_contact_stops_its_clock_and_later_ones_change_no_time(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    here.clock.forward(minutes=5)
    body = {"channel": "call", "outcome": "no_answer", "note": "រោទ៍ ៣ដង"}
    first = _do(here, worker, case_id, "contact-attempts", body)
    here.clock.forward(minutes=5)
    _do(here, worker, case_id, "contact-attempts", {"channel": "sms", "outcome": "reached"})
    assert (first.status_code, first.json()["note"]) == (201, "រោទ៍ ៣ដង")
    case = here.ask(worker, "GET", f"/v1/cases/{case_id}").json()
    assert case["first_contact_at"] == "2026-06-08T03:05:00Z"
    timers = here.ask(worker, "GET", f"/v1/cases/{case_id}/timers").json()["items"]
    assert {t["state"] for t in timers if t["kind"] == "first_contact"} == {"disarmed"}
    tries = _items(here, worker, case_id, "contact.attempted")
    assert [(t["channel"], t["outcome"], t["note"]) for t in tries] == [
        ("call", "no_answer", "រោទ៍ ៣ដង"), ("sms", "reached", None),
    ]  # fmt: skip


def test_a_case_moves_by_hand_only_where_a_case_can_go(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    assert _code(_do(here, worker, case_id, "status", {"status": "in_progress"})) == (409, "case.bad_status")
    _do(here, worker, case_id, "accept")
    for status in ("in_progress", "on_hold", "resolved", "in_progress"):
        assert _do(here, worker, case_id, "status", {"status": status}).json()["status"] == status
    for status in ("new", "closed", "merged", "assigned"):
        assert _code(_do(here, worker, case_id, "status", {"status": status})) == (409, "case.bad_status")
    assert _do(here, worker, case_id, "status", {"status": "lost"}).status_code == 422
    last = _items(here, worker, case_id, "status.changed")[-1]
    assert (last["before"], last["after"]) == ("resolved", "in_progress")


@pytest.mark.parametrize(("days", "status"), [(14, 200), (90, 200), (91, 422), (0, 422), (-1, 422)])
def test_a_case_rests_until_a_day_that_is_to_come_and_not_for_ever(
    here: Installation, days: int, status: int
) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    _do(here, worker, case_id, "accept")
    until = here.clock.forward(seconds=days * DAY)
    here.clock.forward(seconds=-days * DAY)
    body = {"status": "on_hold", "until": until.isoformat(), "reason": "រង់ចាំស្ថានទូត"}
    answer = _do(here, worker, case_id, "status", body)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["hold_until"] == until.isoformat().replace("+00:00", "Z")
        assert answer.json()["next_timer"]["kind"] in {"review", "first_contact"}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_case_closes_with_any_known_outcome_and_every_clock_stops(
    here: Installation, outcome: Outcome
) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    body = {"outcome": outcome.value, "client_informed": "unsafe", "note": "ហៅមិនបាន"}
    closed = _do(here, worker, case_id, "close", body).json()
    assert (closed["status"], closed["outcome"], closed["client_informed"]) == ("closed", outcome, "unsafe")
    assert (closed["closed_at"], closed["next_timer"]) == ("2026-06-08T03:00:00Z", None)
    (item,) = _items(here, worker, case_id, "case.closed")
    assert (item["outcome"], item["note"]) == (outcome, "ហៅមិនបាន")


def test_an_outcome_is_required_and_must_be_known(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    assert _do(here, worker, case_id, "close", {"client_informed": "yes"}).status_code == 422
    assert _do(here, worker, case_id, "close", {"outcome": "repatriated"}).status_code == 422
    unknown = _do(here, worker, case_id, "close", {"outcome": "sokha went home", "client_informed": "yes"})
    assert _code(unknown) == (422, "case.outcome_unknown")
    assert "sokha" not in unknown.text


def test_a_closed_case_refuses_all_but_notes_and_reopening(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case()
    _do(here, worker, case_id, "close", CLOSING)
    refused = [
        _do(here, worker, case_id, "accept"),
        _do(here, worker, case_id, "decline", {"reason": "ក"}),
        _do(here, worker, case_id, "contact-attempts", {"channel": "call", "outcome": "reached"}),
        _do(here, worker, case_id, "status", {"status": "in_progress"}),
        _do(here, worker, case_id, "close", {**CLOSING, "outcome": "duplicate"}),
        _do(here, lead, case_id, "assign", {"owner_id": str(worker.id), "reason": "ក"}),
        _do(here, worker, case_id, "members", {"members": [{"name": "សុខា"}]}),
        here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"summary": "ក"}),
    ]
    assert {_code(answer) for answer in refused} == {(409, "case.closed")}
    assert _do(here, worker, case_id, "close", CLOSING).status_code == 200
    assert _do(here, worker, case_id, "notes", {"text": "គាត់អរគុណ"}).status_code == 201


def test_a_reopened_case_keeps_its_code_and_its_clocks_begin_anew(here: Installation) -> None:
    worker = here.a_worker(phone="+85512000001")
    case_id = here.a_case()
    code = _do(here, worker, case_id, "close", CLOSING).json()["code"]
    assert _code(_do(here, worker, case_id, "reopen", {})) == (422, "validation")
    here.clock.forward(days=3)
    reopened = _do(here, here.a_worker(Role.SUPERVISOR), case_id, "reopen", {"reason": "ថៅកែមិនបើក"}).json()
    assert (reopened["code"], reopened["status"], reopened["outcome"]) == (code, "assigned", None)
    assert (reopened["owner_id"], reopened["accepted_at"]) == (str(worker.id), None)
    assert reopened["next_timer"]["due_at"] > "2026-06-11T03:00:00Z"
    assert here.kinds(case_id)[-2:] == ["case.reopened", "message.queued"]
    assert _code(_do(here, worker, case_id, "reopen", {"reason": "ក"})) == (409, "case.not_closed")


def test_a_lead_gives_a_case_to_a_colleague_who_has_to_accept_it(here: Installation) -> None:
    first, second = here.a_worker(), here.a_worker(phone="+85512000002")
    lead = here.a_worker(Role.DUTY_LEAD)
    case_id = here.a_case()
    case = here.ask(lead, "GET", f"/v1/cases/{case_id}").json()
    other = second if case["owner_id"] == str(first.id) else first
    _do(here, lead, case_id, "accept")
    given = _do(here, lead, case_id, "assign", {"owner_id": str(other.id), "reason": "ជិតជាង"}).json()
    assert (given["owner_id"], given["status"], given["accepted_at"]) == (str(other.id), "assigned", None)
    assert given["next_timer"]["kind"] == "accept"
    queued = _do(here, lead, case_id, "assign", {
        "organisation_id": case["organisation_id"], "reason": "អ្នកណាទំនេរ",
    }).json()  # fmt: skip
    assert (queued["owner_id"], queued["queue"], queued["status"]) == (None, "organisation", "triaged")
    assert _code(_do(here, first, case_id, "assign", {"owner_id": str(other.id), "reason": "ក"}))[0] == 403


def test_nobody_is_given_a_case_who_cannot_take_it(here: Installation) -> None:
    ours, coordinator = here.a_worker(), here.a_worker(Role.COORDINATOR)
    case_id = here.a_case()
    lead, theirs = here.a_worker(Role.SUPERVISOR), here.a_worker(organisation=LOTUS)
    impossible: list[dict[str, str]] = [
        {},
        {"owner_id": str(uuid4())},
        {"owner_id": str(theirs.id)},
        {"owner_id": str(coordinator.id)},
        {"organisation_id": str(theirs.organisation_id)},
        {"organisation_id": str(uuid4())},
        {"owner_id": str(ours.id), "organisation_id": str(theirs.organisation_id)},
    ]
    answers = [_do(here, lead, case_id, "assign", {**to, "reason": "ក"}) for to in impossible]
    assert {_code(answer) for answer in answers} == {(422, "assignment.not_eligible")}
    assert len({answer.text for answer in answers}) == 1


def test_a_coordinator_gives_from_the_queue_to_an_organisation_and_keeps_sight(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR)
    case_id = here.a_case()
    lead = here.a_worker(Role.DUTY_LEAD, LOTUS, phone="+85512000003")
    to = {"organisation_id": str(lead.organisation_id), "reason": "ពួកគេនៅជិត"}
    assert here.ask(lead, "GET", f"/v1/cases/{case_id}").status_code == 404
    assert _do(here, coordinator, case_id, "assign", to).json()["queue"] == "organisation"
    assert here.ask(lead, "GET", f"/v1/cases/{case_id}").status_code == 200
    assert here.ask(coordinator, "GET", f"/v1/cases/{case_id}").status_code == 200
    (item,) = _items(here, lead, case_id, "case.assigned")
    assert (item["reason"], item["actor"]) == ("ពួកគេនៅជិត", str(coordinator.id))
