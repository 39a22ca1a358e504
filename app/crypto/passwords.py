"""Passwords, hashed with argon2id, and opaque tokens, kept as hashes only."""

import base64
import hashlib
import os
import secrets
import threading
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION
from prometheus_client import Counter

from app.kernel.refusal import Refusal

_HASHER: Final = PasswordHasher()
_CHEAP_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_TOKEN_BYTES: Final = 32
_PATIENCE_SECONDS: Final = 4.0
_WAITING_FOR_EACH: Final = 6
_RETRY_AFTER_SECONDS: Final = 5
_HASHES: Final = Counter("spean_password_hashes_total", "Password hashes that were computed")
_TURNED_AWAY: Final = Counter("spean_password_hashes_refused_total", "Password checks that found no room")


class Busy(Refusal):
    """Too many passwords are being checked at this moment."""

    code = "busy"
    status = 503


class NarrowGate:
    """Lets a few in at once, and a few more wait a little; whoever else comes is turned away at once.

    A hash takes 64 MiB and a core for about 0.15 s: without a gate, a thousand sign-ins at once take
    the memory of the machine, and without a limit on who waits, the threads that serve everybody else.
    """

    def __init__(self, *, at_once: int, waiting: int, patience_seconds: float) -> None:
        """Let so many in at once, and so many wait, so long."""
        self._inside = threading.BoundedSemaphore(at_once)
        self._known = threading.BoundedSemaphore(at_once + waiting)
        self._patience_seconds = patience_seconds

    def __enter__(self) -> None:
        """Raises: Busy."""
        if not self._known.acquire(blocking=False):
            raise self._busy()
        if not self._inside.acquire(timeout=self._patience_seconds):
            self._known.release()
            raise self._busy()

    def __exit__(self, *_: object) -> None:
        self._inside.release()
        self._known.release()

    @staticmethod
    def _busy() -> Busy:
        _TURNED_AWAY.inc()
        return Busy(seconds=_RETRY_AFTER_SECONDS)


_CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_GATE: Final = NarrowGate(
    at_once=_CORES, waiting=_WAITING_FOR_EACH * _CORES, patience_seconds=_PATIENCE_SECONDS
)


def hash_password(password: str, *, cheap: bool = False) -> str:
    """The argon2id hash to keep. `cheap` is for passwords that are random, and for tests.

    Raises: Busy.
    """
    hasher = _CHEAP_HASHER if cheap else _HASHER
    with _GATE:
        _HASHES.inc()
        return hasher.hash(password)


def password_matches(kept: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed.

    Where there is no hash (no such worker) the same work is done, so that the time taken does not
    tell whether a name exists. Raises: Busy.
    """
    return which_matches([kept], password) == 0


def which_matches(kept: Sequence[str | None], password: str) -> int | None:
    """The place of the first of these hashes that the password fits; None where it fits none.

    Always as many hashes are computed as were given, each with the work of the first: neither which
    one fits, nor which ones there are, can be told by the time that it takes. Raises: Busy.
    """
    like = next((one for one in kept if one is not None), None)
    nobody = _like(like) if like else _NOBODY
    with _GATE:
        fits = [_fits(one or nobody, password) and one is not None for one in kept]
    return fits.index(True) if True in fits else None


def _fits(kept: str, password: str) -> bool:
    _HASHES.inc()
    try:
        return _HASHER.verify(kept, password)
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False


def new_token() -> str:
    """A token that cannot be guessed, for its holder only."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _nobody(hasher: PasswordHasher) -> str:
    """A hash that belongs to no password, made with the same work as this hasher's."""
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${digest}"


def is_cheap(kept: str) -> bool:
    """Whether the hash was made with little work, as those of random passwords are."""
    return _work_of(kept) == _work_of(_CHEAP_NOBODY)


def _like(kept: str) -> str:
    """A hash of nobody that takes as much work as this one."""
    return _CHEAP_NOBODY if is_cheap(kept) else _NOBODY


def _work_of(kept: str) -> str:
    return next((part for part in kept.split("$") if part.startswith("m=")), "")


# Put together, not computed: the first unknown name after a start must not take twice as long.
_NOBODY: Final = _nobody(_HASHER)
_CHEAP_NOBODY: Final = _nobody(_CHEAP_HASHER)
