"""The order in which reception takes texts, with several workers, and what one bad row may hold up."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.channels.console.carrier import CARRIER, read
from app.identity.rules import Role
from app.intake.rules.incoming import Arrival, IncomingText
from app.intake.tables import inbox
from app.usecases import reception
from app.workers.steps import Reception
from tests.conftest import ENGINE
from tests.makers import KHMER_UNPAID, Installation

POISON = "poison"


class Moody:
    """A reader that fails with some texts until it is told better."""

    def __init__(self) -> None:
        self.refused = {POISON}

    def __call__(self, raw: bytes, account: str) -> IncomingText:
        text = read(raw, account)
        if any(word in text.body for word in self.refused):
            raise LookupError(text.body)
        return text


def with_reader(here: Installation, reader: Moody) -> Moody:
    readers: Mapping[str, Any] = {**here.office.rulebook.readers, CARRIER: reader}
    here.office.rulebook = replace(here.office.rulebook, readers=readers)
    return reader


def taken(here: Installation) -> list[list[str]]:
    """The words of the texts in each case, in the order in which they were taken; the oldest case first."""
    supervisor = here.a_worker(Role.SUPERVISOR)
    cases = here.ask(supervisor, "GET", "/v1/cases?limit=200").json()["items"]
    timelines = [
        here.ask(supervisor, "GET", f"/v1/cases/{case['id']}/timeline").json()["items"]
        for case in sorted(cases, key=lambda case: str(case["opened_at"]))
    ]
    return [[item["text"] for item in items if item["kind"] == "message.received"] for items in timelines]


def states(here: Installation) -> list[tuple[str, int]]:
    with here.office.database.read() as connection:
        return [
            (row.state, row.attempts) for row in connection.execute(select(inbox).order_by(inbox.c.number))
        ]


def in_order(here: Installation, senders: int) -> None:
    """Every case holds the texts of its phone in the order in which they came."""
    assert taken(here) == [[f"{KHMER_UNPAID} {n}" for n in range(6)]] * senders


def fill(here: Installation, senders: int) -> None:
    for n in range(6):
        for sender in range(senders):
            here.post_text(f"{KHMER_UNPAID} {n}", sender=f"+6681000{sender:04}")


def test_texts_of_one_sender_are_taken_in_order_by_any_number_of_workers(here: Installation) -> None:
    here.a_worker()
    fill(here, senders=5)

    def work(_: int) -> None:
        step = Reception(here.office).step
        for _ in range(2000):
            if not step(here.clock.now()) and all(state == "taken" for state, _ in states(here)):
                return

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    assert {state for state, _ in states(here)} == {"taken"}
    in_order(here, senders=5)


def test_the_order_outlives_a_restart(install: Callable[..., Installation]) -> None:
    here = install()
    here.a_worker()
    fill(here, senders=3)
    for _ in range(7):
        Reception(here.office).step(here.clock.now())
    after = install(database_url=here.application.settings.database_url)
    after.receive()
    in_order(after, senders=3)


@pytest.mark.skipif(ENGINE == "sqlite", reason="SQLite has one writer at a time")
def test_while_one_worker_has_a_text_no_other_takes_a_later_one_of_its_sender(here: Installation) -> None:
    for n in (1, 2):
        here.post_text(f"{KHMER_UNPAID} {n}")
    here.post_text(KHMER_UNPAID, sender="+66810000002")
    now = here.clock.now()
    with ExitStack() as stack:
        uows = [stack.enter_context(here.office.work(now)) for _ in range(3)]
        claimed = [reception.claim(uow, now=now) for uow in uows]
    assert [arrival is not None for arrival in claimed] == [True, True, False]
    with here.office.work(now) as uow:
        again = reception.claim(uow, now=now)
    assert again is not None
    assert again.id == claimed[0].id  # type: ignore[union-attr]  # asserted above


def test_a_text_that_fails_holds_up_its_own_sender_only_and_then_goes_to_a_human(here: Installation) -> None:
    here.a_worker()
    with_reader(here, Moody())
    here.post_text("a first text")
    here.post_text(POISON)
    here.post_text("a last text")
    here.post_text(KHMER_UNPAID, sender="+66810000002")
    here.receive()
    assert sorted(taken(here)) == [["a first text"], [KHMER_UNPAID]]
    coordinator = here.a_worker(Role.COORDINATOR)

    def told() -> list[str]:
        return [task["kind"] for task in here.ask(coordinator, "GET", "/v1/tasks").json()["items"]]

    for _ in range(3):
        assert told() == []
        here.clock.forward(seconds=20)
        here.receive()
    assert told() == ["unreadable_text"]
    assert sorted(taken(here)) == [["a first text", "a last text"], [KHMER_UNPAID]]
    (odd,) = here.ask(coordinator, "GET", "/v1/intake?state=quarantined").json()["items"]
    assert odd["problem"] == "LookupError"
    here.clock.forward(days=1)
    assert here.receive() == 0


def test_a_text_that_fails_once_is_taken_in_its_place_a_little_later(here: Installation) -> None:
    here.a_worker()
    reader = with_reader(here, Moody())
    for words in ("one", f"two {POISON}", "three"):
        here.post_text(words)
    here.receive()
    reader.refused.clear()
    assert here.receive() == 0
    here.clock.forward(seconds=2)
    here.receive()
    assert taken(here) == [["one", f"two {POISON}", "three"]]


def test_senders_without_a_number_do_not_wait_for_each_other(here: Installation) -> None:
    here.a_worker()
    with_reader(here, Moody())
    for words in (POISON, "ជួយផង"):
        here.post_text(words, sender="")
    here.receive()
    assert [state for state, _ in states(here)] == ["stored", "taken"]


def test_what_another_worker_took_meanwhile_is_not_put_back(here: Installation) -> None:
    here.a_worker()
    here.post_text()
    now = here.clock.now()
    with here.office.work(now) as uow:
        arrival = reception.claim(uow, now=now)
    assert arrival is not None
    here.receive()
    for attempts in (arrival.attempts, 3):
        with here.office.work(now) as uow:
            reception.put_back(uow, replace(arrival, attempts=attempts), problem="late", now=now)
    assert states(here) == [("taken", 0)]
    coordinator = here.a_worker(Role.COORDINATOR)
    assert here.ask(coordinator, "GET", "/v1/tasks").json()["items"] == []


def test_two_workers_that_fail_with_one_text_count_one_try(here: Installation) -> None:
    here.post_text()
    now = here.clock.now()
    with here.office.work(now) as uow:
        arrival = reception.claim(uow, now=now)
    assert arrival is not None
    for _ in range(2):
        with here.office.work(now) as uow:
            reception.put_back(uow, arrival, problem="ValueError", now=now)
    assert states(here) == [("stored", 1)]


def test_what_came_is_kept_byte_for_byte_however_often_it_is_tried(here: Installation) -> None:
    raw = json.dumps({"from": "+66812345678", "body": "\u200f🇰🇭 e\u0301 \ud83d"}).encode()
    now = here.clock.now()
    with_reader(here, Moody()).refused.add("🇰🇭")
    with here.office.work(now) as uow:
        uow.intake.keep([Arrival(CARRIER, CARRIER, "k1", "text", "+66812345678", raw)], now)
    for _ in range(3):
        here.receive()
        now = here.clock.forward(minutes=1)
    with here.office.work(now) as uow:
        arrival = reception.claim(uow, now=now)
    assert arrival is not None
    assert (arrival.raw, arrival.attempts) == (raw, 3)


@pytest.fixture
def meeting() -> Iterator[threading.Barrier]:
    barrier = threading.Barrier(2, timeout=20)
    yield barrier
    barrier.abort()


def test_two_carriers_that_bring_texts_of_one_phone_at_once_make_one_case(
    install: Callable[..., Installation], meeting: threading.Barrier
) -> None:
    here = install()
    here.a_worker()
    auth = ("demo-th", here.application.gateway_secrets["demo-th"])
    item = {"id": "a", "from": "0812345678", "content": KHMER_UNPAID}
    here.client.post("/gateways/cht/demo-th", json={"messages": [item]}, auth=auth)
    here.post_text("ថៅកែវាយខ្ញុំ", sender="+66812345678")

    def work(_: int) -> None:
        meeting.wait()
        Reception(here.office).step(here.clock.now())

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, range(2)))
    here.receive()
    supervisor = here.a_worker(Role.SUPERVISOR)
    (case,) = here.ask(supervisor, "GET", "/v1/cases").json()["items"]
    assert here.kinds(UUID(case["id"])).count("message.received") == 2
    assert [kind for kind in here.kinds(UUID(case["id"])) if kind == "case.opened"] == ["case.opened"]
