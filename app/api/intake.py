"""What came in, whether or not it became a case, and what a human must do."""

import base64
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.api import cursors
from app.api.doors import Asked, Door, lets, may_answer
from app.api.schemas import Word
from app.api.views import ArrivalOut, IntakePage, RawArrival, TaskOut, TaskPage
from app.identity.rules import Action
from app.usecases import keeping, seeing

door = Door(prefix="/v1", tags=["intake"])


@door.get("/intake", responses=may_answer())
@lets(Action.READ_INTAKE)
def list_intake(
    asked: Asked,
    state: Literal["stored", "taken", "quarantined"] | None = None,
    channel: Word | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> IntakePage:
    """Every text and call that came in, newest first. Looking is remembered."""
    before = cursors.read_number(cursor)
    with asked.office.work(asked.now) as uow:
        arrivals, more = seeing.see_intake(
            uow, asked.worker, state=state, channel=channel, before=before, limit=limit
        )
    last = arrivals[-1]["number"] if more else None
    return IntakePage(
        items=[ArrivalOut(**{k: v for k, v in arrival.items() if k != "number"}) for arrival in arrivals],
        next_cursor=cursors.write_number(last) if last is not None else None,
    )


@door.get("/intake/{arrival_id}", responses=may_answer(404))
@lets(Action.READ_INTAKE)
def see_arrival(asked: Asked, arrival_id: UUID) -> RawArrival:
    """What a carrier gave us, as it came: for texts that nobody could read. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        raw = seeing.see_arrival(uow, asked.worker, arrival_id)
    return RawArrival(
        id=arrival_id, text=raw.decode("utf-8", "replace"), base64=base64.b64encode(raw).decode()
    )


@door.get("/tasks", responses=may_answer())
@lets(Action.READ_TASKS)
def list_tasks(
    asked: Asked,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TaskPage:
    """What waits for a human, the most pressing first."""
    with asked.office.look() as uow:
        tasks, more = seeing.see_tasks(uow, asked.worker, after=cursors.read(cursor), limit=limit)
    return TaskPage(
        items=[
            TaskOut(
                id=task.id, kind=task.kind, case_id=task.case_id, subject_id=task.subject_id,
                due_at=task.due_at, created_at=task.created_at,
            )
            for task in tasks
        ],
        next_cursor=cursors.write(tasks[-1].due_at, tasks[-1].id) if more else None,
    )  # fmt: skip


@door.post("/tasks/{task_id}/done", status_code=204, responses=may_answer(404), response_class=Response)
@lets(Action.READ_TASKS)
def finish_task(asked: Asked, task_id: UUID) -> None:
    """A human did it."""
    with asked.office.work(asked.now) as uow:
        keeping.finish_task(uow, asked.worker, task_id, now=asked.now)
