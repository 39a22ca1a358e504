"""How well cases are written down, counted: what nobody filled in, and what is overdue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from app.cases.rules.stages import UNCLASSIFIED
from app.cases.tables import case_categories, cases, members, persons, tasks
from app.circumstances.tables import circumstances
from app.escalation.rules.ladder import ClockKind
from app.escalation.store import ARMED
from app.escalation.tables import timers
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import in_scope, visible


@dataclass(frozen=True, slots=True)
class Overdue:
    """What should have been done by now in cases that these eyes may see."""

    cases: int
    tasks: int
    reviews: int


class QualityStore:
    """The quality of what is written down, as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Read inside this transaction."""
        self._connection = connection

    def of_cases(self, scope: Scope) -> dict[str, int]:
        """Cases, people, cases and people not written down, and how many cases lack each field."""
        written = (
            select(members.c.case_id, func.count().label("number")).group_by(members.c.case_id).subquery()
        )
        unclassified = (
            select(case_categories.c.case_id)
            .where(case_categories.c.case_id == cases.c.id, case_categories.c.category == UNCLASSIFIED)
            .exists()
        )
        number = func.coalesce(written.c.number, 0)
        lacking = {
            "destination": cases.c.destination_country.is_(None),
            "sector": circumstances.c.sector.is_(None),
            "province": circumstances.c.origin_province.is_(None),
            "organisation": cases.c.organisation_id.is_(None),
            "category": unclassified,
        }
        asked = select(
            func.count().label("cases"),
            func.coalesce(func.sum(cases.c.member_count), 0).label("people"),
            func.count().filter(number == 0).label("without_members"),
            func.coalesce(func.sum(cases.c.member_count - number), 0).label("not_written"),
            func.count().filter(cases.c.closed_at.is_not(None)).label("closed"),
            func.count().filter(cases.c.closed_at.is_not(None), cases.c.outcome.is_(None)).label("outcome"),
            *(func.count().filter(condition).label(name) for name, condition in lacking.items()),
        ).select_from(
            cases.outerjoin(circumstances, circumstances.c.case_id == cases.c.id).outerjoin(
                written, written.c.case_id == cases.c.id
            )
        )
        return _numbers(self._connection, asked.where(in_scope(scope)))

    def of_people(self, scope: Scope) -> dict[str, int]:
        """Of the people who are written down, how many lack each field."""
        asked = (
            select(
                func.count().label("people"),
                func.count().filter(persons.c.sex == "unknown").label("sex"),
                func.count().filter(persons.c.birth_year.is_(None)).label("birth_date"),
                func.count().filter(members.c.wages_minor.is_(None)).label("wages"),
            )
            .select_from(
                members.join(persons, persons.c.id == members.c.person_id).join(
                    cases, cases.c.id == members.c.case_id
                )
            )
            .where(in_scope(scope))
        )
        return _numbers(self._connection, asked)

    def overdue(self, scope: Scope, now: datetime) -> Overdue:
        """Open cases that wait too long, tasks past their time, and reviews past theirs, at this moment."""
        return Overdue(
            self._count(cases, cases.c.overdue_since.is_not(None), cases.c.closed_at.is_(None), scope=scope),
            self._count(
                cases.join(tasks, tasks.c.case_id == cases.c.id),
                tasks.c.done_at.is_(None), tasks.c.due_at < now, scope=scope,
            ),
            self._count(
                cases.join(timers, timers.c.case_id == cases.c.id),
                timers.c.state == ARMED, timers.c.kind == ClockKind.REVIEW, timers.c.due_at < now,
                scope=scope,
            ),
        )  # fmt: skip

    def _count(self, source: Any, *conditions: ColumnElement[bool], scope: Scope) -> int:  # noqa: ANN401 - tables
        asked = select(func.count()).select_from(source).where(*conditions, visible(scope))
        return int(self._connection.execute(asked).scalar_one())


def _numbers(connection: Connection, asked: Any) -> dict[str, int]:  # noqa: ANN401 - a statement
    return {name: int(value) for name, value in connection.execute(asked).one()._mapping.items()}  # noqa: SLF001 - SQLAlchemy's public name
