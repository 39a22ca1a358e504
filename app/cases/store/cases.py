"""Queries on cases: open, lock, save, list, and what hangs on them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from app.cases.rules.guards import Guard
from app.cases.rules.stages import Case, Outcome, Queue, Sight, Status
from app.cases.store.load import OPEN_OF_ORGANISATIONS, OPEN_OF_WORKERS, open_cases_of_workers
from app.cases.store.sight import open_to, seen_by
from app.cases.tables import case_categories, case_phones, cases, declines, helpers, walls
from app.crypto.vault import Place, Vault
from app.kernel.ids import new_case_code
from app.kernel.urgency import Urgency
from app.store.feed import Kind, Touched
from app.store.rows import insert_new

_FINISHED: Final = (Status.CLOSED, Status.MERGED)
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases a list is to hold. `after` is the last row of the page before."""

    statuses: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    owner_id: UUID | None = None
    unowned: bool = False
    overdue: bool | None = None
    updated_since: datetime | None = None
    code: str | None = None
    after: tuple[datetime, UUID] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How many open cases organisations and workers have, counted no further than asked."""

    organisations: Mapping[UUID, int] = field(default_factory=dict)
    workers: Mapping[UUID, int] = field(default_factory=dict)


class CaseStore:
    """Cases as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched
        self._locked: dict[UUID, tuple[str, ...]] = {}  # the categories of cases that nobody else can change

    def free_code(self) -> str:
        """A case code that no case has."""
        for _ in range(_TRIES):
            code = new_case_code()
            if self._connection.execute(select(cases.c.id).where(cases.c.code == code)).first() is None:
                return code
        raise RuntimeError("the case codes are nearly used up: make them longer")

    def add(self, case: Case) -> None:
        """Keep a new case."""
        values = {"id": case.id, "code": case.code, "event_count": 0, **self._values(case)}
        self._connection.execute(insert(cases), values)
        self._keep_categories(case)
        self._touched.note(Kind.CASE, case.id, case.id)

    def get(self, case_id: UUID, sight: Sight | None) -> Case | None:
        """One case, if it is there for these eyes. `None` as sight is the program itself."""
        return self._one(_one_for(sight), {"case": case_id})

    def many(self, ids: Iterable[UUID]) -> list[Case]:
        """Cases by id, for whoever has made sure of who may see them."""
        return [self._case(row) for row in self._connection.execute(_BY_ID, {"ids": list(ids)}).all()]

    def visible(self, ids: Iterable[UUID], sight: Sight) -> frozenset[UUID]:
        """Those of the cases that are there for these eyes."""
        asked = select(cases.c.id).where(cases.c.id.in_(list(ids)), seen_by(sight))
        return frozenset(self._connection.execute(asked).scalars())

    def kept_from(self, ids: Iterable[UUID], sight: Sight) -> frozenset[UUID]:
        """Those of the ids that are cases which a wall or a child closes to these eyes."""
        asked = select(cases.c.id).where(cases.c.id.in_(list(ids)), ~open_to(sight))
        return frozenset(self._connection.execute(asked).scalars())

    def locked(self, case_id: UUID, sight: Sight | None) -> Case | None:
        """As get, locked until the transaction ends."""
        found = self._one(_one_for(sight, locked=True), {"case": case_id})
        self._locked |= {case_id: found.categories} if found else {}
        return found

    def locked_many(self, ids: Iterable[UUID]) -> list[Case]:
        """Those of the cases that nobody else is working on at this moment, locked."""
        asked = (
            select(cases)
            .where(cases.c.id.in_(list(ids)))
            .order_by(cases.c.id)
            .with_for_update(skip_locked=True)
        )
        return [self._case(row) for row in self._connection.execute(asked)]

    def save(self, case: Case) -> Case:
        """Write the case down as its next version, which is returned."""
        values = {**self._values(case), "version": case.version + 1}
        before = self._locked.get(case.id)
        if before is None:
            before = tuple(self._connection.execute(_CATEGORIES, {"case": case.id}).scalar_one())
        self._connection.execute(_SAVE, {"case": case.id, **values})
        self._touched.note(Kind.CASE, case.id, case.id)
        self._locked[case.id] = case.categories
        if before != case.categories:
            self._connection.execute(delete(case_categories).where(case_categories.c.case_id == case.id))
            self._keep_categories(case)
        return replace(case, version=case.version + 1)

    def mark_overdue(self, ids: Sequence[UUID], now: datetime) -> None:
        """These cases have been waiting too long since now, unless they were already."""
        self._connection.execute(
            update(cases)
            .where(cases.c.id.in_(ids))
            .values(
                overdue_since=func.coalesce(cases.c.overdue_since, now),
                version=cases.c.version + 1,
                updated_at=now,
            )
        )
        for case_id in ids:
            self._touched.note(Kind.CASE, case_id, case_id)

    def listed(self, wanted: Wanted, sight: Sight | None, limit: int) -> list[Case]:
        """One page of cases, newest first, opened at the same moment in order of id."""
        asked = self._filtered(select(cases), wanted, sight)
        if wanted.after:
            asked = asked.where(tuple_(cases.c.opened_at, cases.c.id) < tuple_(*_literals(wanted.after)))
        asked = asked.order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(limit)
        return [self._case(row) for row in self._connection.execute(asked)]

    def count(self, wanted: Wanted, sight: Sight | None) -> int:
        """How many cases the whole list holds."""
        asked = self._filtered(select(func.count()).select_from(cases), wanted, sight)
        return int(self._connection.execute(asked).scalar_one())

    def open_with_phone(self, contact_point_id: UUID) -> Case | None:
        """The open case that a text from this phone goes to: the one that changed last; locked."""
        row = self._connection.execute(_OPEN_WITH_PHONE, {"phone": contact_point_id}).one_or_none()
        return self._case(row) if row else None

    def by_code_with_phone(self, code: str, contact_point_id: UUID) -> Case | None:
        """The case with this code, if this phone belongs to it: a stranger's phone learns nothing."""
        asked = (
            select(cases)
            .join(case_phones, case_phones.c.case_id == cases.c.id)
            .where(cases.c.code == code, case_phones.c.contact_point_id == contact_point_id)
        )
        return self._one(asked)

    def add_phone(
        self, case_id: UUID, contact_point_id: UUID, now: datetime, person_id: UUID | None = None
    ) -> None:
        """The phone is a way to someone in the case; whose it is stays as it was once that is known."""
        row = {"case_id": case_id, "contact_point_id": contact_point_id}
        new = insert_new(self._connection, case_phones, {**row, "person_id": person_id, "added_at": now})
        if person_id and not new:
            same = [case_phones.c[name] == value for name, value in row.items()]
            nobodys = update(case_phones).where(*same, case_phones.c.person_id.is_(None))
            self._connection.execute(nobodys.values(person_id=person_id))

    def phones_of(self, case_id: UUID) -> list[tuple[UUID, UUID | None, datetime]]:
        """The contact points of a case, oldest first: id, whose it is where that is known, and since when."""
        asked = select(case_phones).where(case_phones.c.case_id == case_id)
        found = self._connection.execute(
            asked.order_by(case_phones.c.added_at, case_phones.c.contact_point_id)
        )
        return [(row.contact_point_id, row.person_id, row.added_at) for row in found]

    def add_helpers(self, rows: Iterable[tuple[UUID, UUID, str]], now: datetime) -> None:
        """Add workers (case, worker, role) to cases; whoever is there already stays as they are."""
        for case_id, worker_id, role in rows:
            insert_new(
                self._connection, helpers,
                {"case_id": case_id, "worker_id": worker_id, "role": role, "added_at": now},
            )  # fmt: skip
            self._touched.note(Kind.CASE, case_id, case_id)

    def add_decline(self, case_id: UUID, worker_id: UUID, now: datetime) -> None:
        """The worker declined the case."""
        insert_new(self._connection, declines, {"case_id": case_id, "worker_id": worker_id, "at": now})

    def declined_by(self, case_id: UUID) -> frozenset[UUID]:
        """Who declined the case."""
        asked = select(declines.c.worker_id).where(declines.c.case_id == case_id)
        return frozenset(self._connection.execute(asked).scalars())

    def guard_of(self, case_id: UUID) -> Guard:
        """From whom the case is kept."""
        rows = self._connection.execute(_GUARD, {"case": case_id}).all()
        return Guard(
            child=any(row.child_since is not None for row in rows),
            workers=frozenset(row.worker_id for row in rows if row.worker_id),
            organisations=frozenset(row.organisation_id for row in rows if row.organisation_id),
        )

    def load(self, limits: Mapping[UUID, int], capacities: Mapping[UUID, int]) -> Load:
        """Open cases of each worker and organisation named, counted no further than their limit.

        Nobody needs to know by how much a limit is exceeded, so the cost does not grow with the
        number of cases.
        """
        return Load(
            organisations=self._counted(OPEN_OF_ORGANISATIONS, capacities),
            workers=self._counted(OPEN_OF_WORKERS, limits),
        )

    def load_as_told(self, limits: Mapping[UUID, int], sight: Sight) -> dict[UUID, int]:
        """Open cases of each worker named, as `load` counts them, without those kept from these eyes."""
        return self._counted(open_cases_of_workers(open_to(sight)), limits)

    def _counted(self, statement: Select[Any], limits: Mapping[UUID, int]) -> dict[UUID, int]:
        if not limits:
            return {}
        values = {"ids": list(limits), "top": max(limits.values())}
        return {row.id: row.open_cases for row in self._connection.execute(statement, values)}

    def _filtered(self, asked: Select[Any], wanted: Wanted, sight: Sight | None) -> Select[Any]:
        asked = asked.where(seen_by(sight))
        if wanted.statuses:
            asked = asked.where(cases.c.status.in_(wanted.statuses))
        if wanted.urgencies:
            asked = asked.where(cases.c.urgency.in_(wanted.urgencies))
        if wanted.categories:
            asked = asked.where(exists().where(
                case_categories.c.case_id == cases.c.id, case_categories.c.category.in_(wanted.categories)
            ))  # fmt: skip
        if wanted.owner_id:
            asked = asked.where(cases.c.owner_id == wanted.owner_id)
        if wanted.unowned:
            asked = asked.where(cases.c.owner_id.is_(None), cases.c.status.not_in(_FINISHED))
        if wanted.overdue is not None:
            late = and_(cases.c.overdue_since.is_not(None), cases.c.closed_at.is_(None))
            asked = asked.where(late if wanted.overdue else ~late)
        if wanted.updated_since:
            asked = asked.where(cases.c.updated_at >= wanted.updated_since)
        if wanted.code:
            asked = asked.where(cases.c.code == wanted.code)
        return asked

    def _one(self, asked: Select[Any], values: Mapping[str, Any] = MappingProxyType({})) -> Case | None:
        row = self._connection.execute(asked, values).one_or_none()
        return self._case(row) if row else None

    def _keep_categories(self, case: Case) -> None:
        rows = [{"case_id": case.id, "category": name} for name in dict.fromkeys(case.categories)]
        if rows:
            self._connection.execute(insert(case_categories), rows)

    def _values(self, case: Case) -> dict[str, Any]:
        reasons = json.dumps([dict(reason) for reason in case.reasons], ensure_ascii=False)
        summary = Place("case_file", case.id, "summary")
        return {
            "status": case.status, "urgency": case.urgency, "categories": list(case.categories),
            "reasons": self._vault.seal(reasons, Place("case_file", case.id, "reasons")),
            "language": case.language, "origin_channel": case.origin_channel,
            "destination_country": case.destination_country, "organisation_id": case.organisation_id,
            "owner_id": case.owner_id, "queue": case.queue, "member_count": case.member_count,
            "reporter_id": case.reporter_id,
            "summary": self._vault.seal(case.summary, summary) if case.summary else None,
            "opened_at": case.opened_at, "accepted_at": case.accepted_at,
            "first_contact_at": case.first_contact_at, "closed_at": case.closed_at,
            "hold_until": case.hold_until, "outcome": case.outcome, "client_informed": case.client_informed,
            "overdue_since": case.overdue_since, "conflict": case.conflict,
            "child_since": case.child_since, "version": case.version, "updated_at": case.updated_at,
        }  # fmt: skip

    def _case(self, row: Row[Any]) -> Case:
        reasons = (
            self._vault.open(row.reasons, Place("case_file", row.id, "reasons")) if row.reasons else "[]"
        )
        summary = (
            self._vault.open(row.summary, Place("case_file", row.id, "summary")) if row.summary else None
        )
        return Case(
            id=row.id, code=row.code, status=Status(row.status), urgency=Urgency(row.urgency),
            categories=tuple(row.categories), reasons=tuple(json.loads(reasons)), language=row.language,
            origin_channel=row.origin_channel, destination_country=row.destination_country,
            organisation_id=row.organisation_id, owner_id=row.owner_id,
            queue=Queue(row.queue) if row.queue else None, member_count=row.member_count,
            reporter_id=row.reporter_id, summary=summary, opened_at=row.opened_at, updated_at=row.updated_at,
            accepted_at=row.accepted_at, first_contact_at=row.first_contact_at, closed_at=row.closed_at,
            hold_until=row.hold_until, outcome=Outcome(row.outcome) if row.outcome else None,
            client_informed=row.client_informed, overdue_since=row.overdue_since, conflict=row.conflict,
            child_since=row.child_since,
            version=row.version,
        )  # fmt: skip


