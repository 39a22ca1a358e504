"""Keeping the register of recruiters, employers, brokers and sites: names, twins, and what is disputed."""

from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.circumstances.rules import Party, PartyKind, same_name
from app.identity.rules import Action, Worker
from app.kernel.refusal import NotFound, Refusal
from app.usecases.unit_of_work import UnitOfWork

DISPUTE: Final = "party_dispute"  # the task: somebody says that what is kept of a party is wrong
# Ours to choose: a name on a list does harm each day that it stands there wrongly.
_LOOK_WITHIN: Final = timedelta(days=7)
_ALIKE: Final = 0.6


class NameTaken(Refusal):
    """Another party of this kind has the name; `party_id` says which one. Perhaps they are one."""

    code = "party.name_taken"
    told = ("party_id",)


class NotTheSameKind(Refusal):
    """Only two parties of one kind can turn out to be one, and none with itself."""

    code = "party.not_the_same_kind"
    status = 422


def see_register(uow: UnitOfWork, worker: Worker, *, kind: PartyKind | None, like: str | None) -> list[Party]:
    """The parties, oldest first; with `like` those whose names resemble it, the nearest first.

    Raises: NotAllowed.
    """
    worker.must_be_allowed(Action.MANAGE_PARTIES)
    uow.audit.record(Deed("parties.listed", str(worker.id)))
    found = uow.circumstances.all_parties(kind)
    if like is None:
        return found
    near = [(_likeness(party, same_name(like)), party) for party in found]
    return [party for likeness, party in sorted(near, key=lambda one: -one[0]) if likeness >= _ALIKE]


def add_name(uow: UnitOfWork, worker: Worker, party_id: UUID, name: str, *, now: datetime) -> Party:
    """The party is also called this. Raises: NotAllowed, NotFound, NameTaken."""
    party = _kept(uow, worker, party_id)
    if not uow.circumstances.add_name(party, name, now):
        other = uow.circumstances.named(party.kind, name)
        if other is None or other.id != party_id:
            raise NameTaken(party_id=str(other.id) if other else None)
        return party
    uow.audit.record(Deed("party.named", str(worker.id), party_id))
    return _kept(uow, worker, party_id)


def merge(uow: UnitOfWork, worker: Worker, party_id: UUID, *, into: UUID) -> Party:
    """The two are one: what was said of the first is said of the second from now on.

    Doing it again changes nothing. Raises: NotAllowed, NotFound, NotTheSameKind.
    """
    worker.must_be_allowed(Action.MANAGE_PARTIES)
    standing = uow.circumstances.standing(into)
    twin = uow.circumstances.party(party_id)
    if standing is None or twin is None:
        raise NotFound
    if twin.merged_into == standing.id:
        return standing
    if twin.merged_into or standing.id == twin.id or standing.kind is not twin.kind:
        raise NotTheSameKind
    uow.circumstances.merge(twin.id, standing.id)
    if standing.country is None or standing.licence is None:
        uow.circumstances.describe(
            standing.id, country=standing.country or twin.country, licence=standing.licence or twin.licence
        )
    if twin.disputed_since and not standing.disputed_since:
        uow.circumstances.dispute(standing.id, twin.disputed_since)
    uow.audit.record(Deed("party.merged", str(worker.id), party_id, {"into": str(standing.id)}))
    return _kept(uow, worker, standing.id)


def dispute(uow: UnitOfWork, worker: Worker, party_id: UUID, *, now: datetime) -> Party:
    """Somebody says that what is kept of the party is wrong: no list for others shows it until it is settled.

    Coordinators have a task to look into it. Saying it twice changes nothing.
    Raises: NotAllowed, NotFound.
    """
    party = _kept(uow, worker, party_id)
    if party.disputed_since is None:
        uow.circumstances.dispute(party.id, now)
        uow.records.add_task(
            kind=DISPUTE, case_id=None, subject_id=party.id, due_at=now + _LOOK_WITHIN, now=now
        )
        uow.audit.record(Deed("party.disputed", str(worker.id), party_id))
    return _kept(uow, worker, party_id)


def settle(uow: UnitOfWork, worker: Worker, party_id: UUID, *, now: datetime) -> Party:
    """The dispute was looked into, and what is kept is right now. Raises: NotAllowed, NotFound."""
    party = _kept(uow, worker, party_id)
    if party.disputed_since:
        uow.circumstances.dispute(party.id, None)
        uow.records.finish_tasks_about(party.id, kind=DISPUTE, by=worker.id, now=now)
        uow.audit.record(Deed("party.settled", str(worker.id), party_id))
    return _kept(uow, worker, party_id)


def _kept(uow: UnitOfWork, worker: Worker, party_id: UUID) -> Party:
    """Raises: NotAllowed, NotFound, also for a party that was merged into another."""
    worker.must_be_allowed(Action.MANAGE_PARTIES)
    party = uow.circumstances.party(party_id)
    if party is None or party.merged_into:
        raise NotFound
    return party


def _likeness(party: Party, name: str) -> float:
    return max(SequenceMatcher(None, same_name(known), name, autojunk=False).ratio() for known in party.names)
