"""Safe contact from outside: what is known of a phone decides who may use it (H1), in neutral words (H2)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.i18n.wording import check
from tests.fakes import FakeCarrier
from tests.makers import KHMER_UNPAID, LOTUS, Installation
from tests.safe_desk import NEUTRAL, SENDER, WORD, Desk
from tests.talking import talk

NIGHT = {"begins": "22:00", "ends": "06:00", "days": []}
TELLING = "អង្គការបានទទួលករណីរបស់អ្នក"
CLOSING = {"outcome": "wages_recovered", "client_informed": "yes"}


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


# H1: every phone has its rules ---------------------------------------------------------------------------


def test_h1_a_phone_starts_with_nothing_known(desk: Desk) -> None:
    (phone,) = desk.phones()
    assert phone["phone"] == SENDER
    assert phone["safety"] == {
        "may_text": "not_known", "may_call": "not_known", "may_leave_voicemail": "not_known", "hours": [],
        "zone": "Asia/Bangkok", "shared": "not_known", "held_by_employer": "not_known", "code_word": None,
        "language": None, "after_dropped_call": "not_known", "valid_until": None, "opted_out_at": None,
        "said_by": None, "worker_id": None, "said_at": None, "also_within": [], "version": 0,
    }  # fmt: skip
    assert phone["text_refused_because"] == "not_known_safe"
    assert phone["call_refused_because"] is None


def test_h1_a_text_to_a_phone_not_known_to_be_safe_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    before = desk.queued()
    for safety, because in (
        ({}, "not_known_safe"), ({"may_text": "no"}, "may_not_text"),
        ({"may_text": "yes", "held_by_employer": "yes"}, "held_by_employer"),
    ):  # fmt: skip
        assert desk.put(**safety).status_code == 200
        refused = desk.write()
        assert (refused.status_code, refused.json()["code"]) == (409, "unsafe_contact")
        assert refused.json()["because"] == because
    assert desk.queued() == before
    assert desk.gone() == []


def test_h1_a_text_to_a_safe_phone_goes_once_however_often_it_is_asked_for(desk: Desk) -> None:
    desk.put(may_text="yes")
    own_id = str(uuid4())
    first, again = desk.write(id=own_id), desk.write(id=own_id)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["state"] == "queued"
    assert desk.write("ផ្សេង", id=own_id).json()["code"] == "id_conflict"
    assert desk.gone() == [NEUTRAL]


def test_h1_a_text_outside_the_safe_hours_goes_in_the_next_ones(desk: Desk) -> None:
    desk.put(may_text="yes", hours=[NIGHT])
    written = desk.write().json()
    assert written["waits_for"] == "outside_hours"
    with desk.here.office.look() as uow:
        assert uow.outbox.in_trouble(desk.here.clock.forward(minutes=0) + timedelta(hours=1)) == {}
    assert written["due_at"].startswith("2026-06-08T15:00:00")  # ten at night in Bangkok
    assert desk.gone() == []
    desk.here.clock.forward(hours=10, minutes=59)
    assert desk.gone() == []
    desk.here.clock.forward(minutes=1)
    assert desk.gone() == [NEUTRAL]
    assert desk.carrier.sent[-1].valid_for == timedelta(hours=8)  # a phone that is off must not ring by day


def test_h1_a_text_whose_words_end_before_the_safe_hours_is_let_go_and_a_human_told(desk: Desk) -> None:
    desk.put(may_text="yes", hours=[NIGHT])
    end = (desk.here.clock.now() + timedelta(hours=2)).isoformat()
    assert desk.write(good_until=end).status_code == 201
    desk.here.clock.forward(hours=12)
    desk.here.expire()
    assert desk.gone() == []
    assert "failed_message" in desk.tasks()


def test_h1_what_is_learnt_after_a_text_was_queued_still_stops_it(desk: Desk) -> None:
    desk.put(may_text="yes")
    assert desk.write().status_code == 201
    desk.put(may_text="yes", held_by_employer="yes")
    assert desk.gone() == []
    assert "failed_message" in desk.tasks()


def test_h1_who_wrote_a_moment_ago_may_be_answered(desk: Desk) -> None:
    desk.here.a_text("សួស្ដី")
    desk.here.clock.forward(minutes=5)
    assert desk.write().status_code == 201


def test_h1_a_text_at_night_is_answered_at_once_and_a_late_answer_waits_for_the_morning(
    here: Installation,
) -> None:
    here.a_worker()
    carrier = FakeCarrier("console")
    here.clock.forward(hours=17)  # three in the morning
    here.a_text()
    here.send(carrier)
    assert len([one for one in carrier.sent if one.to.e164 == SENDER]) == 1
    here.post_text("ជួយផង", sender="+66899999999")
    here.receive()
    here.clock.forward(minutes=11)
    here.send(carrier)
    late = [one for one in carrier.sent if one.to.e164 == "+66899999999"]
    assert late == []
    here.clock.forward(hours=4)
    here.send(carrier)
    assert [one.to.e164 for one in carrier.sent[-1:]] == ["+66899999999"]


def test_h1_what_was_written_down_is_kept_whole_and_told_by_the_names_of_its_fields(desk: Desk) -> None:
    told = {
        "may_text": "yes", "may_call": "no", "may_leave_voicemail": "no",
        "hours": [NIGHT, {"begins": "12:00", "ends": "13:00", "days": ["sun"]}], "zone": "Asia/Seoul",
        "shared": "yes", "held_by_employer": "no", "code_word": WORD, "language": "en",
        "after_dropped_call": "wait", "valid_until": "2026-12-01T00:00:00Z",
    }  # fmt: skip
    assert desk.put(**told).status_code == 200
    assert desk.put(**told).status_code == 200  # the same again changes nothing
    (phone,) = desk.phones()
    assert {name: phone["safety"][name] for name in told} == told
    assert phone["safety"]["said_by"] == "caseworker"
    assert phone["safety"]["worker_id"] == str(desk.worker.id)
    (changed,) = [details for kind, details in desk.here.timeline(desk.case_id) if kind == "safety.changed"]
    assert changed == {"phone_id": desk.phone_id, "fields": sorted(told), "said_by": "caseworker"}
    desk.put()
    assert desk.phones()[0]["safety"]["code_word"] is None


@pytest.mark.parametrize(
    ("safety", "code"),
    [
        ({"zone": "Asia/Atlantis"}, "safety.zone_unknown"),
        ({"code_word": "yes"}, "safety.code_word_weak"),
        ({"code_word": "12345"}, "safety.code_word_weak"),
        ({"code_word": "បាទ"}, "safety.code_word_weak"),
        ({"valid_until": "2026-06-01T00:00:00Z"}, "safety.already_over"),
        ({"may_text": "maybe"}, "validation"),
        ({"hours": [{"begins": "25:00", "ends": "06:00"}]}, "validation"),
    ],
)
@pytest.mark.parametrize("language", ["km", "en"])
def test_h1_what_makes_no_sense_is_refused_in_both_languages(
    desk: Desk, safety: dict[str, Any], code: str, language: str
) -> None:
    path = f"{desk.path}/{desk.phone_id}/safety"
    refused = desk.here.ask(desk.worker, "PUT", path, safety, {"Accept-Language": language})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.headers["Content-Language"] == language


def test_h1_a_phone_of_another_case_is_as_if_it_were_not_there(desk: Desk) -> None:
    other = desk.here.a_case(sender="+66899999999")
    for path in (f"{desk.path}/{uuid4()}/safety", f"/v1/cases/{other}/phones/{desk.phone_id}/safety"):
        assert desk.here.ask(desk.worker, "PUT", path, {}).status_code == 404
    stranger = desk.here.a_worker(organisation=LOTUS)
    assert desk.here.ask(stranger, "GET", desk.path).status_code == 404


def test_h1_what_another_case_knows_of_a_phone_binds_this_one_without_being_shown(desk: Desk) -> None:
    desk.put(may_text="yes")
    desk.here.ask(desk.worker, "POST", f"/v1/cases/{desk.case_id}/close", CLOSING)
    second = desk.here.a_case()
    assert second != desk.case_id
    desk.here.ask(desk.worker, "POST", f"/v1/cases/{desk.case_id}/reopen", {"reason": "ក"})
    desk.put(held_by_employer="yes", code_word=WORD)
    phones = desk.here.ask(desk.worker, "GET", f"/v1/cases/{second}/phones").json()["items"]
    assert phones[0]["safety"]["code_word"] is None
    assert phones[0]["call_refused_because"] == "held_by_employer"


def test_h1_a_closed_case_no_longer_binds_where_an_open_one_knows_better(desk: Desk) -> None:
    desk.put(may_text="no")
    desk.here.ask(desk.worker, "POST", f"/v1/cases/{desk.case_id}/close", CLOSING)
    desk.case_id = desk.here.a_case()
    assert desk.write().json()["because"] == "may_not_text"
    desk.put(may_text="yes")
    assert desk.write().status_code == 201


def test_h1_the_persons_own_answers_are_kept_as_theirs(here: Installation) -> None:
    worker = here.a_worker()
    answer = talk(here, KHMER_UNPAID, "1", "1", "ម៉ោង ៨ យប់")
    assert answer.case is not None
    (phone,) = here.ask(worker, "GET", f"/v1/cases/{answer.case.id}/phones").json()["items"]
    assert phone["safety"]["may_call"] == "yes"
    assert phone["safety"]["hours"] == [{"begins": "20:00", "ends": "21:00", "days": []}]
    assert (phone["safety"]["said_by"], phone["safety"]["worker_id"]) == ("person", None)
    assert phone["call_refused_because"] == "outside_hours"
    assert phone["next_call_at"].startswith("2026-06-08T13:00:00")  # eight in the evening in Bangkok
    changes = [details for kind, details in here.timeline(answer.case.id) if kind == "safety.changed"]
    assert [change["fields"] for change in changes] == [["may_call"], ["hours"]]


def test_h1_who_wants_no_calls_may_be_written_to(here: Installation) -> None:
    worker = here.a_worker()
    answer = talk(here, KHMER_UNPAID, "1", "2")
    assert answer.case is not None
    (phone,) = here.ask(worker, "GET", f"/v1/cases/{answer.case.id}/phones").json()["items"]
    assert (phone["safety"]["may_call"], phone["safety"]["may_text"]) == ("no", "yes")
    assert (phone["call_refused_because"], phone["next_call_at"]) == ("may_not_call", None)


def test_h1_looking_at_numbers_is_remembered(desk: Desk) -> None:
    assert desk.deeds("phones.read") == [(str(desk.worker.id), desk.case_id)]


# H2: neutral words ---------------------------------------------------------------------------------------


def test_h2_every_text_of_ours_to_a_person_is_short_and_gives_nothing_away(here: Installation) -> None:
    checked = check(here.office.rulebook.catalogues, here.office.rulebook.unsafe_words)
    assert {one.language for one in checked} == {"km", "km-Latn", "en"}
    assert [(one.key, one.language) for one in checked if not one.ok] == []


def test_h2_a_caseworkers_words_that_give_the_person_away_are_refused(desk: Desk) -> None:
    desk.put(may_text="yes")
    before = desk.queued()
    for words in (TELLING, "Your case at the hotline", "police"):
        refused = desk.write(words)
        assert (refused.status_code, refused.json()["code"]) == (422, "unsafe_words")
    assert desk.queued() == before
