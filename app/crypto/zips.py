"""Archives that open with a password, in the form that common programs read (AES-256, WinZip's AE-2)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import pyzipper

_PIECE_BYTES: Final = 256 * 1024
_AES_BITS: Final = 256


def write_zip(
    target: Path, parts: Iterable[Path], *, password: str, at: datetime, lives: Callable[[], None]
) -> None:
    """These files lie in one archive, each under its own name, compressed and then encrypted.

    Names and sizes can be read without the password; nothing else can. `at` is the time that each part
    bears; `lives` is called after each piece. Takes memory for a piece, whatever the size.
    Source: https://www.winzip.com/en/support/aes-encryption/.
    """
    with pyzipper.AESZipFile(
        target, "x", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES, allowZip64=True
    ) as archive:
        archive.setpassword(password.encode("ascii"))
        archive.setencryption(pyzipper.WZ_AES, nbits=_AES_BITS)
        for part in parts:
            entry = pyzipper.AESZipFile.zipinfo_cls(part.name, date_time=at.timetuple()[:6])
            entry.compress_type = pyzipper.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with part.open("rb") as plain, archive.open(entry, "w", force_zip64=True) as sealed:
                while piece := plain.read(_PIECE_BYTES):
                    sealed.write(piece)
                    lives()
