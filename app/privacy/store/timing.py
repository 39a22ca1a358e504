"""Queries on whose time is over: closed cases, old arrivals, phones that no case needs; and legal holds."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select, update
from sqlmodel import SQLModel

from app.privacy.rules import RetentionRules, months_before
from app.privacy.store.belonging import live_cases

_HOLDS = "legal_hold"


class TimingStore:
    """Whose time is over, as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def held(self, case_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of the cases of which nothing may be erased, because a legal hold is in force."""
        holds = SQLModel.metadata.tables[_HOLDS]
        asked = select(holds.c.case_id).where(
            holds.c.case_id.in_(list(case_ids)), holds.c.lifted_at.is_(None)
        )
        return frozenset(self._connection.execute(asked).scalars())

    def held_recordings(self) -> frozenset[UUID]:
        """The recordings of cases under legal hold."""
        tables = SQLModel.metadata.tables
        holds = tables[_HOLDS]
        recordings, calls = tables["recording"], tables["call"]
        asked = (
            select(recordings.c.id)
            .join(calls, calls.c.id == recordings.c.call_id)
            .join(holds, holds.c.case_id == calls.c.case_id)
            .where(holds.c.lifted_at.is_(None))
        )
        return frozenset(self._connection.execute(asked).scalars())

    def over(
        self, rules: RetentionRules, now: datetime, *, limit: int | None, only: UUID | None = None
    ) -> list[UUID]:
        """Closed cases whose time is over and in which somebody is still named, the oldest first.

        With `only`, that case or none.
        """
        cases = SQLModel.metadata.tables["case_file"]
        asked = (
            select(cases.c.id)
            .where(cases.c.closed_at.is_not(None), live_cases(), _time_over(rules, now), _not_held())
            .order_by(cases.c.closed_at, cases.c.id)
            .limit(limit)
        )
        if only:
            asked = asked.where(cases.c.id == only)
        return list(self._connection.execute(asked).scalars())

    def with_old_texts(
        self, rules: RetentionRules, now: datetime, *, limit: int | None, only: UUID | None = None
    ) -> list[UUID]:
        """Closed cases whose texts still have their words, though the days for these are over."""
        cases = SQLModel.metadata.tables["case_file"]
        wordy = or_(cases.c.scrubbed_at.is_(None), cases.c.scrubbed_at < cases.c.closed_at)
        asked = (
            select(cases.c.id)
            .where(cases.c.closed_at <= rules.texts_before(now), wordy, live_cases(), _not_held())
            .order_by(cases.c.closed_at, cases.c.id)
            .limit(limit)
        )
        if only:
            asked = asked.where(cases.c.id == only)
        return list(self._connection.execute(asked).scalars())

    def old_arrivals(
        self, rules: RetentionRules, now: datetime, *, after: int, limit: int | None
    ) -> list[tuple[int, UUID]]:
        """Arrivals with a number above this that were taken long ago, or that nobody could read for years.

        What belongs to a case under legal hold stays.
        """
        inbox = SQLModel.metadata.tables["inbox"]
        years = months_before(now, rules.default_months)
        old = or_(
            and_(inbox.c.state == "taken", inbox.c.received_at <= rules.raw_before(now)),
            and_(inbox.c.state == "quarantined", inbox.c.received_at <= years),
        )
        asked = (
            select(inbox.c.number, inbox.c.id)
            .where(inbox.c.number > after, inbox.c.scrubbed_at.is_(None), old, *_arrival_not_held())
            .order_by(inbox.c.number)
            .limit(limit)
        )
        return [(row.number, row.id) for row in self._connection.execute(asked)]

    def loose_points(self, rules: RetentionRules, now: datetime, *, limit: int | None) -> list[UUID]:
        """Phones that no live case needs and that have been silent for the usual time."""
        tables = SQLModel.metadata.tables
        points, ways, cases = tables["contact_point"], tables["case_phone"], tables["case_file"]
        needed = exists().where(
            ways.c.contact_point_id == points.c.id, ways.c.case_id == cases.c.id, live_cases()
        )
        asked = (
            select(points.c.id)
            .where(
                points.c.forgotten_at.is_(None), ~needed,
                points.c.last_seen_at <= months_before(now, rules.default_months),
            )
            .order_by(points.c.last_seen_at, points.c.id)
            .limit(limit)
        )  # fmt: skip
        return list(self._connection.execute(asked).scalars())

    def mark(self, case_id: UUID, **moments: datetime) -> None:
        """Remember how far letting go of a case has come."""
        cases = SQLModel.metadata.tables["case_file"]
        self._connection.execute(update(cases).where(cases.c.id == case_id).values(**moments))


def _time_over(rules: RetentionRules, now: datetime) -> ColumnElement[bool]:
    """Closed for longer than the months of every category that the case has."""
    cases, named = SQLModel.metadata.tables["case_file"], SQLModel.metadata.tables["case_category"]
    mine = named.c.case_id == cases.c.id
    ways: list[ColumnElement[bool]] = []
    for months in rules.steps():
        longer = exists().where(mine, named.c.category.in_(sorted(rules.longer_than(months))))
        short = rules.at_most(months)
        # What is not named has the usual time, and so has a case without a category.
        usual = months >= rules.default_months
        others = exists().where(mine, named.c.category.not_in(sorted(short)))
        fits = ~longer if usual else and_(~others, exists().where(mine))
        ways.append(and_(cases.c.closed_at <= months_before(now, months), fits))
    return or_(false(), *ways)


def _not_held() -> ColumnElement[bool]:
    cases, holds = SQLModel.metadata.tables["case_file"], SQLModel.metadata.tables[_HOLDS]
    return ~exists().where(holds.c.case_id == cases.c.id, holds.c.lifted_at.is_(None))


def _arrival_not_held() -> list[ColumnElement[bool]]:
    tables = SQLModel.metadata.tables
    holds = tables[_HOLDS]
    inbox, links, calls = tables["inbox"], tables["message_case"], tables["call"]
    in_force = holds.c.lifted_at.is_(None)
    texts = exists().where(
        links.c.message_id == inbox.c.message_id, links.c.case_id == holds.c.case_id, in_force
    )
    called = exists().where(calls.c.id == inbox.c.call_id, calls.c.case_id == holds.c.case_id, in_force)
    return [~texts, ~called]
