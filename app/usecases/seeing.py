"""Which cases a worker may know of, and looking at them; what may not be seen is as if it were not there."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.guards import shows_note
from app.cases.rules.stages import Case, Sight, as_given_back
from app.cases.store.cases import Wanted
from app.cases.store.people import Person
from app.cases.store.records import ContactAttempt, Member, Task
from app.cases.store.timeline import TimelineItem
from app.escalation.store import Timer
from app.identity.rules import Action, Organisation, Role, Worker
from app.kernel.refusal import NotFound
from app.usecases.guests import handed_over
from app.usecases.unit_of_work import UnitOfWork

_INTAKE_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what is shown beside it."""

    case: Case
    members: tuple[Member, ...]
    reporter: Person | None
    next_timer: Timer | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `total` only where it was asked for."""

    views: tuple[CaseView, ...]
    more: bool
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works here, what they are called, and how many open cases they have."""

    worker: Worker
    name: str
    open_cases: int


def sight_of(worker: Worker, *, with_shared: bool = False) -> Sight:
    """Which cases this worker may know of; `with_shared` only where guests see what was handed over."""
    return Sight(
        worker.id, worker.organisation_id, worker.role is Role.COORDINATOR, worker.trained_for_children,
        with_shared,
    )  # fmt: skip


def who_may_know(uow: UnitOfWork, case_id: UUID, worker_ids: Iterable[UUID]) -> tuple[UUID, ...]:
    """Those of the workers from whom the case is kept by no wall and for no child's sake."""
    asked = tuple(worker_ids)
    guard = uow.cases.guard_of(case_id)
    if not guard.stands:
        return asked
    workers = (uow.identity.worker(worker_id) for worker_id in asked)
    return tuple(one.id for one in workers if one and not guard.keeps_out(sight_of(one)))


def locked_case(uow: UnitOfWork, worker: Worker, case_id: UUID, *, with_shared: bool = False) -> Case:
    """The case, locked. Raises: NotFound, also for a case that is not this worker's to see."""
    case = uow.cases.locked(case_id, sight_of(worker, with_shared=with_shared))
    if case is None:
        raise NotFound
    return case


def see_case(uow: UnitOfWork, worker: Worker, case_id: UUID) -> CaseView:
    """One case in full; the audit chain remembers who looked. Raises: NotFound."""
    case = _seen(uow, worker, case_id)
    uow.audit.record(Deed("case.read", str(worker.id), case_id))
    return _for_guests(uow, worker, views_of(uow, [case]))[0]


def list_cases(uow: UnitOfWork, worker: Worker, wanted: Wanted, *, limit: int, total: bool) -> Page:
    """One page of the cases that this worker may know of, newest first.

    A list names nobody. Looking for one case by its code is a search, which the audit chain remembers.
    """
    worker.must_be_allowed(Action.READ_CASES)
    sight = sight_of(worker, with_shared=True)
    found = uow.cases.listed(wanted, sight, limit + 1)
    count = uow.cases.count(wanted, sight) if total else None
    views = _for_guests(uow, worker, views_of(uow, found[:limit]))
    if wanted.code:
        uow.audit.record(Deed("cases.searched", str(worker.id), None, {"found": len(views)}))
    return Page(tuple(views), len(found) > limit, count)


