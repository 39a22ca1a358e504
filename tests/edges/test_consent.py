"""Consent from outside: nothing is handed over without a yes (H6) or an override (H7), all noted (H17)."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.audit.tables import entries
from app.identity.rules import Role
from app.usecases.setting_up import organisation_id
from tests.command_line import CommandLine
from tests.makers import STAR, TONLE, Installation
from tests.protection_desk import HIDDEN, LONG_REASON, NAME, PHONE, PLAIN, SUMMARY, Desk

FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


# H6: consent -----------------------------------------------------------------------------------------------


def test_h6_everybody_starts_unasked_and_every_answer_is_kept(desk: Desk) -> None:
    begun = desk.look(desk.worker, "/consents").json()
    assert begun["items"] == begun["history"] == []
    assert {"services", "store_identified", "share_with_organisation", "share_authorities", "share_embassy",
            "tracing_family", "anonymised_reporting", "media"} == {
        one["purpose"] for one in begun["unasked"] if one["person_id"] == desk.person_id
    }  # fmt: skip
    assert {one["state"] for one in begun["unasked"]} == {"not_asked"}
    for state in ("given", "refused", "given", "withdrawn"):
        answer = desk.says(state, "media", witness="ចាន់ធូ", language="en")
        assert (answer.status_code, answer.json()["counts"]) == (201, state == "given")
    found = desk.look(desk.worker, "/consents").json()
    assert [one["state"] for one in found["history"]] == ["given", "refused", "given", "withdrawn"]
    (now,) = found["items"]
    assert (now["state"], now["by"], now["channel"], now["witness"], now["language"], now["worker_id"]) == (
        "withdrawn", "self", "call", "ចាន់ធូ", "en", str(desk.worker.id),
    )  # fmt: skip


def test_h6_the_timeline_and_the_audit_chain_hold_codes_only(desk: Desk) -> None:
    desk.says("given", "media", witness="ចាន់ធូ")
    (details,) = [told for kind, told in desk.here.timeline(desk.case_id) if kind == "consent.changed"]
    assert details.keys() == {
        "consent_id", "person_id", "purpose", "organisation_id", "said", "by", "channel",
    }  # fmt: skip
    with desk.here.office.database.read() as connection:
        actions = list(connection.execute(entries.select()).mappings())
    assert "consent.changed" in {row["action"] for row in actions}
    assert "ចាន់ធូ" not in str(actions)


def test_h6_an_answer_sent_twice_is_one_answer(desk: Desk) -> None:
    own_id = str(uuid4())
    first, again = desk.says(id=own_id), desk.says(id=own_id)
    assert first.json() == again.json()
    assert len(desk.look(desk.worker, "/consents").json()["history"]) == 1
    assert desk.says("refused", id=own_id).json()["code"] == "id_conflict"


def test_h6_an_answer_needs_somebody_of_the_case_and_a_purpose_that_is_asked_about(desk: Desk) -> None:
    assert desk.says(person_id=str(uuid4())).json()["code"] == "consent.not_in_case"
    assert desk.says(member_id=str(uuid4())).json()["code"] == "consent.not_in_case"
    assert desk.says(purpose="selling").json()["code"] == "consent.bad_purpose"
    assert desk.says(purpose="share_with_organisation").json()["code"] == "consent.bad_purpose"
    assert desk.says(organisation_id=desk.lotus).json()["code"] == "consent.bad_purpose"
    assert desk.says(purpose="share_with_organisation", organisation_id=str(uuid4())).status_code == 422
    assert desk.says(person_id=None, member_id=desk.member_id).json()["person_id"] == desk.person_id


@pytest.mark.parametrize("kind", ["police", "embassy", "labour_authority", "other"])
def test_h6_nothing_is_handed_over_without_consent(desk: Desk, kind: str) -> None:
    told = desk.here.kinds(desk.case_id)
    refused = desk.refer(kind=kind)
    assert (refused.status_code, refused.json()["code"]) == (403, "consent.missing")
    assert desk.refer(kind=kind, by=desk.supervisor).status_code == 403
    assert desk.here.kinds(desk.case_id) == told
    assert desk.here.ask(desk.supervisor, "GET", "/v1/disclosures").json()["items"] == []


def test_h6_each_recipient_needs_a_yes_to_just_that(desk: Desk) -> None:
    desk.says("given", "share_embassy")
    assert desk.refer(kind="embassy").json()["state"] == "open"
    assert desk.refer(kind="police").status_code == 403
    desk.says("given", "share_authorities")
    assert desk.refer(kind="police").json()["state"] == "open"
    assert desk.refer_to_lotus().status_code == 403
    desk.agrees_to_lotus()
    assert desk.refer_to_lotus().status_code == 201


def test_h6_a_mothers_yes_is_not_her_grown_daughters(desk: Desk) -> None:
    assert desk.says(by="family").json()["counts"] is False
    assert desk.says(by="guardian").json()["counts"] is False
    assert desk.refer(kind="police").status_code == 403
    assert desk.says(by="representative").json()["counts"] is True
    assert desk.refer(kind="police").status_code == 201


def test_h6_everybody_concerned_must_agree_or_is_left_out(desk: Desk) -> None:
    added = desk.do("members", {"members": [{"name": "ដារ៉ា"}]}).json()["members"]
    other = next(one["person"]["id"] for one in added if one["id"] != desk.member_id)
    desk.agrees_to_lotus()
    assert desk.refer_to_lotus().json()["code"] == "consent.missing"
    assert desk.refer_to_lotus(people=[str(uuid4())]).json()["code"] == "consent.not_in_case"
    assert desk.refer_to_lotus(people=[desk.person_id]).json()["people"] == [desk.person_id]
    (shown,) = desk.look(desk.guest).json()["members"]
    assert shown["person"]["name"] == NAME
    assert other not in desk.look(desk.guest).text


def test_h6_whoever_texted_and_is_not_written_down_can_agree_too(desk: Desk) -> None:
    desk.case_id = desk.here.a_case()
    owner = desk.here.a_worker(organisation=TONLE)
    supervisor = desk.supervisor
    assert desk.refer(kind="police", by=supervisor).status_code == 403
    body = {"purpose": "share_authorities", "state": "given", "channel": "text"}
    assert desk.do("consents", body, by=owner).json()["person_id"] is None
    assert desk.refer(kind="police", by=supervisor).status_code == 201


def test_h6_a_partner_sees_what_was_handed_over_and_nothing_else(desk: Desk) -> None:
    desk.do("notes", {"text": HIDDEN, "restricted": True})
    desk.do("notes", {"text": PLAIN})
    assert desk.look(desk.guest).status_code == 404
    desk.agrees_to_lotus()
    desk.refer_to_lotus("name", "notes")
    assert desk.codes(desk.guest) == [str(desk.case_id)]
    shown = desk.look(desk.guest).json()
    (member,) = shown["members"]
    assert (member["person"]["name"], member["person"]["phone"]) == (NAME, None)
    assert (member["person"]["birth_date"], member["person"]["sex"]) == (None, "unknown")
    assert (shown["summary"], shown["categories"], shown["destination_country"]) == (None, [], None)
    timeline = desk.look(desk.guest, "/timeline")
    assert [item["text"] for item in timeline.json()["items"] if item["kind"] == "note.added"] == [
        None,
        PLAIN,
    ]
    assert {item["kind"] for item in timeline.json()["items"]} == {"note.added"}
    assert HIDDEN not in timeline.text
    desk.refer_to_lotus("phone", "age", "summary", "categories", "destination")
    shown = desk.look(desk.guest).json()
    assert (shown["summary"], shown["categories"]) == (SUMMARY, ["unpaid_wages"])
    assert (shown["members"][0]["person"]["phone"], shown["destination_country"]) == (PHONE, "TH")


def test_h6_a_partner_may_add_a_note_and_do_nothing_else(desk: Desk) -> None:
    desk.agrees_to_lotus()
    desk.refer_to_lotus("notes")
    assert desk.do("notes", {"text": "យើងបានជួបគាត់", "restricted": True}, by=desk.guest).status_code == 201
    notes = [
        i["text"] for i in desk.look(desk.guest, "/timeline").json()["items"] if i["kind"] == "note.added"
    ]
    assert notes == ["យើងបានជួបគាត់"]
    done = [
        desk.do(what, body, by=desk.guest).status_code
        for what, body in (
            ("accept", {}), ("close", {"outcome": "repatriated", "client_informed": "yes"}),
            ("status", {"status": "in_progress"}), ("members", {"members": [{"name": "ក"}]}),
            ("consents", {"purpose": "media", "state": "given", "channel": "call"}),
            ("walls", {"worker_id": str(desk.worker.id), "reason": "ក"}), ("legal-hold", {"reason": "ក"}),
            ("referrals", {"kind": "police", "purpose": "ក", "data_items": ["name"], "reason": "ក"}),
        )
    ]  # fmt: skip
    assert set(done) == {404}
    for what in ("/phones", "/timers", "/consents", "/referrals", "/walls"):
        assert desk.look(desk.guest, what).status_code == 404, what
    assert desk.here.ask(desk.guest, "GET", "/v1/tasks").json()["items"] == []
    csv = desk.here.ask(desk.guest, "GET", "/v1/exports/cases.csv").text
    assert SUMMARY not in csv


@pytest.mark.parametrize("state", ["withdrawn", "refused"])
def test_h6_a_yes_taken_back_ends_the_access_at_once(desk: Desk, state: str) -> None:
    desk.agrees_to_lotus()
    referral = desk.refer_to_lotus().json()
    assert desk.look(desk.guest).status_code == 200
    desk.agrees_to_lotus(state)
    assert desk.look(desk.guest).status_code == 404
    assert desk.codes(desk.guest) == []
    (ended,) = desk.look(desk.worker, "/referrals").json()["items"]
    assert (ended["id"], ended["state"], ended["ended_because"]) == (
        referral["id"], "revoked", "consent_withdrawn",
    )  # fmt: skip
    assert "referral.ended" in desk.here.kinds(desk.case_id)


def test_h6_another_answer_ends_only_what_it_is_about(desk: Desk) -> None:
    desk.agrees_to_lotus()
    desk.says("given", "share_embassy")
    desk.refer_to_lotus()
    desk.refer(kind="embassy")
    desk.says("withdrawn", "media")
    star = str(organisation_id(STAR))
    assert desk.says("withdrawn", "share_with_organisation", organisation_id=star).status_code == 201
    assert desk.look(desk.guest).status_code == 200
    desk.says("withdrawn", "services")
    assert desk.look(desk.guest).status_code == 404
    states = {one["state"] for one in desk.look(desk.worker, "/referrals").json()["items"]}
    assert states == {"revoked"}
    tasks = desk.here.ask(desk.worker, "GET", "/v1/tasks").json()["items"]
    assert [task["kind"] for task in tasks] == ["consent_withdrawn"]


@pytest.mark.parametrize("door", ["revoke", "delete", "close"])
def test_h6_revoking_and_closing_end_the_access(desk: Desk, door: str) -> None:
    desk.agrees_to_lotus()
    path = f"/v1/referrals/{desk.refer_to_lotus().json()['id']}"
    if door == "close":
        desk.do("close", {"outcome": "repatriated", "client_informed": "yes"})
    elif door == "delete":
        assert desk.here.ask(desk.worker, "DELETE", path).json()["state"] == "revoked"
    else:
        assert desk.here.ask(desk.guest, "POST", f"{path}/revoke").status_code == 404
        twice = [desk.here.ask(desk.worker, "POST", f"{path}/revoke") for _ in range(2)]
        assert [answer.json()["state"] for answer in twice] == ["revoked"] * 2
    assert desk.look(desk.guest).status_code == 404
    assert desk.here.kinds(desk.case_id).count("referral.ended") == 1


def test_h6_a_referral_goes_to_one_that_is_there_and_has_not_the_case(desk: Desk) -> None:
    ours = str(desk.worker.organisation_id)
    assert desk.refer(to_organisation=ours).json()["code"] == "referral.bad_recipient"
    assert desk.refer(to_organisation=str(uuid4())).json()["code"] == "referral.bad_recipient"
    assert desk.refer_to_lotus(kind="police").status_code == 422
    assert desk.refer(data_items=[]).status_code == 422
    assert desk.refer(data_items=["passport_number"]).status_code == 422


def test_h6_a_referral_sent_twice_is_one_referral(desk: Desk) -> None:
    desk.says("given", "share_embassy")
    own_id = str(uuid4())
    assert desk.refer(id=own_id).json() == desk.refer(id=own_id).json()
    assert len(desk.look(desk.worker, "/referrals").json()["items"]) == 1
    assert len(desk.here.ask(desk.supervisor, "GET", "/v1/disclosures").json()["items"]) == 1


# H7: overrides ---------------------------------------------------------------------------------------------


def test_h7_an_override_needs_the_capability_and_a_reason(desk: Desk) -> None:
    for worker in (desk.worker, desk.lead):
        refused = desk.refer(override=True, reason=LONG_REASON, by=worker)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    short = desk.refer(override=True, reason="ប្រញាប់", by=desk.supervisor)
    assert (short.status_code, short.json()["code"]) == (422, "consent.reason_too_short")
    done = desk.refer(override=True, reason=LONG_REASON, by=desk.supervisor).json()
    assert (done["state"], done["legal_basis"]) == ("open", "vital_interest")


def test_h7_police_wait_for_a_second_person(desk: Desk) -> None:
    referral = desk.refer(kind="police", override=True, reason=LONG_REASON, by=desk.supervisor).json()
    assert referral["state"] == "needs_second"
    assert desk.register() == []
    tasks = desk.here.ask(desk.coordinator, "GET", "/v1/tasks").json()["items"]
    assert [(task["kind"], task["subject_id"]) for task in tasks] == [("confirm_referral", referral["id"])]
    path = f"/v1/referrals/{referral['id']}/confirm"
    assert desk.here.ask(desk.supervisor, "POST", path).json()["code"] == "referral.same_person"
    assert desk.here.ask(desk.worker, "POST", path).json()["code"] == "not_allowed"
    assert desk.here.ask(desk.guest, "POST", path).status_code == 404
    twice = [desk.here.ask(desk.coordinator, "POST", path).json() for _ in range(2)]
    assert [one["state"] for one in twice] == ["open"] * 2
    assert twice[0]["confirmed_by"] == str(desk.coordinator.id)
    (entry,) = desk.register()
    assert (entry["by"], entry["second"]) == (str(desk.supervisor.id), str(desk.coordinator.id))
    assert desk.here.ask(desk.coordinator, "GET", "/v1/tasks").json()["items"] == []
    third = desk.here.a_worker(Role.SUPERVISOR, TONLE)
    assert desk.here.ask(third, "POST", path).json()["code"] == "referral.not_waiting"


def test_h7_who_is_to_agree_is_told(desk: Desk) -> None:
    desk.refer(kind="police", override=True, reason=LONG_REASON, by=desk.supervisor)
    with desk.here.office.look() as uow:
        assert uow.outbox.alerted_since(desk.case_id, desk.coordinator.id, FIRST_DAY)


def test_h7_a_no_ends_what_waited_for_a_second_person(desk: Desk) -> None:
    referral = desk.refer(kind="police", override=True, reason=LONG_REASON, by=desk.supervisor).json()
    desk.says("refused")
    path = f"/v1/referrals/{referral['id']}/confirm"
    assert desk.here.ask(desk.coordinator, "POST", path).json()["code"] == "referral.not_waiting"
    assert desk.here.ask(desk.supervisor, "GET", "/v1/disclosures").json()["items"] == []


def test_h7_overrides_are_listed_by_month_and_in_the_audit_chain(desk: Desk, spean: CommandLine) -> None:
    desk.says("given", "share_authorities")
    desk.refer(kind="labour_authority")
    desk.refer(override=True, reason=LONG_REASON, legal_basis="legal_demand", by=desk.supervisor)
    (listed,) = desk.here.ask(desk.supervisor, "GET", "/v1/disclosures?overrides=true").json()["items"]
    assert (listed["kind"], listed["legal_basis"], listed["override"]) == ("embassy", "legal_demand", True)
    month = f"{desk.here.clock.now():%Y-%m}"
    told = spean.run("disclosures", "--json", "--overrides", "--month", month).json["disclosures"]
    assert [(one["id"], one["from"], one["reason"]) for one in told] == [(listed["id"], TONLE, LONG_REASON)]
    assert spean.run("disclosures", "--json", "--month", "2001-01").json == {"disclosures": []}
    assert spean.run("disclosures", "--month", "June").status == 2
    assert "2 in all" in spean.run("disclosures").out
    with desk.here.office.database.read() as connection:
        actions = list(connection.execute(entries.select()).mappings())
    assert [row["action"] for row in actions].count("case.disclosed") == 2


# H17: the register -----------------------------------------------------------------------------------------


def test_h17_each_handing_over_is_written_down_and_seen_by_its_own_supervisors(desk: Desk) -> None:
    desk.says("given", "share_embassy")
    desk.agrees_to_lotus()
    desk.refer(kind="embassy", data_items=["phone", "name", "name"], recipient="ការិយាល័យការងារ")
    desk.here.clock.forward(minutes=1)
    desk.refer_to_lotus("summary")
    page = desk.here.ask(desk.supervisor, "GET", "/v1/disclosures?limit=1").json()
    rest = desk.here.ask(
        desk.supervisor, "GET", f"/v1/disclosures?limit=1&cursor={page['next_cursor']}"
    ).json()
    newer, older = page["items"][0], rest["items"][0]
    assert rest["next_cursor"] is None
    assert (newer["kind"], newer["to_organisation"], newer["data_items"]) == (
        "organisation", desk.lotus, ["summary"],
    )  # fmt: skip
    assert (older["kind"], older["recipient"], older["data_items"], older["legal_basis"]) == (
        "embassy", "ការិយាល័យការងារ", ["name", "phone"], "consent",
    )  # fmt: skip
    assert (older["by"], older["override"]) == (str(desk.worker.id), False)
    assert desk.here.ask(desk.guest, "GET", "/v1/disclosures").json()["items"] == []
    assert len(desk.here.ask(desk.coordinator, "GET", "/v1/disclosures").json()["items"]) == 2
    assert desk.here.ask(desk.lead, "GET", "/v1/disclosures").status_code == 403
    later = older["at"].replace("+00:00", "Z")
    found = desk.here.ask(desk.supervisor, "GET", f"/v1/disclosures?until={later}").json()["items"]
    assert found == []


# H9: least data --------------------------------------------------------------------------------------------


def test_h9_two_fields_are_enough_and_none_is_for_identity_documents(desk: Desk) -> None:
    opened = desk.here.ask(
        desk.worker, "POST", "/v1/cases", {"phone": "+66812345699", "categories": ["unpaid_wages"]}
    )
    assert opened.status_code == 201
    schemas = desk.here.client.get("/openapi.json").json()["components"]["schemas"]
    fields = {name for schema in schemas.values() for name in schema.get("properties", {})}
    words = ("passport", "identity", "id_number", "id_card", "national_id", "photo", "image", "id_document")
    assert [name for name in fields if any(word in name for word in words)] == []
    sent = {"categories": ["unpaid_wages"], "members": [{"name": NAME, "passport_number": "N1234567"}]}
    shown = desk.here.ask(desk.worker, "POST", "/v1/cases", sent)
    assert shown.status_code == 201
    assert "N1234567" not in shown.text


def test_restricted_notes_are_for_their_author_supervisors_and_coordinators(desk: Desk) -> None:
    desk.do("notes", {"text": HIDDEN, "restricted": True})
    other = desk.here.a_worker(organisation=TONLE)
    with desk.here.office.work(desk.here.clock.now()) as uow:
        uow.cases.add_helpers([(desk.case_id, desk.coordinator.id, "coordinator")], desk.here.clock.now())
    readers = {
        name: HIDDEN in desk.look(worker, "/timeline").text
        for name, worker in (
            ("author", desk.worker), ("colleague", other), ("lead", desk.lead),
            ("supervisor", desk.supervisor), ("coordinator", desk.coordinator),
        )
    }  # fmt: skip
    assert readers == {
        "author": True, "colleague": False, "lead": False, "supervisor": True, "coordinator": True,
    }  # fmt: skip
    assert HIDDEN not in desk.here.ask(desk.supervisor, "GET", "/v1/exports/cases.csv").text
