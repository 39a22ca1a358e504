"""Long files, encrypted at rest, in a folder beside the database: written from an offset, read anywhere.

A file's *acknowledged* size is in the database row that owns it; this module is told that size and knows
no row. Whatever lies on disk beyond it comes from a crash and counts for nothing. The one promise is that
acknowledged bytes survive a crash at any moment, of the program or of the machine.

The plain bytes are cut into chunks of 64 KiB. With `k = size // 64 KiB` and `r = size % 64 KiB`:

- chunks 0 to k-1 are full and lie in `<name>`, each in a slot of fixed length behind the header;
- the last r bytes, if any, are the beginning of what the side file `<name>.<k>` holds.

An append at `k, r` reads the r bytes, then does in this order:

1. remove side files other than `<name>.<k>`, and cut `<name>` after slot k-1;
2. write each chunk that fills up to its slot, none of which is below k;
3. flush `<name>` to the disk;
4. write the rest, sealed anew, to `<name>.<k'>.new`, flush it, rename it to `<name>.<k'>`, flush the folder.

Why that is safe: steps 1 to 3 touch only slots from k on and side files that are not the acknowledged
one. Step 4 touches `<name>.<k>` only if k' = k, by a rename, and the new content begins with the same r
bytes. So at every moment slots below k and the r bytes are whole on disk, whether the caller's row then
says the old size or the new one. `<name>.<k>` goes only with an append that starts at or after the end of
chunk k, hence after the row has acknowledged slot k. A reader with an older size, who finds it gone, finds
those bytes in slot k. An old side file that comes back because its removal was not flushed is either
replaced by step 4 before its index is acknowledged, or is never asked for.

Where a row goes back to an older size (a restored back-up of the database), `<name>.<k>` may be gone, and
slot k is whole: the append then writes the r bytes to `<name>.<k>` first, flushed, before step 1.

A chunk that was put back from an older copy of the same place in the same file is not noticed: whoever
needs that keeps a checksum of the whole in the row.
"""

import fcntl
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.crypto.chunks import OVERHEAD_BYTES, VERSION, ChunkBroken, ChunkSealer, new_key
from app.kernel.refusal import Fault, Refusal

CHUNK_BYTES: Final = 64 * 1024
_SLOT_BYTES: Final = CHUNK_BYTES + OVERHEAD_BYTES
_HEADER: Final = b"SPEANF\x00" + bytes([VERSION])
_NAME_BYTES: Final = 16
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_PART: Final = re.compile(r"([0-9a-f]{32})(?:\.[0-9]+(?:\.new)?)?")
_FOLDER_LETTERS: Final = 2


class FileDamaged(Fault):
    """A file is absent, shorter than its row says, or a chunk does not open. Names the file, no content."""


class FileTooLarge(Refusal):
    """More bytes came than are accepted. What was acknowledged before is whole."""

    code = "file.too_large"
    status = 413


class FileBusy(Refusal):
    """Somebody else is adding to this file at the moment."""

    code = "file.busy"
    status = 423


@dataclass(frozen=True)
class FileRef:
    """What one needs to read a file: its name on disk, which means nothing, and its own key of 32 bytes.

    The row keeps the key sealed by the vault. Without the key the file is noise.
    """

    name: str
    key: bytes = field(repr=False)


def new_ref() -> FileRef:
    """A name and a key that nobody can guess, for a file that is still to come."""
    return FileRef(name=secrets.token_hex(_NAME_BYTES), key=new_key())


