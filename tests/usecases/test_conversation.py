"""Talking with a person by text: the questions, the next day, and what people may wish for."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.kernel.urgency import Urgency
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, Installation
from tests.talking import JUNK, Gateway, given_in, said, talk, text, the_case

# The questions, one at a time.


def test_an_unclear_text_leads_to_what_happened_how_it_is_and_whether_we_may_call(here: Installation) -> None:
    here.a_worker()
    questions = [said(here.a_text(JUNK))]
    for digit in "211":
        here.clock.forward(minutes=1)
        questions.append(said(here.a_text(digit)))
    keys = ("sms.menu", "sms.ask_safe_now", "sms.ask_may_call", "sms.thanks")
    assert questions == [[text(here, key)] for key in keys]


def test_a_clear_text_leads_to_how_it_is_whether_we_may_call_and_when(here: Installation) -> None:
    here.a_worker()
    # The same digit answers two questions: it is not taken for one text that came twice.
    questions = [said(here.a_text(body)) for body in (KHMER_UNPAID, "១", "១", "8 យប់")]
    keys = ("sms.ask_safe_now", "sms.ask_may_call", "sms.ask_when", "sms.thanks")
    assert questions == [[text(here, key)] for key in keys]
    last = here.a_text("9 យប់")
    assert last.replies == ()
    assert given_in(here, last) == [("safe_now", "yes"), ("may_call", "yes"), ("when", "words")]
    assert here.kinds(the_case(last).id).count("message.received") == 5


def test_an_answer_does_not_hold_up_routing_or_clocks(here: Installation) -> None:
    worker = here.a_worker()
    answer = here.a_text(JUNK)
    assert the_case(answer).owner_id == worker.id
    assert answer.next_timer is not None
    due_at = answer.next_timer.plan.due_at
    here.clock.forward(minutes=20)
    later = here.a_text("6")
    assert later.next_timer is not None
    assert later.next_timer.plan.due_at == due_at


@pytest.mark.parametrize("body", ["2", "no", "ទេ", "ពិបាក", "SOS"])
def test_who_is_not_safe_is_an_emergency_from_that_moment(here: Installation, body: str) -> None:
    here.a_worker()
    before = the_case(here.a_text(KHMER_UNPAID))
    assert before.urgency is not Urgency.U1
    here.clock.forward(minutes=3)
    answer = here.a_text(body)
    case = the_case(answer)
    assert case.urgency is Urgency.U1
    assert "answer.safe_now.no" in {reason["rule"] for reason in case.reasons}
    assert given_in(here, answer) == [("safe_now", "no")]
    assert answer.next_timer is not None
    assert (answer.next_timer.plan.due_at - here.clock.now()).total_seconds() <= 15 * 60
    here.clock.forward(minutes=3)
    assert the_case(here.a_text("1")).urgency is Urgency.U1


def test_who_wants_no_call_is_never_asked_for_an_hour(here: Installation) -> None:
    here.a_worker()
    assert said(talk(here, KHMER_UNPAID, "1", "2")) == [text(here, "sms.thanks")]
    here.clock.forward(minutes=3)
    assert said(here.a_text("ភាសាខ្មែរ")) == [text(here, "sms.thanks")]
    here.clock.forward(hours=25)
    again = here.a_text(f"{KHMER_UNPAID} ទៀត")
    assert [reply.body for reply in again.replies] == [
        text(here, "sms.ack_received", code=the_case(again).code)
    ]


def test_free_words_answer_a_question_once_there_was_time_to_read_it(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    early = here.a_text("ខ្ញុំនៅជាមួយមិត្តភក្តិ")
    assert (early.replies, given_in(here, early)) == ((), [])
    here.clock.forward(minutes=3)
    answer = here.a_text("ខ្ញុំនៅផ្ទះមិត្តភក្តិ")
    assert said(answer) == [text(here, "sms.ask_may_call")]
    assert given_in(here, answer) == [("safe_now", "words")]


def test_a_story_told_in_two_sentences_is_learnt_from_and_the_question_stays_open(here: Installation) -> None:
    here.a_worker()
    here.a_text("ជួយផង")
    here.clock.forward(minutes=1)
    told = here.a_text(KHMER_LOCKED_IN)
    assert told.replies == ()
    assert "detention" in the_case(told).categories
    assert the_case(told).urgency is Urgency.U1
    here.clock.forward(minutes=3)
    # By now it is known what happened: whatever comes, the talk goes on with how the person is.
    assert said(here.a_text("លោកអើយ")) == [text(here, "sms.ask_safe_now")]


def test_a_second_problem_in_an_answer_is_kept(here: Installation) -> None:
    here.a_worker()
    answer = talk(here, KHMER_UNPAID, "ម៉ាដាមដកហូតប៉ាស្ព័រខ្ញុំ")
    assert set(the_case(answer).categories) >= {"unpaid_wages", "passport_confiscation"}
    assert said(answer) == [text(here, "sms.ask_may_call")]


def test_what_reached_us_before_we_asked_is_no_answer(here: Installation) -> None:
    """A person who waits writes "1" twice; both are taken after an outage, the second before its question."""
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=3)
    sids = [here.post_text("1"), here.post_text("1 ")]
    here.clock.forward(minutes=1)
    here.receive()
    case = the_case(here.a_text("x"))
    assert len(sids) == 2
    timeline = here.timeline(case.id)
    given = [details["question"] for kind, details in timeline if kind == "answer.given"]
    assert given == ["safe_now"]


@pytest.mark.parametrize(("apart", "given"), [(2, 1), (60, 2)])
def test_a_phone_that_hears_one_answer_twice_tells_it_once(
    here: Installation, apart: int, given: int
) -> None:
    """A digit sent at the same moment is the same answer; a minute later it answers the next question."""
    here.a_worker()
    gateway = Gateway(here)
    gateway.hear(KHMER_UNPAID)
    here.clock.forward(minutes=2)
    now = here.clock.now()
    for seconds in (0, apart):
        here.clock.set(now)
        here.clock.forward(seconds=seconds)
        gateway.hear("1", sent=True)
    (case,) = gateway.cases()
    assert here.kinds(UUID(case["id"])).count("answer.given") == given


# Restart, and the next day.


def test_the_talk_goes_on_after_a_restart(install: Callable[..., Installation]) -> None:
    here = install()
    here.a_worker()
    talk(here, KHMER_UNPAID, "1")
    after = install(database_url=here.application.settings.database_url)
    after.clock.set(here.clock.forward(minutes=3))
    answer = after.a_text("1")
    assert said(answer) == [text(after, "sms.ask_when")]
    assert given_in(after, answer) == [("safe_now", "yes"), ("may_call", "yes")]


def test_an_old_question_is_open_no_more_and_the_next_day_goes_on_with_the_next_one(
    here: Installation,
) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(hours=24, seconds=1)
    late = here.a_text("2")
    assert the_case(late).urgency is not Urgency.U1
    assert given_in(here, late) == []
    assert said(late) == [text(here, "sms.ask_may_call")]
    here.clock.forward(minutes=3)
    assert said(here.a_text("1")) == [text(here, "sms.ask_when")]


def test_an_answer_on_the_next_day_is_heard_before_anything_is_acknowledged_again(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(hours=20)
    here.a_text("1")
    here.clock.forward(hours=5)
    answer = here.a_text("1")
    assert [reply.body for reply in answer.replies] == [text(here, "sms.ask_when")]


def test_a_new_case_on_a_later_day_has_questions_of_its_own(here: Installation) -> None:
    worker = here.a_worker()
    first = the_case(talk(here, KHMER_UNPAID, "1", "1", "8 យប់"))
    closing = {"outcome": "information_only", "client_informed": "yes"}
    assert here.ask(worker, "POST", f"/v1/cases/{first.id}/close", closing).status_code == 200
    here.clock.forward(days=30)
    second = here.a_text(KHMER_LOCKED_IN)
    assert the_case(second).id != first.id
    assert said(second) == [text(here, "sms.ask_safe_now")]


def test_an_answer_after_the_case_was_closed_opens_one_that_waits_no_longer_than_a_text(
    here: Installation,
) -> None:
    worker = here.a_worker()
    first = the_case(here.a_text(JUNK))
    closing = {"outcome": "information_only", "client_informed": "no"}
    assert here.ask(worker, "POST", f"/v1/cases/{first.id}/close", closing).status_code == 200
    here.clock.forward(hours=1)
    second = the_case(here.a_text("6"))
    assert second.id != first.id
    assert not Urgency.U2.is_above(second.urgency)


# Wishes.


@pytest.mark.parametrize("word", ["status {}", "STATUS{}", "ស្ថានភាព {}", "ស្ថានភាព{}"])
def test_status_with_the_code_is_answered_neutrally(here: Installation, word: str) -> None:
    worker = here.a_worker()
    case = the_case(here.a_text(KHMER_UNPAID))
    here.clock.forward(minutes=20)
    # Whoever writes Khmer is answered in Khmer, although "status" is English.
    assert said(here.a_text(word.format(case.code))) == [text(here, "sms.status_open", code=case.code)]
    closing = {"outcome": "information_only", "client_informed": "yes"}
    here.ask(worker, "POST", f"/v1/cases/{case.id}/close", closing)
    here.clock.forward(minutes=20)
    closed = here.a_text(word.format(case.code))
    assert said(closed) == [text(here, "sms.status_closed", code=case.code)]
    assert not the_case(closed).is_open


def test_status_of_another_persons_case_tells_nothing(here: Installation) -> None:
    here.a_worker()
    case = the_case(here.a_text(KHMER_UNPAID))
    curious = here.a_text(f"status {case.code}", sender="+66810000009")
    assert the_case(curious).id != case.id
    assert case.code not in curious.replies[0].body


def test_help_is_answered_and_the_open_question_stays_open_and_counts_once(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=20)
    assert said(here.a_text("ជំនួយ")) == [text(here, "sms.help")]
    here.clock.forward(minutes=20)
    assert said(here.a_text("ស្ថានភាព")) == [text(here, "sms.help")]
    here.clock.forward(minutes=20)
    answer = here.a_text("1")
    assert said(answer) == [text(here, "sms.ask_may_call")]
    assert given_in(here, answer) == [("safe_now", "yes")]
    here.clock.forward(minutes=20)
    assert said(here.a_text("1")) == [text(here, "sms.ask_when")]


def test_the_language_is_asked_for_and_the_open_question_comes_again_in_it(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=3)
    assert said(here.a_text("ភាសា")) == [text(here, "sms.language_menu")]
    assert said(here.a_text("2")) == [text(here, "sms.ask_safe_now", "en")]
    assert said(here.a_text("1")) == [text(here, "sms.ask_may_call", "en")]
    here.clock.forward(minutes=1)
    assert said(here.a_text("ខ្មែរ")) == [text(here, "sms.ask_may_call")]


def test_a_language_may_be_named_at_once_and_a_sentence_about_it_changes_nothing(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=3)
    answer = here.a_text("English")
    assert said(answer) == [text(here, "sms.ask_safe_now", "en")]
    assert given_in(here, answer) == []
    here.clock.forward(minutes=3)
    assert said(here.a_text("ខ្ញុំចេះភាសាខ្មែរ")) == [text(here, "sms.ask_may_call")]


def test_silence_ends_the_questions_and_what_was_not_sent_was_not_asked(here: Installation) -> None:
    here.a_worker()
    here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=3)
    assert said(here.a_text("ឈប់")) == [text(here, "sms.opt_out_done")]
    here.clock.forward(minutes=3)
    silent = here.a_text("1")
    assert silent.replies == ()
    assert given_in(here, silent) == [("safe_now", "yes")]
    assert said(here.a_text("START")) == [text(here, "sms.opt_in_done")]
    here.clock.forward(hours=25)
    # The question after that was held back: it is asked now.
    assert said(here.a_text(f"{KHMER_UNPAID} ទៀត")) == [text(here, "sms.ask_may_call")]
