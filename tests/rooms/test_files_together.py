"""Files at rest with several readers and writers at once, and with somebody who deletes."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from app.store.files import CHUNK_BYTES, FileBusy, FileRef, FileStore

PLENTY = 1 << 40


def content(length: int) -> bytes:
    return Random(7).randbytes(length)


def kept(store: FileStore, plain: bytes) -> FileRef:
    ref = store.new()
    assert store.append(ref, [plain], at=0, limit=PLENTY) == len(plain)
    return ref


def whole(store: FileStore, ref: FileRef, size: int) -> bytes:
    return b"".join(store.read(ref, size=size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def store(folder: Path) -> FileStore:
    return FileStore(folder)


def test_many_read_at_once_while_another_adds(store: FileStore) -> None:
    plain = content(40 * 20_011)
    ref, sizes, wrong = kept(store, plain[:1]), [1], list[BaseException | int]()
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                size = sizes[-1]
                if whole(store, ref, size) != plain[:size]:
                    wrong.append(size)
        except BaseException as problem:  # noqa: BLE001 - handed to the test's own thread
            wrong.append(problem)

    readers = [threading.Thread(target=look) for _ in range(4)]
    for reader in readers:
        reader.start()
    while sizes[-1] < len(plain):
        more = plain[sizes[-1] : sizes[-1] + 20_011]
        sizes.append(store.append(ref, [more], at=sizes[-1], limit=PLENTY))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_a_reader_with_an_old_size_reads_on_when_the_end_has_become_a_full_chunk(store: FileStore) -> None:
    plain = content(4 * CHUNK_BYTES)
    ref = kept(store, plain[: CHUNK_BYTES + 10])
    reading = store.read(ref, size=CHUNK_BYTES + 10)
    first = next(reading)
    grown = store.append(ref, [plain[CHUNK_BYTES + 10 : 3 * CHUNK_BYTES]], at=CHUNK_BYTES + 10, limit=PLENTY)
    store.append(ref, [plain[grown:]], at=grown, limit=PLENTY)
    assert first + b"".join(reading) == plain[: CHUNK_BYTES + 10]


def test_a_second_writer_is_told_and_the_first_goes_on(store: FileStore, folder: Path) -> None:
    ref, elsewhere = store.new(), FileStore(folder)

    def pieces() -> Iterator[bytes]:
        yield b"one "
        with pytest.raises(FileBusy):
            elsewhere.append(ref, [b"three"], at=0, limit=PLENTY)
        yield b"two"

    assert store.append(ref, pieces(), at=0, limit=PLENTY) == 7
    assert elsewhere.append(ref, [b" three"], at=7, limit=PLENTY) == 13
    assert whole(store, ref, 13) == b"one two three"


def test_who_holds_a_file_adds_to_it_alone_until_the_row_is_committed(store: FileStore, folder: Path) -> None:
    ref = store.new()
    told: list[str] = []

    def other_thread() -> None:
        try:
            store.append(ref, [b"x"], at=0, limit=PLENTY)
        except FileBusy as busy:
            told.append(busy.code)

    with store.alone(ref.name):
        size = store.append(ref, [b"mine"], at=0, limit=PLENTY)
        size = store.append(ref, [b" too"], at=size, limit=PLENTY)
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        with pytest.raises(FileBusy), FileStore(folder).alone(ref.name):
            pass
    with FileStore(folder).alone(ref.name):
        assert whole(store, ref, size) == b"mine too"
    assert told == ["file.busy"]


def test_a_file_deleted_while_somebody_waits_for_its_lock_is_made_anew(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, lock, deleted = kept(store, b"old"), fcntl.flock, list[int]()

    def late(handle: int, operation: int) -> None:
        if not deleted:
            deleted.append(handle)
            store.delete(ref.name)
        lock(handle, operation)

    # The moment between opening and locking is too short to be met otherwise.
    monkeypatch.setattr(fcntl, "flock", late)
    assert store.append(ref, [b"new"], at=0, limit=PLENTY) == 3
    assert whole(store, ref, 3) == b"new"
