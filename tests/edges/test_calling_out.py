"""A caseworker calls a person of a case through us: rung first, joined only while that is safe."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from app.calls.rules.documents import MOST_DOCUMENTS
from app.identity.rules import Worker
from app.kernel.phone import Phone
from tests.calling import Calling, a_calling_hotline
from tests.fakes import START
from tests.hotline import VOICE
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, LOTUS, Installation
from tests.peers.callers import Picks
from tests.peers.calls import BUSY, NO_ANSWER, SILENCE, Ended, Heard, hangs_up, in_turn, picks_up
from tests.peers.twilio import refusal
from tests.peers.voice import Call
from tests.twilio_town import SOMEBODY

Install = Callable[..., Installation]
WORKER: Final = "+85512345601"
EVENING: Final = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)  # ten in the evening in Bangkok


@pytest.fixture
def calling(install: Install) -> Iterator[Calling]:
    with a_calling_hotline(install) as calling:
        yield calling


class Desk:
    """A caseworker with a case whose person can be called."""

    def __init__(self, calling: Calling, words: str = KHMER_UNPAID) -> None:
        self.calling = calling
        self.worker = calling.here.a_worker(phone=WORKER)
        self.case_id = calling.here.a_case(words, sender=SOMEBODY)

    def wish(self, body: dict[str, Any] | None = None, *, by: Worker | None = None) -> Any:
        """The answer to the wish to call."""
        return self.calling.here.ask(by or self.worker, "POST", f"/v1/cases/{self.case_id}/calls", body or {})

    def rung(self) -> tuple[UUID, Call]:
        """The id of a call that was asked for, and the call that rings the worker."""
        answer = self.wish()
        assert answer.status_code == 202, answer.text
        (call,) = self.calling.work()
        return UUID(answer.json()["id"]), call

    def status(self, call_id: UUID) -> tuple[str, int | None]:
        """What the app is told of a call."""
        shown = self.calling.here.ask(self.worker, "GET", f"/v1/cases/{self.case_id}/calls/{call_id}").json()
        return shown["status"], shown["seconds"]

    def attempts(self) -> list[tuple[str, int | None]]:
        """Outcome and seconds of each try to reach somebody."""
        items = self.calling.here.timeline(self.case_id)
        return [(item["outcome"], item.get("seconds")) for kind, item in items if kind == "contact.attempted"]

    def answers(self, call: Call, *steps: Any, person: Picks = NO_ANSWER) -> Heard:
        """The worker picks up and does these steps; the person's phone does that."""
        self.calling.line.answers = in_turn(person)
        return self.calling.picked_up(call, *steps)


@pytest.fixture
def desk(calling: Calling) -> Desk:
    return Desk(calling)


def test_the_worker_is_rung_first_and_the_person_sees_the_hotlines_number(desk: Desk) -> None:
    call_id, call = desk.rung()
    assert (call.to, call.from_) == (WORKER, VOICE)
    assert "MachineDetection" not in call.params
    heard = desk.answers(call, "1", person=picks_up(talks_seconds=240))
    (dialled,) = heard.dials
    assert (dialled.number, dialled.caller_id, dialled.timeout) == (SOMEBODY, VOICE, 30)
    assert desk.status(call_id) == ("reached", 240)


def test_a_talk_is_a_contact_attempt_of_that_worker_and_stops_the_clock_of_first_contact(desk: Desk) -> None:
    call_id, call = desk.rung()
    desk.answers(call, "1", person=picks_up(talks_seconds=240))
    items = desk.calling.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}/timeline").json()["items"]
    (attempt,) = [item for item in items if item["kind"] == "contact.attempted"]
    assert (attempt["outcome"], attempt["channel"], attempt["seconds"]) == ("reached", "call", 240)
    assert (attempt["actor"], attempt["call_id"]) == (str(desk.worker.id), str(call_id))
    case = desk.calling.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}").json()
    assert case["first_contact_at"] is not None
    assert "call.ended" in desk.calling.here.kinds(desk.case_id)


@pytest.mark.parametrize("person", [NO_ANSWER, BUSY])
def test_a_person_who_does_not_pick_up_is_an_attempt_without_an_answer(desk: Desk, person: Picks) -> None:
    call_id, call = desk.rung()
    desk.answers(call, "1", person=person)
    assert desk.status(call_id) == ("no_answer", 0)
    assert desk.attempts() == [("no_answer", 0)]


