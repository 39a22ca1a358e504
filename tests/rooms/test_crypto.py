"""Crypto: sealed values, blind indexes, the key file, passwords."""

import base64
import json
import multiprocessing
import stat
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.keyring import KeyRing, KeyRingError, load_or_make
from app.crypto.passwords import _NOBODY, hash_password, new_token, password_matches, token_hash
from app.crypto.vault import Place, SealBroken, Vault
from tests.makers import ROOT

ROW = UUID("0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77")
HERE = Place("message", ROW, "body")
WORDS = "ថៅកែចាក់សោទ្វារ"
RING = KeyRing.fresh(made_for="demo")


def ring_with(**changes: object) -> KeyRing:
    kept = {name: getattr(RING, name) for name in ("current", "data", "index", "audit", "made_for")}
    return KeyRing(**{**kept, **changes})


@given(st.text())
def test_what_was_sealed_opens_at_its_place(text: str) -> None:
    vault = Vault(RING)
    assert vault.open(vault.seal(text, HERE), HERE) == text


def test_half_an_emoji_from_a_broken_phone_survives() -> None:
    vault = Vault(RING)
    assert vault.open(vault.seal("\ud83d", HERE), HERE) == "\ud83d"


def test_the_same_words_are_never_sealed_the_same_and_never_lie_open() -> None:
    vault = Vault(RING)
    sealed = {vault.seal(WORDS, HERE) for _ in range(100)}
    assert len(sealed) == 100
    assert all(WORDS.encode() not in value for value in sealed)


@pytest.mark.parametrize(
    "elsewhere",
    [Place("message", uuid4(), "body"), Place("note", ROW, "body"), Place("message", ROW, "summary")],
)
def test_a_value_that_was_moved_does_not_open(elsewhere: Place) -> None:
    vault = Vault(RING)
    with pytest.raises(SealBroken) as broken:
        vault.open(vault.seal(WORDS, HERE), elsewhere)
    assert str(ROW) not in str(broken.value)
    assert WORDS not in str(broken.value)


def test_a_value_of_which_any_byte_changed_does_not_open() -> None:
    vault = Vault(RING)
    sealed = vault.seal(WORDS, HERE)
    for place in range(len(sealed)):
        for flip in (0x01, 0x80):
            changed = bytearray(sealed)
            changed[place] ^= flip
            with pytest.raises(SealBroken):
                vault.open(bytes(changed), HERE)


def test_a_value_that_was_cut_or_grew_does_not_open() -> None:
    vault = Vault(RING)
    sealed = vault.seal(WORDS, HERE)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            vault.open(sealed[:length], HERE)
    with pytest.raises(SealBroken):
        vault.open(sealed + b"\x00", HERE)


def test_old_keys_open_what_they_sealed_and_a_lost_key_does_not() -> None:
    sealed = Vault(RING).seal(WORDS, HERE)
    newer = ring_with(current="k2", data={**RING.data, "k2": bytes(range(32))})
    vault = Vault(newer)
    assert vault.open(sealed, HERE) == WORDS
    assert vault.open(vault.seal(WORDS, HERE), HERE) == WORDS
    without = Vault(ring_with(current="k2", data={"k2": bytes(range(32))}))
    with pytest.raises(SealBroken):
        without.open(sealed, HERE)


def test_a_value_sealed_with_another_ring_does_not_open() -> None:
    with pytest.raises(SealBroken):
        Vault(KeyRing.fresh(made_for="demo")).open(Vault(RING).seal(WORDS, HERE), HERE)


def test_a_blind_index_is_stable_and_tells_purposes_and_rings_apart() -> None:
    fixed = ring_with(index=bytes(32), data={"k9": bytes(32)}, current="k9")
    # This value is fixed for ever: rows that exist are found by it, whatever the other keys are.
    assert Vault(fixed).index("phone", "+85512345678").hex() == "da4e6043814e982156475cdbe55dba94"
    assert Vault(RING).index("phone", "+85512345678") != Vault(fixed).index("phone", "+85512345678")
    assert Vault(RING).index("phone", "1") != Vault(RING).index("sender", "1")
    assert len(Vault(RING).index("phone", "1")) == 16


def test_a_derived_secret_is_the_same_each_time_and_other_for_each_purpose() -> None:
    vault = Vault(RING)
    assert vault.derived_secret("gateway:a") == Vault(RING).derived_secret("gateway:a")
    assert vault.derived_secret("gateway:a") != vault.derived_secret("gateway:b")
    assert len(vault.derived_secret("gateway:a")) == 32


def test_a_ring_shows_no_key() -> None:
    shown = repr(RING)
    for key in (*RING.data.values(), RING.index, RING.audit):
        assert repr(key) not in shown
        assert key.hex() not in shown
        assert base64.b64encode(key).decode() not in shown


