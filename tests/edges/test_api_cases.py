"""Cases through the door: lists and their cursors, opening, looking, editing, members."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity.rules import Role, Worker
from tests.makers import (
    KHMER_EXTENDED,
    KHMER_LOCKED_IN,
    KHMER_UNPAID,
    LOTUS,
    Installation,
)

FIELDS = {
    "id", "code", "status", "urgency", "categories", "urgency_reasons", "language", "origin_channel",
    "destination_country", "organisation_id", "owner_id", "opened_at", "accepted_at", "first_contact_at",
    "closed_at", "outcome", "next_timer", "version", "members", "reporter",
}  # fmt: skip


def _opened(here: Installation, worker: Worker, **fields: object) -> dict[str, Any]:
    answer = here.ask(worker, "POST", "/v1/cases", {"categories": ["unpaid_wages"], **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _ids(here: Installation, worker: Worker, query: str = "") -> list[str]:
    answer = here.ask(worker, "GET", f"/v1/cases{query}")
    assert answer.status_code == 200, answer.text
    return [case["id"] for case in answer.json()["items"]]


def test_a_case_has_every_field_of_the_contract_with_times_in_z_and_ids_that_are_uuids(
    here: Installation,
) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    answer = here.ask(worker, "GET", f"/v1/cases/{case_id}")
    case = answer.json()
    assert set(case) >= FIELDS
    assert (case["id"], case["owner_id"]) == (str(case_id), str(worker.id))
    assert case["opened_at"] == "2026-06-08T03:00:00Z"
    assert case["next_timer"]["due_at"].endswith("Z")
    assert case["next_timer"]["kind"] == "accept"
    assert {reason["category"] for reason in case["urgency_reasons"]} >= {"detention"}
    assert answer.headers["etag"] == f'"{case["version"]}"'


def test_a_list_hides_the_words_names_and_phones_that_one_case_shows(here: Installation) -> None:
    worker = here.a_worker()
    opened = _opened(
        here, worker, summary="ថៅកែវាយគាត់", reporter={"name": "ម្ដាយ", "phone": "+85512345678"},
        members=[{"name": "សុខា", "phone": "+66811112222", "sex": "female"}],
    )  # fmt: skip
    listed = here.ask(worker, "GET", "/v1/cases").text
    seen = here.ask(worker, "GET", f"/v1/cases/{opened['id']}").text
    for word in ("ថៅកែវាយគាត់", "ម្ដាយ", "+85512345678", "សុខា", "+66811112222"):
        assert word not in listed
        assert word in seen


def test_each_filter_keeps_what_it_names(here: Installation) -> None:
    me, other = here.a_worker(), here.a_worker()
    lead = here.a_worker(Role.SUPERVISOR)
    unpaid = _opened(here, me)["id"]
    here.clock.forward(minutes=1)
    detained = _opened(here, other, categories=["detention"])["id"]
    here.clock.forward(minutes=1)
    queued = _opened(here, lead, categories=["information_request"])
    here.ask(lead, "POST", f"/v1/cases/{queued['id']}/assign", {
        "organisation_id": queued["organisation_id"], "reason": "who is free takes it",
    })  # fmt: skip
    here.ask(me, "POST", f"/v1/cases/{unpaid}/accept")
    all_of_them = [queued["id"], detained, unpaid]
    assert _ids(here, me) == all_of_them
    assert _ids(here, me, "?status=accepted") == [unpaid]
    assert _ids(here, me, "?status=accepted&status=assigned") == [detained, unpaid]
    assert _ids(here, me, "?urgency=U1") == [detained]
    assert _ids(here, me, "?category=unpaid_wages&category=detention") == [detained, unpaid]
    assert _ids(here, me, "?owner=me") == [unpaid]
    assert _ids(here, me, f"?owner={other.id}") == [detained]
    assert _ids(here, me, "?owner=none") == [queued["id"]]
    assert _ids(here, me, f"?owner={uuid4()}") == []
    assert _ids(here, me, f"?updated_since={queued['opened_at']}") == [queued["id"], unpaid]
    assert _ids(here, me, f"?code={queued['code']}") == [queued["id"]]
    assert _ids(here, me, f"?code={queued['code'].replace('-', '')}") == [queued["id"]]
    assert _ids(here, me, "?code=1234-5670") == []
    assert here.ask(me, "GET", "/v1/cases?total=true&urgency=U1").json()["total"] == 1
    assert here.ask(me, "GET", "/v1/cases").json()["total"] is None


def test_an_overdue_case_is_found_and_after_it_was_accepted_it_is_overdue_no_more(
    here: Installation,
) -> None:
    worker = here.a_worker()
    here.a_worker(Role.DUTY_LEAD)
    case_id = str(here.a_case(KHMER_LOCKED_IN))
    assert _ids(here, worker, "?overdue=true") == []
    here.clock.forward(minutes=16)
    here.fire()
    assert _ids(here, worker, "?overdue=true") == [case_id]
    assert _ids(here, worker, "?overdue=false") == []
    here.ask(worker, "POST", f"/v1/cases/{case_id}/accept")
    assert _ids(here, worker, "?overdue=true") == []


def test_pages_stay_whole_while_cases_are_inserted_and_many_were_opened_at_one_moment(
    here: Installation,
) -> None:
    worker = here.a_worker()
    before = [_opened(here, worker)["id"] for _ in range(7)]
    page = here.ask(worker, "GET", "/v1/cases?limit=3").json()
    seen = [case["id"] for case in page["items"]]
    late = []
    while page["next_cursor"]:
        here.clock.forward(seconds=1)
        late.append(_opened(here, worker)["id"])
        page = here.ask(worker, "GET", f"/v1/cases?limit=3&cursor={page['next_cursor']}").json()
        seen += [case["id"] for case in page["items"]]
    assert sorted(seen) == sorted(before)
    assert not set(seen) & set(late)
    assert len(page["items"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "cursor=nonsense", "cursor=W10", "cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIngiXQ",
        "cursor=%E1%9E%80", "limit=0", "limit=201", "limit=many", "status=lost", "urgency=U9", "owner=you",
        "updated_since=yesterday", "updated_since=2026-06-08T03:00:00",
        "updated_since=0001-01-01T00:00:00%2B14:00", "category=UPPER", "category=a%00b",
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_is_refused(here: Installation, query: str) -> None:
    answer = here.ask(here.a_worker(), "GET", f"/v1/cases?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_same_id_and_body_again_is_the_same_case_and_another_body_is_refused(here: Installation) -> None:
    worker = here.a_worker()
    body = {"id": str(uuid4()), "categories": ["unpaid_wages"], "summary": "៣ខែ", "phone": "+66812345678"}
    first = here.ask(worker, "POST", "/v1/cases", body)
    again = here.ask(worker, "POST", "/v1/cases", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == f"/v1/cases/{body['id']}"
    other = here.ask(worker, "POST", "/v1/cases", {**body, "summary": "៤ខែ"})
    assert (other.status_code, other.json()["code"]) == (409, "id_conflict")
    colleague = here.ask(here.a_worker(), "POST", "/v1/cases", body)
    assert colleague.status_code == 409
    assert _ids(here, worker) == [body["id"]]


def test_the_id_of_a_case_that_a_text_opened_cannot_be_used_again(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    answer = here.ask(worker, "POST", "/v1/cases", {"id": str(case_id), "categories": ["detention"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "id_conflict")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "body"),
        ({"categories": []}, "body"),
        ({"summary": " "}, None),
        ({"summary": "a\x00b"}, "body.summary"),
        ({"categories": ["Detention!"]}, "body.categories.0"),
        ({"categories": ["detention"], "phone": "not a phone"}, "body.phone"),
        ({"categories": ["detention"], "destination_country": "Thailand"}, "body.destination_country"),
        ({"categories": ["detention"], "members": [{"sex": "?"}]}, "body.members.0.sex"),
        ({"categories": ["detention"], "id": "17"}, "body.id"),
    ],
)
def test_a_case_that_says_nothing_or_nonsense_is_refused_with_the_field(
    here: Installation, body: dict[str, Any], fault: str | None
) -> None:
    answer = here.ask(here.a_worker(), "POST", "/v1/cases", body)
    assert answer.status_code == (422 if fault else 201)
    if fault:
        assert [error["field"] for error in answer.json()["errors"]] == [fault]


def test_an_unknown_category_is_refused_and_its_name_not_repeated(here: Installation) -> None:
    answer = here.ask(here.a_worker(), "POST", "/v1/cases", {"categories": ["sokha_was_beaten"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "case.category_unknown")
    assert "sokha" not in answer.text


def test_a_summary_alone_opens_a_case_at_the_pace_of_u2(here: Installation) -> None:
    answer = here.ask(here.a_worker(), "POST", "/v1/cases", {"summary": "គាត់យំ"})
    assert (answer.json()["categories"], answer.json()["urgency"]) == (["unclassified"], "U2")


def test_the_phone_tells_the_country_where_nobody_wrote_it_down(here: Installation) -> None:
    worker = here.a_worker()
    assert _opened(here, worker, phone="+821012345678")["destination_country"] == "KR"
    assert _opened(here, worker, phone="012345678")["destination_country"] is None
    assert (
        _opened(here, worker, phone="+821012345678", destination_country="MY")["destination_country"] == "MY"
    )


def test_a_mother_reports_thirty_six_workers_of_whom_she_is_none(here: Installation) -> None:
    worker = here.a_worker()
    opened = _opened(
        here, worker, reporter={"name": "ម្ដាយ", "language": "km"},
        members=[{"name": f"កម្មករ {n}"} for n in range(36)],
    )  # fmt: skip
    assert (opened["member_count"], len(opened["members"])) == (36, 36)
    assert [m["person"]["name"] for m in opened["members"]] == [f"កម្មករ {n}" for n in range(36)]
    assert opened["reporter"]["name"] == "ម្ដាយ"
    assert opened["reporter"]["id"] not in {m["person"]["id"] for m in opened["members"]}
    assert opened["urgency"] == "U3"


def test_members_are_added_once_and_a_count_of_people_is_never_lowered(here: Installation) -> None:
    worker = here.a_worker()
    case_id = _opened(here, worker)["id"]
    people = {"members": [{"id": str(uuid4()), "name": f"កម្មករ {n}"} for n in range(36)]}
    path = f"/v1/cases/{case_id}/members"
    first = here.ask(worker, "POST", path, people)
    again = here.ask(worker, "POST", path, people)
    twice = here.ask(worker, "POST", path, {"members": [{"id": str(uuid4()), "name": "ម្នាក់"}] * 2})
    assert [answer.json()["member_count"] for answer in (first, again, twice)] == [36, 36, 37]
    assert first.json()["version"] == again.json()["version"]
    assert here.ask(worker, "POST", path, {"members": []}).status_code == 422


def test_nobody_learns_of_a_person_by_naming_their_id(here: Installation) -> None:
    ours, theirs = here.a_worker(), here.a_worker(organisation=LOTUS)
    person = {"id": str(uuid4()), "name": "សុខា", "phone": "+66811112222"}
    _opened(here, ours, members=[person], reporter={"id": str(uuid4()), "name": "ម្ដាយ"})
    taken = {"categories": ["detention"], "members": [{"id": person["id"]}]}
    answers = [
        here.ask(theirs, "POST", "/v1/cases", taken),
        here.ask(theirs, "POST", "/v1/cases", {"summary": "ក", "reporter": {"id": person["id"]}}),
        here.ask(
            theirs, "POST", f"/v1/cases/{_opened(here, theirs)['id']}/members",
            {"members": [{"id": person["id"]}]},
        ),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert all("សុខា" not in answer.text for answer in answers)
    again = here.ask(ours, "POST", "/v1/cases", taken)
    assert again.json()["members"][0]["person"]["name"] == "សុខា"


def test_a_patch_changes_what_it_names_and_null_empties(here: Installation) -> None:
    worker = here.a_worker()
    case = _opened(here, worker, destination_country="TH", summary="៣ខែ")
    path = f"/v1/cases/{case['id']}"
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": f'"{case["version"]}"'}
    changed = here.ask(worker, "PATCH", path, {"destination_country": None, "language": "th"}, headers)
    assert changed.status_code == 200
    body = changed.json()
    assert (body["destination_country"], body["language"], body["summary"]) == (None, "th", "៣ខែ")
    assert body["version"] > case["version"]
    assert changed.headers["etag"] == f'"{body["version"]}"'
    cleared = here.ask(worker, "PATCH", path, {"categories": None, "summary": None}).json()
    assert (cleared["categories"], cleared["summary"]) == (["unclassified"], None)
    for never in ({"urgency": None}, {"language": None}):
        assert here.ask(worker, "PATCH", path, never).status_code == 422


def test_a_patch_of_what_somebody_else_changed_meanwhile_is_refused(here: Installation) -> None:
    worker = here.a_worker()
    path = f"/v1/cases/{here.a_case()}"
    etag = here.ask(worker, "GET", path).headers["etag"]
    assert here.ask(worker, "PATCH", path, {"summary": "ក"}, {"If-Match": etag}).status_code == 200
    stale = here.ask(worker, "PATCH", path, {"summary": "ខ"}, {"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert here.ask(worker, "PATCH", path, {"summary": "ខ"}, {"If-Match": '"abc"'}).status_code == 412
    assert here.ask(worker, "GET", path).json()["summary"] == "ក"
    assert here.ask(worker, "PATCH", path, {"summary": "ខ"}, {"If-Match": "*"}).status_code == 200
    assert here.ask(worker, "PATCH", path, {"summary": "គ"}).status_code == 200


def test_a_patch_that_changes_nothing_is_no_new_version(here: Installation) -> None:
    worker = here.a_worker()
    case = _opened(here, worker, summary="៣ខែ")
    again = here.ask(worker, "PATCH", f"/v1/cases/{case['id']}", {"summary": "៣ខែ", "unknown": 1})
    assert (again.status_code, again.json()["version"]) == (200, case["version"])


def test_raising_urgency_brings_the_clocks_forward_and_lowering_needs_a_supervisor_with_a_reason(
    here: Installation,
) -> None:
    worker, supervisor = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case(KHMER_UNPAID)
    path = f"/v1/cases/{case_id}"
    before = here.ask(worker, "GET", path).json()
    raised = here.ask(worker, "PATCH", path, {"urgency": "U1", "reason": "គេវាយគាត់"}).json()
    assert (before["urgency"], raised["urgency"]) == ("U3", "U1")
    assert raised["next_timer"]["due_at"] < before["next_timer"]["due_at"]
    down = {"urgency": "U3", "reason": "គាត់បានចេញហើយ"}
    refused = here.ask(worker, "PATCH", path, down)
    assert (refused.status_code, refused.json()["code"]) == (403, "urgency.lowering_needs_supervisor")
    assert here.ask(supervisor, "PATCH", path, {"urgency": "U3"}).status_code == 403
    assert here.ask(supervisor, "PATCH", path, down).json()["urgency"] == "U3"
    changes = [
        (item["before"], item["after"], item["reason"], item["actor"])
        for item in here.ask(worker, "GET", f"{path}/timeline").json()["items"]
        if item["kind"] == "urgency.changed"
    ]
    assert changes == [
        ("U3", "U1", "គេវាយគាត់", str(worker.id)),
        ("U1", "U3", "គាត់បានចេញហើយ", str(supervisor.id)),
    ]


def test_a_category_that_is_worse_raises_urgency_by_itself(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_EXTENDED)
    body = here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"categories": ["detention"]}).json()
    assert (body["categories"], body["urgency"]) == (["detention"], "U1")


def test_timers_are_all_shown_with_their_states(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    here.ask(worker, "POST", f"/v1/cases/{case_id}/accept")
    timers = here.ask(worker, "GET", f"/v1/cases/{case_id}/timers").json()["items"]
    assert {(t["kind"], t["state"]) for t in timers} == {
        ("accept", "disarmed"), ("first_contact", "armed"), ("review", "armed"),
    }  # fmt: skip
    assert all(
        set(t) >= {"id", "kind", "rung", "due_at", "state"} and t["due_at"].endswith("Z") for t in timers
    )
