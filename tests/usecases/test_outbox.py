"""The outbox: who is written to, how often, and what becomes of words that nobody took."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases.tables import cases
from app.identity.rules import Role
from app.intake.tables import messages
from app.kernel.phone import Phone
from app.outbox.rules import (
    LEASE,
    GiveUp,
    Hold,
    NotKnown,
    Purpose,
    Sending,
    State,
    Taken,
    Text,
    TryLater,
    Way,
)
from app.outbox.tables import outbox
from app.usecases import deliveries, sending
from tests.fakes import FakeCarrier
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, Installation
from tests.twilio_town import SOMEBODY, bodies_to, count, open_tasks, rows, say_words

SOMEBODY_ELSE = "+66898765432"
OWN = "+12025550123"
WITH_TWILIO = {
    "twilio_account_sid": "AC" + "12" * 16, "twilio_auth_tokens": "an invented token",
    "twilio_sms_numbers": OWN, "twilio_voice_numbers": "+12025550124",
}  # fmt: skip


# How often ------------------------------------------------------------------------------------------


def test_the_sixth_of_the_same_words_in_an_hour_is_held_and_can_be_seen(
    install: Callable[..., Installation],
) -> None:
    here = install()
    coordinator = here.a_worker(Role.COORDINATOR)
    case_id = here.a_case("ក្អែក")
    said = []
    for number in range(6):
        here.clock.forward(minutes=4)
        if number == 3:
            here = install(database_url=here.application.settings.database_url)
            here.clock.forward(minutes=16)
        said.append(say_words(here, case_id=case_id, to=SOMEBODY_ELSE))
    assert said == [State.QUEUED] * 5 + [State.HELD]
    shown = here.ask(coordinator, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
    [held] = [item for item in shown if item["kind"] == "message.held"]
    assert held["error_code"] == "duplicate"
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert [text.to.e164 for text in carrier.sent].count(SOMEBODY_ELSE) == 5


def test_after_an_hour_there_is_room_again(here: Installation) -> None:
    for _ in range(6):
        say_words(here)
    here.clock.forward(minutes=60, seconds=1)
    assert say_words(here) is State.QUEUED


def test_the_limit_is_each_phones_own(here: Installation) -> None:
    for _ in range(6):
        say_words(here)
    assert say_words(here, to=SOMEBODY_ELSE) is State.QUEUED


def test_different_words_count_as_well_but_are_no_duplicate(here: Installation) -> None:
    keys = ("sms.thanks", "sms.help", "sms.menu", "sms.ask_when", "sms.language_menu", "sms.unreadable")
    said = [say_words(here, key) for key in keys]
    assert said == [State.QUEUED] * 5 + [State.HELD]
    assert [row.error_code for row in rows(here) if row.state == State.HELD] == ["hourly_limit"]


def test_the_last_alert_of_an_hour_says_that_there_is_more(here: Installation) -> None:
    phone = "+85510000111"
    worker = here.a_worker(phone=phone)
    for number in range(8):
        here.a_text(KHMER_UNPAID, sender=f"+668100000{number:02}")
        here.clock.forward(minutes=1)
    alerts = bodies_to(here, phone)
    more = here.office.rulebook.catalogues.fill("staff.many_waiting", "km", {})
    assert len(alerts) == 5
    assert [alert == more for alert in alerts] == [False] * 4 + [True]
    assert here.ask(worker, "GET", "/v1/cases?total=true").json()["total"] == 8


# One answer for each text, one acknowledgement a day --------------------------------------------------


def test_a_text_is_answered_once_and_the_next_ones_of_the_day_are_not_acknowledged(
    here: Installation,
) -> None:
    replies = []
    for number in range(5):
        replies += [here.a_text(f"{KHMER_UNPAID} {number}").replies]
        here.clock.forward(hours=4)
    # The words of the second and third text answer the two questions that such a case leads to.
    assert [len(said) for said in replies] == [1, 1, 1, 0, 0]
    assert [row.purpose for row in rows(here)].count(Purpose.ACKNOWLEDGE) == 1
    here.clock.forward(hours=4, seconds=1)
    assert len(here.a_text(KHMER_UNPAID).replies) == 1


def test_a_text_that_has_its_answer_gets_no_second_one_whatever_is_tried(here: Installation) -> None:
    answer = here.a_text()
    way = Way("console", "console")
    with pytest.raises(Exception, match=r"(?i)unique"):
        say_words(here, answers_id=answer.message_id, same_as=way)
    assert count(here, outbox) == 1


_PAUSES = st.sampled_from(
    [timedelta(minutes=1), timedelta(minutes=11), timedelta(hours=3), timedelta(hours=25)]
)
_BODIES = st.sampled_from([KHMER_UNPAID, KHMER_LOCKED_IN, "1", "៦", "", "ក្អែក", "thanks", "🙏"])


@settings(max_examples=15)
@given(texts=st.lists(st.tuples(_BODIES, _PAUSES), min_size=1, max_size=8))
def test_whatever_somebody_writes_each_text_has_at_most_one_answer_and_each_hour_at_most_five(
    here: Installation, texts: list[tuple[str, timedelta]]
) -> None:
    sender = f"+6681{uuid4().int % 10_000_000:07}"
    before = {row.id for row in rows(here)}
    for body, pause in texts:
        here.a_text(body, sender=sender)
        here.clock.forward(seconds=pause.total_seconds())
    sent = [row for row in rows(here) if row.id not in before and row.state != State.HELD]
    answers = Counter(row.answers_id for row in sent)
    assert max(answers.values()) == 1
    assert len(sent) <= len(texts)
    acknowledged = sorted(row.created_at for row in sent if row.purpose == Purpose.ACKNOWLEDGE)
    day = timedelta(hours=24)
    assert all(later - earlier >= day for earlier, later in pairwise(acknowledged))
    times = [row.created_at for row in sent]
    assert all(sum(t <= other < t + timedelta(hours=1) for other in times) <= 5 for t in times)


@dataclass
class Robot:
    """A phone that answers whatever it gets, each time in other words."""

    here: Installation
    words: str
    phone: str = SOMEBODY
    heard: int = 0
    carrier: FakeCarrier = field(default_factory=lambda: FakeCarrier("console"))

    def react(self) -> None:
        self.here.send(self.carrier)
        mine = [text for text in self.carrier.sent if text.to.e164 == self.phone]
        for number in range(self.heard, len(mine)):
            self.here.post_text(self.words.format(number=number), sender=self.phone)
        self.heard = len(mine)
        self.here.receive()


@pytest.mark.parametrize(
    "words",
    ["I am driving. {number}", "I am driving.", "{number}", "1", KHMER_LOCKED_IN, "សូមអរគុណ {number}", ""],
)
def test_two_robots_stop_talking_soon(here: Installation, words: str) -> None:
    here.a_worker()
    robot = Robot(here, words)
    here.post_text(words.format(number=0), sender=SOMEBODY)
    here.receive()
    for _ in range(24 * 6):
        robot.react()
        here.clock.forward(minutes=10)
        here.fire()
    assert robot.heard <= 4  # three questions, the first with the acknowledgement, and thanks
    assert count(here, messages) <= 5
    assert count(here, cases) == 1


# Who is never answered --------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["AIS", "True Move", "1900", "45678", "999999", "INFO-2", "+123"])
def test_operators_and_machines_are_kept_and_never_answered(here: Installation, sender: str) -> None:
    here.a_worker(phone="+85510000111")
    answer = here.a_text("Top up now", sender=sender)
    assert (answer.case, answer.replies) == (None, ())
    assert (count(here, messages), count(here, outbox)) == (1, 0)


@pytest.mark.parametrize("sender", [OWN, "+12025550124", "+66800000101"])
def test_our_own_numbers_are_kept_and_never_answered(
    install: Callable[..., Installation], sender: str
) -> None:
    here = install(**WITH_TWILIO)
    answer = here.a_text(KHMER_UNPAID, sender=sender)
    assert (answer.case, answer.replies) == (None, ())
    assert (count(here, messages), count(here, outbox)) == (1, 0)
    assert say_words(here, to=sender) is State.HELD
    assert [row.error_code for row in rows(here)] == ["own_number"]


@pytest.mark.parametrize("sender", ["anonymous", "", "+266696687", "unavailable"])
def test_somebody_who_hides_has_a_case_but_no_answer(here: Installation, sender: str) -> None:
    answer = here.a_text(KHMER_UNPAID, sender=sender)
    assert answer.case is not None
    assert answer.replies == ()
    assert count(here, outbox) == 0


@pytest.mark.parametrize("sender", ["+19005550123", "+8551900123456", "+448712345678"])
def test_numbers_that_cost_extra_have_a_case_but_no_text_leaves(here: Installation, sender: str) -> None:
    answer = here.a_text(KHMER_UNPAID, sender=sender)
    assert answer.case is not None
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert carrier.sent == []
    assert [row.error_code for row in rows(here)] == ["premium_number"]
    assert "message.held" in here.kinds(answer.case.id)


def test_who_asked_for_silence_is_told_so_once_and_hears_nothing_more(here: Installation) -> None:
    with here.office.work(here.clock.now()) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(Phone(SOMEBODY)), opted_out_at=here.clock.now())
    assert say_words(here, "sms.opt_out_done", purpose=Purpose.OPT_OUT) is State.QUEUED
    assert say_words(here) is State.HELD


def test_silence_asked_for_after_words_were_queued_stops_them_too(here: Installation) -> None:
    answer = here.a_text()
    assert answer.case is not None
    with here.office.work(here.clock.now()) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(Phone(SOMEBODY)), opted_out_at=here.clock.now())
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert carrier.sent == []
    assert here.kinds(answer.case.id)[-1] == "message.held"


def test_a_gateway_phone_is_not_offered_words_for_somebody_who_asked_for_silence(here: Installation) -> None:
    now = here.clock.now()
    for phone in (SOMEBODY, SOMEBODY_ELSE):
        say_words(here, to=phone, same_as=Way("cht", "demo-th", "TH"))
    with here.office.work(now) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(Phone(SOMEBODY)), opted_out_at=now)
    with here.office.work(now) as uow:
        offered = sending.offer(uow, "demo-th", now=now, limit=10)
    assert [text.to.e164 for text in offered] == [SOMEBODY_ELSE]


# Which way ------------------------------------------------------------------------------------------


def test_an_answer_leaves_by_the_number_that_was_written_to(install: Callable[..., Installation]) -> None:
    here = install(**{**WITH_TWILIO, "twilio_sms_numbers": f"{OWN},+12025550125"})
    say_words(here, same_as=Way("twilio", "+12025550125"))
    assert [(row.carrier, row.via) for row in rows(here)] == [("twilio", "+12025550125")]


@pytest.mark.parametrize("via", ["", "+12025550199", "12345"])
def test_an_answer_never_leaves_by_a_number_that_is_not_ours(
    install: Callable[..., Installation], via: str
) -> None:
    here = install(**WITH_TWILIO)
    say_words(here, same_as=Way("twilio", via))
    assert [(row.carrier, row.via) for row in rows(here)] == [("twilio", OWN)]


# Giving up, and time ----------------------------------------------------------------------------------


def refusing(sending: Sending) -> FakeCarrier:
    return FakeCarrier("console", lambda _: sending)


def test_a_text_given_up_on_is_a_task_an_entry_and_an_alert(here: Installation) -> None:
    owner_phone = "+85510000111"
    worker = here.a_worker(phone=owner_phone)
    case_id = here.a_case()
    alerts = len(bodies_to(here, owner_phone))

    def fail_the_person(text: Text) -> Sending:
        return GiveUp("30007") if text.to.e164 == SOMEBODY else Taken(f"x{text.id}")

    here.send(FakeCarrier("console", fail_the_person))
    assert len(bodies_to(here, owner_phone)) == alerts + 1
    assert "message.failed" in here.kinds(case_id)
    [task] = here.ask(worker, "GET", "/v1/tasks").json()["items"]
    assert (task["kind"], task["case_id"]) == ("failed_message", str(case_id))


def test_an_alert_that_failed_sets_off_no_other(here: Installation) -> None:
    here.a_worker(phone="+85510000111")
    here.a_case()
    here.send(refusing(GiveUp("30007")))
    states = Counter((row.purpose, row.state) for row in rows(here))
    assert states[Purpose.ACKNOWLEDGE, State.FAILED] == 1
    # The alert of the case, and the one that says that the person was not reached.
    assert states[Purpose.STAFF_ALERT, State.FAILED] == 2
    assert sum(states.values()) == 3


def test_trying_again_ends_when_its_tries_are_used_up(here: Installation) -> None:
    say_words(here)
    carrier = refusing(TryLater("30008", timedelta(minutes=5), at_most=3))
    for _ in range(10):
        here.send(carrier)
        here.clock.forward(minutes=6)
    assert len(carrier.sent) == 3
    assert [row.state for row in rows(here)] == [State.FAILED]
    assert open_tasks(here) == ["failed_message"]


@pytest.mark.parametrize("then", [TryLater("20429"), Hold("20003"), NotKnown("ReadTimeout")])
def test_once_in_doubt_a_text_stays_in_doubt_until_the_carrier_has_it(
    here: Installation, then: Sending
) -> None:
    say_words(here)
    answers = iter([NotKnown("ReadTimeout"), then, then, Taken("SM1")])
    carrier = FakeCarrier("console", lambda _: next(answers))
    for _ in range(5):
        here.send(carrier)
        here.clock.forward(minutes=31)
    assert [text.may_have_gone for text in carrier.sent] == [False, True, True, True]
    assert [row.state for row in rows(here)] == [State.ACCEPTED]


@pytest.mark.parametrize("late", [TryLater("x"), Hold("x"), NotKnown("x"), GiveUp("x")])
def test_who_lost_the_lease_has_no_say_while_another_is_sending(here: Installation, late: Sending) -> None:
    say_words(here)
    other: list[Text] = []

    def too_slow(_: Text) -> Sending:
        now = here.clock.forward(seconds=LEASE.total_seconds() + 1)
        with here.office.work(now) as uow:
            other.extend(sending.lease(uow, "console", now=now, limit=1))
        return late

    here.send(FakeCarrier("console", too_slow))
    here.clock.forward(seconds=LEASE.total_seconds() - 1)
    assert here.send(FakeCarrier("console")) == 0
    now = here.clock.now()
    with here.office.work(now) as uow:
        sending.record(uow, other[0], Taken("SM1"), now=now)
    assert [row.state for row in rows(here)] == [State.ACCEPTED]
    assert open_tasks(here) == []


def test_words_past_their_time_are_expired_once_and_never_sent(here: Installation) -> None:
    case_id = here.a_case()
    here.clock.forward(hours=6)
    carrier = FakeCarrier("console")
    assert here.send(carrier) == 0
    here.expire()
    here.expire()
    assert here.send(carrier) == 0
    assert here.kinds(case_id).count("message.expired") == 1
    assert open_tasks(here) == ["failed_message"]


def test_words_just_before_their_time_are_sent_for_what_is_left_of_it(here: Installation) -> None:
    say_words(here)
    here.clock.forward(hours=6, seconds=-1)
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert [text.valid_for for text in carrier.sent] == [timedelta(seconds=1)]


def test_expiry_of_many_goes_on_until_none_is_left(here: Installation) -> None:
    for number in range(230):
        say_words(here, to=f"+6681000{number:04}")
    here.clock.forward(hours=7)
    here.expire()
    assert {row.state for row in rows(here)} == {State.EXPIRED}
    with here.office.look() as uow:
        assert not deliveries.anything_over(uow, now=here.clock.now())


def test_the_words_of_every_alert_are_made_of_code_and_urgency_alone(here: Installation) -> None:
    catalogues = here.office.rulebook.catalogues
    keys = ("new_case", "new_message", "escalation", "declined", "handed_over", "many_waiting")
    for key in keys:
        for language in ("km", "en"):
            plain = catalogues.fill(f"staff.{key}", language, {"code": "", "urgency": ""})
            full = catalogues.fill(f"staff.{key}", language, {"code": "4829-1376", "urgency": "U1"})
            assert full.replace("4829-1376", "").replace("U1", "") == plain
            assert not any(character.isdecimal() for character in plain)
