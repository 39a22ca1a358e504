"""Files at rest: sealed in chunks, read anywhere, refused when damaged, limited, private, deleted, swept."""

import os
import stat
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.chunks import KEY_BYTES, OVERHEAD_BYTES, ChunkBroken, ChunkSealer
from app.kernel.refusal import Fault
from app.store.files import CHUNK_BYTES, FileDamaged, FileRef, FileStore, FileTooLarge

HEADER = 8
SLOT = CHUNK_BYTES + OVERHEAD_BYTES
PLENTY = 1 << 40
BORDERS = sorted({n * CHUNK_BYTES + by for n in (0, 1, 2, 3) for by in (-1, 0, 1)} - {-1})


def content(length: int, seed: int = 7) -> bytes:
    return Random(seed).randbytes(length)


def cut(plain: bytes, *, every: int) -> Iterator[bytes]:
    return (plain[place : place + every] for place in range(0, len(plain), every))


def kept(store: FileStore, plain: bytes) -> FileRef:
    ref = store.new()
    assert store.append(ref, [plain], at=0, limit=PLENTY) == len(plain)
    return ref


def main_of(folder: Path, ref: FileRef) -> Path:
    return folder / ref.name[:2] / ref.name


def parts_of(folder: Path, ref: FileRef) -> list[Path]:
    return sorted(path for path in folder.rglob(f"{ref.name}*") if path.is_file())


def whole(store: FileStore, ref: FileRef, size: int) -> bytes:
    return b"".join(store.read(ref, size=size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def store(folder: Path) -> FileStore:
    return FileStore(folder)


@pytest.mark.parametrize("length", BORDERS)
def test_a_file_of_any_length_comes_back_as_it_was(store: FileStore, length: int) -> None:
    plain = content(length)
    assert whole(store, kept(store, plain), length) == plain


@pytest.mark.parametrize("first", BORDERS)
def test_a_file_goes_on_from_any_length(store: FileStore, first: int) -> None:
    plain = content(first + 2 * CHUNK_BYTES + 5)
    ref = kept(store, plain[:first])
    assert store.append(ref, [plain[first:]], at=first, limit=PLENTY) == len(plain)
    assert whole(store, ref, len(plain)) == plain
    assert whole(store, ref, first) == plain[:first], "who has read the older size still reads it"


@settings(max_examples=40)
@given(
    lengths=st.lists(st.sampled_from(BORDERS[:8]) | st.integers(0, 150_000), min_size=1, max_size=5),
    every=st.sampled_from([977, CHUNK_BYTES, 100_000]),
    ranges=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5),
)
def test_any_range_of_any_appends_equals_the_plain_bytes(
    tmp_path: Path, lengths: list[int], every: int, ranges: list[tuple[float, float]]
) -> None:
    store = FileStore(tmp_path / "files")
    ref, plain = store.new(), b""
    for number, length in enumerate(lengths):
        more = content(length, seed=number)
        assert store.append(ref, cut(more, every=every), at=len(plain), limit=PLENTY) == len(plain + more)
        plain += more
    for pair in ranges:
        start, stop = sorted(round(place * len(plain)) for place in pair)
        pieces = list(store.read(ref, size=len(plain), start=start, stop=stop))
        assert b"".join(pieces) == plain[start:stop]
        assert all(0 < len(piece) <= CHUNK_BYTES for piece in pieces)
    assert whole(store, ref, len(plain)) == plain


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (6, 5), (0, 11), (11, None)])
def test_a_range_outside_the_file_is_an_error(store: FileStore, start: int, stop: int | None) -> None:
    with pytest.raises(ValueError, match="not inside"):
        store.read(kept(store, content(10)), size=10, start=start, stop=stop)


def test_nothing_of_the_words_lies_on_disk(store: FileStore, folder: Path) -> None:
    words = "ថៅកែចាក់សោទ្វារ ".encode()
    ref = kept(store, words * 6_000)
    again = kept(store, words * 6_000)
    sealed = [b"".join(part.read_bytes() for part in parts_of(folder, one)) for one in (ref, again)]
    assert min(map(len, sealed)) > len(words) * 6_000
    assert all(words not in one and words[:12] not in one for one in sealed)
    assert sealed[0] != sealed[1]


def test_names_and_keys_are_each_files_own_and_the_key_is_not_shown(store: FileStore, folder: Path) -> None:
    refs = [store.new() for _ in range(100)]
    assert len({ref.name for ref in refs}) == len({ref.key for ref in refs}) == 100
    assert {len(ref.key) for ref in refs} == {32}
    assert all(ref.key.hex() not in repr(ref) and repr(ref.key) not in repr(ref) for ref in refs)
    assert not folder.exists()


