"""Exports: the cases of a supervisor or coordinator as a CSV file."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import Header, Query
from pydantic import AfterValidator, AwareDatetime
from starlette.responses import StreamingResponse

from app.api.doors import Asked, Door, lets, may_answer
from app.api.schemas import CategoryCode
from app.cases.rules.stages import Status
from app.exports import service
from app.exports.rules import WantedCases
from app.i18n.catalogue import choose_locale
from app.identity.rules import Action
from app.kernel.clock import day_begins
from app.usecases.unit_of_work import Office

door = Door(prefix="/v1/exports", tags=["exports"])


def _plausible(moment: date) -> date:
    """Far from the ends of the calendar, where time zones fall off."""
    if not 2000 <= moment.year < 3000:  # noqa: PLR2004 - centuries
        raise ValueError("no case is as old, or as young")
    return moment


When = Annotated[AwareDatetime | date, AfterValidator(_plausible)]


@door.get(
    "/cases.csv",
    responses={**may_answer(), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
)
@lets(Action.EXPORT_CASES, under_duress="sees_nothing")
def cases_as_csv(
    asked: Asked,
    opened_from: Annotated[When | None, Query(alias="from", description="a day, or a time")] = None,
    opened_to: Annotated[
        When | None, Query(alias="to", description="a day, which counts, or a time, which no longer does")
    ] = None,
    status: Annotated[list[Status], Query()] = [],  # noqa: B006 - FastAPI copies it
    category: Annotated[list[CategoryCode], Query()] = [],  # noqa: B006 - FastAPI copies it
    locale: Annotated[Literal["km", "en"] | None, Query(description="of the headings")] = None,
    accept_language: Annotated[str | None, Header(max_length=200)] = None,
) -> Any:  # noqa: ANN401 - a stream
    """The cases that you may know of, oldest first. Remembered in the audit chain before the first row."""
    office = asked.office
    office.rulebook.must_know(tuple(category))
    wanted = WantedCases(
        opened_from=_moment(office, opened_from),
        opened_to=_moment(office, opened_to, after=timedelta(days=1)),
        statuses=tuple(item.value for item in status),
        categories=tuple(category),
        locale=locale or choose_locale(accept_language),
    )
    with office.work(asked.now) as uow:
        plan = service.begin(uow, asked.worker, wanted, asked.now)
    pieces = service.stream(office.database, office.vault, office.rulebook.catalogues, plan)
    disposition = f'attachment; filename="{plan.file_name}"'
    return StreamingResponse(
        _begun(pieces), headers={"Content-Disposition": disposition}, media_type="text/csv; charset=utf-8"
    )


def _moment(office: Office, asked: date | None, *, after: timedelta = timedelta(0)) -> datetime | None:
    """A time as it is; a day by the office's clock, from its beginning, or to its end."""
    if asked is None or isinstance(asked, datetime):
        return asked
    return day_begins(asked + after, office.rulebook.ladders.calendar.timezone)


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, the first of them made already: a fault before it is a 500, not a torn file."""
    return chain([next(pieces, b"")], pieces)
