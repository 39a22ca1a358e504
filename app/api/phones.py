"""The phones of a case: how each may be used without harm, and writing to one."""

from uuid import UUID

from app.api.doors import Asked, Door, lets, may_answer
from app.api.safety import PhoneOut, Phones, SafetyIn, WorkerTextIn, WorkerTextOut
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.usecases import safe_contact, writing
from app.usecases.case_work import Command

door = Door(prefix="/v1/cases/{case_id}/phones", tags=["phones"])


@door.get("", responses=may_answer(404))
@lets(Action.WORK_CASES)
def see_phones(asked: Asked, case_id: UUID) -> Phones:
    """The phones of a case, with their numbers and what was told of them. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        views = safe_contact.see_phones(uow, asked.worker, case_id, now=asked.now)
    return Phones(items=[PhoneOut.of(view) for view in views])


@door.put("/{phone_id}/safety", responses=may_answer(404))
@lets(Action.WORK_CASES)
def set_safety(asked: Asked, case_id: UUID, phone_id: UUID, body: SafetyIn) -> PhoneOut:
    """Write down how a phone may be used, all of it: what is left out is not known."""
    with asked.office.work(asked.now) as uow:
        view = safe_contact.set_safety(uow, asked.worker, (case_id, phone_id), body.writes(), now=asked.now)
    return PhoneOut.of(view)


@door.post("/{phone_id}/texts", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def write(asked: Asked, case_id: UUID, phone_id: UUID, body: WorkerTextIn) -> WorkerTextOut:
    """Write to a person. Outside safe hours the text waits for the next; 409 where it must not go at all."""
    content = f"text {phone_id} {body.model_dump_json(exclude={'id'})}"
    command = Command(asked.worker, case_id, body.id or new_id(asked.now), content)
    with asked.office.work(asked.now) as uow:
        written = writing.write(
            uow, command, writing.Letter(phone_id, body.text, body.good_until), now=asked.now
        )
    return WorkerTextOut.of(written)
