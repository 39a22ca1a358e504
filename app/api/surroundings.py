"""What lies around a case, and the register of recruiters, employers, brokers and sites."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.api.doors import Asked, Door, lets, may_answer
from app.api.surrounding_schemas import (
    CircumstancesOut,
    CircumstancesPatch,
    MergeIn,
    NameIn,
    Parties,
    PartyIn,
    PartyOut,
    RecoveryIn,
    RecoveryOut,
)
from app.circumstances.rules import Party, PartyKind
from app.identity.rules import Action
from app.kernel.ids import new_id
from app.kernel.money import Money
from app.usecases import party_register, surroundings
from app.usecases.case_work import Command

door = Door(prefix="/v1", tags=["circumstances"])


@door.get("/cases/{case_id}/circumstances", responses=may_answer(404))
@lets(Action.READ_CASES)
def see_circumstances(asked: Asked, case_id: UUID) -> CircumstancesOut:
    """Trade, province of origin, the companies in the case, and what money came back."""
    with asked.office.work(asked.now) as uow:
        return CircumstancesOut.of(surroundings.see(uow, asked.worker, case_id))


@door.patch("/cases/{case_id}/circumstances", responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def change_circumstances(asked: Asked, case_id: UUID, body: CircumstancesPatch) -> CircumstancesOut:
    """Write down the trade or the province of origin; what is absent stays, null empties."""
    changes = body.model_dump(exclude_unset=True)
    with asked.office.work(asked.now) as uow:
        return CircumstancesOut.of(surroundings.change(uow, asked.worker, case_id, changes, now=asked.now))


@door.post("/cases/{case_id}/parties", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def add_party(asked: Asked, case_id: UUID, body: PartyIn) -> PartyOut:
    """Say which recruiter, employer, broker or site has to do with the case.

    One that is known under this name, however it is written, is the same one.
    """
    party = Party(new_id(asked.now), body.kind, (body.name,), body.country, body.licence)
    command = Command(asked.worker, case_id, body.id, f"party {body.model_dump_json(exclude={'id'})}")
    with asked.office.work(asked.now) as uow:
        return PartyOut.of(surroundings.add_party(uow, command, party, now=asked.now))


@door.delete("/cases/{case_id}/parties/{party_id}", status_code=204, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def remove_party(asked: Asked, case_id: UUID, party_id: UUID) -> None:
    """The party has nothing to do with the case after all."""
    with asked.office.work(asked.now) as uow:
        surroundings.remove_party(uow, asked.worker, case_id, party_id, now=asked.now)


@door.post("/cases/{case_id}/recoveries", status_code=201, responses=may_answer(404, 409))
@lets(Action.WORK_CASES)
def add_recovery(asked: Asked, case_id: UUID, body: RecoveryIn) -> RecoveryOut:
    """Write down money that came back to the people of the case, also of a closed one."""
    content = f"recovery {body.model_dump_json(exclude={'id'})}"
    command = Command(asked.worker, case_id, body.id or new_id(asked.now), content)
    amount = Money(body.amount.amount_minor, body.amount.currency)
    with asked.office.work(asked.now) as uow:
        return RecoveryOut.of(
            surroundings.add_recovery(
                uow, command, amount, day=body.day, member_id=body.member_id, now=asked.now
            )
        )


@door.get("/parties", responses=may_answer())
@lets(Action.MANAGE_PARTIES)
def see_register(
    asked: Asked,
    kind: PartyKind | None = None,
    like: Annotated[
        str | None, Query(min_length=1, max_length=200, description="the nearest names first")
    ] = None,
) -> Parties:
    """The register. Ask for what resembles a name before you merge twins."""
    with asked.office.work(asked.now) as uow:
        found = party_register.see_register(uow, asked.worker, kind=kind, like=like)
    return Parties(items=[PartyOut.of(one) for one in found])


@door.post("/parties/{party_id}/names", status_code=201, responses=may_answer(404, 409))
@lets(Action.MANAGE_PARTIES)
def add_name(asked: Asked, party_id: UUID, body: NameIn) -> PartyOut:
    """The party is also called this, in whatever script."""
    with asked.office.work(asked.now) as uow:
        return PartyOut.of(party_register.add_name(uow, asked.worker, party_id, body.name, now=asked.now))


@door.post("/parties/{party_id}/merge", responses=may_answer(404))
@lets(Action.MANAGE_PARTIES)
def merge(asked: Asked, party_id: UUID, body: MergeIn) -> PartyOut:
    """Two parties are one: names and cases of this one go to the other. It cannot be undone."""
    with asked.office.work(asked.now) as uow:
        return PartyOut.of(party_register.merge(uow, asked.worker, party_id, into=body.into))


@door.post("/parties/{party_id}/dispute", status_code=201, responses=may_answer(404))
@lets(Action.MANAGE_PARTIES)
def dispute(asked: Asked, party_id: UUID) -> PartyOut:
    """Somebody says that what we keep of the party is wrong: a task waits, no list for others shows it."""
    with asked.office.work(asked.now) as uow:
        return PartyOut.of(party_register.dispute(uow, asked.worker, party_id, now=asked.now))


@door.delete("/parties/{party_id}/dispute", responses=may_answer(404))
@lets(Action.MANAGE_PARTIES)
def settle(asked: Asked, party_id: UUID) -> PartyOut:
    """The dispute was looked into; what is kept is right now."""
    with asked.office.work(asked.now) as uow:
        return PartyOut.of(party_register.settle(uow, asked.worker, party_id, now=asked.now))
