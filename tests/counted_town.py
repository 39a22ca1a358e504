"""Cases with many people, put into the database as if they had been opened in earlier months."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import TypeVar
from uuid import UUID

from app.cases.rules.stages import Case, Queue, Status
from app.cases.store.people import Person
from app.cases.store.records import Member, Note
from app.circumstances.rules import Circumstances, Party, PartyKind
from app.identity.rules import Role
from app.kernel.ids import new_id
from app.kernel.urgency import Urgency
from app.usecases.setting_up import organisation_id
from tests.makers import LOTUS, TONLE, Installation

CANARY = "Sokunthea-canary"
SEXES = ("female", "male", "other", "unknown")
DESTINATIONS = ("TH", "MY", "KR", "JP")
CATEGORIES = ("unpaid_wages", "detention", "sexual_violence")
T = TypeVar("T")
BIRTHS = (date(2012, 5, 1), date(2004, 5, 1), date(1998, 5, 1), date(1990, 5, 1), None)


@dataclass(frozen=True)
class Group:
    """One case: so many people, of whom the first `written` were written down."""

    people: int = 1
    written: int = 0
    destination: str | None = "TH"
    categories: tuple[str, ...] = ("unpaid_wages",)
    sex: str = "female"
    born: date | None = None
    organisation: str | None = TONLE
    outcome: str | None = None
    status: Status = Status.NEW
    sector: str | None = None
    province: str | None = None
    day: date = date(2026, 1, 10)


def keep(here: Installation, groups: Iterable[Group]) -> list[UUID]:
    """Put the cases there, each with a note, a summary and an employer that hold a name."""
    worker = here.a_worker(Role.CASEWORKER, username=f"keeper-{new_id(here.clock.now()).hex}")
    found = []
    with here.office.work(here.clock.now()) as uow:
        for group in groups:
            at = datetime(group.day.year, group.day.month, group.day.day, 5, tzinfo=UTC)
            case = _case_of(group, at, uow.cases.free_code())
            uow.cases.add(case)
            uow.records.add_members([_member_of(group, case.id, at) for _ in range(group.written)], at)
            uow.records.add_note(Note(new_id(at), case.id, worker.id, f"about {CANARY}", False, at))
            uow.circumstances.keep(Circumstances(case.id, group.sector, group.province), worker.id, at)
            party = Party(new_id(at), PartyKind.EMPLOYER, (f"{CANARY} {case.id.hex}",))
            uow.circumstances.add_party(party, worker.id, at)
            uow.circumstances.link(case.id, party.id, worker.id, at)
            found.append(case.id)
    return found


def _case_of(group: Group, at: datetime, code: str) -> Case:
    return Case(
        id=new_id(at), code=code, status=group.status, urgency=Urgency.U3, categories=group.categories,
        reasons=(), language="km", origin_channel="sms", destination_country=group.destination,
        organisation_id=organisation_id(group.organisation) if group.organisation else None, owner_id=None,
        queue=Queue.COORDINATOR, member_count=group.people, reporter_id=None, summary=f"of {CANARY}",
        opened_at=at, updated_at=at,
    )  # fmt: skip


def _member_of(group: Group, case_id: UUID, at: datetime) -> Member:
    person = Person(new_id(at), CANARY, sex=group.sex, birth_date=group.born)
    return Member(new_id(at), case_id, person, outcome=group.outcome)


def a_month(seed: int, month: int, cases: int = 40) -> list[Group]:
    """Cases of one month of 2026, most of them of a few kinds."""
    random = Random(seed * 100 + month)
    found = []
    for _ in range(cases):
        people = random.choice((1, 1, 1, 2, 5, 14))
        found.append(Group(
            people, random.randint(0, people), _drawn(random, DESTINATIONS), (_drawn(random, CATEGORIES),),
            _drawn(random, SEXES), _drawn(random, BIRTHS), _drawn(random, (TONLE, LOTUS)),
            day=date(2026, month, random.randint(1, 28)),
        ))  # fmt: skip
    return found


def _drawn(random: Random, listed: tuple[T, ...]) -> T:
    return random.choices(listed, [4**-place for place in range(len(listed))])[0]
