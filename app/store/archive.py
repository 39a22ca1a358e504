"""The form of a backup: one file, sealed in chunks under a key of its own that the key ring seals.

The file begins with a magic of 8 bytes, the length of its header in 4 bytes, and the header: JSON with the
archive's id, the name of the key of the ring, and the archive's own key, sealed with that. Then come
chunks. The first byte of each chunk's plain text says whether it is the last, so that a file that was cut,
also between two chunks, is known for what it is.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final
from uuid import UUID

from app.crypto.chunks import KEY_BYTES, OVERHEAD_BYTES, ChunkBroken, ChunkSealer, new_key
from app.crypto.vault import Place, SealBroken, Vault, key_of
from app.kernel.ids import new_id
from app.kernel.refusal import Fault

_MAGIC: Final = b"SPEANB\x00\x01"
_LENGTH_BYTES: Final = 4
_LONGEST_HEADER: Final = 4096
_CHUNK_BYTES: Final = 256 * 1024
_SLOT_BYTES: Final = _CHUNK_BYTES + OVERHEAD_BYTES
_MORE, _LAST = b"\x00", b"\x01"


class NotAnArchive(Fault):
    """The file is no backup of ours, or of a form that this version does not know."""


class ArchiveDamaged(Fault):
    """The archive was changed or cut. The text says where, and holds nothing of its content."""


class KeyMissing(Fault):
    """The archive needs a key that is not in the key ring; its name is the text."""


@dataclass(frozen=True)
class _Header:
    id: UUID
    key: str
    sealed: bytes


class ArchiveWriter:
    """Takes bytes and writes them sealed. Holds one chunk in memory, whatever the size."""

    def __init__(self, file: BinaryIO, vault: Vault, now: datetime) -> None:
        """Write the header, with a new key for this archive alone."""
        self._file = file
        self._waiting = bytearray()
        self._index = 0
        archive_id, key = new_id(now), new_key()
        sealed = vault.seal_bytes(key, _place(archive_id))
        self.key = key_of(sealed)
        header = {"id": str(archive_id), "key": self.key, "sealed": base64.b64encode(sealed).decode()}
        written = json.dumps(header).encode()
        file.write(_MAGIC + len(written).to_bytes(_LENGTH_BYTES, "big") + written)
        self._sealer = ChunkSealer(key, name=str(archive_id))

    def write(self, piece: bytes) -> int:
        """Take these bytes."""
        self._waiting += piece
        while len(self._waiting) >= _CHUNK_BYTES:
            self._put(_MORE, self._waiting[: _CHUNK_BYTES - 1])
            del self._waiting[: _CHUNK_BYTES - 1]
        return len(piece)

    def finish(self) -> None:
        """Write what waits, and that it is the end."""
        self._put(_LAST, self._waiting)

    def _put(self, mark: bytes, plain: bytes | bytearray) -> None:
        self._file.write(self._sealer.seal(mark + plain, index=self._index))
        self._index += 1


class ArchiveReader:
    """Gives the bytes of an archive back, each chunk checked before any of it is given."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        """Read the header. Raises: NotAnArchive, KeyMissing, ArchiveDamaged."""
        self._file = file
        header = _read_header(file)
        if not vault.knows(header.key):
            raise KeyMissing(header.key)
        try:
            key = vault.open_bytes(header.sealed, _place(header.id))
        except SealBroken:
            raise ArchiveDamaged(
                f"its own key does not open: damaged, or {header.key} in the key file is another key"
            ) from None
        if len(key) != KEY_BYTES:
            raise ArchiveDamaged("its own key has the wrong length")
        self.key = header.key
        self._sealer = ChunkSealer(key, name=str(header.id))
        self._index = 0
        self._plain = memoryview(b"")
        self._ended = False

    def read(self, size: int) -> bytes:
        """Up to so many bytes; none at the end. Raises: ArchiveDamaged."""
        if not self._plain and not self._ended:
            self._next()
        piece, self._plain = self._plain[:size], self._plain[size:]
        return bytes(piece)

    def drain(self) -> None:
        """The rest was read and checked. Raises: ArchiveDamaged."""
        while self.read(_CHUNK_BYTES):
            pass

    def _next(self) -> None:
        sealed = self._file.read(_SLOT_BYTES)
        try:
            plain = self._sealer.open(sealed, index=self._index)
        except ChunkBroken:
            cut = "it was cut" if len(sealed) < _SLOT_BYTES else "it was changed"
            raise ArchiveDamaged(f"chunk {self._index} does not open: {cut}") from None
        self._index += 1
        self._ended = plain[:1] == _LAST
        if self._ended and self._file.read(1):
            raise ArchiveDamaged("something was added at its end")
        self._plain = memoryview(plain)[1:]
        if not self._ended and not self._plain:
            raise ArchiveDamaged("an empty chunk")


def _read_header(file: BinaryIO) -> _Header:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise NotAnArchive("not a backup of this program, or of a newer version")
    length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    try:
        found: dict[str, Any] = json.loads(file.read(min(length, _LONGEST_HEADER)))
        sealed = base64.b64decode(found["sealed"])
        header = _Header(UUID(found["id"]), found["key"], sealed)
        if key_of(sealed) != header.key:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ArchiveDamaged("its header cannot be read") from None
    return header


def _place(archive_id: UUID) -> Place:
    return Place("backup", archive_id, "key")
