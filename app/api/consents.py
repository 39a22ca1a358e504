"""Consent: what each person of a case answered, and who answers for a child."""

from uuid import UUID

from app.api.doors import Asked, Door, lets, may_answer
from app.api.protection import ConsentIn, ConsentOut, ConsentsOut, GuardianIn, GuardianOut
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.kernel.phone import Phone
from app.usecases import consenting
from app.usecases.case_work import Command
from app.usecases.consenting import Answer, GuardianWish

door = Door(prefix="/v1/cases/{case_id}", tags=["consent"])


@door.get("/consents", responses=may_answer(404))
@lets(Action.WORK_CASES)
def see_consents(asked: Asked, case_id: UUID) -> ConsentsOut:
    """Who consented to what, what nobody was asked yet, and how it came to that. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        found = consenting.see_consents(uow, asked.worker, case_id, now=asked.now)
    return ConsentsOut.of(found)


@door.post("/consents", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def answer(asked: Asked, case_id: UUID, body: ConsentIn) -> ConsentOut:
    """Write down a yes or no. A no, or a yes taken back, ends at once what was handed over on it."""
    content = f"consent {body.model_dump_json(exclude={'id'})}"
    command = Command(asked.worker, case_id, body.id or new_id(asked.now), content)
    given = Answer(
        body.purpose, body.state, body.by, body.channel, body.language.value, body.person_id, body.member_id,
        body.organisation_id, body.witness,
    )  # fmt: skip
    with asked.office.work(asked.now) as uow:
        view = consenting.answer(uow, command, given, now=asked.now)
    return ConsentOut.seen(view)


@door.get("/members/{member_id}/guardian", responses=may_answer(404))
@lets(Action.WORK_CASES)
def see_guardian(asked: Asked, case_id: UUID, member_id: UUID) -> GuardianOut:
    """Who answers for a child. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        found = consenting.see_guardian(uow, asked.worker, case_id, member_id)
    return GuardianOut.of(member_id, found)


@door.put("/members/{member_id}/guardian", responses=may_answer(404))
@lets(Action.WORK_CASES)
def set_guardian(asked: Asked, case_id: UUID, member_id: UUID, body: GuardianIn) -> GuardianOut:
    """Write down who answers for a child, all of it. A suspected guardian is never called or written to."""
    phone = Phone(body.phone) if body.phone else None
    wish = GuardianWish(body.name, phone, body.assent, body.guardian_is_suspect)
    with asked.office.work(asked.now) as uow:
        kept = consenting.set_guardian(uow, asked.worker, (case_id, member_id), wish, now=asked.now)
    return GuardianOut.of(member_id, kept)
