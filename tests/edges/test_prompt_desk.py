"""Recording prompts by phone: a worker calls, types the PIN, reads aloud, listens, and keeps."""

from typing import Any

import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app.calls.rules.sounds import MOST_BYTES
from app.calls.tables import calls
from app.cases.tables import cases, tasks
from app.channels.twilio.desk import DeskDoor
from app.crypto.passwords import hash_password
from app.identity.tables import workers
from app.intake.tables import contact_points, inbox
from app.kernel.language import Language
from app.usecases import prompting, recording_desk
from tests.makers import Installation
from tests.peers.calls import (
    HANG_UP,
    Ended,
    Heard,
    Line,
    Script,
    fetched_by_client,
    hangs_up,
    posted_by_client,
    says,
)
from tests.peers.twilio import FakeTwilio
from tests.peers.voice import Voice
from tests.prompt_desk import PHONE, PIN, Carrier, Desk
from tests.sounds import a_wav
from tests.twilio_town import ACCOUNT, NUMBER, PUBLIC, SETTINGS, SOMEBODY, TOKEN

FIRST, SECOND, THIRD = "ivr.consent", "ivr.danger", "ivr.gate"


BOTH_CARRIERS = pytest.mark.parametrize("desk", ["twilio", "somleng"], indirect=True)


@pytest.fixture(name="desk")
def _desk(request: pytest.FixtureRequest, install: Any) -> Desk:
    here: Installation = install(**SETTINGS, twilio_voice_numbers=NUMBER)
    worker = here.a_worker(username="sophea", phone=PHONE)
    voice = Voice(ACCOUNT, [NUMBER], here.clock.now)
    carrier = Carrier(voice)
    wired = here.application
    door = DeskDoor(wired.voice_door, wired.prompt_files, lambda: carrier, pauses=(0, 0))
    client = TestClient(Starlette(routes=[
        Route("/twilio/voice", door.voice.began, methods=["POST"]),
        Route("/twilio/voice/next/{at:int}", door.voice.next, methods=["POST"]),
        Route("/twilio/voice/desk/{at:int}", door.next, methods=["POST"]),
        Route("/prompts/{address}", wired.prompt_door.get),
    ]))  # fmt: skip
    line = Line(
        posted_by_client(client, TOKEN), ACCOUNT, PUBLIC, flavour=getattr(request, "param", "twilio"),
        fetch=fetched_by_client(client), voice=voice, most_documents=50,
    )  # fmt: skip
    return Desk(here, worker, carrier, line, client)


def test_the_whole_application_fetches_from_the_carrier_and_deletes_there(install: Any) -> None:
    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, numbers=[NUMBER]) as carrier:
        here: Installation = install(**SETTINGS, twilio_api_base_url=carrier.base_url)
        here.a_worker(username="sophea", phone=PHONE)
        now = here.clock.now()
        with here.office.work(now) as uow:
            pin = hash_password(PIN, cheap=True)
            recording_desk.open_desk(uow, "sophea", Language.KM, pin, now=now)
        line = Line(
            posted_by_client(here.client, TOKEN), ACCOUNT, PUBLIC, fetch=fetched_by_client(here.client),
            voice=carrier.voice, most_documents=50,
        )  # fmt: skip
        heard = line.call(PHONE, NUMBER, Script(f"{PIN}#", says(4, "#"), "1", HANG_UP))
        assert heard.faults == []
        assert carrier.voice.deleted == [heard.recordings[0].sid]
        with here.office.look() as uow:
            kept = uow.prompts.get(FIRST, "km")
        assert kept is not None
        assert kept.sound.media_type == "audio/mpeg"
        assert 3900 <= kept.sound.milliseconds <= 4100


def asks_for_pin(heard: Heard) -> bool:
    return any("Type your PIN" in said.text for said in heard.said)


@BOTH_CARRIERS
def test_a_worker_reads_listens_and_keeps_and_callers_hear_it(desk: Desk) -> None:
    waiting = desk.open().waiting
    heard = desk.call(f"{PIN}#", says(4, "#"), "1", says(5, "#"), "1", HANG_UP)
    assert [said.text for said in heard.said][:3] == [
        "This is the recording desk. Type your PIN, then press the hash key.",
        f"{len(waiting)} prompts are waiting.",
        "Look for each number in the list. After the tone, read its words aloud, then press the hash key.",
    ]
    assert any("Number 2." in said.text for said in heard.said)
    # Somleng keeps the silence at the end as well.
    assert desk.recorded() in ({FIRST: 4.0, SECOND: 5.0}, {FIRST: 9.0, SECOND: 10.0})
    assert desk.carrier.held == []
    with desk.here.office.look() as uow:
        menu_of_danger = uow.prompts.addresses([SECOND], "km")[SECOND]
    caller = desk.call("1", HANG_UP, from_=SOMEBODY)
    assert f"{PUBLIC}/prompts/{menu_of_danger}" in caller.played
    assert all(said.text != "If you are in danger now, press 0." for said in caller.said)


