"""Calling the people of a case through us, so that they see the hotline's number and no worker's."""

from uuid import UUID

from app.api.doors import Asked, Door, lets, may_answer
from app.api.schemas import CallOutIn
from app.api.views import CallOutOut
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.usecases import calling_out
from app.usecases.calling_out import Bridge
from app.usecases.case_work import Command

door = Door(prefix="/v1/cases/{case_id}", tags=["calls"])


@door.post("/calls", status_code=202, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def call_out(asked: Asked, case_id: UUID, body: CallOutIn | None = None) -> CallOutOut:
    """Be rung, and after pressing 1 be joined with the person. The same `id` again is the same call.

    Refused with `unsafe_contact` where the person must not be called now; `next_safe_at` says when.
    """
    wish = body or CallOutIn()
    command = Command(asked.worker, case_id, wish.id or new_id(asked.now), f"call {wish.phone_id}")
    with asked.office.work(asked.now) as uow:
        return _shown(calling_out.start(uow, command, wish.phone_id, now=asked.now))


@door.get("/calls/{call_id}", responses=may_answer(404))
@lets(Action.WORK_CASES)
def see_call(asked: Asked, case_id: UUID, call_id: UUID) -> CallOutOut:
    """How far a call has come that somebody asked for in this case."""
    with asked.office.work(asked.now) as uow:
        return _shown(calling_out.see(uow, asked.worker, case_id, call_id))


def _shown(bridge: Bridge) -> CallOutOut:
    return CallOutOut(id=bridge.id, status=bridge.status, seconds=bridge.seconds)
