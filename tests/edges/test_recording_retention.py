"""Letting go of recordings: the sound goes after its days, the fact stays, and no stray file is left."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.command_line import CommandLine
from tests.makers import Installation
from tests.message_town import MessageTown, a_message_town
from tests.peers import Fault


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[MessageTown]:
    with a_message_town(install, recording_days=30) as town:
        town.here.a_worker()
        yield town


def aged(path: Path, moment: datetime) -> None:
    """The file was last changed then."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def test_sound_goes_after_its_days_and_the_fact_stays(town: MessageTown) -> None:
    owner = town.here.a_worker()
    town.leave()
    town.work()
    kept = town.row
    town.here.clock.forward(days=30)
    assert not town.retention.step(town.here.clock.now())
    assert town.hear(owner, kept.id).status_code == 200
    town.here.clock.forward(hours=1)
    assert town.retention.step(town.here.clock.now())
    row = town.row
    assert (row.state, row.file_name, row.file_key, row.seconds) == ("erased", None, None, kept.seconds)
    assert row.erased_at == town.here.clock.now()
    assert town.on_disk == []
    assert town.deeds("recording.erased") == [("retention", row.id)]
    assert len(town.kept(town.cases[0].id)) == 1
    answer = town.hear(owner, row.id)
    assert (answer.status_code, answer.json()["code"]) == (410, "recording.erased")


def test_a_stranger_does_not_learn_that_something_was_erased(town: MessageTown) -> None:
    town.leave()
    town.work()
    town.here.clock.forward(days=31)
    town.retention.once(town.here.clock.now())
    stranger = town.here.a_worker(organisation="lotus-legal")
    assert town.hear(stranger, town.row.id).status_code == 404


def test_letting_go_twice_changes_nothing(town: MessageTown) -> None:
    town.leave()
    town.work()
    town.here.clock.forward(days=31)
    assert town.retention.once(town.here.clock.now()).recordings == 1
    assert town.retention.once(town.here.clock.now()).recordings == 0
    assert len(town.deeds("recording.erased")) == 1


def test_many_go_in_one_go_and_young_ones_stay(town: MessageTown) -> None:
    for number in range(3):
        town.leave(from_=f"+6681234500{number}")
    town.work()
    town.here.clock.forward(days=31)
    town.leave(from_="+66812345999")
    town.work()
    assert town.retention.once(town.here.clock.now()).recordings == 3
    assert [row.state for row in town.rows] == ["erased"] * 3 + ["finished"]


def test_what_the_carrier_still_holds_is_deleted_there_also_after_it_was_erased_here(
    town: MessageTown,
) -> None:
    town.leave()
    town.loop.step(town.here.clock.now())
    town.carrier.fail_next(Fault(401, code=20003))
    town.work()
    town.here.clock.forward(days=31)
    town.retention.once(town.here.clock.now())
    assert (town.row.state, town.row.file_name) == ("kept", None)
    town.work()
    assert (town.row.state, town.carrier.voice.deleted) == ("erased", [town.row.carrier_id])


def test_a_crash_between_the_row_and_the_file_leaves_noise_that_the_sweep_takes(town: MessageTown) -> None:
    town.leave()
    town.work()
    town.here.clock.forward(days=31)
    town.retention._erase(town.here.clock.now(), town.here.clock.now())  # noqa: SLF001 - and dies here
    assert town.on_disk
    for path in town.on_disk:
        aged(path, town.here.clock.now() - timedelta(days=31))
    assert town.retention.once(town.here.clock.now()).stray_files == 1
    assert town.on_disk == []


def test_the_sweep_takes_old_strays_and_nothing_that_is_known_or_young(town: MessageTown) -> None:
    now = town.here.clock.now()
    town.leave()
    town.work()
    known = list(town.on_disk)
    old, young = town.files.new(), town.files.new()
    for ref in (old, young):
        town.files.append(ref, [b"left by a crash"], at=0, limit=100)
    for path in town.on_disk:
        aged(path, now - timedelta(hours=20 if path.name.startswith(young.name) else 48))
    assert town.retention.once(now).stray_files == 1
    assert (town.files.exists(old.name), town.files.exists(young.name)) == (False, True)
    assert set(known) <= set(town.on_disk)


def test_files_of_others_in_the_same_folder_are_not_touched(town: MessageTown) -> None:
    other = town.here.application.settings.files_dir / "ab" / ("ab" + "0" * 30)
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of another room")
    aged(other, town.here.clock.now() - timedelta(days=999))
    town.retention.once(town.here.clock.now())
    assert other.exists()


def test_it_looks_once_an_hour(town: MessageTown) -> None:
    town.leave()
    town.work()
    step = town.retention.step
    step(town.here.clock.now())
    town.here.clock.forward(days=31)
    assert step(town.here.clock.now())
    assert not step(town.here.clock.forward(minutes=59))


def test_spean_retain_does_it_once_and_says_what_it_did(here: Installation, spean: CommandLine) -> None:
    said = spean.run("retain")
    assert said.status == 0
    assert "older than 180 days: 0 erased" in said.out
    stray = here.application.recording_files.new()
    here.application.recording_files.append(stray, [b"x"], at=0, limit=9)
    folder = here.application.settings.files_dir
    for path in (path for path in folder.rglob("*") if path.is_file()):
        # The command's clock is the machine's.
        os.utime(path, (1_000_000_000, 1_000_000_000))
    found = orjson.loads(spean.run("retain", "--json").out)
    assert found == {"recordings": 0, "stray_files": 1, "recording_days": 180}
    assert orjson.loads(spean.run("retain", "--json").out)["stray_files"] == 0
