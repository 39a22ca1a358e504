"""Files at rest through crashes: what a row has acknowledged is never lost, wherever an append ends."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.chunks import OVERHEAD_BYTES
from app.store.files import CHUNK_BYTES, FileDamaged, FileRef, FileStore, FileTooLarge

PLENTY = 1 << 40
STEPS = {
    "files.cut", "files.chunk_written", "files.chunks_flushed", "files.end_written", "files.end_placed",
    "files.done",
}  # fmt: skip
LENGTHS = st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1]) | st.integers(0, 150_000)


class LineCut(Exception):
    """What a broken connection raises in the middle of an upload."""


def content(length: int, seed: int = 7) -> bytes:
    return Random(seed).randbytes(length)


def whole(store: FileStore, ref: FileRef, size: int) -> bytes:
    return b"".join(store.read(ref, size=size))


def breaking_off(plain: bytes) -> Iterator[bytes]:
    yield plain
    raise LineCut


def slots_end(size: int) -> int:
    """How long the file itself is when all its full chunks are written, and nothing else."""
    return 8 + size // CHUNK_BYTES * (CHUNK_BYTES + OVERHEAD_BYTES)


def goes_on(folder: Path, ref: FileRef, before: bytes) -> None:
    """What was acknowledged is whole, and an append from there works."""
    store = FileStore(folder)
    assert whole(store, ref, len(before)) == before
    more = content(CHUNK_BYTES + 77, seed=99)
    size = store.append(ref, [more], at=len(before), limit=PLENTY)
    assert whole(store, ref, size) == before + more


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["acknowledged", "forgotten", "cut", "too large"]), LENGTHS), max_size=8
    )
)
def test_whatever_became_of_other_appends_the_acknowledged_bytes_are_there(
    tmp_path: Path, appends: list[tuple[str, int]]
) -> None:
    store = FileStore(tmp_path / "files")
    ref = store.new()
    plain = b""
    for number, (fate, length) in enumerate(appends):
        more, at = content(length, seed=number), len(plain)
        if fate == "cut":
            with pytest.raises(LineCut):
                store.append(ref, breaking_off(more), at=at, limit=PLENTY)
        elif fate == "too large":
            with pytest.raises(FileTooLarge):
                store.append(ref, [more, b"."], at=at, limit=at + length)
        else:
            assert store.append(ref, [more], at=at, limit=PLENTY) == at + length
            plain += more if fate == "acknowledged" else b""
        assert whole(store, ref, len(plain)) == plain


@pytest.mark.parametrize(
    ("before", "more"),
    [
        (0, 10), (0, CHUNK_BYTES), (10, 0), (10, 20), (10, CHUNK_BYTES - 10), (10, 3 * CHUNK_BYTES),
        (CHUNK_BYTES, 10), (CHUNK_BYTES, 2 * CHUNK_BYTES), (CHUNK_BYTES + 10, 20),
        (3 * CHUNK_BYTES - 1, 2), (2 * CHUNK_BYTES + 10, 2 * CHUNK_BYTES),
    ],
)  # fmt: skip
@pytest.mark.parametrize("earlier", [None, 5, 3 * CHUNK_BYTES + 9])
def test_a_crash_at_any_step_of_an_append_loses_nothing_acknowledged(
    tmp_path: Path, before: int, more: int, earlier: int | None
) -> None:
    """`earlier` is the length of another append that was complete on disk and never acknowledged."""
    folder, passed = tmp_path / "files", list[str]()
    copies: list[Path] = []

    def copy(step: str) -> None:
        passed.append(step)
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(folder, copies[-1])

    plain = content(before)
    ref = FileStore(folder).new()
    FileStore(folder).append(ref, [plain], at=0, limit=PLENTY)
    if earlier is not None:
        FileStore(folder).append(ref, [content(earlier, seed=3)], at=before, limit=PLENTY)
    FileStore(folder, copy).append(ref, [content(more, seed=5)], at=before, limit=PLENTY)

    ends = bool((before + more) % CHUNK_BYTES)
    written = (before + more) // CHUNK_BYTES > before // CHUNK_BYTES
    unused = (set() if ends else {"files.end_written", "files.end_placed"}) | (
        set() if written else {"files.chunk_written"}
    )
    assert set(passed) == STEPS - unused
    for place in copies:
        goes_on(place, ref, plain)


@pytest.mark.parametrize("before", [0, 10, CHUNK_BYTES, 2 * CHUNK_BYTES + 10])
@pytest.mark.parametrize("lost", ["noise", "nothing", "zeros"])
def test_a_power_cut_that_spoils_all_that_was_not_flushed_loses_nothing_acknowledged(
    tmp_path: Path, before: int, lost: str
) -> None:
    folder, home = tmp_path / "files", Path()
    plain, copies = content(before), list[Path]()
    ref = FileStore(folder).new()
    FileStore(folder).append(ref, [plain], at=0, limit=PLENTY)
    # An append that nobody acknowledged leaves a side file, whose removal may not have been flushed.
    FileStore(folder).append(ref, [content(2 * CHUNK_BYTES, seed=3)], at=before, limit=PLENTY)
    home = folder / ref.name[:2]
    sides = {path.name: path.read_bytes() for path in home.glob(f"{ref.name}.*")}

    def spoil(_: str) -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(folder, copies[-1])
        there = copies[-1] / ref.name[:2]
        main, safe = there / ref.name, slots_end(before) if before else 0
        tail = main.stat().st_size - safe
        behind = {"noise": content(tail + 50), "nothing": b"", "zeros": bytes(tail)}[lost]
        main.write_bytes(main.read_bytes()[:safe] + behind)
        for draft in there.glob("*.new"):
            draft.write_bytes(b"" if lost == "nothing" else content(30))
        for name, kept in sides.items():
            if not (there / name).exists():
                (there / name).write_bytes(kept)

    FileStore(folder, spoil).append(ref, [content(CHUNK_BYTES + 5, seed=5)], at=before, limit=PLENTY)
    assert len(copies) == 6
    for place in copies:
        goes_on(place, ref, plain)


def test_bytes_that_nobody_acknowledged_do_not_come_back(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    ref = store.new()
    store.append(ref, [b"a" * (3 * CHUNK_BYTES + 50)], at=0, limit=PLENTY)
    size = store.append(ref, [b"b" * (CHUNK_BYTES + 20)], at=0, limit=PLENTY)
    assert whole(store, ref, size) == b"b" * (CHUNK_BYTES + 20)
    for longer in (size + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 50):
        with pytest.raises(FileDamaged):
            whole(store, ref, longer)


@pytest.mark.parametrize("older", [10, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 10])
def test_a_row_from_an_older_back_up_is_gone_on_from(tmp_path: Path, older: int) -> None:
    folder, copies = tmp_path / "files", list[Path]()
    store, plain = FileStore(folder), content(4 * CHUNK_BYTES)
    ref, size = store.new(), 0
    for end in (older, 3 * CHUNK_BYTES, 4 * CHUNK_BYTES):
        size = store.append(ref, [plain[size:end]], at=size, limit=PLENTY)

    def copy(_: str) -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(folder, copies[-1])

    FileStore(folder, copy).append(ref, [b"another end"], at=older, limit=PLENTY)
    assert whole(store, ref, older + 11) == plain[:older] + b"another end"
    for place in copies:
        goes_on(place, ref, plain[:older])


def test_each_thing_is_flushed_before_what_leans_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, log, flush = tmp_path / "files", list[str | int](), os.fsync

    def noted(handle: int) -> None:
        log.append(os.fstat(handle).st_ino)
        flush(handle)

    # What is not flushed is only lost with the power, which no test can cut: so the calls are noted.
    monkeypatch.setattr(os, "fsync", noted)
    store = FileStore(folder, log.append)
    ref = store.new()
    store.append(ref, [content(CHUNK_BYTES + 5)], at=0, limit=PLENTY)
    home = folder / ref.name[:2]
    main, side = (path.stat().st_ino for path in (home / ref.name, home / f"{ref.name}.1"))
    assert log == [
        folder.parent.stat().st_ino,
        "files.cut", "files.chunk_written", main, "files.chunks_flushed", side, "files.end_written",
        "files.end_placed", home.stat().st_ino, folder.stat().st_ino, "files.done",
    ]  # fmt: skip


def _add_until_killed(folder: str, ref: FileRef, plain: bytes, size: int, acknowledge: Connection) -> None:
    store, random = FileStore(Path(folder)), Random(size)
    while True:
        length = random.choice([1, 5_000, CHUNK_BYTES - 1, CHUNK_BYTES, 150_000])
        size = store.append(ref, [plain[size : size + length]], at=size, limit=PLENTY)
        acknowledge.send(size)


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    fork, folder, random = multiprocessing.get_context("fork"), tmp_path / "files", Random(3)
    store = FileStore(folder)
    ref, size, plain = store.new(), 0, content(8 << 20)
    for _ in range(12):
        hears, says = fork.Pipe(duplex=False)
        child = fork.Process(target=_add_until_killed, args=(str(folder), ref, plain, size, says))
        child.start()
        says.close()
        size = hears.recv()
        while random.random() < 0.7 and hears.poll(random.uniform(0, 0.01)):
            size = hears.recv()
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        # What was acknowledged after the last that was heard is as with a row from an older back-up.
        hears.close()
        assert whole(store, ref, size) == plain[:size]
    assert size > CHUNK_BYTES
