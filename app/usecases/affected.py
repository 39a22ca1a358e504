"""What is known of the affected people of a case: who they are, what they claim, what to be careful of."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.cases.rules.facts import MemberChanged
from app.cases.store.people import Person
from app.cases.store.records import Member
from app.identity.rules import Action, Worker
from app.kernel.money import Money
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound, Refusal
from app.usecases.fields import FLAGS
from app.usecases.reachable import known_points, lead_to
from app.usecases.seeing import locked_case
from app.usecases.unit_of_work import UnitOfWork


class FlagNeedsSomebodyOnline(Refusal):
    """A warning about a person is taken back only by somebody who sees the newest state."""

    code = "member.flag_stays"


def member_fields(member: Member) -> dict[str, Any]:
    """What people may edit of a member, as plain JSON, by the names of `MEMBER_FIELDS`."""
    person, wages = member.person, member.wages_claimed
    return {
        "status": member.status, "outcome": member.outcome,
        "wages_claimed": _as_json(wages) if wages else None,
        "person.name": person.name, "person.phone": person.phone.e164 if person.phone else None,
        "person.sex": person.sex,
        "person.birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "person.language": person.language,
        **{flag: flag in member.flags for flag in FLAGS},
    }  # fmt: skip


def with_fields(member: Member, changes: Mapping[str, Any]) -> Member:
    """The member with these fields, named and written as in `member_fields`."""
    fields = {**member_fields(member), **changes}
    birth, phone, wages = fields["person.birth_date"], fields["person.phone"], fields["wages_claimed"]
    person = replace(
        member.person, name=fields["person.name"], phone=Phone(phone) if phone else None,
        sex=fields["person.sex"], birth_date=date.fromisoformat(birth) if birth else None,
        language=fields["person.language"],
    )  # fmt: skip
    return replace(
        member, person=person, status=fields["status"], outcome=fields["outcome"],
        flags=frozenset(flag for flag in FLAGS if fields[flag]),
        wages_claimed=Money(wages["amount_minor"], wages["currency"]) if wages else None,
    )  # fmt: skip


def edit_member(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork,
    worker: Worker,
    member_id: UUID,
    changes: Mapping[str, Any],
    *,
    online: bool = True,
    case_id: UUID | None = None,
    now: datetime,
) -> Member:
    """The member with these fields changed, `changes` named and written as in `member_fields`.

    Whoever must not be contacted is sent no more texts from then on.
    Raises: NotFound, NotAllowed, CaseIsClosed, FlagNeedsSomebodyOnline.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    before = uow.records.members([member_id]).get(member_id)
    if before is None or case_id not in {None, before.case_id}:
        raise NotFound
    number = changes.get("person.phone")
    points = known_points(uow, [Person(before.person.id, phone=Phone(number))] if number else [], now=now)
    case = locked_case(uow, worker, before.case_id)
    case.must_be_open()
    before = uow.records.members([member_id])[member_id]
    known = member_fields(before)
    news = {name: value for name, value in changes.items() if known[name] != value}
    if not news:
        return before
    if not online and any(known[flag] and not news.get(flag, True) for flag in FLAGS):
        raise FlagNeedsSomebodyOnline
    after = with_fields(before, news)
    uow.records.change_member(after)
    lead_to(uow, case.id, [after.person], points, now=now)
    overwritten = {name: known[name] for name in news if known[name]}
    told = json.dumps(overwritten, ensure_ascii=False) if overwritten else None
    uow.tell(case.id, [MemberChanged(member_id, tuple(sorted(news)), told)], actor=worker.id)
    uow.cases.save(replace(case, updated_at=now))
    if after.person.phone and news.get("do_not_contact"):
        uow.outbox.set_rule(uow.outbox.phone_index(after.person.phone), opted_out_at=now)
    return after


def _as_json(wages: Money) -> dict[str, Any]:
    return {"amount_minor": wages.amount_minor, "currency": wages.currency}
