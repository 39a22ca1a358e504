"""Wages claimed and money recovered, summed up by currency and by the days between which a rate held."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, String, case, cast, func, literal, select

from app.cases.tables import cases, members
from app.circumstances.rules import PartyKind
from app.circumstances.tables import case_parties, parties, recoveries
from app.statistics.rules.money import Claim
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import visible
from app.statistics.store.sql import local_day

# Sums of whole numbers must not run over: what is above and below this is added up by itself.
_HALF: Final = 10**9


@dataclass(frozen=True, slots=True)
class Added:
    """Money in one currency of one stretch of days, the place of which in the list of days is given."""

    currency: str
    stretch: int
    minor: int
    rows: int
    party_id: UUID | None = None


class MoneyStore:
    """Money as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Read inside this transaction."""
        self._connection = connection

    def claimed(self, scope: Scope, days: list[date], *, by_employer: bool = False) -> list[Added]:
        """Wages that people claim who were written down in the period, by currency and stretch of days.

        A stretch ends where one of the days begins: stretch 0 lies before the first.
        """
        return self._added(_claims(scope), days, by_employer=by_employer)

    def recovered(self, scope: Scope, days: list[date], *, by_employer: bool = False) -> list[Added]:
        """Money that came back on the days of the period, in the same way."""
        return self._added(_recoveries(scope), days, by_employer=by_employer)

    def claims(self, scope: Scope) -> list[Claim]:
        """What each person claims who was written down in the period, by currency and day."""
        money = _claims(scope)
        keys = (money.c.owner, money.c.currency, money.c.day)
        asked = select(*keys, func.sum(money.c.minor).label("minor")).group_by(*keys)
        return [
            Claim(str(row.owner), row.currency, int(row.minor), date.fromisoformat(row.day))
            for row in self._connection.execute(asked)
        ]

    def number_of_claimants(self, scope: Scope) -> dict[str, int]:
        """How many people claim wages, by currency."""
        return self._distinct(_claims(scope))

    def number_of_cases(self, scope: Scope) -> dict[str, int]:
        """In how many cases money came back, by currency."""
        return self._distinct(_recoveries(scope))

    def _distinct(self, money: Any) -> dict[str, int]:  # noqa: ANN401 - a subquery
        asked = select(money.c.currency, func.count(money.c.owner.distinct())).group_by(money.c.currency)
        return {currency: int(number) for currency, number in self._connection.execute(asked)}

    def _added(self, money: Any, days: list[date], *, by_employer: bool) -> list[Added]:  # noqa: ANN401 - a subquery
        source, of = money, [money.c.currency, _stretch(money.c.day, days).label("stretch")]
        if by_employer:
            employers = _linked()
            source = money.outerjoin(employers, employers.c.case_id == money.c.case_id)
            of.append(employers.c.party_id)
        rows = select(*of, money.c.minor).select_from(source).subquery()
        named = [column for column in rows.c if column.name != "minor"]
        asked = select(
            *named, func.sum(rows.c.minor // _HALF).label("high"),
            func.sum(rows.c.minor % _HALF).label("low"), func.count().label("number"),
        ).group_by(*named)  # fmt: skip
        return [
            Added(
                row.currency, row.stretch, int(row.high) * _HALF + int(row.low), row.number,
                row.party_id if by_employer else None,
            )
            for row in self._connection.execute(asked)
        ]  # fmt: skip


def _claims(scope: Scope) -> Any:  # noqa: ANN401 - a subquery
    return (
        select(
            members.c.wages_currency.label("currency"), members.c.wages_minor.label("minor"),
            local_day(members.c.created_at, scope.zone).label("day"), members.c.case_id,
            members.c.person_id.label("owner"),
        )
        .join(cases, cases.c.id == members.c.case_id)
        .where(
            members.c.wages_minor.is_not(None), members.c.created_at >= scope.since,
            members.c.created_at < scope.until, visible(scope),
        )
        .subquery()
    )  # fmt: skip


def _recoveries(scope: Scope) -> Any:  # noqa: ANN401 - a subquery
    first, last = (moment.astimezone(scope.zone).date() for moment in (scope.since, scope.until))
    return (
        select(
            recoveries.c.currency, recoveries.c.minor, cast(recoveries.c.day, String).label("day"),
            recoveries.c.case_id, recoveries.c.case_id.label("owner"),
        )
        .join(cases, cases.c.id == recoveries.c.case_id)
        .where(recoveries.c.day >= first, recoveries.c.day < last, visible(scope))
        .subquery()
    )  # fmt: skip


def _linked() -> Any:  # noqa: ANN401 - a subquery
    return (
        select(case_parties.c.case_id, case_parties.c.party_id)
        .join(parties, parties.c.id == case_parties.c.party_id)
        .where(parties.c.kind == PartyKind.EMPLOYER)
        .subquery()
    )


def _stretch(day: ColumnElement[str], days: Iterable[date]) -> ColumnElement[int]:
    """How many of the days, which are in order, a day has reached."""
    bounds = [one.isoformat() for one in days]
    if not bounds:
        return literal(0)
    return case(
        *((day < bound, literal(place)) for place, bound in enumerate(bounds)), else_=literal(len(bounds))
    )
