"""Opening a case and finding who takes it: the same whether a text, a call or a caseworker opens it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.cases.rules import stages
from app.cases.rules.facts import CaseOpened, CaseRouted, Fact
from app.cases.rules.guards import mark_child
from app.cases.rules.stages import UNCLASSIFIED, Case, Queue, Status
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Role
from app.kernel.ids import new_id
from app.kernel.urgency import Urgency
from app.outbox.rules import Purpose
from app.routing.rules import Because, Candidate, Choice, Coverage, Need, Why, choose
from app.usecases import clocks
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import UnitOfWork
from app.usecases.words import alert, alerted_since

_FIRST_CLOCKS: Final = (ClockKind.ACCEPT, ClockKind.FIRST_CONTACT)
_TELL_OWNER_EVERY: Final = timedelta(minutes=15)
_NOBODY_TRAINED: Final = "child_needs_trained"
_FIND_TRAINED_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a case that is about to be opened."""

    categories: tuple[str, ...]
    urgency: Urgency
    language: str
    channel: str
    destination: str | None = None
    members: int = 1
    reasons: tuple[Mapping[str, Any], ...] = ()
    summary: str | None = None
    reporter_id: UUID | None = None
    id: UUID | None = None
    within: UUID | None = None  # the one organisation that may get it
    taker: UUID | None = None  # the one worker who may get it: who opened it
    births: tuple[date | None, ...] = ()  # of the people written down


def open_case(uow: UnitOfWork, draft: Draft, *, actor: UUID | str, now: datetime) -> Case:
    """A new case that has found its caseworker or a queue, with its clocks running.

    An id that the draft brings must be new.
    """
    categories = draft.categories or (UNCLASSIFIED,)
    case = Case(
        id=draft.id or new_id(now), code=uow.cases.free_code(), status=Status.NEW,
        urgency=uow.rulebook.urgency_of(categories, draft.urgency), categories=categories,
        reasons=draft.reasons, language=draft.language, origin_channel=draft.channel,
        destination_country=draft.destination, organisation_id=None, owner_id=None,
        queue=Queue.COORDINATOR, member_count=draft.members, reporter_id=draft.reporter_id,
        summary=draft.summary, opened_at=now, updated_at=now,
    )  # fmt: skip
    opened = CaseOpened(case.urgency, case.categories, case.origin_channel, case.member_count)
    case, found = mark_child(case, draft.births, signs=_signs(uow, case), now=now)
    kept = draft.taker is not None and _may_keep(uow, case, draft.taker)
    choice = _kept_by(draft) if kept else find_taker(uow, case, within=draft.within, now=now)
    routed, facts = stages.route(case, choice, now=now)
    uow.cases.add(routed)
    uow.tell(case.id, [opened, *found, *facts], actor=actor)
    clocks.start(uow, routed, _FIRST_CLOCKS, now=now)
    tell_taker(uow, routed, now=now)
    return routed


def learn_more(  # noqa: PLR0913 - before and after with what led there, and the time
    uow: UnitOfWork,
    before: Case,
    after: Case,
    facts: Iterable[Fact],
    *,
    now: datetime,
    reasons: tuple[Mapping[str, Any], ...] = (),
) -> Case:
    """The case with what a person told of it, saved, and its clocks on the ladder that this asks for.

    `reasons` are the rules that the newest words satisfied, also where they changed nothing else.
    """
    after, found = look_for_child(uow, after, reasons=reasons, now=now)
    told = [*facts, *found]
    if not told:
        return before
    saved = uow.cases.save(after)
    uow.tell(saved.id, told, actor="reception")
    clocks.adapt(uow, before, saved, now=now)
    return take_from_barred(uow, saved, now=now) if found else saved


def look_for_child(
    uow: UnitOfWork, case: Case, *, reasons: tuple[Mapping[str, Any], ...] = (), now: datetime
) -> tuple[Case, list[Fact]]:
    """The case, marked where one of its members is a child, or may be one by what is known of it."""
    if case.child_since is not None:
        return case, []
    members = uow.records.members_of([case.id]).get(case.id, [])
    births = [member.person.birth_date for member in members]
    return mark_child(case, births, signs=_signs(uow, case, reasons), now=now)


def take_from_barred(uow: UnitOfWork, case: Case, *, now: datetime) -> Case:
    """The saved case with another taker, where it is kept from the one it has or from their organisation."""
    guard = uow.cases.guard_of(case.id)
    owner = uow.identity.worker(case.owner_id) if case.owner_id else None
    barred = owner is not None and guard.keeps_out(sight_of(owner))
    unseen = owner is None and case.child_since is not None and case.queue is Queue.ORGANISATION
    if not case.is_open:
        # Nobody works on it; an organisation that may not see it does not.
        return case
    if not (barred or unseen or case.organisation_id in guard.organisations):
        return case
    taken = replace(
        case, owner_id=None, organisation_id=None, queue=Queue.COORDINATOR, status=Status.TRIAGED,
        accepted_at=None, hold_until=None, updated_at=now,
    )  # fmt: skip
    routed = route_again(uow, taken, now=now)
    clocks.stop(uow, routed, [ClockKind.REVIEW], now=now)
    clocks.adapt(uow, case, routed, now=now)
    clocks.keep_running(uow, routed, [ClockKind.ACCEPT], now=now)
    return routed


