"""Letting go of what has been here long enough: the sound goes, the fact that it was there stays."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

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
    old = uow.recordings.claim_old(before, limit=_AT_ONCE, but=uow.timing.held_recordings())
    for recording in old:
        uow.recordings.erase(recording, now)
        uow.audit.record(Deed("recording.erased", "retention", recording.id))
    return [recording.file.name for recording in old if recording.file]


@dataclass(frozen=True, slots=True)
class LetGo:
    """What was let go, or would be: cases that name nobody now, cases whose texts lost their words,
    arrivals of which only what was read is kept, phones that no case needs; `failed`: tried in vain.
    """

    cases: int = 0
    texts: int = 0
    arrivals: int = 0
    phones: int = 0
    failed: int = 0


def due(uow: UnitOfWork, *, now: datetime) -> LetGo:
    """What would be let go at this time. Changes nothing.

    Phones that become free only as their cases are done are not counted yet.
    """
    rules = uow.rulebook.retention
    over = uow.timing.over(rules, now, limit=None)
    wordy = set(uow.timing.with_old_texts(rules, now, limit=None)) - set(over)
    return LetGo(
        len(over), len(wordy), len(uow.timing.old_arrivals(rules, now, after=0, limit=None)),
        len(uow.timing.loose_points(rules, now, limit=None)),
    )  # fmt: skip


def next_cases(uow: UnitOfWork, *, now: datetime, but: Collection[UUID] = ()) -> list[UUID]:
    """Some cases, none of them in `but`, whose time is over."""
    found = uow.timing.over(uow.rulebook.retention, now, limit=_AT_ONCE + len(but))
    return [case_id for case_id in found if case_id not in but]


def next_texts(uow: UnitOfWork, *, now: datetime, but: Collection[UUID] = ()) -> list[UUID]:
    """Some closed cases, none of them in `but`, whose texts have lost their time."""
    found = uow.timing.with_old_texts(uow.rulebook.retention, now, limit=_AT_ONCE + len(but))
    return [case_id for case_id in found if case_id not in but]


def next_phones(uow: UnitOfWork, *, now: datetime, but: Collection[UUID] = ()) -> list[UUID]:
    """Some phones, none of them in `but`, that no case needs any more."""
    found = uow.timing.loose_points(uow.rulebook.retention, now, limit=_AT_ONCE + len(but))
    return [point_id for point_id in found if point_id not in but]


def scrub_texts(uow: UnitOfWork, case_id: UUID, *, now: datetime) -> bool:
    """The words of a closed case's texts are gone; that they came, and when, stays. Whether it was time."""
    if uow.cases.locked(case_id, None) is None or not uow.timing.with_old_texts(
        uow.rulebook.retention, now, limit=1, only=case_id
    ):
        return False
    cleared = uow.eraser.clear_words_of_texts(case_id)
    uow.timing.mark(case_id, scrubbed_at=now)
    uow.audit.record(Deed("texts.scrubbed", "retention", case_id, {"counts": dict(cleared.counts)}))
    return True


def scrub_arrivals(uow: UnitOfWork, *, after: int, now: datetime) -> tuple[int, int]:
    """Some arrivals above this number keep only what was read from them. Returns the last number looked
    at, 0 where there is none, and how many there were.
    """
    found = uow.timing.old_arrivals(uow.rulebook.retention, now, after=after, limit=_AT_ONCE)
    if not found:
        return 0, 0
    uow.eraser.clear_raw([arrival_id for _, arrival_id in found], now)
    uow.audit.record(Deed("arrivals.scrubbed", "retention", None, {"number": len(found)}))
    return found[-1][0], len(found)


def release(uow: UnitOfWork, point_id: UUID, *, now: datetime) -> list[str]:
    """A phone that no case needs is nobody's number any more. Returns the files to delete."""
    cleared = uow.eraser.clear_point(point_id, now)
    uow.audit.record(Deed("phone.forgotten", "retention", point_id, {"counts": dict(cleared.counts)}))
    return cleared.files


Known = Callable[[UnitOfWork, Sequence[str]], frozenset[str]]


def sweep(office: Office, files: FileStore, known_files: Known, *, now: datetime) -> int:
    """Delete the files of a folder that no row knows and that are older than a day. Returns how many."""
    swept = 0
    for names in _batches(name for name, changed in files.names() if changed < now - _STRAY_AFTER):
        with office.look() as uow:
            known = known_files(uow, names)
        for name in names:
            if name not in known:
                files.delete(name)
                swept += 1
    return swept


def known_recordings(uow: UnitOfWork, names: Sequence[str]) -> frozenset[str]:
    """Those of the files that hold a recording."""
    return uow.recordings.known_files(names)


def known_attachments(uow: UnitOfWork, names: Sequence[str]) -> frozenset[str]:
    """Those of the files that hold an attachment, or are to be removed as one."""
    return uow.attachments.file_names() & frozenset(names)


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, _AT_ONCE)):
        yield batch
