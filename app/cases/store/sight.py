"""Which cases are there for whom, as a condition of a statement: the one place of the rule."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select, true

from app.cases.rules.sharing import ReferralState
from app.cases.rules.stages import Queue, Sight
from app.cases.tables import cases, helpers, referrals, walls


def seen_by(sight: Sight | None) -> Any:  # noqa: ANN401 - SQL expression
    """The condition under which a case is there for these eyes."""
    if sight is None:
        return true()
    return and_(_within_reach(sight), open_to(sight))


def open_to(sight: Sight) -> Any:  # noqa: ANN401 - SQL expression
    """The condition under which a case is kept from these eyes by no wall and for no child's sake.

    `Guard.keeps_out` says the same of one case.
    """
    sees_children = sight.trained_for_children or sight.coordinates
    return kept_from_none(sight.worker_id, sight.organisation_id, sees_children=literal(sees_children))


def kept_from_none(
    worker_id: Any,  # noqa: ANN401 - an id, or a column of ids
    organisation_id: Any,  # noqa: ANN401 - as above, or None
    *,
    sees_children: ColumnElement[bool],
) -> ColumnElement[bool]:
    """The same of a worker who may be a row of the statement that asks: the one place of the rule."""
    against = walls.c.worker_id == worker_id
    if organisation_id is not None:
        against = or_(against, walls.c.organisation_id == organisation_id)
    walled = exists().where(walls.c.case_id == cases.c.id, walls.c.lifted_at.is_(None), against)
    return and_(~walled, or_(cases.c.child_since.is_(None), sees_children))


def _within_reach(sight: Sight) -> Any:  # noqa: ANN401 - SQL expression
    if sight.coordinates:
        helped = select(helpers.c.case_id).where(helpers.c.worker_id == sight.worker_id)
        return or_(
            cases.c.queue == Queue.COORDINATOR, cases.c.owner_id == sight.worker_id, cases.c.id.in_(helped)
        )
    ours = cases.c.organisation_id == sight.organisation_id
    if not sight.with_shared:
        return ours
    shared = select(referrals.c.case_id).where(
        referrals.c.organisation_id == sight.organisation_id, referrals.c.state == ReferralState.OPEN
    )
    return or_(ours, cases.c.id.in_(shared))
