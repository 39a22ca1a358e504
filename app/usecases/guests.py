"""What an organisation sees of a case that was referred to it: what was handed over, and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from app.cases.rules.sharing import Item, Referral
from app.cases.rules.stages import Case
from app.cases.store.people import Person
from app.cases.store.records import Member
from app.identity.rules import Role, Worker
from app.usecases.unit_of_work import UnitOfWork

_ALWAYS: Final = frozenset({"case.closed", "case.reopened", "status.changed", "urgency.changed"})
_MESSAGES: Final = frozenset({"message.received", "message.sent", "message.delivered"})


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed over of one case, and of whom."""

    items: frozenset[Item]
    people: frozenset[UUID]

    def shows(self, kind: str) -> bool:
        """Whether a guest sees that such a thing happened."""
        if kind == "note.added":
            return Item.NOTES in self.items
        return kind in _ALWAYS or (Item.MESSAGES in self.items and kind in _MESSAGES)

    def case(self, case: Case) -> Case:
        """The case with what was handed over of it."""
        told = Item.SUMMARY in self.items
        return replace(
            case, reporter_id=None, summary=case.summary if told else None,
            reasons=case.reasons if told else (),
            categories=case.categories if Item.CATEGORIES in self.items else (),
            destination_country=case.destination_country if Item.DESTINATION in self.items else None,
        )  # fmt: skip

    def members(self, members: Iterable[Member]) -> tuple[Member, ...]:
        """The people concerned, with what was handed over of them."""
        ours = (member for member in members if member.person.id in self.people)
        return tuple(replace(member, person=self._person(member.person)) for member in ours)

    def _person(self, person: Person) -> Person:
        aged = Item.AGE in self.items
        return replace(
            person, name=person.name if Item.NAME in self.items else None,
            phone=person.phone if Item.PHONE in self.items else None,
            birth_date=person.birth_date if aged else None, sex=person.sex if aged else "unknown",
        )  # fmt: skip


def is_guest(worker: Worker, case: Case) -> bool:
    """Whether a worker who sees the case sees it only because it was referred to them."""
    return worker.role is not Role.COORDINATOR and case.organisation_id != worker.organisation_id


def handed_over(uow: UnitOfWork, worker: Worker, cases: Sequence[Case]) -> dict[UUID, Handed]:
    """By case, what was handed over to this worker's organisation, of those that are not its own."""
    foreign = [case.id for case in cases if is_guest(worker, case)]
    if not foreign or worker.organisation_id is None:
        return {}
    found = uow.sharing.open_to(foreign, worker.organisation_id)
    return {case_id: _together(found.get(case_id, ())) for case_id in foreign}


def _together(referrals: Iterable[Referral]) -> Handed:
    listed = list(referrals)
    return Handed(
        frozenset(item for referral in listed for item in referral.items),
        frozenset(person for referral in listed for person in referral.people),
    )
