"""Passwords, hashed with argon2id, and opaque tokens, kept as hashes only."""

import base64
import hashlib
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

# One verification takes 64 MB and a core for about 0.15 s, so only a few may run at once.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_HASHER: Final = PasswordHasher()
_CHEAP_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_TOKEN_BYTES: Final = 32


def hash_password(password: str, *, cheap: bool = False) -> str:
    """The argon2id hash to keep. `cheap` is for passwords that are random, and for tests."""
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
            return _HASHER.verify(kept or _NOBODY, password) and kept is not None
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):
            return False


def new_token() -> str:
    """A token that cannot be guessed, for its holder only."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _nobody() -> str:
    """A hash that belongs to no password, made with the same work as all others."""
    parameters = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (_HASHER.salt_len, _HASHER.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${digest}"


# Put together, not computed: the first unknown name after a start must not take twice as long.
_NOBODY: Final = _nobody()
