"""Passwords, hashed with argon2id, and opaque tokens, kept as hashes only."""

import hashlib
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# One verification takes 64 MB and a core for about 0.15 s, so only a few may run at once.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_HASHER: Final = PasswordHasher()
_CHEAP_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_TOKEN_BYTES: Final = 32


def hash_password(password: str, *, cheap: bool = False) -> str:
    """The argon2id hash to keep. `cheap` is for tests and benchmarks, which sign in thousands of times."""
    hasher = _CHEAP_HASHER if cheap else _HASHER
    with _AT_ONCE:
        return hasher.hash(password)


def password_matches(kept: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed.

    Where there is no hash (no such worker) the same work is done, so that the time taken does not
    tell whether a name exists.
    """
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _nobody(), password) and kept is not None
        except (Argon2Error, InvalidHashError):
            return False


def new_token() -> str:
    """A token that cannot be guessed, for its holder only."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


_nobody_hash: list[str] = []


def _nobody() -> str:
    if not _nobody_hash:
        _nobody_hash.append(_HASHER.hash(secrets.token_urlsafe(16)))
    return _nobody_hash[0]
