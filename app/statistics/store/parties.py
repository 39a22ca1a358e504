"""Companies and places with several cases, counted, and from how many organisations these cases are."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.cases.tables import cases
from app.circumstances.tables import case_parties
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import in_scope


@dataclass(frozen=True, slots=True)
class Repeated:
    """One party with what its cases of the period come to."""

    party_id: UUID
    cases: int
    people: int
    organisations: int
    first: datetime
    last: datetime


def repeated(connection: Connection, scope: Scope, *, at_least: int, limit: int) -> list[Repeated]:
    """The parties with at least so many cases opened in the period, those with most cases first.

    Parties that were found to be one count as one: their cases moved to the one that stayed.
    """
    number = func.count().label("cases")
    asked = (
        select(
            case_parties.c.party_id, number, func.sum(cases.c.member_count).label("people"),
            func.count(cases.c.organisation_id.distinct()).label("organisations"),
            func.min(cases.c.opened_at).label("first"), func.max(cases.c.opened_at).label("last"),
        )
        .select_from(case_parties.join(cases, cases.c.id == case_parties.c.case_id))
        .where(in_scope(scope))
        .group_by(case_parties.c.party_id)
        .having(number >= at_least)
        .order_by(number.desc(), case_parties.c.party_id)
        .limit(limit)
    )  # fmt: skip
    return [
        Repeated(row.party_id, row.cases, int(row.people), row.organisations, row.first, row.last)
        for row in connection.execute(asked)
    ]
