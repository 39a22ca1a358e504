"""Uploads over tus: what arrived stays, what is wrong is told, and nobody else's upload can be touched."""

import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.attachments.tables import attachments
from app.identity.rules import Role, Worker
from app.store.files import FileRef
from app.usecases import attaching
from tests.makers import LOTUS, TONLE, Installation
from tests.uploader import BYTES, TUS, Upload, a_pdf, files_on_disk, look_after_all, metadata


@pytest.fixture
def dara(here: Installation) -> Worker:
    return here.a_worker(organisation=TONLE)


@pytest.fixture
def upload(here: Installation, dara: Worker) -> Upload:
    return Upload(here, dara, here.a_case(), a_pdf(200_000))


def test_a_device_can_ask_what_is_spoken(upload: Upload) -> None:
    answer = upload.ask("OPTIONS", "/v1/blobs")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) >= {"creation", "expiration", "termination"}
    assert answer.headers["tus-max-size"] == "25000000"


def test_a_file_that_comes_at_once_is_complete(upload: Upload) -> None:
    answer = upload.whole()
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "200000")
    assert upload.file().content == upload.content
    assert upload.here.kinds(upload.case_id)[-1] == "attachment.added"
    told = upload.here.timeline(upload.case_id)[-1][1]
    assert told == {
        "attachment_id": str(upload.id), "media_type": "application/pdf", "size_bytes": 200_000,
    }  # fmt: skip


