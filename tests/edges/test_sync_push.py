"""A device pushes what it did offline: every row has its own end, and no word of it is lost."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.identity.rules import Role, Worker
from tests.field_app import FieldApp, op, statuses
from tests.makers import LOTUS, Installation

WAGES = {"amount_minor": 90_000, "currency": "THB"}


def _opened(app: FieldApp, **fields: Any) -> str:
    case_id = str(uuid4())
    (result,) = app.push(op("case", case_id, {"categories": ["unpaid_wages"], **fields}, create=True))
    assert result["status"] == "applied", result
    return case_id


def _timeline(here: Installation, worker: Worker, case_id: UUID | str, kind: str) -> list[dict[str, Any]]:
    items = here.ask(worker, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
    return [item for item in items if item["kind"] == kind]


def _member(app: FieldApp, case_id: str, **fields: Any) -> str:
    member_id = str(uuid4())
    (result,) = app.push(op("member", member_id, {"case_id": case_id, **fields}, create=True))
    assert result["status"] == "applied", result
    return member_id


def test_a_case_with_its_people_and_words_is_opened_offline(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    case_id, member_id, note_id, try_id = (str(uuid4()) for _ in range(4))
    person = {"name": "សុខា", "phone": "012 345 678", "sex": "female"}
    results = app.push(
        op("case", case_id, {"categories": ["unpaid_wages"], "summary": "៣ខែ", "phone": "+66812345678"},
           create=True),
        op("member", member_id, {"case_id": case_id, "person": person, "wages_claimed": WAGES}, create=True),
        op("note", note_id, {"case_id": case_id, "text": "ឃ្លាំង\u200bទី២"}, create=True),
        op("contact_attempt", try_id, {"case_id": case_id, "channel": "call", "outcome": "reached"},
           create=True),
    )  # fmt: skip
    assert statuses(results) == ["applied"] * 4
    app.pull()
    assert app.one("case", case_id)["summary"] == "៣ខែ"
    assert app.one("member", member_id)["person"]["phone"] == "+85512345678"
    assert app.one("member", member_id)["wages_claimed"] == WAGES
    assert app.one("note", note_id)["text"] == "ឃ្លាំង\u200bទី២"
    assert app.one("case", case_id)["first_contact_at"] is not None


def test_two_people_edit_other_fields_and_nothing_clashes(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = _opened(app, summary="ដើម")
    here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"destination_country": "TH"})
    (result,) = app.push(op("case", case_id, {"summary": "ថ្មី"}, was={"summary": "ដើម"}))
    assert result["status"] == "applied"
    app.pull()
    held = app.one("case", case_id)
    assert (held["summary"], held["destination_country"], held["conflict"]) == ("ថ្មី", "TH", None)


def test_both_values_of_one_figure_are_kept_and_a_person_settles_it(here: Installation) -> None:
    owner, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    app = FieldApp(here, owner)
    case_id = _opened(app)
    member_id = _member(app, case_id, wages_claimed=WAGES)
    app.pull()
    theirs, mine = {**WAGES, "amount_minor": 120_000}, {**WAGES, "amount_minor": 60_000}
    edited = {"wages_claimed": theirs}
    assert here.ask(lead, "PATCH", f"/v1/cases/{case_id}/members/{member_id}", edited).status_code == 200
    here.clock.forward(minutes=5)
    (result,) = app.push(op("member", member_id, {"wages_claimed": mine}, was={"wages_claimed": WAGES}))
    assert result["status"] == "merged"
    (lost,) = result["conflict"]
    assert (lost["field"], lost["kept"], lost["yours"], lost["hard"]) == ("wages_claimed", theirs, mine, True)
    assert lost["kept_by"] == str(lead.id)
    assert result["doc"]["wages_claimed"] == theirs
    (found,) = _timeline(here, lead, case_id, "conflict.found")
    assert (found["field"], found["kept"]["value"], found["lost"]["value"]) == ("wages_claimed", theirs, mine)
    assert (found["kept"]["by"], found["lost"]["by"]) == (str(lead.id), str(owner.id))
    assert found["kept"]["at"] < found["lost"]["at"]
    app.pull()
    (issue,) = app.holds("sync_issue")
    told = app.one("sync_issue", issue)
    assert (told["code"], told["conflict"][0]["yours"]) == ("sync.conflict", mine)
    assert told["title"]["km"] != told["title"]["en"]
    assert app.one("case", case_id)["conflict"] == "hard"
    settle = f"/v1/cases/{case_id}/conflicts/{lost['conflict']}/settle"
    settled = here.ask(lead, "POST", settle, {"choice": "lost"})
    assert (settled.status_code, settled.json()["conflict"]) == (200, None)
    assert here.ask(lead, "POST", settle, {"choice": "lost"}).status_code == 200
    assert here.ask(lead, "POST", settle, {"choice": "kept"}).json()["code"] == "conflict.settled"
    app.pull()
    assert app.one("member", member_id)["wages_claimed"] == mine


def test_a_text_that_lost_is_a_note_on_every_device(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = _opened(app, summary="ដើម")
    here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"summary": "ការិយាល័យ"})
    (result,) = app.push(op("case", case_id, {"summary": "វាលស្រែ"}, was={"summary": "ដើម"}))
    assert result["status"] == "merged"
    app.pull()
    assert app.one("case", case_id)["summary"] == "ការិយាល័យ"
    assert [app.one("note", one)["text"] for one in app.holds("note")] == ["វាលស្រែ"]


def test_a_stage_is_weighed_against_the_stage_that_the_case_has_now(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    app = FieldApp(here, worker)
    case_id = _opened(app)
    app.push(op("case", case_id, {"status": "accepted"}, was={"status": "assigned"}))
    closing = {"outcome": "resolved_full", "client_informed": "yes"}
    here.ask(lead, "POST", f"/v1/cases/{case_id}/close", closing)
    (result,) = app.push(op("case", case_id, {"status": "in_progress"}, was={"status": "accepted"}))
    assert result["status"] == "merged"
    assert [(one["field"], one["kept"], one["yours"]) for one in result["conflict"]] == [
        ("status", "closed", "in_progress")
    ]
    assert here.kinds(UUID(case_id)).count("conflict.found") == 1
    reason = {"reason": "គាត់ទូរស័ព្ទមកវិញ"}
    assert statuses(app.push(op("case", case_id, reason, do="reopen"))) == ["applied"]
    assert statuses(app.push(op("case", case_id, {"status": "accepted"}))) == ["applied"]
    assert statuses(app.push(op("case", case_id, {"status": "in_progress"}))) == ["applied"]


def test_of_two_who_take_a_case_offline_the_first_has_it_and_the_other_is_told(here: Installation) -> None:
    first, second = here.a_worker(), here.a_worker()
    lead = here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case()
    body = {"organisation_id": str(first.organisation_id), "reason": "ជិត"}
    here.ask(lead, "POST", f"/v1/cases/{case_id}/assign", body)
    apps = [FieldApp(here, first), FieldApp(here, second)]
    for app in apps:
        app.pull()
    results = [
        app.push(op("case", case_id, {"owner_id": str(app.worker.id)}, was={"owner_id": None}))[0]
        for app in apps
    ]
    assert statuses(results) == ["applied", "merged"]
    assert [(one["field"], one["kept"]) for one in results[1]["conflict"]] == [("owner_id", str(first.id))]
    for app in apps:
        app.pull()
    assert [app.holds("case") for app in apps] == [{str(case_id)}, set()]


def test_a_warning_is_raised_by_anybody_and_taken_back_by_no_device(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = _opened(app)
    member_id = _member(app, case_id, person={"phone": "+85512345678"})
    (up,) = app.push(op("member", member_id, {"in_danger": True, "do_not_contact": True}))
    (down,) = app.push(op("member", member_id, {"in_danger": False}, was={"in_danger": True}))
    assert statuses([up, down]) == ["applied", "merged"]
    app.pull()
    assert app.one("member", member_id)["in_danger"] is True
    cleared = here.ask(worker, "PATCH", f"/v1/cases/{case_id}/members/{member_id}", {"in_danger": False})
    assert cleared.json()["members"][0]["in_danger"] is False


def test_a_refused_row_is_kept_word_for_word_and_the_rest_goes_through(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    app = FieldApp(here, worker)
    case_id = _opened(app)
    foreign = here.a_worker(organisation=LOTUS)
    hidden = here.ask(foreign, "POST", "/v1/cases", {"summary": "សម្ងាត់"}).json()["id"]
    good, bad = str(uuid4()), str(uuid4())
    rows: list[Any] = [
        "not a row",
        {"op": "1", "kind": "dream", "id": str(uuid4()), "set": {}},
        {"op": "2", "kind": "note", "id": "not an id", "set": {}},
        op("note", bad, {"case_id": hidden, "text": "ពាក្យមិនត្រូវបាត់"}, create=True),
        op("note", good, {"case_id": case_id, "text": "ល្អ"}, create=True),
        op("case", case_id, {"urgency": "U9"}),
        op("message", str(uuid4()), {"text": "ខ្ញុំ"}),
    ]
    answer = app.ask("POST", "/v1/sync/push", {"ops": rows}, headers={"Accept-Language": "km"}).json()
    results = answer["results"]
    assert statuses(results) == ["rejected"] * 4 + ["applied"] + ["rejected"] * 2
    codes = [result["problem"]["code"] for result in results if "problem" in result]
    assert codes == [*["sync.unreadable"] * 3, "not_found", "sync.fields", "sync.read_only"]
    problem = results[3]["problem"]
    assert problem["detail"] == problem["explained"]["km"] != problem["explained"]["en"]
    changes = app.pull()
    assert {"kind": "note", "id": bad, "gone": True} in changes
    assert good in app.holds("note")
    assert len(app.holds("sync_issue")) == 6
    kept = here.ask(lead, "GET", "/v1/sync/refused").json()["items"]
    assert "ពាក្យមិនត្រូវបាត់" in [item["row"]["set"]["text"] for item in kept if item["kind"] == "note"]
    assert "not a row" in [item["row"] for item in kept]
    assert here.ask(foreign, "GET", "/v1/sync/refused").status_code == 403


@pytest.mark.parametrize("times", [1, 3])
def test_what_comes_again_changes_nothing_more(here: Installation, times: int) -> None:
    worker = here.a_worker()
    app, watcher = FieldApp(here, worker), FieldApp(here, worker)
    case_id = _opened(app, summary="ដើម")
    here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"summary": "ការិយាល័យ"})
    rows = [
        op("note", str(uuid4()), {"case_id": case_id, "text": "ម្ដង"}, create=True),
        op("case", case_id, {"summary": "វាល"}, was={"summary": "ដើម"}),
        op("case", case_id, {"urgency": "U1"}, was={"urgency": "U3"}),
        op("note", str(uuid4()), {"case_id": str(uuid4()), "text": "កំព្រា"}, create=True),
        op("message", str(uuid4()), {"text": "ខ្ញុំ"}),
    ]
    first = app.push(*rows)
    assert statuses(first) == ["applied", "merged", "applied", "held", "rejected"]
    watcher.pull()
    told = len(here.kinds(UUID(case_id)))
    for _ in range(times):
        again = app.push(*reversed(rows))
        assert statuses(again) == ["duplicate", "held", "duplicate", "duplicate", "duplicate"]
        assert again[3]["conflict"] == first[1]["conflict"]
    assert len(here.kinds(UUID(case_id))) == told
    assert watcher.pull() == []


def test_a_note_that_comes_before_its_case_waits_for_it(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    case_id, note_id = str(uuid4()), str(uuid4())
    (held,) = app.push(op("note", note_id, {"case_id": case_id, "text": "មុន"}, create=True))
    assert (held["status"], held["reason"]) == ("held", "parent-unknown")
    app.push(op("case", case_id, {"summary": "ក្រោយ"}, create=True))
    app.pull()
    assert app.one("note", note_id)["text"] == "មុន"


def test_who_lost_a_case_while_offline_keeps_nothing_of_what_they_pushed_for_it(here: Installation) -> None:
    loser, gainer = here.a_worker(), here.a_worker()
    lead = here.a_worker(Role.SUPERVISOR)
    app = FieldApp(here, loser)
    case_id = _opened(app)
    app.pull()
    here.ask(lead, "POST", f"/v1/cases/{case_id}/assign", {"owner_id": str(gainer.id), "reason": "ជិត"})
    note_id = str(uuid4())
    app.docs["note", note_id] = {"text": "របស់ខ្ញុំ"}
    (result,) = app.push(op("note", note_id, {"case_id": case_id, "text": "របស់ខ្ញុំ"}, create=True))
    assert result["status"] == "applied"
    app.pull()
    assert {kind for kind, _ in app.docs} == {"reference"}
    other = FieldApp(here, gainer)
    other.pull()
    assert other.one("note", note_id)["text"] == "របស់ខ្ញុំ"


def test_server_time_decides_and_the_devices_own_is_shown(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    app.pull()
    done_at = here.clock.now()
    here.clock.forward(hours=3)
    app.push(op("case", case_id, {"status": "accepted"}, at=done_at.isoformat()))
    (accepted,) = _timeline(here, worker, case_id, "case.accepted")
    assert accepted["at"] == here.clock.now().isoformat().replace("+00:00", "Z")
    assert accepted["late_sync"].startswith(done_at.isoformat()[:19])
    here.clock.forward(days=1)
    app.push(op("case", case_id, {"status": "in_progress"}, at="2099-01-01T00:00:00Z"))
    (moved,) = _timeline(here, worker, case_id, "status.changed")
    assert "late_sync" not in moved


def test_a_device_whose_clock_is_wrong_is_shown_by_ours_and_by_how_much_it_is_wrong(
    here: Installation,
) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    app.pull()
    done_at = here.clock.now() + timedelta(hours=1)
    here.clock.forward(hours=3)
    wrong, sent = timedelta(days=400), here.clock.now()
    did = op("case", case_id, {"status": "accepted"}, at=(done_at + wrong).isoformat())
    app.push(did, sent_at=(sent + wrong).isoformat())
    (accepted,) = _timeline(here, worker, str(case_id), "case.accepted")
    assert accepted["late_sync"].startswith(done_at.isoformat()[:19])
    assert accepted["clock_ahead_seconds"] == wrong.total_seconds()
    did = op("case", case_id, {"status": "in_progress"}, at="0001-01-02T00:00:00Z")
    assert statuses(app.push(did, sent_at="9999-12-30T00:00:00Z")) == ["applied"]
    (moved,) = _timeline(here, worker, str(case_id), "status.changed")
    assert "late_sync" not in moved


def test_fields_that_this_version_does_not_know_are_kept(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    case_id = _opened(app, shoe_size=42)
    app.push(op("case", case_id, {"blood_type": "O"}))
    app.pull()
    assert app.one("case", case_id)["extra"] == {"shoe_size": 42, "blood_type": "O"}
    (clash,) = app.push(op("case", case_id, {"shoe_size": 43}, was={"shoe_size": 41}))
    assert [(one["field"], one["kept"]) for one in clash["conflict"]] == [("extra.shoe_size", 42)]


def test_a_task_is_done_and_an_issue_is_seen_offline(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    now = here.clock.now()
    with here.office.work(now) as uow:
        uow.records.add_task(kind="call_back", case_id=case_id, subject_id=None, due_at=now, now=now)
    app.push(op("message", str(uuid4()), {"text": "ខ្ញុំ"}))
    app.pull()
    (task,), (issue,) = app.holds("task"), app.holds("sync_issue")
    results = app.push(op("task", task, {"done": True}), op("sync_issue", issue, {"seen": True}))
    assert statuses(results) == ["applied", "applied"]
    app.pull()
    assert app.one("task", task)["done_at"] is not None
    assert app.one("sync_issue", issue)["seen"] is True


def test_what_is_known_of_a_file_is_a_document(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    case_id = _opened(app)
    file_id = str(uuid4())
    said = {"case_id": case_id, "name": "កុងត្រា.jpg", "mime": "image/jpeg", "size_bytes": 300_000,
            "sha256": "ab" * 32}  # fmt: skip
    assert statuses(app.push(op("attachment", file_id, said, create=True))) == ["applied"]
    app.pull()
    assert {name: app.one("attachment", file_id)[name] for name in said} == said
    assert app.one("attachment", file_id)["state"] == "pending"


def test_a_long_text_may_be_named_by_its_digest(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    before = "រឿងវែង " * 200
    case_id = _opened(app, summary=before)
    was = "#" + hashlib.sha256(before.encode()).hexdigest()[:8]
    assert statuses(app.push(op("case", case_id, {"summary": "ខ្លី"}, was={"summary": was}))) == ["applied"]
