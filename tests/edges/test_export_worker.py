"""The worker that makes exports: how far it is, who took over, what it lets go, and what it never shows."""

import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pyzipper
from prometheus_client import generate_latest
from sqlalchemy import select
from sqlmodel import SQLModel
from structlog.testing import capture_logs

from app.exports import jobs
from app.exports.jobs import Claimed
from app.exports.rules.jobs import LEASE
from app.exports.tables import export_jobs
from app.identity.rules import Role, Worker
from app.workers.exports import Exports, Lost, Pulse
from tests.makers import KHMER_EXTENDED, KHMER_UNPAID, Installation

DOOR = "/v1/exports"
PASSWORD = "correct horse 47 staple"
REASON = "ពិនិត្យដោយម្ចាស់ជំនួយ canary-7731"
IDENTIFIED = {
    "profile": "identified", "format": "csv", "locale": "en", "reason": REASON, "password": PASSWORD,
}  # fmt: skip


@pytest.fixture(name="supervisor")
def _supervisor(here: Installation) -> Worker:
    """Somebody in charge, with two cases in their organisation."""
    here.a_worker()
    for number, words in enumerate((KHMER_UNPAID, KHMER_EXTENDED)):
        here.a_case(words, sender=f"+6681000000{number}")
    return here.a_worker(Role.SUPERVISOR)


@pytest.fixture(name="exports")
def _exports(here: Installation) -> Exports:
    """The worker of exports."""
    return here.application.exports


