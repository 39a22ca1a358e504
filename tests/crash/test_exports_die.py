"""Wherever a process is killed that makes an export, the next one makes it once, and nothing is left over."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.exports.rules.jobs import LEASE
from app.exports.tables import export_jobs
from app.identity.rules import Role, Worker
from tests.crash.child import KILLED, Child, Job
from tests.makers import Installation

IDENTIFIED = {
    "profile": "identified", "format": "csv", "locale": "en", "reason": "donor audit",
    "password": "correct horse 47 staple",
}  # fmt: skip


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Installation:
    here = install()
    here.a_worker()
    here.a_case()
    return here


def a_job(here: Installation, folder: Path, **dies: Any) -> Job:
    url = here.application.settings.database_url
    return Job("exports", str(folder), url, here.clock.now().isoformat(), **dies)


def asked(here: Installation, worker: Worker) -> str:
    answer = here.ask(worker, "POST", "/v1/exports", IDENTIFIED)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def row(here: Installation) -> Any:
    with here.office.database.read() as connection:
        return connection.execute(select(export_jobs)).one()


def names(here: Installation) -> set[str]:
    return {name for name, _ in here.application.export_files.names()}


@pytest.mark.parametrize(
    ("die_at", "state", "in_the_clear", "sealed"),
    [
        ("exports.claimed", "running", 0, 0),
        ("exports.made", "running", 1, 0),
        ("files.chunks_flushed", "running", 1, 1),
        ("exports.sealed", "running", 1, 1),
        ("exports.kept", "done", 0, 1),
    ],
)
def test_who_dies_on_the_way_of_an_export_leaves_it_to_the_next(
    town: Installation, child: Child, tmp_path: Path, die_at: str, state: str, in_the_clear: int, sealed: int
) -> None:
    supervisor = town.a_worker(Role.SUPERVISOR)
    job_id = asked(town, supervisor)
    job = a_job(town, tmp_path, die_at=die_at)
    assert child.run(job) == KILLED
    assert job.marker.read_text().startswith(f"{die_at} ")
    assert row(town).state == state
    assert (row(town).password is None) is (state == "done")
    scratch = town.application.settings.scratch_dir
    assert len(list(scratch.glob("*"))) == in_the_clear
    assert len(names(town)) == sealed
    # Until the lease is over nobody else may take it; what lies in the clear goes at once.
    assert child.run(a_job(town, tmp_path)) == 0
    assert row(town).state == state
    assert list(scratch.glob("*")) == []
    town.clock.forward(seconds=LEASE.total_seconds() + 1)
    assert child.run(a_job(town, tmp_path)) == 0
    after = row(town)
    assert (after.state, after.tries, after.password) == ("done", 1 if state == "done" else 2, None)
    assert names(town) == {after.file_name}
    assert list(scratch.glob("*")) == []
    answer = town.ask(supervisor, "GET", f"/v1/exports/{job_id}/file")
    assert hashlib.sha256(answer.content).hexdigest() == after.sha256
    with town.office.look() as uow:
        assert uow.audit.first_break()[1] is None


def test_an_export_that_kills_every_worker_is_given_up(
    town: Installation, child: Child, tmp_path: Path
) -> None:
    supervisor = town.a_worker(Role.SUPERVISOR)
    job_id = asked(town, supervisor)
    for _ in range(3):
        assert child.run(a_job(town, tmp_path, die_at="exports.made")) == KILLED
        town.clock.forward(seconds=LEASE.total_seconds() + 1)
    assert child.run(a_job(town, tmp_path)) == 0
    after = row(town)
    assert (after.state, after.failure, after.password) == ("failed", "export.gave_up", None)
    assert town.ask(supervisor, "GET", f"/v1/exports/{job_id}").json()["failure"]["code"] == "export.gave_up"
    assert names(town) == set()


def test_two_processes_side_by_side_make_each_export_once(
    town: Installation, child: Child, other_child: Child, tmp_path: Path
) -> None:
    supervisor = town.a_worker(Role.SUPERVISOR)
    for _ in range(6):
        asked(town, supervisor)
    for one in (child, other_child):
        one.begin(a_job(town, tmp_path))
    assert [child.end(), other_child.end()] == [0, 0]
    with town.office.database.read() as connection:
        rows = connection.execute(select(export_jobs)).all()
    assert [(one.state, one.tries) for one in rows] == [("done", 1)] * 6
    assert names(town) == {one.file_name for one in rows}
