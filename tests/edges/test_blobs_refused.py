"""Uploads that are refused: too large, too many, damaged on the way, or of a kind that is not taken."""

from collections.abc import Callable

import pytest

from app.identity.rules import Worker
from tests import photos
from tests.makers import TONLE, Installation
from tests.uploader import BYTES, Upload, a_pdf, files_on_disk


@pytest.fixture
def dara(here: Installation) -> Worker:
    return here.a_worker(organisation=TONLE)


@pytest.fixture
def upload(here: Installation, dara: Worker) -> Upload:
    return Upload(here, dara, here.a_case(), a_pdf(200_000))


def test_a_file_beyond_the_limit_is_refused_before_a_byte_in_both_languages(
    install: Callable[..., Installation],
) -> None:
    here = install(attachment_max_bytes=2_000_000)
    upload = Upload(here, here.a_worker(), here.a_case(), a_pdf(10))
    for language, word in (("km", "ឯកសារធំពេក"), ("en", "The file is too large")):
        headers = {
            "Upload-Length": "2000001", "Upload-Metadata": upload.metadata, "Accept-Language": language,
        }  # fmt: skip
        answer = upload.ask("POST", "/v1/blobs", headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "attachment.too_large")
        assert answer.json()["title"] == word
        assert "2 MB" in answer.json()["detail"]
    assert files_on_disk(here) == set()


def test_a_body_beyond_the_limit_is_cut_off(install: Callable[..., Installation]) -> None:
    here = install(attachment_max_bytes=1_500_000)
    upload = Upload(here, here.a_worker(), here.a_case(), a_pdf(1_500_000))
    upload.announce()
    headers = {"Upload-Offset": "0", "Content-Type": BYTES}
    too_much = upload.ask("PATCH", upload.location, headers, content=bytes(1_500_001))
    assert (too_much.status_code, too_much.headers["content-type"]) == (413, "application/problem+json")
    assert upload.send(0).status_code == 204  # more than other doors take


def test_a_case_and_a_worker_have_only_so_much_room(install: Callable[..., Installation]) -> None:
    here = install(attachment_case_max_bytes=2500, attachment_open_uploads=2)
    dara, case_id = here.a_worker(), here.a_case()
    first, second, third = (Upload(here, dara, case_id, a_pdf(1000)) for _ in range(3))
    assert first.whole().status_code == 204
    assert second.announce().status_code == 201
    full = third.announce()
    assert (full.status_code, full.json()["code"]) == (413, "attachment.case_full")
    elsewhere = here.a_case(sender="+66812345679")
    fourth, fifth = (Upload(here, dara, elsewhere, a_pdf(100 + n)) for n in range(2))
    assert fourth.announce().status_code == 201
    many = fifth.announce()
    assert (many.status_code, many.json()["code"]) == (429, "attachment.too_many_uploads")
    assert second.withdraw().status_code == 204
    assert fifth.announce().status_code == 201
    assert third.announce().json()["code"] == "attachment.too_many_uploads"


def test_a_file_that_arrives_damaged_is_refused_erased_and_may_come_again(upload: Upload) -> None:
    upload.announce()
    good, upload.content = upload.content, upload.content[:-1] + b"!"
    answer = upload.send(0)
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment.checksum_mismatch")
    assert upload.look().status_code == 422
    assert upload.shown().json()["problem"] == "attachment.checksum_mismatch"
    assert files_on_disk(upload.here) == set()
    upload.content = good
    assert upload.announce().status_code == 201
    assert upload.send(0).status_code == 204
    assert upload.file().content == good


def test_a_film_is_refused_by_its_bytes_whatever_it_says_it_is(upload: Upload) -> None:
    upload.content = photos.iso(b"mp42", b"soun", b"vide")
    upload.filename, upload.filetype = "song.m4a", "audio/mp4"
    answer = upload.whole()
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment.type_refused")
    assert upload.announce().json()["code"] == "attachment.type_refused"
    assert upload.file().status_code == 404
    assert files_on_disk(upload.here) == set()
    assert "attachment.added" not in upload.here.kinds(upload.case_id)


def test_what_cannot_be_taken_is_refused_with_its_first_bytes(upload: Upload) -> None:
    upload.content = b"<html>" + bytes(300_000)
    upload.announce()
    answer = upload.send(0, 1000)
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment.type_refused")
    assert files_on_disk(upload.here) == set()


def test_bytes_that_were_lost_here_are_asked_for_again(upload: Upload) -> None:
    upload.announce()
    upload.send(0, 199_000)
    (name,) = files_on_disk(upload.here)
    folder = upload.here.application.settings.files_dir
    (main,) = folder.rglob(name)
    content = bytearray(main.read_bytes())
    content[1000] ^= 1
    main.write_bytes(content)
    answer = upload.send(199_000)
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment.bytes_lost")
    assert upload.whole().status_code == 204
    assert upload.file().content == upload.content
