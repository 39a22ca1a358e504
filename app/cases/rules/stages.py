"""The stages of a case and what each step does to it: state and `now` in, new state and facts out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.cases.rules.facts import (
    CaseAccepted,
    CaseAssigned,
    CaseClosed,
    CaseDeclined,
    CaseReopened,
    CaseRouted,
    CategoriesChanged,
    Fact,
    StatusChanged,
    UrgencyChanged,
)
from app.kernel.refusal import Refusal
from app.kernel.urgency import Urgency

UNCLASSIFIED: Final = "unclassified"


class Status(StrEnum):
    """The stage of a case. Source: docs/flows.md#stages."""

    NEW = "new"
    TRIAGED = "triaged"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


class Queue(StrEnum):
    """Where a case without an owner waits."""

    ORGANISATION = "organisation"
    COORDINATOR = "coordinator"


class Outcome(StrEnum):
    """How a case ended. Source: docs/sources.md#outcomes."""

    RESOLVED_FULL = "resolved_full"
    RESOLVED_PARTIAL = "resolved_partial"
    CONDITIONS_IMPROVED = "conditions_improved"
    REPATRIATED = "repatriated"
    REFERRED_OUT_ACCEPTED = "referred_out_accepted"
    WITHDRAWN_BY_CLIENT = "withdrawn_by_client"
    UNREACHABLE = "unreachable"
    UNSAFE_TO_CONTINUE = "unsafe_to_continue"
    NO_LEGAL_REMEDY = "no_legal_remedy"
    DUPLICATE = "duplicate"
    INFORMATION_ONLY = "information_only"
    DECEASED = "deceased"
    DOCUMENTS_RETURNED = "documents_returned"
    DEBT_CANCELLED = "debt_cancelled"
    WAGES_RECOVERED = "wages_recovered"


# The clock of review rests while a case is on hold: for ever, it would be a case that nobody looks at.
# Ours to choose; long enough for a season at sea.
LONGEST_HOLD: Final = timedelta(days=90)

# Which stage a worker may set by hand from which; accepting, closing and reopening have their own doors.
_BY_HAND: Final[Mapping[Status, frozenset[Status]]] = {
    Status.ACCEPTED: frozenset({Status.IN_PROGRESS, Status.ON_HOLD, Status.RESOLVED}),
    Status.IN_PROGRESS: frozenset({Status.ON_HOLD, Status.RESOLVED}),
    Status.ON_HOLD: frozenset({Status.IN_PROGRESS, Status.RESOLVED}),
    Status.RESOLVED: frozenset({Status.IN_PROGRESS}),
}


class AlreadyAccepted(Refusal):
    """Another worker has it; `owner_id` says who, and `owner` what they are called."""

    code = "case.already_accepted"
    told = ("owner", "owner_id")


class CaseIsClosed(Refusal):
    """Nothing can be done to a closed case but reopen it."""

    code = "case.closed"


class CaseIsNotClosed(Refusal):
    """Only a closed case can be reopened."""

    code = "case.not_closed"


class BadStatus(Refusal):
    """A case does not go from the one stage to the other."""

    code = "case.bad_status"


class BadHold(Refusal):
    """A case is put on hold until a day to come that is not too far away."""

    code = "case.bad_hold"
    status = 422


class NotOwner(Refusal):
    """Only the worker who owns the case may do this."""

    code = "case.not_owner"


class LoweringNeedsSupervisor(Refusal):
    """Only a supervisor or coordinator may make a case less urgent, with a reason."""

    code = "urgency.lowering_needs_supervisor"
    status = 403


