"""What was erased stays erased: a backup that is put back brings nobody back (H19)."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.kernel.phone import Phone
from app.privacy.rules import from_json
from app.privacy.service import ErasureLedger
from app.sync.store import SyncStore
from app.usecases import erasing
from app.usecases.backing_up import back_up
from tests.command_line import CommandLine
from tests.conftest import ENGINE
from tests.field_app import FieldApp, op
from tests.letting_go import NAME, NOTE, SECRETS, SENDER, SUMMARY, Office
from tests.makers import Installation

NEEDS_A_COPY = pytest.mark.skipif(
    ENGINE == "postgresql" and not shutil.which("pg_dump"), reason="no pg_dump on the path"
)


@pytest.fixture(name="desk")
def _desk(here: Installation) -> Office:
    return Office(here)


def a_backup(here: Installation, target: Path) -> Path:
    back_up(
        here.office, here.application.settings.files_dir, target, now=here.clock.now(), told=lambda _: None
    )
    return target


def restored(
    desk: Office, spean: CommandLine, archive: Path, url: str, install: Callable[..., Installation]
) -> tuple[dict[str, Any], Installation]:
    """What the command said, and an installation on the database that it made."""
    elsewhere = archive.parent / "elsewhere"
    said = spean.run("restore", str(archive), "--into", url, "--files-into", str(elsewhere), "--json")
    assert said.status == 0, said.err
    there = install(database_url=url, files_dir=elsewhere)
    there.clock = desk.here.clock
    return said.json, there


def _said_of_erasures(spean: CommandLine) -> str:
    checks = spean.run("doctor", "--json").json["checks"]
    return str(next(check["finding"] for check in checks if check["name"] == "erasures"))


def seen(there: Installation, desk: Office, path: str = "") -> str:
    return str(there.ask(desk.supervisor, "GET", f"/v1/cases/{desk.case_id}{path}").text)


@NEEDS_A_COPY
def test_h19_a_backup_that_is_put_back_brings_nobody_back_who_was_erased_since(
    desk: Office, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str],
    install: Callable[..., Installation],
) -> None:  # fmt: skip
    archive = a_backup(desk.here, tmp_path / "copy")
    receipt = desk.erase(all=True).json()
    told, there = restored(desk, spean, archive, new_database(), install)
    assert told["erased_again"] == 1
    for path in ("", "/timeline", "/phones"):
        assert not any(secret in seen(there, desk, path) for secret in SECRETS), path
    with there.office.look() as uow:
        assert [one.id for one in uow.erasures.all()] == [from_json(receipt).id]
        index = uow.outbox.phone_index(Phone(SENDER))
        assert uow.outbox.safety.of_phone(index) == []
    spean.environment["SPEAN_DATABASE_URL"] = there.application.settings.database_url
    assert spean.run("audit", "verify").status == 0
    assert spean.run("erasures", "reapply").out.startswith("erased again: 0 of 1")


@NEEDS_A_COPY
def test_h19_a_backup_that_is_older_than_the_case_is_put_back_all_the_same(
    here: Installation, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str],
    install: Callable[..., Installation],
) -> None:  # fmt: skip
    archive = a_backup(here, tmp_path / "copy")
    desk = Office(here)
    desk.erase(all=True)
    told, there = restored(desk, spean, archive, new_database(), install)
    assert told["erased_again"] == 0
    with there.office.look() as uow:
        assert [one.case_id for one in uow.erasures.all()] == [desk.case_id]


@NEEDS_A_COPY
def test_h19_a_device_that_was_off_all_the_while_does_not_make_the_case_anew(
    here: Installation, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str],
    install: Callable[..., Installation],
) -> None:  # fmt: skip
    desk_worker = here.a_worker()
    archive = a_backup(here, tmp_path / "copy")
    desk = Office(here)
    desk.erase(all=True)
    _, there = restored(desk, spean, archive, new_database(), install)
    app = FieldApp(there, desk_worker)
    case_id, note = str(desk.case_id), {"case_id": str(desk.case_id), "text": NOTE}
    results = app.push(
        op("case", case_id, {"summary": SUMMARY, "reporter": {"name": NAME}}, create=True),
        op("note", str(uuid4()), note, create=True),
    )
    assert [one["problem"]["code"] for one in results] == ["erasure.erased"] * 2
    with there.office.look() as uow:
        assert uow.cases.get(desk.case_id, None) is None
        pushed = SyncStore(uow.connection, uow.vault, uow.touched)
        assert pushed.refused_rows(None, limit=10) == []
        assert pushed.parents_awaited(10) == []
    desk.here = there
    assert not any(where.startswith("sync_") for where in desk.leaks())


@NEEDS_A_COPY
def test_h19_one_person_is_erased_again_and_the_others_stay(
    desk: Office, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str],
    install: Callable[..., Installation],
) -> None:  # fmt: skip
    archive = a_backup(desk.here, tmp_path / "copy")
    assert desk.erase(person_id=desk.member, notes="keep").status_code == 200
    _, there = restored(desk, spean, archive, new_database(), install)
    assert NAME not in seen(there, desk)
    assert SUMMARY in seen(there, desk)
    assert NOTE in seen(there, desk, "/timeline")


@NEEDS_A_COPY
@pytest.mark.skipif(ENGINE != "sqlite", reason="the file is what is put in place")
def test_h19_where_the_line_was_never_written_the_database_that_goes_still_knows(
    desk: Office, spean: CommandLine, tmp_path: Path
) -> None:
    archive = a_backup(desk.here, tmp_path / "copy")
    desk.erase(all=True)
    ledger = desk.here.application.settings.ledger_file
    ledger.unlink()
    desk.here.office.database.close()
    said = spean.run("restore", str(archive), "--replace", "--json")
    assert said.status == 0, said.err
    assert said.json["erased_again"] == 1
    assert len(ErasureLedger(ledger).read()[0]) == 1


def test_h19_a_door_that_dies_right_after_the_commit_loses_no_erasure(
    install: Callable[..., Installation],
) -> None:
    armed: list[str] = []

    def passed(name: str) -> None:
        if name in armed:
            armed.clear()
            raise SystemError("killed")

    desk = Office(install(passed=passed))
    desk.here.token(desk.supervisor)  # a sign-in is a commit as well
    armed.append("after_commit")
    assert desk.erase(all=True).status_code == 500
    ledger = desk.here.application.ledger
    assert ledger.read() == ([], 0)
    desk.here.application.forgetting.step(desk.here.clock.now())
    (noted,) = ledger.read()[0]
    assert from_json(desk.erase(all=True).json()) == noted


def test_h19_who_dies_between_the_commit_and_the_line_is_made_good_by_the_worker(
    desk: Office, spean: CommandLine
) -> None:
    desk.erase(all=True)
    ledger = desk.here.application.ledger
    (written,) = ledger.read()[0]
    ledger.path.unlink()
    assert "erasures are not in" in _said_of_erasures(spean)
    assert desk.here.application.forgetting.note_erasures() == 1
    assert ledger.read() == ([written], 0)
    assert desk.here.application.forgetting.note_erasures() == 0
    assert _said_of_erasures(spean) == "all noted for a restore"


def test_h19_an_older_database_that_was_put_there_by_hand_is_noticed_and_erased_again(
    desk: Office, spean: CommandLine
) -> None:
    desk.erase(all=True)
    with desk.here.office.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM erasure")
    assert "may be an older copy" in _said_of_erasures(spean)
    assert spean.run("erasures", "reapply").status == 0
    assert _said_of_erasures(spean) == "all noted for a restore"


def test_h19_the_ledger_names_nobody_and_is_its_owners_alone(desk: Office) -> None:
    desk.erase(all=True)
    ledger = desk.here.application.settings.ledger_file
    content = ledger.read_text("utf-8")
    assert not any(secret in content for secret in (*SECRETS, "គាត់សុំ"))
    assert ledger.stat().st_mode & 0o777 == 0o600


def test_h19_a_torn_line_spoils_no_other_and_a_forged_one_erases_nothing(desk: Office) -> None:
    desk.erase(all=True)
    ledger = desk.here.application.ledger
    (receipt,) = ledger.read()[0]
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"id": "0197' + b"\xff")
    ledger.add([receipt])
    assert ledger.read() == ([receipt], 1)
    other = Office(desk.here)
    forged = whole.replace(str(desk.case_id).encode(), str(other.case_id).encode())
    ledger.path.write_bytes(forged)
    with desk.here.office.work(desk.here.clock.now()) as uow:
        again = erasing.reapply(uow, ledger.read()[0], now=desk.here.clock.now())
    assert (again.erasures, again.unknown) == (0, 1)
    assert NAME in seen(other.here, other)