def test_what_is_played_back_is_what_was_just_recorded(desk: Desk) -> None:
    desk.open()
    heard = desk.call(f"{PIN}#", says(4, "#"), "2", says(6, "#"), HANG_UP)
    first, second = heard.played
    assert first != second
    assert desk.client.get(first.removeprefix(PUBLIC)).status_code == 404
    assert desk.client.get(second.removeprefix(PUBLIC)).content[:4] == b"RIFF"
    assert desk.recorded() == {}


def test_another_try_takes_the_place_of_the_first(desk: Desk) -> None:
    desk.open()
    desk.call(f"{PIN}#", says(4, "#"), "2", says(6, "#"), "1", HANG_UP)
    assert desk.recorded() == {FIRST: 6.0}
    assert desk.carrier.held == []


def test_what_is_skipped_is_not_asked_for_again_at_this_desk(desk: Desk) -> None:
    desk.open()
    desk.call(f"{PIN}#", says(4, "#"), "3", says(4, "#"), "1", HANG_UP)
    assert set(desk.recorded()) == {SECOND}
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert set(desk.recorded()) == {SECOND, THIRD}
    desk.open()
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert set(desk.recorded()) == {FIRST, SECOND, THIRD}


@pytest.mark.parametrize("at", [1, 2, 4, 5, 6, 7, 8, 9, 11])
def test_a_hang_up_at_any_point_loses_nothing_that_was_kept(desk: Desk, at: int) -> None:
    desk.open()
    steps = (f"{PIN}#", says(4, "#"), "1", says(5, "#"), "1")
    heard = desk.call(*steps, hang_up_at=at)
    kept = set(desk.recorded())
    assert kept == {FIRST, SECOND} - set([FIRST, SECOND][heard.digits.count("1") :])
    desk.call(f"{PIN}#", *(step for _ in range(3) for step in ("1", says(3, "#"))), HANG_UP)
    assert kept <= set(desk.recorded())


def test_a_sound_that_was_not_decided_on_is_played_first_in_the_next_call(desk: Desk) -> None:
    desk.open()
    desk.call(f"{PIN}#", says(4, "#"), HANG_UP)
    assert desk.recorded() == {}
    desk.call(f"{PIN}#", "1", HANG_UP)
    assert desk.recorded() == {FIRST: 4.0}


@BOTH_CARRIERS
def test_a_hang_up_while_reading_keeps_the_sound_as_a_draft(desk: Desk) -> None:
    desk.open()
    desk.call(f"{PIN}#", hangs_up(3))
    assert desk.recorded() == {}
    assert desk.carrier.held == []
    heard = desk.call(f"{PIN}#", "1", HANG_UP)
    assert len(heard.played) == 1
    assert set(desk.recorded()) == {FIRST}


def test_three_wrong_pins_close_the_desk_in_whatever_call(desk: Desk) -> None:
    desk.open()
    assert desk.call("111111#", "222222#", HANG_UP).recordings == []
    desk.call("333333#")
    heard = desk.call(f"{PIN}#", HANG_UP)
    assert not asks_for_pin(heard)
    assert heard.recordings == []
    assert desk.deeds().count("prompt.wrong_pin") == 3
    desk.open()
    assert desk.call(f"{PIN}#", HANG_UP).gathers[0].digits == PIN
    assert desk.deeds().count("prompt.desk_entered") == 1


def test_silence_at_the_door_ends_the_call_and_is_no_wrong_pin(desk: Desk) -> None:
    desk.open()
    heard = desk.call()
    assert heard.ended is Ended.HUNG_UP
    assert len(heard.gathers) == 3
    assert "prompt.wrong_pin" not in desk.deeds()


@pytest.mark.parametrize("who", ["+85510000778", "anonymous", "+266696687"])
def test_nobody_else_hears_of_the_desk(desk: Desk, who: str) -> None:
    desk.open()
    assert not asks_for_pin(desk.call(HANG_UP, from_=who))


def test_a_desk_that_is_over_or_of_a_worker_who_left_is_not_offered(desk: Desk) -> None:
    desk.open()
    desk.here.clock.forward(minutes=31)
    assert not asks_for_pin(desk.call(HANG_UP))
    desk.open()
    assert asks_for_pin(desk.call(HANG_UP))
    with desk.here.office.database.write() as connection:
        connection.execute(update(workers).values(active=False))
    assert not asks_for_pin(desk.call(HANG_UP))


def test_a_desk_call_is_kept_and_audited_and_is_no_intake(desk: Desk) -> None:
    desk.open()
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert desk.count(calls) == 1
    assert [desk.count(table) for table in (inbox, contact_points, cases, tasks)] == [0, 0, 0, 0]
    assert [deed for deed in desk.deeds() if deed.startswith(("prompt", "call"))] == [
        "prompt.desk_opened", "call.received", "prompt.desk_entered", "prompt.recorded",
    ]  # fmt: skip


