"""The call peer executes our documents as a carrier does, and forgives nothing that a carrier would not."""

from collections.abc import Mapping

import httpx
import pytest
from hypothesis import given

from tests.peers import Answer
from tests.peers.call_stub import (
    ACCOUNT,
    DUTY,
    HANGUP,
    OURS,
    PUBLIC,
    RECORD,
    THEIRS,
    XML,
    a_line,
    ring,
    stub,
)
from tests.peers.calls import HANG_UP, SILENCE, Ended, Line, Script, hangs_up, says, scripts
from tests.peers.twiml import Gather, Play, Record, Say


def test_the_first_request_says_what_a_carrier_says_of_a_call() -> None:
    line = a_line(f"<Play>/a.mp3</Play>{HANGUP}")
    heard = ring(line)
    form = stub(line).form("/twilio/voice")
    assert (form["CallSid"], form["AccountSid"], form["ApiVersion"]) == (heard.sid, ACCOUNT, "2010-04-01")
    assert (form["From"], form["Caller"], form["To"], form["Called"]) == (THEIRS, THEIRS, OURS, OURS)
    assert (form["CallStatus"], form["Direction"], form["FromCountry"]) == ("ringing", "inbound", "TH")
    assert (heard.ended, heard.status, heard.faults) == (Ended.HUNG_UP, "completed", [])
    assert heard.played == [f"{PUBLIC}/a.mp3"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(302, {"location": "/x"}, ""), "HTTP redirect 302"),
        (Answer(307, {"location": "/x"}, ""), "HTTP redirect 307"),
        (Answer(500, XML, "<Response/>"), "canned error"),
        (Answer(403, XML, "<Response/>"), "answered 403"),
        (Answer(201, XML, "<Response/>"), "answered 201"),
        (Answer(204, {}, ""), "answered 204"),
        (Answer(200, {"content-type": "application/json"}, "<Response/>"), "content type"),
        (Answer(200, {}, "<Response/>"), "content type"),
        (Answer(200, {"content-type": "text/xml; charset=tis-620"}, "<Response/>"), "charset"),
        (Answer(200, XML, "<Response>"), "not well-formed"),
        (Answer(200, XML, ""), "not well-formed"),
        (Answer(200, XML, "<Response>\ufffd</Response>"), "not UTF-8"),
        (Answer(200, XML, "<response/>"), "the root is <response>"),
        (Answer(200, XML, "<!DOCTYPE Response><Response/>"), "document type"),
        (Answer(200, XML, f"<Response><Play>/{'a' * 65_536}</Play></Response>"), "larger than 65536"),
    ],
)
def test_an_answer_that_is_no_document_drops_the_caller(answer: Answer, fault: str) -> None:
    heard = ring(a_line(answer))
    assert (heard.ended, len(heard.faults)) == (Ended.DROPPED, 1)
    assert fault in heard.faults[0]


def test_a_service_that_does_not_answer_is_a_canned_error() -> None:
    def silent(url: str, form: Mapping[str, str]) -> Answer:
        raise httpx.ReadTimeout(url)

    heard = ring(Line(silent, ACCOUNT, PUBLIC))
    assert (heard.ended, heard.faults, heard.requests) == (Ended.DROPPED, ["canned error: ReadTimeout"], 1)


def test_words_may_stand_in_a_section_of_their_own() -> None:
    heard = ring(a_line("<Say><![CDATA[one & two]]></Say>"))
    assert (heard.said, heard.faults) == ([Say("one & two")], [])


def test_a_document_of_exactly_the_largest_size_is_read() -> None:
    room = 65_536 - len("<Response><!----></Response>")
    heard = ring(a_line(Answer(200, XML, f"<Response><!--{'a' * room}--></Response>")))
    assert (heard.ended, heard.faults) == (Ended.RAN_OUT, [])
    assert len(heard.documents[0].raw) == 65_536


