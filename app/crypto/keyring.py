"""The key ring: the file outside the database without which nothing personal can be read."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.kernel.refusal import Fault

_KEY_BYTES: Final = 32
_FORMAT: Final = 1


class KeyRingError(Fault):
    """The key file is absent, unreadable or not a key file; the text says which."""


@dataclass(frozen=True)
class KeyRing:
    """Every secret that outlives a restart. `data` holds old keys too, so that old backups can be read."""

    current: str
    data: Mapping[str, bytes]
    index: bytes
    audit: bytes
    made_for: str

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, keys={sorted(self.data)})"

    @classmethod
    def fresh(cls, *, made_for: str) -> "KeyRing":
        """A ring of new random keys for one environment (`demo` or `production`)."""
        return cls(
            current="k1",
            data={"k1": secrets.token_bytes(_KEY_BYTES)},
            index=secrets.token_bytes(_KEY_BYTES),
            audit=secrets.token_bytes(_KEY_BYTES),
            made_for=made_for,
        )

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """The ring kept in a file. Raises: KeyRingError."""
        try:
            kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if kept["format"] != _FORMAT:
                raise KeyRingError(f"{path} is of a form that this version does not know")
            ring = cls(
                current=kept["current"],
                data={name: base64.b64decode(key) for name, key in kept["data"].items()},
                index=base64.b64decode(kept["index"]),
                audit=base64.b64decode(kept["audit"]),
                made_for=kept["made_for"],
            )
        except FileNotFoundError:
            raise KeyRingError(f"there is no key file at {path}") from None
        except OSError as problem:
            raise KeyRingError(f"the key file {path} cannot be read: {problem.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise KeyRingError(f"{path} is not a key file ({type(problem).__name__})") from None
        lengths = {len(key) for key in (*ring.data.values(), ring.index, ring.audit)}
        if ring.current not in ring.data or lengths != {_KEY_BYTES}:
            raise KeyRingError(f"{path} lacks its current key, or a key has the wrong length")
        return ring

    def save(self, path: Path) -> None:
        """Write the ring for its owner's eyes only (mode 0600); an existing file is never overwritten.

        The bytes are complete under another name before the file appears, so that of two processes
        starting at once both find a whole key file, the one that came first.
        Raises: FileExistsError.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self._as_kept(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        finally:
            draft.unlink()

    def _as_kept(self) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "made_for": self.made_for,
            "current": self.current,
            "data": {name: base64.b64encode(key).decode() for name, key in self.data.items()},
            "index": base64.b64encode(self.index).decode(),
            "audit": base64.b64encode(self.audit).decode(),
        }


def load_or_make(path: Path, *, made_for: str) -> KeyRing:
    """The ring at this path; a new one is made and saved where the file does not exist yet.

    Raises: KeyRingError.
    """
    try:
        if not path.exists():
            KeyRing.fresh(made_for=made_for).save(path)
    except FileExistsError:
        pass  # Another process made it between the look and the save: use that one.
    except OSError as problem:
        raise KeyRingError(f"no key file can be made at {path}: {problem.strerror}") from None
    return KeyRing.load(path)
