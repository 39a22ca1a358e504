"""Reception: what becomes of a text."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select

from app.cases.rules.stages import Queue, Status
from app.cases.tables import case_phones
from app.identity.rules import Role
from app.intake.tables import contact_points, message_cases, messages
from app.kernel.urgency import Urgency
from app.usecases.answers import Answer
from tests.makers import KHMER_EXTENDED, KHMER_LOCKED_IN, KHMER_UNPAID, TONLE, Installation

JUNK = "ក្អែក ក្អែក"
SENDER = "+66812345678"


def rows(here: Installation, table: Any) -> list[Any]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(table)))


def received(here: Installation, case_id: UUID) -> list[str | None]:
    """For each text of a case in order, which one it repeats."""
    return [details["duplicate_of"] for kind, details in here.timeline(case_id) if kind == "message.received"]


def words_of(answer: Answer) -> list[str]:
    return [reply.body for reply in answer.replies]


def test_a_khmer_text_opens_a_case_that_finds_a_caseworker_and_a_clock(here: Installation) -> None:
    worker = here.a_worker()
    answer = here.a_text(KHMER_LOCKED_IN)
    case = answer.case
    assert case is not None
    assert "detention" in case.categories
    assert case.urgency is Urgency.U1
    assert (case.status, case.owner_id, case.destination_country) == (Status.ASSIGNED, worker.id, "TH")
    assert answer.next_timer is not None
    assert (answer.next_timer.plan.due_at - case.opened_at).total_seconds() == 15 * 60
    assert [reply.to for reply in answer.replies] == [SENDER]
    assert case.code in answer.replies[0].body


def test_what_the_words_say_decides_the_category(here: Installation) -> None:
    here.a_worker()
    unpaid = here.a_text(KHMER_UNPAID, sender="+66810000001").case
    extended = here.a_text(KHMER_EXTENDED, sender="+66810000002").case
    assert unpaid is not None
    assert extended is not None
    assert "unpaid_wages" in unpaid.categories
    assert "forced_extension" in extended.categories


@pytest.mark.parametrize(
    "body",
    [JUNK, "", "   ", "\u200b\u200d\u200f\u2066", "\x00", "\x00\x00 \x00", "😀😀", "🇰🇭", "\ud83d", "?", "ok",
     "I am driving", 'eFVIkarRBeRkx"M', "ខ" * 1600, "9", "x" * 20_000],
)  # fmt: skip
def test_every_text_from_a_person_opens_a_case_with_a_clock_and_exactly_one_reply(
    here: Installation, body: str
) -> None:
    """S6; telephony cases 9 to 13."""
    worker = here.a_worker()
    answer = here.a_text(body)
    assert answer.case is not None
    assert answer.case.owner_id == worker.id
    assert answer.next_timer is not None
    assert len(answer.replies) == 1
    shown = here.ask(worker, "GET", f"/v1/cases/{answer.case.id}/timeline")
    assert shown.status_code == 200
    here.clock.forward(hours=1)
    again = here.a_text(body)
    assert (again.replies, again.case and again.case.id) == ((), answer.case.id)


def test_nobody_eligible_means_the_coordinators_queue_and_at_least_the_pace_of_u2(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR, phone="+85510000777")
    answer = here.a_text(KHMER_UNPAID)
    assert answer.case is not None
    assert (answer.case.owner_id, answer.case.queue) == (None, Queue.COORDINATOR)
    assert answer.next_timer is not None
    assert (answer.next_timer.plan.due_at - answer.case.opened_at).total_seconds() <= 3600
    response = here.ask(coordinator, "GET", f"/v1/cases/{answer.case.id}")
    assert response.status_code == 200


def test_a_second_text_goes_into_the_open_case_and_is_not_acknowledged_again(here: Installation) -> None:
    here.a_worker()
    first = here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=20)
    second = here.a_text(KHMER_LOCKED_IN)
    assert first.case is not None
    assert second.case is not None
    assert second.case.id == first.case.id
    assert len(second.replies) == 1
    assert first.case.code not in second.replies[0].body
    assert second.case.urgency is Urgency.U1
    assert set(second.case.categories) >= {"unpaid_wages", "detention"}


def test_the_owner_is_told_of_later_texts_but_not_of_each(here: Installation) -> None:
    worker = here.a_worker(phone="+85510000555")
    case_id = here.a_case(KHMER_UNPAID)
    here.clock.forward(minutes=20)
    for n in range(3):
        assert here.a_text(f"{KHMER_UNPAID} {n}").case is not None
    timeline = here.ask(worker, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
    told = [item["text"] for item in timeline if item.get("to") == "worker"]
    assert len(told) == 2
    assert all(KHMER_UNPAID not in words for words in told)


def test_a_later_text_fills_in_where_and_how_many(here: Installation) -> None:
    here.a_worker()
    first = here.a_text("ជួយផង", sender="+85512345678").case
    assert first is not None
    assert (first.destination_country, first.member_count) == (None, 1)
    second = here.a_text("ពួកយើង ១២ នាក់ នៅម៉ាឡេស៊ី", sender="+85512345678").case
    assert second is not None
    assert (second.id, second.destination_country, second.member_count) == (first.id, "MY", 12)
    assert "details.changed" in here.kinds(first.id)
    third = here.a_text("ពួកយើង ៣ នាក់ នៅថៃ", sender="+85512345678").case
    assert third is not None
    assert (third.destination_country, third.member_count) == ("MY", 12)


def test_the_same_text_from_the_carrier_again_is_linked_and_does_nothing(here: Installation) -> None:
    """Telephony case 2."""
    here.a_worker()
    first = here.a_text(JUNK)
    assert first.case is not None
    here.clock.forward(minutes=9)
    again = here.a_text(JUNK)
    assert again.replies == ()
    assert again.case is not None
    assert again.case.id == first.case.id
    assert received(here, first.case.id) == [None, str(first.message_id)]
    here.clock.forward(minutes=2)
    here.a_text(JUNK)
    assert received(here, first.case.id)[2:] == [None]


def test_a_repeat_opens_nothing_although_the_case_was_closed_meanwhile(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_UNPAID)
    closing = {"outcome": "information_only", "client_informed": "yes"}
    assert here.ask(worker, "POST", f"/v1/cases/{case_id}/close", closing).status_code == 200
    here.clock.forward(minutes=5)
    repeat = here.a_text(KHMER_UNPAID)
    assert repeat.case is not None
    assert (repeat.case.id, repeat.case.is_open, repeat.replies) == (case_id, False, ())
    other = here.a_text(KHMER_LOCKED_IN)
    assert other.case is not None
    assert other.case.id != case_id


def test_the_same_words_from_two_phones_are_two_cases(here: Installation) -> None:
    here.a_worker()
    assert here.a_case(JUNK, sender="+66810000001") != here.a_case(JUNK, sender="+66810000002")


def test_two_gateways_that_hear_one_text_make_one_case(here: Installation) -> None:
    here.a_worker()
    for gateway in ("demo-th", "demo-kh"):
        auth = (gateway, here.application.gateway_secrets[gateway])
        item = {"id": f"of {gateway}", "from": SENDER, "content": JUNK}
        here.client.post(f"/gateways/cht/{gateway}", json={"messages": [item]}, auth=auth)
        here.receive()
    supervisor = here.a_worker(Role.SUPERVISOR)
    (case,) = here.ask(supervisor, "GET", "/v1/cases").json()["items"]
    assert here.kinds(UUID(case["id"])).count("message.received") == 2


def test_parts_that_come_apart_are_one_case_with_one_answer(here: Installation) -> None:
    """Telephony case 14."""
    here.a_worker()
    answers = [here.a_text(part) for part in ("លោកអើយ ខ្ញុំចង់", "និយាយរឿងមួយ", "រឿងប្រាក់ ២")]
    assert len({answer.case.id for answer in answers if answer.case}) == 1
    assert [len(answer.replies) for answer in answers] == [1, 0, 0]
    told = here.a_text(KHMER_UNPAID)
    assert told.case is not None
    assert "unpaid_wages" in told.case.categories
    assert told.replies == ()
    here.clock.forward(minutes=3)
    assert len(here.a_text(f"{KHMER_UNPAID} ទៀត").replies) == 1


@pytest.mark.parametrize(
    "sender",
    ["", "anonymous", "Anonymous", "unavailable", "+266696687", "+7378742833", "+2562533", "+8656696",
     "+86282452253", "0000000000000000"],
)  # fmt: skip
def test_whoever_hides_their_number_gets_a_case_each_time_and_no_answer(
    here: Installation, sender: str
) -> None:
    """Telephony case 15."""
    here.a_worker()
    answers = [here.a_text(KHMER_LOCKED_IN, sender=sender) for _ in range(2)]
    assert len({answer.case.id for answer in answers if answer.case}) == 2
    assert [answer.replies for answer in answers] == [(), ()]
    assert rows(here, contact_points) == []


@pytest.mark.parametrize("sender", ["AIS", "TrueMove-H", "119", "4545", "123456", "៤៥៤៥", "info@x.example"])
def test_operators_are_kept_and_never_answered(here: Installation, sender: str) -> None:
    """Telephony case 16."""
    watcher = here.a_worker(Role.COORDINATOR)
    here.a_worker()
    answer = here.a_text(KHMER_LOCKED_IN, sender=sender)
    assert (answer.case, answer.replies) == (None, ())
    (kept,) = here.ask(watcher, "GET", "/v1/intake").json()["items"]
    assert (kept["state"], kept["case_id"], kept["from"]) == ("taken", None, None)
    assert kept["sender_kind"] in {"short_code", "alphanumeric"}


@pytest.mark.parametrize("sender", ["+66800000101", "0800000101", "+12025550123"])
def test_our_own_numbers_are_kept_and_never_answered(
    install: Callable[..., Installation], sender: str
) -> None:
    """Telephony case 19."""
    here = install(twilio_sms_numbers="+12025550123")
    watcher = here.a_worker(Role.COORDINATOR)
    auth = ("demo-th", here.application.gateway_secrets["demo-th"])
    items = [{"id": "a", "from": sender, "content": KHMER_LOCKED_IN}]
    here.client.post("/gateways/cht/demo-th", json={"messages": items}, auth=auth)
    here.receive()
    (kept,) = here.ask(watcher, "GET", "/v1/intake").json()["items"]
    assert (kept["sender_kind"], kept["case_id"]) == ("own_number", None)
    assert here.client.post("/gateways/cht/demo-th", json={}, auth=auth).json() == {"messages": []}


def test_an_expensive_number_gets_a_case_and_no_text(here: Installation) -> None:
    """Telephony case 17."""
    here.a_worker()
    dear = here.a_text(KHMER_LOCKED_IN, sender="+81990123456")
    assert dear.case is not None
    held = [d for kind, d in here.timeline(dear.case.id) if kind == "message.held"]
    assert [item["error_code"] for item in held] == ["premium_number"]


def test_two_people_who_share_a_phone_can_have_a_case_each(here: Installation) -> None:
    """Telephony case 23: a text goes where something happened last, and never shows the other case."""
    worker = here.a_worker()
    first = here.a_case(KHMER_UNPAID)
    here.clock.forward(minutes=30)
    second = {"categories": ["detention"], "phone": SENDER, "members": [{"name": "ស្រី"}]}
    other = UUID(here.ask(worker, "POST", "/v1/cases", second).json()["id"])
    assert other != first
    here.clock.forward(minutes=30)
    assert here.a_text("ជួយផង").case.id == other  # type: ignore[union-attr]  # there is a case
    here.clock.forward(minutes=30)
    here.ask(worker, "POST", f"/v1/cases/{first}/accept", {})
    answer = here.a_text("នៅទីនេះ")
    assert answer.case is not None
    assert answer.case.id == first


def test_message_phone_and_case_are_links_that_can_be_moved(here: Installation) -> None:
    worker = here.a_worker()
    first = here.a_text(KHMER_UNPAID)
    second = {"categories": ["detention"], "phone": SENDER}
    other = UUID(here.ask(worker, "POST", "/v1/cases", second).json()["id"])
    assert first.case is not None
    (message,) = rows(here, messages)
    (point,) = rows(here, contact_points)
    assert message.contact_point_id == point.id
    assert {(r.case_id, r.contact_point_id) for r in rows(here, case_phones)} == {
        (first.case.id, point.id), (other, point.id),
    }  # fmt: skip
    now = here.clock.now()
    with here.office.database.write() as connection:
        connection.execute(delete(message_cases).where(message_cases.c.message_id == message.id))
        moved = {"message_id": message.id, "case_id": other, "linked_at": now}
        connection.execute(insert(message_cases).values(moved))
    with here.office.look() as uow:
        assert uow.intake.cases_of([message.id]) == {message.id: other}


def test_the_phones_own_time_is_shown_and_the_clock_starts_when_the_text_came(here: Installation) -> None:
    """Telephony case 30: a gateway that was away for days brings everything at once, in order."""
    here.a_worker(phone="+85510000555")
    auth = ("demo-th", here.application.gateway_secrets["demo-th"])
    now = here.clock.now()
    days_ago, ahead = now - timedelta(days=5), now + timedelta(days=3)
    for n in range(0, 40, 10):
        items = [
            {"id": f"{n + i}", "from": SENDER, "content": f"{KHMER_UNPAID} {n + i}",
             "sms_sent": int((ahead if n + i == 39 else days_ago).timestamp() * 1000)}
            for i in range(10)
        ]  # fmt: skip
        here.client.post("/gateways/cht/demo-th", json={"messages": items}, auth=auth)
    here.receive()
    supervisor = here.a_worker(Role.SUPERVISOR)
    (case,) = here.ask(supervisor, "GET", "/v1/cases").json()["items"]
    timeline = here.ask(supervisor, "GET", f"/v1/cases/{case['id']}/timeline").json()["items"]
    came = [item for item in timeline if item["kind"] == "message.received"]
    assert [item["carrier_id"] for item in came] == [str(n) for n in range(40)]
    assert came[0]["claimed_at"].startswith(days_ago.strftime("%Y-%m-%d"))
    assert came[39]["claimed_at"].startswith(now.strftime("%Y-%m-%dT%H:%M"))
    assert case["opened_at"].startswith(now.strftime("%Y-%m-%dT%H:%M"))
    offered = here.client.post("/gateways/cht/demo-th", json={}, auth=auth).json()["messages"]
    assert len([text for text in offered if text["to"] == SENDER]) == 1


def test_a_case_of_an_organisation_is_seen_by_its_own_workers_only(here: Installation) -> None:
    ours = here.a_worker(organisation=TONLE)
    theirs = here.a_worker(Role.SUPERVISOR, organisation="lotus-legal")
    case_id = here.a_case(KHMER_LOCKED_IN)
    assert here.ask(ours, "GET", f"/v1/cases/{case_id}").status_code == 200
    assert here.ask(theirs, "GET", f"/v1/cases/{case_id}").status_code == 404
    assert here.ask(theirs, "GET", "/v1/cases?total=true").json()["total"] == 0