@pytest.mark.parametrize("flavour", ["twilio", "somleng"])
@pytest.mark.parametrize("element", ["Pause", "Enqueue", "Conference", "Sms", "Leave", "play"])
def test_an_element_outside_the_portable_set_drops_the_caller_where_it_stands(
    element: str, flavour: str
) -> None:
    heard = ring(a_line(f"<Play>/a.mp3</Play><{element}/><Play>/b.mp3</Play>", flavour=flavour))
    assert (heard.ended, heard.faults) == (Ended.DROPPED, [f"Invalid element <{element}>"])
    assert heard.played == [f"{PUBLIC}/a.mp3"]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ('<Play volume="3">/a.mp3</Play>', "unknown attribute volume"),
        ('<Play loop="0">/a.mp3</Play>', "loop='0'"),
        ("<Play/>", "no URL"),
        ("<Play>ftp://a.example/a.mp3</Play>", "no URL"),
        ("<Play><Say>a</Say></Play>", "elements inside"),
        ("words", "words inside"),
        ("<Say/>", "0 characters"),
        (f"<Say>{'a' * 4097}</Say>", "4097 characters"),
        ("<Say>សួស្តី</Say>", "speaks Khmer"),
        ('<Say language="km-KH">hello</Say>', "speaks Khmer"),
        ('<Gather input="dtmf speech"/>', "more than keys"),
        ('<Gather speechTimeout="2"/>', "unknown attribute speechTimeout"),
        ('<Gather numDigits="0"/>', "numDigits='0'"),
        ('<Gather timeout="auto"/>', "timeout='auto'"),
        ('<Gather finishOnKey="12"/>', "too long"),
        ('<Gather finishOnKey="x"/>', "no keypad"),
        ('<Gather actionOnEmptyResult="yes"/>', "neither true nor false"),
        ('<Gather method="GET"/>', "take POST"),
        ("<Gather><Pause/></Gather>", "Invalid element <Pause>"),
        ('<Gather><Play quiet="1">/a</Play></Gather>', "unknown attribute quiet"),
        ('<Gather action=""/>', "no URL"),
        ('<Record transcribe="true"/>', "unknown attribute transcribe"),
        ('<Record maxLength="99999"/>', "maxLength='99999'"),
        ('<Record playBeep="1"/>', "neither true nor false"),
        ('<Record recordingStatusCallbackEvent="completed failed"/>', "knows no failed"),
        ('<Record trim="yes"/>', "no known way"),
        ("<Dial/>", "rings 0 numbers"),
        ("<Dial>+85512345678</Dial>", "words inside"),
        ("<Dial><Sip>sip:a@b.example</Sip></Dial>", "Invalid element <Sip>"),
        ("<Dial><Number>012345678</Number></Dial>", "no international number"),
        (f'<Dial callerId="Spean"><Number>{DUTY}</Number></Dial>', "callerId"),
        (f'<Dial record="true"><Number>{DUTY}</Number></Dial>', "unknown attribute record"),
        (f'<Dial timeout="4"><Number>{DUTY}</Number></Dial>', "timeout='4'"),
        (f'<Dial><Number statusCallbackEvent="busy">{DUTY}</Number></Dial>', "knows no busy"),
        (f'<Dial><Number byoc="a">{DUTY}</Number></Dial>', "unknown attribute byoc"),
        ("<Redirect/>", "no URL"),
        ('<Hangup now="true"/>', "unknown attribute now"),
        ('<Reject reason="tired"/>', "no reason 'tired'"),
    ],
)
def test_a_fault_is_found_in_any_part_of_a_document(document: str, fault: str) -> None:
    heard = ring(a_line(f"<Hangup/>{document}"))
    assert heard.ended is Ended.HUNG_UP
    assert any(fault in found for found in heard.faults), heard.faults


def test_reject_does_not_answer_and_says_why() -> None:
    for reason, status in (("busy", "busy"), ("rejected", "no-answer")):
        line = a_line(f'<Reject reason="{reason}"/>', status_url=f"{PUBLIC}/status")
        heard = ring(line)
        assert (heard.ended, heard.status, heard.answered) == (Ended.REJECTED, status, False)
        assert (heard.seconds, heard.faults) == (0, [])
        form = stub(line).form("/status")
        assert (form["CallStatus"], form["CallDuration"]) == (status, "0")


