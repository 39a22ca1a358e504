"""Archives behind a password: whole for who has it, noise for others, and readable by other programs."""

import ctypes
import ctypes.util
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from app.crypto.zips import write_zip

PASSWORD = "correct horse 47 staple"
AT = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
KHMER = "ឈ្មោះ,សុខា\r\n" * 5_000


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Path:
    """Two files behind a password."""
    (tmp_path / "members.csv").write_text(KHMER, "utf-8", newline="")
    (tmp_path / "manifest.json").write_text("{}", "utf-8")
    target, lived = tmp_path / "export.zip", []
    parts = [tmp_path / "members.csv", tmp_path / "manifest.json"]
    write_zip(target, parts, password=PASSWORD, at=AT, lives=lambda: lived.append(1))
    assert lived
    return target


def test_who_has_the_password_has_every_byte(archive: Path) -> None:
    with pyzipper.AESZipFile(archive) as opened:
        opened.setpassword(PASSWORD.encode())
        assert opened.namelist() == ["members.csv", "manifest.json"]
        assert opened.read("members.csv").decode() == KHMER
        assert opened.read("manifest.json") == b"{}"


@pytest.mark.parametrize("password", ["", "correct horse 47 stapl", PASSWORD.upper()])
def test_who_has_another_has_nothing(archive: Path, password: str) -> None:
    with pyzipper.AESZipFile(archive) as opened:
        opened.setpassword(password.encode())
        with pytest.raises(RuntimeError):
            opened.read("members.csv")


def test_every_part_is_sealed_with_256_bits_and_nothing_lies_in_the_clear(archive: Path) -> None:
    # Python's own reader knows no AES; it shows what every reader sees. Source: WinZip's AE-2, field 0x9901.
    with zipfile.ZipFile(archive) as opened:
        for part in opened.infolist():
            assert part.flag_bits & 1
            assert part.compress_type == 99
            assert part.extra[:4] == b"\x01\x99\x07\x00"
            assert part.extra[8] == 3  # 256 bits
            assert part.CRC == 0  # AE-2 tells no checksum of the content
            assert part.date_time == (2026, 6, 8, 3, 0, 0)
    assert "សុខា".encode() not in archive.read_bytes()


def test_a_changed_archive_does_not_open(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(b"PK") + 120] ^= 1
    archive.write_bytes(content)
    with pyzipper.AESZipFile(archive) as opened:
        opened.setpassword(PASSWORD.encode())
        with pytest.raises(Exception, match=r"Bad|HMAC|incorrect|Error"):
            opened.read("members.csv")


def test_an_archive_is_never_written_over_another_file(archive: Path) -> None:
    with pytest.raises(FileExistsError):
        write_zip(archive, [], password=PASSWORD, at=AT, lives=lambda: None)


def _libarchive() -> Any:
    name = ctypes.util.find_library("archive")
    return ctypes.CDLL(name) if name else None


@pytest.mark.skipif(_libarchive() is None, reason="libarchive is not on this machine")
@pytest.mark.parametrize(("password", "first"), [(PASSWORD, KHMER.encode()[:64]), ("another 12 signs", None)])
def test_another_program_opens_it_with_the_password_alone(
    archive: Path, password: str, first: bytes | None
) -> None:
    library = _libarchive()
    library.archive_read_new.restype = ctypes.c_void_p
    library.archive_read_data.restype = ctypes.c_ssize_t
    reader, entry, buffer = ctypes.c_void_p(library.archive_read_new()), ctypes.c_void_p(), bytes(64)
    library.archive_read_support_format_zip(reader)
    library.archive_read_add_passphrase(reader, password.encode())
    assert library.archive_read_open_filename(reader, str(archive).encode(), 65_536) == 0
    assert library.archive_read_next_header(reader, ctypes.byref(entry)) == 0
    space = ctypes.create_string_buffer(buffer, 64)
    read = library.archive_read_data(reader, space, 64)
    library.archive_read_free(reader)
    assert (space.raw if read == 64 else None) == first
