"""The native protocol on a faulty network: wherever it is cut, nothing is missed, lost or doubled."""

import random
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from app.identity.rules import Role, Worker
from tests.field_app import FieldApp, Row
from tests.field_devices import everything_said, held_by_right, still_waiting, times_kept
from tests.makers import LOTUS, Installation
from tests.native_phone import PATIENCE_SECONDS, Phone
from tests.peers.faulty_proxy import FaultyProxy, Weather
from tests.twilio_town import served

SEEDS = [1, 2, 3, 4]
STEPS = 90
WEATHER = Weather(rate=0.4, up_within=900, down_within=1_500, silence_seconds=1)


@dataclass
class Town:
    """Four phones of three workers behind a bad line, and those in charge, who give cases to and fro."""

    here: Installation
    proxy: FaultyProxy
    phones: list[Phone]
    coordinator: Worker
    chance: random.Random

    def step(self) -> None:
        """Something happens."""
        self.here.clock.forward(seconds=1)
        phone = self.chance.choice(self.phones)
        match self.chance.choice(["live", "live", "push", "pull", "assign"]):
            case "live":
                phone.live(self.chance)
            case "push":
                phone.push()
            case "pull":
                self.must_be_allowed(phone, phone.pull())
            case _:
                self.assign()

    def assign(self) -> None:
        """A case goes to somebody else, also of another organisation."""
        listed = self.here.ask(self.coordinator, "GET", "/v1/cases?limit=100").json()["items"]
        to = {"owner_id": str(self.chance.choice(self.phones).app.worker.id), "reason": "ជិតជាង"}
        path = f"/v1/cases/{self.chance.choice(listed)['id']}/assign"
        assert self.here.ask(self.coordinator, "POST", path, to).status_code in {200, 409}

    def must_be_allowed(self, phone: Phone, page: Row | None) -> None:
        """Nothing of a case that the worker holds no more was on the page."""
        now = self.here.clock.now()
        with self.here.office.look() as uow:
            held = uow.scope.cases_of(phone.app.worker.id, uow.rulebook.held_since(now))
        for change in page["changes"] if page else ():
            doc = change.get("doc") or {}
            case_id = doc["id"] if change["kind"] == "case" and doc else doc.get("case_id")
            assert not case_id or UUID(case_id) in held or change["kind"] == "sync_issue"


def a_town(here: Installation, proxy: FaultyProxy, client: httpx.Client, seed: int) -> Town:
    workers = [here.a_worker(), here.a_worker(), here.a_worker(organisation=LOTUS)]
    coordinator = here.a_worker(Role.COORDINATOR)
    for number in range(4):
        case_id = here.a_case(sender=f"+6681234561{number}")
        joined = [coordinator, *(workers if number % 2 else [])]
        with here.office.work(here.clock.now()) as uow:
            uow.cases.add_helpers([(case_id, one.id, one.role) for one in joined], here.clock.now())
    phones = [
        Phone(FieldApp(here, worker), client, f"phone{at}")
        for at, worker in enumerate([*workers, workers[0]])
    ]
    return Town(here, proxy, phones, coordinator, random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_after_the_storm_every_phone_shows_what_is_its_own_and_no_word_is_lost(
    here: Installation, seed: int
) -> None:
    with served(here) as origin:
        port = int(origin.rpartition(":")[2])
        with (
            FaultyProxy(port, seed=seed, weather=WEATHER) as proxy,
            httpx.Client(base_url=proxy.address, timeout=PATIENCE_SECONDS) as client,
        ):
            town = a_town(here, proxy, client, seed)
            for _ in range(STEPS):
                town.step()
            assert proxy.harmed
            proxy.heal()
            client.timeout = httpx.Timeout(20)
            for phone in [*town.phones, *town.phones]:
                phone.settle()
            _must_show_what_is_theirs(town)
            _must_keep_every_word(town)
            _must_not_be_moved_by_the_past(town)


def _must_show_what_is_theirs(town: Town) -> None:
    waiting = still_waiting(town.here)
    for phone in town.phones:
        theirs = held_by_right(town.here, phone.app.worker)
        shown: dict[str, dict[str, Row]] = {}
        for (kind, doc_id), doc in phone.docs.items():
            if doc_id not in waiting:
                shown.setdefault(kind, {})[doc_id] = doc
        assert shown == theirs


def _must_keep_every_word(town: Town) -> None:
    said = everything_said(town.here)
    assert [word for phone in town.phones for word in phone.words if word not in said] == []
    made = [note_id for phone in town.phones for note_id in phone.notes]
    assert made
    assert times_kept(town.here, made) == Counter(made)


def _must_not_be_moved_by_the_past(town: Town) -> None:
    """What was pushed once may come again, in any order and any number of times."""
    before = _state(town)
    again = [phone.replay(body) for phone in town.phones for body in town.chance.choices(phone.requests, k=4)]
    assert _state(town) == before
    assert {result["status"] for results in again for result in results} <= {"duplicate", "held"}


def _state(town: Town) -> list[object]:
    """Every feed's newest number, and everything that every worker may hold."""
    workers = [phone.app.worker for phone in town.phones]
    with town.here.office.look() as uow:
        seqs = uow.feed.seqs(worker.id for worker in workers)
    return [seqs, [held_by_right(town.here, worker) for worker in workers]]
