"""Reading attachments: whole or in part, only when complete, only by those who may, and remembered."""

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.audit.tables import entries
from app.identity.rules import Role, Worker
from tests import photos
from tests.makers import LOTUS, STAR, TONLE, Installation
from tests.searching import Search, everything_kept
from tests.uploader import Upload, a_pdf

CANARY = "ប័ណ្ណបើកប្រាក់ខែរបស់សុភាព"


@pytest.fixture
def dara(here: Installation) -> Worker:
    return here.a_worker(organisation=TONLE)


@pytest.fixture
def upload(here: Installation, dara: Worker) -> Upload:
    return Upload(here, dara, here.a_case(), a_pdf(200_000), filename='ប័ណ្ណ "ប្រាក់ខែ".exe')


def a_photo(upload: Upload) -> Upload:
    upload.content = photos.photo()
    upload.filename, upload.filetype = "IMG_1.jpg", "image/jpeg"
    return upload


def listed(upload: Upload, by: Worker | None = None) -> list[dict[str, object]]:
    answer = upload.here.ask(by or upload.worker, "GET", f"/v1/cases/{upload.case_id}/attachments")
    assert answer.status_code == 200
    items: list[dict[str, object]] = answer.json()["items"]
    return items


def read_by(here: Installation) -> list[str]:
    with here.office.database.read() as connection:
        asked = select(entries.c.actor).where(entries.c.action == "attachment.read")
        return [str(actor) for actor in connection.execute(asked).scalars()]


def test_a_complete_file_is_read_as_it_was_sent(upload: Upload) -> None:
    upload.whole()
    answer = upload.file()
    assert (answer.status_code, answer.content) == (200, upload.content)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == "200000"
    assert answer.headers["etag"] == f'"{hashlib.sha256(upload.content).hexdigest()}"'


def test_a_browser_is_told_to_save_it_and_to_run_nothing(upload: Upload) -> None:
    upload.whole()
    headers = upload.file().headers
    assert headers["content-disposition"].startswith('attachment; filename="')
    assert headers["content-disposition"].isascii()
    assert '"' not in headers["content-disposition"].split('filename="')[1].split('";')[0]
    assert headers["content-disposition"].endswith(".pdf")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=199999-", 199_999, 200_000),
        ("bytes=-100", 199_900, 200_000),
        ("bytes=-999999", 0, 200_000),
        ("bytes=150000-999999", 150_000, 200_000),
    ],
)
def test_a_reader_goes_on_where_the_line_broke(upload: Upload, asked: str, start: int, stop: int) -> None:
    upload.whole()
    answer = upload.file(Range=asked)
    assert (answer.status_code, answer.content) == (206, upload.content[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/200000"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,5-6", "bytes=-", "lines=1-2", "bytes=a-b"])
def test_what_is_no_single_range_is_answered_with_everything(upload: Upload, asked: str) -> None:
    upload.whole()
    answer = upload.file(Range=asked)
    assert (answer.status_code, len(answer.content)) == (200, 200_000)


@pytest.mark.parametrize("asked", ["bytes=200000-", "bytes=-0"])
def test_a_range_behind_the_end_is_told_where_the_end_is(upload: Upload, asked: str) -> None:
    upload.whole()
    answer = upload.file(Range=asked)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */200000")
    assert answer.json()["code"] == "range_not_satisfiable"


def test_a_range_of_another_file_is_answered_with_everything(upload: Upload) -> None:
    upload.whole()
    etag = upload.file().headers["etag"]
    assert upload.file(Range="bytes=0-9", If_Range=etag).status_code == 206
    assert upload.file(Range="bytes=0-9", If_Range='"another"').status_code == 200


def test_a_file_is_never_readable_before_it_is_complete(upload: Upload) -> None:
    nobodys = Upload(upload.here, upload.worker, upload.case_id, b"x").file()
    upload.announce()
    for stop in (1, 65_536, 199_999):
        assert upload.send(upload.offset(), stop).status_code == 204
        answer = upload.file()
        assert answer.status_code == 404
        assert {**answer.json(), "instance": ""} == {**nobodys.json(), "instance": ""}
        assert upload.shown().json()["state"] == "pending"
    assert upload.send(199_999).status_code == 204
    assert upload.file().status_code == 200
    assert read_by(upload.here) == [str(upload.worker.id)]


