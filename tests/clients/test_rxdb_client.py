"""The unmodified RxDB from npm: on a faulty network three devices end with theirs, every word kept."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.identity.rules import Role, Worker
from tests.clients.node import NodeClient, client
from tests.field_app import FieldApp, Row
from tests.field_devices import (
    Administrators,
    Devices,
    devices,
    everything_said,
    held_by_right,
    still_waiting,
    times_kept,
)
from tests.makers import LOTUS, Installation
from tests.peers.faulty_proxy import FaultyProxy, Weather
from tests.twilio_town import served

# Read before the suite takes settings away from the environment: "1-40" or "3,8".
SEEDS: Final = os.environ.get("SPEAN_RXDB_SEEDS", "1-3")
ROUNDS: Final = 40
SETTLE_SECONDS: Final = 40
WEATHER: Final = Weather(rate=0.4, up_within=600, down_within=900, silence_seconds=3)
WORD: Final = re.compile(r"ពាក្យ\w+។")


def seeds() -> list[int]:
    """The seeds that were asked for."""
    found: list[int] = []
    for part in SEEDS.split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


@pytest.fixture(scope="module")
def rxdb() -> NodeClient:
    return client("rxdb")


@pytest.fixture
def port(here: Installation) -> Iterator[int]:
    with served(here) as origin:
        yield int(origin.rpartition(":")[2])


@pytest.fixture
def workers(here: Installation) -> list[Worker]:
    return [here.a_worker(), here.a_worker(), here.a_worker(organisation=LOTUS)]


def administrators(here: Installation, port: int, seed: int, takers: list[Worker]) -> Administrators:
    """Two supervisors and a coordinator, with six cases that all of them have to do with."""
    people = [
        here.a_worker(Role.SUPERVISOR),
        here.a_worker(Role.SUPERVISOR, LOTUS),
        here.a_worker(Role.COORDINATOR),
    ]
    for number in range(6):
        case_id = here.a_case(sender=f"+6681234560{number}")
        joined = [people[2], *(takers if number % 2 else [])]
        now = here.clock.now()
        with here.office.work(now) as uow:
            uow.cases.add_helpers([(case_id, one.id, one.role) for one in joined], now)
    return Administrators(here, f"http://127.0.0.1:{port}", seed, people, takers)


def jobs(proxy: FaultyProxy, apps: list[FieldApp], seed: int) -> list[Row]:
    """What each client has to know."""
    return [
        {
            "name": f"device{at}", "token": app.token, "worker": str(app.worker.id), "seed": seed,
            "origin": proxy.address, "rounds": ROUNDS,
        }
        for at, app in enumerate(apps)
    ]  # fmt: skip


def never_sent(device: Row) -> set[str]:
    """Words that the person wrote over, or threw away, before they were sent; no other may be missing."""
    rows = [row["row"] for row in device["pushed"]]
    thrown_away = {
        row["newDocumentState"]["id"]
        for row in rows
        if row["newDocumentState"]["_deleted"] and not row.get("assumedMasterState")
    }
    written = [row["newDocumentState"] for row in rows if row["newDocumentState"]["id"] not in thrown_away]
    sent = set(WORD.findall(str(written)))
    last = {(one["collection"], one["id"], one["field"]): one["word"] for one in device["typed"]}
    kept = {word for (_, doc_id, _), word in last.items() if doc_id not in thrown_away}
    unsent = {one["word"] for one in device["typed"]} - sent
    assert not unsent & kept, "a word that nobody wrote over was never sent"
    return unsent


def differences(shown: Row, theirs: dict[str, dict[str, Row]]) -> list[tuple[Any, ...]]:
    """Where a device shows something else than it should, field by field."""
    found: list[tuple[Any, ...]] = []
    for kind in sorted(shown.keys() | theirs.keys()):
        here, there = shown.get(kind, {}), theirs.get(kind, {})
        found.extend((kind, one, "lacks") for one in sorted(there.keys() - here.keys()))
        found.extend((kind, one, "holds") for one in sorted(here.keys() - there.keys()))
        for one in sorted(here.keys() & there.keys()):
            left, right = here[one], there[one]
            found.extend(
                (kind, one, name, left.get(name), right.get(name))
                for name in sorted(left.keys() | right.keys())
                if left.get(name) != right.get(name)
            )
    return found


@pytest.mark.parametrize("seed", seeds())
def test_three_devices_end_with_what_is_theirs_and_no_word_is_lost(
    rxdb: NodeClient, here: Installation, port: int, workers: list[Worker], seed: int
) -> None:
    admins = administrators(here, port, seed, workers)
    apps = [FieldApp(here, worker) for worker in workers]
    with (
        FaultyProxy(port, seed=seed, weather=WEATHER) as proxy,
        devices(rxdb, jobs(proxy, apps, seed)) as three,
    ):
        with admins.at_work():
            three.do("live")
        proxy.heal()
        settled = three.settle(seconds=SETTLE_SECONDS)
        shown = three.do("show")
        assert settled, [one["strange"] for one in shown]
        assert proxy.harmed
        _must_agree(here, workers, shown)
        _must_keep_every_word(here, admins, shown)
        _must_be_wiped(here, three, apps)
    assert not [status for status in admins.answers if status >= 500], admins.answers


def _must_agree(here: Installation, workers: list[Worker], shown: list[Row]) -> None:
    for worker, device in zip(workers, shown, strict=True):
        assert device["strange"] is None
        found = [
            one
            for one in differences(device["shown"], held_by_right(here, worker))
            if not (one[2] == "holds" and one[1] in still_waiting(here))
        ]
        assert not found, "\n".join(map(str, found))
        # What was taken away is not on the disk either.
        left = set(WORD.findall(device["disk"])) - set(WORD.findall(str(device["shown"])))
        assert not left, [
            entry for entry in json.loads(device["disk"]) if left & set(WORD.findall(str(entry)))
        ]


def _must_keep_every_word(here: Installation, admins: Administrators, shown: list[Row]) -> None:
    said = set(WORD.findall(everything_said(here)))
    typed = [one for device in shown for one in device["typed"]] + [{"word": one} for one in admins.words]
    unsent = set().union(*(never_sent(device) for device in shown))
    assert [one for one in typed if one["word"] not in unsent | said] == []
    made = [note_id for device in shown for note_id in device["made"]]
    assert made
    assert times_kept(here, made) == Counter(made)


def _must_be_wiped(here: Installation, three: Devices, lost: list[FieldApp]) -> None:
    for app in lost:
        assert here.ask(app.worker, "DELETE", f"/v1/devices/{app.device}").status_code == 204
    assert three.do("revoked") == [{"wiped": True, "disk": "[]"}] * len(lost)
