"""A device pulls what its worker may hold: all of it once, then what changed, and what it must drop."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from app.audit.tables import entries
from app.identity.rules import Role
from app.identity.tables import workers
from app.usecases.setting_up import organisation_id
from tests.field_app import FieldApp
from tests.makers import LOTUS, Installation

CLOSING = {"outcome": "wages_recovered", "client_informed": "yes"}


def test_a_device_gets_its_workers_cases_as_the_api_shows_them(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    here.ask(worker, "POST", f"/v1/cases/{case_id}/members", {
        "members": [{"name": "សុខា", "phone": "+66812345678",
                     "wages_claimed": {"amount_minor": 90_000, "currency": "THB"}}],
    })  # fmt: skip
    here.ask(worker, "POST", f"/v1/cases/{case_id}/notes", {"text": "ទូរស័ព្ទហើយ"})
    app = FieldApp(here, worker)
    app.pull()
    shown = here.ask(worker, "GET", f"/v1/cases/{case_id}").json()
    held = app.one("case", case_id)
    (member,) = shown.pop("members")
    assert {name: held[name] for name in shown} == shown
    assert held.keys() - shown.keys() == {"rev"}
    doc = app.one("member", member["id"])
    assert {name: doc[name] for name in member} == member
    assert doc["case_id"] == str(case_id)
    assert {app.one("note", one)["text"] for one in app.holds("note")} == {"ទូរស័ព្ទហើយ"}
    assert {app.one("message", one)["direction"] for one in app.holds("message")} == {"in", "out"}
    lists = {app.one("reference", one)["name"] for one in app.holds("reference")}
    assert lists == {"category", "outcome", "party", "province", "role", "sector", "status", "urgency"}


def test_an_idle_pull_gives_nothing_and_writes_nothing(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    here.a_case()
    app.pull()
    before = app.cursor
    page = app.pull_page()
    assert (page["changes"], page["more"], page["cursor"]) == ([], False, before)


def test_a_case_that_changed_often_is_sent_once(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    app.pull()
    for number in range(4):
        here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"summary": f"ទី {number}"})
    changes = app.pull()
    assert [(change["kind"], change["id"]) for change in changes] == [("case", str(case_id))]
    assert app.one("case", case_id)["summary"] == "ទី 3"


def test_pages_of_any_size_give_the_same(here: Installation) -> None:
    worker = here.a_worker()
    for number in range(4):
        here.a_case(sender=f"+6681234567{number}")
    whole, one_by_one, small = FieldApp(here, worker), FieldApp(here, worker), FieldApp(here, worker)
    whole.pull()
    one_by_one.pull(limit=1)
    small.pull(max_bytes=1000)
    assert whole.docs == one_by_one.docs == small.docs
    assert len(whole.holds("case")) == 4


def test_who_loses_a_case_is_told_to_drop_all_of_it_and_nothing_else(here: Installation) -> None:
    first, second = here.a_worker(), here.a_worker()
    lead = here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case()
    owner = here.ask(lead, "GET", f"/v1/cases/{case_id}").json()["owner_id"]
    loser, gainer = (first, second) if owner == str(first.id) else (second, first)
    here.ask(loser, "POST", f"/v1/cases/{case_id}/notes", {"text": "ឈ្មោះ សុខា"})
    before, after = FieldApp(here, loser), FieldApp(here, gainer)
    before.pull()
    after.pull()
    assert (before.holds("case"), after.holds("case")) == ({str(case_id)}, set())
    here.ask(lead, "POST", f"/v1/cases/{case_id}/assign", {"owner_id": str(gainer.id), "reason": "ជិត"})
    told = before.pull()
    assert told
    assert all(change.keys() == {"kind", "id", "gone"} for change in told)
    assert {kind for kind, _ in before.docs} == {"reference"}
    after.pull()
    assert after.holds("case") == {str(case_id)}
    assert after.holds("note")


def test_a_case_leaves_the_devices_some_days_after_it_was_closed(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    here.ask(worker, "POST", f"/v1/cases/{case_id}/close", CLOSING)
    app.pull()
    assert app.one("case", case_id)["status"] == "closed"
    here.clock.forward(days=29)
    app.pull()
    assert app.holds("case") == {str(case_id)}
    here.clock.forward(days=2)
    app.pull()
    assert {kind for kind, _ in app.docs} == {"reference"}


def test_a_case_without_an_owner_is_on_the_devices_of_its_team(here: Installation) -> None:
    workers = [here.a_worker(), here.a_worker()]
    lead = here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case()
    stranger = here.a_worker(organisation=LOTUS)
    apps = [FieldApp(here, worker) for worker in [*workers, stranger]]
    organisation = str(workers[0].organisation_id)
    here.ask(lead, "POST", f"/v1/cases/{case_id}/assign", {"organisation_id": organisation, "reason": "ជិត"})
    for app in apps:
        app.pull()
    assert [app.holds("case") for app in apps] == [{str(case_id)}, {str(case_id)}, set()]
    here.ask(workers[0], "POST", f"/v1/cases/{case_id}/accept")
    for app in apps:
        app.pull()
    assert [app.holds("case") for app in apps] == [{str(case_id)}, set(), set()]


def test_who_was_added_to_a_case_holds_it_while_they_may_see_it(here: Installation) -> None:
    owner, lead = here.a_worker(), here.a_worker(Role.DUTY_LEAD)
    here.a_worker(organisation=LOTUS)
    coordinator = here.a_worker(Role.COORDINATOR)
    case_id = UUID(here.ask(owner, "POST", "/v1/cases", {"summary": "ឈ្មោះ"}).json()["id"])
    app = FieldApp(here, lead)
    app.pull()
    assert app.holds("case") == set()
    with here.office.work(here.clock.now()) as uow:
        uow.cases.add_helpers([(case_id, lead.id, Role.DUTY_LEAD)], here.clock.now())
        uow.cases.add_helpers([(case_id, coordinator.id, Role.COORDINATOR)], here.clock.now())
    app.pull()
    assert app.holds("case") == {str(case_id)}
    elsewhere = {"organisation_id": str(organisation_id(LOTUS)), "reason": "ជិត"}
    moved = here.ask(coordinator, "POST", f"/v1/cases/{case_id}/assign", elsewhere)
    assert moved.status_code == 200, moved.text
    app.pull()
    assert {kind for kind, _ in app.docs} == {"reference"}


def test_a_worker_of_another_role_or_organisation_holds_what_that_one_may(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = here.a_case()
    app.pull()
    assert app.holds("case") == {str(case_id)}
    _moved(here, worker.id, to=LOTUS)
    app.pull()
    assert {kind for kind, _ in app.docs} == {"reference"}


def test_looking_is_remembered_once_for_each_pull_that_gave_something(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    here.a_case()
    app.pull()
    app.pull()
    assert _audited(here, "sync.pulled") == 1


def test_a_cursor_is_good_for_its_worker_and_kinds_only(here: Installation) -> None:
    app, other = FieldApp(here, here.a_worker()), FieldApp(here, here.a_worker())
    app.pull()
    cursor = str(app.cursor)
    for holder, asked in (
        (other, {"cursor": cursor}),
        (app, {"cursor": cursor, "kinds": "case"}),
        (app, {"cursor": cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")}),
        (app, {"cursor": "nonsense"}),
    ):
        answer = holder.ask("GET", "/v1/sync/pull", params=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor.invalid")


def test_only_the_kinds_that_are_asked_for_come(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    here.a_case()
    app.pull(kinds="case,note")
    assert {kind for kind, _ in app.docs} == {"case"}


def test_an_admin_holds_no_case(here: Installation) -> None:
    admin = here.a_worker(Role.ADMIN)
    assert here.ask(admin, "GET", "/v1/sync/pull").status_code == 403
    assert here.ask(admin, "POST", "/v1/devices", {"device": str(uuid4())}).status_code == 403


def _moved(here: Installation, worker_id: UUID, *, to: str) -> None:
    with here.office.database.write() as connection:
        changed = update(workers).where(workers.c.id == worker_id)
        connection.execute(changed.values(organisation_id=organisation_id(to)))


def _audited(here: Installation, action: str) -> int:
    with here.office.database.read() as connection:
        asked = select(func.count()).select_from(entries).where(entries.c.action == action)
        return int(connection.execute(asked).scalar_one())


def test_times_on_devices_are_written_as_the_api_writes_them(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    case_id = here.a_case()
    app.pull()
    opened = app.one("case", case_id)["opened_at"]
    assert opened.endswith("Z")
    assert datetime.fromisoformat(opened) == here.clock.now()