def test_every_reading_is_remembered_with_who_it_was(upload: Upload) -> None:
    upload.whole()
    lead = upload.here.a_worker(Role.DUTY_LEAD, TONLE)
    assert upload.file().status_code == 200
    assert upload.file(by=lead, Range="bytes=0-9").status_code == 206
    assert read_by(upload.here) == [str(upload.worker.id), str(lead.id)]


@pytest.mark.parametrize(
    ("role", "organisation"),
    [(Role.CASEWORKER, LOTUS), (Role.SUPERVISOR, LOTUS), (Role.DUTY_LEAD, STAR), (Role.COORDINATOR, None)],
)
def test_to_a_stranger_the_files_of_a_case_are_not_there(
    upload: Upload, role: Role, organisation: str | None
) -> None:
    upload.whole()
    stranger = upload.here.a_worker(role, organisation)
    nothing = Upload(upload.here, stranger, uuid4(), b"x")
    for theirs, nobodys in (
        (upload.file(by=stranger), nothing.file()),
        (upload.shown(by=stranger), nothing.shown()),
        (
            upload.here.ask(stranger, "GET", f"/v1/cases/{upload.case_id}/attachments"),
            upload.here.ask(stranger, "GET", f"/v1/cases/{uuid4()}/attachments"),
        ),
    ):
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert {**theirs.json(), "instance": ""} == {**nobodys.json(), "instance": ""}
    assert read_by(upload.here) == []


def test_an_admin_reads_no_file(upload: Upload) -> None:
    upload.whole()
    assert upload.file(by=upload.here.a_worker(Role.ADMIN)).status_code == 403


def test_a_worker_who_loses_the_case_loses_its_files_and_uploads(upload: Upload) -> None:
    upload.whole()
    second = Upload(upload.here, upload.worker, upload.case_id, a_pdf(1000))
    second.announce()
    coordinator = upload.here.a_worker(Role.COORDINATOR)
    upload.here.a_worker(Role.DUTY_LEAD, LOTUS)
    with upload.here.office.work(upload.here.clock.now()) as uow:
        case = uow.cases.locked(upload.case_id, None)
        assert case is not None
        uow.cases.add_helpers([(case.id, coordinator.id, Role.COORDINATOR)], upload.here.clock.now())
    organisations = upload.here.ask(coordinator, "GET", "/v1/organisations").json()["items"]
    lotus = next(one["id"] for one in organisations if one["code"] == LOTUS)
    moved = upload.here.ask(
        coordinator, "POST", f"/v1/cases/{upload.case_id}/assign",
        {"organisation_id": lotus, "reason": "ជិតជាង"},
    )  # fmt: skip
    assert moved.status_code == 200
    assert upload.file().status_code == 404
    assert [second.look().status_code, second.send(0).status_code] == [404, 404]
    assert upload.file(by=coordinator).content == upload.content


def test_a_case_lists_its_files_in_every_state(upload: Upload) -> None:
    upload.whole()
    waiting = Upload(upload.here, upload.worker, upload.case_id, a_pdf(500))
    waiting.announce()
    refused = Upload(upload.here, upload.worker, upload.case_id, photos.iso(b"isom", b"vide"))
    refused.whole()
    withdrawn = Upload(upload.here, upload.worker, upload.case_id, a_pdf(600))
    withdrawn.announce()
    withdrawn.withdraw()
    states = {item["id"]: (item["state"], item["problem"]) for item in listed(upload)}
    assert states == {
        str(upload.id): ("complete", None),
        str(waiting.id): ("pending", None),
        str(refused.id): ("refused", "attachment.type_refused"),
    }