def test_files_and_folders_are_their_owners_alone(store: FileStore, folder: Path) -> None:
    before = os.umask(0)
    try:
        ref = kept(store, content(CHUNK_BYTES + 1))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(part.stat().st_mode) for part in parts_of(folder, ref)} == {0o600}
    assert len(parts_of(folder, ref)) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / ref.name[:2])} == {0o700}


@pytest.mark.parametrize("place", [0, HEADER - 1, HEADER, HEADER + 12, HEADER + SLOT - 1, HEADER + SLOT + 40])
def test_a_changed_byte_is_noticed(store: FileStore, folder: Path, place: int) -> None:
    ref = kept(store, content(2 * CHUNK_BYTES))
    main = main_of(folder, ref)
    changed = bytearray(main.read_bytes())
    changed[place] ^= 1
    main.write_bytes(changed)
    with pytest.raises(FileDamaged) as damaged:
        whole(store, ref, 2 * CHUNK_BYTES)
    assert ref.key.hex() not in str(damaged.value)


def test_a_file_or_an_end_of_an_unknown_form_is_neither_read_nor_added_to(
    store: FileStore, folder: Path
) -> None:
    size = CHUNK_BYTES + 5
    for which in (0, 1):
        ref = kept(store, content(size))
        with parts_of(folder, ref)[which].open("r+b") as file:
            file.seek(HEADER - 1)
            file.write(b"\x02")
        with pytest.raises(FileDamaged, match="unknown form"):
            whole(store, ref, size)
        with pytest.raises(FileDamaged, match="unknown form"):
            store.append(ref, [b"x"], at=size, limit=PLENTY)


def test_many_small_additions_leave_no_litter(store: FileStore, folder: Path) -> None:
    ref, size = store.new(), 0
    for _ in range(10):
        size = store.append(ref, [content(50_000)], at=size, limit=PLENTY)
    assert len(parts_of(folder, ref)) <= 3
    assert store.size_on_disk(ref.name) < size + 2 * SLOT


def test_damage_in_one_chunk_leaves_the_others_readable(store: FileStore, folder: Path) -> None:
    plain = content(3 * CHUNK_BYTES)
    ref = kept(store, plain)
    with main_of(folder, ref).open("r+b") as file:
        file.seek(HEADER + SLOT + 100)
        file.write(bytes(8))
    pieces = store.read(ref, size=len(plain))
    assert next(pieces) == plain[:CHUNK_BYTES]
    with pytest.raises(FileDamaged, match="chunk 1"):
        next(pieces)
    last = store.read(ref, size=len(plain), start=2 * CHUNK_BYTES)
    assert b"".join(last) == plain[2 * CHUNK_BYTES :]


def test_chunks_that_changed_places_are_noticed(store: FileStore, folder: Path) -> None:
    ref = kept(store, content(2 * CHUNK_BYTES))
    main = main_of(folder, ref)
    sealed = main.read_bytes()
    first, second = sealed[HEADER : HEADER + SLOT], sealed[HEADER + SLOT :]
    main.write_bytes(sealed[:HEADER] + second + first)
    with pytest.raises(FileDamaged, match="chunk 0"):
        whole(store, ref, 2 * CHUNK_BYTES)


def test_a_file_put_in_the_place_of_another_is_noticed_even_under_one_key(
    store: FileStore, folder: Path
) -> None:
    one, other = kept(store, content(CHUNK_BYTES)), store.new()
    other = FileRef(other.name, one.key)
    store.append(other, [content(CHUNK_BYTES)], at=0, limit=PLENTY)
    main_of(folder, other).write_bytes(main_of(folder, one).read_bytes())
    with pytest.raises(FileDamaged):
        whole(store, other, CHUNK_BYTES)
    assert whole(store, one, CHUNK_BYTES) == content(CHUNK_BYTES)


