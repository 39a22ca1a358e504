"""Calls through the carrier's door: what callers hear, and that none of them is lost."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from app.calls.rules.ivr import Safe, Step
from app.cases.tables import cases
from app.identity.rules import Role
from app.kernel.language import Language
from app.kernel.urgency import Urgency
from tests.hotline import HIDDEN, VOICE, Hotline, a_hotline
from tests.makers import Installation
from tests.peers.calls import (
    BUSY,
    HANG_UP,
    NO_ANSWER,
    SILENCE,
    VOICEMAIL,
    Ended,
    Script,
    hangs_up,
    in_turn,
    picks_up,
    says,
    scripts,
)
from tests.twilio_town import PUBLIC, SOMEBODY, count

WORKER: Final = "+85512345601"
LEAD: Final = "+85512345602"
OTHER: Final = "+85512345603"
MESSAGE: Final = says(12)
Install = Callable[..., Installation]


@pytest.fixture
def hotline(install: Install) -> Hotline:
    return a_hotline(install)


def test_a_message_about_unpaid_wages_becomes_a_case_with_somebody_to_call_back(hotline: Hotline) -> None:
    worker = hotline.on_duty(WORKER)
    heard = hotline.call("1", "2", "1", SILENCE, MESSAGE)
    call, case = hotline.call_row(heard), hotline.case_of(heard)
    assert heard.ended is Ended.HUNG_UP
    assert (case.categories, case.owner_id, case.origin_channel) == (("unpaid_wages",), worker.id, "call")
    assert (call.state.safe, call.message, call.ended_as) == (Safe.YES, True, "completed")
    assert hotline.tasks() == [("call_back", case.id)]
    kinds = hotline.here.kinds(case.id)
    assert {"case.opened", "case.routed", "call.received", "answer.given", "call.ended"} <= set(kinds)


def test_a_call_joins_the_open_case_of_its_phone(hotline: Hotline) -> None:
    first = hotline.here.a_text(sender=SOMEBODY).case
    assert first is not None
    heard = hotline.call(HANG_UP)
    assert hotline.case_of(heard).id == first.id
    assert hotline.here.kinds(first.id).count("call.received") == 1


def test_a_problem_pressed_in_a_case_is_added_to_it(hotline: Hotline) -> None:
    first = hotline.here.a_text(sender=SOMEBODY).case
    assert first is not None
    heard = hotline.call("1", "4", "1", SILENCE, MESSAGE)
    assert set(hotline.case_of(heard).categories) == {"unpaid_wages", "passport_confiscation"}


def test_zero_makes_the_case_as_urgent_as_can_be(hotline: Hotline) -> None:
    heard = hotline.call("0", HANG_UP)
    case = hotline.case_of(heard)
    assert case.urgency is Urgency.U1
    assert [reason["rule"] for reason in case.reasons] == ["call.danger_key"]
    assert hotline.tasks() == [("call_back", case.id)]


def test_zero_in_the_middle_of_a_known_case_raises_it(hotline: Hotline) -> None:
    first = hotline.here.a_text(sender=SOMEBODY).case
    assert first is not None
    hotline.call("1", "0", HANG_UP)
    assert "urgency.changed" in hotline.here.kinds(first.id)


def test_a_hang_up_after_choosing_a_problem_leaves_a_case_and_a_task(hotline: Hotline) -> None:
    heard = hotline.call("1", "3", HANG_UP)
    case = hotline.case_of(heard)
    assert case.categories == ("forced_extension",)
    assert hotline.tasks() == [("call_back", case.id)]


def test_a_hang_up_before_anything_leaves_a_contact_and_nothing_to_do(hotline: Hotline) -> None:
    heard = hotline.call(HANG_UP)
    assert hotline.call_row(heard).case_id is None
    assert hotline.tasks() == []
    assert count(hotline.here, cases) == 0


def test_who_must_not_be_called_is_contacted_otherwise(hotline: Hotline) -> None:
    heard = hotline.call("1", "2", "2", SILENCE, MESSAGE)
    assert hotline.call_row(heard).state.safe is Safe.NO
    assert [kind for kind, _ in hotline.tasks()] == ["contact_otherwise"]


def test_what_a_caller_says_of_being_called_holds_for_the_phone(hotline: Hotline) -> None:
    worker = hotline.on_duty(WORKER)
    case = hotline.case_of(hotline.call("1", "2", "3", SILENCE, MESSAGE))
    phones = hotline.here.ask(worker, "GET", f"/v1/cases/{case.id}/phones").json()["items"]
    assert [(p["safety"]["may_call"], p["safety"]["may_text"]) for p in phones] == [("no", "yes")]
    assert "safety.changed" in hotline.here.kinds(case.id)


def test_a_caller_who_wants_no_recording_is_not_recorded(hotline: Hotline) -> None:
    heard = hotline.call("1", "2", "1", "2")
    assert heard.recordings == []
    assert [kind for kind, _ in hotline.tasks()] == ["call_back"]


def test_english_is_spoken_to_who_chose_it_and_written_to_them_later(hotline: Hotline) -> None:
    heard = hotline.call("2", "2", "1", SILENCE, MESSAGE)
    assert hotline.call_row(heard).state.language is Language.EN
    assert hotline.case_of(heard).language == "en"


class TestCase15HiddenNumber:
    """A caller whose number the carrier hides."""

    @pytest.mark.parametrize("from_", [HIDDEN, "", "+266696687", "unavailable"])
    def test_each_call_is_a_contact_of_its_own(self, hotline: Hotline, from_: str) -> None:
        first, second = (hotline.call("1", "2", SILENCE, SILENCE, MESSAGE, from_=from_) for _ in range(2))
        assert hotline.case_of(first).id != hotline.case_of(second).id
        assert hotline.call_row(first).contact_point_id is None

    def test_a_number_that_is_typed_is_a_way_back(self, hotline: Hotline) -> None:
        heard = hotline.call("1", "2", "023456780#", "1", SILENCE, MESSAGE, from_=HIDDEN)
        call = hotline.call_row(heard)
        with hotline.here.office.look() as uow:
            assert call.contact_point_id is not None
            assert uow.intake.phones([call.contact_point_id])[call.contact_point_id].e164 == "+85523456780"

    def test_what_is_no_number_is_kept_as_it_was_typed(self, hotline: Hotline) -> None:
        heard = hotline.call("1", "2", "999999999999#", "1", SILENCE, MESSAGE, from_=HIDDEN)
        call = hotline.call_row(heard)
        assert (call.typed_number, call.contact_point_id) == ("999999999999", None)


class TestCase25WrongKeys:
    """Nothing that somebody presses, or does not press, keeps them in a circle."""

    @pytest.mark.parametrize(
        "steps", [(SILENCE,) * 3, ("7", "8", "*"), ("*", "#", "*"), ("1", "7", SILENCE, "*")]
    )
    def test_three_times_nothing_leads_to_the_message(self, hotline: Hotline, steps: tuple[str, ...]) -> None:
        heard = hotline.call(*steps, SILENCE, MESSAGE)
        assert len(heard.recordings) == 1
        assert hotline.call_row(heard).message
        assert hotline.case_of(heard).categories == ("unclassified",)


class TestCase26HangUpWhileRecording:
    """What was said before the hang-up is a message."""

    def test_a_message_that_ends_with_a_hang_up_counts(self, hotline: Hotline) -> None:
        heard = hotline.call("1", "6", "1", SILENCE, hangs_up(9))
        assert hotline.call_row(heard).message
        assert [kind for kind, _ in hotline.tasks()] == ["call_back"]

    def test_a_hang_up_before_the_tone_leaves_the_problem(self, hotline: Hotline) -> None:
        heard = hotline.call("1", "6", "1", HANG_UP)
        assert not hotline.call_row(heard).message
        assert [kind for kind, _ in hotline.tasks()] == ["call_back"]


class TestCase28SilentCall:
    """Somebody who stays and says nothing may not be able to speak."""

    def test_silence_to_the_end_is_possible_danger(self, hotline: Hotline) -> None:
        heard = hotline.call(*[SILENCE] * 5)
        assert hotline.call_row(heard).state.step is Step.DONE
        assert hotline.tasks() == [("possible_danger", None)]
        assert count(hotline.here, cases) == 0

    def test_silence_until_the_caller_is_gone_is_too(self, hotline: Hotline) -> None:
        hotline.call(SILENCE, SILENCE, SILENCE, HANG_UP)
        assert hotline.tasks() == [("possible_danger", None)]

    def test_silence_from_a_phone_with_a_case_stands_in_the_case(self, hotline: Hotline) -> None:
        first = hotline.here.a_text(sender=SOMEBODY).case
        assert first is not None
        hotline.call(*[SILENCE] * 5)
        assert ("possible_danger", first.id) in hotline.tasks()


class TestRingingAHuman:
    """A worker who is on duty is rung for whoever is in danger."""

    def test_the_worker_who_presses_one_talks_with_the_caller_and_has_the_case(
        self, hotline: Hotline
    ) -> None:
        worker = hotline.on_duty(WORKER)
        heard = hotline.call("0", answers=in_turn(picks_up("1")))
        case = hotline.case_of(heard)
        assert [dialled.number for dialled in heard.dials] == [WORKER]
        assert (case.owner_id, case.accepted_at is not None, case.first_contact_at is not None) == (
            worker.id, True, True,
        )  # fmt: skip
        assert hotline.call_row(heard).answered_by == worker.id
        assert "call.answered" in hotline.here.kinds(case.id)
        assert hotline.tasks() == []
        assert heard.recordings == []

    def test_the_worker_never_sees_who_calls(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER)
        heard = hotline.call("0", answers=in_turn(picks_up("1")))
        dials = [
            verb for document in heard.documents for verb in document.verbs if hasattr(verb, "caller_id")
        ]
        assert [dial.caller_id for dial in dials] == [VOICE]

    def test_a_voicemail_box_never_gets_a_caller(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER)
        heard = hotline.call("0", "1", SILENCE, MESSAGE, answers=in_turn(VOICEMAIL))
        call = hotline.call_row(heard)
        assert (call.answered_by, call.message) == (None, True)
        assert [kind for kind, _ in hotline.tasks()] == ["call_back"]

    def test_colleagues_are_rung_in_turn_then_the_lead(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER)
        hotline.on_duty(OTHER)
        lead = hotline.on_duty(LEAD, role=Role.DUTY_LEAD)
        heard = hotline.call("0", answers=in_turn(BUSY, NO_ANSWER, picks_up("1")))
        assert {dialled.number for dialled in heard.dials[:2]} == {WORKER, OTHER}
        assert heard.dials[2].number == LEAD
        assert hotline.call_row(heard).answered_by == lead.id

    def test_nobody_is_rung_more_than_three_times_and_nobody_twice(self, hotline: Hotline) -> None:
        for number in range(5):
            hotline.on_duty(f"+8551234561{number}")
        heard = hotline.call("0", "1", SILENCE, MESSAGE)
        numbers = [dialled.number for dialled in heard.dials]
        assert len(numbers) == len(set(numbers)) == 3

    def test_who_is_off_duty_or_has_no_phone_is_not_rung(self, hotline: Hotline) -> None:
        off = hotline.on_duty(WORKER)
        hotline.here.ask(off, "PATCH", "/v1/me", {"on_duty": False})
        hotline.here.a_worker()
        heard = hotline.call("0", "1", SILENCE, MESSAGE)
        assert heard.dials == []
        assert hotline.call_row(heard).message

    def test_who_speaks_another_language_only_is_not_rung_for_a_khmer_caller(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER, languages=("th",))
        assert hotline.call("0", "1", SILENCE, MESSAGE).dials == []

    def test_an_urgent_problem_rings_without_the_danger_key(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER)
        assert len(hotline.call("1", "1", answers=in_turn(picks_up("1"))).dials) == 1

    def test_a_worker_who_calls_the_hotline_is_not_rung_for_their_own_call(self, hotline: Hotline) -> None:
        hotline.on_duty(WORKER)
        assert hotline.call("0", "1", SILENCE, MESSAGE, from_=WORKER).dials == []

    def test_on_somleng_a_phone_rings_shorter_than_voicemail_waits(self, install: Install) -> None:
        hotline = a_hotline(install, twilio_screens_calls=False)
        hotline.on_duty(WORKER)
        heard = hotline.call("0", "1", SILENCE, MESSAGE, answers=in_turn(VOICEMAIL))
        assert [dialled.timeout for dialled in heard.dials] == [15]
        assert hotline.call_row(heard).answered_by is None

    def test_on_somleng_whoever_picks_up_talks_with_the_caller(self, install: Install) -> None:
        hotline = a_hotline(install, twilio_screens_calls=False)
        worker = hotline.on_duty(WORKER)
        heard = hotline.call("0", answers=in_turn(picks_up()))
        assert hotline.call_row(heard).answered_by == worker.id


class TestAgain:
    """A request that is repeated changes nothing more."""

    def test_the_same_call_twice_is_one_call(self, hotline: Hotline) -> None:
        heard = hotline.call("1", "2", "1", SILENCE, MESSAGE)
        again = hotline.line.call(SOMEBODY, VOICE, Script(), sid=heard.sid)
        assert again.faults == []
        assert hotline.calls() == 1
        assert count(hotline.here, cases) == 1

    def test_a_document_that_got_lost_is_given_again(self, hotline: Hotline) -> None:
        heard = hotline.call("1", HANG_UP)
        form = {"CallSid": heard.sid, "AccountSid": hotline.line.account_sid, "From": SOMEBODY, "To": VOICE}
        url = f"{PUBLIC}/twilio/voice/next/1"
        first, second = (hotline.line.post(url, {**form, "Digits": "1"}).body for _ in range(2))
        assert first == second == heard.documents[-1].raw
        assert hotline.call_row(heard).state.step is Step.MENU

    def test_the_end_of_a_call_twice_is_one_task(self, hotline: Hotline) -> None:
        hotline.call("1", "3", HANG_UP)
        for callback, _ in list(hotline.line.delivered):
            hotline.line.deliver(callback, times=3)
        hotline.here.receive()
        assert len(hotline.tasks()) == 1

    def test_a_wrong_signature_leaves_nothing(self, hotline: Hotline) -> None:
        answer = hotline.here.client.post("/twilio/voice", data={"CallSid": "CA1", "From": SOMEBODY})
        assert answer.status_code == 403
        assert hotline.calls() == 0


class TestWhenSomethingIsBroken:
    """Nobody on the line is dropped for a fault of ours."""

    def test_a_caller_can_leave_a_message_while_the_database_is_away(self, install: Install) -> None:
        broken = [False]

        def passed(point: str) -> None:
            if broken[0] and point == "before_commit":
                raise OSError("no disk")

        hotline = a_hotline(install, passed=passed)
        broken[0] = True
        hotline.line.auto = False
        heard = hotline.line.call(SOMEBODY, VOICE, Script(MESSAGE))
        assert heard.faults == []
        assert [recorded.seconds for recorded in heard.recordings] == [12]
        assert heard.ended is Ended.HUNG_UP

    def test_a_call_whose_end_nobody_told_is_ended_after_two_hours(self, hotline: Hotline) -> None:
        hotline.line.auto = False
        heard = hotline.call("1", "3", HANG_UP)
        assert hotline.tasks() == []
        hotline.here.clock.forward(minutes=121)
        hotline.here.end_lost_calls()
        assert hotline.call_row(heard).ended_as == "lost"
        assert [kind for kind, _ in hotline.tasks()] == ["call_back"]


def test_calls_stand_in_the_list_of_what_came_in(hotline: Hotline) -> None:
    coordinator = hotline.here.a_worker(Role.COORDINATOR)
    lost, kept = hotline.call(HANG_UP), hotline.call("1", "2", HANG_UP, from_="+66812345679")
    listed = hotline.here.ask(coordinator, "GET", "/v1/intake?channel=call").json()["items"]
    assert [item["carrier_id"] for item in listed] == [kept.sid, lost.sid]
    assert [item["case_id"] for item in listed] == [str(hotline.case_of(kept).id), None]
    assert [item["from"] for item in listed] == ["+66812345679", SOMEBODY]
    assert {item["state"] for item in listed} == {"taken"}


def test_whatever_a_caller_does_the_call_ends_and_is_kept(install: Install) -> None:
    hotline = a_hotline(install)
    hotline.on_duty(WORKER)

    @given(scripts())
    @hypothesis_settings(max_examples=60)
    def whatever(caller: Script) -> None:
        before = hotline.calls()
        hotline.line.answers = in_turn(VOICEMAIL, picks_up("1"))
        heard = hotline.line.call(SOMEBODY, VOICE, caller)
        hotline.here.receive()
        assert heard.faults == []
        assert heard.ended in {Ended.HUNG_UP, Ended.LEFT}
        call = hotline.call_row(heard)
        assert hotline.calls() == before + 1
        assert call.ended_at is not None
        assert call.case_id or not call.wanted_something

    whatever()