def asked(here: Installation, worker: Worker) -> str:
    answer = here.ask(worker, "POST", DOOR, json=IDENTIFIED)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def see(here: Installation, worker: Worker, job_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = here.ask(worker, "GET", f"{DOOR}/{job_id}").json()
    return shown


def claimed(here: Installation) -> Claimed:
    now = here.clock.now()
    with here.office.work(now) as uow:
        found = jobs.claim(uow, here.application.export_files.new(), now=now, until=now)
    assert found is not None
    return found


def until(condition: Any) -> bool:
    """Whether it came true within a few seconds."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_who_asked_sees_it_move(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor)
    pulse = Pulse(here.office, here.clock, claimed(here), 0.01, lambda: None)
    assert (see(here, supervisor, job_id)["status"], see(here, supervisor, job_id)["progress"]) == (
        "running",
        0,
    )
    with pulse.beating():
        for rows in (1_000, 2_000):
            pulse.progress(rows)
            assert until(lambda rows=rows: see(here, supervisor, job_id)["progress"] == rows)


def test_a_worker_that_was_silent_for_too_long_finds_its_export_taken(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    pulse = Pulse(here.office, here.clock, claimed(here), 0.01, lambda: None)
    here.clock.forward(seconds=LEASE.total_seconds())
    assert exports.step(here.clock.now())
    assert see(here, supervisor, job_id)["status"] == "done"
    with pulse.beating(), pytest.raises(Lost):
        go_on(pulse)
    assert see(here, supervisor, job_id)["status"] == "done"


def go_on(pulse: Pulse) -> None:
    for rows in range(1_000):
        pulse.progress(rows)
        time.sleep(0.01)


def test_a_worker_that_lives_keeps_its_export_however_long_it_takes(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    pulse = Pulse(here.office, here.clock, claimed(here), 0.01, lambda: None)
    with pulse.beating():
        for _ in range(4):
            before = row_of(here, job_id).due_at
            here.clock.forward(seconds=LEASE.total_seconds() * 0.9)
            assert until(lambda before=before: row_of(here, job_id).due_at > before)
            assert not exports.step(here.clock.now())
    assert row_of(here, job_id).tries == 1


def row_of(here: Installation, job_id: str) -> Any:
    with here.office.database.read() as connection:
        return next(row for row in connection.execute(select(export_jobs)) if str(row.id) == job_id)


def test_what_is_deleted_while_it_is_made_stops_and_leaves_nothing(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    deleted = threading.Event()

    def delete_once() -> None:
        if not deleted.is_set():
            deleted.set()
            assert here.ask(supervisor, "DELETE", f"{DOOR}/{job_id}").status_code == 204

    step = replace(exports, make_way=delete_once, beat_every_seconds=0.01).step
    assert step(here.clock.now())
    assert deleted.is_set()
    assert see(here, supervisor, job_id)["code"] == "not_found"
    assert row_of(here, job_id).state == "failed"
    assert list(here.application.export_files.names()) == []
    assert list(here.application.settings.scratch_dir.iterdir()) == []


def test_who_loses_the_right_while_it_is_made_gets_nothing(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    gone = threading.Event()

    def leave() -> None:
        if not gone.is_set():
            gone.set()
            with here.office.database.write() as connection:
                workers = SQLModel.metadata.tables["worker"]
                connection.execute(workers.update().where(workers.c.id == supervisor.id).values(active=False))

    assert replace(exports, make_way=leave).step(here.clock.now())
    row = row_of(here, job_id)
    assert (row.state, row.failure, row.password) == ("failed", "export.asker_changed", None)
    assert list(here.application.export_files.names()) == []


def test_a_value_that_does_not_open_ends_the_export_with_that_reason(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    with here.office.database.write() as connection:
        files = SQLModel.metadata.tables["case_file"]
        connection.execute(files.update().values(summary=b"spoilt" * 10))
    with capture_logs() as logs:
        exports.step(here.clock.now())
    shown = see(here, supervisor, job_id)
    assert (shown["status"], shown["failure"]["code"]) == ("failed", "export.unreadable")
    assert [entry["event"] for entry in logs] == ["export_unreadable"]
    assert row_of(here, job_id).password is None


def test_files_that_no_export_knows_are_swept_and_those_of_exports_stay(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    asked(here, supervisor)
    patient = replace(exports, keep_for=timedelta(days=365 * 20))
    patient.step(here.clock.now())
    ((kept, _),) = exports.files.names()
    stray = exports.files.new()
    exports.files.append(stray, [b"noise"], at=0, limit=100)
    left = here.application.settings.scratch_dir / ("0" * 32)
    left.mkdir(parents=True)
    here.clock.forward(minutes=59)
    patient.step(here.clock.now())
    assert left.exists()
    here.clock.forward(days=365 * 10)  # later than the files' own time, which is the machine's
    patient.step(here.clock.now())
    assert [name for name, _ in exports.files.names()] == [kept]
    assert not left.exists()


def test_two_makers_on_one_machine_leave_each_other_s_rooms_alone(exports: Exports) -> None:
    with exports.scratch.room(uuid4()) as mine:
        (mine / "rows.csv").write_text("x")
        assert exports.scratch.sweep() == 0
        assert (mine / "rows.csv").exists()
        assert mine.stat().st_mode & 0o777 == 0o700
        assert exports.scratch.folder.stat().st_mode & 0o777 == 0o700
    assert not mine.exists()


def everything(here: Installation) -> Iterator[tuple[str, bytes]]:
    """Every value of every table, and every file of the installation, as bytes."""
    with here.office.database.read() as connection:
        for table in SQLModel.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for name, value in zip(table.columns.keys(), row, strict=True):
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    yield f"{table.name}.{name}", raw
    folder = here.application.settings.files_dir.parent
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def test_password_and_reason_stand_nowhere_in_the_clear(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    seen: list[tuple[str, bytes]] = []
    with capture_logs() as logs:
        job_id = asked(here, supervisor)
        seen += everything(here)
        assert row_of(here, job_id).password is not None
        replace(exports, make_way=lambda: seen.extend(everything(here))).step(here.clock.now())
        answer = here.ask(supervisor, "GET", f"{DOOR}/{job_id}/file")
        shown = here.ask(supervisor, "GET", f"{DOOR}/{job_id}").text
        manifest = here.ask(supervisor, "GET", f"{DOOR}/{job_id}/manifest").text
        refused = here.ask(supervisor, "POST", DOOR, json=IDENTIFIED | {"password": PASSWORD + "ស"}).text
        unreadable = here.ask(supervisor, "POST", DOOR, json=IDENTIFIED | {"password": [PASSWORD]}).text
        seen += everything(here)
    assert row_of(here, job_id).password is None
    said = json.dumps(logs, ensure_ascii=False, default=str)
    for secret in (PASSWORD, REASON, "canary-7731"):
        assert [where for where, raw in seen if secret.encode() in raw] == []
        assert secret not in said + shown + manifest + refused + unreadable
        assert secret.encode() not in generate_latest() + answer.content
    with pyzipper.AESZipFile(io.BytesIO(answer.content)) as archive:
        archive.setpassword(PASSWORD.encode())
        assert archive.testzip() is None
        assert {"codebook.csv", "manifest.json"} < set(archive.namelist())


def test_an_export_is_kept_for_as_long_as_the_settings_say(
    here: Installation, supervisor: Worker, exports: Exports
) -> None:
    job_id = asked(here, supervisor)
    replace(exports, keep_for=timedelta(hours=1)).step(here.clock.now())
    assert see(here, supervisor, job_id)["expires_at"] == "2026-06-08T04:00:00Z"


def test_the_worker_of_the_server_makes_exports_beside_everything_else(
    here: Installation, supervisor: Worker, tmp_path: Path
) -> None:
    worker = here.application.worker()
    worker.start()
    try:
        job_id = asked(here, supervisor)
        assert until(lambda: see(here, supervisor, job_id)["status"] == "done")
    finally:
        worker.stop()
