"""Talking with a person by text, through the doors that texts come in by."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.cases.rules.stages import Case
from app.i18n.wording import ACKNOWLEDGEMENTS, QUESTIONS
from app.identity.rules import Role
from app.intake.rules.triage import decide
from app.kernel.urgency import Urgency
from app.outbox.tables import outbox
from app.usecases.answers import Answer
from tests.makers import (
    KHMER_LOCKED_IN,
    KHMER_UNPAID,
    LONG_KHMER,
    LONG_LATIN,
    Installation,
    pieces_of,
)

JUNK = "ក្អែក ក្អែក"
LEGACY = "RBHr©®¦Kµ ÃÆB¾K©"
SENDER = "+66812345678"


def text(here: Installation, key: str, language: str = "km", **values: str) -> str:
    return here.office.rulebook.catalogues.fill(key, language, values)


def said(answer: Answer) -> list[str]:
    """The second line where there are two: what was asked."""
    return [reply.body.splitlines()[-1] for reply in answer.replies]


def talk(here: Installation, *bodies: str, minutes: float = 3) -> Answer:
    """Texts of one person, one after the other; what came of the last."""
    answer = here.a_text(bodies[0])
    for body in bodies[1:]:
        here.clock.forward(minutes=minutes)
        answer = here.a_text(body)
    return answer


def the_case(answer: Answer) -> Case:
    assert answer.case is not None
    return answer.case


def given_in(here: Installation, answer: Answer) -> list[tuple[str, str]]:
    """What the timeline says of answers, as question and what was said."""
    timeline = here.timeline(the_case(answer).id)
    return [(details["question"], details["said"]) for kind, details in timeline if kind == "answer.given"]


def tasks(here: Installation) -> list[str]:
    supervisor = here.a_worker(Role.SUPERVISOR)
    return [task["kind"] for task in here.ask(supervisor, "GET", "/v1/tasks").json()["items"]]


def sent_to_people(here: Installation) -> list[Any]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(outbox).where(outbox.c.worker_id.is_(None))))


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


# Letters that nobody can read.


def test_unreadable_letters_are_kept_answered_once_and_put_before_a_human(here: Installation) -> None:
    here.a_worker()
    first = here.a_text(LEGACY)
    assert [reply.body for reply in first.replies] == [text(here, "sms.unreadable")]
    assert first.next_timer is not None
    here.clock.forward(minutes=20)
    assert here.a_text(f"{LEGACY} {LEGACY}").replies == ()
    assert tasks(here) == ["unreadable_text"] * 2
    with here.office.look() as uow:
        assert first.message_id is not None
        assert uow.intake.bodies([first.message_id]) == {first.message_id: LEGACY}


def test_who_writes_again_as_we_asked_is_acknowledged_with_the_code(here: Installation) -> None:
    here.a_worker()
    here.a_text(LEGACY)
    here.clock.forward(minutes=3)
    answer = here.a_text(KHMER_UNPAID)
    assert "unpaid_wages" in the_case(answer).categories
    assert [reply.body for reply in answer.replies] == [
        "\n".join(
            [
                text(here, "sms.ack_received", code=the_case(answer).code),
                text(here, "sms.ask_safe_now"),
            ]
        )
    ]


def test_unreadable_letters_answer_no_question_and_it_comes_again(here: Installation) -> None:
    here.a_worker()
    answer = talk(here, KHMER_UNPAID, LEGACY)
    assert said(answer) == [text(here, "sms.unreadable")]
    assert given_in(here, answer) == []
    here.clock.forward(minutes=3)
    assert said(here.a_text("សួស្ដី")) == [text(here, "sms.ask_safe_now")]
    assert said(here.a_text("1")) == [text(here, "sms.ask_may_call")]


# Pieces of long texts.


class Gateway:
    """The door of a gateway phone, seen by the phone."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._auth = ("demo-th", here.application.gateway_secrets["demo-th"])
        self._count = 0

    def hear(self, body: str, *, sent: bool = False) -> None:
        """A text arrives at the phone, which brings it at once; `sent` adds the network's time."""
        self._count += 1
        item = {"id": f"m{self._count}", "from": SENDER, "content": body}
        if sent:
            item["sms_sent"] = int(self._here.clock.now().timestamp() * 1000)  # type: ignore[assignment]  # JSON
        raw = json.dumps({"messages": [item]}).encode()
        headers = {"content-type": "application/json"}
        door = "/gateways/cht/demo-th"
        response = self._here.client.post(door, content=raw, headers=headers, auth=self._auth)
        assert response.status_code == 200
        self._here.receive()

    def cases(self) -> list[dict[str, Any]]:
        supervisor = self._here.a_worker(Role.SUPERVISOR)
        found: list[dict[str, Any]] = self._here.ask(supervisor, "GET", "/v1/cases").json()["items"]
        return found


def one_case_of(here: Installation, whole: str, bodies: list[str]) -> None:
    """One case as the whole text would make it, one answer, and every piece kept as it came."""
    worker = here.a_worker(Role.SUPERVISOR)
    (case,) = here.ask(worker, "GET", "/v1/cases").json()["items"]
    decision = decide(whole, here.office.rulebook.lexicon)
    assert set(case["categories"]) == set(decision.categories)
    assert not decision.urgency.is_above(Urgency(case["urgency"]))
    timeline = here.ask(worker, "GET", f"/v1/cases/{case['id']}/timeline").json()["items"]
    assert [item["text"] for item in timeline if item["kind"] == "message.received"] == bodies
    assert len(sent_to_people(here)) == 1
    assert not [item for item in timeline if item["kind"] == "answer.given"]


