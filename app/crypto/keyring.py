"""The key ring: the file outside the database without which nothing personal can be read."""

import base64
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.kernel.refusal import Fault

_KEY_BYTES: Final = 32
_FORMAT: Final = 1
_NUMBER: Final = re.compile(r"k(\d+)")
_SUFFIX_BYTES: Final = 3


class KeyRingError(Fault):
    """The key file is absent, unreadable or not a key file; the text says which."""


class UnknownKey(Fault):
    """The ring has no key of this name."""


class KeyIsCurrent(Fault):
    """The current key was to be taken out: new values would have none."""


@dataclass(frozen=True)
class KeyRing:
    """Every secret that outlives a restart. `data` holds old keys too, so that old backups can be read.

    `made` tells when a key was made and `current_since` when the current one became that, both aware
    UTC; of rings that were made before this was written down, they tell nothing.
    """

    current: str
    data: Mapping[str, bytes]
    index: bytes
    audit: bytes
    made_for: str
    made: Mapping[str, datetime] = field(default_factory=dict)
    current_since: datetime | None = None

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, keys={sorted(self.data)})"

    @classmethod
    def fresh(cls, *, made_for: str, now: datetime | None = None) -> "KeyRing":
        """A ring of new random keys for one environment (`demo` or `production`)."""
        return cls(
            current="k1",
            data={"k1": secrets.token_bytes(_KEY_BYTES)},
            index=secrets.token_bytes(_KEY_BYTES),
            audit=secrets.token_bytes(_KEY_BYTES),
            made_for=made_for,
            made={"k1": now} if now else {},
            current_since=now,
        )

    def with_new_key(self, now: datetime, *, in_use: bool = True) -> "KeyRing":
        """The ring with one more key, which seals new values from now on where it is `in_use`.

        The end of its name is random: two copies of a ring that each get a key must not end with
        two keys of one name.
        """
        numbers = [int(match[1]) for name in self.data if (match := _NUMBER.match(name))]
        name = f"k{max(numbers, default=0) + 1}-{secrets.token_hex(_SUFFIX_BYTES)}"
        ring = replace(
            self,
            data={**self.data, name: secrets.token_bytes(_KEY_BYTES)},
            made={**self.made, name: now},
        )
        return ring.using(name, now) if in_use else ring

    def using(self, name: str, now: datetime) -> "KeyRing":
        """The ring whose key of this name seals new values from now on. Raises: UnknownKey."""
        if name not in self.data:
            raise UnknownKey(name)
        return self if name == self.current else replace(self, current=name, current_since=now)

    def without(self, name: str) -> "KeyRing":
        """The ring that cannot open what this key sealed. Raises: UnknownKey, KeyIsCurrent."""
        if name not in self.data:
            raise UnknownKey(name)
        if name == self.current:
            raise KeyIsCurrent(name)
        data = {other: key for other, key in self.data.items() if other != name}
        return replace(self, data=data, made={k: at for k, at in self.made.items() if k != name})

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """The ring kept in a file. Raises: KeyRingError."""
        try:
            kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if kept["format"] != _FORMAT:
                raise KeyRingError(f"{path} is of a form that this version does not know")
            since = kept.get("current_since")
            ring = cls(
                current=kept["current"],
                data={name: base64.b64decode(key) for name, key in kept["data"].items()},
                index=base64.b64decode(kept["index"]),
                audit=base64.b64decode(kept["audit"]),
                made_for=kept["made_for"],
                made={name: datetime.fromisoformat(at) for name, at in kept.get("made", {}).items()},
                current_since=datetime.fromisoformat(since) if since else None,
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
        with _drafted(self, path) as draft:
            os.link(draft, path)
        _flush_folder(path.parent)

    def as_kept(self) -> dict[str, object]:
        """What the file holds, as JSON: every key in the clear."""
        return {
            "format": _FORMAT,
            "made_for": self.made_for,
            "current": self.current,
            "current_since": self.current_since.isoformat() if self.current_since else None,
            "made": {name: at.isoformat() for name, at in self.made.items()},
            "data": {name: base64.b64encode(key).decode() for name, key in self.data.items()},
            "index": base64.b64encode(self.index).decode(),
            "audit": base64.b64encode(self.audit).decode(),
        }


class KeyFile:
    """A key file that other processes may replace while this one runs."""

    def __init__(self, path: Path) -> None:
        """Remember the file as it is now: make this before the ring is loaded."""
        self._path = path
        self._seen = self._look()

    def newer(self) -> KeyRing | None:
        """The ring, where the file was replaced since the last look; None where it was not.

        Also None where it is not a key file now: whoever runs goes on with the keys that it has.
        """
        found = self._look()
        if found is None or found == self._seen:
            return None
        with suppress(KeyRingError):
            ring = KeyRing.load(self._path)
            self._seen = found
            return ring
        return None

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def load_or_make(path: Path, *, made_for: str, now: datetime | None = None) -> KeyRing:
    """The ring at this path; a new one is made and saved where the file does not exist yet.

    Raises: KeyRingError.
    """
    try:
        if not path.exists():
            KeyRing.fresh(made_for=made_for, now=now).save(path)
    except FileExistsError:
        pass  # Another process made it between the look and the save: use that one.
    except OSError as problem:
        raise KeyRingError(f"no key file can be made at {path}: {problem.strerror}") from None
    return KeyRing.load(path)


def change(path: Path, changed: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """Replace the ring at this path by what becomes of it, and return that.

    At every moment, also in a power cut, the file is whole and holds the old ring or the new one. Its
    owner and mode stay, so that a service under another account can still read it. Of two processes
    that change it at once neither undoes what the other did.

    Raises: KeyRingError, and what `changed` raises; the file is then as it was.
    """
    try:
        path = path.resolve()
        with _alone(path) as owner:
            ring = changed(KeyRing.load(path))
            with _drafted(ring, path, owner) as draft:
                if KeyRing.load(draft) != ring:
                    raise KeyRingError(
                        f"what was written beside {path} does not read back: nothing is changed"
                    )
                draft.replace(path)
            _flush_folder(path.parent)
    except FileNotFoundError:
        raise KeyRingError(f"there is no key file at {path}") from None
    except OSError as problem:
        raise KeyRingError(f"the key file {path} cannot be replaced: {problem.strerror}") from None
    return ring


@contextmanager
def _alone(path: Path) -> Iterator[os.stat_result]:
    """Nobody else changes the ring meanwhile. Gives what is known of the file, its owner above all."""
    while True:
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            found = os.fstat(handle)
            # Whoever held the lock before may have put another file there: then this locks nothing.
            if os.path.samestat(found, path.stat()):
                yield found
                return
        finally:
            os.close(handle)


@contextmanager
def _drafted(ring: KeyRing, path: Path, owner: os.stat_result | None = None) -> Iterator[Path]:
    """The ring, whole and on the disk, under another name beside its file; gone afterwards."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if owner and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, owner.st_uid, owner.st_gid)
            json.dump(ring.as_kept(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """What was made or renamed in the folder is so after a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
