"""Who works here: whom a case can be given to, and what to call those whose ids a case names."""

from app.api.doors import Asked, Door, lets, may_answer
from app.api.views import ColleagueOut, Colleagues, OrganisationOut, Organisations
from app.identity.rules import Action
from app.usecases import seeing

door = Door(prefix="/v1", tags=["people"])


@door.get("/workers", responses=may_answer())
@lets(Action.READ_CASES)
def list_workers(asked: Asked) -> Colleagues:
    """Whom you work with: your own organisation and the coordinators; for a coordinator, everyone."""
    with asked.office.look() as uow:
        found = seeing.see_colleagues(uow, asked.worker)
    return Colleagues(
        items=[
            ColleagueOut(
                id=one.worker.id, name=one.name, role=one.worker.role,
                organisation_id=one.worker.organisation_id, languages=sorted(one.worker.languages),
                on_duty=one.worker.on_duty, open_cases=one.open_cases,
            )
            for one in found
        ]
    )  # fmt: skip


@door.get("/organisations", responses=may_answer())
@lets(Action.READ_CASES)
def list_organisations(asked: Asked) -> Organisations:
    """The organisations that take cases, and what each covers."""
    with asked.office.look() as uow:
        found = seeing.see_organisations(uow, asked.worker)
    return Organisations(
        items=[
            OrganisationOut(
                id=one.id, code=one.code, name=one.name, categories=sorted(one.categories),
                destinations=sorted(one.destinations), languages=sorted(one.languages),
            )
            for one in found
        ]
    )  # fmt: skip
