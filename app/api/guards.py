"""Keeping a case from somebody or from being erased: walls, holds, training to work with children."""

from uuid import UUID

from app.api.doors import Asked, Asking, Door, lets, may_answer
from app.api.protection import HoldOut, TrainingIn, TrainingOut, WallIn, WallOut, Walls
from app.api.schemas import CommandIn, ReasonIn
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.usecases import guarding
from app.usecases.case_work import Command

door = Door(prefix="/v1", tags=["protection"])


@door.get("/cases/{case_id}/walls", responses=may_answer(404))
@lets(Action.GUARD_CASES)
def see_walls(asked: Asked, case_id: UUID) -> Walls:
    """From whom the case is kept, and why. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        found = guarding.see_walls(uow, asked.worker, case_id)
    return Walls(items=[WallOut.of(wall) for wall in found])


@door.post("/cases/{case_id}/walls", status_code=201, responses=may_answer(404, 409))
@lets(Action.GUARD_CASES)
def raise_wall(asked: Asked, case_id: UUID, body: WallIn) -> WallOut:
    """Keep the case from a worker or an organisation: to them it is as if it were not there."""
    command = _command(asked, case_id, body, "wall")
    against = (body.worker_id, body.organisation_id)
    with asked.office.work(asked.now) as uow:
        wall = guarding.raise_wall(uow, command, against=against, reason=body.reason, now=asked.now)
    return WallOut.of(wall)


@door.delete("/cases/{case_id}/walls/{wall_id}", status_code=204, responses=may_answer(404))
@lets(Action.GUARD_CASES)
def lift_wall(asked: Asked, case_id: UUID, wall_id: UUID) -> None:
    """Take a wall away."""
    with asked.office.work(asked.now) as uow:
        guarding.lift_wall(uow, asked.worker, case_id, wall_id, now=asked.now)


@door.get("/cases/{case_id}/legal-hold", responses=may_answer(404))
@lets(Action.GUARD_CASES)
def see_hold(asked: Asked, case_id: UUID) -> HoldOut:
    """The hold in force; 404 where there is none. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        return HoldOut.of(guarding.see_hold(uow, asked.worker, case_id))


@door.post("/cases/{case_id}/legal-hold", status_code=201, responses=may_answer(404, 409))
@lets(Action.GUARD_CASES)
def set_hold(asked: Asked, case_id: UUID, body: ReasonIn) -> HoldOut:
    """Nothing of the case may be erased until the hold is lifted, neither by time nor on request."""
    command = _command(asked, case_id, body, "hold")
    with asked.office.work(asked.now) as uow:
        return HoldOut.of(guarding.set_hold(uow, command, reason=body.reason, now=asked.now))


@door.delete("/cases/{case_id}/legal-hold", status_code=204, responses=may_answer(404))
@lets(Action.GUARD_CASES)
def lift_hold(asked: Asked, case_id: UUID) -> None:
    """Lift the hold: what is over its time may be erased again."""
    with asked.office.work(asked.now) as uow:
        guarding.lift_hold(uow, asked.worker, case_id, now=asked.now)


@door.put("/workers/{worker_id}/training", responses=may_answer(404))
@lets(Action.TRAIN_WORKERS)
def set_training(asked: Asked, worker_id: UUID, body: TrainingIn) -> TrainingOut:
    """Say whether somebody is trained to work with children: only they see cases with a child."""
    trained = body.trained_for_children
    with asked.office.work(asked.now) as uow:
        worker = guarding.set_trained(uow, asked.worker, worker_id, trained=trained, now=asked.now)
    return TrainingOut(worker_id=worker.id, trained_for_children=worker.trained_for_children)


def _command(asked: Asking, case_id: UUID, body: CommandIn, verb: str) -> Command:
    content = f"{verb} {body.model_dump_json(exclude={'id'})}"
    return Command(asked.worker, case_id, body.id or new_id(asked.now), content)
