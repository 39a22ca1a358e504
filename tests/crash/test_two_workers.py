"""Two workers on one database: whatever is to be done is done once, by one of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from app.bootstrap import Application, build
from app.cases.tables import cases, events
from app.escalation.tables import timers
from app.identity.rules import Role
from app.intake.tables import inbox, message_cases
from app.kernel.ids import new_id
from app.outbox.tables import outbox
from app.workers.steps import Outbox, Reception, Timers
from tests.crash.child import Child, Job
from tests.fakes import START
from tests.makers import KHMER_LOCKED_IN, Installation, written_for
from tests.peers.twilio import FakeTwilio

Step = Callable[[Application], Callable[[Any], bool]]
WORKERS = 2
DUE = 300
TEXTS = 200


@pytest.fixture
def children(child: Child, other_child: Child) -> list[Child]:
    return [child, other_child]


def rows(here: Installation, table: Table) -> list[Any]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(table)).all())


def at_once_in_threads(here: Installation, step_of: Step) -> list[int]:
    """Each worker is an application of its own; how many steps of each did something."""
    begin, done = threading.Barrier(WORKERS), [0] * WORKERS
    failures: list[BaseException] = []

    def work(number: int) -> None:
        settings = here.application.settings
        application = build(settings, clock=here.clock, written=written_for(settings))
        step, idle = step_of(application), 0
        try:
            begin.wait(30)
            while idle < 5:
                if step(here.clock.now()):
                    done[number], idle = done[number] + 1, 0
                else:
                    idle += 1
                    time.sleep(0.02)
        except BaseException as problem:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(problem)
        finally:
            application.office.database.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return done


def at_once_in_processes(
    here: Installation, children: list[Child], folder: Path, name: str, changes: Mapping[str, Any]
) -> None:
    """Two processes, each with the whole program, do the same job at the same time."""
    url, now = here.application.settings.database_url, here.clock.now().isoformat()
    for child in children:
        assert child.run(Job("expiry", str(folder), url, now, dict(changes))) == 0  # both are awake
    for child in children:
        child.begin(Job(name, str(folder), url, now, dict(changes)))
    assert [child.end() for child in children] == [0] * WORKERS


def with_due_timers(here: Installation) -> None:
    """Many urgent cases that nobody accepted, a quarter of an hour after they were opened."""
    here.a_worker(Role.DUTY_LEAD, phone="+85510000201")
    pattern = here.a_case(KHMER_LOCKED_IN)
    copies = [new_id(here.clock.now()) for _ in range(DUE - 1)]
    with here.office.database.write() as connection:
        case = connection.execute(select(cases).where(cases.c.id == pattern)).mappings().one()
        clocks = connection.execute(select(timers)).mappings().all()
        new = [
            {**case, "id": copy, "code": f"copy-{number}", "reasons": None, "event_count": 0}
            for number, copy in enumerate(copies)
        ]
        connection.execute(insert(cases), new)
        running = [{**clock, "id": new_id(START), "case_id": copy} for copy in copies for clock in clocks]
        connection.execute(insert(timers), running)
    here.clock.forward(minutes=15)


def each_fired_once(here: Installation) -> None:
    fired = Counter(row.case_id for row in rows(here, events) if row.kind == "escalation.fired")
    assert (len(fired), set(fired.values())) == (DUE, {1})
    states = Counter((row.kind, row.rung, row.state) for row in rows(here, timers))
    assert states == {
        ("accept", 1, "fired"): DUE,
        ("accept", 2, "armed"): DUE,
        ("first_contact", 1, "armed"): DUE,
    }
    assert {row.due_at - START for row in rows(here, timers) if row.state == "armed"} == {
        timedelta(minutes=30)
    }
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None


def test_two_workers_fire_each_of_many_timers_once(here: Installation) -> None:
    with_due_timers(here)
    at_once_in_threads(here, lambda application: Timers(application.office, at_once=7).step)
    each_fired_once(here)


def test_two_processes_fire_each_of_many_timers_once(
    here: Installation, children: list[Child], tmp_path: Path
) -> None:
    with_due_timers(here)
    at_once_in_processes(here, children, tmp_path, "timers", {})
    each_fired_once(here)


def with_many_texts(here: Installation) -> None:
    """Texts of as many phones wait in the inbox, and ten workers wait for them."""
    for _ in range(10):
        here.a_worker()
    for number in range(TEXTS):
        here.post_text(KHMER_LOCKED_IN, sender=f"+6682{number:07d}")


def each_became_one_case(here: Installation) -> None:
    # No arrival had to be tried twice either: two workers do not stand in each other's way.
    assert Counter((row.state, row.attempts) for row in rows(here, inbox)) == {("taken", 0): TEXTS}
    linked = Counter(row.case_id for row in rows(here, message_cases))
    assert (len(linked), set(linked.values())) == (TEXTS, {1})
    assert len(rows(here, cases)) == TEXTS
    assert Counter(row.purpose for row in rows(here, outbox)) == {"acknowledge": TEXTS}
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None


def test_two_workers_make_one_case_of_each_text(here: Installation) -> None:
    with_many_texts(here)
    at_once_in_threads(here, lambda application: Reception(application.office).step)
    each_became_one_case(here)


def test_two_processes_make_one_case_of_each_text(
    here: Installation, children: list[Child], tmp_path: Path
) -> None:
    with_many_texts(here)
    at_once_in_processes(here, children, tmp_path, "reception", {})
    each_became_one_case(here)


def test_texts_of_one_phone_go_into_one_case_in_their_order_whoever_takes_them(here: Installation) -> None:
    here.a_worker()
    for number in range(20):
        here.post_text(f"{KHMER_LOCKED_IN} {number}", sender="+66812345678", carrier_id=f"text-{number:02d}")
    at_once_in_threads(here, lambda application: Reception(application.office).step)
    (case,) = rows(here, cases)
    received = [
        details["carrier_id"] for kind, details in here.timeline(case.id) if kind == "message.received"
    ]
    assert received == [f"text-{number:02d}" for number in range(20)]


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio(account_sid=f"AC{'6' * 32}", auth_token="invented", numbers=["+12025550100"]) as peer:
        yield peer


def wired_to(twilio: FakeTwilio) -> dict[str, Any]:
    return {
        "twilio_account_sid": twilio.account_sid,
        "twilio_auth_tokens": twilio.auth_token,
        "twilio_api_base_url": twilio.base_url,
        "twilio_sms_numbers": "+12025550100",
    }


def with_texts_to_send(here: Installation) -> int:
    """Ten workers, each to be told of four cases: fewer texts than anybody may get in an hour."""
    for number in range(10):
        here.a_worker(phone=f"+8551000040{number}")
    for number in range(40):
        here.a_case(KHMER_LOCKED_IN, sender=f"+668100003{number:02d}")
    return len([row for row in rows(here, outbox) if row.carrier == "twilio"])


def each_went_once(here: Installation, twilio: FakeTwilio, number: int) -> None:
    assert number == 40
    sent = Counter((message.to, message.body) for message in twilio.messages)
    assert (len(sent), set(sent.values())) == (number, {1})
    ours = [row for row in rows(here, outbox) if row.carrier == "twilio"]
    assert Counter((row.state, row.attempts) for row in ours) == {("accepted", 1): number}


def test_two_workers_hand_over_each_text_once(
    install: Callable[..., Installation], twilio: FakeTwilio
) -> None:
    here = install(**wired_to(twilio))
    number = with_texts_to_send(here)

    def step_of(application: Application) -> Callable[[Any], bool]:
        (carrier,) = [carrier for carrier in application.carriers if carrier.name == "twilio"]
        return Outbox(application.office, carrier, application.clock).step

    at_once_in_threads(here, step_of)
    each_went_once(here, twilio, number)


def test_two_processes_hand_over_each_text_once(
    install: Callable[..., Installation], children: list[Child], tmp_path: Path, twilio: FakeTwilio
) -> None:
    here = install(**wired_to(twilio))
    number = with_texts_to_send(here)
    at_once_in_processes(here, children, tmp_path, "outbox-twilio", wired_to(twilio))
    each_went_once(here, twilio, number)


def test_a_text_and_a_visit_of_the_same_person_do_not_stand_in_each_other_s_way(here: Installation) -> None:
    # Reception takes the text and locks phone, then worker; a desk that did so the other way round
    # would now and then make PostgreSQL end one of them.
    supervisor, _ = here.a_worker(Role.SUPERVISOR), here.a_worker()
    for number in range(60):
        here.post_text(KHMER_LOCKED_IN, sender=f"+6683{number:07d}")
    answers: list[int] = []

    def visits() -> None:
        for number in range(60):
            body = {"categories": ["detention"], "phone": f"+6683{number:07d}"}
            answers.append(here.ask(supervisor, "POST", "/v1/cases", body).status_code)

    desk = threading.Thread(target=visits)
    desk.start()
    at_once_in_threads(here, lambda application: Reception(application.office).step)
    desk.join()
    assert Counter(answers) == {201: 60}
    assert Counter((row.state, row.attempts) for row in rows(here, inbox)) == {("taken", 0): 60}
