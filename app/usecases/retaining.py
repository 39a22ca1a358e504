"""Letting go of what has been here long enough: the sound goes, the fact that it was there stays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from app.audit.rules import Deed
from app.store.files import FileStore
from app.usecases.unit_of_work import Office, UnitOfWork

# A file is on disk before a row knows of it. No fetch takes nearly as long.
_STRAY_AFTER: Final = timedelta(days=1)
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Retained:
    """What was let go: sounds of recordings, and files that belonged to nothing."""

    recordings: int = 0
    stray_files: int = 0


def erase_old(uow: UnitOfWork, *, before: datetime, now: datetime) -> list[str]:
    """The names of files of recordings from before then, to be deleted once this is committed.

    Their keys are gone with the commit: a file that is left by a crash is noise, and the sweep takes it.
    """
    old = uow.recordings.claim_old(before, limit=_AT_ONCE)
    for recording in old:
        uow.recordings.erase(recording, now)
        uow.audit.record(Deed("recording.erased", "retention", recording.id))
    return [recording.file.name for recording in old if recording.file]


def sweep(office: Office, files: FileStore, *, now: datetime) -> int:
    """Delete files of recordings that no row knows and that are older than a day. Returns how many."""
    swept = 0
    for names in _batches(name for name, changed in files.names() if changed < now - _STRAY_AFTER):
        with office.look() as uow:
            known = uow.recordings.known_files(names)
        for name in names:
            if name not in known:
                files.delete(name)
                swept += 1
    return swept


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, _AT_ONCE)):
        yield batch
