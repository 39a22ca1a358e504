"""Cases with a child (H8): at least U2, for trained staff, never dropped, guardians heard and kept away."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.identity.rules import Role, Worker
from tests.command_line import CommandLine
from tests.field_app import FieldApp
from tests.makers import LOTUS, TONLE, Installation
from tests.protection_desk import Desk

CHILD = {"name": "ស្រីពៅ", "birth_date": "2010-03-04", "sex": "female"}
GUARDIANS_PHONE = "+66812345777"
GIRL_LOCKED_IN = "ក្មេងស្រីអាយុ១៥ឆ្នាំ ត្រូវគេចាក់សោ មិនឱ្យចេញ"
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


def _train(desk: Desk, worker: Worker, *, trained: bool = True, by: Worker | None = None) -> int:
    body = {"trained_for_children": trained}
    answer = desk.here.ask(by or desk.supervisor, "PUT", f"/v1/workers/{worker.id}/training", body)
    return int(answer.status_code)


def _queue(desk: Desk) -> dict[str, Any]:
    (case,) = desk.here.ask(desk.coordinator, "GET", "/v1/cases").json()["items"]
    shown: dict[str, Any] = case
    return shown


def test_h8_a_case_with_a_child_is_at_least_u2_and_says_why(desk: Desk) -> None:
    _train(desk, desk.worker)
    opened = desk.opened(categories=["deployment_delay"], summary=None, members=[CHILD])
    assert opened["urgency"] == "U2"
    assert {"rule": "child.affected", "category": None, "text": None} in opened["urgency_reasons"]
    assert opened["owner_id"] == str(desk.worker.id)
    born = [{"birth_date": "1990-03-04"}]
    grown_up = desk.opened(categories=["deployment_delay"], summary=None, members=born)
    assert grown_up["urgency"] == "U4"


def test_h8_nobody_makes_it_less_urgent(desk: Desk) -> None:
    _train(desk, desk.worker)
    _train(desk, desk.supervisor)
    case_id = desk.opened(members=[CHILD])["id"]
    body = {"urgency": "U3", "reason": "ក"}
    for worker in (desk.worker, desk.supervisor):
        refused = desk.here.ask(worker, "PATCH", f"/v1/cases/{case_id}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "urgency.child_floor")
    assert desk.here.ask(desk.worker, "PATCH", f"/v1/cases/{case_id}", {"urgency": "U1"}).is_success


def test_h8_it_is_hidden_from_whoever_is_not_trained(desk: Desk) -> None:
    _train(desk, desk.worker)
    case_id = desk.opened(members=[CHILD])["id"]
    for worker in (desk.supervisor, desk.lead, desk.here.a_worker(organisation=TONLE)):
        assert case_id not in desk.codes(worker)
        assert desk.here.ask(worker, "GET", f"/v1/cases/{case_id}").status_code == 404
    assert case_id in desk.codes(desk.worker)
    assert _train(desk, desk.lead) == 200
    assert case_id in desk.codes(desk.lead)


def test_h8_a_partner_sees_it_only_through_trained_people(desk: Desk) -> None:
    _train(desk, desk.worker)
    opened = desk.opened(members=[CHILD])
    desk.case_id, member = UUID(opened["id"]), opened["members"][0]
    desk.person_id = member["person"]["id"]
    desk.agrees_to_lotus(by="guardian")
    assert desk.refer_to_lotus().status_code == 201
    assert desk.look(desk.guest).status_code == 404
    _train(desk, desk.guest, by=desk.coordinator)
    assert desk.look(desk.guest).status_code == 200


def test_h8_routing_finds_somebody_trained_and_else_the_coordinators_are_told(desk: Desk) -> None:
    answer = desk.here.ask(
        desk.worker, "POST", "/v1/cases", {"categories": ["unpaid_wages"], "members": [CHILD]}
    )
    assert (answer.status_code, answer.json()["owner_id"], answer.json()["members"]) == (201, None, [])
    assert desk.codes(desk.worker) == [str(desk.case_id)]
    waiting = _queue(desk)
    assert (waiting["queue"], waiting["urgency"]) == ("coordinator", "U2")
    tasks = desk.here.ask(desk.coordinator, "GET", "/v1/tasks").json()["items"]
    assert [(task["kind"], task["case_id"]) for task in tasks] == [("child_needs_trained", waiting["id"])]
    trained = desk.here.a_worker(organisation=TONLE)
    to_untrained = {"owner_id": str(trained.id), "reason": "ក"}
    path = f"/v1/cases/{waiting['id']}/assign"
    assert desk.here.ask(desk.coordinator, "POST", path, to_untrained).status_code == 422
    to_nobody = {"organisation_id": str(trained.organisation_id), "reason": "ក"}
    assert desk.here.ask(desk.coordinator, "POST", path, to_nobody).status_code == 422
    _train(desk, trained)
    assert desk.here.ask(desk.coordinator, "POST", path, to_untrained).status_code == 200
    assert (
        desk.opened(by=desk.supervisor, members=[CHILD])["owner_id"] is None
    )  # who may not see it is told no more
    assert len(desk.codes(trained)) == 3


def test_h8_a_repeat_is_answered_although_the_case_is_hidden_by_now(desk: Desk) -> None:
    own_id = "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77"
    first, again = (desk.opened(id=own_id, members=[CHILD]) for _ in range(2))
    assert first == again
    assert first["summary"] is None


def test_h8_a_child_found_later_moves_the_case_to_somebody_trained(desk: Desk) -> None:
    trained = desk.here.a_worker(organisation=TONLE)
    _train(desk, trained)
    assert desk.do("accept", {}).json()["owner_id"] == str(desk.worker.id)
    desk.do("members", {"members": [CHILD]})
    shown = desk.look(trained).json()
    assert (shown["owner_id"], shown["urgency"], shown["status"]) == (str(trained.id), "U2", "assigned")
    assert desk.look(desk.worker).status_code == 404
    assert {"child.found", "urgency.changed"} <= set(desk.here.kinds(desk.case_id))


def test_h8_words_of_a_child_in_danger_count_until_ages_are_known(desk: Desk) -> None:
    trained = desk.here.a_worker(organisation=TONLE)
    _train(desk, trained)
    case_id = desk.here.a_case(GIRL_LOCKED_IN, sender="+66812345111")
    assert "child.found" in desk.here.kinds(case_id)
    assert desk.here.ask(trained, "GET", f"/v1/cases/{case_id}").json()["owner_id"] == str(trained.id)
    assert desk.here.ask(desk.worker, "GET", f"/v1/cases/{case_id}").status_code == 404


def test_h8_a_later_text_about_a_child_counts_too(desk: Desk) -> None:
    desk.here.a_worker(organisation=LOTUS)
    case_id = desk.here.a_case(sender="+66812345112")
    assert "child.found" not in desk.here.kinds(case_id)
    desk.here.a_text(GIRL_LOCKED_IN, sender="+66812345112")
    assert "child.found" in desk.here.kinds(case_id)
    assert _queue(desk)["id"] == str(case_id)


def test_h8_escalations_reach_trained_people_or_the_coordinators(desk: Desk) -> None:
    _train(desk, desk.worker)
    case_id = desk.opened(members=[CHILD])["id"]
    desk.here.clock.forward(days=1)
    desk.here.fire()
    with desk.here.office.look() as uow:
        assert uow.outbox.alerted_since(UUID(case_id), desk.coordinator.id, FIRST_DAY)
    assert case_id in desk.codes(desk.coordinator)


def test_h8_supervisors_say_who_is_trained_in_their_own_organisation(desk: Desk, spean: CommandLine) -> None:
    assert _train(desk, desk.guest) == 404
    assert _train(desk, desk.worker, by=desk.lead) == 403
    assert _train(desk, desk.worker, by=desk.guest) == 404
    assert _train(desk, desk.guest, by=desk.coordinator) == 200
    assert spean.run("worker", "train", desk.worker.username).status == 0
    case_id = desk.opened(members=[CHILD])["id"]
    assert case_id in desk.codes(desk.worker)
    assert spean.run("worker", "train", desk.worker.username, "--no-more").status == 0
    assert case_id not in desk.codes(desk.worker)
    assert _queue(desk)["id"] == case_id
    assert spean.run("worker", "train", "nobody").status == 1


def test_h8_devices_of_the_untrained_never_hold_it(desk: Desk) -> None:
    trained = desk.here.a_worker(organisation=TONLE)
    _train(desk, trained)
    app, theirs = FieldApp(desk.here, desk.worker), FieldApp(desk.here, trained)
    app.pull()
    assert app.holds("case") == {str(desk.case_id)}
    desk.do("members", {"members": [CHILD]})
    app.pull()
    theirs.pull()
    assert (app.holds("case"), app.holds("member")) == (set(), set())
    assert theirs.holds("case") == {str(desk.case_id)}
    _train(desk, trained, trained=False)
    theirs.pull()
    assert theirs.holds("case") == set()


# Guardians -------------------------------------------------------------------------------------------------


@pytest.fixture
def family(desk: Desk) -> Desk:
    """A case with one child."""
    _train(desk, desk.worker)
    opened = desk.opened(members=[CHILD], phone=GUARDIANS_PHONE)
    desk.case_id = UUID(opened["id"])
    (member,) = opened["members"]
    desk.member_id, desk.person_id = member["id"], member["person"]["id"]
    return desk


def _guardian(desk: Desk, **known: Any) -> Any:
    path = f"/v1/cases/{desk.case_id}/members/{desk.member_id}/guardian"
    return desk.here.ask(desk.worker, "PUT", path, {"name": "ឪពុក", "phone": GUARDIANS_PHONE, **known})


def test_h8_a_guardian_speaks_for_the_child_but_never_against_them(family: Desk) -> None:
    assert family.says(by="self").json()["counts"] is False
    assert family.refer(kind="police").json()["code"] == "consent.missing"
    assert family.says(by="guardian").json()["counts"] is True
    assert _guardian(family, assent="given").json()["assent"] == "given"
    assert family.refer(kind="police").json()["state"] == "open"
    _guardian(family, assent="refused")
    (ended,) = family.look(family.worker, "/referrals").json()["items"]
    assert ended["state"] == "revoked"
    assert family.refer(kind="police").json()["code"] == "consent.missing"


def test_h8_a_suspected_guardian_has_no_say_and_is_not_contacted(family: Desk) -> None:
    (phone,) = family.look(family.worker, "/phones").json()["items"]
    safety = f"/v1/cases/{family.case_id}/phones/{phone['id']}/safety"
    free = {"may_text": "yes", "may_call": "yes"}
    assert family.here.ask(family.worker, "PUT", safety, free).json()["text_refused_because"] is None
    family.says(by="guardian")
    assert _guardian(family, guardian_is_suspect=True).status_code == 200
    assert family.refer(kind="police").json()["code"] == "consent.missing"
    for _ in range(2):  # writing anew that all is well does not open the way again
        (phone,) = family.look(family.worker, "/phones").json()["items"]
        assert (phone["safety"]["may_text"], phone["safety"]["may_call"]) == ("no", "no")
        assert phone["call_refused_because"] is not None
        family.here.ask(family.worker, "PUT", safety, free)
    text = {"text": "សូមទូរស័ព្ទមកវិញពេលទំនេរ"}
    refused = family.do(f"phones/{phone['id']}/texts", text)
    assert (refused.status_code, refused.json()["because"]) == (409, "may_not_text")


def test_h8_what_is_known_of_a_guardian_is_kept_once_and_shown(family: Desk) -> None:
    path = f"/members/{family.member_id}/guardian"
    assert family.look(family.worker, path).json()["assent"] == "not_asked"
    first, again = _guardian(family, assent="given").json(), _guardian(family, assent="given").json()
    assert first == again == family.look(family.worker, path).json()
    assert family.here.kinds(family.case_id).count("guardian.changed") == 1
    assert GUARDIANS_PHONE not in str(family.here.timeline(family.case_id))


def test_h8_a_grown_up_has_no_guardian(desk: Desk) -> None:
    assert _guardian(desk).json()["code"] == "consent.not_in_case"


def test_h8_the_command_line_adds_trained_workers(here: Installation, spean: CommandLine) -> None:
    spean.run(
        "worker", "add", "sreypov", "--role", Role.CASEWORKER, "--organisation", TONLE,
        "--trained-for-children", "--password-stdin", given="a long password\n",
    )  # fmt: skip
    with here.office.look() as uow:
        found = uow.identity.worker_named("sreypov")
    assert found is not None
    assert found[0].trained_for_children
