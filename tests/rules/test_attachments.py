"""Attachments: what a file is, where a photo was taken, what may be sent, and how an upload goes."""

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.attachments.rules import uploads
from app.attachments.rules.kinds import ENOUGH_BYTES, MediaType, is_hopeless, kind_of
from app.attachments.rules.position import NotAPicture, without_gps, without_position
from app.attachments.rules.uploads import (
    AttachmentTooLarge,
    CaseFull,
    ChecksumMismatch,
    Kept,
    Limits,
    State,
    StoredFile,
    TooManyUploads,
    TypeRefused,
    UploadGone,
    Wish,
    clean_name,
    must_fit,
    name_to_save,
)
from tests import photos

NOW = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
FILE = StoredFile("0" * 32, bytes(32))
WISH = Wish(UUID(int=1), UUID(int=2), 1000, "ab" * 32, "payslip.jpg", "image/jpeg", "id MQ==")

OURS = {
    MediaType.JPEG: photos.jpeg(),
    MediaType.PNG: photos.png(),
    MediaType.WEBP: photos.webp(),
    MediaType.MP3: photos.mp3(),
    MediaType.AAC: photos.aac(),
    MediaType.M4A: photos.iso(b"M4A ", b"soun"),
    MediaType.OGG: photos.ogg(b"OpusHead\x01"),
    MediaType.AMR: b"#!AMR\n" + bytes(60),
    MediaType.THREE_GP: photos.iso(b"3gp4", b"soun"),
    MediaType.WAV: photos.riff(b"WAVE", (b"fmt ", bytes(16)), (b"data", bytes(100))),
    MediaType.WEBM: photos.webm(2),
    MediaType.PDF: b"%PDF-1.7\n" + bytes(80),
}
OTHERS = {
    "a film": photos.iso(b"mp42", b"soun", b"vide"),
    "a film of a phone": photos.iso(b"3gp5", b"vide"),
    "a film of a browser": photos.webm(1, 2),
    "a matroska file": photos.webm(2, doc_type=b"matroska"),
    "a film in ogg": photos.ogg(b"\x80theora", b"\x01vorbis"),
    "avi": photos.riff(b"AVI ", (b"LIST", bytes(80))),
    "html": b"<!doctype html><script>alert(1)</script>" + bytes(60),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>" + bytes(60),
    "a program": b"MZ\x90\x00" + bytes(100),
    "an archive": b"PK\x03\x04" + bytes(100),
    "text of a computer": b"\xff\xfe" + "សួស្ដី តើអ្នកសុខសប្បាយទេ ខ្ញុំសុខសប្បាយ".encode("utf-16-le"),
    "noise that begins like a frame": b"\xff\xfb\x90\x00" + b"\x55" * 2000,
    "a gif": b"GIF89a" + bytes(80),
    "nothing": b"",
}


@pytest.mark.parametrize("kind", MediaType)
def test_what_is_taken_is_known_by_its_bytes(kind: MediaType) -> None:
    assert kind_of(OURS[kind]) is kind
    assert not is_hopeless(OURS[kind][:ENOUGH_BYTES])


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is_taken(name: str) -> None:
    assert kind_of(OTHERS[name]) is None


@pytest.mark.parametrize("name", ["html", "svg", "a program", "an archive", "a gif"])
def test_some_of_it_is_told_by_its_first_bytes(name: str) -> None:
    assert is_hopeless(OTHERS[name])
    assert not is_hopeless(OTHERS[name][: ENOUGH_BYTES - 1])


@given(st.binary(max_size=400))
def test_any_bytes_are_something_or_nothing(content: bytes) -> None:
    assert kind_of(content) in {None, *MediaType}


@given(st.sampled_from([*OURS.values(), *OTHERS.values()]), st.data())
def test_what_is_hopeless_by_its_beginning_is_nothing_by_its_whole(
    content: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, max(0, len(content) - 1)))
    changed = content[:at] + data.draw(st.binary(max_size=8)) + content[at:]
    if is_hopeless(changed[:ENOUGH_BYTES]):
        assert kind_of(changed) is None


# --- where a photo was taken ---


