"""Files that hold nothing personal, in one folder: whole or not there, also after a power cut."""

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_DRAFT: Final = ".new"


class PlainFiles:
    """The files of one folder. They have mode 0600, the folder 0700; names come from our own rows."""

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        self._folder = folder

    def write(self, name: str, content: bytes) -> None:
        """The file holds this, and is on the disk for good. Before that it holds what it held."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _flush(self._folder.parent)
        draft = self._folder / f".{secrets.token_hex(8)}{_DRAFT}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path(name))
        finally:
            draft.unlink(missing_ok=True)
        _flush(self._folder)

    def path(self, name: str) -> Path:
        """Where the file is. Raises: ValueError for a name that leads elsewhere."""
        if not name or name != os.path.basename(name) or name.startswith("."):  # noqa: PTH119 - Path drops a slash at the end
            raise ValueError("a file is named as no file is named")
        return self._folder / name

    def read(self, name: str) -> bytes | None:
        """What the file holds; None where there is none."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """The file is gone, or was never there."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Every file with the time when it was written; drafts that a crash left are removed on the way."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if not path.name.startswith("."):
                yield path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _flush(folder: Path) -> None:
    """What was made or renamed in the folder is so after a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
