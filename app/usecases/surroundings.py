"""Writing down what lies around a case: trade, origin, the companies in it, and money that came back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.circumstances import CircumstancesChanged, MoneyRecovered, PartyAdded, PartyRemoved
from app.circumstances.rules import Circumstances, Party, Recovery
from app.identity.rules import Action, Worker
from app.kernel.money import Money
from app.kernel.refusal import NotFound, Refusal
from app.usecases.case_work import Command
from app.usecases.seeing import locked_case, sight_of
from app.usecases.unit_of_work import UnitOfWork


class CodeUnknown(Refusal):
    """No such sector or province is configured."""

    code = "circumstances.code_unknown"
    status = 422


class DayToCome(Refusal):
    """Money cannot have come back on a day that has not begun anywhere."""

    code = "recovery.day_to_come"
    status = 422


@dataclass(frozen=True, slots=True)
class Around:
    """Everything that is known of what lies around a case."""

    known: Circumstances
    parties: tuple[Party, ...]
    recovered: tuple[Recovery, ...]


def see(uow: UnitOfWork, worker: Worker, case_id: UUID) -> Around:
    """What lies around a case; the audit chain remembers who looked. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.READ_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    uow.audit.record(Deed("case.read", str(worker.id), case_id))
    return _around(uow, case_id)


def change(
    uow: UnitOfWork, worker: Worker, case_id: UUID, changes: Mapping[str, Any], *, now: datetime
) -> Around:
    """The case with another trade or origin; `changes` may hold `sector` and `origin_province`.

    Raises: NotAllowed, NotFound, CaseIsClosed, CodeUnknown.
    """
    worker.must_be_allowed(Action.WORK_CASES)
    case = locked_case(uow, worker, case_id)
    case.must_be_open()
    before = uow.circumstances.of_case(case_id)
    after = replace(before, **changes)
    configured = uow.rulebook.surroundings
    if after.sector not in {None, before.sector, *configured.sectors}:
        raise CodeUnknown
    if after.origin_province not in {None, before.origin_province, *configured.provinces}:
        raise CodeUnknown
    if after != before:
        uow.circumstances.keep(after, worker.id, now)
        uow.tell(case_id, [CircumstancesChanged(after.sector, after.origin_province)], actor=worker.id)
        uow.cases.save(replace(case, updated_at=now))
    return _around(uow, case_id)


def add_party(uow: UnitOfWork, command: Command, party: Party, *, now: datetime) -> Party:
    """The party has to do with the case; the one of this kind and name that is known, or else a new one.

    What was not known of its country and licence is filled in; what was stays, for others rely on it.
    Raises: NotAllowed, NotFound, CaseIsClosed, IdConflict.
    """
    case, _ = command.begin(uow, Action.WORK_CASES, now)
    case.must_be_open()
    known = uow.circumstances.named(party.kind, party.names[0])
    if known is None:
        uow.circumstances.add_party(party, command.worker.id, now)
        known = party
    filled = replace(known, country=known.country or party.country, licence=known.licence or party.licence)
    if filled != known:
        uow.circumstances.describe(known.id, country=filled.country, licence=filled.licence)
    if uow.circumstances.link(case.id, known.id, command.worker.id, now):
        uow.tell(case.id, [PartyAdded(known.id, known.kind.value)], actor=command.worker.id)
        uow.cases.save(replace(case, updated_at=now))
    return filled


def remove_party(uow: UnitOfWork, worker: Worker, case_id: UUID, party_id: UUID, *, now: datetime) -> None:
    """The party has nothing to do with the case. Raises: NotAllowed, NotFound, CaseIsClosed."""
    worker.must_be_allowed(Action.WORK_CASES)
    case = locked_case(uow, worker, case_id)
    case.must_be_open()
    if not uow.circumstances.unlink(case_id, party_id):
        raise NotFound
    uow.tell(case_id, [PartyRemoved(party_id)], actor=worker.id)
    uow.cases.save(replace(case, updated_at=now))


def add_recovery(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork,
    command: Command,
    amount: Money,
    *,
    day: date,
    member_id: UUID | None,
    now: datetime,
) -> Recovery:
    """Money came back to the people of the case, or to one of them, on this day.

    It is often paid after a case was closed, so a closed one takes it too.
    Raises: NotAllowed, NotFound, IdConflict, DayToCome.
    """
    case, fresh = command.begin(uow, Action.WORK_CASES, now)
    if command.id is None:
        raise ValueError("a recovery has an id, its device's or a new one")
    if day > now.astimezone(uow.rulebook.ladders.calendar.timezone).date():
        raise DayToCome
    if member_id and member_id not in {one.id for one in uow.records.members_of([case.id]).get(case.id, [])}:
        raise NotFound
    recovery = Recovery(command.id, case.id, amount, day, command.worker.id, now, member_id)
    if fresh and uow.circumstances.add_recovery(recovery):
        told = MoneyRecovered(recovery.id, member_id, amount.amount_minor, amount.currency, day.isoformat())
        uow.tell(case.id, [told], actor=command.worker.id)
        uow.cases.save(replace(case, updated_at=now))
    return recovery


def _around(uow: UnitOfWork, case_id: UUID) -> Around:
    return Around(
        uow.circumstances.of_case(case_id),
        tuple(uow.circumstances.parties_of(case_id)),
        tuple(uow.circumstances.recoveries_of(case_id)),
    )
