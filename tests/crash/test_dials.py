"""Wherever the dialler is killed, each phone rings once: no ring is lost, and none is called back twice."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from app.calls.tables import calls, dials, missed_calls
from tests.crash.child import KILLED, Child, Job
from tests.hotline import STATUS_URL
from tests.makers import Installation
from tests.peers.calls import Line, Script, posted_by_client
from tests.peers.twilio import FakeTwilio

BEEP: Final = "+85523999000"
PHONES: Final = ["+66812345601", "+66812345602"]
PUBLIC: Final = "https://hotline.example"


class Scene:
    """Phones that rang, and processes that are started and killed while they call back."""

    def __init__(self, here: Installation, child: Child, folder: Path, carrier: FakeTwilio) -> None:
        self.here, self.child, self.folder, self.carrier = here, child, folder, carrier

    def job(self, name: str, *, die_at: str | None = None) -> Job:
        url, now = self.here.application.settings.database_url, self.here.clock.now().isoformat()
        return Job(name, str(self.folder), url, now, wired_to(self.carrier), die_at=die_at)

    def finished(self, name: str) -> None:
        assert self.child.run(self.job(name)) == 0

    def killed(self, name: str, *, die_at: str) -> None:
        job = self.job(name, die_at=die_at)
        assert self.child.run(job) == KILLED
        assert job.marker.read_text().startswith(f"{die_at} ")

    def rows(self, table: Any) -> list[Any]:
        with self.here.office.database.read() as connection:
            return list(connection.execute(select(table)).all())


def wired_to(carrier: FakeTwilio) -> dict[str, Any]:
    return {
        "twilio_account_sid": carrier.account_sid, "twilio_auth_tokens": carrier.auth_token,
        "twilio_api_base_url": carrier.base_url, "missed_call_numbers": BEEP,
    }  # fmt: skip


@pytest.fixture
def scene(install: Callable[..., Installation], child: Child, tmp_path: Path) -> Iterator[Scene]:
    """Two phones rang, and are due to be called back."""
    places: list[Installation] = []

    def clock() -> datetime:
        return places[0].clock.now()

    with FakeTwilio(
        account_sid=f"AC{'7' * 32}", auth_token="invented", numbers=[BEEP], clock=clock
    ) as carrier:
        here = install(**wired_to(carrier))
        places.append(here)
        line = Line(posted_by_client(here.client, "invented"), carrier.account_sid, PUBLIC, clock=clock)
        for phone in PHONES:
            assert line.call(phone, BEEP, Script()).rejected_as == "busy"
        here.clock.forward(seconds=20)
        yield Scene(here, child, tmp_path, carrier)


def each_phone_rings_once(scene: Scene) -> None:
    for _ in range(4):
        # Until the lease is over nobody else may take what the dead process had.
        scene.here.clock.forward(seconds=61)
        scene.finished("callbacks")
        scene.finished("dialler")
    assert sorted(call.to for call in scene.carrier.calls) == PHONES
    assert {row.state for row in scene.rows(dials)} == {"placed"}
    known = {row.carrier_id for row in scene.rows(calls) if row.kind == "callback"}
    assert known == {call.sid for call in scene.carrier.calls}
    assert {(row.stage, row.tries) for row in scene.rows(missed_calls)} == {("calling", 1)}
    with scene.here.office.look() as uow:
        assert uow.audit.first_break()[1] is None


@pytest.mark.parametrize(
    ("die_at", "gone"),
    [
        ("before_commit", 0), ("after_commit", 0), ("dials.claimed", 0), ("dials.placed", 1),
        ("dials.recorded", 1),
    ],
)  # fmt: skip
def test_a_dialler_that_dies_lets_each_phone_ring_once_even_right_after_the_carrier_took_the_call(
    scene: Scene, die_at: str, gone: int
) -> None:
    scene.finished("callbacks")
    scene.killed("dialler", die_at=die_at)
    assert len(scene.carrier.calls) == gone
    each_phone_rings_once(scene)


@pytest.mark.parametrize("die_at", ["before_commit", "after_commit"])
def test_a_decision_to_call_back_that_dies_is_made_once(scene: Scene, die_at: str) -> None:
    scene.killed("callbacks", die_at=die_at)
    assert len(scene.rows(dials)) == (1 if die_at == "after_commit" else 0)
    each_phone_rings_once(scene)


def test_a_call_that_went_before_the_kill_and_was_picked_up_is_not_made_again(scene: Scene) -> None:
    scene.finished("callbacks")
    scene.killed("dialler", die_at="dials.placed")
    (call,) = scene.carrier.calls
    line = Line(
        posted_by_client(scene.here.client, "invented"), scene.carrier.account_sid, PUBLIC,
        clock=scene.here.clock.now, status_url=STATUS_URL,
    )  # fmt: skip
    heard = line.call(
        BEEP, call.to, Script("1"), direction="outbound-api", sid=call.sid, url=call.params["Url"]
    )
    assert heard.digits[0] == "1"
    scene.here.clock.forward(seconds=61)
    scene.finished("dialler")
    scene.here.clock.forward(seconds=2)
    scene.finished("dialler")
    assert sorted(one.to for one in scene.carrier.calls) == PHONES