@pytest.mark.parametrize(
    "documents", [("<Play>/a.mp3</Play><Reject/>",), ("<Redirect>/1</Redirect>", "<Reject/>")]
)
def test_reject_anywhere_but_at_the_very_beginning_is_a_fault(documents: tuple[str, ...]) -> None:
    heard = ring(a_line(*documents))
    assert heard.ended is Ended.DROPPED
    assert heard.faults == ["<Reject> is not the first verb of the first document"]


def test_an_answered_call_of_ours_cannot_be_rejected() -> None:
    heard = a_line("<Reject/>").call(THEIRS, OURS, Script(), direction="outbound-api")
    assert heard.ended is Ended.DROPPED


def test_relative_urls_are_those_of_the_document() -> None:
    line = a_line(
        "<Redirect>/calls/7/menu</Redirect>",
        at={"/calls/7/menu": "<Gather action='keys'><Play>../a.mp3</Play></Gather>"},
    )
    heard = ring(line, "1")
    assert heard.played == [f"{PUBLIC}/calls/a.mp3"]
    assert stub(line).paths == ["/twilio/voice", "/calls/7/menu", "/calls/7/keys"]


def test_a_prompt_that_is_no_sound_is_a_fault() -> None:
    kinds = {f"{PUBLIC}/a.mp3": Answer(200, {"content-type": "audio/mpeg"}, "")}
    kinds[f"{PUBLIC}/b.mp3"] = Answer(404, {"content-type": "text/html"}, "")
    heard = ring(a_line("<Play>/a.mp3</Play><Play>/b.mp3</Play>", fetch=kinds.__getitem__))
    assert heard.faults == [f"'{PUBLIC}/b.mp3' is no sound: 404 text/html"]


def test_say_is_heard_with_its_language() -> None:
    heard = ring(a_line('<Say language="th-TH">สวัสดี</Say>'))
    assert heard.said == [Say("สวัสดี", "th-TH")]
    assert heard.ended is Ended.RAN_OUT


@pytest.mark.parametrize(
    ("attributes", "pressed", "digits"),
    [
        ('numDigits="1"', "123", "1"),
        ('numDigits="3"', "12", "12"),
        ("", "12#3", "12"),
        ('finishOnKey="*"', "1#*3", "1#"),
        ('finishOnKey=""', "1#*", "1#*"),
    ],
)
def test_keys_end_by_number_by_the_finishing_key_or_by_waiting(
    attributes: str, pressed: str, digits: str
) -> None:
    line = a_line(f'<Gather action="/1" {attributes}><Play>/a.mp3</Play></Gather>')
    heard = ring(line, pressed)
    assert (heard.digits, heard.faults) == ([digits], [])
    assert stub(line).form("/1")["Digits"] == digits
    assert stub(line).form("/1")["CallStatus"] == "in-progress"


def test_no_key_falls_through_unless_an_empty_result_is_wanted() -> None:
    line = a_line('<Gather action="/1"/><Redirect>/2</Redirect>')
    assert ring(line, SILENCE).digits == [None]
    assert stub(line).paths == ["/twilio/voice", "/2"]
    line = a_line('<Gather action="/1" actionOnEmptyResult="true"/><Redirect>/2</Redirect>')
    ring(line, SILENCE)
    assert stub(line).paths == ["/twilio/voice", "/1"]
    assert "Digits" not in stub(line).form("/1")


def test_the_finishing_key_alone_is_an_empty_result() -> None:
    line = a_line('<Gather action="/1" actionOnEmptyResult="true"/>')
    assert ring(line, "#").digits == [None]
    assert stub(line).form("/1")["Digits"] == ""
    line = a_line('<Gather action="/1" actionOnEmptyResult="true"/>', flavour="somleng")
    ring(line, "#")
    assert "Digits" not in stub(line).form("/1")