def test_a_file_may_come_with_its_announcement(upload: Upload) -> None:
    headers = {
        "Upload-Length": "200000", "Upload-Metadata": upload.metadata, "Content-Type": BYTES,
    }  # fmt: skip
    answer = upload.ask("POST", "/v1/blobs", headers, content=upload.content[:150_000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "150000")
    again = upload.ask("POST", "/v1/blobs", headers, content=upload.content[:150_000])
    assert (again.status_code, again.headers["upload-offset"]) == (201, "150000")
    assert upload.send(150_000).status_code == 204
    assert upload.file().content == upload.content


def test_announcing_again_is_the_same_upload(upload: Upload) -> None:
    first = upload.announce()
    assert upload.send(0, 70_000).status_code == 204
    again = upload.announce()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["location"] == again.headers["location"] == upload.location
    assert upload.offset() == 70_000
    assert upload.send(70_000).status_code == 204
    assert upload.announce().status_code == 201
    assert upload.offset() == 200_000
    assert upload.here.kinds(upload.case_id).count("attachment.added") == 1


def test_another_file_under_the_same_id_is_refused(upload: Upload) -> None:
    upload.announce()
    upload.content = a_pdf(199_999)
    answer = upload.announce()
    assert (answer.status_code, answer.json()["code"]) == (409, "id_conflict")


def test_how_far_it_has_come_is_told_with_what_was_announced(upload: Upload) -> None:
    created = upload.announce()
    upload.send(0, 65_537)
    answer = upload.look()
    assert answer.headers["upload-offset"] == "65537"
    assert answer.headers["upload-length"] == "200000"
    assert answer.headers["upload-metadata"] == upload.metadata
    assert answer.headers["cache-control"] == "no-store"
    expires = parsedate_to_datetime(answer.headers["upload-expires"])
    assert (expires - upload.here.clock.now()).days == 7
    assert created.headers["upload-expires"] == answer.headers["upload-expires"]


def test_bytes_go_on_only_where_the_upload_has_come_to(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 1000)
    for start in (0, 999, 1001):
        answer = upload.send(start, start + 10)
        assert (answer.status_code, answer.json()["code"]) == (409, "attachment.offset_conflict")
    assert upload.offset() == 1000


def test_another_version_of_the_protocol_is_refused(upload: Upload) -> None:
    upload.announce()
    for version in ("0.2.2", ""):
        for method, path in (("POST", "/v1/blobs"), ("HEAD", upload.location), ("DELETE", upload.location)):
            answer = upload.ask(method, path, {"Tus-Resumable": version})
            assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    assert upload.offset() == 0


def test_a_body_of_another_type_is_refused(upload: Upload) -> None:
    upload.announce()
    answer = upload.ask(
        "PATCH", upload.location, {"Upload-Offset": "0", "Content-Type": "text/plain"}, content=b"x"
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


def test_old_proxies_are_gone_through_by_post(upload: Upload) -> None:
    upload.announce()
    headers = {"Upload-Offset": "0", "Content-Type": BYTES, "X-HTTP-Method-Override": "PATCH"}
    assert upload.ask("POST", upload.location, headers, content=upload.content).status_code == 204
    assert upload.file().content == upload.content


def test_more_bytes_than_announced_are_refused_and_what_arrived_stays(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 100_000)
    headers = {"Upload-Offset": "100000", "Content-Type": BYTES}
    answer = upload.ask("PATCH", upload.location, headers, content=bytes(100_001))
    assert (answer.status_code, answer.json()["code"]) == (413, "attachment.too_long")
    assert upload.offset() == 100_000
    assert upload.send(100_000).status_code == 204


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"Upload-Length": "many"}, "Upload-Length"),
        ({"Upload-Length": "0"}, "Upload-Length"),
        ({"Upload-Length": "9" * 13}, "Upload-Length"),
        ({"Upload-Metadata": ""}, "Upload-Metadata"),
        ({"Upload-Metadata": "id not-base64!"}, "Upload-Metadata"),
        ({"Upload-Metadata": "id MQ==,id MQ=="}, "Upload-Metadata"),
        ({"Upload-Metadata": "filename " + "QUJD" * 1100}, "Upload-Metadata"),
        ({"Upload-Metadata": metadata(sha256="ab")}, "sha256"),
        ({"Upload-Metadata": metadata(sha256="ab" * 32, id="1")}, "id"),
        ({"Upload-Metadata": metadata(sha256="ab" * 32, id=str(uuid4()))}, "case_id"),
    ],
)
def test_an_announcement_that_does_not_read_names_its_fault(
    upload: Upload, changes: dict[str, str], field: str
) -> None:
    headers = {"Upload-Length": "10", "Upload-Metadata": upload.metadata, **changes}
    answer = upload.ask("POST", "/v1/blobs", headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment.bad_metadata")
    assert answer.json()["field"] == field


def test_a_withdrawn_upload_is_gone_with_its_bytes(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 100_000)
    assert files_on_disk(upload.here)
    assert upload.withdraw().status_code == 204
    assert files_on_disk(upload.here) == set()
    assert [upload.look().status_code, upload.withdraw().status_code] == [410, 410]
    assert upload.send(100_000).json()["code"] == "attachment.gone"
    assert upload.whole().status_code == 204  # its author may change their mind


def test_a_complete_file_belongs_to_its_case(upload: Upload) -> None:
    upload.whole()
    answer = upload.withdraw()
    assert (answer.status_code, answer.json()["code"]) == (403, "attachment.is_kept")
    assert upload.file().content == upload.content


def test_an_upload_that_is_not_finished_is_given_up_after_a_week(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 100_000)
    upload.here.clock.forward(days=6)
    assert look_after_all(upload.here) == 0
    assert upload.send(100_000, 150_000).status_code == 204
    upload.here.clock.forward(days=6)
    assert upload.offset() == 150_000
    upload.here.clock.forward(days=1)
    assert upload.look().status_code == 410
    assert upload.send(150_000).json()["code"] == "attachment.gone"
    assert look_after_all(upload.here) == 1
    assert files_on_disk(upload.here) == set()
    assert upload.shown().json()["state"] == "erased"
    assert upload.whole().status_code == 204
    assert upload.file().content == upload.content


def test_an_upload_given_up_and_begun_again_before_anybody_looked_starts_from_nothing(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 100_000)
    upload.here.clock.forward(days=8)
    assert upload.announce().headers["upload-offset"] == "0"
    assert upload.send(0).status_code == 204
    look_after_all(upload.here)
    assert upload.file().content == upload.content
    assert len(files_on_disk(upload.here)) == 1


def test_a_whole_upload_that_nobody_settled_is_settled_by_the_worker(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 199_999)
    here = upload.here
    with here.office.look() as uow:
        found = uow.attachments.get(upload.id)
    assert found is not None
    assert found.file is not None
    # As if the process had died between the last byte and its answer.
    ref = FileRef(found.file.name, found.file.key)
    to = here.application.files.append(ref, [upload.content[-1:]], at=199_999, limit=200_000)
    with here.office.work(here.clock.now()) as uow:
        attaching.grow(uow, found, to=to, now=here.clock.now())
    assert upload.file().status_code == 404
    assert look_after_all(here) == 0
    here.clock.forward(minutes=1)
    assert look_after_all(here) == 1
    assert upload.file().content == upload.content
    assert here.kinds(upload.case_id).count("attachment.added") == 1


def test_a_file_that_somebody_writes_to_is_busy(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 1000)
    (name,) = files_on_disk(upload.here)
    with upload.here.application.files.alone(name):
        answer = upload.send(1000)
        assert (answer.status_code, answer.json()["code"]) == (423, "file.busy")
    assert upload.send(1000).status_code == 204


def _strangers(here: Installation) -> list[Worker]:
    return [here.a_worker(role, LOTUS) for role in (Role.CASEWORKER, Role.SUPERVISOR)]


def test_an_upload_of_somebody_else_is_as_if_it_were_not_there(upload: Upload) -> None:
    upload.announce()
    colleague = upload.here.a_worker(organisation=TONLE)
    for other in [colleague, *_strangers(upload.here)]:
        nothing = Upload(upload.here, other, upload.case_id, b"x")
        for theirs, nobodys in (
            (upload.look(by=other), nothing.look()),
            (upload.send(0, 10, by=other), nothing.send(0)),
            (upload.withdraw(by=other), nothing.withdraw()),
        ):
            assert (theirs.status_code, nobodys.status_code) == (404, 404)
            if theirs.content:
                assert {**theirs.json(), "instance": ""} == {**nobodys.json(), "instance": ""}
    assert upload.offset() == 0


def test_nothing_can_be_added_to_a_case_out_of_sight(upload: Upload) -> None:
    for stranger in _strangers(upload.here):
        theirs = upload.announce(by=stranger)
        nobodys = Upload(upload.here, stranger, uuid4(), upload.content).announce()
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.json() == nobodys.json()
    admin = upload.here.a_worker(Role.ADMIN)
    assert upload.announce(by=admin).status_code == 403
    assert upload.announce().status_code == 201


def test_every_door_asks_who_is_there(upload: Upload) -> None:
    upload.announce()
    asked = [
        ("OPTIONS", "/v1/blobs"), ("POST", "/v1/blobs"), ("HEAD", upload.location),
        ("PATCH", upload.location), ("DELETE", upload.location),
    ]  # fmt: skip
    for method, path in asked:
        assert upload.here.client.request(method, path, headers=TUS).status_code == 401


def test_rows_say_nothing_of_the_file_in_the_clear(upload: Upload) -> None:
    upload.filename = "សុភាព payslip.pdf"
    upload.filetype = "Sophea's phone +855 12 345 678"
    upload.whole()
    with upload.here.office.database.read() as connection:
        row = connection.execute(select(attachments)).one()
    kept = " ".join(str(value) for value in row)
    assert "payslip" not in kept
    assert "Sophea" not in kept
    assert row.declared_type == ""
    assert upload.shown().json()["filename"] == "សុភាព payslip.pdf"


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(1, 150_000), max_size=6), whole=st.booleans())
def test_whatever_the_cuts_the_same_bytes_are_there(here: Installation, cuts: list[int], whole: bool) -> None:  # noqa: FBT001 - a case of the test
    dara = here.a_worker()
    content = a_pdf(300_000 if whole else 131_072)
    upload = Upload(here, dara, here.a_case(), content)
    upload.announce()
    at = 0
    for cut in cuts:
        stop = min(at + cut, len(content) - 1)
        assert upload.send(at, stop).status_code in {204, 409}
        at = upload.offset()
        assert at == stop
    assert upload.send(at).status_code == 204
    assert hashlib.sha256(upload.file().content).digest() == hashlib.sha256(content).digest()


def test_times_are_of_our_clock(upload: Upload) -> None:
    upload.whole()
    shown = upload.shown().json()
    completed = datetime.fromisoformat(shown["completed_at"])
    assert completed.astimezone(UTC) == upload.here.clock.now()
    assert shown["expires_at"] is None
