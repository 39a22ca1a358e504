"""Rings at a number that is not answered: each is kept, and the phone is called back under all the rules."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, Final

import pytest

from app.calls.rules.ivr import Step
from app.identity.rules import Role
from app.kernel.phone import Phone
from app.outbox.rules import AfterDroppedCall, Known, SafeContact, SafeWindow
from app.outbox.store import Source, Told
from app.usecases.unit_of_work import Office
from app.workers.dialling import CallBacks
from tests.calling import BEEP, Calling, a_calling_hotline
from tests.fakes import START
from tests.hotline import HIDDEN
from tests.makers import Installation
from tests.peers.calls import BUSY, HANG_UP, SILENCE, VOICEMAIL, Ended, picks_up, says
from tests.twilio_town import PUBLIC, SOMEBODY

Install = Callable[..., Installation]
OTHER: Final = "+66812345679"
THIRD: Final = "+66812345670"
PREMIUM: Final = "+661900123456"  # a Thai number with a price of its own


@pytest.fixture
def calling(install: Install) -> Iterator[Calling]:
    with a_calling_hotline(install) as calling:
        yield calling


def test_a_ring_is_rejected_as_busy_and_called_back_twenty_seconds_later(calling: Calling) -> None:
    heard = calling.ring()
    assert (heard.ended, heard.rejected_as, heard.answered) == (Ended.REJECTED, "busy", False)
    assert calling.calls_after(seconds=19) == []
    (call,) = calling.calls_after(seconds=1)
    assert (call.to, call.from_) == (SOMEBODY, BEEP)
    assert call.params["Url"].startswith(f"{PUBLIC}/twilio/voice/outgoing/")
    assert call.params["StatusCallback"] == f"{PUBLIC}/twilio/voice/status"
    assert call.params["MachineDetection"] == "Enable"
    assert not {"Record", "SendDigits"} & call.params.keys()


def test_a_ring_shows_in_the_intake_with_its_carrier_id(calling: Calling) -> None:
    supervisor = calling.here.a_worker(Role.SUPERVISOR)
    heard = calling.ring()
    (item,) = calling.here.ask(supervisor, "GET", "/v1/intake?channel=call").json()["items"]
    assert (item["carrier_id"], item["kind"], item["state"]) == (heard.sid, "call", "taken")
    assert item["from"] == SOMEBODY


def test_the_same_ring_told_twice_is_one_ring(calling: Calling) -> None:
    heard = calling.ring()
    again = calling.ring(sid=heard.sid)
    assert again.rejected_as == "busy"
    assert [row.rings for row in calling.missed()] == [1]
    assert calling.calls() == 1
    assert len(calling.calls_after(seconds=20)) == 1


def test_nothing_is_said_of_the_hotline_before_a_key_is_pressed(calling: Calling) -> None:
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, SILENCE, SILENCE)
    assert heard.ended is Ended.HUNG_UP
    gate = calling.here.office.rulebook.catalogues.text("ivr.gate", "en")
    assert {said.text for said in heard.said} == {gate}
    assert not {"cambodia", "worker", "hotline", "help"} & set(gate.lower().replace(".", " ").split())
    assert calling.missed()[0].stage == "waiting"


def test_behind_the_gate_it_is_a_call_like_any_other_and_the_rings_are_told(calling: Calling) -> None:
    worker = calling.here.a_worker()
    for _ in range(3):
        calling.ring()
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, "1", "1", "2", "1", SILENCE, says(12))
    case = calling.case_of(heard)
    assert (case.categories, case.owner_id, case.origin_channel) == (("unpaid_wages",), worker.id, "call")
    assert {"rule": "call.rings", "count": 3} in [
        {name: reason.get(name) for name in ("rule", "count")} for reason in case.reasons
    ]
    assert [row.stage for row in calling.missed()] == ["reached"]
    assert calling.tasks() == [("call_back", case.id)]
    supervisor = calling.here.a_worker(Role.SUPERVISOR)
    rings = calling.here.ask(supervisor, "GET", "/v1/intake?channel=call").json()["items"]
    assert [ring["case_id"] for ring in rings] == [str(case.id)] * 3
    assert calling.calls_after(days=2) == []


def test_the_danger_key_behind_the_gate_opens_an_urgent_case(calling: Calling) -> None:
    calling.here.a_worker()
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, "1", "0", HANG_UP)
    assert calling.case_of(heard).urgency == "U1"


def test_a_call_back_joins_the_open_case_of_its_phone(calling: Calling) -> None:
    calling.here.a_worker()
    case_id = calling.here.a_case(sender=SOMEBODY)
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, "1", "1", "2", HANG_UP)
    assert calling.case_of(heard).id == case_id
    kinds = calling.here.kinds(case_id)
    assert {"call.received", "call.ended"} <= set(kinds)


def test_twenty_rings_in_a_minute_are_one_call_back_that_more_rings_do_not_delay(calling: Calling) -> None:
    made = []
    for _ in range(20):
        calling.ring()
        made += calling.calls_after(seconds=2)
    assert len(made) == 1
    assert timedelta(seconds=20) <= made[0].created_at - START <= timedelta(seconds=60)
    assert [row.rings for row in calling.missed()] == [20]
    assert calling.tasks() == [("possible_danger", None)]


def test_four_rings_are_nothing_special_and_five_within_an_hour_tell_a_human_at_once(
    calling: Calling,
) -> None:
    for _ in range(4):
        calling.ring()
    assert calling.tasks() == []
    calling.ring()
    assert calling.tasks() == [("possible_danger", None)]
    calling.ring()
    assert len(calling.tasks()) == 1


def test_five_rings_over_two_hours_are_no_sign_of_danger(calling: Calling) -> None:
    for _ in range(5):
        calling.ring()
        calling.here.clock.forward(minutes=25)
    assert calling.tasks() == []


def test_a_phone_is_called_at_most_once_in_ten_minutes(calling: Calling) -> None:
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    calling.nobody_answers(call)
    first = call.created_at
    calling.ring()
    (again,) = calling.calls_after(minutes=10)
    assert again.created_at - first >= timedelta(minutes=10)


def test_a_phone_is_called_at_most_four_times_a_day_and_then_a_human_takes_over(calling: Calling) -> None:
    made = 0
    for _ in range(40):
        calling.ring()
        for call in calling.calls_after(minutes=12):
            calling.nobody_answers(call)
            made += 1
    assert made == 4
    assert [kind for kind, _ in calling.tasks()].count("call_back") == 1


def test_who_is_not_reached_is_tried_after_15_minutes_2_hours_and_in_the_morning_then_a_human_is_told(
    calling: Calling,
) -> None:
    calling.ring()
    made: list[datetime] = []
    for span in ({"seconds": 20}, {"minutes": 15}, {"hours": 2}, {"days": 1}):
        (call,) = calling.calls_after(**span)
        made.append(call.created_at)
        assert calling.tasks() == []
        calling.nobody_answers(call)
    assert made[1] - made[0] >= timedelta(minutes=15)
    assert made[2] - made[1] >= timedelta(hours=2)
    assert [row.because for row in calling.missed()] == ["not_reached"]
    assert [kind for kind, _ in calling.tasks()] == ["call_back"]
    assert calling.calls_after(days=3) == []


def test_the_morning_try_comes_at_seven_on_the_clock_of_the_phone(calling: Calling) -> None:
    calling.ring("+821012345678")  # ten in Phnom Penh is noon in Seoul
    for span in ({"seconds": 20}, {"minutes": 15}, {"hours": 2}):
        (call,) = calling.calls_after(**span)
        calling.nobody_answers(call)
    (row,) = calling.missed()
    assert row.due_at == datetime.fromisoformat("2026-06-09T07:00:00+09:00")


@pytest.mark.parametrize("how", [BUSY, VOICEMAIL, picks_up()])
def test_busy_voicemail_and_a_gate_that_nobody_passes_count_as_not_reached(
    calling: Calling, how: Any
) -> None:
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    heard = calling.picked_up(call, picks=how)
    if how is VOICEMAIL:
        assert (heard.said, heard.played, heard.ended) == ([], [], Ended.HUNG_UP)
    assert [(row.stage, row.tries) for row in calling.missed()] == [("waiting", 1)]
    assert len(calling.calls_after(minutes=16)) == 1


def test_a_retry_waits_for_the_morning_but_who_rings_at_night_is_answered(calling: Calling) -> None:
    calling.here.clock.set(datetime.fromisoformat("2026-06-08T22:30:00+07:00"))
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    calling.nobody_answers(call)
    assert calling.calls_after(minutes=16) == []
    assert calling.calls_after(hours=6) == []
    (again,) = calling.calls_after(hours=3)
    assert again.created_at >= datetime.fromisoformat("2026-06-09T07:00:00+07:00")


def test_who_rings_again_and_again_is_called_again_in_the_night(calling: Calling) -> None:
    calling.here.clock.set(datetime.fromisoformat("2026-06-08T22:30:00+07:00"))
    for _ in range(5):
        calling.ring()
    (call,) = calling.calls_after(seconds=20)
    calling.nobody_answers(call)
    assert len(calling.calls_after(minutes=16)) == 1


def test_case_17_a_number_with_a_price_of_its_own_is_never_called(calling: Calling) -> None:
    calling.ring(PREMIUM)
    assert calling.calls_after(days=1) == []
    assert [(row.stage, row.because) for row in calling.missed()] == [("refused", "premium_number")]
    assert calling.tasks() == []


def test_a_number_of_no_known_kind_is_not_called_but_a_human_looks(calling: Calling) -> None:
    calling.ring("+855231234567")
    assert calling.calls_after(days=1) == []
    assert [row.because for row in calling.missed()] == ["unknown_kind_of_number"]
    assert calling.tasks() == [("not_called_back", None)]


def test_case_17_a_country_that_is_not_listed_is_never_called_but_a_human_looks(calling: Calling) -> None:
    for number in range(3):
        calling.ring(f"+88691234567{number}")
        calling.ring(f"+88691234567{number}")
    assert calling.calls_after(days=1) == []
    assert [(row.stage, row.rings) for row in calling.missed()] == [("refused", 2)] * 3
    assert calling.tasks() == [("not_called_back", None)]
    supervisor = calling.here.a_worker(Role.SUPERVISOR)
    items = calling.here.ask(supervisor, "GET", "/v1/intake?channel=call").json()["items"]
    assert {item["problem"] for item in items} == {"country_not_called"}


@pytest.mark.parametrize("from_", [HIDDEN, "", "+266696687", "+7378742833"])
def test_case_15_a_hidden_number_is_kept_and_nobody_is_called(calling: Calling, from_: str) -> None:
    assert calling.ring(from_).rejected_as == "busy"
    assert (calling.missed(), calling.calls()) == ([], 1)
    assert calling.calls_after(days=1) == []


def test_case_19_our_own_number_is_dropped(calling: Calling) -> None:
    calling.ring(BEEP)
    assert (calling.missed(), calling.calls_after(days=1)) == ([], [])


def test_a_person_who_asked_for_silence_is_not_called_and_a_human_finds_another_way(calling: Calling) -> None:
    with calling.here.office.work(START) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(Phone(SOMEBODY)), opted_out_at=START)
    calling.ring()
    assert calling.calls_after(minutes=1) == []
    assert [kind for kind, _ in calling.tasks()] == ["contact_otherwise"]


def test_who_calls_the_answered_number_meanwhile_is_not_called_back(calling: Calling) -> None:
    calling.ring()
    calling.call(HANG_UP)
    assert calling.calls_after(days=1) == []
    assert [row.stage for row in calling.missed()] == ["answered"]


def test_who_calls_the_answered_number_while_the_call_back_is_wanted_is_not_called_either(
    calling: Calling,
) -> None:
    calling.ring()
    calling.here.clock.forward(seconds=20)
    assert calling.decide()
    calling.call(HANG_UP)
    assert calling.calls_after(days=1) == []
    assert [row.state for row in calling.dials()] == ["given_up"]


def test_the_budget_of_a_day_is_kept_and_what_is_over_it_waits_for_the_next(install: Install) -> None:
    with a_calling_hotline(install, callback_daily_budget=2) as calling:
        for phone in (SOMEBODY, OTHER, THIRD):
            calling.ring(phone)
            calling.here.clock.forward(seconds=1)
        made = calling.calls_after(seconds=30)
        assert [call.to for call in made] == [SOMEBODY, OTHER]
        assert calling.tasks() == [("callback_budget_used_up", None)]
        for call in made:
            calling.picked_up(call, "1", HANG_UP)
        assert calling.calls_after(hours=10) == []
        (late,) = calling.calls_after(hours=12)
        assert late.to == THIRD
        assert len(calling.tasks()) == 1


def test_h5_a_call_that_broke_off_is_dialled_again_only_for_who_asked_for_that(calling: Calling) -> None:
    calling.here.a_worker()
    first = calling.case_of(calling.call("1", "2", HANG_UP))
    assert calling.calls_after(days=1) == []
    wish = SafeContact(after_dropped_call=AfterDroppedCall.CALL_BACK)
    with calling.here.office.work(calling.here.clock.now()) as uow:
        index = uow.outbox.phone_index(Phone(SOMEBODY))
        uow.outbox.safety.tell(Told(first.id, index, Source.CASEWORKER, wish, calling.here.clock.now()))
    calling.call("1", "2", HANG_UP)
    assert [call.to for call in calling.calls_after(seconds=20)] == [SOMEBODY]
    assert "call.dropped" in calling.here.kinds(first.id)


def test_a_phone_whose_record_says_never_is_not_called_and_a_human_finds_another_way(
    calling: Calling,
) -> None:
    calling.here.a_worker()
    case_id = calling.here.a_case(sender=SOMEBODY)
    with calling.here.office.work(START) as uow:
        index = uow.outbox.phone_index(Phone(SOMEBODY))
        never = SafeContact(may_call=Known.NO)
        uow.outbox.safety.tell(Told(case_id, index, Source.CASEWORKER, never, START))
    calling.ring()
    assert calling.calls_after(days=2) == []
    assert calling.tasks() == [("contact_otherwise", case_id)]


def test_hours_on_which_somebody_agreed_bind_also_who_rings(calling: Calling) -> None:
    calling.here.a_worker()
    case_id = calling.here.a_case(sender=SOMEBODY)
    with calling.here.office.work(START) as uow:
        index = uow.outbox.phone_index(Phone(SOMEBODY))
        evening = SafeContact(hours=(SafeWindow(time(18), time(20)),), zone="Asia/Bangkok")
        uow.outbox.safety.tell(Told(case_id, index, Source.CASEWORKER, evening, START))
    calling.ring()
    assert calling.calls_after(minutes=1) == []
    (call,) = calling.calls_after(hours=9)
    assert call.created_at >= datetime.fromisoformat("2026-06-08T18:00:00+07:00")


def test_a_second_call_for_the_same_wish_hears_nothing(calling: Calling) -> None:
    calling.ring()
    (call,) = calling.calls_after(seconds=20)
    first = calling.picked_up(call, "1", HANG_UP)
    assert first.said
    again = calling.line.call(
        BEEP, SOMEBODY, picks_up("1").caller(), direction="outbound-api", url=call.params["Url"]
    )
    assert (again.said, again.played, again.ended) == ([], [], Ended.HUNG_UP)


def test_without_detection_of_machines_the_phone_rings_shorter_than_voicemail_waits(install: Install) -> None:
    with a_calling_hotline(install, twilio_screens_calls=False) as calling:
        calling.ring()
        (call,) = calling.calls_after(seconds=20)
        assert "MachineDetection" not in call.params
        assert int(call.params["Timeout"]) <= 15
        heard = calling.picked_up(call, "1", "1", "2", HANG_UP)
        assert calling.call_row(heard).state.step is Step.SAFE


def test_a_hotline_without_a_carrier_for_calls_tells_a_human(calling: Calling) -> None:
    calling.ring()
    now = calling.here.clock.forward(seconds=20)
    office = calling.here.office
    unable = Office(office.database, office.vault, replace(office.rulebook, call_maker=None))
    assert CallBacks(unable).step(now)
    assert [kind for kind, _ in calling.tasks()] == ["call_back"]