@pytest.mark.parametrize("length", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_that_is_shorter_than_its_row_says_is_noticed(
    store: FileStore, folder: Path, length: int
) -> None:
    ref = kept(store, content(length))
    with pytest.raises(FileDamaged):
        whole(store, ref, length + 1)
    with pytest.raises(FileDamaged):
        store.append(ref, [b"more"], at=length + 1, limit=PLENTY)
    assert whole(store, ref, length) == content(length), "and the refused append took nothing away"
    for part in parts_of(folder, ref):
        with part.open("r+b") as file:
            file.truncate(part.stat().st_size - 1)
    with pytest.raises(FileDamaged):
        whole(store, ref, length)


def test_a_file_that_is_gone_or_lost_its_end_is_noticed(store: FileStore, folder: Path) -> None:
    ref = kept(store, content(CHUNK_BYTES + 1))
    (folder / ref.name[:2] / f"{ref.name}.1").unlink()
    with pytest.raises(FileDamaged):
        whole(store, ref, CHUNK_BYTES + 1)
    with pytest.raises(FileDamaged):
        store.append(ref, [b"more"], at=CHUNK_BYTES + 1, limit=PLENTY)
    store.delete(ref.name)
    with pytest.raises(FileDamaged, match="not there"):
        whole(store, ref, 1)


def test_another_key_opens_nothing(store: FileStore) -> None:
    ref = kept(store, content(100))
    with pytest.raises(FileDamaged):
        whole(store, FileRef(ref.name, bytes(KEY_BYTES)), 100)
    with pytest.raises(Fault, match="wrong length"):
        store.append(FileRef(ref.name, ref.key[:16]), [b"x"], at=100, limit=PLENTY)


def test_a_chunk_opens_as_itself_alone() -> None:
    sealer = ChunkSealer(bytes(32), name="a")
    sealed = sealer.seal(b"words", index=3)
    assert sealer.open(sealed, index=3) == b"words"
    assert sealer.seal(b"words", index=3) != sealed
    for opener, index in ((sealer, 4), (ChunkSealer(bytes(32), name="b"), 3)):
        with pytest.raises(ChunkBroken):
            opener.open(sealed, index=index)
    for length in range(len(sealed)):
        with pytest.raises(ChunkBroken):
            sealer.open(sealed[:length], index=3)


@pytest.mark.parametrize("every", [1_000, 150_000])
def test_a_file_may_be_as_large_as_the_limit_and_no_larger(store: FileStore, every: int) -> None:
    plain = content(150_000)
    ref = store.new()
    assert store.append(ref, cut(plain, every=every), at=0, limit=150_000) == 150_000
    with pytest.raises(FileTooLarge) as refused:
        store.append(ref, cut(plain, every=every), at=150_000, limit=299_999)
    assert refused.value.status == 413
    assert whole(store, ref, 150_000) == plain
    assert store.append(ref, [plain], at=150_000, limit=300_000) == 300_000
    assert whole(store, ref, 300_000) == plain + plain


def test_what_is_too_large_is_not_read_to_its_end(store: FileStore) -> None:
    asked: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            asked.append(1)
            yield bytes(10_000)

    with pytest.raises(FileTooLarge):
        store.append(store.new(), endless(), at=0, limit=100_000)
    assert len(asked) == 11


def test_a_file_is_deleted_whole_and_once_more(store: FileStore, folder: Path) -> None:
    other = kept(store, content(10))
    ref = kept(store, content(70_000))
    store.append(ref, [content(70_000)], at=70_000, limit=PLENTY)
    assert store.exists(ref.name)
    assert store.size_on_disk(ref.name) > 140_000
    for _ in range(2):
        store.delete(ref.name)
        assert not store.exists(ref.name)
        assert store.size_on_disk(ref.name) == 0
        assert parts_of(folder, ref) == []
    store.delete(store.new().name)
    assert whole(store, other, 10) == content(10)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "/x", "a" * 32 + "\n"]
)
def test_a_name_that_is_none_leads_nowhere(store: FileStore, name: str) -> None:
    for ask in (store.delete, store.exists, lambda name: whole(store, FileRef(name, bytes(32)), 1)):
        with pytest.raises(Fault, match="no file is named"):
            ask(name)


def test_a_sweep_sees_each_file_once_with_when_it_changed(store: FileStore, folder: Path) -> None:
    assert list(store.names()) == []
    refs = [kept(store, content(length)) for length in (0, 10, CHUNK_BYTES, CHUNK_BYTES + 1)]
    (folder / "readme.txt").write_text("of somebody else")
    (folder / refs[0].name[:2] / "notes").write_text("of somebody else")
    left = folder / refs[1].name[:2] / f"{refs[1].name}.7.new"
    left.touch()
    old = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for part in parts_of(folder, refs[3]):
        os.utime(part, (old.timestamp(), old.timestamp()))
    seen = dict(store.names())
    assert len(list(store.names())) == 4
    assert seen.keys() == {ref.name for ref in refs}
    assert seen[refs[3].name] == old
    assert abs(datetime.now(UTC) - seen[refs[1].name]) < timedelta(minutes=5)
    store.delete(refs[1].name)
    assert not left.exists()


def test_a_large_file_takes_no_more_memory_than_a_small_one(store: FileStore) -> None:
    megabytes, one = 64, content(1 << 20)
    ref = kept(store, b"")
    tracemalloc.start()
    try:
        size = store.append(ref, (one for _ in range(megabytes)), at=0, limit=PLENTY)
        read = sum(len(piece) for piece in store.read(ref, size=size))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == size == megabytes << 20
    assert peak < 2 << 20
