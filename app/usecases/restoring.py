"""Putting a backup back: everything is checked before anything is touched."""

import hashlib
import os
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Final, cast

import orjson
from sqlalchemy.exc import SQLAlchemyError

from app.audit.rules import Deed
from app.audit.store import AuditStore
from app.crypto.vault import Vault
from app.kernel.refusal import Fault
from app.privacy.rules import Receipt
from app.privacy.service import ErasureLedger
from app.store.archive import ArchiveDamaged, ArchiveReader
from app.store.copies import (
    drop_draft,
    empty,
    needs_programs,
    put_back_postgresql,
    put_back_sqlite,
    same_engine,
)
from app.store.database import Database
from app.store.heartbeats import RESTORED, heartbeats
from app.store.migrations import knows, upgrade
from app.usecases.backing_up import DATABASE, FILES, FORMAT, MANIFEST, Manifest, Told
from app.usecases.erasing import Again, reapply
from app.usecases.unit_of_work import Office, UnitOfWork

_PIECE_BYTES: Final = 256 * 1024
_SEEN_WITHIN: Final = timedelta(seconds=60)
_WORKER: Final = "worker:"


class RestoreRefused(Fault):
    """The backup is not put back, and nothing was touched; the text says why."""


class RestoredWrong(Fault):
    """The backup was put back, but its audit chain does not hold; the text says where."""


@dataclass(frozen=True)
class Wish:
    """What to put back where."""

    archive: Path
    files_dir: Path
    replace: bool  # also over a database that holds something
    erased: tuple[Receipt, ...] = ()  # what is erased again: see `erased_so_far`


@dataclass(frozen=True)
class Restored:
    """What was put back: the entries of its audit chain, and what was erased in it again."""

    entries: int
    again: Again


def checked(wish: Wish, office: Office, *, now: datetime, told: Told) -> Manifest:
    """What the archive holds, once all of it was read and it is certain that it can be put back here.

    Touches nothing. Raises: RestoreRefused, NotAnArchive, KeyMissing, ArchiveDamaged, CopyImpossible.
    """
    manifest = _read_through(wish.archive, office.vault, told)
    database = office.database
    if not same_engine(database, manifest.engine):
        raise RestoreRefused(f"it was made from {manifest.engine}, and the database here is another kind")
    if manifest.revision is None or not knows(manifest.revision):
        raise RestoreRefused("it was made by a newer version of this program: put it back with that one")
    needs_programs(database)
    if not empty(database):
        if not wish.replace:
            raise RestoreRefused(
                "the database holds something already; to put the backup in its place: --replace"
            )
        _refuse_beside_a_service(database, now)
    return manifest


def erased_so_far(office: Office, ledger: ErasureLedger) -> tuple[Receipt, ...]:
    """Every erasure on request that is known here: from the ledger, and from the database that goes."""
    found = {receipt.id: receipt for receipt in ledger.read()[0]}
    try:
        with office.look() as uow:
            found |= {receipt.id: receipt for receipt in uow.erasures.all()}
    except SQLAlchemyError:
        pass  # There is none, or none that can be read: that is why somebody restores.
    return tuple(sorted(found.values(), key=lambda receipt: (receipt.at, receipt.id)))


def restore(wish: Wish, office: Office, manifest: Manifest, *, now: datetime, told: Told) -> Restored:
    """The database and the files are those of the backup, brought to the newest tables.

    What people had erased since is erased again before anybody can look. Files that the backup does not
    hold stay: no row names them any more. On SQLite the copy is migrated and its audit chain checked before
    it takes its place.

    Raises: RestoreRefused, RestoredWrong, CopyImpossible, OSError.
    """
    database = office.database
    near = Path(str(database.url.database)).parent if database.is_sqlite else wish.archive.parent
    copy = near / f".restored-{secrets.token_hex(4)}"
    try:
        for name, file in _parts(wish.archive, office.vault):
            if name == DATABASE:
                _keep(file, copy)
            elif name.startswith(FILES):
                _keep(file, wish.files_dir / _inside(name))
            told(name.partition("/")[0])
        if database.is_sqlite:
            draft = Database(f"sqlite:///{copy}")
            try:
                done = _made_ready(draft, office, manifest, wish.erased, now)
            except RestoredWrong as wrong:
                raise RestoreRefused(f"{wrong}: it is not put back") from None
            finally:
                draft.close()
            put_back_sqlite(copy, database)
        else:
            put_back_postgresql(copy, database)
            done = _made_ready(database, office, manifest, wish.erased, now)
    finally:
        drop_draft(copy)
    return done


