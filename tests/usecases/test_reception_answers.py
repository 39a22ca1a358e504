"""What reception answers: in which words, to what, how often, and to whom not."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.i18n.parts import clusters, parts
from app.identity.rules import Role
from app.usecases.answers import Answer
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, Installation

JUNK = "ក្អែក ក្អែក"
SENDER = "+66812345678"


def text(here: Installation, key: str, language: str = "km", **values: str) -> str:
    return here.office.rulebook.catalogues.fill(key, language, values)


def said(answer: Answer) -> list[str]:
    return [reply.body for reply in answer.replies]


def categories(answer: Answer) -> tuple[str, ...]:
    assert answer.case is not None
    return answer.case.categories


def acknowledged(here: Installation, answer: Answer, question: str, language: str = "km") -> list[str]:
    """The one text that acknowledges with the case code and asks."""
    urgent = answer.case is not None and answer.case.urgency == "U1"
    first = text(here, "sms.ack_urgent" if urgent else "sms.ack_received", language, code=code(answer))
    return [f"{first}\n{text(here, question, language)}"]


def code(answer: Answer) -> str:
    assert answer.case is not None
    return answer.case.code


def tasks(here: Installation) -> list[str]:
    coordinator = here.a_worker(Role.COORDINATOR)
    return [task["kind"] for task in here.ask(coordinator, "GET", "/v1/tasks").json()["items"]]


def held(here: Installation, case_id: UUID) -> list[str]:
    return [details["error_code"] for kind, details in here.timeline(case_id) if kind == "message.held"]


@pytest.mark.parametrize(
    ("body", "language"),
    [
        (KHMER_UNPAID, "km"),
        ("thaoke min berk brak khae oy knhom 3 khae hery", "km-Latn"),
        ("my boss did not pay me for 3 months", "en"),
        ("", "km"),
        ("៣", "km"),
    ],
)
def test_the_answer_is_written_as_the_person_writes(here: Installation, body: str, language: str) -> None:
    here.a_worker()
    answer = here.a_text(body)
    (words,) = said(answer)
    first = text(here, "sms.ack_received", language, code=code(answer))
    assert words.splitlines()[0] == first
    others = {"km", "km-Latn", "en"} - {language}
    assert all(first != text(here, "sms.ack_received", other, code=code(answer)) for other in others)


def test_who_changes_the_script_is_answered_in_the_new_one_and_a_digit_changes_nothing(
    here: Installation,
) -> None:
    here.a_worker()
    assert len(said(here.a_text("hello there"))) == 1
    assert said(here.a_text("2")) == [text(here, "sms.ask_safe_now", "en")]
    here.clock.forward(hours=25)
    back = here.a_text(JUNK)
    assert said(back) == acknowledged(here, back, "sms.ask_may_call")
    # Everybody writes "ok": that says nothing of what they read.
    assert said(here.a_text("ok")) == [text(here, "sms.thanks")]


@pytest.mark.parametrize("digit", ["២", "2", "๒", " ២។ ", "(2)", "2\ufe0f\u20e3", "២\u200b"])
def test_a_digit_of_any_script_answers_the_menu(here: Installation, digit: str) -> None:
    """S3."""
    here.a_worker()
    first = here.a_text(JUNK)
    assert said(first) == acknowledged(here, first, "sms.menu")
    answer = here.a_text(digit)
    assert categories(answer) == ("unpaid_wages",)
    assert said(answer) == [text(here, "sms.ask_safe_now")]
    assert said(here.a_text("៣")) == []
    assert categories(here.a_text("៣")) == ("unpaid_wages",)


@pytest.mark.parametrize("body", ["០", "7", "22", "២ ៣", "no", "…", "①", "-"])
def test_what_is_no_answer_leaves_the_question_open_and_is_not_answered(
    here: Installation, body: str
) -> None:
    here.a_worker()
    here.a_text(JUNK)
    assert said(here.a_text(body)) == []
    answer = here.a_text("១")
    assert categories(answer) == ("detention",)
    assert said(answer)[0] in {text(here, "sms.ask_safe_now", name) for name in ("km", "en", "km-Latn")}


def test_six_leaves_the_case_to_a_human(here: Installation) -> None:
    here.a_worker()
    here.a_text(JUNK)
    answer = here.a_text("៦")
    assert (categories(answer), said(answer)) == (("unclassified",), [text(here, "sms.ask_safe_now")])


def test_words_answer_the_menu_as_well(here: Installation) -> None:
    here.a_worker()
    here.a_text(JUNK)
    here.clock.forward(minutes=3)
    answer = here.a_text(KHMER_LOCKED_IN)
    assert "detention" in categories(answer)
    assert said(answer) == [text(here, "sms.ask_safe_now")]


def test_there_is_a_menu_only_where_nothing_was_understood(here: Installation) -> None:
    here.a_worker()
    clear = here.a_text(KHMER_UNPAID, sender="+66810000001")
    urgent = here.a_text(KHMER_LOCKED_IN, sender="+66810000002")
    assert said(clear) == acknowledged(here, clear, "sms.ask_safe_now")
    assert said(urgent) == acknowledged(here, urgent, "sms.ask_safe_now")
    assert said(urgent)[0].startswith(text(here, "sms.ack_urgent", code=code(urgent)))
    for answer in (clear, urgent):
        before = categories(answer)
        sender = answer.replies[0].to
        assert said(here.a_text("៣", sender=sender)) == []
        assert categories(here.a_text("៤", sender=sender)) == before


def test_a_question_is_forgotten_after_a_day(here: Installation) -> None:
    here.a_worker()
    here.a_text(JUNK)
    here.clock.forward(hours=24, seconds=1)
    late = here.a_text("២")
    assert categories(late) == ("unclassified",)
    assert "\n" in said(late)[0]


def test_the_question_outlives_a_restart(install: Callable[..., Installation]) -> None:
    here = install()
    here.a_worker()
    here.a_text(JUNK)
    after = install(database_url=here.application.settings.database_url)
    assert categories(after.a_text("២")) == ("unpaid_wages",)


def test_two_robots_fall_silent(here: Installation) -> None:
    """Telephony case 18."""
    here.a_worker()
    replies = []
    for n in range(50):
        replies += said(here.a_text(f"I am driving, I will call you back. {n}"))
        here.clock.forward(seconds=20)
    assert len(replies) == 1


@pytest.mark.parametrize("body", ["STOP", "stop.", "ឈប់", "ឈប់។", " Stop \u200b", "បញ្ឈប់"])
def test_a_single_word_asks_for_silence_and_is_confirmed_once(here: Installation, body: str) -> None:
    """Telephony case 20."""
    here.a_worker()
    first = here.a_text(body)
    assert first.case is None
    assert len(said(first)) == 1
    assert said(first)[0] in {text(here, "sms.opt_out_done", name) for name in ("km", "en")}
    assert tasks(here) == ["opted_out"]
    here.clock.forward(hours=2)
    assert said(here.a_text(body)) == []
    report = here.a_text(KHMER_LOCKED_IN)
    assert report.case is not None
    assert report.next_timer is not None
    assert held(here, report.case.id) == ["opted_out"]


@pytest.mark.parametrize(
    "body", ["please stop my boss hitting me", "ខ្ញុំឈប់ធ្វើការហើយ ថៅកែអត់ព្រមឱ្យលុយ", "stop hitting"]
)
def test_a_sentence_with_that_word_is_a_report(here: Installation, body: str) -> None:
    here.a_worker()
    answer = here.a_text(body)
    assert answer.case is not None
    assert held(here, answer.case.id) == []
    assert len(said(answer)) == 1


def test_silence_in_an_open_case_keeps_the_case_and_tells_the_owner(here: Installation) -> None:
    """Telephony case 21."""
    here.a_worker(phone="+85510000555")
    case_id = here.a_case(KHMER_LOCKED_IN)
    here.clock.forward(hours=1)
    answer = here.a_text("ឈប់")
    assert answer.case is not None
    assert (answer.case.id, answer.case.is_open) == (case_id, True)
    assert said(answer) == [text(here, "sms.opt_out_done")]
    alerts = [d for kind, d in here.timeline(case_id) if kind == "message.queued" and "alert" in d["purpose"]]
    assert len(alerts) == 2
    assert tasks(here) == []


def test_start_ends_the_silence_and_is_an_ordinary_word_otherwise(here: Installation) -> None:
    here.a_worker()
    assert here.a_text("start", sender="+66810000001").case is not None
    here.a_text("stop")
    here.a_text(JUNK)
    # Whoever reads Khmer is answered in Khmer, although the word that we ask for is English.
    assert said(here.a_text("START")) == [text(here, "sms.opt_in_done")]
    here.clock.forward(hours=25)
    assert len(said(here.a_text("ជួយខ្ញុំផង"))) == 1
    # A wish is heeded each time, also within the minutes in which equal texts count as one.
    assert len(said(here.a_text("stop"))) == 1


def test_a_long_khmer_answer_leaves_whole(here: Installation) -> None:
    """S10: a phone divides a text by itself; what we offer is the words as they stand in the case."""
    worker = here.a_worker()
    auth = ("demo-th", here.application.gateway_secrets["demo-th"])
    item = {"id": "a", "from": SENDER, "content": JUNK}
    here.client.post("/gateways/cht/demo-th", json={"messages": [item]}, auth=auth)
    here.receive()
    (offered,) = here.client.post("/gateways/cht/demo-th", json={}, auth=auth).json()["messages"]
    (case,) = here.ask(worker, "GET", "/v1/cases").json()["items"]
    timeline = here.ask(worker, "GET", f"/v1/cases/{case['id']}/timeline").json()["items"]
    (told,) = [item["text"] for item in timeline if item.get("to") == "person"]
    assert offered["content"] == told
    assert parts(told) > 1
    whole = f"{text(here, 'sms.ack_received', code=case['code'])}\n{text(here, 'sms.menu')}"
    assert clusters(told) == clusters(whole)


@pytest.mark.parametrize("digits", ["១២", "12", "១2", "๑๒"])
def test_numbers_mean_the_same_in_every_script_and_are_kept_as_written(
    here: Installation, digits: str
) -> None:
    """S3."""
    worker = here.a_worker()
    body = f"ពួកយើង {digits} នាក់ មិនបានប្រាក់ខែ"
    answer = here.a_text(body)
    assert answer.case is not None
    assert answer.case.member_count == 12
    timeline = here.ask(worker, "GET", f"/v1/cases/{answer.case.id}/timeline").json()["items"]
    assert [item["text"] for item in timeline if item["kind"] == "message.received"] == [body]