def tells_the_position(content: bytes) -> bool:
    swapped = [
        struct.pack("<6I", *struct.unpack(">6I", part)) for part in (photos.LATITUDE, photos.LONGITUDE)
    ]
    return any(part in content for part in (photos.LATITUDE, photos.LONGITUDE, *swapped, b"GPSLatitude"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (photos.photo(), MediaType.JPEG),
        (photos.png(photos.chunk(b"eXIf", photos.exif())), MediaType.PNG),
        (
            photos.png(photos.chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + photos.XMP)),
            MediaType.PNG,
        ),
        (photos.webp(), MediaType.WEBP),
        (photos.jpeg(tail=photos.photo()), MediaType.JPEG),
        (photos.jpeg(photos.segment(0xED, b"Photoshop 3.0\x00" + photos.exif())), MediaType.JPEG),
    ],
)
def test_a_photo_no_longer_tells_where_it_was_taken(content: bytes, kind: MediaType) -> None:
    assert tells_the_position(content)
    clean = without_position(content, kind)
    assert not tells_the_position(clean)
    assert kind_of(clean) is kind
    assert b"picture" in clean or kind is MediaType.PNG
    assert without_position(clean, kind) == clean


@pytest.mark.parametrize("order", ["<", ">"])
def test_direction_and_time_of_a_photo_stay(order: str) -> None:
    clean = without_gps(photos.exif(order))
    assert photos.TAKEN in clean
    (count,) = struct.unpack_from(order + "H", clean, 8)
    tags = [struct.unpack_from(order + "H", clean, 10 + 12 * place)[0] for place in range(count)]
    assert tags == [photos.ORIENTATION, 0x8769]
    (following,) = struct.unpack_from(order + "I", clean, 10 + 12 * count)
    assert struct.unpack_from(order + "HH", clean, following) == (1, 0x0103)
    assert len(clean) == len(photos.exif(order))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_block_without_position_stays_as_it_is(order: str) -> None:
    assert without_gps(photos.exif(order, gps=False)) == photos.exif(order, gps=False)


@pytest.mark.parametrize("kind", sorted(set(MediaType) - {MediaType.WEBP}))
def test_what_has_no_position_stays_as_it_is_to_the_byte(kind: MediaType) -> None:
    assert without_position(OURS[kind], kind) == OURS[kind]


def test_flags_and_size_of_a_webp_tell_the_truth() -> None:
    clean = without_position(photos.webp(), MediaType.WEBP)
    assert struct.unpack_from("<I", clean, 4) == (len(clean) - 8,)
    assert clean[20] == 0x08  # Exif is there still, XMP is not
    assert without_position(photos.webp(gps=False), MediaType.WEBP) == photos.webp(gps=False)


def test_a_photo_that_was_cut_off_is_still_cleaned() -> None:
    cut = photos.photo()[:-40]
    clean = without_position(cut, MediaType.JPEG)
    assert not tells_the_position(clean)
    assert clean.endswith(cut[-100:])


def test_a_picture_that_does_not_read_is_refused() -> None:
    with pytest.raises(NotAPicture):
        without_position(b"\xff\xd8\xff\xe1\xff\xff" + photos.exif(), MediaType.JPEG)
    with pytest.raises(NotAPicture):
        without_position(photos.png()[:20], MediaType.PNG)


@given(st.data())
def test_a_damaged_exif_block_is_cleaned_for_good_or_dropped(data: st.DataObject) -> None:
    order = data.draw(st.sampled_from("<>"))
    block = bytearray(photos.exif(order))
    for at in data.draw(st.lists(st.integers(0, len(block) - 1), max_size=4)):
        block[at] = data.draw(st.integers(0, 255))
    clean = without_gps(bytes(block))
    assert len(clean) in {0, len(block)}
    assert without_gps(clean) == clean


@given(st.binary(max_size=300), st.sampled_from([MediaType.JPEG, MediaType.PNG, MediaType.WEBP]))
def test_any_bytes_are_cleaned_or_refused(rest: bytes, kind: MediaType) -> None:
    content = OURS[kind][:12] + rest
    try:
        clean = without_position(content, kind)
    except NotAPicture:
        return
    assert without_position(clean, kind) == clean


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(0, 5), st.binary(min_size=1, max_size=200))
def test_whatever_else_a_photo_holds_its_position_goes_and_the_rest_stays(
    others: list[bytes], place: int, picture: bytes
) -> None:
    segments = [photos.segment(0xE4, body) for body in others]
    position = photos.segment(0xE1, b"Exif\x00\x00" + photos.exif())
    scan = picture.replace(b"\xff", b"\xff\x00")
    clean = without_position(
        photos.jpeg(*segments[:place], position, *segments[place:], picture=scan), MediaType.JPEG
    )
    without = photos.segment(0xE1, b"Exif\x00\x00" + without_gps(photos.exif()))
    assert clean == photos.jpeg(*segments[:place], without, *segments[place:], picture=scan)


# --- what may be sent, and how it goes ---


def test_a_file_within_its_limits_may_come() -> None:
    must_fit(WISH, Limits(file_bytes=1000, case_bytes=2000, open_uploads=3), case_bytes=1000, open_uploads=2)