def tell_owner(uow: UnitOfWork, case: Case, *, now: datetime) -> None:
    """The owner learns that something came, not with every text of a row."""
    if case.owner_id and not alerted_since(uow, case.id, case.owner_id, now - _TELL_OWNER_EVERY):
        alert(uow, [case.owner_id], case, key="staff.new_message", purpose=Purpose.STAFF_ALERT, now=now)


def route_again(uow: UnitOfWork, case: Case, *, now: datetime) -> Case:
    """The saved case with its next taker, after it lost the one it had. Its clocks are left as they are."""
    routed, facts = stages.route(case, find_taker(uow, case, now=now), now=now)
    saved = uow.cases.save(routed)
    uow.tell(case.id, facts, actor="routing")
    tell_taker(uow, saved, now=now)
    return saved


def find_taker(uow: UnitOfWork, case: Case, *, now: datetime, within: UUID | None = None) -> CaseRouted:
    """Who should take the case, and why; only of one organisation where `within` names it.

    Nobody gets it from whom it is kept: a case with a child that nobody trained can take waits with
    the coordinators, who are told so.
    """
    guard = uow.cases.guard_of(case.id)
    guard = replace(guard, child=case.child_since is not None)
    organisations = [
        o for o in uow.identity.organisations() if within in {None, o.id} and o.id not in guard.organisations
    ]
    workers = [
        (worker, last) for worker, last in uow.identity.caseworkers() if not guard.keeps_out(sight_of(worker))
    ]
    load = uow.cases.load(
        {worker.id: uow.rulebook.worker_limit for worker, _ in workers if worker.on_duty},
        {organisation.id: organisation.capacity for organisation in organisations},
    )
    need = Need(
        categories=case.categories, language=case.language, destination=case.destination_country,
        urgency=case.urgency, declined_by=uow.cases.declined_by(case.id),
        in_hours=uow.rulebook.ladders.calendar.is_open(now),
    )  # fmt: skip
    coverages = [
        Coverage(
            o.id, o.code, o.categories, o.destinations, o.languages, o.always_open, o.capacity, o.verified
        )
        for o in organisations
    ]
    candidates = [
        Candidate(
            worker.id, worker.organisation_id, worker.languages, worker.on_duty,
            load.workers.get(worker.id, 0), uow.rulebook.worker_limit, last,
        )
        for worker, last in workers
        if worker.organisation_id
    ]  # fmt: skip
    choice = choose(need, coverages, candidates, load.organisations)
    if choice.worker_id:
        uow.identity.assigned(choice.worker_id, now)
    return _as_fact(choice, None if guard.child else within)


def tell_taker(uow: UnitOfWork, case: Case, *, now: datetime) -> None:
    """Alert the worker who got the case, or the coordinators when nobody did."""
    takers = [case.owner_id] if case.owner_id else uow.identity.with_role(Role.COORDINATOR, None)
    untaken = case.owner_id is None and case.child_since is not None
    if untaken and not uow.records.waits_for_human(case.id, _NOBODY_TRAINED):
        uow.records.add_task(
            kind=_NOBODY_TRAINED, case_id=case.id, subject_id=None, due_at=now + _FIND_TRAINED_WITHIN, now=now
        )
    alert(uow, takers, case, key="staff.new_case", purpose=Purpose.STAFF_ALERT, now=now)


def _signs(uow: UnitOfWork, case: Case, reasons: tuple[Mapping[str, Any], ...] = ()) -> bool:
    return uow.rulebook.child_signs.shown_by(case.categories, (*case.reasons, *reasons))


def _may_keep(uow: UnitOfWork, case: Case, worker_id: UUID) -> bool:
    """Whether whoever opened the case may keep it: one with a child is for those who are trained."""
    if case.child_since is None:
        return True
    worker = uow.identity.worker(worker_id)
    return worker is not None and worker.trained_for_children


def _kept_by(draft: Draft) -> CaseRouted:
    """A caseworker who opens a case keeps it: they have the person before them."""
    return CaseRouted(draft.within, draft.taker, None, (Because.of(Why.OPENED_BY_WORKER).plain(),))


def _as_fact(choice: Choice, within: UUID | None) -> CaseRouted:
    because = tuple(reason.plain() for reason in choice.because)
    return CaseRouted(choice.organisation_id or within, choice.worker_id, None, because)
