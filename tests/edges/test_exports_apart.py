"""What holds names is made in a process of its own, which ends when nobody wants the file any more."""

import csv
import io
import subprocess
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Pipe
from typing import Any
from uuid import UUID

import pytest
import pyzipper
from sqlalchemy import select
from sqlmodel import SQLModel
from structlog.testing import capture_logs

from app.exports.making import Making
from app.exports.rules.asking import Format, Profile, Wanted
from app.exports.tables import export_jobs
from app.identity.rules import Role, Worker
from app.workers.apart import Apart, Order
from app.workers.exports import Exports
from tests.makers import KHMER_UNPAID, Installation

PASSWORD = "correct horse 47 staple"
IDENTIFIED = {
    "profile": "identified", "format": "csv", "locale": "en", "reason": "donor audit", "password": PASSWORD,
}  # fmt: skip
MAKER = "app.bootstrap.maker"
STUCK = "tests.stuck_maker"


@pytest.fixture(name="supervisor")
def _supervisor(here: Installation) -> Worker:
    here.a_worker()
    here.a_case(KHMER_UNPAID)
    return here.a_worker(Role.SUPERVISOR)


def asked(here: Installation, worker: Worker) -> str:
    return str(here.ask(worker, "POST", "/v1/exports", IDENTIFIED).json()["id"])


def exports(here: Installation, module: str) -> Exports:
    """The worker of exports, whose files are made by this module."""
    apart = Apart(module, here.application.settings)
    return replace(here.application.exports, apart=apart, beat_every_seconds=0.05)


def row(here: Installation) -> Any:
    with here.office.database.read() as connection:
        return connection.execute(select(export_jobs)).one()


def left_in_the_clear(here: Installation) -> list[str]:
    return [path.name for path in here.application.settings.scratch_dir.iterdir()]


def test_another_process_makes_the_file_and_leaves_nothing_behind(
    here: Installation, supervisor: Worker
) -> None:
    job_id = asked(here, supervisor)
    assert exports(here, MAKER).step(here.clock.now())
    after = row(here)
    assert (after.state, after.tries, after.password) == ("done", 1, None)
    assert after.rows == after.progress > 0
    content = here.ask(supervisor, "GET", f"/v1/exports/{job_id}/file").content
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        archive.setpassword(PASSWORD.encode())
        [_, case] = csv.reader(io.StringIO(archive.read("cases.csv").decode("utf-8-sig")))
    assert "Unpaid wages" in case
    assert left_in_the_clear(here) == []


def test_why_nothing_could_be_made_comes_back_from_there(here: Installation, supervisor: Worker) -> None:
    asked(here, supervisor)
    with here.office.database.write() as connection:
        files = SQLModel.metadata.tables["case_file"]
        connection.execute(files.update().values(summary=b"spoilt" * 10))
    with capture_logs() as logs:
        exports(here, MAKER).step(here.clock.now())
    after = row(here)
    assert (after.state, after.failure, after.password) == ("failed", "export.unreadable", None)
    assert [(entry["event"], entry["at"].partition(":")[0]) for entry in logs] == [
        ("export_unreadable", "app/crypto/vault.py")
    ]
    assert left_in_the_clear(here) == []


def test_a_process_that_dies_leaves_the_export_to_another_try(here: Installation, supervisor: Worker) -> None:
    asked(here, supervisor)
    with capture_logs() as logs:
        exports(here, "tests.no_such_module").step(here.clock.now())
    after = row(here)
    assert (after.state, after.tries, after.password is None) == ("waiting", 1, False)
    assert [entry["event"] for entry in logs] == ["export_not_made"]
    assert left_in_the_clear(here) == []
    assert list(here.application.export_files.names()) == []


def test_a_process_that_makes_what_was_deleted_is_ended(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor)
    making = threading.Thread(target=exports(here, STUCK).step, args=(here.clock.now(),))
    making.start()
    while row(here).state != "running":
        time.sleep(0.01)
    assert making.is_alive()
    assert here.ask(supervisor, "DELETE", f"/v1/exports/{job_id}").status_code == 204
    making.join(20)
    assert not making.is_alive()
    assert left_in_the_clear(here) == []


def test_the_process_ends_with_whoever_started_it(here: Installation) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        child = subprocess.Popen([sys.executable, "-m", MAKER, str(theirs.fileno())],
                                 pass_fds=[theirs.fileno()])  # fmt: skip
        theirs.close()
        wanted = Wanted(Profile.IDENTIFIED, Format.CSV, "km")
        making = Making(UUID(int=1), wanted, None, here.clock.now())
        room = here.application.settings.scratch_dir / "room"
        ours.send((here.application.settings, Order(making, room, PASSWORD)))
    # As if the worker had been killed: its end of the line is gone, and nothing else tells.
    assert child.wait(60) == 1
