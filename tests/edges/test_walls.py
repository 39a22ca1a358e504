"""Conflict walls (H15), holds and no door for authorities (H18)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.cases.rules.guards import Guard
from app.identity.rules import Action, Role, Worker
from app.usecases.seeing import sight_of
from tests.field_app import FieldApp
from tests.makers import LOTUS, TONLE, Installation
from tests.protection_desk import HIDDEN, SUMMARY, Desk, nobodys

FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


def _alerted(desk: Desk, worker: Worker) -> bool:
    with desk.here.office.look() as uow:
        return uow.outbox.alerted_since(desk.case_id, worker.id, FIRST_DAY)


def test_h15_the_walled_see_no_case_no_count_no_task_and_no_row(desk: Desk) -> None:
    walled = desk.here.a_worker(Role.SUPERVISOR, TONLE)
    code = desk.look(walled).json()["code"]
    now = desk.here.clock.now()
    with desk.here.office.work(now) as uow:
        uow.records.add_task(
            kind="failed_message", case_id=desk.case_id, subject_id=None, due_at=now, now=now
        )
    assert len(desk.here.ask(walled, "GET", "/v1/tasks").json()["items"]) == 1
    desk.wall(worker_id=str(walled.id))
    assert desk.codes(walled) == []
    assert desk.here.ask(walled, "GET", f"/v1/cases?total=true&code={code}").json()["total"] == 0
    assert desk.here.ask(walled, "GET", "/v1/tasks").json()["items"] == []
    assert SUMMARY not in desk.here.ask(walled, "GET", "/v1/exports/cases.csv").text
    assert desk.look(walled).json()["code"] == nobodys(desk, walled).json()["code"]
    assert desk.codes(desk.supervisor) == [str(desk.case_id)]
    assert SUMMARY in desk.here.ask(desk.supervisor, "GET", "/v1/exports/cases.csv").text


def test_h15_the_walled_read_no_disclosure_of_it(desk: Desk) -> None:
    walled = desk.here.a_worker(Role.SUPERVISOR, TONLE)
    desk.says("given", "share_embassy")
    desk.refer(kind="embassy")
    assert len(desk.register(walled)) == 1
    desk.wall(worker_id=str(walled.id))
    assert desk.register(walled) == []
    assert len(desk.register()) == 1


def test_h15_whoever_owned_the_case_loses_it_and_another_gets_it(desk: Desk) -> None:
    colleague = desk.here.a_worker(organisation=TONLE)
    assert desk.look(desk.supervisor).json()["owner_id"] == str(desk.worker.id)
    desk.wall(worker_id=str(desk.worker.id))
    assert desk.look(desk.supervisor).json()["owner_id"] == str(colleague.id)
    assert desk.look(desk.worker).status_code == 404
    assert desk.here.kinds(desk.case_id)[-2:] == ["wall.raised", "case.routed"]
    timers = desk.look(desk.supervisor, "/timers").json()["items"]
    assert {timer["kind"] for timer in timers if timer["state"] == "armed"} == {"accept", "first_contact"}


def test_h15_routing_never_gives_it_to_the_walled_and_nobody_can(desk: Desk) -> None:
    desk.wall(worker_id=str(desk.worker.id))
    shown = desk.here.ask(desk.coordinator, "GET", f"/v1/cases/{desk.case_id}").json()
    assert (shown["owner_id"], shown["queue"]) == (None, "coordinator")
    for to in ({"owner_id": str(desk.worker.id)}, {"owner_id": str(uuid4())}):
        refused = desk.do("assign", {**to, "reason": "ក"}, by=desk.coordinator)
        assert refused.json()["code"] == "assignment.not_eligible"
    assert desk.do("assign", {"organisation_id": desk.lotus, "reason": "ក"}, by=desk.coordinator).is_success
    desk.wall(by=desk.guest, organisation_id=desk.lotus)
    refused = desk.do("assign", {"organisation_id": desk.lotus, "reason": "ក"}, by=desk.coordinator)
    assert refused.json()["code"] == "assignment.not_eligible"
    assert desk.look(desk.guest).status_code == 404


def test_h15_an_organisation_is_walled_off_and_its_referral_ends(desk: Desk) -> None:
    desk.agrees_to_lotus()
    desk.refer_to_lotus()
    assert desk.look(desk.guest).status_code == 200
    desk.wall(organisation_id=desk.lotus)
    assert desk.look(desk.guest).status_code == 404
    (ended,) = desk.look(desk.worker, "/referrals").json()["items"]
    assert ended["ended_because"] == "wall"
    assert desk.refer_to_lotus().json()["code"] == "referral.bad_recipient"


def test_h15_escalations_and_alerts_pass_the_walled_by(desk: Desk) -> None:
    walled = desk.here.a_worker(Role.DUTY_LEAD, TONLE, phone="+85510000302")
    desk.wall(worker_id=str(walled.id))
    desk.wall(worker_id=str(desk.lead.id))
    desk.here.clock.forward(days=3)
    desk.here.fire()
    rungs = [told for kind, told in desk.here.timeline(desk.case_id) if kind == "escalation.fired"]
    told = {worker for rung in rungs for worker in rung["workers"]}
    assert rungs
    assert all(rung["workers"] for rung in rungs)
    assert not {str(walled.id), str(desk.lead.id)} & told
    assert not _alerted(desk, walled)
    assert _alerted(desk, desk.coordinator)


def test_h15_a_wall_can_be_lifted_and_raised_again(desk: Desk) -> None:
    walled = desk.here.a_worker(organisation=TONLE)
    first, again = desk.wall(worker_id=str(walled.id)).json(), desk.wall(worker_id=str(walled.id)).json()
    assert first == again
    assert desk.look(desk.supervisor, "/walls").json()["items"] == [first]
    path = f"/v1/cases/{desk.case_id}/walls/{first['id']}"
    lifted = [desk.here.ask(desk.supervisor, "DELETE", path).status_code for _ in range(2)]
    assert lifted == [204, 404]
    assert desk.look(walled).status_code == 200
    assert desk.wall(worker_id=str(walled.id)).json()["id"] != first["id"]
    assert desk.look(walled).status_code == 404


def test_h15_only_those_in_charge_raise_walls_against_somebody_who_is_there(desk: Desk) -> None:
    for worker in (desk.worker, desk.lead):
        assert desk.wall(by=worker, worker_id=str(desk.worker.id)).status_code == 403
    targets: tuple[dict[str, Any], ...] = (
        {}, {"worker_id": str(uuid4())}, {"organisation_id": str(uuid4())},
        {"worker_id": str(desk.worker.id), "organisation_id": desk.lotus},
    )  # fmt: skip
    for against in targets:
        assert desk.wall(**against).json()["code"] == "wall.bad_target"


@pytest.mark.parametrize("trained", [True, False])
def test_h15_one_case_and_many_cases_are_kept_by_the_same_rule(desk: Desk, trained: bool) -> None:  # noqa: FBT001 - a case of the test
    """`Guard.keeps_out` and the condition of the database agree for everybody."""
    workers = [desk.here.a_worker(role, TONLE) for role in Role] + [desk.here.a_worker(organisation=LOTUS)]
    now = desk.here.clock.now()
    with desk.here.office.work(now) as uow:
        for worker in workers:
            uow.identity.set_trained(worker.id, now if trained else None)
            uow.cases.add_helpers([(desk.case_id, worker.id, "coordinator")], now)
    desk.do("members", {"members": [{"birth_date": "2015-01-01"}]})
    for worker in workers[:2]:
        desk.wall(by=desk.coordinator, worker_id=str(worker.id))
    with desk.here.office.look() as uow:
        case = uow.cases.get(desk.case_id, None)
        assert case is not None
        guard = uow.cases.guard_of(case.id)
        assert guard == Guard(True, guard.workers, frozenset())
        for worker in filter(None, (uow.identity.worker(listed.id) for listed in workers)):
            within = case.organisation_id == worker.organisation_id if worker.organisation_id else None
            reach = within if within is not None else worker.role is Role.COORDINATOR
            seen = bool(uow.cases.visible([case.id], sight_of(worker)))
            if reach:
                assert seen is not guard.keeps_out(sight_of(worker)), worker.role


def test_h15_devices_drop_the_case_and_its_words_when_a_wall_is_raised(desk: Desk) -> None:
    app, colleague = FieldApp(desk.here, desk.worker), desk.here.a_worker(organisation=TONLE)
    desk.do("notes", {"text": "ក"})
    app.pull()
    assert app.holds("case") == {str(desk.case_id)}
    desk.wall(worker_id=str(desk.worker.id))
    app.pull()
    assert (app.holds("case"), app.holds("note"), app.holds("member")) == (set(), set(), set())
    theirs = FieldApp(desk.here, colleague)
    theirs.pull()
    assert theirs.holds("case") == {str(desk.case_id)}


def test_h15_a_wall_against_a_helper_reaches_their_device(desk: Desk) -> None:
    app = FieldApp(desk.here, desk.lead)
    now = desk.here.clock.now()
    with desk.here.office.work(now) as uow:
        uow.cases.add_helpers([(desk.case_id, desk.lead.id, "duty_lead")], now)
    app.pull()
    assert app.holds("case") == {str(desk.case_id)}
    wall = desk.wall(worker_id=str(desk.lead.id)).json()
    app.pull()
    assert app.holds("case") == set()
    desk.here.ask(desk.supervisor, "DELETE", f"/v1/cases/{desk.case_id}/walls/{wall['id']}")
    app.pull()
    assert app.holds("case") == {str(desk.case_id)}


def test_restricted_notes_reach_devices_as_they_reach_the_timeline(desk: Desk) -> None:
    desk.do("notes", {"text": HIDDEN, "restricted": True})
    now = desk.here.clock.now()
    with desk.here.office.work(now) as uow:
        uow.cases.add_helpers([(desk.case_id, one.id, "helper") for one in (desk.lead, desk.supervisor)], now)
    words = {}
    for worker in (desk.worker, desk.lead, desk.supervisor):
        app = FieldApp(desk.here, worker)
        app.pull()
        words[worker.role] = [app.one("note", one)["text"] for one in app.holds("note")]
    assert words == {Role.CASEWORKER: [HIDDEN], Role.DUTY_LEAD: [None], Role.SUPERVISOR: [HIDDEN]}


# H18: legal demands ----------------------------------------------------------------------------------------


def test_h18_no_role_is_an_authority_and_none_may_take_everything() -> None:
    assert {role.value for role in Role} == {
        "caseworker", "duty_lead", "supervisor", "coordinator", "admin",
    }  # fmt: skip
    assert not any("authorit" in action.value or "police" in action.value for action in Action)


def test_h18_an_export_is_for_those_in_charge_only(desk: Desk) -> None:
    may = {
        role: desk.here.ask(desk.here.a_worker(role), "GET", "/v1/exports/cases.csv").status_code
        for role in Role
    }
    assert may == {
        Role.CASEWORKER: 403, Role.DUTY_LEAD: 403, Role.SUPERVISOR: 200, Role.COORDINATOR: 200,
        Role.ADMIN: 403,
    }  # fmt: skip


def test_h18_a_hold_stands_until_it_is_lifted(desk: Desk) -> None:
    assert desk.look(desk.supervisor, "/legal-hold").status_code == 404
    for worker in (desk.worker, desk.lead):
        assert desk.do("legal-hold", {"reason": "ក"}, by=worker).status_code == 403
    first = desk.do("legal-hold", {"reason": "តុលាការកំពុងសួរ"}, by=desk.supervisor)
    assert first.status_code == 201
    assert desk.do("legal-hold", {"reason": "ម្ដងទៀត"}, by=desk.supervisor).json() == first.json()
    other = UUID(desk.opened()["id"])
    with desk.here.office.look() as uow:
        assert uow.timing.held([desk.case_id, other]) == {desk.case_id}
    path = f"/v1/cases/{desk.case_id}/legal-hold"
    assert [desk.here.ask(desk.supervisor, "DELETE", path).status_code for _ in range(2)] == [204, 204]
    with desk.here.office.look() as uow:
        assert uow.timing.held([desk.case_id]) == frozenset()
    kinds = [kind for kind in desk.here.kinds(desk.case_id) if kind.startswith("hold.")]
    assert kinds == ["hold.set", "hold.lifted"]
    assert desk.do("legal-hold", {"reason": "ក"}, by=desk.supervisor).json()["id"] != first.json()["id"]