class FileStore:
    """The files in one folder, which must be on a disk that knows locks (`flock`) and renames.

    Several processes may use the folder at once. Files have mode 0600, folders made here 0700.
    """

    def __init__(self, folder: Path, passed: Callable[[str], None] = lambda _: None) -> None:
        """Touch nothing yet. `passed` is told of each step of an append that changed the disk."""
        self._folder = folder
        self._passed = passed
        self._held = threading.local()

    def new(self) -> FileRef:
        """A name and a key that nobody can guess. Nothing is on disk yet."""
        return new_ref()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Nobody else, in any process, appends to this file meanwhile. The lock dies with its holder.

        Hold it from before the size is read from the row until the new size is committed, so that
        nobody comes with an old size and overwrites what another has had acknowledged. May be entered
        again by the same thread.

        Raises: FileBusy.
        """
        with self._locked(name):
            yield

    def append(self, ref: FileRef, pieces: Iterable[bytes], *, at: int, limit: int) -> int:
        """The new size in bytes, once all pieces are on disk behind the first `at` bytes.

        `at` is the acknowledged size, `limit` the greatest size accepted. Where this raises, or dies,
        or the new size is never acknowledged, an append with the same `at` works. An error in `pieces`
        goes through; whoever wants to keep what came before a cut ends the pieces there instead.
        Takes memory for a chunk and a piece, whatever the size.

        Raises: FileTooLarge, FileBusy, FileDamaged where the first `at` bytes are not all there.
        """
        if at < 0:
            raise ValueError("a file has no bytes before its first")
        sealer = ChunkSealer(ref.key, name=ref.name)
        with self._locked(ref.name) as main:
            index = at // CHUNK_BYTES
            waiting = bytearray(self._end_to_go_on_from(ref.name, main, sealer, at=at))
            self._forget_unacknowledged(ref.name, main, at=at)
            size = at
            for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise FileTooLarge(limit_bytes=limit)
                rest = memoryview(piece)
                while len(waiting) + len(rest) >= CHUNK_BYTES:
                    room = CHUNK_BYTES - len(waiting)
                    waiting += rest[:room]
                    rest = rest[room:]
                    _write(main, sealer.seal(waiting, index=index), at=_slot(index))
                    self._passed("files.chunk_written")
                    index += 1
                    waiting.clear()
                waiting += rest
            os.fsync(main)
            self._passed("files.chunks_flushed")
            if waiting:
                self._replace_side(ref.name, index, sealer.seal(waiting, index=index))
            _flush_folder(self._home(ref.name))
            if not at:
                # Whoever made the sub-folder may have died before it was on the disk for good.
                _flush_folder(self._folder)
            self._passed("files.done")
        return size

    def read(self, ref: FileRef, *, size: int, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` (not included; by default the end), in pieces of up to 64 KiB.

        `size` is the acknowledged size. Nothing is touched before the first piece is asked for.

        Raises: FileDamaged, when the piece is asked for; ValueError for a range outside the file.
        """
        end = size if stop is None else stop
        if not 0 <= start <= end <= size:
            raise ValueError("the range is not inside the file")
        return self._pieces(ref, size=size, start=start, end=end)

    def delete(self, name: str) -> None:
        """Nothing of the file is on disk: gone, or never there."""
        parts = self._parts(name)
        for part in parts:
            part.unlink(missing_ok=True)
        if parts:
            _flush_folder(self._home(name))

    def exists(self, name: str) -> bool:
        """Whether anything of the file is on disk."""
        return bool(self._parts(name))

    def size_on_disk(self, name: str) -> int:
        """How many bytes the file takes, sealed, with what a crash left behind; 0 where there is none."""
        return sum(found.st_size for part in self._parts(name) if (found := _stat(part)))

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Every file on disk with the time when it last changed, for a sweep of those that no row knows."""
        for home in sorted(self._folder.glob("[0-9a-f]" * _FOLDER_LETTERS)):
            changed: dict[str, float] = {}
            for part in home.iterdir():
                match = _PART.fullmatch(part.name)
                # A part may go between the look into the folder and the look at the part.
                if match and (found := _stat(part)):
                    changed[match[1]] = max(found.st_mtime, changed.get(match[1], 0.0))
            for name, moment in sorted(changed.items()):
                yield name, datetime.fromtimestamp(moment, UTC)

    def _pieces(self, ref: FileRef, *, size: int, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        sealer = ChunkSealer(ref.key, name=ref.name)
        full, begun = divmod(size, CHUNK_BYTES)
        main = self._open_to_read(ref.name)
        try:
            for index in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
                if index < full:
                    plain = self._chunk(ref.name, main, sealer, index)
                else:
                    plain = self._last(ref.name, main, sealer, index=index, length=begun)
                first = index * CHUNK_BYTES
                yield plain[max(start - first, 0) : end - first]
        finally:
            os.close(main)

    def _last(self, name: str, main: int, sealer: ChunkSealer, *, index: int, length: int) -> bytes:
        """The partial chunk at the end, also where the file has grown since its size was read."""
        try:
            return self._begun(name, sealer, index=index, length=length)
        except _NoSideFile:
            return self._chunk(name, main, sealer, index)[:length]

    def _end_to_go_on_from(self, name: str, main: int, sealer: ChunkSealer, *, at: int) -> bytes:
        """The acknowledged bytes of the last, partial chunk, which lie in its side file."""
        index, length = divmod(at, CHUNK_BYTES)
        try:
            return self._begun(name, sealer, index=index, length=length)
        except _NoSideFile:
            # The row went back to an older size, as when a back-up of the database was restored.
            plain = self._chunk(name, main, sealer, index)[:length]
            self._replace_side(name, index, sealer.seal(plain, index=index))
            _flush_folder(self._home(name))
            return plain

    def _begun(self, name: str, sealer: ChunkSealer, *, index: int, length: int) -> bytes:
        """The first `length` bytes of the chunk that is kept in a side file. Raises: FileDamaged."""
        if not length:
            return b""
        try:
            kept = self._side(name, index).read_bytes()
        except FileNotFoundError:
            raise _NoSideFile(f"file {name} lacks its end") from None
        if kept[: len(_HEADER)] != _HEADER:
            raise FileDamaged(f"file {name} has an end of an unknown form")
        plain = _opened(sealer, name, kept[len(_HEADER) :], index)
        if len(plain) < length:
            raise FileDamaged(f"file {name} lacks part of its end")
        return plain[:length]

    def _chunk(self, name: str, main: int, sealer: ChunkSealer, index: int) -> bytes:
        """A full chunk. Raises: FileDamaged."""
        return _opened(sealer, name, os.pread(main, _SLOT_BYTES, _slot(index)), index)

    def _open_to_read(self, name: str) -> int:
        """A descriptor of the file, its header looked at. Raises: FileDamaged."""
        try:
            main = os.open(self._main(name), os.O_RDONLY)
        except FileNotFoundError:
            raise FileDamaged(f"file {name} is not there") from None
        if os.pread(main, len(_HEADER), 0) != _HEADER:
            os.close(main)
            raise FileDamaged(f"file {name} has an unknown form")
        return main

    def _forget_unacknowledged(self, name: str, main: int, *, at: int) -> None:
        """Step 1: only the acknowledged bytes are left. Raises: FileDamaged where they are not there."""
        index, begun = divmod(at, CHUNK_BYTES)
        if at and (os.fstat(main).st_size < _slot(index) or os.pread(main, len(_HEADER), 0) != _HEADER):
            raise FileDamaged(f"file {name} is shorter than what was acknowledged, or of an unknown form")
        kept = {self._main(name), self._side(name, index)} if begun else {self._main(name)}
        for part in self._parts(name):
            if part not in kept:
                part.unlink(missing_ok=True)
        if not at:
            _write(main, _HEADER, at=0)
        os.ftruncate(main, _slot(index))
        self._passed("files.cut")

    def _replace_side(self, name: str, index: int, sealed: bytes) -> None:
        """Step 4: the side file holds this, and held what it held before until it did."""
        side = self._side(name, index)
        draft = side.with_name(f"{side.name}.new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write(handle, _HEADER + sealed, at=0)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._passed("files.end_written")
        draft.replace(side)
        self._passed("files.end_placed")

    @contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        """A descriptor of the file, made where it was not there, for one thread of one process."""
        mine: dict[str, int] = self._held.__dict__.setdefault("files", {})
        if name in mine:
            yield mine[name]
            return
        mine[name] = main = self._lock(name)
        try:
            yield main
        finally:
            del mine[name]
            os.close(main)

    def _lock(self, name: str) -> int:
        path = self._main(name)
        while True:
            self._make_home(name)
            main = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(main, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(main)
                raise FileBusy from None
            # It may have been deleted between the opening and the lock, which then locks nothing.
            found = _stat(path)
            if found and os.path.samestat(found, os.fstat(main)):
                return main
            os.close(main)

    def _make_home(self, name: str) -> None:
        home = self._home(name)
        if home.is_dir():
            return
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _flush_folder(self._folder.parent)
        home.mkdir(mode=0o700, exist_ok=True)

    def _home(self, name: str) -> Path:
        # A name comes from a row; one that is none must not lead out of the folder.
        if not _NAME.fullmatch(name):
            raise Fault("a row names a file as no file is named")
        return self._folder / name[:_FOLDER_LETTERS]

    def _main(self, name: str) -> Path:
        return self._home(name) / name

    def _side(self, name: str, index: int) -> Path:
        return self._home(name) / f"{name}.{index}"

    def _parts(self, name: str) -> list[Path]:
        home = self._home(name)
        # Every append asks, and the folder may hold thousands: a path is made only of what is meant.
        try:
            with os.scandir(home) as found:
                names = [part.name for part in found if part.name.startswith(name)]
        except FileNotFoundError:
            return []
        return [home / part for part in names if _PART.fullmatch(part)]


class _NoSideFile(FileDamaged):
    """There is no side file for the chunk: damage, unless the file has grown past it meanwhile."""


def _slot(index: int) -> int:
    """Where the slot of a full chunk begins."""
    return len(_HEADER) + index * _SLOT_BYTES


def _opened(sealer: ChunkSealer, name: str, sealed: bytes, index: int) -> bytes:
    try:
        return sealer.open(sealed, index=index)
    except ChunkBroken as broken:
        raise FileDamaged(f"file {name} is damaged: {broken}") from None


def _write(handle: int, content: bytes, *, at: int) -> None:
    """Write all of it; the system may take less at a time."""
    rest = memoryview(content)
    while rest:
        taken = os.pwrite(handle, rest, at)
        rest, at = rest[taken:], at + taken


def _flush_folder(folder: Path) -> None:
    """What was made, renamed or removed in the folder is so after a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
