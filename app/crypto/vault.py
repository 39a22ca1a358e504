"""Sealed fields, blind indexes and message authentication under the key ring."""

import base64
import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.crypto.keyring import KeyRing
from app.kernel.refusal import Fault

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_INDEX_BYTES: Final = 16
_LOOK_EVERY_SECONDS: Final = 1.0


class SealBroken(Fault):
    """A sealed value does not open: wrong key, changed, or moved from another row or field."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. A value moved to another place does not open there."""

    table: str
    row: UUID
    field: str

    def bound(self) -> bytes:
        """The bytes that tie a sealed value to this place."""
        return f"{self.table}/{self.row}/{self.field}".encode()


class Vault:
    """Seals and opens personal data, and answers equality on it without opening it.

    Cipher: AES-256-GCM with a random 96-bit nonce, the place as associated data. Sealed form:
    format byte, length of the key's name, the name, nonce, ciphertext with its tag.
    """

    def __init__(self, ring: KeyRing, newer: Callable[[], KeyRing | None] = lambda: None) -> None:
        """Keep the ring's keys ready for use. `newer` gives the ring where another took its place.

        It is asked once a second while values are sealed, and whenever a value comes whose key is not
        known: another process may seal with a new key at once, whatever this one has seen of it.
        """
        self._ring = ring
        self._newer = newer
        self._looking = threading.Lock()
        self._look_at = time.monotonic() + _LOOK_EVERY_SECONDS
        self.made_for = ring.made_for
        self._ciphers: dict[str, AESGCM] = {}
        self._take(ring)

    @property
    def current(self) -> str:
        """The name of the key that seals new values."""
        return self._ring.current

    def knows(self, name: str) -> bool:
        """Whether values that were sealed with the key of this name can be opened."""
        if name not in self._ciphers:
            self.look_again()
        return name in self._ciphers

    def look_again(self) -> None:
        """Take the newer ring where there is one. Of several threads, all wait for the one that looks."""
        with self._looking:
            self._look_at = time.monotonic() + _LOOK_EVERY_SECONDS
            ring = self._newer()
            # A ring with another index key is that of another installation: nothing would be found by it.
            if ring and (ring.index, ring.audit) == (self._ring.index, self._ring.audit):
                self._take(ring)

    def seal(self, plain: str, place: Place) -> bytes:
        """The text, readable only with the key ring and only at this place."""
        return self.seal_bytes(plain.encode("utf-8", "surrogatepass"), place)

    def open(self, sealed: bytes, place: Place) -> str:
        """The text that was sealed at this place. Raises: SealBroken."""
        return self.open_bytes(sealed, place).decode("utf-8", "surrogatepass")

    def seal_bytes(self, plain: bytes, place: Place) -> bytes:
        """As seal, for bytes."""
        if time.monotonic() >= self._look_at:
            self.look_again()
        nonce = os.urandom(_NONCE_BYTES)
        header, cipher = self._sealing
        return header + nonce + cipher.encrypt(nonce, plain, place.bound())

    def reseal(self, sealed: bytes, place: Place) -> bytes:
        """What was sealed at this place with any key, sealed there with the current one.

        Raises: SealBroken.
        """
        return self.seal_bytes(self.open_bytes(sealed, place), place)

    def open_bytes(self, sealed: bytes, place: Place) -> bytes:
        """As open, for bytes. Raises: SealBroken."""
        try:
            name = key_of(sealed)
            start = 2 + len(name)
            if not self.knows(name):
                raise KeyError(name)
            cipher = self._ciphers[name]
            nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
            return cipher.decrypt(nonce, body, place.bound())
        except (KeyError, ValueError, InvalidTag):
            raise SealBroken(f"a sealed value in {place.table}.{place.field} does not open") from None

    def index(self, purpose: str, value: str) -> bytes:
        """A keyed fingerprint of 16 bytes: equal values of one purpose have equal fingerprints."""
        text = f"{purpose}\x00{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._ring.index, text, hashlib.sha256)[:_INDEX_BYTES]

    def chain(self, text: bytes) -> bytes:
        """The authentication code that links one audit entry to the one before (32 bytes)."""
        return hmac.digest(self._ring.audit, text, hashlib.sha256)

    def derived_secret(self, purpose: str) -> str:
        """A password of 32 letters and digits that is always the same for one ring and purpose.

        Only the demo uses it, so that its gateways and sign-ins are the same each time it is printed.
        """
        digest = hmac.digest(self._ring.index, b"secret\x00" + purpose.encode(), hashlib.sha256)
        return base64.b32encode(digest).decode().rstrip("=").lower()[:32]

    def _take(self, ring: KeyRing) -> None:
        """What could be opened before can be opened still, until this process ends."""
        self._ciphers = {**self._ciphers, **{name: AESGCM(key) for name, key in ring.data.items()}}
        # Both in one assignment: a thread that seals meanwhile must not mix two keys.
        self._sealing = header_of(ring.current), self._ciphers[ring.current]
        self._ring = ring


def header_of(name: str) -> bytes:
    """What every value that was sealed with the key of this name begins with, and no other."""
    written = name.encode()
    return _FORMAT + bytes([len(written)]) + written


def key_of(sealed: bytes) -> str:
    """The name of the key that a value says it was sealed with. Raises: ValueError for what is none."""
    end = 2 + int.from_bytes(sealed[1:2], "big")
    if sealed[:1] != _FORMAT or len(sealed) < end:
        raise ValueError("not a sealed value")
    return sealed[2:end].decode("ascii")
