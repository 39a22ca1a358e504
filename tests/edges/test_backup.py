"""`spean backup` and `spean restore`: everything comes back, nothing lies open, nothing is half done."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text

from app.calls.tables import recordings
from app.cases.tables import cases
from app.crypto.keyring import KeyRing, change
from app.crypto.vault import Place
from app.intake.tables import messages
from app.kernel.ids import new_id
from app.store.copies import files_to_copy
from app.store.database import Database
from app.store.files import CHUNK_BYTES, FileRef, FileStore
from app.store.heartbeats import BACKED_UP, RESTORED
from app.store.migrations import downgrade, is_at_head
from app.store.rotation import Rotation
from app.usecases.backing_up import BackedUp, back_up
from app.workers.loops import heartbeat_name
from tests.cluster import Cluster
from tests.command_line import CommandLine, Said
from tests.conftest import ENGINE
from tests.makers import KHMER_UNPAID, Installation
from tests.searching import Search, spellings_of

PHONE, NAME, FLOWER = "+66812345671", "សុភាពចន្ថា", "ផ្កាឈូករីកស្រស់"
SOUND = "សំឡេងម្ដាយយំ".encode() * 6_000  # a little over three chunks


def pg_dump_version() -> int:
    """The version of pg_dump on the path, 0 where there is none."""
    program = shutil.which("pg_dump")
    if not program or not shutil.which("psql"):
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


@pytest.fixture(autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    if ENGINE == "postgresql":
        server: Cluster = request.getfixturevalue("cluster")
        if pg_dump_version() < int(server.version.partition(".")[0]):
            pytest.skip("no pg_dump of this server's version: what is said without one is tested elsewhere")


@pytest.fixture(name="files")
def _files(here: Installation) -> FileStore:
    return FileStore(here.application.settings.files_dir / "recordings")


def a_recording(here: Installation, files: FileStore) -> tuple[UUID, FileRef]:
    """The recording of a call, sealed in a file that its row names."""
    ref, row, now = files.new(), new_id(here.clock.now()), here.clock.now()
    files.append(ref, [SOUND], at=0, limit=10**7)
    kept = {
        "id": row, "carrier": "twilio", "account": "AC", "carrier_id": str(row), "call_carrier_id": "CA",
        "state": "kept", "seconds": 60, "size_bytes": len(SOUND), "file_name": ref.name,
        "file_key": here.office.vault.seal_bytes(ref.key, Place("recording", row, "file_key")),
        "announced_at": now, "due_at": now, "attempts": 0,
    }  # fmt: skip
    with here.office.database.write() as connection:
        connection.execute(insert(recordings).values(kept))
    return row, ref


def a_backup(here: Installation, target: Path) -> BackedUp:
    """A backup made by the program itself, without a command."""
    files_dir = here.application.settings.files_dir
    return back_up(here.office, files_dir, target, now=here.clock.now(), told=lambda _: None)


def all_rows(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in (cases, messages, recordings)
        }


def listened_to(here: Installation, row: UUID, files: FileStore, database: Database) -> bytes:
    with database.read() as connection:
        found = connection.execute(select(recordings).where(recordings.c.id == row)).one()
    key = here.office.vault.open_bytes(bytes(found.file_key), Place("recording", row, "file_key"))
    return b"".join(files.read(FileRef(found.file_name, key), size=found.size_bytes))


def restored_into(spean: CommandLine, archive: Path, url: str, files: Path, *more: str) -> Said:
    return spean.run("restore", str(archive), "--into", url, "--files-into", str(files), "--json", *more)


def test_what_was_backed_up_comes_back_whole_elsewhere_and_says_so(
    here: Installation, spean: CommandLine, files: FileStore, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    here.a_worker(name=NAME)
    here.a_case(sender=PHONE)
    row, _ = a_recording(here, files)
    made = spean.run("backup", str(tmp_path / "copy"), "--json")
    assert made.status == 0, made.err
    assert (made.json["files"], made.json["missing"], made.json["key"]) == (2, [], "k1")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    url, elsewhere = new_database(), tmp_path / "elsewhere"
    done = restored_into(spean, tmp_path / "copy", url, elsewhere)
    assert done.status == 0, done.err
    database = Database(url)
    assert all_rows(database) == all_rows(here.office.database)
    assert listened_to(here, row, FileStore(elsewhere / "recordings"), database) == SOUND
    with here.office.look() as uow:
        assert uow.heartbeats.last_seen(BACKED_UP)
        assert not uow.heartbeats.last_seen(RESTORED)
    with database.read() as connection:
        asked = text("SELECT count(*) FROM heartbeat WHERE name = 'restored'")
        assert connection.execute(asked).scalar() == 1
    database.close()
    spean.environment["SPEAN_DATABASE_URL"] = url
    assert spean.run("audit", "verify", "--json").json["ok"]
    assert spean.run("keys", "list").status == 0


def test_nothing_lies_open_in_a_backup_and_nothing_beside_it(
    here: Installation, files: FileStore, tmp_path: Path
) -> None:
    here.a_worker(name=NAME, phone="+85510000200")
    here.a_case(FLOWER, sender=PHONE)
    a_recording(here, files)
    place = tmp_path / "kept"
    place.mkdir()
    a_backup(here, place / "copy")
    assert [path.name for path in place.iterdir()] == ["copy"]
    content = (place / "copy").read_bytes()
    words = [*spellings_of(PHONE), NAME, FLOWER, "សំឡេងម្ដាយយំ", "case_file", "tonle-bridge", "SQLite format"]
    assert Search(words).found_in({"backup": content}) == []
    assert len(content) > len(SOUND)


def test_an_old_backup_opens_while_its_key_is_kept_and_is_refused_without_it(
    here: Installation, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    case_id = here.a_case(sender=PHONE)
    a_backup(here, tmp_path / "old")
    keys = here.application.settings.keys_file
    ring = change(keys, lambda ring: ring.with_new_key(here.clock.now()))
    assert Rotation(here.office.database, here.office.vault).run().left == 0
    without = tmp_path / "without.json"
    ring.without("k1").save(without)
    spean.environment["SPEAN_KEYS_FILE"] = str(without)
    url = new_database()
    refused = restored_into(spean, tmp_path / "old", url, tmp_path / "e")
    assert refused.status == 1
    assert "was made with the key k1, which" in refused.err
    assert "without.json does not hold" in refused.err
    other = tmp_path / "another.json"
    KeyRing.fresh(made_for="demo").save(other)  # its k1 is another k1
    spean.environment["SPEAN_KEYS_FILE"] = str(other)
    assert (
        "k1 in the key file is another key" in restored_into(spean, tmp_path / "old", url, tmp_path / "e").err
    )
    spean.environment["SPEAN_KEYS_FILE"] = str(keys)
    assert restored_into(spean, tmp_path / "old", url, tmp_path / "e").status == 0
    database = Database(url)
    with database.read() as connection:
        found = connection.execute(select(messages)).one()
        assert connection.execute(select(cases.c.id)).scalars().all() == [case_id]
    database.close()
    assert bytes(found.body)[2:4] == b"k1"
    assert here.office.vault.open(bytes(found.body), Place("message", found.id, "body")) == KHMER_UNPAID


def spoilt(content: bytes) -> dict[str, bytes]:
    """Everything that may happen to a file on its way."""
    changed = {f"byte {at} changed": at for at in (0, 9, 40, 400, len(content) // 2, len(content) - 1)}
    chunk = 256 * 1024 + 28
    begin = 12 + int.from_bytes(content[8:12], "big")
    first, second = content[begin : begin + chunk], content[begin + chunk : begin + 2 * chunk]
    assert len(second) == chunk
    return {
        **{name: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for name, at in changed.items()},
        "nothing in it": b"",
        "cut in its header": content[:30],
        "cut between two chunks": content[: begin + chunk],
        "cut inside a chunk": content[: begin + chunk + 1_000],
        "cut before its end": content[:-1],
        "grown": content + b"x",
        "two chunks changed places": content[:begin] + second + first + content[begin + 2 * chunk :],
    }


def test_a_backup_that_was_changed_or_cut_is_refused_and_nothing_is_touched(
    here: Installation, spean: CommandLine, files: FileStore, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    here.a_case()
    a_recording(here, files)
    for _ in range(2):
        a_recording(here, files)
    a_backup(here, tmp_path / "copy")
    url, damaged = new_database(), tmp_path / "damaged"
    for name, content in spoilt((tmp_path / "copy").read_bytes()).items():
        damaged.write_bytes(content)
        said = restored_into(spean, damaged, url, tmp_path / "elsewhere")
        assert said.status == 1, name
        assert re.search("cannot be put back|was made with the key", said.err), (name, said.err)
    assert not (tmp_path / "elsewhere").exists()
    database = Database(url)
    assert all_rows(database) == {"case_file": [], "message": [], "recording": []}
    database.close()


def test_a_backup_while_people_write_is_of_one_moment(
    here: Installation, tmp_path: Path, spean: CommandLine, new_database: Callable[[], str]
) -> None:
    here.a_worker()
    enough = threading.Event()

    def write() -> None:
        number = 0
        while not enough.is_set():
            here.a_text(sender=f"+6681{number:07d}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [a_backup(here, tmp_path / f"copy-{number}").manifest for number in range(3)]
    finally:
        enough.set()
        writer.join()
    assert made[0].rows["message"] < made[2].rows["message"]
    for number, manifest in enumerate(made):
        url = new_database()
        assert restored_into(spean, tmp_path / f"copy-{number}", url, tmp_path / "files").status == 0
        database = Database(url)
        with database.read() as connection:
            rows = {
                name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar()  # noqa: S608 - our own names
                for name in ("message", "case_file", "case_event", "outbox", "timer")
            }
            # Each message of ours opened a case in the same transaction.
            assert rows["message"] == rows["case_file"]
            assert rows == {name: manifest.rows[name] for name in rows}
        database.close()


def test_a_database_that_holds_something_is_replaced_only_when_that_is_said(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    here.a_text(sender="+66810000001")
    a_backup(here, tmp_path / "copy")
    then = all_rows(here.office.database)
    here.a_text(sender="+66810000002")
    now = all_rows(here.office.database)
    refused = spean.run("restore", str(tmp_path / "copy"))
    assert (refused.status, "--replace" in refused.err) == (1, True)
    with here.office.work(datetime.now(UTC)) as uow:
        uow.heartbeats.beat(heartbeat_name("reception"), datetime.now(UTC))
    running = spean.run("restore", str(tmp_path / "copy"), "--replace")
    assert running.status == 1
    assert "the service runs (worker:reception" in running.err
    assert all_rows(here.office.database) == now
    with here.office.work(datetime.now(UTC)) as uow:
        uow.heartbeats.beat(heartbeat_name("reception"), datetime.now(UTC) - timedelta(minutes=2))
    done = spean.run("restore", str(tmp_path / "copy"), "--replace")
    assert done.status == 0, done.err
    # Whoever had it open all the time sees it too.
    assert all_rows(here.office.database) == then
    again = spean.run("restore", str(tmp_path / "copy"), "--replace")
    assert again.status == 0
    assert here.a_text(sender="+66810000003").case is not None


def test_a_backup_of_older_tables_is_brought_to_the_newest_and_one_of_newer_ones_is_refused(
    here: Installation, spean: CommandLine, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    here.a_case()
    downgrade(here.office.database, "-1")
    a_backup(here, tmp_path / "older")
    with here.office.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    a_backup(here, tmp_path / "newer")
    url = new_database()
    refused = restored_into(spean, tmp_path / "newer", url, tmp_path / "e")
    assert (refused.status, "newer version" in refused.err) == (1, True)
    assert restored_into(spean, tmp_path / "older", url, tmp_path / "e").status == 0
    database = Database(url)
    assert is_at_head(database)
    with database.read() as connection:
        assert len(connection.execute(select(cases)).all()) == 1
    database.close()


def test_a_file_that_a_row_names_and_that_is_not_there_is_named(
    here: Installation, spean: CommandLine, files: FileStore, tmp_path: Path
) -> None:
    _, ref = a_recording(here, files)
    files.delete(ref.name)
    said = spean.run("backup", str(tmp_path / "copy"), "--json")
    assert said.json["missing"] == [f"recording: {ref.name}"]
    assert ref.name in said.err


def test_a_file_that_exists_is_not_overwritten(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_text("mine")
    said = spean.run("backup", str(tmp_path / "copy"))
    assert (said.status, (tmp_path / "copy").read_text()) == (1, "mine")
    assert "exists already" in said.err
    assert spean.run("backup", str(tmp_path / "nowhere" / "copy")).status == 1


def test_a_file_that_grows_while_it_is_copied_keeps_what_its_row_said(tmp_path: Path) -> None:
    store, copy = FileStore(tmp_path / "files"), tmp_path / "copy"
    ref = store.new()
    first, more = os.urandom(CHUNK_BYTES + 500), os.urandom(3 * CHUNK_BYTES)
    size = store.append(ref, [first], at=0, limit=10**9)
    paths = files_to_copy(tmp_path / "files")
    for number, path in enumerate(paths):
        target = copy / path.relative_to(tmp_path / "files")
        target.parent.mkdir(parents=True, exist_ok=True)
        if number:
            # Between its end and the file itself, two appends pass over the chunk that had begun.
            grown = store.append(ref, [more], at=size, limit=10**9)
            store.append(ref, [more], at=grown, limit=10**9)
        shutil.copy(path, target)
    assert b"".join(FileStore(copy).read(ref, size=size)) == first