def _made_ready(
    database: Database, office: Office, manifest: Manifest, erased: tuple[Receipt, ...], now: datetime
) -> Restored:
    """The newest tables, a chain that holds and says that it was put back, the mark of a new epoch, and
    nothing that was erased.
    """
    upgrade(database)
    with database.snapshot() as connection:
        chain = AuditStore(connection, office.vault)
        held, broken = chain.first_break()
        if broken:
            raise RestoredWrong(f"its audit chain does not hold at entry {broken.number}")
        if chain.code_of(manifest.audit_number) != bytes.fromhex(manifest.audit_code):
            raise RestoredWrong("its audit chain does not end where the manifest says")
    with database.write() as connection:
        unit = UnitOfWork(connection, office.vault, office.rulebook)
        unit.heartbeats.beat(RESTORED, now)
        unit.devices.begin_all_again()  # at its next contact each device gives back what the backup lacks
        unit.audit.record(Deed("backup.restored", "cli", details={"made_at": manifest.made_at}))
        again = reapply(unit, erased, now=now)
        unit.flush(now)
    return Restored(held + 1 + again.erasures, again)


def _refuse_beside_a_service(database: Database, now: datetime) -> None:
    """Whoever works on the database meanwhile would go on with what is no longer there."""
    try:
        with database.read() as connection:
            names = [n for n in connection.execute(heartbeats.select()).all() if n.name.startswith(_WORKER)]
    except SQLAlchemyError:
        return  # Tables of another time: nobody of this version works on them.
    lately = sorted(found.name for found in names if now - found.seen_at < _SEEN_WITHIN)
    if lately:
        raise RestoreRefused(
            f"the service runs ({lately[0]} was seen lately): stop it, and wait for a minute"
        )


def _read_through(archive: Path, vault: Vault, told: Told) -> Manifest:
    """The manifest, once every part was compared with it. Raises: ArchiveDamaged."""
    found: list[list[Any]] = []
    manifest: Manifest | None = None
    done = 0
    for name, file in _parts(archive, vault):
        if name == MANIFEST:
            manifest = _manifest(file.read())
            continue
        sha256, size = hashlib.sha256(), 0
        while piece := file.read(_PIECE_BYTES):
            sha256.update(piece)
            size += len(piece)
            done += len(piece)
            told(f"{done // 2**20} MiB checked")
        if name.startswith(FILES):
            _inside(name)
        found.append([name, size, sha256.hexdigest()])
    if manifest is None or found != manifest.parts or not found or found[0][0] != DATABASE:
        raise ArchiveDamaged("its parts are not those of its manifest")
    return manifest


def _manifest(text: bytes) -> Manifest:
    try:
        kept = orjson.loads(text)
        if kept["format"] != FORMAT:
            raise RestoreRefused("it is of a form that this version does not know")
        return Manifest(**kept)
    except (ValueError, TypeError, KeyError):
        raise ArchiveDamaged("its manifest cannot be read") from None


def _parts(archive: Path, vault: Vault) -> Iterator[tuple[str, IO[bytes]]]:
    """Each part by name, to be read before the next is asked for."""
    with archive.open("rb") as file:
        reader = ArchiveReader(cast("BinaryIO", file), vault)
        try:
            with tarfile.open(fileobj=cast("Any", reader), mode="r|") as tar:
                for entry in tar:
                    content = tar.extractfile(entry)
                    if content is None:
                        raise ArchiveDamaged("a part of it is no file")
                    yield entry.name, content
        except tarfile.TarError:
            raise ArchiveDamaged("its parts cannot be told apart") from None
        reader.drain()


def _inside(name: str) -> PurePosixPath:
    """The path of a part below the folder of files. Raises: ArchiveDamaged for one that leads elsewhere."""
    path = PurePosixPath(name.removeprefix(FILES))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveDamaged("a part of it is named as no file is named")
    return path


def _keep(source: IO[bytes], target: Path) -> None:
    """The file holds this, and is on the disk, before it has its name."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(target) as (draft, file):
        while piece := source.read(_PIECE_BYTES):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        draft.replace(target)


@contextmanager
def _draft(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    draft = target.with_name(f".{secrets.token_hex(8)}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield draft, file
    finally:
        draft.unlink(missing_ok=True)
