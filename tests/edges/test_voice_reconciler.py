"""What callers did and left while our server was down is found in the carrier's lists, once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from app.calls.rules.recordings import ORPHAN_AFTER
from app.calls.tables import missed_calls
from app.identity.rules import Role
from app.intake.tables import inbox
from app.kernel.language import Language
from app.usecases import answering, health, recording_desk
from app.usecases.answering import Coming
from tests.makers import Installation
from tests.message_town import SECONDS
from tests.outage import BEEP, Outage, an_outage
from tests.peers import BAD_GATEWAY, RESET, Fault
from tests.peers.calls import HANG_UP, Script, says
from tests.peers.rest import new_sid
from tests.peers.twilio import TOO_MANY, refusal
from tests.twilio_town import ACCOUNT, NUMBER, PUBLIC, SOMEBODY, count, open_tasks

Install = Callable[..., Installation]
HIDDEN: Final = "anonymous"
ELSEWHERE: Final = "+12025550199"
PREMIUM: Final = "+661900123456"


@pytest.fixture(name="town")
def _town(install: Install) -> Iterator[Outage]:
    with an_outage(install) as town:
        town.here.a_worker(phone="+85510000200")
        yield town


def one_message_in_one_case(town: Outage) -> None:
    """The state that every order of things must end in."""
    row, (case,), (call,) = town.row, town.cases, town.calls
    assert (row.state, row.call_id, row.seconds) == ("finished", call.id, SECONDS)
    assert (call.message, call.case_id, call.ended_as) == (True, case.id, "completed")
    assert town.kept(case.id) == [{"recording_id": str(row.id), "call_id": str(call.id), "seconds": SECONDS}]
    assert town.here.kinds(case.id).count("call.received") == 1
    assert town.tasks() == [("call_back", case.id)]
    assert town.carrier.voice.deleted == [row.carrier_id]
    assert town.phone() == SOMEBODY


def test_a_whole_call_with_a_message_while_we_were_down_becomes_one_case(town: Outage) -> None:
    began_at = town.here.clock.now()
    heard = town.away(says(SECONDS, "#"))
    assert [one.seconds for one in heard.recordings] == [SECONDS]
    assert town.calls == []
    assert town.look()
    one_message_in_one_case(town)
    (call,) = town.calls
    assert (call.carrier_id, call.began_at) == (heard.sid, began_at)
    assert call.ended_at == began_at + timedelta(seconds=call.seconds)
    assert call.seconds >= SECONDS


def test_looking_again_and_webhooks_that_come_late_change_nothing(town: Outage) -> None:
    heard = town.away(says(SECONDS, "#"))
    late = list(town.line.pending)
    town.look()
    assert not town.look()
    form = {"AccountSid": ACCOUNT, "CallSid": heard.sid, "From": SOMEBODY, "To": NUMBER}
    for path in ("", "/next/1"):
        answer = town.line.post(f"{PUBLIC}/twilio/voice{path}", {**form, "CallStatus": "in-progress"})
        assert "<Hangup" in answer.body
    left = {**form, "RecordingSid": heard.recordings[0].sid or "", "RecordingDuration": str(SECONDS)}
    town.line.post(f"{PUBLIC}/twilio/voice/goodbye", left)
    for callback in late:
        town.tell(callback, times=2)
    town.work()
    assert not town.look()
    one_message_in_one_case(town)


def test_webhooks_that_come_between_the_look_and_reception_change_nothing(town: Outage) -> None:
    heard = town.away(says(SECONDS, "#"))
    town.reconciler.step(town.here.clock.forward(minutes=5))
    form = {"AccountSid": ACCOUNT, "CallSid": heard.sid, "From": SOMEBODY, "To": NUMBER}
    left = {"RecordingSid": heard.recordings[0].sid or "", "RecordingDuration": str(SECONDS)}
    town.line.post(f"{PUBLIC}/twilio/voice/goodbye", {**form, **left})
    town.tell()
    town.work()
    assert not town.look()
    one_message_in_one_case(town)


def test_a_message_that_is_listed_later_than_its_call_takes_the_task_into_its_case(town: Outage) -> None:
    call = town.untold(seconds=SECONDS)
    town.look()
    assert town.tasks() == [("call_back", None)]
    town.left_in(call)
    assert town.look()
    one_message_in_one_case(town)


def test_a_call_without_a_message_is_a_contact_and_somebody_calls_back(town: Outage) -> None:
    call = town.untold()
    assert town.look()
    (row,) = town.calls
    assert (row.carrier_id, row.seconds, row.case_id) == (call.sid, 4, None)
    assert town.cases == []
    assert town.tasks() == [("call_back", None)]
    supervisor = town.here.a_worker(Role.SUPERVISOR)
    (item,) = town.here.ask(supervisor, "GET", "/v1/intake?channel=call").json()["items"]
    shown = {name: item[name] for name in ("carrier_id", "from", "state", "call_id", "case_id")}
    assert shown == {
        "carrier_id": call.sid, "from": SOMEBODY, "state": "taken", "call_id": str(row.id), "case_id": None,
    }  # fmt: skip


def test_a_call_joins_the_open_case_of_its_phone(town: Outage) -> None:
    case_id = town.here.a_case(sender=SOMEBODY)
    town.untold()
    town.look()
    assert town.calls[0].case_id == case_id
    assert town.tasks() == [("call_back", case_id)]
    assert {"call.received", "call.ended"} <= set(town.here.kinds(case_id))


def test_a_hidden_number_cannot_be_called_back_but_what_it_left_is_heard(town: Outage) -> None:
    town.untold(from_=HIDDEN)
    town.look()
    assert (len(town.calls), town.tasks()) == (1, [])
    town.left_in(town.untold(from_=HIDDEN))
    town.look()
    (case,) = town.cases
    assert (town.row.state, town.tasks()) == ("finished", [("call_back", case.id)])


def test_a_call_of_which_only_the_end_was_not_told_is_ended(town: Outage) -> None:
    town.call(Script("1", "3", HANG_UP))
    town.line.pending.clear()
    assert town.calls[0].ended_at is None
    assert town.look()
    (call,) = town.calls
    assert (call.ended_as, call.seconds) == ("completed", town.carrier.voice.inbound[0].seconds)
    assert open_tasks(town.here) == ["call_back"]
    assert not town.look()


def test_we_go_down_in_the_middle_of_a_call_and_what_was_left_is_in_its_case(town: Outage) -> None:
    class Falls(Script):
        def keys(self, asked: Any) -> Any:
            if self.left[0] == "1" and len(self.left) == 2:
                town.broken.append(True)
            return super().keys(asked)

    town.call(Falls("1", "6", "1", says(SECONDS, "#")))
    town.broken.clear()
    town.line.pending.clear()
    assert town.rows == []
    assert town.look()
    one_message_in_one_case(town)


def test_an_ordinary_call_is_not_found_again(town: Outage) -> None:
    town.leave()
    town.work()
    before = count(town.here)
    assert not town.look()
    assert count(town.here) == before
    one_message_in_one_case(town)


def test_a_call_that_is_going_on_or_ended_just_now_is_left_to_its_webhooks(town: Outage) -> None:
    going_on = town.untold(status="in-progress", seconds=None)
    assert not town.look()
    going_on.status, going_on.seconds = "completed", 3
    town.here.clock.forward(minutes=4, seconds=30)
    town.untold(from_="+66812345679")
    assert town.look(seconds=30)
    assert [row.carrier_id for row in town.calls] == [going_on.sid]
    assert town.look()
    assert len(town.calls) == 2


def test_words_whose_call_was_not_told_get_their_phone_from_the_list(town: Outage) -> None:
    call = town.untold(status="in-progress", seconds=None)
    town.left_in(call)
    town.look()
    town.here.clock.forward(seconds=ORPHAN_AFTER.total_seconds())
    town.work()
    assert town.phone() is None
    call.status, call.seconds = "completed", SECONDS
    assert town.look()
    assert town.phone() == SOMEBODY
    assert town.tasks() == [("call_back", town.cases[0].id)]


def test_calls_to_other_numbers_and_what_was_left_in_them_are_nobody_s_business_here(town: Outage) -> None:
    foreign = town.untold(to=ELSEWHERE)
    ours_to_them = town.untold(from_=NUMBER, to=SOMEBODY, direction="outbound-api")
    gone = [town.left_in(one) for one in (foreign, foreign, ours_to_them)]
    nowhere = town.carrier.voice.record(new_sid("RE"), new_sid("CA"), SECONDS)
    assert not town.look()
    assert not town.look()
    assert (town.calls, town.rows, count(town.here)) == ([], [], 0)
    asked = [path.rpartition("/")[2] for path in town.asked("Calls/")]
    assert sorted(asked) == sorted(f"{sid}.json" for sid in (foreign.sid, ours_to_them.sid, nowhere.call_sid))
    assert not any(one.sid in path for path in town.asked("Recordings") for one in [*gone, nowhere])
    assert town.carrier.voice.deleted == []


def test_a_call_of_ours_that_becomes_known_late_keeps_what_was_left_in_it(town: Outage) -> None:
    call = town.untold(from_=NUMBER, to=SOMEBODY, direction="outbound-api")
    town.left_in(call)
    assert not town.look()
    now = town.here.clock.now()
    with town.here.office.work(now) as uow:
        coming = Coming("twilio", ACCOUNT, call.sid, SOMEBODY, NUMBER, b"")
        answering.begin(uow, coming, now=now)
    assert town.look()
    assert town.row.state == "finished"


def test_what_was_left_in_a_call_longer_ago_than_the_list_goes_back_is_found_with_its_call(
    town: Outage,
) -> None:
    call = town.untold(seconds=SECONDS)
    town.here.clock.forward(hours=4)
    town.left_in(call)
    assert town.look()
    one_message_in_one_case(town)


def test_lists_of_many_pages_are_read_to_the_end(town: Outage) -> None:
    for _ in range(501):
        town.left_in(town.untold())
    town.reconciler.step(town.here.clock.forward(minutes=5))
    assert count(town.here) == 2 * 501
    kinds = [row.kind for row in town.read(select(inbox.c.kind).order_by(inbox.c.number))]
    assert kinds == ["call"] * 501 + ["recording"] * 501


@pytest.mark.parametrize("fault", [BAD_GATEWAY, RESET, TOO_MANY, refusal(20003, 401), Fault(200, html=True)])
def test_after_looks_that_failed_the_next_one_goes_back_as_far_as_needed(town: Outage, fault: Fault) -> None:
    town.carrier.fail_next(fault, fault)
    assert not town.look(seconds=1)
    town.left_in(town.untold(seconds=SECONDS))
    for _ in range(3):
        town.carrier.fail_next(fault, fault)
        assert not town.look(hours=4)
    assert town.calls == []
    assert town.look()
    one_message_in_one_case(town)


def test_a_list_of_recordings_that_cannot_be_read_holds_up_no_calls(town: Outage) -> None:
    town.left_in(town.untold(seconds=SECONDS))
    town.carrier.fail_next(None, None, BAD_GATEWAY)
    assert town.look()
    assert (len(town.calls), town.rows) == (1, [])
    assert town.look()
    one_message_in_one_case(town)


def test_calls_from_before_our_time_are_left_to_whom_they_came(town: Outage) -> None:
    town.left_in(town.untold())
    town.here.clock.forward(hours=4)
    assert not town.look()
    assert count(town.here) == 0


def test_a_recording_that_was_deleted_meanwhile_is_not_taken(town: Outage) -> None:
    gone, going = town.left_in(town.untold()), town.left_in(town.untold(from_="+66812345679"))
    gone.deleted = True
    town.reconciler.step(town.here.clock.forward(minutes=5))
    going.deleted = True
    town.here.receive()
    town.work()
    assert [(row.carrier_id, row.state, row.problem) for row in town.rows] == [
        (going.sid, "announced", "not_there")
    ]
    assert len(town.calls) == 2
    assert not town.look()


def test_a_ring_that_nobody_told_of_is_called_back_while_it_is_young(town: Outage) -> None:
    rang_at = town.here.clock.now()
    town.untold(to=BEEP, status="busy", seconds=0)
    assert town.look()
    (ring,), (missed,) = town.calls, town.read(select(missed_calls))
    assert (ring.kind, ring.ended_as, ring.began_at) == ("missed", "busy", rang_at)
    assert (missed.stage, missed.rings, missed.last_at) == ("waiting", 1, rang_at)
    assert missed.due_at < town.here.clock.now()
    assert town.tasks() == []
    assert not town.look()


def test_rings_of_more_than_an_hour_ago_are_one_task_for_each_phone(town: Outage) -> None:
    for _ in range(3):
        town.untold(to=BEEP, status="busy", seconds=0)
        town.here.clock.forward(minutes=1)
    town.untold(to=BEEP, from_="+66812345679", status="no-answer", seconds=0)
    town.look(minutes=60)
    assert len(town.calls) == 4
    assert open_tasks(town.here) == ["call_back", "call_back"]
    assert {row.stage for row in town.read(select(missed_calls))} == {"given_up"}
    assert not town.look()


def test_a_ring_after_which_the_phone_rang_once_more_was_heard(town: Outage) -> None:
    town.untold(to=BEEP, status="busy", seconds=0)
    town.here.clock.forward(minutes=2)
    town.line.call(SOMEBODY, BEEP, Script())
    town.look(minutes=90)
    assert len(town.calls) == 2
    assert [row.rings for row in town.read(select(missed_calls))] == [1]
    assert town.tasks() == []


def test_an_old_ring_from_a_dear_number_troubles_nobody(town: Outage) -> None:
    town.untold(to=BEEP, from_=PREMIUM, status="busy", seconds=0)
    town.untold(to=BEEP, from_=HIDDEN, status="busy", seconds=0)
    town.look(minutes=90)
    supervisor = town.here.a_worker(Role.SUPERVISOR)
    items = town.here.ask(supervisor, "GET", "/v1/intake?channel=call").json()["items"]
    assert {item["problem"] for item in items} == {"premium_number", "no_number"}
    assert town.tasks() == []


def test_a_worker_who_could_not_reach_the_desk_is_no_caller(town: Outage) -> None:
    town.here.a_worker(username="sophea", phone=SOMEBODY)
    now = town.here.clock.now()
    with town.here.office.work(now) as uow:
        recording_desk.open_desk(uow, "sophea", Language.KM, "no real hash", now=now)
    town.left_in(town.untold())
    town.look()
    assert [row.kind for row in town.calls] == ["desk"]
    assert (town.rows, town.cases, town.tasks()) == ([], [], [])


def test_what_is_found_is_counted(town: Outage) -> None:
    def counted(what: str) -> float:
        shown = town.here.client.get("/metrics").text.splitlines()
        wanted = f'spean_voice_reconciled_total{{list="{what}",result="found"}} '
        return sum(float(line.removeprefix(wanted)) for line in shown if line.startswith(wanted))

    before = counted("calls"), counted("recordings")
    town.left_in(town.untold())
    town.look()
    assert (counted("calls"), counted("recordings")) == (before[0] + 1, before[1] + 1)


def test_nothing_of_a_caller_is_logged(town: Outage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    town.left_in(town.untold())
    town.look()
    town.carrier.fail_next(BAD_GATEWAY)
    town.look()
    told = " ".join([caplog.text, *(record.getMessage() for record in caplog.records)])
    assert SOMEBODY[1:] not in told


def test_a_worker_reads_the_lists_where_there_are_numbers_for_calls_and_only_there(
    town: Outage, install: Install
) -> None:
    assert "voice-reconciler" in {loop.name for loop in town.here.application.worker().loops}
    (worker, _) = health.worker_checks(town.here.office, now=town.here.clock.now())
    assert "voice-reconciler" in worker.finding
    elsewhere = install()
    assert "voice-reconciler" not in {loop.name for loop in elsewhere.application.worker().loops}
    (worker, _) = health.worker_checks(elsewhere.office, now=elsewhere.clock.now())
    assert "voice-reconciler" not in worker.finding
