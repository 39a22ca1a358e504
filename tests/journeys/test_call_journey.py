"""A call, through public doors only: somebody in danger, a worker who answers, a message at night."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from app.identity.rules import Role
from tests.hotline import STATUS_URL, VOICE, a_hotline
from tests.makers import Installation
from tests.peers import Poster
from tests.peers.calls import SILENCE, Line, Script, in_turn, picks_up, posted_over_http, says
from tests.twilio_town import ACCOUNT, PUBLIC, SOMEBODY, TOKEN, served


def test_a_call_in_danger_reaches_a_worker_and_becomes_their_case(
    install: Callable[..., Installation],
) -> None:
    hotline = a_hotline(install)
    here = hotline.here
    worker = hotline.on_duty("+85512345601")
    other = here.a_worker(organisation="lotus-legal")
    with served(here) as origin, closing(Poster({PUBLIC: origin})) as poster:
        line = Line(
            posted_over_http(poster, TOKEN), ACCOUNT, PUBLIC, clock=here.clock.now, status_url=STATUS_URL,
            answers=in_turn(picks_up("1")),
        )  # fmt: skip
        heard = line.call(SOMEBODY, VOICE, Script("1", "0"))
    assert heard.faults == []
    here.receive()
    items = here.ask(worker, "GET", "/v1/cases?owner=me").json()["items"]
    assert [(item["urgency"], item["status"], item["origin_channel"]) for item in items] == [
        ("U1", "accepted", "call")
    ]
    kinds = [
        i["kind"] for i in here.ask(worker, "GET", f"/v1/cases/{items[0]['id']}/timeline").json()["items"]
    ]
    assert {"call.received", "case.routed", "call.answered", "case.accepted", "call.ended"} <= set(kinds)
    # A human has acted: what is armed now is the next review, not the alarm.
    timers = here.ask(worker, "GET", f"/v1/cases/{items[0]['id']}/timers").json()["items"]
    assert [timer["kind"] for timer in timers if timer["state"] == "armed"] == ["review"]
    assert here.ask(other, "GET", f"/v1/cases/{items[0]['id']}").status_code == 404


def test_a_message_at_night_waits_for_a_human_with_its_clocks_running(
    install: Callable[..., Installation],
) -> None:
    hotline = a_hotline(install)
    heard = hotline.call("1", "2", "3", SILENCE, says(30))
    case = hotline.case_of(heard)
    coordinator = hotline.here.a_worker(Role.COORDINATOR)
    listed = hotline.here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert [(task["kind"], task["case_id"]) for task in listed] == [("contact_otherwise", str(case.id))]
    armed = hotline.here.ask(coordinator, "GET", f"/v1/cases/{case.id}/timers").json()["items"]
    assert {timer["kind"] for timer in armed if timer["state"] == "armed"} == {"accept", "first_contact"}


def test_one_call_that_is_announced_twenty_times_at_once_is_one_call(
    install: Callable[..., Installation],
) -> None:
    hotline = a_hotline(install)
    form = {"CallSid": "CA" + "7" * 32, "AccountSid": ACCOUNT, "From": SOMEBODY, "To": VOICE}
    with served(hotline.here) as origin, ThreadPoolExecutor(20) as together:

        def announce(_: int) -> tuple[int, str]:
            with closing(Poster({PUBLIC: origin})) as poster:
                answer = poster.post_signed(f"{PUBLIC}/twilio/voice", form, token=TOKEN)
            return answer.status, answer.body

        answers = set(together.map(announce, range(20)))
    assert len(answers) == 1
    assert {status for status, _ in answers} == {200}
    assert hotline.calls() == 1
