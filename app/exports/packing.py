"""What becomes of the files that were made: one file to hand over, sealed, and nothing left behind."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from app.crypto.zips import write_zip
from app.exports.making import CODEBOOK, MANIFEST, Made
from app.kernel.refusal import Fault
from app.store.files import FileRef, FileStore

_PIECE_BYTES: Final = 256 * 1024
_NO_LIMIT: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder in which exports are made before they are sealed.

    What lies there is in the clear for as long as it takes. Each export has a folder of its own, which
    its maker holds a lock on: what nobody holds was left by somebody who died, and goes.
    """

    folder: Path

    @contextmanager
    def room(self, claim: UUID) -> Iterator[Path]:
        """An empty folder for one try of one export; nothing of it is left afterwards."""
        room = self.folder / claim.hex
        with self._gate():
            room.mkdir(mode=0o700)
            held = os.open(room, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)
            os.close(held)

    def sweep(self) -> int:
        """Nothing is left of exports whose maker died. How many there were."""
        if not self.folder.is_dir():
            return 0
        swept = 0
        with self._gate():
            for room in sorted(self.folder.iterdir()):
                if room.is_dir() and _is_nobodys(room):
                    shutil.rmtree(room, ignore_errors=True)
                    swept += 1
        return swept

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Nobody else makes or sweeps a room meanwhile: a room is held before others can see it free."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        gate = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)


def packed(made: Made, *, password: str | None, at: datetime, lives: Callable[[], None]) -> Path:
    """The one file that is handed over: an archive behind the password, or the bare file.

    The archive holds everything that was made. `lives` is called now and then.
    """
    bare = [file for file in made.files if file.name not in {CODEBOOK, MANIFEST}]
    if password is None:
        if len(bare) != 1:
            raise Fault("an export without a password is one file")
        return bare[0]
    archive = made.files[0].with_name("export.zip")
    write_zip(archive, made.files, password=password, at=at, lives=lives)
    return archive


def codebook_of(made: Made) -> str:
    """The codebook's text."""
    found = next(file for file in made.files if file.name == CODEBOOK)
    # As it is, with its mark and its line ends: reading it as text would change them.
    return found.read_bytes().decode("utf-8")


def sealed(files: FileStore, ref: FileRef, source: Path, lives: Callable[[], None]) -> tuple[int, str]:
    """The file lies sealed on disk; its size, and its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for piece in pieces_of(source):
            digest.update(piece)
            lives()
            yield piece

    size = files.append(ref, pieces(), at=0, limit=_NO_LIMIT)
    return size, digest.hexdigest()


def pieces_of(source: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece."""
    with source.open("rb") as plain:
        while piece := plain.read(_PIECE_BYTES):
            yield piece


def sha256_of(source: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    with source.open("rb") as plain:
        return hashlib.file_digest(plain, "sha256").hexdigest()


def _is_nobodys(room: Path) -> bool:
    held = os.open(room, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(held)