def see_timeline(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[dict[str, Any]]:
    """What happened in a case, oldest first, with the words opened. Raises: NotFound."""
    case = _seen(uow, worker, case_id)
    uow.audit.record(Deed("timeline.read", str(worker.id), case_id))
    items = uow.timeline.of_case(case_id)
    handed = handed_over(uow, worker, [case]).get(case_id)
    if handed:
        items = [replace(item, private={}) for item in items if handed.shows(item.kind)]
    words = _words_of(uow, items, worker, case)
    return [_shown(item, words) for item in items]


def see_timers(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[Timer]:
    """Every clock that a case ever had. Raises: NotFound."""
    worker.must_be_allowed(Action.READ_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    return uow.timers.of_case(case_id)


def see_tasks(
    uow: UnitOfWork, worker: Worker, *, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[Task], bool]:
    """What waits for a human whom this worker is or stands in for, the most pressing first."""
    worker.must_be_allowed(Action.READ_TASKS)
    found = uow.records.open_tasks(sight_of(worker), after=after, limit=limit + 1)
    return found[:limit], len(found) > limit


def see_intake(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, worker: Worker, *, state: str | None, channel: str | None, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """What came in, newest first: what belongs to this worker's cases, and what belongs to none."""
    worker.must_be_allowed(Action.READ_INTAKE)
    uow.audit.record(Deed("intake.listed", str(worker.id)))
    found: list[dict[str, Any]] = []
    while len(found) <= limit:
        page = uow.intake.arrivals(state=state, kind=channel, before=before, limit=_INTAKE_PAGE)
        found.extend(_for_eyes(uow, worker, page))
        if len(page) < _INTAKE_PAGE:
            break
        before = page[-1]["number"]
    return found[:limit], len(found) > limit


def see_arrival(uow: UnitOfWork, worker: Worker, arrival_id: UUID) -> bytes:
    """What a carrier gave us, byte for byte. What belongs to no case is the coordinators' to read.

    Raises: NotFound.
    """
    worker.must_be_allowed(Action.READ_INTAKE)
    found = uow.intake.raw_of(arrival_id)
    if found is None:
        raise NotFound
    raw, message_id, call_id = found
    of_case = set(uow.intake.cases_of([message_id] if message_id else []).values())
    of_case |= {
        call.case_id for call in uow.calls.of_ids([call_id] if call_id else []).values() if call.case_id
    }
    if not (uow.cases.visible(of_case, sight_of(worker)) or (not of_case and sight_of(worker).coordinates)):
        raise NotFound
    uow.audit.record(Deed("arrival.read", str(worker.id), arrival_id))
    return raw


def see_colleagues(uow: UnitOfWork, worker: Worker) -> list[Colleague]:
    """Whom this worker works with: their own organisation and the coordinators; coordinators, everyone."""
    worker.must_be_allowed(Action.READ_CASES)
    found = uow.identity.colleagues(worker.organisation_id)
    names = uow.identity.names([colleague.id for colleague in found])
    # A case that is kept from this worker is not counted either.
    limits = {colleague.id: uow.rulebook.worker_limit for colleague in found}
    load = uow.cases.load_as_told(limits, sight_of(worker))
    return [Colleague(one, names[one.id], load.get(one.id, 0)) for one in found]


def see_organisations(uow: UnitOfWork, worker: Worker) -> list[Organisation]:
    """The organisations that take cases: no secret among those who refer to one another."""
    worker.must_be_allowed(Action.READ_CASES)
    return uow.identity.organisations()


def _for_eyes(uow: UnitOfWork, worker: Worker, page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    cases = uow.intake.cases_of(arrival["message_id"] for arrival in page if arrival["message_id"])
    calls = uow.calls.of_ids([arrival["call_id"] for arrival in page if arrival["call_id"]])
    phones = uow.intake.phones(call.contact_point_id for call in calls.values() if call.contact_point_id)
    shown = []
    for arrival in page:
        call = calls.get(arrival["call_id"])
        if call is None:
            shown.append({**arrival, "case_id": cases.get(arrival["message_id"])})
            continue
        phone = phones.get(call.contact_point_id) if call.contact_point_id else None
        about = {"sender_kind": call.sender_kind, "from": phone.e164 if phone else None}
        shown.append({**arrival, **about, "case_id": call.case_id})
    visible = uow.cases.visible({one["case_id"] for one in shown if one["case_id"]}, sight_of(worker))
    return [one for one in shown if one["case_id"] is None or one["case_id"] in visible]


def views_of(uow: UnitOfWork, cases: Iterable[Case]) -> list[CaseView]:
    """Cases with their members, reporters and next clocks, in the same order."""
    listed = list(cases)
    ids = [case.id for case in listed]
    members = uow.records.members_of(ids)
    timers = uow.timers.next_of(ids)
    reporters = uow.records.people(case.reporter_id for case in listed if case.reporter_id)
    return [
        CaseView(
            case,
            tuple(members.get(case.id, ())),
            reporters.get(case.reporter_id) if case.reporter_id else None,
            timers.get(case.id),
        )
        for case in listed
    ]


def view_for(uow: UnitOfWork, worker: Worker, case: Case) -> CaseView:
    """What the worker who just did something to the case is shown of it.

    One who declined it may see it no more: they are shown that they gave it back, and nothing of
    what became of it.
    """
    if uow.cases.visible([case.id], sight_of(worker)):
        return views_of(uow, [case])[0]
    return CaseView(as_given_back(case), (), None, None)


def _seen(uow: UnitOfWork, worker: Worker, case_id: UUID) -> Case:
    worker.must_be_allowed(Action.READ_CASES)
    case = uow.cases.get(case_id, sight_of(worker, with_shared=True))
    if case is None:
        raise NotFound
    return case


def _for_guests(uow: UnitOfWork, worker: Worker, views: list[CaseView]) -> list[CaseView]:
    """The views, with no more than was handed over of cases that are another organisation's."""
    handed = handed_over(uow, worker, [view.case for view in views])
    if not handed:
        return views
    return [
        CaseView(over.case(view.case), over.members(view.members), None, None)
        if (over := handed.get(view.case.id))
        else view
        for view in views
    ]


def _words_of(
    uow: UnitOfWork, items: list[TimelineItem], worker: Worker, case: Case
) -> dict[str, dict[str, Any]]:
    """The words behind timeline items, by the id that an item carries."""
    found: dict[str, dict[str, Any]] = {}
    for message_id, body in uow.intake.bodies(_ids(items, "message_id")).items():
        found[str(message_id)] = {"text": body or None}
    for text_id, (body, to_staff) in uow.outbox.bodies(_ids(items, "outbox_id")).items():
        found[str(text_id)] = {"text": body or None, "to": "worker" if to_staff else "person"}
    for note_id, note in uow.records.notes(_ids(items, "note_id")).items():
        shown = shows_note(
            worker, restricted=note.restricted, author_id=note.author_id, organisation_id=case.organisation_id
        )
        found[str(note_id)] = {"text": (note.text or None) if shown else None}
    for attempt_id, attempt in uow.records.contact_attempts(_ids(items, "attempt_id")).items():
        found[str(attempt_id)] = {"note": attempt.note}
    return found


def _ids(items: list[TimelineItem], key: str) -> set[UUID]:
    return {UUID(item.details[key]) for item in items if item.details.get(key)}


def _written(item: TimelineItem) -> dict[str, Any]:
    """What people wrote: as text, or, where an edit went over it, as the values that stood there before."""
    words = {name: text for name, text in item.private.items() if not name.endswith("_value")}
    if "overwritten" in words:
        return {**words, "overwritten": json.loads(words["overwritten"])}
    return dict(words)


def _both_values(item: TimelineItem) -> dict[str, Any]:
    """The two values of a conflict, each with who wrote it and when."""
    return {
        which: {
            "value": json.loads(item.private.get(f"{which}_value", "null")),
            "by": item.details[f"{which}_by"],
            "at": item.details[f"{which}_at"],
        }
        for which in ("kept", "lost")
    }


def _shown(item: TimelineItem, words: dict[str, dict[str, Any]]) -> dict[str, Any]:
    behind: dict[str, Any] = _both_values(item) if item.kind == "conflict.found" else {}
    for key in ("message_id", "outbox_id", "note_id", "attempt_id"):
        behind |= words.get(item.details.get(key, ""), {})
    return {
        "id": item.id, "kind": item.kind, "at": item.at, "actor": item.actor, "case_id": item.case_id,
        **item.details, **_written(item), **behind,
    }  # fmt: skip


__all__ = [
    "Case",
    "CaseView",
    "Colleague",
    "ContactAttempt",
    "Member",
    "Page",
    "Person",
    "Timer",
    "Wanted",
    "list_cases",
    "locked_case",
    "see_arrival",
    "see_case",
    "see_colleagues",
    "see_intake",
    "see_organisations",
    "see_tasks",
    "see_timeline",
    "see_timers",
    "sight_of",
    "view_for",
    "views_of",
    "who_may_know",
]
