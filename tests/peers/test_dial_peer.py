"""The call peer rings other phones as a carrier does, and makes the calls that it was asked for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.peers import Answer
from tests.peers.call_stub import ACCOUNT, DUTY, OURS, PUBLIC, THEIRS, XML, a_line, ring, stub
from tests.peers.calls import (
    BUSY,
    HANG_UP,
    NO_ANSWER,
    UNREACHABLE,
    VOICEMAIL,
    Ended,
    Heard,
    Line,
    Picks,
    hangs_up,
    in_turn,
    picks_up,
)
from tests.peers.voice import Call

DIAL = (
    '<Dial action="/1" timeout="25" callerId="+855312345678" timeLimit="600" answerOnBridge="true">'
    '<Number url="/whisper" statusCallback="/child"'
    f' statusCallbackEvent="initiated ringing answered completed">{DUTY}</Number>'
    "</Dial><Redirect>/2</Redirect>"
)
WHISPER = '<Gather numDigits="1" action="/accepted"><Play>/press-1.mp3</Play></Gather><Hangup/>'


def dialled(picks: Picks, *steps: Any, **changes: Any) -> tuple[Line, Heard]:
    line = a_line(DIAL, at={"/whisper": WHISPER, "/accepted": ""}, answers=in_turn(picks), **changes)
    return line, ring(line, *steps)


@pytest.mark.parametrize(
    ("picks", "status"),
    [
        (BUSY, "busy"), (NO_ANSWER, "no-answer"), (UNREACHABLE, "failed"), (VOICEMAIL, "no-answer"),
        (picks_up(), "no-answer"), (picks_up(HANG_UP), "no-answer"),
        (picks_up("1", after_seconds=26), "no-answer"), (picks_up("1"), "completed"),
    ],
)  # fmt: skip
def test_the_action_learns_what_became_of_the_other_phone(picks: Picks, status: str) -> None:
    line, heard = dialled(picks)
    (one,) = heard.dials
    form = stub(line).form("/1")
    assert (one.number, one.timeout, one.caller_id, one.result) == (DUTY, 25, OURS, status)
    assert (form["DialCallStatus"], form["DialCallSid"], form["CallSid"]) == (status, one.sid, heard.sid)
    assert form.get("DialCallDuration") == ("60" if status == "completed" else None)
    assert heard.faults == []
    assert heard.answered == (status == "completed")
    told = [form for path, form in stub(line).asked if path == "/child"]
    assert told[-1]["CallStatus"] == status
    assert {form["ParentCallSid"] for form in told} == {heard.sid}


def test_the_other_phone_hears_its_own_document_first() -> None:
    line, heard = dialled(picks_up("1", talks_seconds=1000))
    whisper = heard.dials[0].whisper
    assert whisper is not None
    assert (whisper.played, whisper.digits) == ([f"{PUBLIC}/press-1.mp3"], ["1"])
    form = stub(line).form("/whisper")
    assert (form["To"], form["From"], form["Direction"]) == (DUTY, OURS, "outbound-dial")
    assert (form["ParentCallSid"], form["CallSid"]) == (heard.sid, heard.dials[0].sid)
    assert heard.dials[0].seconds == 600
    told = [form["CallStatus"] for path, form in stub(line).asked if path == "/child"]
    assert told == ["initiated", "ringing", "in-progress", "completed"]


def test_a_whisper_can_neither_record_nor_dial_nor_reject() -> None:
    for verb in ("<Record/>", f"<Dial><Number>{DUTY}</Number></Dial>", "<Reject/>"):
        line = a_line(DIAL, at={"/whisper": verb}, answers=in_turn(picks_up("1")))
        heard = ring(line)
        assert heard.dials[0].result == "no-answer"
        assert "in a whisper" in heard.faults[0]


def test_a_caller_who_gives_up_cancels_the_ringing_or_cuts_the_talk() -> None:
    line, heard = dialled(NO_ANSWER, hangs_up(10))
    assert (heard.ended, heard.dials[0].result, heard.seconds) == (Ended.LEFT, "canceled", 10)
    assert stub(line).form("/1")["DialCallStatus"] == "canceled"
    line, heard = dialled(picks_up(), hangs_up(10))  # in the middle of the whisper
    assert (heard.dials[0].result, heard.seconds) == ("canceled", 10)
    line, heard = dialled(picks_up("1"), hangs_up(8.2))
    assert (heard.ended, heard.dials[0].result, heard.seconds) == (Ended.LEFT, "canceled", 8.2)
    line, heard = dialled(picks_up("1", talks_seconds=300), hangs_up(100))
    assert (heard.ended, heard.dials[0].result) == (Ended.LEFT, "completed")
    assert 80 < heard.dials[0].seconds < 100
    assert stub(line).form("/1")["CallStatus"] == "completed"


def test_of_phones_that_ring_together_the_first_to_accept_is_connected() -> None:
    numbers = "".join(f'<Number url="/whisper">+8551234567{i}</Number>' for i in range(3))
    picks = {"+85512345670": picks_up("1", after_seconds=9), "+85512345671": VOICEMAIL, "+85512345672": BUSY}
    line = a_line(
        f'<Dial action="/1">{numbers}</Dial>',
        at={"/whisper": WHISPER, "/accepted": ""},
        answers=picks.__getitem__,
    )
    heard = ring(line)
    assert [one.result for one in heard.dials] == ["completed", "canceled", "busy"]


def test_without_an_action_the_flow_goes_on_behind_the_dial() -> None:
    line = a_line(f"<Dial><Number>{DUTY}</Number></Dial><Redirect>/2</Redirect>", answers=in_turn(picks_up()))
    assert ring(line).dials[0].result == "completed"
    assert stub(line).paths == ["/twilio/voice", "/2"]


def test_somleng_plays_nothing_to_who_picks_up_and_names_no_call_that_failed() -> None:
    line, heard = dialled(picks_up(), flavour="somleng")
    assert "Somleng plays nothing" in heard.faults[0]
    assert (heard.dials[0].result, heard.dials[0].whisper) == ("completed", None)
    line, heard = dialled(BUSY, flavour="somleng")
    assert "DialCallSid" not in stub(line).form("/1")
    assert stub(line).paths == ["/twilio/voice", "/1"]


def a_call(**params: str) -> Call:
    """A call that our service asked for."""
    asked = {
        "To": THEIRS,
        "From": OURS,
        "Url": f"{PUBLIC}/twilio/voice",
        "StatusCallback": f"{PUBLIC}/status",
    }
    asked["StatusCallbackEvent"] = "initiated ringing answered completed"
    return Call("CA" + "1" * 32, THEIRS, OURS, datetime.now(UTC), asked | params)


def statuses(line: Line) -> list[str]:
    return [form["CallStatus"] for path, form in stub(line).asked if path == "/status"]


def test_a_call_of_ours_rings_is_answered_and_runs_its_document() -> None:
    line = a_line('<Gather action="/1" numDigits="1"><Play>/a.mp3</Play></Gather>')
    call = a_call()
    heard = line.outgoing(call, picks_up("1"))
    assert statuses(line) == ["initiated", "ringing", "in-progress", "completed"]
    assert (heard.digits, heard.ended, heard.faults) == (["1"], Ended.HUNG_UP, [])
    form = stub(line).form("/twilio/voice")
    assert (form["CallStatus"], form["Direction"], form["CallSid"]) == (
        "in-progress",
        "outbound-api",
        call.sid,
    )
    assert (form["From"], form["To"], "AnsweredBy" in form) == (OURS, THEIRS, False)
    told = stub(line).form("/status")
    assert (told["SequenceNumber"], told["CallbackSource"]) == ("3", "call-progress-events")
    assert told["CallDuration"] == str(call.seconds)
    assert call.status == "completed"


@pytest.mark.parametrize(
    ("picks", "status"),
    [
        (BUSY, "busy"), (NO_ANSWER, "no-answer"), (UNREACHABLE, "failed"),
        (picks_up(after_seconds=26), "no-answer"),
    ],
)  # fmt: skip
def test_a_call_of_ours_that_reaches_nobody_runs_no_document(picks: Picks, status: str) -> None:
    line, call = a_line(), a_call(Timeout="25")
    heard = line.outgoing(call, picks)
    assert statuses(line) == ["initiated", "ringing", status]
    assert stub(line).form("/status")["CallDuration"] == "0"
    assert (heard.ended, heard.documents, call.status) == (Ended.NOT_ANSWERED, [], status)


def test_only_what_was_asked_for_is_told() -> None:
    line = a_line()
    line.outgoing(a_call(StatusCallbackEvent="answered"), picks_up())
    assert statuses(line) == ["in-progress"]
    line = a_line()
    line.outgoing(Call("CA1", THEIRS, OURS, datetime.now(UTC), {"Url": f"{PUBLIC}/twilio/voice"}), BUSY)
    assert stub(line).asked == []


def test_somleng_numbers_no_callback() -> None:
    line = a_line(flavour="somleng")
    line.outgoing(a_call(), picks_up())
    assert {form["SequenceNumber"] for path, form in stub(line).asked if path == "/status"} == {"0"}
    assert stub(line).form("/status")["CallDuration"].isdigit()


@pytest.mark.parametrize(
    ("picks", "mode", "who"),
    [
        (picks_up(), "Enable", "human"), (VOICEMAIL, "Enable", "machine_start"),
        (VOICEMAIL, "DetectMessageEnd", "machine_end_beep"),
    ],
)  # fmt: skip
def test_who_answered_is_told_only_when_asked(picks: Picks, mode: str, who: str) -> None:
    line = a_line()
    line.outgoing(a_call(MachineDetection=mode), picks)
    assert stub(line).form("/twilio/voice")["AnsweredBy"] == who
    line = a_line()
    line.outgoing(
        a_call(MachineDetection=mode, AsyncAmd="true", AsyncAmdStatusCallback=f"{PUBLIC}/machine"), picks
    )
    assert "AnsweredBy" not in stub(line).form("/twilio/voice")
    assert stub(line).form("/machine")["AnsweredBy"] == who


def test_a_call_of_ours_that_was_canceled_rings_nobody() -> None:
    line, call = a_line(), a_call()
    call.status = "canceled"
    heard = line.outgoing(call, picks_up("1"))
    assert (statuses(line), heard.documents) == (["canceled"], [])
    assert (call.status, heard.ended) == ("canceled", Ended.NOT_ANSWERED)


def test_a_call_that_is_ended_through_the_api_stops_at_the_next_document() -> None:
    call = a_call()

    def ends(url: str, form: Mapping[str, str]) -> Answer:
        if url.endswith("/1"):
            call.status = "completed"
        return Answer(200, XML, "<Response><Redirect>/1</Redirect></Response>")

    heard = Line(ends, ACCOUNT, PUBLIC).outgoing(call, picks_up())
    assert (heard.ended, heard.status, len(heard.documents)) == (Ended.STOPPED, "completed", 2)


def test_a_call_of_ours_without_an_address_is_a_fault() -> None:
    heard = a_line().outgoing(
        Call("CA1", THEIRS, OURS, datetime.now(UTC), {"Twiml": "<Response/>"}), picks_up()
    )
    assert heard.faults == ["the call has no Url, and this line runs no other document"]
