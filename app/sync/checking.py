"""Whether a device and the server hold the same: by a digest, and where that differs, id by id."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.identity.rules import Action
from app.store.feed import Doc, Kind
from app.sync import docs
from app.sync.docs import REFERENCE_REV
from app.sync.pulling import ALL_KINDS, Carrier, prepare
from app.sync.rules import digest
from app.usecases.unit_of_work import Office, UnitOfWork

_WRITTEN_BY_DEVICES: Final = frozenset(set(ALL_KINDS) - {Kind.REFERENCE, Kind.MESSAGE, Kind.SYNC_ISSUE})

_COUNTED: Final = ("missing", "stale", "gone", "unknown", "behind")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a device and the server differ, by id.

    `missing` and `stale` come with the next pull, and `gone` is told there as well. `unknown` is what
    the server has never seen or has forgotten, and `behind` what of `stale` it knows only as it was before:
    the device sends both again.
    """

    missing: tuple[UUID, ...] = ()
    stale: tuple[UUID, ...] = ()
    gone: tuple[UUID, ...] = ()
    unknown: tuple[UUID, ...] = ()
    behind: tuple[UUID, ...] = ()


def digests(office: Office, carrier: Carrier, *, now: datetime) -> dict[str, tuple[int, str]]:
    """For each kind, how many documents the device should hold, and their fingerprint."""
    carrier.worker.must_be_allowed(Action.SYNC)
    prepare(office, carrier, now=now)
    with office.snapshot() as uow:
        held = _held(uow, carrier.worker.id)
        return {kind: digest(held.get(kind, {}).items()) for kind in ALL_KINDS}


def reconcile(
    office: Office, carrier: Carrier, kind: str, listed: Iterable[tuple[UUID, int]], *, now: datetime
) -> Difference:
    """Compare all that a device holds of one kind with what it should hold. Repeating it is safe."""
    carrier.worker.must_be_allowed(Action.SYNC)
    prepare(office, carrier, now=now)
    theirs = dict(listed)
    viewer = carrier.worker.id
    with office.work(now) as uow:
        uow.feed.lock(viewer)
        ours = _held(uow, viewer).get(kind, {})
        ever = uow.feed.ever_held(viewer, kind)
        too_many = [doc_id for doc_id in theirs if doc_id not in ours]
        # What was never in this worker's feed may still be there, for others: it is as if it were not.
        unknown = [one for one in too_many if one not in ever and kind in _WRITTEN_BY_DEVICES]
        others = {one for one in ours if one in theirs and theirs[one] != ours[one]}
        # A revision only grows, so one that is larger than ours was given before a backup was put back.
        behind = {one for one in others if theirs[one] > ours[one] and kind in _WRITTEN_BY_DEVICES}
        found = Difference(
            missing=tuple(sorted(ours.keys() - theirs.keys())),
            stale=tuple(sorted(others)),
            gone=tuple(sorted(set(too_many) - set(unknown))),
            unknown=tuple(sorted(unknown)),
            behind=tuple(sorted(behind)),
        )
        _tell_again(uow, viewer, kind, found)
        counts = {name: len(getattr(found, name)) for name in _COUNTED}
        uow.audit.record(Deed("sync.reconciled", str(viewer), None, {"kind": kind, **counts}))
    return found


def _tell_again(uow: UnitOfWork, viewer: UUID, kind: str, found: Difference) -> None:
    """The next pull brings what the device lacks, and says again what it has to drop."""
    held = uow.feed.held(viewer)
    again = {held[kind, doc_id]: False for doc_id in (*found.missing, *found.stale)}
    uow.feed.append({viewer: again | {Doc(kind, doc_id): True for doc_id in found.gone}})


def _held(uow: UnitOfWork, viewer: UUID) -> Mapping[str, Mapping[UUID, int]]:
    """The revision of everything that the worker's devices should hold, by kind and id."""
    listed = docs.by_kind(uow.feed.held(viewer))
    known = uow.feed.revisions(listed)
    return {
        kind: {doc_id: known.get((kind, doc_id), REFERENCE_REV) for doc_id in ids}
        for kind, ids in listed.items()
    }