def test_nothing_of_the_talk_is_recorded(desk: Desk) -> None:
    _, call = desk.rung()
    heard = desk.answers(call, "1", person=picks_up(talks_seconds=60))
    assert heard.recordings == []
    assert not {"Record", "RecordingStatusCallback"} & call.params.keys()
    assert all("record" not in document.raw.lower() for document in heard.documents)
    assert len(heard.documents) < MOST_DOCUMENTS


def test_a_worker_who_does_not_pick_up_made_no_attempt(desk: Desk) -> None:
    call_id, call = desk.rung()
    desk.calling.nobody_answers(call)
    assert desk.status(call_id) == ("not_made", None)
    assert desk.attempts() == []
    (ended,) = [item for kind, item in desk.calling.here.timeline(desk.case_id) if kind == "call.ended"]
    assert (ended["ended_as"], ended["wanted"]) == ("no-answer", None)
    assert desk.calling.tasks() == []


@pytest.mark.parametrize("steps", [(), (SILENCE,), ("2",)])
def test_whoever_picks_up_without_pressing_1_rings_nobody(desk: Desk, steps: tuple[Any, ...]) -> None:
    call_id, call = desk.rung()
    heard = desk.answers(call, *steps, person=picks_up())
    assert (heard.dials, heard.ended) == ([], Ended.HUNG_UP)
    assert desk.status(call_id) == ("not_made", None)
    assert desk.attempts() == []


def test_the_same_wish_again_is_the_same_call(desk: Desk) -> None:
    body = {"id": str(uuid4())}
    first, again = desk.wish(body), desk.wish(body)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json() == {"id": body["id"], "status": "wanted", "seconds": None}
    assert len(desk.calling.work()) == 1
    other = desk.wish({**body, "phone_id": str(uuid4())})
    assert (other.status_code, other.json()["code"]) == (409, "id_conflict")


def test_a_worker_is_connected_to_one_person_at_a_time(desk: Desk) -> None:
    assert desk.wish().status_code == 202
    again = desk.wish()
    assert (again.status_code, again.json()["code"]) == (409, "call.going_on")


def test_outside_the_safe_hours_nobody_is_called_and_the_worker_learns_when_they_may_be(desk: Desk) -> None:
    desk.calling.here.clock.set(EVENING)
    answer = desk.wish()
    assert answer.status_code == 409
    told = answer.json()
    assert (told["code"], told["because"]) == ("unsafe_contact", "outside_hours")
    assert told["next_safe_at"] == "2026-06-09T00:00:00Z"
    assert told["next_safe_at"] in told["detail"]
    assert desk.calling.work() == []


@pytest.mark.parametrize(("language", "word"), [("en", "hour"), ("km", "ម៉ោង")])
def test_the_reason_is_told_in_the_language_of_the_worker(desk: Desk, language: str, word: str) -> None:
    desk.calling.here.clock.set(EVENING)
    path = f"/v1/cases/{desk.case_id}/calls"
    answer = desk.calling.here.ask(desk.worker, "POST", path, {}, headers={"Accept-Language": language})
    assert word in answer.json()["detail"]


def test_a_person_in_danger_may_be_called_at_night(calling: Calling) -> None:
    desk = Desk(calling, KHMER_LOCKED_IN)
    calling.here.clock.set(EVENING)
    assert desk.wish().status_code == 202


def test_a_person_who_asked_for_silence_is_not_called(desk: Desk) -> None:
    with desk.calling.here.office.work(START) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(Phone(SOMEBODY)), opted_out_at=START)
    told = desk.wish().json()
    assert (told["because"], told["next_safe_at"]) == ("opted_out", None)


def test_whether_it_is_safe_is_asked_again_when_the_person_is_to_be_rung(desk: Desk) -> None:
    desk.calling.here.clock.set(datetime(2026, 6, 8, 13, 59, tzinfo=UTC))
    call_id, call = desk.rung()
    desk.calling.here.clock.forward(minutes=2)  # nine o'clock has passed
    heard = desk.answers(call, "1", person=picks_up())
    assert heard.dials == []
    said = desk.calling.here.office.rulebook.catalogues.text("ivr.staff_unsafe", "en")
    assert said in [one.text for one in heard.said]
    assert (desk.status(call_id), desk.attempts()) == (("not_made", None), [])