def test_a_key_cuts_the_prompts_off() -> None:
    document = '<Gather numDigits="1" action="/1"><Play>/a</Play><Say>hello you</Say></Gather>'
    pressed, silent = ring(a_line(document), "1"), ring(a_line(document), SILENCE)
    assert pressed.seconds < 1 < silent.seconds
    assert pressed.played == silent.played == [f"{PUBLIC}/a"]


def test_gather_and_record_without_an_action_ask_for_their_own_document_until_the_limit() -> None:
    for verb, step in (("<Gather numDigits='1'/>", "1"), ("<Record/>", says(3))):
        line = a_line(verb)
        heard = ring(line, *[step] * 12)
        assert (heard.ended, heard.faults) == (Ended.TOO_MANY_DOCUMENTS, ["more than 10 documents"])
        assert stub(line).paths == ["/twilio/voice"] * 10


def test_a_smaller_limit_of_documents_holds() -> None:
    heard = ring(a_line("<Redirect>/twilio/voice</Redirect>", most_documents=3))
    assert (heard.ended, heard.requests) == (Ended.TOO_MANY_DOCUMENTS, 3)


def test_a_message_is_told_to_the_action_and_after_the_call_to_the_callback() -> None:
    line = a_line(RECORD)
    heard = ring(line, says(12.7, "#"))
    (recorded,) = heard.recordings
    form = stub(line).form("/1")
    assert (form["RecordingDuration"], form["Digits"]) == ("12", "#")
    assert form["RecordingUrl"] == (
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recorded.sid}"
    )
    told = stub(line).form("/recording")
    assert (told["RecordingStatus"], told["RecordingSid"]) == ("completed", recorded.sid)
    assert (told["RecordingDuration"], told["CallSid"]) == ("12", heard.sid)
    assert stub(line).paths == ["/twilio/voice", "/1", "/recording"]


def test_a_message_ends_by_silence_by_a_finishing_key_or_by_its_length() -> None:
    for step, seconds, digits in (
        (says(12), 12, None),
        (says(12, "1"), 12, None),
        (says(500, "#"), 120, None),
        (says(0.4, "#"), 0, "#"),
    ):
        line = a_line(RECORD)
        (recorded,) = ring(line, step).recordings
        assert (recorded.seconds, recorded.digits, recorded.absent) == (seconds, digits, False)
        assert stub(line).form("/1").get("Digits") == digits


def test_an_empty_message_asks_no_action_and_is_told_as_absent() -> None:
    for step in (SILENCE, "#", says(0)):
        line = a_line(RECORD)
        heard = ring(line, step)
        assert heard.recordings[0].absent
        assert stub(line).paths == ["/twilio/voice", "/2", "/recording"]
        told = stub(line).form("/recording")
        assert told["RecordingStatus"] == "absent"
        assert "RecordingDuration" not in told


def test_an_absent_recording_is_told_only_when_asked_for() -> None:
    line = a_line('<Record recordingStatusCallback="/recording"/>')
    ring(line, SILENCE)
    assert stub(line).paths == ["/twilio/voice"]


def test_a_hang_up_in_a_message_keeps_what_was_said_and_hears_no_answer() -> None:
    line = a_line(RECORD, "<Play>/never</Play>")
    heard = ring(line, hangs_up(7))
    assert (heard.ended, heard.recordings[0].seconds, heard.played) == (Ended.LEFT, 7, [])
    form = stub(line).form("/1")
    assert (form["Digits"], form["RecordingDuration"], form["CallStatus"]) == ("hangup", "7", "completed")
    assert stub(line).form("/recording")["RecordingStatus"] == "completed"


def test_a_message_that_is_full_ends_before_its_caller_leaves() -> None:
    line = a_line(RECORD, "<Play>/thanks.mp3</Play>")
    heard = ring(line, hangs_up(500))
    assert (heard.recordings[0].seconds, heard.played) == (120, [f"{PUBLIC}/thanks.mp3"])
    assert "Digits" not in stub(line).form("/1")


