"""Wherever a process is killed, the next one finishes: nothing is lost, and nothing happens twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, func, select

from app.cases.tables import cases
from app.escalation.tables import timers
from app.identity.rules import Role
from app.intake.tables import inbox, message_cases, messages
from app.outbox.tables import outbox
from tests.crash.child import KILLED, Child, Job
from tests.fakes import START
from tests.makers import KHMER_EXTENDED, KHMER_LOCKED_IN, KHMER_UNPAID, Installation
from tests.peers.twilio import FakeTwilio

# Three phones, and the first of them writes twice.
TEXTS = [
    ["+66810000001", KHMER_LOCKED_IN, "one"],
    ["+66810000002", KHMER_UNPAID, "two"],
    ["+66810000001", KHMER_UNPAID, "three"],
    ["+66810000003", KHMER_EXTENDED, "four"],
]
COMMITS = ["before_commit", "after_commit"]


@dataclass
class Scene:
    """An installation, and processes that are started and killed on its database."""

    here: Installation
    folder: Path
    child: Child
    changes: dict[str, Any] = field(default_factory=dict)

    def job(self, name: str, *, die_at: str | None = None, nth: int = 1) -> Job:
        url = self.here.application.settings.database_url
        now = self.here.clock.now().isoformat()
        texts = TEXTS if name == "inbox" else []
        return Job(name, str(self.folder), url, now, self.changes, texts, die_at, nth)

    def killed(self, name: str, *, die_at: str, nth: int = 1) -> None:
        """A process does this and is killed there, which it proves."""
        job = self.job(name, die_at=die_at, nth=nth)
        assert self.child.run(job) == KILLED
        assert job.marker.read_text().startswith(f"{die_at} ")

    def finished(self, name: str) -> None:
        """A process does this to its end."""
        assert self.child.run(self.job(name)) == 0

    def count(self, table: Table) -> int:
        with self.here.office.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def rows(self, table: Table) -> list[Any]:
        with self.here.office.database.read() as connection:
            return list(connection.execute(select(table)).all())

    def chain_holds(self) -> None:
        with self.here.office.look() as uow:
            assert uow.audit.first_break()[1] is None


@pytest.fixture
def scene(install: Callable[..., Installation], child: Child, tmp_path: Path) -> Scene:
    here = install()
    here.a_worker()
    here.a_worker(Role.DUTY_LEAD, phone="+85510000201")
    here.a_worker(Role.SUPERVISOR, phone="+85510000202")
    return Scene(here, tmp_path, child)


def each_text_became_one_message_in_one_case(scene: Scene) -> None:
    assert scene.count(inbox) == scene.count(messages) == scene.count(message_cases) == len(TEXTS)
    assert {row.state for row in scene.rows(inbox)} == {"taken"}
    opened = [row.id for row in scene.rows(cases)]
    assert len(opened) == 3
    received: Counter[UUID] = Counter(row.case_id for row in scene.rows(message_cases))
    for case_id in opened:
        kinds = Counter(scene.here.kinds(case_id))
        assert (kinds["case.opened"], kinds["case.routed"]) == (1, 1)
        assert kinds["message.received"] == received[case_id]
        assert kinds["message.queued"] == 1  # one acknowledgement, whatever was repeated
    assert sorted(received.values()) == [1, 1, 2]
    assert Counter(row.kind for row in scene.rows(timers) if row.state == "armed") == {
        "accept": 3,
        "first_contact": 3,
    }
    assert scene.count(outbox) == 3
    scene.chain_holds()


@pytest.mark.parametrize("die_at", ["inbox.changed", "inbox.committed"])
def test_a_door_that_dies_has_kept_all_or_nothing_of_a_group_and_a_repeat_adds_nothing(
    scene: Scene, die_at: str
) -> None:
    scene.killed("inbox", die_at=die_at)
    kept = {row.carrier_id for row in scene.rows(inbox)}
    assert kept <= {sid for _, _, sid in TEXTS}
    assert bool(kept) is (die_at == "inbox.committed")
    # Nobody was told that these were kept, so whoever brought them brings all of them again.
    scene.finished("inbox")
    scene.finished("inbox")
    assert sorted(row.carrier_id for row in scene.rows(inbox)) == sorted(sid for _, _, sid in TEXTS)
    scene.finished("reception")
    each_text_became_one_message_in_one_case(scene)


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("die_at", ["reception.claimed", "reception.changed", *COMMITS])
def test_reception_that_dies_loses_no_text_and_takes_none_twice(scene: Scene, die_at: str, nth: int) -> None:
    scene.finished("inbox")
    scene.killed("reception", die_at=die_at, nth=nth)
    done = nth if die_at == "after_commit" else nth - 1
    assert scene.count(messages) == done
    scene.finished("reception")
    each_text_became_one_message_in_one_case(scene)


@pytest.mark.parametrize("die_at", ["timers.claimed", "timers.changed", *COMMITS])
def test_timers_that_die_fire_each_rung_once_all_the_same(scene: Scene, die_at: str) -> None:
    for number in range(5):
        scene.here.a_case(KHMER_LOCKED_IN, sender=f"+6681000010{number}")
    due = scene.here.clock.forward(minutes=15)
    scene.killed("timers", die_at=die_at)
    fired = [row for row in scene.rows(timers) if row.state == "fired"]
    assert len(fired) == (5 if die_at == "after_commit" else 0)
    scene.here.clock.forward(seconds=90)
    scene.finished("timers")
    scene.finished("timers")
    for row in scene.rows(cases):
        rungs = [details for kind, details in scene.here.timeline(row.id) if kind == "escalation.fired"]
        assert [(rung["clock"], rung["rung"]) for rung in rungs] == [("accept", 1)]
        assert rungs[0]["expected_at"].startswith(due.strftime("%Y-%m-%dT%H:%M:%S"))
        assert scene.here.kinds(row.id).count("message.queued") == 2  # the person's, and the duty lead's
    armed = {(row.kind, row.rung, row.due_at - START) for row in scene.rows(timers) if row.state == "armed"}
    assert armed == {
        ("accept", 2, timedelta(minutes=30)),
        ("first_contact", 1, timedelta(minutes=30)),
    }
    scene.chain_holds()


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio(account_sid=f"AC{'5' * 32}", auth_token="invented", numbers=["+12025550100"]) as peer:
        yield peer


def wired_to(twilio: FakeTwilio) -> dict[str, Any]:
    """The settings of an installation whose texts leave by this peer."""
    return {
        "twilio_account_sid": twilio.account_sid,
        "twilio_auth_tokens": twilio.auth_token,
        "twilio_api_base_url": twilio.base_url,
        "twilio_sms_numbers": "+12025550100",
    }


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("die_at", ["outbox.claimed", "outbox.sent", "outbox.recorded"])
def test_an_outbox_that_dies_sends_each_text_once_even_right_after_the_carrier_took_it(
    install: Callable[..., Installation],
    child: Child,
    tmp_path: Path,
    twilio: FakeTwilio,
    die_at: str,
    nth: int,
) -> None:
    scene = with_three_texts_waiting(install, child, tmp_path, twilio)
    scene.killed("outbox-twilio", die_at=die_at, nth=nth)
    # What went before the kill is at the carrier, whether or not we know.
    assert len(twilio.messages) == (nth - 1 if die_at == "outbox.claimed" else nth)
    each_waiting_text_goes_once(scene, twilio)


@pytest.mark.parametrize(
    ("die_at", "nth", "gone"),
    [("before_commit", 1, 0), ("after_commit", 1, 0), ("before_commit", 2, 1), ("after_commit", 2, 1)],
    ids=["before the lease", "after the lease", "before the record", "after the record"],
)
def test_around_its_two_commits_an_outbox_that_dies_sends_each_text_once(
    install: Callable[..., Installation],
    child: Child,
    tmp_path: Path,
    twilio: FakeTwilio,
    die_at: str,
    nth: int,
    gone: int,
) -> None:
    scene = with_three_texts_waiting(install, child, tmp_path, twilio)
    scene.killed("outbox-twilio", die_at=die_at, nth=nth)
    assert len(twilio.messages) == gone
    each_waiting_text_goes_once(scene, twilio)


def with_three_texts_waiting(
    install: Callable[..., Installation], child: Child, tmp_path: Path, twilio: FakeTwilio
) -> Scene:
    """Three cases, of each of which a caseworker is to be told by a text."""
    here = install(**wired_to(twilio))
    here.a_worker(phone="+85510000200")
    for number in range(3):
        here.a_case(KHMER_LOCKED_IN, sender=f"+6681000020{number}")
    scene = Scene(here, tmp_path, child, wired_to(twilio))
    assert len([row for row in scene.rows(outbox) if row.carrier == "twilio"]) == 3
    return scene


def each_waiting_text_goes_once(scene: Scene, twilio: FakeTwilio) -> None:
    for _ in range(3):
        # Until the lease is over nobody else may take what the dead process had.
        scene.here.clock.forward(seconds=91)
        scene.finished("outbox-twilio")
    sent = [message.body for message in twilio.messages]
    assert len(sent) == len(set(sent)) == 3
    rows = [row for row in scene.rows(outbox) if row.carrier == "twilio"]
    assert {row.state for row in rows} == {"accepted"}
    assert {row.carrier_id for row in rows} == {message.sid for message in twilio.messages}
    for row in scene.rows(cases):
        assert scene.here.kinds(row.id).count("message.accepted") == 1
    scene.chain_holds()
