"""Giving devices what changed: one page of a worker's feed at a time, from a cursor on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from app.audit.rules import Deed
from app.identity.rules import Action, Device, DeviceRevoked, Role, Worker
from app.store.feed import Doc, Entry, Kind
from app.sync import docs
from app.sync.docs import Reader
from app.sync.rules import SCHEMA, CursorGone, CursorNotOurs, read_cursor, write_cursor
from app.sync.versions import grown_since, shown_as_theirs
from app.usecases.feeding import held_docs
from app.usecases.unit_of_work import Office, UnitOfWork

ALL_KINDS: Final = tuple(kind.value for kind in Kind)
JSON: Final = orjson.OPT_UTC_Z
_FIT_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Carrier:
    """A worker with the device in their hands; `schema` is the version of documents that it speaks.

    `ahead` is how far its clock is ahead of ours, where it told us.
    """

    worker: Worker
    device: str = ""
    schema: int = SCHEMA
    ahead: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Ask:
    """From where on a device wants to know, of which kinds, and how much at once.

    `lenient` answers a cursor that means nothing any more with everything from the beginning.
    """

    cursor: str | None = None
    kinds: tuple[str, ...] = ALL_KINDS
    limit: int = 100
    max_bytes: int | None = None
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One document as a device has to have it; None where it must drop it.

    `written` is the change as the native protocol writes it, where that was done already.
    """

    doc: Doc
    content: docs.Document | None
    written: bytes | None = None


@dataclass(slots=True)
class Page:
    """What changed, in the order of the feed. `again` where everything is told from the beginning."""

    cursor: str
    changes: list[Change] = field(default_factory=list)
    reached: int = 0
    more: bool = False
    again: bool = False


def pull(office: Office, carrier: Carrier, ask: Ask, *, now: datetime) -> Page:
    """The next page of what a device has to know. Asking again with the same cursor is safe.

    Raises: NotAllowed, DeviceRevoked, CursorGone, CursorNotOurs.
    """
    carrier.worker.must_be_allowed(Action.SYNC)
    try:
        device, page = _next_page(office, carrier, ask, now=now)
    except _Forgotten as forgotten:
        return _begun_again(office, carrier, ask, forgotten, now=now)
    if page.changes:
        _remember(office, carrier, device, page, now=now)
    return page


def _next_page(office: Office, carrier: Carrier, ask: Ask, *, now: datetime) -> tuple[Device, Page]:
    """Raises: DeviceRevoked, CursorNotOurs, _Forgotten."""
    with office.snapshot() as uow:
        device = _trusted(uow, carrier)
        if device and _is_fitted(uow, carrier, device, now=now):
            return device, _page(uow, carrier, ask, device)
    prepare(office, carrier, now=now)
    with office.snapshot() as uow:
        device = _trusted(uow, carrier)
        if device is None:
            raise LookupError("a device that was just kept is not there")
        return device, _page(uow, carrier, ask, device)


def prepare(office: Office, carrier: Carrier, *, now: datetime) -> None:
    """The device is known, and its worker's feed holds what the worker may hold by now.

    Raises: DeviceRevoked.
    """
    with office.look() as uow:
        device = _trusted(uow, carrier)
        if device and _is_fitted(uow, carrier, device, now=now):
            return
        grown = _grown(device, carrier)
    with office.work(now) as uow:
        kept = uow.devices.keep(carrier.worker.id, carrier.device, name=None, now=now)
        fit(uow, carrier.worker, resend=grown, now=now)
        if grown:
            uow.devices.told(kept, up_to=kept.issued, schema=carrier.schema, now=now)


def fit(uow: UnitOfWork, worker: Worker, *, resend: Iterable[str] = (), now: datetime) -> None:
    """The feed holds what the worker may hold: what is missing comes, what is too much goes.

    What changes one case at a time is fed as it happens; this is for what changes many at once: a role,
    an organisation, the days after a closing, the lists of codes. `resend` names kinds to tell anew.
    """
    uow.feed.lock(worker.id)
    again = set(resend)
    before = uow.feed.head(worker.id)
    mark = _mark(uow, worker)
    if before and (before.fitted_for or "").rpartition(":")[2] != mark.rpartition(":")[2]:
        again.add(Kind.REFERENCE)
    wanted: set[Doc] = set()
    if worker.may(Action.SYNC):
        cases = uow.scope.cases_of(worker.id, uow.rulebook.held_since(now))
        coordinates = worker.role is Role.COORDINATOR
        wanted |= set(held_docs(uow.feed, cases, worker.id, coordinates=coordinates))
        wanted |= {Doc(Kind.REFERENCE, key) for key in docs.references(uow.rulebook)}
    held = set(uow.feed.held(worker.id).values())
    entries = {doc: False for doc in wanted if doc not in held or doc.kind in again}
    entries |= {doc: True for doc in held if doc not in wanted}
    uow.feed.append({worker.id: entries})
    uow.feed.fitted(worker.id, mark, now)


def shown(change: Change, carrier: Carrier) -> dict[str, Any]:
    """A document as the device's version of the app knows it."""
    return shown_as_theirs(change.doc.kind, change.content or {}, carrier.schema)


class _Forgotten(Exception):
    """The cursor means nothing any more. `device` where it is of the device's own newest line."""

    def __init__(self, device: Device | None) -> None:
        super().__init__("the cursor means nothing any more")
        self.device = device


