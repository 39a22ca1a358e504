"""Ending what was handed over: the recipient sees the case no more, and the case remembers why."""

from datetime import datetime
from typing import Final
from uuid import UUID

from app.cases.rules import sharing
from app.cases.rules.protection import ReferralEnded
from app.cases.rules.sharing import Ended, Referral
from app.usecases.unit_of_work import UnitOfWork

CONFIRM: Final = "confirm_referral"


def end_referral(
    uow: UnitOfWork, referral: Referral, because: Ended, *, actor: UUID | str, now: datetime
) -> Referral:
    """The referral that is over, with nobody asked to agree to it any more. One that was over stays so."""
    ended = sharing.end(referral, because, now=now)
    if ended == referral:
        return referral
    uow.sharing.save(ended)
    fact = ReferralEnded(referral.id, referral.to, referral.organisation_id, because)
    uow.tell(referral.case_id, [fact], actor=actor)
    by = actor if isinstance(actor, UUID) else referral.by
    uow.records.finish_tasks_about(referral.id, kind=CONFIRM, by=by, now=now)
    return ended


def end_all(uow: UnitOfWork, case_id: UUID, because: Ended, *, actor: UUID, now: datetime) -> None:
    """End every referral of a case."""
    for referral in uow.sharing.of_cases([case_id]):
        end_referral(uow, referral, because, actor=actor, now=now)
