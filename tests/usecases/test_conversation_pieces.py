"""Letters that nobody can read, long texts in pieces, and whatever else a phone may send."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.i18n.catalogue import Catalogues
from app.i18n.wording import ACKNOWLEDGEMENTS, QUESTIONS
from app.identity.rules import Role
from app.intake.rules.triage import decide
from app.kernel.urgency import Urgency
from app.outbox.tables import outbox
from app.usecases.words import UNSAFE_WORDS
from tests.makers import (
    KHMER_LOCKED_IN,
    KHMER_UNPAID,
    LONG_KHMER,
    LONG_LATIN,
    Installation,
    pieces_of,
)
from tests.talking import JUNK, LEGACY, SENDER, Gateway, given_in, said, talk, tasks, text, the_case


def sent_to_people(here: Installation) -> list[Any]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(outbox).where(outbox.c.worker_id.is_(None))))


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


# Words that give away who writes.


def edited(here: Installation, key: str, words: str) -> None:
    """The installation as after a restart with this text in the Khmer catalogue."""
    catalogues = here.office.rulebook.catalogues
    texts = {
        name: {other: catalogues.written(other, name) for other in catalogues.keys(name)}
        for name in catalogues.names
    }
    texts["km"][key] = words
    here.office.rulebook = replace(here.office.rulebook, catalogues=Catalogues(texts))


@pytest.mark.parametrize("words", ["នេះជាអង្គការ", "Salary?", "ស្ពានទន្លេ", "Lotus Legal Aid"])
def test_a_text_that_would_give_us_away_is_held_and_a_human_is_told(here: Installation, words: str) -> None:
    here.a_worker()
    edited(here, "sms.ask_safe_now", words)
    answer = here.a_text(KHMER_UNPAID)
    assert answer.replies == ()
    assert answer.next_timer is not None
    (held,) = [details for kind, details in here.timeline(the_case(answer).id) if kind == "message.held"]
    assert held["error_code"] == UNSAFE_WORDS
    assert tasks(here) == ["failed_message"]
    # It was not said, so nothing was asked: what comes next is no answer, and is acknowledged in its turn.
    edited(here, "sms.ask_safe_now", "សុខសប្បាយទេ?")
    again = here.a_text("2")
    assert given_in(here, again) == []
    assert said(again) == ["សុខសប្បាយទេ?"]


def test_what_staff_are_told_is_their_own_affair(here: Installation) -> None:
    here.a_worker(phone="+85510000555")
    edited(here, "staff.new_case", "ករណី {code} {urgency}")
    case_id = the_case(here.a_text(KHMER_UNPAID)).id
    assert "message.held" not in here.kinds(case_id)
