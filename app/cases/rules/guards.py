"""From whom a case is kept: conflict walls, children, restricted notes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from app.cases.rules.facts import Fact, UrgencyChanged
from app.cases.rules.protection import ChildFound
from app.cases.rules.stages import Case, Sight, Step
from app.identity.rules import Role, Worker
from app.kernel.refusal import Refusal
from app.kernel.urgency import Urgency

CHILD_RULE: Final = "child.affected"
_FLOOR: Final = Urgency.U2
_ADULT_AT: Final = 18  # Source: Convention on the Rights of the Child, article 1.


class ChildFloor(Refusal):
    """A case with a child is never less urgent than U2."""

    code = "urgency.child_floor"


class BadWall(Refusal):
    """A wall is against one worker or one organisation that is there."""

    code = "wall.bad_target"
    status = 422


@dataclass(frozen=True, slots=True)
class Guard:
    """From whom one case is kept. `seen_by` in the store says the same for many cases at once."""

    child: bool = False
    workers: frozenset[UUID] = frozenset()
    organisations: frozenset[UUID] = frozenset()

    @property
    def stands(self) -> bool:
        """Whether there is anybody from whom the case is kept."""
        return self.child or bool(self.workers or self.organisations)

    def keeps_out(self, sight: Sight) -> bool:
        """Whether the case is kept from these eyes, wherever it is."""
        if sight.worker_id in self.workers or sight.organisation_id in self.organisations:
            return True
        return self.child and not (sight.trained_for_children or sight.coordinates)


@dataclass(frozen=True, slots=True)
class Wall:
    """A worker or an organisation whom a case is kept from, for a conflict of interest."""

    id: UUID
    case_id: UUID
    worker_id: UUID | None
    organisation_id: UUID | None
    reason: str
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of the case may be erased."""

    id: UUID
    case_id: UUID
    reason: str
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class ChildSigns:
    """What makes a person of unknown age count as a child, until their age is known."""

    categories: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()

    def shown_by(self, categories: Iterable[str], reasons: Iterable[Mapping[str, object]]) -> bool:
        """Whether the case's categories or the rules that its words satisfied speak of a child."""
        return not self.categories.isdisjoint(categories) or any(
            reason.get("rule") in self.rules for reason in reasons
        )


def is_minor(born: date, today: date) -> bool:
    """Whether somebody born that day is under eighteen."""
    return (today.year - born.year) - ((today.month, today.day) < (born.month, born.day)) < _ADULT_AT


def child_among(births: Iterable[date | None], today: date, *, signs: bool) -> bool:
    """Whether one of these people is a child, or may be one where there are signs of it."""
    known = list(births)
    if any(born is not None and is_minor(born, today) for born in known):
        return True
    return signs and (not known or any(born is None for born in known))


def mark_child(case: Case, births: Iterable[date | None], *, signs: bool, now: datetime) -> Step:
    """The case, kept for those who are trained and at least U2 where there is a child in it.

    Once marked it stays so: who grew up meanwhile was a child when it happened.
    """
    if case.child_since is not None or not child_among(births, now.date(), signs=signs):
        return case, []
    facts: list[Fact] = [ChildFound()]
    marked = replace(case, child_since=now, updated_at=now)
    if _FLOOR.is_above(case.urgency):
        facts.append(UrgencyChanged(case.urgency, _FLOOR, (CHILD_RULE,)))
        marked = replace(marked, urgency=_FLOOR, reasons=(*case.reasons, {"rule": CHILD_RULE}))
    return marked, facts


def must_suit_child(case: Case, to: Urgency | None) -> None:
    """Raises: ChildFloor."""
    if case.child_since is not None and to is not None and _FLOOR.is_above(to):
        raise ChildFloor


def shows_note(reader: Worker, *, restricted: bool, author_id: UUID, organisation_id: UUID | None) -> bool:
    """Whether a reader of the case may read this note of it; the one rule for every door.

    A restricted note is for whoever wrote it, the supervisors of the case's organisation, and coordinators.
    """
    if not restricted or author_id == reader.id or reader.role is Role.COORDINATOR:
        return True
    return reader.role is Role.SUPERVISOR and reader.organisation_id == organisation_id