def _page(uow: UnitOfWork, carrier: Carrier, ask: Ask, device: Device) -> Page:
    """The page. Raises: CursorNotOurs, _Forgotten."""
    tag = _tag(uow, carrier, ask.kinds)
    after, strange = 0, False
    if ask.cursor:
        try:
            lineage, after = read_cursor(ask.cursor, tag)
        except CursorNotOurs:
            if not ask.lenient:
                raise
            strange, lineage = True, device.lineage
        if lineage != device.lineage:
            raise _Forgotten(None)
        head = uow.feed.head(carrier.worker.id)
        if after > device.issued or head is None or after > head.seq:
            raise _Forgotten(device)
    entries = uow.feed.page(carrier.worker.id, ask.kinds, after, ask.limit + 1)
    changes = _changes(uow, carrier, entries[: ask.limit])
    fitting = changes if ask.max_bytes is None else _fitting(changes, carrier, ask.max_bytes)
    reached = entries[len(fitting) - 1].seq if fitting else after
    cursor = write_cursor(device.lineage, reached, tag)
    return Page(cursor, fitting, reached, more=len(entries) > len(fitting), again=strange)


def _changes(uow: UnitOfWork, carrier: Carrier, entries: list[Entry]) -> list[Change]:
    alive = docs.by_kind((entry.doc.kind, entry.doc.id) for entry in entries if not entry.gone)
    found = docs.render(Reader(uow, carrier.worker), alive)
    return [Change(entry.doc, found.get((entry.doc.kind, entry.doc.id))) for entry in entries]


def _fitting(changes: list[Change], carrier: Carrier, max_bytes: int) -> list[Change]:
    """What of the changes fits into a page, written; one at least, or a large one would never get through."""
    fitting: list[Change] = []
    room = max_bytes
    for change in changes:
        written = orjson.dumps(native(change, carrier), option=JSON)
        room -= len(written) + 1
        if room < 0 and fitting:
            break
        fitting.append(replace(change, written=written))
    return fitting


def native(change: Change, carrier: Carrier) -> Any:  # noqa: ANN401 - a JSON value
    """A change as the native protocol writes it."""
    if change.written is not None:
        return orjson.Fragment(change.written)
    named = {"kind": change.doc.kind, "id": change.doc.id}
    if change.content is None:
        return {**named, "gone": True}
    return {**named, "rev": change.content["rev"], "doc": shown(change, carrier)}


def _begun_again(office: Office, carrier: Carrier, ask: Ask, forgotten: _Forgotten, *, now: datetime) -> Page:
    """What a device gets whose cursor this database has forgotten. Raises: CursorGone.

    A cursor of an older line is refused as often as it comes; nothing is begun again by it, or the
    collections of one device, which have a cursor each, would make each other's worthless for ever.
    """
    if device := forgotten.device:
        with office.work(now) as uow:
            uow.devices.begin_again(device)
            uow.audit.record(Deed("device.began_again", str(carrier.worker.id), device.id))
    if not ask.lenient:
        raise CursorGone
    fresh = Ask(None, ask.kinds, ask.limit, ask.max_bytes)
    page = pull(office, carrier, fresh, now=now)
    page.again = True
    return page


def _remember(office: Office, carrier: Carrier, device: Device, page: Page, *, now: datetime) -> None:
    """Who was given what, before it is given."""
    cases = {change.doc.case_id for change in page.changes if change.doc.case_id and change.content}
    gone = sum(change.content is None for change in page.changes)
    given = {"given": len(page.changes) - gone, "gone": gone, "cases": len(cases), "up_to": page.reached}
    with office.work(now) as uow:
        uow.devices.told(device, up_to=page.reached, schema=carrier.schema, now=now)
        uow.audit.record(Deed("sync.pulled", str(carrier.worker.id), device.id, given))


def cursor_tag(uow: UnitOfWork, worker: Worker, kinds: Iterable[str]) -> Callable[[str], bytes]:
    """What makes a cursor good for this worker and these kinds only."""
    owner = f"{worker.id} {','.join(sorted(kinds))}"
    return lambda text: uow.vault.index("cursor", f"{owner} {text}")


def _tag(uow: UnitOfWork, carrier: Carrier, kinds: Iterable[str]) -> Callable[[str], bytes]:
    return cursor_tag(uow, carrier.worker, kinds)


def _grown(device: Device | None, carrier: Carrier) -> frozenset[str]:
    """The kinds that the device's new version of the app shows more of."""
    if device is None or device.app_schema is None or device.app_schema >= carrier.schema:
        return frozenset()
    return grown_since(device.app_schema)


def _is_fitted(uow: UnitOfWork, carrier: Carrier, device: Device, *, now: datetime) -> bool:
    """Whether the worker's feed was fitted lately, and to what the worker and this device are now."""
    if _grown(device, carrier):
        return False
    head = uow.feed.head(carrier.worker.id)
    return (
        head is not None
        and head.fitted_for == _mark(uow, carrier.worker)
        and head.fitted_at is not None
        and head.fitted_at > now - _FIT_EVERY
    )


def _trusted(uow: UnitOfWork, carrier: Carrier) -> Device | None:
    """The device, if it is known. Raises: DeviceRevoked."""
    device = uow.devices.of(carrier.worker.id, carrier.device)
    if device and device.revoked_at and carrier.device:
        raise DeviceRevoked
    return device


def _mark(uow: UnitOfWork, worker: Worker) -> str:
    who = f"{worker.role}:{worker.organisation_id}:{worker.trained_for_children}"
    return f"{who}:{uow.rulebook.code_lists_mark}"


__all__ = [
    "ALL_KINDS", "JSON", "Ask", "Carrier", "Change", "CursorNotOurs", "Page", "fit", "native", "prepare",
    "pull", "shown",
]  # fmt: skip
