"""Keeping a case from somebody, or from being erased: walls, holds, and who is trained for children."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.guards import BadWall, Hold, Wall
from app.cases.rules.protection import HoldLifted, HoldSet, WallLifted, WallRaised
from app.cases.store.cases import Wanted
from app.identity.rules import Action, Role, Worker
from app.kernel.refusal import NotFound
from app.store.feed import Kind
from app.usecases import sharing
from app.usecases.case_work import Command
from app.usecases.opening import take_from_barred
from app.usecases.seeing import locked_case, sight_of
from app.usecases.unit_of_work import UnitOfWork

_MOST: Final = 10_000


def raise_wall(
    uow: UnitOfWork,
    command: Command,
    *,
    against: tuple[UUID | None, UUID | None],
    reason: str,
    now: datetime,
) -> Wall:
    """Keep the case from a worker or an organisation, given as a pair of which one is None.

    To them it is at once as if it were not there; a case that was theirs finds another taker. A wall
    that stands already stays as it is.
    Raises: NotAllowed, NotFound, IdConflict, BadWall.
    """
    case, fresh = command.begin(uow, Action.GUARD_CASES, now)
    if command.id is None:
        raise ValueError("a wall has an id, its device's or a new one")
    standing = uow.guards.walls_of(case.id)
    known = next((w for w in standing if (w.worker_id, w.organisation_id) == against), None)
    if known:
        return known
    if not fresh:
        raise NotFound  # it was lifted since
    worker_id, organisation_id = against
    _must_be_there(uow, worker_id, organisation_id)
    wall = Wall(command.id, case.id, worker_id, organisation_id, reason, command.worker.id, now)
    uow.guards.raise_wall(wall)
    uow.touched.note(Kind.CASE, case.id, case.id)  # devices that hold it must drop it
    uow.tell(case.id, [WallRaised(wall.id, worker_id, organisation_id, reason)], actor=command.worker.id)
    if organisation_id:
        sharing.end_those_to(uow, case.id, organisation_id, now=now)
    take_from_barred(uow, case, now=now)
    return wall


def see_walls(uow: UnitOfWork, worker: Worker, case_id: UUID) -> list[Wall]:
    """The walls around a case, oldest first. Raises: NotAllowed, NotFound."""
    worker.must_be_allowed(Action.GUARD_CASES)
    if uow.cases.get(case_id, sight_of(worker)) is None:
        raise NotFound
    uow.audit.record(Deed("walls.read", str(worker.id), case_id))
    return uow.guards.walls_of(case_id)


def lift_wall(uow: UnitOfWork, worker: Worker, case_id: UUID, wall_id: UUID, *, now: datetime) -> None:
    """Take a wall away. Raises: NotAllowed, NotFound, also for a wall that is gone."""
    worker.must_be_allowed(Action.GUARD_CASES)
    locked_case(uow, worker, case_id)
    if wall_id not in {wall.id for wall in uow.guards.walls_of(case_id)}:
        raise NotFound
    uow.guards.lift_wall(wall_id, by=worker.id, now=now)
    uow.touched.note(Kind.CASE, case_id, case_id)
    uow.tell(case_id, [WallLifted(wall_id)], actor=worker.id)


def set_hold(uow: UnitOfWork, command: Command, *, reason: str, now: datetime) -> Hold:
    """Nothing of the case may be erased, by retention or on request. A hold in force stays as it is.

    Raises: NotAllowed, NotFound, IdConflict.
    """
    case, _ = command.begin(uow, Action.GUARD_CASES, now)
    if command.id is None:
        raise ValueError("a hold has an id, its device's or a new one")
    known = uow.guards.hold_of(case.id)
    if known:
        return known
    hold = Hold(command.id, case.id, reason, command.worker.id, now)
    uow.guards.set_hold(hold)
    uow.tell(case.id, [HoldSet(reason)], actor=command.worker.id)
    return hold


def see_hold(uow: UnitOfWork, worker: Worker, case_id: UUID) -> Hold:
    """The hold in force. Raises: NotAllowed, NotFound, also where there is none."""
    worker.must_be_allowed(Action.GUARD_CASES)
    hold = uow.guards.hold_of(case_id) if uow.cases.get(case_id, sight_of(worker)) else None
    if hold is None:
        raise NotFound
    uow.audit.record(Deed("hold.read", str(worker.id), case_id))
    return hold


def lift_hold(uow: UnitOfWork, worker: Worker, case_id: UUID, *, now: datetime) -> None:
    """What is over its time may be erased again. Lifting it twice changes nothing.

    Raises: NotAllowed, NotFound.
    """
    worker.must_be_allowed(Action.GUARD_CASES)
    locked_case(uow, worker, case_id)
    if uow.guards.hold_of(case_id):
        uow.guards.lift_hold(case_id, by=worker.id, now=now)
        uow.tell(case_id, [HoldLifted()], actor=worker.id)


def set_trained(
    uow: UnitOfWork, by: Worker | None, worker_id: UUID, *, trained: bool, now: datetime
) -> Worker:
    """Say whether a worker is trained to work with children; `by` None is whoever runs the installation.

    Supervisors say so of their own organisation, coordinators of any. Who is so no more loses cases
    with a child, which find another taker. Raises: NotAllowed, NotFound.
    """
    if by:
        by.must_be_allowed(Action.TRAIN_WORKERS)
    worker = uow.identity.worker(worker_id)
    ours = by is None or by.role is Role.COORDINATOR
    if worker is None or not (ours or (by and worker.organisation_id == by.organisation_id)):
        raise NotFound
    if worker.trained_for_children is trained:
        return worker
    uow.identity.set_trained(worker_id, now if trained else None)
    actor = str(by.id) if by else "cli"
    uow.audit.record(Deed("worker.trained", actor, worker_id, {"for_children": trained}))
    if not trained:
        for case in uow.cases.listed(Wanted(owner_id=worker_id), None, _MOST):
            if case.child_since is not None:
                take_from_barred(uow, case, now=now)
    return replace(worker, trained_for_children=trained)


def _must_be_there(uow: UnitOfWork, worker_id: UUID | None, organisation_id: UUID | None) -> None:
    """Raises: BadWall."""
    if (worker_id is None) == (organisation_id is None):
        raise BadWall
    if worker_id and uow.identity.worker(worker_id) is None:
        raise BadWall
    if organisation_id and organisation_id not in uow.identity.organisation_names():
        raise BadWall