def test_a_saved_ring_is_its_owners_alone_and_comes_back_whole(tmp_path: Path) -> None:
    file = tmp_path / "made" / "keys.json"
    RING.save(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KeyRing.load(file) == RING
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    RING.save(file)
    with pytest.raises(FileExistsError):
        KeyRing.fresh(made_for="demo").save(file)
    assert KeyRing.load(file) == RING
    assert load_or_make(file, made_for="demo") == RING


GOOD = {
    "format": 1, "made_for": "demo", "current": "k1", "data": {"k1": base64.b64encode(bytes(32)).decode()},
    "index": base64.b64encode(bytes(32)).decode(), "audit": base64.b64encode(bytes(32)).decode(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a key file"),
        (b"\xff\xfe", "is not a key file"),
        (b"[]", "is not a key file"),
        (b"7", "is not a key file"),
        (b'{"format": 1}', "is not a key file"),
        (json.dumps(GOOD | {"format": 2}).encode(), "of a form that this version does not know"),
        (json.dumps(GOOD | {"data": []}).encode(), "is not a key file"),
        (json.dumps(GOOD | {"index": 5}).encode(), "is not a key file"),
        (json.dumps(GOOD | {"current": "k2"}).encode(), "lacks its current key"),
        (json.dumps(GOOD | {"index": "AAAA"}).encode(), "a key has the wrong length"),
    ],
)
def test_a_file_that_is_none_is_refused_in_plain_words(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    with pytest.raises(KeyRingError, match=said) as refused:
        KeyRing.load(file)
    assert str(file) in str(refused.value)


def test_a_missing_file_a_folder_and_a_place_that_cannot_be_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="there is no key file"):
        KeyRing.load(tmp_path / "none.json")
    with pytest.raises(KeyRingError, match="cannot be read: Is a directory"):
        KeyRing.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KeyRingError, match="cannot be read: Not a directory"):
        load_or_make(tmp_path / "file" / "keys.json", made_for="demo")
    with pytest.raises(KeyRingError, match="no key file can be made"):
        load_or_make(tmp_path / "file" / "deeper" / "keys.json", made_for="demo")


def _make(path: str, results: "multiprocessing.Queue[str]", start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    results.put(load_or_make(Path(path), made_for="demo").index.hex())


def test_of_processes_that_start_at_once_all_have_the_same_keys(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = spawn.Queue()
    for attempt in range(5):
        file = tmp_path / f"{attempt}.json"
        processes = [
            spawn.Process(target=_make, args=(str(file), results, time.time() + 0.1)) for _ in range(6)
        ]
        for process in processes:
            process.start()
        found = {results.get(timeout=20) for _ in processes}
        for process in processes:
            process.join()
        assert found == {KeyRing.load(file).index.hex()}


def test_a_password_matches_itself_alone() -> None:
    kept = hash_password("an invented password", cheap=True)
    assert kept.startswith("$argon2id$")
    assert password_matches(kept, "an invented password")
    assert not password_matches(kept, "an invented passwore")
    assert not password_matches(kept, "")
    assert not password_matches(kept, "\ud83d")
    assert not password_matches(None, "an invented password")
    assert not password_matches("not a hash", "an invented password")
    assert hash_password("x", cheap=True) != hash_password("x", cheap=True)


def test_a_name_that_nobody_has_costs_the_same_work_as_a_wrong_password() -> None:
    assert extract_parameters(_NOBODY) == extract_parameters(hash_password("somebody's"))
    kept = hash_password("somebody's")

    def cost(of: str | None) -> float:
        began = time.process_time()
        assert not password_matches(of, "wrong")
        return time.process_time() - began

    wrong, nobody = (min(cost(of) for _ in range(4)) for of in (kept, None))
    assert 0.5 < nobody / wrong < 2


_MANY_AT_ONCE = """
import resource, threading
from app.crypto.passwords import hash_password, password_matches
kept = hash_password("x")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
threads = [threading.Thread(target=password_matches, args=(kept, "y")) for _ in range(10)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_sign_ins_at_once_do_not_take_the_memory_of_many() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MANY_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    grown_kib = int(done.stdout)
    one_kib = PasswordHasher().memory_cost
    # The first one's memory is in the figure before; two may run at once.
    assert grown_kib < 2.5 * one_kib


def test_a_token_cannot_be_guessed_and_is_kept_as_a_hash() -> None:
    tokens = {new_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert min(len(token) for token in tokens) >= 43
    token = tokens.pop()
    assert token_hash(token) == token_hash(token)
    assert token.encode() not in token_hash(token)