@dataclass(frozen=True, slots=True)
class Case:
    """One case as the rules see it; the words that people wrote are opened by the store."""

    id: UUID
    code: str
    status: Status
    urgency: Urgency
    categories: tuple[str, ...]
    reasons: tuple[Mapping[str, Any], ...]
    language: str
    origin_channel: str
    destination_country: str | None
    organisation_id: UUID | None
    owner_id: UUID | None
    queue: Queue | None
    member_count: int
    reporter_id: UUID | None
    summary: str | None
    opened_at: datetime
    updated_at: datetime
    accepted_at: datetime | None = None
    first_contact_at: datetime | None = None
    closed_at: datetime | None = None
    hold_until: datetime | None = None
    outcome: Outcome | None = None
    client_informed: str | None = None
    overdue_since: datetime | None = None
    child_since: datetime | None = None  # when it was found that a child is affected
    conflict: str | None = None  # `hard` while a person has to say which of two values holds
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Whether somebody must still do something."""
        return self.closed_at is None

    def must_be_open(self) -> None:
        """Raises: CaseIsClosed."""
        if not self.is_open:
            raise CaseIsClosed(case=self.code)


Step = tuple[Case, list[Fact]]


def route(case: Case, routed: CaseRouted, *, now: datetime) -> Step:
    """Put the case where routing says: with a worker, in an organisation's queue, or in the coordinator's."""
    case.must_be_open()
    waiting = Queue.ORGANISATION if routed.organisation_id else Queue.COORDINATOR
    queue = None if routed.owner_id else waiting
    status = Status.ASSIGNED if routed.owner_id else Status.TRIAGED
    moved = replace(
        case,
        organisation_id=routed.organisation_id,
        owner_id=routed.owner_id,
        queue=queue,
        status=status,
        accepted_at=None,
        hold_until=None,
        updated_at=now,
    )
    return moved, [replace(routed, queue=queue)]


def accept(case: Case, *, by: UUID, now: datetime) -> Step:
    """Hand the case to one worker. Accepting twice by the same worker changes nothing.

    Raises: CaseIsClosed, AlreadyAccepted.
    """
    case.must_be_open()
    if case.accepted_at is not None:
        if case.owner_id == by:
            return case, []
        raise AlreadyAccepted(owner=str(case.owner_id), owner_id=str(case.owner_id))
    taken = replace(case, owner_id=by, queue=None, status=Status.ACCEPTED, accepted_at=now, updated_at=now)
    return taken, [CaseAccepted(by)]


def decline(case: Case, *, by: UUID, reason: str, now: datetime) -> Step:
    """Take the case from its owner, who gives a reason; the caller routes it to the next at once.

    Raises: CaseIsClosed, NotOwner.
    """
    case.must_be_open()
    if case.owner_id != by:
        raise NotOwner
    given_back = replace(
        case, owner_id=None, queue=Queue.ORGANISATION, status=Status.TRIAGED, accepted_at=None,
        hold_until=None, updated_at=now,
    )  # fmt: skip
    return given_back, [CaseDeclined(by, reason)]


def as_given_back(case: Case) -> Case:
    """What is left to show of a case to whoever declined it, once it is with another organisation."""
    return replace(
        case,
        organisation_id=None,
        owner_id=None,
        queue=Queue.ORGANISATION,
        status=Status.TRIAGED,
        reporter_id=None,
        summary=None,
        reasons=(),
        accepted_at=None,
        first_contact_at=None,
        closed_at=None,
        hold_until=None,
        outcome=None,
        client_informed=None,
        overdue_since=None,
        child_since=None,
        conflict=None,
        updated_at=case.opened_at,
        version=1,
    )


def assign(case: Case, to: CaseAssigned, *, now: datetime) -> Step:
    """Give the case to a worker, or to an organisation's queue, which then has to accept it.

    Raises: CaseIsClosed.
    """
    case.must_be_open()
    moved = replace(
        case,
        organisation_id=to.organisation_id,
        owner_id=to.owner_id,
        queue=None if to.owner_id else Queue.ORGANISATION,
        status=Status.ASSIGNED if to.owner_id else Status.TRIAGED,
        accepted_at=None,
        hold_until=None,
        updated_at=now,
    )
    return moved, [to]


def record_contact(case: Case, *, now: datetime) -> Case:
    """The case with its first attempt at contact noted; later attempts change nothing here.

    Raises: CaseIsClosed.
    """
    case.must_be_open()
    return replace(case, first_contact_at=case.first_contact_at or now, updated_at=now)


def change_status(
    case: Case, to: Status, *, reason: str | None, until: datetime | None, now: datetime
) -> Step:
    """Move the case by hand. Setting the stage that it already has changes nothing.

    Raises: CaseIsClosed, BadStatus, BadHold.
    """
    case.must_be_open()
    hold_until = until if to is Status.ON_HOLD else None
    if case.status is to and case.hold_until == hold_until:
        return case, []
    if to not in _BY_HAND.get(case.status, frozenset()) and case.status is not to:
        raise BadStatus(status=case.status, to=to)
    if hold_until and not now < hold_until <= now + LONGEST_HOLD:
        raise BadHold(days=LONGEST_HOLD.days)
    moved = replace(case, status=to, hold_until=hold_until, updated_at=now)
    return moved, [StatusChanged(case.status, to, hold_until, reason)]


def close(case: Case, closing: CaseClosed, *, now: datetime) -> Step:
    """End the case with an outcome. Closing it again with the same outcome changes nothing.

    Raises: CaseIsClosed, when it was closed with another outcome.
    """
    if not case.is_open and case.outcome == closing.outcome:
        return case, []
    case.must_be_open()
    closed = replace(
        case,
        status=Status.CLOSED,
        closed_at=now,
        hold_until=None,
        outcome=Outcome(closing.outcome),
        client_informed=closing.client_informed,
        updated_at=now,
    )
    return closed, [closing]


def reopen(case: Case, *, reason: str, now: datetime) -> Step:
    """Start again under the same code: the owner has to accept it anew.

    Raises: CaseIsNotClosed.
    """
    if case.is_open:
        raise CaseIsNotClosed(case=case.code)
    queue = None if case.owner_id else (Queue.ORGANISATION if case.organisation_id else Queue.COORDINATOR)
    reopened = replace(
        case,
        status=Status.ASSIGNED if case.owner_id else Status.TRIAGED,
        queue=queue,
        closed_at=None,
        outcome=None,
        client_informed=None,
        accepted_at=None,
        first_contact_at=None,
        updated_at=now,
    )
    return reopened, [CaseReopened(reason)]


def learn(
    case: Case,
    *,
    categories: Iterable[str],
    urgency: Urgency,
    reasons: Iterable[Mapping[str, Any]],
    now: datetime,
) -> Step:
    """What words tell about a case: categories are added, urgency is raised, nothing is taken away."""
    found = tuple(name for name in dict.fromkeys(categories) if name != UNCLASSIFIED)
    known = tuple(name for name in case.categories if name != UNCLASSIFIED)
    merged = known + tuple(name for name in found if name not in known) or case.categories
    facts: list[Fact] = []
    if merged != case.categories:
        facts.append(CategoriesChanged(case.categories, merged))
    raised = urgency if urgency.is_above(case.urgency) else case.urgency
    fresh = tuple(reasons)
    if raised is not case.urgency:
        rules = tuple(dict.fromkeys(str(reason["rule"]) for reason in fresh))
        facts.append(UrgencyChanged(case.urgency, raised, rules))
    if not facts:
        return case, []
    learnt = replace(case, categories=merged, urgency=raised, reasons=case.reasons + fresh, updated_at=now)
    return learnt, facts


def set_urgency(case: Case, to: Urgency, *, reason: str | None, may_lower: bool, now: datetime) -> Step:
    """What a person decides about urgency, over what the words said.

    Raises: CaseIsClosed, LoweringNeedsSupervisor.
    """
    case.must_be_open()
    if to is case.urgency:
        return case, []
    if case.urgency.is_above(to) and not (may_lower and reason):
        raise LoweringNeedsSupervisor
    changed = replace(case, urgency=to, updated_at=now)
    return changed, [UrgencyChanged(case.urgency, to, ("person.decided",), reason)]


@dataclass(frozen=True, slots=True)
class Sight:
    """Which cases a worker may know of: those of one organisation, or what coordinators look after.

    `with_shared` adds what others referred to the organisation: for doors that show a guest no more
    than was handed over.
    """

    worker_id: UUID
    organisation_id: UUID | None
    coordinates: bool
    trained_for_children: bool = False
    with_shared: bool = False
