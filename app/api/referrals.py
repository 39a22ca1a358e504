"""Handing a case to others, and the register of what was handed over."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.api import cursors
from app.api.doors import Asked, Door, lets, may_answer
from app.api.protection import DisclosureOut, Disclosures, ReferralIn, ReferralOut, Referrals
from app.api.schemas import Moment
from app.cases.rules.sharing import Basis
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.usecases import sharing
from app.usecases.case_work import Command
from app.usecases.sharing import Wish

door = Door(prefix="/v1", tags=["sharing"])


@door.get("/cases/{case_id}/referrals", responses=may_answer(404))
@lets(Action.WORK_CASES)
def see_referrals(asked: Asked, case_id: UUID) -> Referrals:
    """What was handed over of a case, oldest first. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        found = sharing.see_referrals(uow, asked.worker, case_id)
    return Referrals(items=[ReferralOut.of(one) for one in found])


@door.post("/cases/{case_id}/referrals", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def refer(asked: Asked, case_id: UUID, body: ReferralIn) -> ReferralOut:
    """Hand over what is listed: 403 `consent.missing` unless everybody concerned consented to it.

    An organisation that works here sees the listed items until the referral is revoked.
    """
    content = f"refer {body.model_dump_json(exclude={'id'})}"
    command = Command(asked.worker, case_id, body.id or new_id(asked.now), content)
    wish = Wish(
        to=body.to, organisation_id=body.to_organisation, recipient=body.recipient, purpose=body.purpose,
        items=tuple(body.data_items), reason=body.reason, people=tuple(body.people),
        override=Basis(body.legal_basis) if body.override else None,
    )  # fmt: skip
    with asked.office.work(asked.now) as uow:
        return ReferralOut.of(sharing.refer(uow, command, wish, now=asked.now))


@door.post("/referrals/{referral_id}/confirm", responses=may_answer(404, 409))
@lets(Action.OVERRIDE_CONSENT)
def confirm(asked: Asked, referral_id: UUID) -> ReferralOut:
    """Agree, as the second person, to what goes to the police without consent."""
    with asked.office.work(asked.now) as uow:
        return ReferralOut.of(sharing.confirm(uow, asked.worker, referral_id, now=asked.now))


@door.post("/referrals/{referral_id}/revoke", responses=may_answer(404))
@lets(Action.WORK_CASES)
def revoke(asked: Asked, referral_id: UUID) -> ReferralOut:
    """End a referral: its recipient sees the case no more, at once."""
    with asked.office.work(asked.now) as uow:
        return ReferralOut.of(sharing.revoke(uow, asked.worker, referral_id, now=asked.now))


@door.delete("/referrals/{referral_id}", responses=may_answer(404))
@lets(Action.WORK_CASES)
def delete(asked: Asked, referral_id: UUID) -> ReferralOut:
    """The same as revoking it: what was handed over stays in the register."""
    return revoke(asked, referral_id)


@door.get("/disclosures", responses=may_answer())
@lets(Action.READ_DISCLOSURES)
def see_disclosures(
    asked: Asked,
    since: Moment | None = None,
    until: Moment | None = None,
    overrides: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Disclosures:
    """What your organisation handed over, newest first; `overrides` only what went without consent."""
    after: tuple[datetime, UUID] | None = cursors.read(cursor)
    with asked.office.work(asked.now) as uow:
        found, more = sharing.see_disclosures(
            uow, asked.worker, since=since, until=until, overrides=overrides, after=after, limit=limit
        )
    last = found[-1] if more else None
    return Disclosures(
        items=[DisclosureOut.of(one) for one in found],
        next_cursor=cursors.write(last.at, last.id) if last else None,
    )