def test_a_photo_is_kept_without_its_position_and_both_sums_are_told(upload: Upload) -> None:
    answer = a_photo(upload).whole()
    assert answer.status_code == 204
    kept = upload.file().content
    assert photos.LATITUDE in upload.content
    assert photos.LATITUDE not in kept
    assert b"GPSLatitude" not in kept
    assert photos.TAKEN in kept
    shown = upload.shown().json()
    assert shown["position_removed"] is True
    assert shown["sha256"] == hashlib.sha256(upload.content).hexdigest()
    assert shown["kept_sha256"] == hashlib.sha256(kept).hexdigest()
    assert (shown["size"], shown["kept_size"]) == (len(upload.content), len(kept))


def test_what_was_sent_with_the_position_is_not_on_the_disk_any_more(upload: Upload) -> None:
    a_photo(upload).whole()
    with upload.here.office.look() as uow:
        names = uow.attachments.file_names()
    assert {name for name, _ in upload.here.application.files.names()} == names
    assert len(names) == 1


def test_an_ngo_may_decide_to_keep_positions(install: Callable[..., Installation]) -> None:
    here = install(attachments_keep_position=True)
    upload = a_photo(Upload(here, here.a_worker(), here.a_case(), b""))
    upload.whole()
    assert upload.file().content == upload.content
    assert upload.shown().json()["position_removed"] is False


def test_the_type_is_what_the_bytes_say(upload: Upload) -> None:
    a_photo(upload)
    upload.filename, upload.filetype = "report.pdf", "application/pdf"
    upload.whole()
    shown = upload.shown().json()
    assert (shown["declared_type"], shown["media_type"]) == ("application/pdf", "image/jpeg")
    answer = upload.file()
    assert answer.headers["content-type"] == "image/jpeg"
    assert 'filename="report.jpg"' in answer.headers["content-disposition"]


@pytest.mark.parametrize("name", ["webp", "png", "mp3", "ogg", "webm", "m4a"])
def test_photos_and_sound_of_every_kind_come_back(upload: Upload, name: str) -> None:
    upload.content = {
        "webp": photos.webp(gps=False), "png": photos.png(), "mp3": photos.mp3(),
        "ogg": photos.ogg(b"OpusHead\x01"), "webm": photos.webm(2), "m4a": photos.iso(b"M4A ", b"soun"),
    }[name]  # fmt: skip
    assert upload.whole().status_code == 204
    assert upload.file().content == upload.content


def test_nothing_of_a_file_is_on_the_disk_in_the_clear(upload: Upload, tmp_path: Path) -> None:
    upload.content = b"%PDF-1.7\n" + f"{CANARY} ".encode() * 3000
    upload.filename = f"{CANARY}.pdf"
    upload.announce()
    upload.send(0, 100_000)
    search = Search([CANARY])
    for _ in range(2):
        on_disk = {
            str(path): path.read_bytes() for path in upload.here.application.settings.files_dir.rglob("*")
            if path.is_file()
        }  # fmt: skip
        assert on_disk
        assert search.found_in({**on_disk, **everything_kept(upload.here.office.database)}) == []
        upload.send(upload.offset())
    assert upload.file().content == upload.content


def test_a_damaged_file_is_our_fault_and_not_a_torn_answer(upload: Upload) -> None:
    upload.whole()
    ((name, _),) = upload.here.application.files.names()
    (main,) = upload.here.application.settings.files_dir.rglob(name)
    main.write_bytes(main.read_bytes()[:100])
    answer = upload.file()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_files_that_no_row_knows_are_swept_after_a_day_and_no_others(upload: Upload) -> None:
    here = upload.here
    upload.whole()
    files = here.application.files
    stray = files.new()
    files.append(stray, [b"left by a crash"], at=0, limit=100)
    (known,) = {name for name, _ in files.names()} - {stray.name}
    long_ago = (here.clock.now() - timedelta(days=2)).timestamp()
    for path in here.application.settings.files_dir.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    assert here.application.retention.once(here.clock.now()).stray_files == 1
    assert (files.exists(stray.name), files.exists(known)) == (False, True)