def test_a_file_beyond_its_limits_may_not() -> None:
    limits = Limits(file_bytes=1000, case_bytes=2000, open_uploads=3)
    with pytest.raises(AttachmentTooLarge):
        must_fit(replace(WISH, size_bytes=1001), limits, case_bytes=0, open_uploads=0)
    with pytest.raises(CaseFull):
        must_fit(WISH, limits, case_bytes=1001, open_uploads=0)
    with pytest.raises(TooManyUploads):
        must_fit(WISH, limits, case_bytes=0, open_uploads=3)


def an_upload() -> uploads.Attachment:
    return uploads.begun(WISH, FILE, author_id=UUID(int=9), limits=Limits(), now=NOW)


def test_an_upload_is_waited_for_from_its_last_byte_on() -> None:
    upload = an_upload()
    later = NOW + timedelta(days=6)
    grown = uploads.grown(upload, to=10, limits=Limits(), now=later)
    assert upload.is_over(NOW + timedelta(days=7))
    assert not grown.is_over(NOW + timedelta(days=12))
    assert grown.due_at == grown.expires_at == later + timedelta(days=7)


def test_a_whole_upload_is_never_given_up_but_looked_at_soon() -> None:
    whole = uploads.grown(an_upload(), to=1000, limits=Limits(), now=NOW)
    assert whole.is_whole
    assert not whole.is_over(NOW + timedelta(days=100))
    assert whole.due_at == NOW + timedelta(minutes=1)


def test_an_upload_that_is_over_takes_no_bytes() -> None:
    with pytest.raises(UploadGone):
        an_upload().must_take_bytes(NOW + timedelta(days=8))
    with pytest.raises(UploadGone):
        uploads.erased(an_upload(), now=NOW).must_take_bytes(NOW)
    with pytest.raises(TypeRefused):
        uploads.refused(an_upload(), TypeRefused.code, now=NOW).must_take_bytes(NOW)
    an_upload().must_take_bytes(NOW)


def test_only_what_can_come_out_better_may_begin_again() -> None:
    assert not an_upload().may_begin_again(NOW)
    assert an_upload().may_begin_again(NOW + timedelta(days=8))
    assert uploads.erased(an_upload(), now=NOW).may_begin_again(NOW)
    assert uploads.refused(an_upload(), ChecksumMismatch.code, now=NOW).may_begin_again(NOW)
    assert not uploads.refused(an_upload(), TypeRefused.code, now=NOW).may_begin_again(NOW)


def test_what_is_refused_or_erased_leaves_a_file_to_be_removed() -> None:
    for gone in (
        uploads.refused(an_upload(), TypeRefused.code, now=NOW),
        uploads.erased(an_upload(), now=NOW),
    ):
        assert (gone.file, gone.leftover, gone.due_at) == (None, FILE.name, NOW)
        assert (uploads.cleared(gone).leftover, uploads.cleared(gone).due_at) == (None, None)


def test_a_photo_that_was_cleaned_leaves_what_was_sent() -> None:
    other = StoredFile("1" * 32, bytes(32))
    cleaned = uploads.completed(an_upload(), Kept(MediaType.JPEG, 900, "cd" * 32, other, True), now=NOW)
    as_sent = uploads.completed(an_upload(), Kept(MediaType.PDF, 1000, "ab" * 32, FILE, False), now=NOW)
    assert (cleaned.state, cleaned.file, cleaned.leftover) == (State.COMPLETE, other, FILE.name)
    assert (as_sent.state, as_sent.file, as_sent.leftover, as_sent.due_at) == (
        State.COMPLETE,
        FILE,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\dara\\slip.jpg", "slip.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("ប័ណ្ណប្រាក់ខែ.jpg", "ប័ណ្ណប្រាក់ខែ.jpg"),
        (" .. ", ""),
    ],
)
def test_a_name_is_only_a_name(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("slip.jpg", "slip.pdf"),
        ("slip.jpg.exe", "slip.jpg.pdf"),
        ("slip", "slip.pdf"),
        ("", "attachment.pdf"),
        (".htaccess", "attachment.pdf"),
        ("v1.2 of the contract", "v1.2 of the contract.pdf"),
    ],
)
def test_a_file_is_saved_as_what_it_is(name: str, saved: str) -> None:
    assert name_to_save(name, MediaType.PDF) == saved


@given(st.text(max_size=200))
def test_any_name_can_be_saved(name: str) -> None:
    saved = name_to_save(clean_name(name), MediaType.JPEG)
    assert saved.endswith(".jpg")
    assert not set(saved) & set("/\\\r\n\x00\u202e")
    assert len(saved) <= 124