def test_a_worker_without_a_phone_is_told_so(calling: Calling) -> None:
    desk = Desk(calling)
    nobody = calling.here.a_worker()
    answer = desk.wish(by=nobody)
    assert (answer.status_code, answer.json()["code"]) == (409, "call.worker_has_no_phone")


def test_a_worker_of_another_organisation_sees_no_such_case(desk: Desk) -> None:
    stranger = desk.calling.here.a_worker(organisation=LOTUS, phone="+85512345699")
    assert desk.wish(by=stranger).status_code == 404


def test_a_call_of_another_case_is_not_found(desk: Desk) -> None:
    other = desk.calling.here.a_case(sender="+66812345000")
    call_id, _ = desk.rung()
    path = f"/v1/cases/{other}/calls/{call_id}"
    assert desk.calling.here.ask(desk.worker, "GET", path).status_code == 404


def test_only_phones_of_the_case_are_called_and_where_it_has_several_one_is_chosen(desk: Desk) -> None:
    here, base = desk.calling.here, f"/v1/cases/{desk.case_id}"
    person = str(uuid4())
    member = {"id": person, "name": "សុខា", "phone": "+66812345111"}
    assert here.ask(desk.worker, "POST", f"{base}/members", {"members": [member]}).status_code < 300
    assert desk.wish().json()["code"] == "call.which_phone"
    assert desk.wish({"phone_id": str(uuid4())}).json()["code"] == "call.which_phone"
    assert desk.wish({"phone_id": person}).status_code == 202
    (call,) = desk.calling.work()
    heard = desk.answers(call, "1", person=picks_up())
    assert [dialled.number for dialled in heard.dials] == ["+66812345111"]


def test_a_closed_case_calls_nobody(desk: Desk) -> None:
    closing = {"outcome": "wages_recovered", "client_informed": "yes"}
    desk.calling.here.ask(desk.worker, "POST", f"/v1/cases/{desk.case_id}/close", closing)
    assert desk.wish().json()["code"] == "case.closed"


def test_a_hotline_without_a_number_to_show_calls_nobody(install: Install) -> None:
    with a_calling_hotline(install, twilio_voice_numbers="") as calling:
        assert Desk(calling).wish().json()["code"] == "call.nobody_makes_calls"


def test_a_worker_who_hangs_up_while_it_rings_tried_to_reach_the_person(desk: Desk) -> None:
    call_id, call = desk.rung()
    desk.answers(call, "1", hangs_up(5), person=picks_up(after_seconds=20))
    assert desk.status(call_id) == ("no_answer", 0)


def test_a_talk_counts_also_where_the_carrier_says_nothing_after_a_hang_up(install: Install) -> None:
    with a_calling_hotline(install, twilio_screens_calls=False) as calling:
        calling.line.tells_of_hangups = False
        desk = Desk(calling)
        call_id, call = desk.rung()
        desk.answers(call, "1", hangs_up(200), person=picks_up(after_seconds=5, talks_seconds=600))
        status, seconds = desk.status(call_id)
        assert status == "reached"
        assert seconds is not None
        assert seconds > 30


@pytest.mark.parametrize(("seconds", "outcome"), [(25, "no_answer"), (240, "reached")])
def test_a_short_talk_where_no_carrier_can_tell_a_machine_counts_as_nobody_reached(
    install: Install, seconds: int, outcome: str
) -> None:
    with a_calling_hotline(install, twilio_screens_calls=False) as calling:
        desk = Desk(calling)
        call_id, call = desk.rung()
        desk.answers(call, "1", person=picks_up(talks_seconds=seconds))
        assert desk.status(call_id) == (outcome, seconds)


def test_a_call_that_the_carrier_refuses_was_not_made(desk: Desk) -> None:
    answer = desk.wish()
    desk.calling.carrier.faults.append(refusal(21211))
    assert desk.calling.work() == []
    assert desk.status(UUID(answer.json()["id"])) == ("not_made", None)
    assert desk.wish().status_code == 202


def test_a_call_that_could_not_be_made_in_time_is_wanted_no_more(desk: Desk) -> None:
    answer = desk.wish()
    assert desk.calling.calls_after(minutes=10) == []
    assert desk.status(UUID(answer.json()["id"])) == ("not_made", None)
    assert desk.attempts() == []
