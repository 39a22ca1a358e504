"""Wherever a process is killed that brings a recording home, the next one finishes, and it is there once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.child import KILLED, Child, Job
from tests.makers import Installation
from tests.message_town import MessageTown, a_message_town
from tests.twilio_town import NUMBER, SETTINGS, open_tasks


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[MessageTown]:
    with a_message_town(install) as town:
        town.here.a_worker()
        yield town


def a_job(town: MessageTown, folder: Path, **dies: Any) -> Job:
    changes = {"twilio_api_base_url": town.carrier.base_url, "twilio_voice_numbers": NUMBER, **SETTINGS}
    url = town.here.application.settings.database_url
    return Job("recordings", str(folder), url, town.here.clock.now().isoformat(), changes, **dies)


@pytest.mark.parametrize(
    ("die_at", "nth", "state", "files", "deleted"),
    [
        ("before_commit", 1, "announced", 0, 0),  # the lease
        ("after_commit", 1, "announced", 0, 0),
        ("files.chunks_flushed", 1, "announced", 1, 0),
        ("recordings.fetched", 1, "announced", 1, 0),
        ("before_commit", 2, "announced", 1, 0),  # of what is kept
        ("recordings.kept", 1, "kept", 1, 0),
        ("before_commit", 3, "kept", 1, 0),  # the lease for deleting
        ("recordings.deleted", 1, "kept", 1, 1),
        ("before_commit", 4, "kept", 1, 1),  # that it is deleted
        ("after_commit", 4, "finished", 1, 1),
    ],
)
def test_who_dies_on_the_way_of_a_recording_loses_nothing_and_doubles_nothing(
    town: MessageTown, child: Child, tmp_path: Path, die_at: str, nth: int, state: str, files: int,
    deleted: int,
) -> None:  # fmt: skip
    there = town.leave()
    job = a_job(town, tmp_path, die_at=die_at, nth=nth)
    assert child.run(job) == KILLED
    assert job.marker.read_text().startswith(f"{die_at} ")
    assert town.row.state == state
    assert len(set(town.files.names())) == files
    assert len(town.carrier.voice.deleted) == deleted
    # Until the lease is over nobody else may take it.
    town.here.clock.forward(minutes=6)
    assert child.run(a_job(town, tmp_path)) == 0
    row, (case,) = town.row, town.cases
    assert row.state == "finished"
    assert len(town.kept(case.id)) == 1
    assert set(town.carrier.voice.deleted) == {there.sid}
    assert open_tasks(town.here) == ["call_back"]
    with town.here.office.look() as uow:
        kept = uow.recordings.get(row.id)
        assert uow.audit.first_break()[1] is None
    assert kept is not None
    assert kept.file is not None
    assert b"".join(town.files.read(kept.file, size=kept.size_bytes)) == there.sound(".mp3").body
    # What the dead one left on disk, if anything, is known to no row and goes with the sweep.
    names = {name for name, _ in town.files.names()}
    assert len(names - {row.file_name}) == (1 if state == "announced" and files else 0)


def test_two_processes_side_by_side_bring_each_recording_home_once(
    town: MessageTown, child: Child, other_child: Child, tmp_path: Path
) -> None:
    for number in range(8):
        town.leave(from_=f"+6681234500{number}")
    for one in (child, other_child):
        one.begin(a_job(town, tmp_path))
    assert [child.end(), other_child.end()] == [0, 0]
    assert {row.state for row in town.rows} == {"finished"}
    assert len(town.fetches) == 8
    assert {name for name, _ in town.files.names()} == {row.file_name for row in town.rows}
    assert [len(town.kept(case.id)) for case in town.cases] == [1] * 8