@lru_cache(maxsize=1_000)
def _one_for(sight: Sight | None, *, locked: bool = False) -> Select[Any]:
    """The statement for one case, for these eyes: made once for each worker, who asks it all day."""
    asked = select(cases).where(cases.c.id == bindparam("case"), seen_by(sight))
    return asked.with_for_update() if locked else asked


def _literals(after: tuple[datetime, UUID]) -> tuple[Any, Any]:
    return literal(after[0], cases.c.opened_at.type), literal(after[1], cases.c.id.type)


_GUARD: Final = (
    select(cases.c.child_since, walls.c.worker_id, walls.c.organisation_id)
    .select_from(cases.outerjoin(walls, and_(walls.c.case_id == cases.c.id, walls.c.lifted_at.is_(None))))
    .where(cases.c.id == bindparam("case"))
)
_CATEGORIES: Final = select(cases.c.categories).where(cases.c.id == bindparam("case"))
_SAVE: Final = update(cases).where(cases.c.id == bindparam("case"))
_BY_ID: Final = select(cases).where(cases.c.id.in_(bindparam("ids", expanding=True)))
# Made once, for every text asks it: a new statement costs SQLAlchemy more than it costs the database.
_OPEN_WITH_PHONE: Final = (
    select(cases)
    .join(case_phones, case_phones.c.case_id == cases.c.id)
    .where(case_phones.c.contact_point_id == bindparam("phone"), cases.c.closed_at.is_(None))
    .order_by(cases.c.updated_at.desc(), cases.c.id)
    .limit(1)
    .with_for_update(of=cases)
)
