"""Sealed fields, blind indexes and message authentication under the key ring."""

import base64
import hashlib
import hmac
import os
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

    def __init__(self, ring: KeyRing) -> None:
        """Keep the ring's keys ready for use."""
        self._ring = ring
        self.made_for = ring.made_for
        self._ciphers = {name: AESGCM(key) for name, key in ring.data.items()}
        name = ring.current.encode()
        self._header = _FORMAT + bytes([len(name)]) + name

    def seal(self, plain: str, place: Place) -> bytes:
        """The text, readable only with the key ring and only at this place."""
        return self.seal_bytes(plain.encode("utf-8", "surrogatepass"), place)

    def open(self, sealed: bytes, place: Place) -> str:
        """The text that was sealed at this place. Raises: SealBroken."""
        return self.open_bytes(sealed, place).decode("utf-8", "surrogatepass")

    def seal_bytes(self, plain: bytes, place: Place) -> bytes:
        """As seal, for bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._ring.current]
        return self._header + nonce + cipher.encrypt(nonce, plain, place.bound())

    def open_bytes(self, sealed: bytes, place: Place) -> bytes:
        """As open, for bytes. Raises: SealBroken."""
        try:
            if sealed[:1] != _FORMAT:
                raise ValueError
            start = 2 + sealed[1]
            cipher = self._ciphers[sealed[2:start].decode()]
            nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
            return cipher.decrypt(nonce, body, place.bound())
        except (IndexError, KeyError, UnicodeDecodeError, ValueError, InvalidTag):
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
