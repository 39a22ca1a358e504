"""The sealing of long files in pieces, under a key that belongs to one file alone."""

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kernel.refusal import Fault

VERSION: Final = 1
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = _NONCE_BYTES + _TAG_BYTES
_INDEX_BYTES: Final = 8


class ChunkBroken(Fault):
    """A sealed chunk does not open: wrong key, changed, cut, or moved from another file or place."""


def new_key() -> bytes:
    """A random key for one new file."""
    return secrets.token_bytes(KEY_BYTES)


class ChunkSealer:
    """Seals and opens the chunks of one file.

    Cipher: AES-256-GCM with a random 96-bit nonce for each sealing; format version, chunk index and
    file name are the associated data. Sealed form: nonce, ciphertext with its tag. Random nonces are
    safe for 2^32 sealings under one key, and each file has a key of its own.
    Source: https://doi.org/10.6028/NIST.SP.800-38D, section 8.3.
    """

    def __init__(self, key: bytes, *, name: str) -> None:
        """For the file of this name. Raises: Fault where the key has not 256 bits."""
        if len(key) != KEY_BYTES:
            raise Fault(f"the key of file {name} has the wrong length")
        self._cipher = AESGCM(key)
        self._name = name.encode()

    def seal(self, plain: bytes | bytearray, *, index: int) -> bytes:
        """The chunk, readable only with the key and only as this chunk of this file."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, self._bound(index))

    def open(self, sealed: bytes, *, index: int) -> bytes:
        """The chunk that was sealed for this place. Raises: ChunkBroken."""
        if len(sealed) < OVERHEAD_BYTES:
            raise ChunkBroken(f"chunk {index} is cut")
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound(index))
        except InvalidTag:
            raise ChunkBroken(f"chunk {index} does not open") from None

    def _bound(self, index: int) -> bytes:
        """The version and index have a fixed length, so that no two places are written the same."""
        return bytes([VERSION]) + index.to_bytes(_INDEX_BYTES, "big") + self._name