def test_a_sound_that_comes_late_is_waited_for_and_one_that_never_comes_is_asked_for_again(
    desk: Desk,
) -> None:
    desk.open()
    desk.carrier.not_there = 2
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert set(desk.recorded()) == {FIRST}
    desk.carrier.not_there = 3
    heard = desk.call(f"{PIN}#", says(4, "#"), says(4, "#"), "1", HANG_UP)
    assert any("read it again" in said.text for said in heard.said)
    assert set(desk.recorded()) == {FIRST, SECOND}


@pytest.mark.parametrize("content", [b"<html>", a_wav(0.1), bytes(MOST_BYTES + 1)])
def test_what_is_no_sound_is_not_taken(desk: Desk, content: bytes) -> None:
    desk.open()
    desk.carrier.sounds["next"] = content
    heard = desk.call(f"{PIN}#", says(4, "#"), HANG_UP)
    assert heard.played == []
    assert any("read it again" in said.text for said in heard.said)
    assert desk.carrier.held == []


def test_what_the_carrier_did_not_delete_is_deleted_with_the_next(desk: Desk) -> None:
    desk.open()
    desk.carrier.not_deleted = 1
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert len(desk.carrier.held) == 1
    desk.open()
    desk.call(f"{PIN}#", says(5, "#"), "1", HANG_UP)
    assert desk.carrier.held == []


def test_a_long_call_ends_in_time_and_says_to_call_again(desk: Desk) -> None:
    desk.open()
    steps = [step for _ in range(30) for step in (says(3, "#"), "2")]
    heard = desk.call(f"{PIN}#", *steps)
    assert heard.ended is Ended.HUNG_UP
    assert len(heard.documents) == 45
    assert "call again" in heard.said[-1].text


def test_the_whole_list_is_recorded_and_the_desk_then_says_so(desk: Desk) -> None:
    waiting = desk.open().waiting
    steps = [step for _ in waiting for step in (says(3, "#"), "1")]
    for _ in range(3):
        desk.call(f"{PIN}#", *steps)
    assert set(desk.recorded()) == {one.key for one in waiting}
    heard = desk.call(f"{PIN}#")
    assert heard.said == []
    with desk.here.office.look() as uow:
        done = uow.prompts.addresses(["ivr.desk_done"], "km")["ivr.desk_done"]
    assert heard.played[-1] == f"{PUBLIC}/prompts/{done}"
    with desk.here.office.look() as uow:
        assert prompting.faults(prompting.stock(uow, "km"), desk.here.application.prompt_files) == []


@BOTH_CARRIERS
def test_the_same_request_twice_gets_the_same_answer_and_keeps_once(desk: Desk) -> None:
    desk.open()
    post, seen = desk.line.post, []

    def twice(url: str, form: Any) -> Any:
        first, again = post(url, form), post(url, form)
        seen.append(first.body == again.body)
        return again

    desk.line.post = twice
    desk.call(f"{PIN}#", says(4, "#"), "1", says(4, "#"), "3", HANG_UP)
    assert all(seen)
    assert set(desk.recorded()) == {FIRST}
    assert desk.deeds().count("prompt.recorded") == 1


def test_a_call_whose_beginning_was_lost_begins_at_the_door(desk: Desk) -> None:
    desk.open()
    form = {"CallSid": "CA" + "7" * 32, "AccountSid": ACCOUNT, "From": PHONE, "To": NUMBER, "Digits": "1"}
    answer = desk.line.post(f"{PUBLIC}/twilio/voice/desk/3", form)
    assert "Type your PIN" in answer.body
    assert "Record" not in answer.body


def test_english_prompts_are_recorded_at_an_english_desk(desk: Desk) -> None:
    desk.open(Language.EN)
    desk.call(f"{PIN}#", says(4, "#"), "1", HANG_UP)
    assert (set(desk.recorded("en")), desk.recorded()) == ({FIRST}, {})


def test_a_desk_needs_a_worker_with_a_phone(desk: Desk) -> None:
    now = desk.here.clock.now()
    nobody = desk.here.a_worker(username="dara")
    for username in ("nobody-here", nobody.username):
        with desk.here.office.work(now) as uow, pytest.raises(recording_desk.NoDesk):
            recording_desk.open_desk(uow, username, Language.KM, "a hash", now=now)


def test_a_missing_khmer_prompt_is_a_tone_and_english_and_a_missing_english_one_has_no_tone(
    desk: Desk,
) -> None:
    tone = f"{PUBLIC}/prompts/{prompting.TONE[0]}"
    heard = desk.call("2", HANG_UP, from_=SOMEBODY)
    khmer, english = heard.documents[:2]
    assert heard.played == [tone, tone]
    assert [said.text[:6] for said in heard.said][:2] == ["Hello.", "For Kh"]
    assert khmer.verbs != english.verbs
    assert len(heard.said) == 4
