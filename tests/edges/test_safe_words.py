"""Safe contact from outside: code words (H3), silence (H4), and the one gate."""

import random

import pytest

from app.kernel.phone import Phone
from app.outbox.rules import Purpose, text_refused_because
from tests.makers import KHMER_LOCKED_IN, Installation
from tests.safe_desk import SENDER, WORD, Desk
from tests.talking import text


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


# H3: the code word ---------------------------------------------------------------------------------------


def test_h3_without_the_code_word_there_is_a_decoy_and_a_flag_and_nothing_of_the_case(desk: Desk) -> None:
    desk.put(may_text="yes", code_word=WORD)
    decoy = text(desk.here, "sms.decoy")
    assert desk.gone() == []
    assert desk.write().json()["because"] == "code_word_awaited"
    answer = desk.here.a_text("តើរឿងខ្ញុំយ៉ាងម៉េចហើយ")
    assert [reply.body for reply in answer.replies] == [decoy]
    code = desk.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}").json()["code"]
    desk.here.clock.forward(minutes=1)
    assert [reply.body for reply in desk.here.a_text(f"STATUS {code}").replies] == [decoy]
    assert set(desk.gone()) == {decoy}
    assert desk.tasks().count("possible_impersonation") == 1
    assert desk.here.kinds(desk.case_id).count("impersonation.suspected") == 2


def test_h3_who_says_the_code_word_is_told_again_for_an_hour(desk: Desk) -> None:
    desk.put(may_text="yes", code_word=WORD)
    answer = desk.here.a_text(WORD)
    assert [reply.body for reply in answer.replies] == [text(desk.here, "sms.thanks")]
    code = desk.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}").json()["code"]
    told = desk.here.a_text(f"STATUS {code}")
    assert code in told.replies[0].body
    assert desk.write().status_code == 201
    desk.here.clock.forward(hours=1, minutes=1)
    assert desk.write().json()["because"] == "code_word_awaited"
    assert "possible_impersonation" not in desk.tasks()


def test_h3_a_cry_for_help_without_the_code_word_still_raises_the_case(desk: Desk) -> None:
    desk.put(code_word=WORD)
    desk.here.a_text(KHMER_LOCKED_IN)
    assert desk.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}").json()["urgency"] == "U1"


def test_h3_the_code_word_lies_sealed(desk: Desk) -> None:
    desk.put(code_word=WORD)
    with desk.here.office.database.read() as connection:
        found = connection.exec_driver_sql("SELECT code_word FROM safe_contact").scalar_one()
    assert WORD.encode() not in bytes(found)
    assert desk.phones()[0]["safety"]["code_word"] == WORD


# H4: silence and quick exit --------------------------------------------------------------------------------


def test_h4_after_stop_nothing_goes_and_the_audit_knows(desk: Desk) -> None:
    desk.put(may_text="yes")
    desk.write()
    desk.here.a_text("ឈប់")
    assert desk.gone() == [text(desk.here, "sms.opt_out_done")]
    assert desk.write().json()["because"] == "opted_out"
    desk.here.a_text("ជួយផង")
    assert desk.gone() == [text(desk.here, "sms.opt_out_done")]
    (phone,) = desk.phones()
    assert phone["safety"]["opted_out_at"] is not None
    assert phone["call_refused_because"] == "opted_out"
    assert len(desk.deeds("phone.opted_out")) == 1


def test_h4_stop_from_a_phone_that_the_employer_holds_is_not_confirmed(desk: Desk) -> None:
    desk.put(held_by_employer="yes")
    desk.here.a_text("STOP")
    assert desk.gone() == []
    assert desk.phones()[0]["safety"]["opted_out_at"] is not None


@pytest.mark.parametrize("word", ["wrong number", "ខុសលេខ", "EXIT"])
def test_h4_a_quick_exit_ends_everything_without_a_word(here: Installation, word: str) -> None:
    desk = Desk(here)
    desk.put(may_text="yes")
    desk.write()
    assert desk.here.a_text(word).replies == ()
    desk.here.a_text("1")
    assert desk.gone() == []
    assert "message.received" in desk.here.kinds(desk.case_id)
    assert desk.phones()[0]["call_refused_because"] == "opted_out"
    desk.here.a_text("START")
    assert desk.gone() == [text(desk.here, "sms.opt_in_done")]


# The one gate ----------------------------------------------------------------------------------------------


def test_whatever_is_sent_in_a_week_of_changing_rules_was_allowed_at_that_moment(here: Installation) -> None:
    desk = Desk(here)
    dice = random.Random(20260608)
    for _ in range(60):
        here.clock.forward(minutes=dice.randrange(5, 300))
        window = {"begins": f"{dice.randrange(24):02}:00", "ends": f"{dice.randrange(24):02}:30"}
        what = dice.randrange(4)
        if what == 0:
            desk.put(
                may_text=dice.choice(["yes", "yes", "no", "not_known"]), hours=[window] * dice.randrange(2),
                held_by_employer=dice.choice(["no", "no", "yes"]), zone=dice.choice(["Asia/Seoul", None]),
            )  # fmt: skip
        elif what == 1:
            desk.write()
        elif what == 2:
            here.a_text(dice.choice(["1", "HELP", "ជួយផង", "START"]))
        before = len(desk.carrier.sent)
        here.send(desk.carrier)
        with here.office.look() as uow:
            safety = uow.outbox.safety_of(Phone(SENDER))
        for one in desk.carrier.sent[before:]:
            if one.purpose is not Purpose.STAFF_ALERT:
                assert text_refused_because(safety, here.clock.now(), wrote_at=one.wrote_at) is None
    assert len(desk.carrier.sent) > 5
