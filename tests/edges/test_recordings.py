"""What callers leave is kept once, whatever the carrier tells, in whatever order, and how often."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.audit.tables import entries
from app.calls.rules.calls import Kind
from app.intake.tables import inbox
from tests.makers import Installation
from tests.message_town import SECONDS, MessageTown, a_message, a_message_town
from tests.peers.calls import HANG_UP, SILENCE, Script, hangs_up
from tests.peers.exchange import Callback
from tests.peers.rest import new_sid
from tests.peers.twilio import BROKEN
from tests.twilio_town import ACCOUNT, NUMBER, PUBLIC, SOMEBODY, open_tasks

CALLBACK = f"{PUBLIC}/twilio/recording"
GOODBYE = f"{PUBLIC}/twilio/voice/goodbye"


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[MessageTown]:
    with a_message_town(install) as town:
        town.here.a_worker(phone="+85510000200")
        yield town


def a_callback(town: MessageTown, **changes: str) -> dict[str, str]:
    """The form of a recording that is ready, of a call that nobody knows."""
    form = {
        "AccountSid": ACCOUNT, "CallSid": new_sid("CA"), "RecordingSid": new_sid("RE"),
        "RecordingStatus": "completed", "RecordingDuration": str(SECONDS), "RecordingChannels": "1",
        "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/elsewhere",
        "RecordingSource": "RecordVerb",
    } | changes  # fmt: skip
    if form["RecordingStatus"] == "completed":
        town.carrier.voice.record(form["RecordingSid"], form["CallSid"], int(form["RecordingDuration"]))
    return form


def post(town: MessageTown, url: str, form: dict[str, str]) -> str:
    answer = town.line.post(url, form)
    assert answer.status == 200
    town.here.receive()
    return answer.body


def one_message_in_one_case(town: MessageTown) -> None:
    """The state that every order of things must end in."""
    row, (case,), (call,) = town.row, town.cases, town.calls
    assert (row.state, row.call_id, row.attempts, row.problem) == ("finished", call.id, 1, None)
    assert (call.message, call.case_id, call.ended_as) == (True, case.id, "completed")
    assert town.kept(case.id) == [{"recording_id": str(row.id), "call_id": str(call.id), "seconds": SECONDS}]
    assert town.here.kinds(case.id).count("call.received") == 1
    assert open_tasks(town.here) == ["call_back"]
    assert town.carrier.voice.deleted == [row.carrier_id]
    assert len(town.fetches) == 1


def test_a_message_is_fetched_sealed_and_deleted_at_the_carrier(town: MessageTown) -> None:
    there = town.leave()
    assert town.row.state == "announced"
    assert town.work() == 2
    one_message_in_one_case(town)
    assert (town.row.media_type, town.row.size_bytes) == ("audio/mpeg", len(there.sound(".mp3").body))
    assert town.fetches == [f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{there.sid}.mp3"]
    assert town.work() == 0


@pytest.mark.parametrize("order", list(permutations(["recording", "call", "work"])))
def test_case_27_a_callback_before_or_after_the_end_of_the_call_and_of_the_fetching(
    town: MessageTown, order: tuple[str, ...]
) -> None:
    town.call()
    for what in order:
        if what == "work":
            town.work()
        else:
            town.tell(town.told_of(what))
    town.work()
    one_message_in_one_case(town)


def test_case_27_everything_twice_is_one_recording(town: MessageTown) -> None:
    town.call()
    waiting = list(town.line.pending)
    town.tell(times=2)
    town.work()
    for callback in reversed(waiting):
        town.tell(callback, times=2)
    town.work()
    one_message_in_one_case(town)


def test_case_27_the_same_callback_in_two_forms_is_one_recording(town: MessageTown) -> None:
    town.leave()
    # The inbox takes a request that differs for the same; the recording itself is unique as well.
    form = a_callback(town, CallSid=town.calls[0].carrier_id, RecordingSid=town.row.carrier_id)
    post(town, CALLBACK, {**form, "RecordingStatus": "completed "})
    town.work()
    one_message_in_one_case(town)


def test_case_27_a_callback_before_the_action_of_the_record(town: MessageTown) -> None:
    town.line.auto = True
    sid = new_sid("RE")

    class CallbackFirst(Script):
        """While this caller speaks, the carrier tells already."""

        def says(self, asked: object) -> None:
            call = town.calls[0]
            post(town, CALLBACK, a_callback(town, CallSid=call.carrier_id, RecordingSid=sid))

    town.call(CallbackFirst("1", "6", "1", SILENCE))
    town.here.receive()
    town.work()
    assert [row.carrier_id for row in town.rows] == [sid]
    one_message_in_one_case(town)


def test_the_action_alone_is_enough(town: MessageTown) -> None:
    town.call()
    town.tell(town.told_of("call"))
    town.work()
    one_message_in_one_case(town)


def test_case_26_the_callback_alone_is_enough_where_the_caller_hung_up_and_no_action_came(
    town: MessageTown,
) -> None:
    town.line.tells_of_hangups = False
    town.leave(Script("1", "6", "1", SILENCE, hangs_up(SECONDS)))
    town.work()
    one_message_in_one_case(town)


def test_case_26_a_hang_up_in_the_middle_of_a_message_keeps_what_was_said(town: MessageTown) -> None:
    town.leave(Script("1", "6", "1", SILENCE, hangs_up(SECONDS)))
    town.work()
    one_message_in_one_case(town)


def test_case_26_a_hang_up_before_the_tone_leaves_nothing_to_fetch(town: MessageTown) -> None:
    town.call(Script("1", "6", "1", HANG_UP))
    town.tell()
    town.work()
    assert town.rows == []
    assert town.fetches == []
    assert open_tasks(town.here) == ["call_back"]


def test_the_length_that_the_callback_tells_is_the_one_that_counts(town: MessageTown) -> None:
    town.call()
    callback = town.told_of("recording")
    assert town.row.seconds == SECONDS
    post(town, CALLBACK, {**callback.form, "RecordingDuration": "9"})
    town.work()
    assert [kept["seconds"] for kept in town.kept(town.cases[0].id)] == [9]


def test_case_28_silence_is_a_silent_call_and_nothing_is_fetched(town: MessageTown) -> None:
    # Three times no key, then nothing said either: that may be somebody who cannot speak.
    town.call(Script())
    assert town.told_of("recording").status == "absent"
    town.tell()
    town.work()
    assert (town.rows, town.fetches, town.cases) == ([], [], [])
    assert town.calls[0].silent
    assert open_tasks(town.here) == ["possible_danger"]


@pytest.mark.parametrize("changes", [{"RecordingDuration": "0"}, {"RecordingStatus": "absent"}])
def test_case_28_no_seconds_of_a_call_that_is_over_make_a_task_once(
    town: MessageTown, changes: dict[str, str]
) -> None:
    town.call(Script("1", "9", HANG_UP))
    town.tell()
    assert open_tasks(town.here) == []
    form = a_callback(town, CallSid=town.calls[0].carrier_id, **changes)
    post(town, CALLBACK, form)
    post(town, CALLBACK, {**form, "RecordingSid": new_sid("RE")})
    town.work()
    assert (town.rows, town.fetches) == ([], [])
    assert open_tasks(town.here) == ["possible_danger"]


def test_case_28_no_seconds_beside_a_message_change_nothing(town: MessageTown) -> None:
    town.call()
    form = a_callback(town, CallSid=town.calls[0].carrier_id, RecordingStatus="absent")
    post(town, CALLBACK, form)
    town.tell()
    town.work()
    assert not town.calls[0].silent
    one_message_in_one_case(town)


def test_a_recording_in_progress_is_no_recording_yet(town: MessageTown) -> None:
    post(town, CALLBACK, a_callback(town, RecordingStatus="in-progress"))
    town.work()
    assert town.rows == []
    assert [row.state for row in town.read(select(inbox))] == ["taken"]


def test_case_27_words_of_an_unknown_call_are_fetched_and_wait_for_their_call(town: MessageTown) -> None:
    call_sid = new_sid("CA")
    post(town, CALLBACK, a_callback(town, CallSid=call_sid))
    town.work()
    assert (town.row.state, town.row.call_id, town.cases) == ("finished", None, [])
    assert [row.state for row in town.read(select(inbox))] == ["stored"]  # parked
    # The call becomes known a little later: what was kept before is its message.
    town.call(Script("1", "6", "1", HANG_UP), sid=call_sid)
    town.here.clock.forward(seconds=30)
    town.tell()
    town.work()
    one_message_in_one_case(town)


def test_case_27_words_of_a_call_that_stays_unknown_become_a_case_for_a_human(town: MessageTown) -> None:
    post(town, CALLBACK, a_callback(town))
    town.work()
    town.here.clock.forward(minutes=9)
    town.work()
    assert town.cases == []
    town.here.clock.forward(minutes=1)
    town.work()
    (case,), (call,) = town.cases, town.calls
    assert (call.case_id, call.sender_kind, call.ended_as) == (case.id, "unknown", "lost")
    # The alert to whoever has the case is said last.
    assert town.here.kinds(case.id)[-3:] == ["call.received", "recording.kept", "message.queued"]
    assert case.owner_id is not None
    assert open_tasks(town.here) == ["call_back"]
    # What is parked finds its call now, and nothing happens twice.
    town.here.clock.forward(minutes=20)
    town.here.receive()
    town.work()
    assert [row.state for row in town.read(select(inbox))] == ["taken"]
    assert (len(town.cases), len(town.calls), open_tasks(town.here)) == (1, 1, ["call_back"])


def test_a_recording_that_names_no_call_becomes_a_case_too(town: MessageTown) -> None:
    for _ in range(2):
        post(town, CALLBACK, a_callback(town, CallSid=""))
    town.here.clock.forward(minutes=11)
    town.work()
    assert [row.state for row in town.rows] == ["finished", "finished"]
    assert len(town.cases) == len(town.calls) == 2


def test_the_phone_of_such_a_call_is_learnt_from_news_of_its_end(town: MessageTown) -> None:
    form = a_callback(town)
    post(town, CALLBACK, form)
    town.here.clock.forward(minutes=11)
    town.work()
    ended = {
        "AccountSid": ACCOUNT, "CallSid": form["CallSid"], "CallStatus": "completed", "From": SOMEBODY,
        "To": NUMBER, "CallDuration": "40",
    }  # fmt: skip
    post(town, f"{PUBLIC}/twilio/voice/status", ended)
    with town.here.office.look() as uow:
        phones = uow.intake.phones([town.calls[0].contact_point_id])
    assert [phone.e164 for phone in phones.values()] == [SOMEBODY]
    # Their next text comes into the same case.
    assert town.here.a_case(sender=SOMEBODY) == town.cases[0].id


def test_what_was_left_while_we_were_out_of_order_is_a_message_like_any_other(town: MessageTown) -> None:
    form = a_callback(town) | {"From": SOMEBODY, "To": NUMBER, "Digits": "hangup"}
    assert "<Hangup" in post(town, GOODBYE, form)
    assert "<Hangup" in post(town, GOODBYE, form)
    ended = {**form, "CallStatus": "completed", "CallDuration": "40"}
    ended = {name: value for name, value in ended.items() if not name.startswith("Recording")}
    post(town, f"{PUBLIC}/twilio/voice/status", ended)
    post(town, CALLBACK, form)
    town.work()
    one_message_in_one_case(town)
    assert town.calls[0].contact_point_id is not None


def test_whoever_is_still_out_of_order_hangs_up_after_the_message(
    install: Callable[..., Installation],
) -> None:
    def break_down(point: str) -> None:
        if broken and point == "before_commit":
            raise OSError

    broken: list[bool] = []
    with a_message_town(install, passed=break_down) as town:
        broken.append(True)
        form = a_callback(town) | {"From": SOMEBODY, "To": NUMBER}
        answer = town.line.post(GOODBYE, form).body
    assert "<Hangup" in answer
    assert "<Record" not in answer


def test_somleng_tells_its_recordings_by_uuid_and_its_actions_by_address_alone(town: MessageTown) -> None:
    town.line.flavour = "somleng"
    town.call()
    assert [row.carrier_id for row in town.rows] == [town.at_carrier[0].sid]
    town.tell()
    town.work()
    (row,), (case,) = town.rows, town.cases
    assert row.state == "finished"
    assert len(town.kept(case.id)) == 1
    assert town.carrier.voice.deleted == [row.carrier_id]


def test_nothing_of_a_talk_between_people_is_kept(town: MessageTown) -> None:
    town.call(Script("1", HANG_UP))
    with town.here.office.work(town.here.clock.now()) as uow:
        call = uow.calls.locked(town.calls[0].id)
        assert call is not None
        uow.calls.save(replace(call, kind=Kind.BRIDGE))
    post(town, CALLBACK, a_callback(town, CallSid=town.calls[0].carrier_id))
    town.work()
    assert (town.rows, town.fetches) == ([], [])


@pytest.mark.parametrize("sid", ["RE/../../Calls/CA1", "../Messages", "RE1?x=y", "RE1#", "x" * 300, "RE%2e"])
def test_an_id_that_leads_elsewhere_is_never_asked_for(town: MessageTown, sid: str) -> None:
    town.call(Script("1", "6", "1", HANG_UP))
    town.tell()
    form = a_callback(town, CallSid=town.calls[0].carrier_id)
    post(town, CALLBACK, {**form, "RecordingSid": sid})
    asked = len(town.carrier.requests)
    town.work()
    assert len(town.carrier.requests) == asked
    assert (town.row.state, town.row.problem) == ("failed", "no_id")
    assert "recording_lost" in open_tasks(town.here)


def test_the_owner_is_told_and_nothing_of_it_names_the_caller(town: MessageTown) -> None:
    town.leave()
    town.here.clock.forward(minutes=16)
    town.work()
    (case,) = town.cases
    assert town.here.kinds(case.id).count("message.queued") == 2  # of the new case, and of the message
    told = town.read(select(entries.c.details).where(entries.c.action.like("recording.%")))
    assert told
    assert SOMEBODY.removeprefix("+") not in str(told)


def test_two_callers_are_two_cases(town: MessageTown) -> None:
    town.leave()
    town.leave(from_="+66812345679")
    assert town.work() == 4
    assert len(town.cases) == 2
    assert [len(town.kept(case.id)) for case in town.cases] == [1, 1]


def test_one_caller_who_calls_twice_leaves_two_messages_in_one_case(town: MessageTown) -> None:
    town.leave()
    town.leave(a_message(5))
    town.work()
    (case,) = town.cases
    assert sorted(kept["seconds"] for kept in town.kept(case.id)) == [5, SECONDS]


def test_a_carrier_that_is_down_for_a_while_is_asked_again_and_nothing_is_lost(town: MessageTown) -> None:
    town.leave()
    town.carrier.fail_next(*[BROKEN] * 3)
    for _ in range(4):
        town.work()
        town.here.clock.forward(minutes=1)
    assert (town.row.state, len(town.kept(town.cases[0].id))) == ("finished", 1)


@settings(max_examples=12)
@given(st.lists(st.sampled_from(["recording", "call", "work", "later", "doubled"]), max_size=8))
def test_whatever_comes_in_whatever_order_it_ends_as_one_message_in_one_case(
    install: Callable[..., Installation], order: list[str]
) -> None:
    with a_message_town(install) as town:
        town.here.a_worker(phone="+85510000200")
        town.call()
        callbacks: dict[str, Callback] = {callback.kind: callback for callback in town.line.pending}
        for what in order:
            match what:
                case "work":
                    town.work()
                case "later":
                    town.here.clock.forward(seconds=90)
                case "doubled":
                    town.tell(callbacks["recording"], times=2)
                case kind:
                    town.tell(callbacks[kind])
        town.tell(*callbacks.values())
        town.here.clock.forward(minutes=30)
        town.work()
        one_message_in_one_case(town)
        assert town.row.kept_at - town.row.announced_at < timedelta(hours=1)
