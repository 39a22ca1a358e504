"""Cases: list, open, look at, edit, and their timelines and clocks."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query
from starlette.responses import Response

from app.api import cursors
from app.api.doors import Asked, Door, lets, may_answer
from app.api.schemas import CaseIn, CasePatch, CategoryCode, MemberIn, MembersIn, Moment, PersonIn
from app.api.views import CaseOut, CasePage, Timeline, TimelineItem, Timers, timer_out
from app.cases.rules.stages import Status
from app.identity.rules import Action
from app.kernel.ids import case_code, new_id
from app.kernel.money import Money
from app.kernel.phone import Phone
from app.kernel.urgency import Urgency
from app.usecases import keeping, seeing
from app.usecases.fields import FLAGS
from app.usecases.keeping import Affected, Edit, Intake, PreconditionFailed
from app.usecases.seeing import CaseView, Person, Wanted

door = Door(prefix="/v1/cases", tags=["cases"])


@door.get("", responses=may_answer())
@lets(Action.READ_CASES)
def list_cases(
    asked: Asked,
    status: Annotated[list[Status], Query()] = [],  # noqa: B006 - FastAPI copies it
    urgency: Annotated[list[Urgency], Query()] = [],  # noqa: B006 - FastAPI copies it
    category: Annotated[list[CategoryCode], Query()] = [],  # noqa: B006 - FastAPI copies it
    owner: Annotated[str | None, Query(pattern=r"^(me|none|[0-9a-fA-F-]{32,36})$")] = None,
    overdue: Annotated[bool | None, Query()] = None,
    updated_since: Moment | None = None,
    code: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    total: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
) -> CasePage:
    """Cases that you may know of, newest first. `owner` is `me`, `none` or a worker's id."""
    wanted = Wanted(
        statuses=tuple(status), urgencies=tuple(urgency), categories=tuple(category),
        owner_id=_owner(owner, asked.worker.id), unowned=owner == "none", overdue=overdue,
        updated_since=updated_since, code=(case_code(code) or "none") if code else None,
        after=cursors.read(cursor),
    )  # fmt: skip
    with asked.office.work(asked.now) if code else asked.office.look() as uow:
        page = seeing.list_cases(uow, asked.worker, wanted, limit=limit, total=total)
    last = page.views[-1].case if page.more else None
    return CasePage(
        items=[CaseOut.of(view, in_full=False) for view in page.views],
        next_cursor=cursors.write(last.opened_at, last.id) if last else None,
        total=page.total,
    )


@door.post("", status_code=201, responses=may_answer(409))
@lets(Action.OPEN_CASES)
def open_case(asked: Asked, body: CaseIn, response: Response) -> CaseOut:
    """Open a case. The same `id` and body again is the same case; another body under it is refused."""
    case_id = body.id or new_id(asked.now)
    intake = Intake(
        id=case_id, content=body.model_dump_json(exclude={"id"}), categories=tuple(body.categories),
        language=body.language, destination=body.destination_country, summary=body.summary,
        phone=Phone(body.phone) if body.phone else None,
        reporter=_person(body.reporter, asked.now) if body.reporter else None,
        members=tuple(_affected(member, asked.now) for member in body.members),
    )  # fmt: skip
    with asked.office.work(asked.now) as uow:
        view = keeping.open_by_worker(uow, asked.worker, intake, now=asked.now)
    response.headers["Location"] = f"/v1/cases/{case_id}"
    return _shown(view, response)


@door.get("/{case_id}", responses=may_answer(404))
@lets(Action.READ_CASES)
def see_case(asked: Asked, case_id: UUID, response: Response) -> CaseOut:
    """One case in full, with its version as ETag. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        view = seeing.see_case(uow, asked.worker, case_id)
    return _shown(view, response)


@door.patch("/{case_id}", responses=may_answer(404, 409, 412))
@lets(Action.WORK_CASES)
def edit_case(
    asked: Asked,
    case_id: UUID,
    body: CasePatch,
    response: Response,
    if_match: Annotated[str | None, Header(max_length=100)] = None,
) -> CaseOut:
    """Edit a case (JSON merge patch). Send the ETag that you saw as `If-Match`: 412 means it is stale."""
    cleared = {name for name in body.model_fields_set if getattr(body, name) is None}
    change = Edit(
        categories=tuple(body.categories or ()) if "categories" in body.model_fields_set else None,
        destination_country=body.destination_country,
        language=body.language,
        summary=body.summary,
        urgency=body.urgency,
        reason=body.reason,
        cleared=frozenset(cleared),
    )
    with asked.office.work(asked.now) as uow:
        view = keeping.edit(uow, asked.worker, case_id, change, seen=_version(if_match), now=asked.now)
    return _shown(view, response)


@door.post("/{case_id}/members", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def add_members(asked: Asked, case_id: UUID, body: MembersIn, response: Response) -> CaseOut:
    """Add affected people. People whose `id` is there already stay as they are."""
    people = [_affected(member, asked.now) for member in body.members]
    with asked.office.work(asked.now) as uow:
        view = keeping.add_members(uow, asked.worker, case_id, people, now=asked.now)
    return _shown(view, response)


@door.get("/{case_id}/timeline", responses=may_answer(404))
@lets(Action.READ_CASES)
def see_timeline(asked: Asked, case_id: UUID) -> Timeline:
    """What happened in a case, oldest first. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        items = seeing.see_timeline(uow, asked.worker, case_id)
    return Timeline(items=[TimelineItem(**item) for item in items])


@door.get("/{case_id}/timers", responses=may_answer(404))
@lets(Action.READ_CASES)
def see_timers(asked: Asked, case_id: UUID) -> Timers:
    """Every clock that a case ever had, oldest first."""
    with asked.office.look() as uow:
        timers = seeing.see_timers(uow, asked.worker, case_id)
    return Timers(items=[timer_out(timer) for timer in timers])


def _shown(view: CaseView, response: Response) -> CaseOut:
    response.headers["ETag"] = f'"{view.case.version}"'
    return CaseOut.of(view, in_full=True)


def _owner(owner: str | None, me: UUID) -> UUID | None:
    if owner in {None, "none"}:
        return None
    return me if owner == "me" else _uuid(str(owner))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)  # no worker has it, so the list is empty


def _version(if_match: str | None) -> int | None:
    """The version that the device saw; an ETag that is none of ours is a stale one."""
    if if_match is None or if_match.strip() == "*":
        return None
    number = if_match.strip().removeprefix("W/").strip('"')
    if not number.isascii() or not number.isdigit():
        raise PreconditionFailed(version=None)
    return int(number)


def _affected(member: MemberIn, now: datetime) -> Affected:
    wages = member.wages_claimed
    flags = frozenset(name for name in FLAGS if getattr(member, name))
    money = Money(wages.amount_minor, wages.currency) if wages else None
    return Affected(_person(member, now), money, flags)


def _person(person: PersonIn, now: datetime) -> Person:
    return Person(
        id=person.id or new_id(now),
        name=person.name,
        phone=Phone(person.phone) if person.phone else None,
        sex=person.sex,
        birth_date=person.birth_date,
        language=person.language,
    )
