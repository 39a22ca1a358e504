"""A backup: the database as it is at one moment, and the files that it names, sealed in one file."""

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import orjson
from sqlalchemy import Connection, select

from app.audit.rules import GENESIS, Deed
from app.audit.store import AuditStore
from app.kernel.clock import utc_text
from app.store.archive import ArchiveWriter
from app.store.copies import copied, counts, files_to_copy, needs_programs, revision_of, tables_there
from app.store.heartbeats import BACKED_UP
from app.usecases.unit_of_work import Office

DATABASE: Final = "database"
FILES: Final = "files/"
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_NAMES_A_FILE: Final = "file_name"  # the column of every row that owns a file

Told = Callable[[str], None]


@dataclass
class Manifest:
    """What a backup holds. It is its last part, so that nothing has to be read twice."""

    made_at: str
    engine: str
    revision: str | None
    rows: dict[str, int]
    audit_number: int
    audit_code: str
    parts: list[list[Any]] = field(default_factory=list)  # name, size in bytes and SHA-256 of each
    missing: list[str] = field(default_factory=list)  # files that rows name and that are not there
    format: int = FORMAT


@dataclass(frozen=True)
class BackedUp:
    """What was kept."""

    key: str
    size_bytes: int
    manifest: Manifest


def back_up(office: Office, files_dir: Path, target: Path, *, now: datetime, told: Told) -> BackedUp:
    """Everything is in this new file, which appears when it is whole, for its owner's eyes only.

    The service may run: the database is copied as of one moment, then the files. A file never loses what
    a row says of it, so what is copied later holds at least that.

    Raises: FileExistsError, CopyImpossible, OSError.
    """
    if target.exists():
        raise FileExistsError(target)
    needs_programs(office.database)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        draft = Path(scratch, "archive")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            writer = ArchiveWriter(file, office.vault, now)
            manifest = _written(office, files_dir, Parts(writer, told), Path(scratch, DATABASE), now)
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(draft, target)  # Unlike a renaming it refuses to replace what appeared meanwhile.
    with office.work(now) as uow:
        uow.heartbeats.beat(BACKED_UP, now)
        uow.audit.record(Deed("backup.made", "cli", details={"key": writer.key, "bytes": size}))
    return BackedUp(writer.key, size, manifest)


class Parts:
    """Puts the parts into the archive one after the other, and remembers what they were."""

    def __init__(self, writer: ArchiveWriter, told: Told) -> None:
        """Begin."""
        self._tar = tarfile.open(fileobj=cast("Any", _Sink(writer)), mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `done` closes it
        self.told = told
        self.written: list[list[Any]] = []

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """One part. What the file lacks of its size, because it was cut meanwhile, is filled with zeros."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        source = _Hashed(file, size)
        self._tar.addfile(entry, cast("Any", source))
        self.written.append([name, size, source.sha256.hexdigest()])
        self.told(f"{len(self.written)} parts")

    def done(self, manifest: Manifest) -> None:
        """Put the manifest behind all parts."""
        manifest.parts = self.written
        text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(text)
        self._tar.addfile(entry, io.BytesIO(text))
        self._tar.close()


class _Sink:
    """What tarfile writes to."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer

    def write(self, piece: bytes) -> int:
        return self._writer.write(piece)


class _Hashed:
    """Exactly so many bytes of a file, hashed on the way."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._file.read(wanted)
        piece += bytes(wanted - len(piece))
        self._left -= wanted
        self.sha256.update(piece)
        return piece


def _written(office: Office, files_dir: Path, parts: Parts, copy: Path, now: datetime) -> Manifest:
    # Files are looked for after the database was copied: a row's file was on the disk before the row.
    with copied(office.database, copy, parts.told) as connection:
        number, code = AuditStore(connection, office.vault).end() or (0, GENESIS)
        manifest = Manifest(
            made_at=utc_text(now), engine=connection.dialect.name, revision=revision_of(connection),
            rows=counts(connection), audit_number=number, audit_code=code.hex(),
        )  # fmt: skip
        manifest.missing = sorted(_missing(connection, files_dir))
    with copy.open("rb") as file:
        parts.add(DATABASE, file, copy.stat().st_size)
    copy.unlink()
    for path in files_to_copy(files_dir):
        try:
            with path.open("rb") as file:
                parts.add(
                    FILES + path.relative_to(files_dir).as_posix(), file, os.fstat(file.fileno()).st_size
                )
        except FileNotFoundError:
            pass  # It went meanwhile, and what its row needs of it lies in a part that comes later.
    parts.done(manifest)
    return manifest


def _missing(connection: Connection, files_dir: Path) -> Iterator[str]:
    """The files that rows name, by table and name, of which nothing is on the disk."""
    # A name says nothing and comes once only: in which folder its file lies is the business of its room.
    there = {path.name.partition(".")[0] for path in files_to_copy(files_dir)}
    for table in tables_there(connection):
        if _NAMES_A_FILE in table.columns:
            column = table.columns[_NAMES_A_FILE]
            for name in connection.execute(select(column).where(column.is_not(None))).scalars():
                if name not in there:
                    yield f"{table.name}: {name}"