def test_an_action_that_fails_after_a_hang_up_is_a_fault() -> None:
    heard = ring(a_line(RECORD, Answer(500, XML, "")), hangs_up(7))
    assert heard.faults == ["our service answered 500 after a hang-up"]


def test_a_hang_up_before_the_first_word_leaves_nothing() -> None:
    line = a_line(RECORD)
    assert ring(line, HANG_UP).recordings[0].absent
    assert stub(line).paths == ["/twilio/voice", "/recording"]


def test_the_action_of_a_caller_who_is_gone_may_never_come() -> None:
    line = a_line(RECORD, tells_of_hangups=False)
    ring(line, hangs_up(7))
    assert stub(line).paths == ["/twilio/voice", "/recording"]


def test_somleng_keeps_the_silence_and_tells_no_key() -> None:
    line = a_line(RECORD, flavour="somleng")
    heard = ring(line, SILENCE)
    assert heard.recordings[0].seconds == 5
    form = stub(line).form("/1")
    assert form["RecordingDuration"] == "5"
    assert not {"Digits", "RecordingSid"} & form.keys()
    assert f"/Calls/{heard.sid}/Recordings/" in form["RecordingUrl"]
    assert len(heard.sid) == 36


def test_callers_may_hang_up_at_any_verb_and_at_any_question() -> None:
    document = '<Play>/a.mp3</Play><Gather action="/1"/><Record action="/1"/>'
    assert ring(a_line(document), hang_up_at=0).verbs == []
    assert ring(a_line(document), hang_up_at=1).verbs == [Play("/a.mp3")]
    heard = ring(a_line(document), HANG_UP)
    assert [type(verb) for verb in heard.verbs] == [Play, Gather]
    heard = ring(a_line(document), SILENCE, HANG_UP)
    assert [type(verb) for verb in heard.verbs] == [Play, Gather, Record]
    assert heard.ended is Ended.LEFT
    assert ring(a_line(document, status_url=f"{PUBLIC}/status"), hang_up_at=0).status == "no-answer"


def test_callbacks_wait_for_the_test_that_wants_them_late_twice_or_out_of_order() -> None:
    line = a_line(RECORD, auto=False, status_url=f"{PUBLIC}/status")
    ring(line, says(3))
    assert [one.status for one in line.pending] == ["completed", "completed"]
    assert stub(line).paths == ["/twilio/voice", "/1"]
    recording, status = line.pending
    assert len(line.deliver(status, times=2)) == 2
    line.deliver_all([recording, status])
    assert line.pending == []
    assert stub(line).paths[2:] == ["/status", "/status", "/recording", "/status"]
    assert [one.kind for one, _ in line.delivered] == ["call", "call", "recording", "call"]


def test_a_callback_that_is_not_taken_is_a_fault() -> None:
    heard = ring(a_line(RECORD, at={"/recording": Answer(500, {}, "")}), says(3))
    assert heard.faults == ["a recording callback was answered 500"]


def test_nothing_is_ever_posted_to_a_stranger() -> None:
    heard = ring(a_line("<Redirect>https://elsewhere.example/a</Redirect>"))
    assert (heard.ended, heard.requests) == (Ended.DROPPED, 1)
    assert "is not below" in heard.faults[0]


@given(caller=scripts())
def test_whoever_calls_a_correct_service_the_call_ends_without_a_fault(caller: Script) -> None:
    menu = '<Gather numDigits="1" action="/1" actionOnEmptyResult="true"><Play>/a.mp3</Play></Gather>'
    line = a_line(menu, f"<Play>/b.mp3</Play>{RECORD}", HANGUP)
    heard = line.call(THEIRS, OURS, caller)
    assert heard.faults == []
    assert heard.ended in {Ended.HUNG_UP, Ended.LEFT, Ended.TOO_MANY_DOCUMENTS, Ended.RAN_OUT}
    told = sum(not one.absent and one.digits == "hangup" for one in heard.recordings)
    assert heard.requests == len(heard.documents) + len(line.delivered) + told
    assert line.pending == []
