"""Cases that workers open and edit by hand: intake at a desk, corrections, members."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules import stages
from app.cases.rules.facts import CategoriesChanged, DetailsChanged, Fact
from app.cases.rules.guards import must_suit_child
from app.cases.rules.stages import Case
from app.cases.store.people import Person
from app.cases.store.records import Correction, Member
from app.identity.rules import SUPERVISES, Action, Role, Worker
from app.kernel.ids import new_id
from app.kernel.language import Script
from app.kernel.money import Money
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound, Refusal
from app.kernel.urgency import Urgency
from app.usecases import clocks
from app.usecases.case_work import IdConflict
from app.usecases.opening import Draft, look_for_child, open_case, take_from_barred
from app.usecases.reachable import known_points, lead_to
from app.usecases.seeing import CaseView, locked_case, sight_of, view_for, views_of
from app.usecases.understanding import of_summary
from app.usecases.unit_of_work import UnitOfWork

HOME: Final = "KH"
_CATEGORY_FLOOR: Final = "category.floor"
CLEARABLE: Final = frozenset({"destination_country", "summary"})


class PreconditionFailed(Refusal):
    """The case changed since the device last saw it."""

    code = "precondition_failed"
    status = 412


@dataclass(frozen=True, slots=True)
class Affected:
    """An affected person as a worker writes them down; `id` is the device's own for the member."""

    person: Person
    wages_claimed: Money | None = None
    flags: frozenset[str] = frozenset()
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """A case as a worker writes it down. `content` is what makes a repeat the same request."""

    id: UUID
    content: str
    categories: tuple[str, ...]
    language: str
    destination: str | None
    summary: str | None
    phone: Phone | None
    reporter: Person | None
    members: tuple[Affected, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be different; None leaves a field as it is, `cleared` names CLEARABLE fields to empty."""

    categories: tuple[str, ...] | None = None
    destination_country: str | None = None
    language: str | None = None
    summary: str | None = None
    urgency: Urgency | None = None
    reason: str | None = None
    cleared: frozenset[str] = frozenset()


def edit_of(fields: Mapping[str, Any]) -> Edit:
    """The edit that gives these fields these values, written as plain JSON; None empties a field."""
    urgency = fields.get("urgency")
    return Edit(
        categories=tuple(fields["categories"]) if "categories" in fields else None,
        destination_country=fields.get("destination_country"), language=fields.get("language"),
        summary=fields.get("summary"), urgency=Urgency(urgency) if urgency else None,
        reason=fields.get("urgency_reason"),
        cleared=frozenset(name for name in CLEARABLE if name in fields and fields[name] is None),
    )  # fmt: skip


def open_by_worker(uow: UnitOfWork, worker: Worker, intake: Intake, *, now: datetime) -> CaseView:
    """The case that a worker wrote down. The same id and content again is the same case.

    A caseworker keeps what they open; what others open is routed, within their organisation if
    they have one. Raises: NotAllowed, CategoryUnknown, IdConflict.
    """
    worker.must_be_allowed(Action.OPEN_CASES)
    uow.rulebook.must_know(intake.categories)
    people = {member.person.id: member for member in intake.members}
    fingerprint = uow.vault.index("command", intake.content)
    first = uow.records.first_time(intake.id, worker.id, fingerprint, now)
    if first is None:
        raise IdConflict
    if not first:
        opened = uow.cases.get(intake.id, None)
        if opened is None:
            raise NotFound
        return view_for(uow, worker, opened)
    if uow.cases.get(intake.id, None):
        raise IdConflict
    _must_be_ours_to_name(uow, worker, [*people, *([intake.reporter.id] if intake.reporter else [])])
    if intake.reporter:
        uow.records.add_person(intake.reporter, now)
    at_least = Urgency.U4 if intake.categories else Urgency.U2
    categories, urgency, reasons = of_summary(uow, intake.summary, intake.categories, at_least)
    draft = Draft(
        categories=categories, urgency=urgency, reasons=reasons,
        language=intake.language, channel="worker", destination=_destination(intake),
        members=max(1, len(people)), summary=intake.summary,
        reporter_id=intake.reporter.id if intake.reporter else None, id=intake.id,
        within=worker.organisation_id, taker=worker.id if worker.role is Role.CASEWORKER else None,
        births=tuple(member.person.birth_date for member in people.values()),
    )  # fmt: skip
    # The phone is locked before the worker who gets the case, as reception does it: a text of the same
    # person at this moment waits for us, where the other way round each would wait for the other.
    point = (
        uow.intake.contact_point(intake.phone, language=intake.language, script=Script.KHMER, now=now)
        if intake.phone
        else None
    )
    known = [*([intake.reporter] if intake.reporter else []), *(one.person for one in people.values())]
    points = known_points(uow, known, now=now)
    case = open_case(uow, draft, actor=worker.id, now=now)
    uow.records.add_members(_members(case.id, people.values(), now=now), now)
    if point:
        reporter_id = intake.reporter.id if intake.reporter else None
        uow.cases.add_phone(case.id, point.id, now, reporter_id)
    lead_to(uow, case.id, known, points, now=now)
    if worker.role is Role.COORDINATOR:
        uow.cases.add_helpers([(case.id, worker.id, Role.COORDINATOR)], now)
    return view_for(uow, worker, case)


def edit(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, worker: Worker, case_id: UUID, change: Edit, *, seen: int | None, now: datetime
) -> CaseView:
    """The case with its fields edited; `seen` is the version that the worker was looking at.

    Raises: NotFound, NotAllowed, PreconditionFailed, CaseIsClosed, CategoryUnknown,
    LoweringNeedsSupervisor.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case = locked_case(uow, worker, case_id)
    if seen is not None and seen != case.version:
        raise PreconditionFailed(version=case.version)
    case.must_be_open()
    must_suit_child(case, change.urgency)
    changed, facts = _edited(uow, case, change, worker, now=now)
    changed, found = look_for_child(uow, changed, now=now)
    facts += found
    if not facts:
        return views_of(uow, [case])[0]
    saved = uow.cases.save(replace(changed, updated_at=now))
    uow.tell(case.id, facts, actor=worker.id)
    for correction in _corrections(case, saved, change, now=now):
        uow.records.add_correction(case.id, correction)
    clocks.adapt(uow, case, saved, now=now)
    return view_for(uow, worker, take_from_barred(uow, saved, now=now) if found else saved)


def add_members(
    uow: UnitOfWork, worker: Worker, case_id: UUID, people: Sequence[Affected], *, now: datetime
) -> CaseView:
    """The case with more affected people. People whose id is there already stay as they are.

    Raises: NotFound, NotAllowed, CaseIsClosed, IdConflict.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    points = known_points(uow, [one.person for one in people], now=now)
    case = locked_case(uow, worker, case_id)
    case.must_be_open()
    known = {member.person.id for member in uow.records.members_of([case_id]).get(case_id, [])}
    added = {member.person.id: member for member in people if member.person.id not in known}
    if not added:
        return views_of(uow, [case])[0]
    _must_be_ours_to_name(uow, worker, added)
    fresh = _members(case_id, added.values(), now=now)
    uow.records.add_members(fresh, now)
    lead_to(uow, case_id, [member.person for member in fresh], points, now=now)
    count = max(case.member_count, len(known) + len(fresh))
    grown, found = look_for_child(uow, replace(case, member_count=count, updated_at=now), now=now)
    saved = uow.cases.save(grown)
    uow.tell(case_id, [DetailsChanged(("members",)), *found], actor=worker.id)
    clocks.adapt(uow, case, saved, now=now)
    return view_for(uow, worker, take_from_barred(uow, saved, now=now) if found else saved)


def finish_task(uow: UnitOfWork, worker: Worker, task_id: UUID, *, now: datetime) -> None:
    """A human did what the task asked. Doing it twice changes nothing. Raises: NotFound."""
    worker.must_be_allowed(Action.READ_TASKS)
    task = uow.records.locked_task(task_id, sight_of(worker))
    if task is None:
        raise NotFound
    if task.done_at is None:
        uow.records.finish_task(task, by=worker.id, now=now)
        uow.audit.record(Deed("task.done", str(worker.id), task.id, {"kind": task.kind}))


def _members(case_id: UUID, people: Collection[Affected], *, now: datetime) -> list[Member]:
    """Members who stay in the order in which they were written down: ids of one moment have none."""
    ids = sorted(new_id(now) for _ in people)
    return [
        Member(one.id or id_, case_id, one.person, flags=one.flags, wages_claimed=one.wages_claimed)
        for id_, one in zip(ids, people, strict=True)
    ]


def _must_be_ours_to_name(uow: UnitOfWork, worker: Worker, people: Iterable[UUID]) -> None:
    """A person's id opens what is kept of them, so only people of cases in sight may be named by it.

    Raises: IdConflict.
    """
    if uow.records.strangers(people, sight_of(worker)):
        raise IdConflict


def _destination(intake: Intake) -> str | None:
    """Where the people are: as written down, else the country of the phone unless that is home."""
    country = intake.phone.country if intake.phone else None
    return intake.destination or (country if country != HOME else None)


def _corrections(before: Case, after: Case, change: Edit, *, now: datetime) -> Iterator[Correction]:
    """What the worker decided over triage, beside the rules that it had decided by.

    Nothing where no text had been read: then it is only a worker who thinks again.
    """
    rules = tuple(dict.fromkeys(str(reason["rule"]) for reason in before.reasons))
    if not set(rules) - {_CATEGORY_FLOOR}:
        return
    if change.categories is not None and before.categories != after.categories:
        yield Correction("categories", before.categories, after.categories, rules, before.language, now)
    if change.urgency is not None and before.urgency is not after.urgency:
        yield Correction("urgency", (before.urgency,), (after.urgency,), rules, before.language, now)


def _edited(
    uow: UnitOfWork, case: Case, change: Edit, worker: Worker, *, now: datetime
) -> tuple[Case, list[Fact]]:
    facts: list[Fact] = []
    after = case
    wanted = None if change.categories is None else change.categories or (stages.UNCLASSIFIED,)
    if wanted is not None and set(wanted) != set(case.categories):
        uow.rulebook.must_know(wanted)
        after = replace(after, categories=tuple(dict.fromkeys(wanted)))
        facts.append(CategoriesChanged(case.categories, after.categories))
        after, raised = stages.learn(
            after, categories=(), urgency=uow.rulebook.urgency_of(after.categories, after.urgency),
            reasons=[{"rule": _CATEGORY_FLOOR}], now=now,
        )  # fmt: skip
        facts.extend(raised)
    plain = {
        "destination_country": change.destination_country,
        "language": change.language,
        "summary": change.summary,
    }
    fields: dict[str, str | None] = {
        name: value for name, value in plain.items() if value is not None and value != getattr(case, name)
    }
    fields |= {name: None for name in change.cleared & CLEARABLE if getattr(case, name)}
    if fields:
        before = {name: getattr(case, name) for name in fields if getattr(case, name)}
        after = replace(after, **fields)  # type: ignore[arg-type]  # names and values come from `plain`
        overwritten = json.dumps(before, ensure_ascii=False) if before else None
        facts.append(DetailsChanged(tuple(sorted(fields)), overwritten))
    if change.urgency is not None:
        after, decided = stages.set_urgency(
            after, change.urgency, reason=change.reason, may_lower=worker.role in SUPERVISES, now=now
        )
        facts.extend(decided)
    return after, facts