@pytest.mark.parametrize("whole", [LONG_KHMER, LONG_LATIN])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_pieces_that_a_gateway_brings_one_by_one_are_one_text(
    here: Installation, whole: str, order: tuple[int, ...]
) -> None:
    here.a_worker()
    gateway = Gateway(here)
    pieces = pieces_of(whole)
    for place in order:
        gateway.hear(pieces[place])
        here.clock.forward(minutes=4)
    one_case_of(here, whole, [pieces[place] for place in order])


@pytest.mark.parametrize("whole", [LONG_KHMER, LONG_LATIN])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_pieces_that_come_by_another_carrier_are_one_text_too(
    here: Installation, whole: str, order: tuple[int, ...]
) -> None:
    here.a_worker()
    pieces = pieces_of(whole)
    replies = []
    for place in order:
        replies.append(len(here.a_text(pieces[place], sender=SENDER).replies))
        here.clock.forward(seconds=100)
    assert replies == [1, 0, 0]
    one_case_of(here, whole, [pieces[place] for place in order])


def test_after_ten_minutes_a_text_stands_by_itself(here: Installation) -> None:
    here.a_worker()
    first, second, _ = pieces_of(LONG_KHMER)
    here.a_text(first)
    here.clock.forward(minutes=10, seconds=1)
    assert len(here.a_text(second).replies) == 1


def test_pieces_of_two_people_are_never_put_together(here: Installation) -> None:
    here.a_worker()
    first, second, _ = pieces_of(LONG_KHMER)
    answers = [here.a_text(first, sender="+66810000001"), here.a_text(second, sender="+66810000002")]
    assert len({the_case(answer).id for answer in answers}) == 2
    assert [len(answer.replies) for answer in answers] == [1, 1]


def test_an_answer_after_a_text_as_long_as_a_piece_is_an_answer(here: Installation) -> None:
    here.a_worker()
    here.a_text(pieces_of(LONG_KHMER)[0])
    answer = here.a_text("3")
    assert said(answer) == [text(here, "sms.ask_safe_now")]
    here.clock.forward(minutes=3)
    assert the_case(here.a_text("ទេ")).urgency is Urgency.U1


def test_reasons_of_a_joined_text_point_into_the_piece_that_came_last(here: Installation) -> None:
    here.a_worker()
    *_, last = [here.a_text(piece) for piece in pieces_of(LONG_KHMER)[:2]]
    length = len(pieces_of(LONG_KHMER)[1])
    spans = [
        (reason["start"], reason["end"])
        for reason in the_case(last).reasons
        if reason["message_id"] == str(last.message_id)
    ]
    assert spans
    assert all(0 <= start <= end <= length for start, end in spans)


# Robots, and anybody at all.


def test_a_robot_that_answers_everything_is_left_alone_soon(here: Installation) -> None:
    here.a_worker()
    replies = []
    for n in range(60):
        replies += said(
            here.a_text(f"Your message was received. Ticket {n}. Salary not paid? Call the boss.")
        )
        here.clock.forward(minutes=20)
    assert len(replies) <= 5


@pytest.fixture(scope="module")
def senders() -> Callable[[], str]:
    used = iter(range(1, 10_000))
    return lambda: f"+66810{next(used):06}"


bodies = st.sampled_from(
    [JUNK, KHMER_UNPAID, KHMER_LOCKED_IN, LEGACY, "1", "2", "៦", "yes", "ទេ", "ok", "8 យប់", "HELP",
     "ភាសា", "English", "ខ្មែរ", "STOP", "START", "ស្ថានភាព", "thank you", "SOS", "😀", "",
     *pieces_of(LONG_KHMER)]
) | st.text(max_size=30)  # fmt: skip


@pytest.fixture
def staffed(here: Installation) -> Installation:
    here.a_worker()
    return here


@settings(max_examples=60)
@given(moves=st.lists(st.tuples(bodies, st.sampled_from([0, 1, 3, 9, 25, 70, 700])), min_size=1, max_size=14))
def test_whatever_a_person_writes_the_talk_keeps_its_bounds(
    staffed: Installation, senders: Callable[[], str], moves: list[tuple[str, int]]
) -> None:
    here, sender = staffed, senders()
    urgency: dict[UUID, Urgency] = {}
    lines: list[tuple[datetime, str]] = []
    times: list[datetime] = []
    for body, minutes in moves:
        now, answer = here.clock.now(), here.a_text(body, sender=sender)
        assert len(answer.replies) <= 1
        times += [now for _ in answer.replies]
        lines += [(now, line) for reply in answer.replies for line in reply.body.splitlines()]
        if case := answer.case:
            assert case.is_open
            assert not urgency.get(case.id, case.urgency).is_above(case.urgency)
            urgency[case.id] = case.urgency
        here.clock.forward(minutes=minutes)
    assert len(urgency) <= 1
    assert all(sum(began <= at < began + timedelta(hours=1) for at in times) <= 5 for began in times)
    asked, acknowledged = keys_of(here)
    assert len({asked[line] for _, line in lines if line in asked}) <= 3
    codes = [at for at, line in lines if acknowledged.match(line)]
    assert all(later - earlier >= timedelta(hours=24) for earlier, later in pairwise(codes))


def keys_of(here: Installation) -> tuple[dict[str, str], re.Pattern[str]]:
    """Which question each line asks, in every language, and how an acknowledgement begins."""
    catalogues, names = here.office.rulebook.catalogues, ("km", "en", "km-Latn")
    asked = {catalogues.fill(key, name, {}): key for key in QUESTIONS for name in names}
    first = [catalogues.fill(key, name, {"code": "CODE"}) for key in ACKNOWLEDGEMENTS for name in names]
    return asked, re.compile("|".join(re.escape(line).replace("CODE", r"[0-9-]+") for line in first))
