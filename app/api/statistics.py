"""Statistics: what happened in a period, as it may be published, or exactly for who may see the cases."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Query
from pydantic import StringConstraints

from app.api.doors import Asked, Asking, Door, lets, may_answer
from app.api.statistics_views import (
    CaseloadOut,
    CasesOut,
    ContactsOut,
    EscalationsOut,
    Figures,
    MoneyOut,
    PeriodOut,
    QualityOut,
    RepeatPartiesOut,
    SummaryOut,
    TimesOut,
    YearsOut,
)
from app.i18n.catalogue import choose_locale
from app.identity.rules import Action
from app.statistics import service
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.periods import Period, read_period, this_year
from app.statistics.service import Filters, Wish
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import Office

door = Door(prefix="/v1/statistics", tags=["statistics"])

Out = TypeVar("Out", bound=Figures)
_UNKNOWN = "unknown"
_WHEN = "a month (2026-03) or a day (2026-03-01); the published view takes months"
_ONLY = "only these; `unknown` for those of which nobody knows it"
Words = Annotated[
    list[Annotated[str, StringConstraints(max_length=60)]], Query(max_length=50, description=_ONLY)
]
Ids = Annotated[list[UUID | Literal["unknown"]], Query(max_length=50, description=_ONLY)]


@dataclass(frozen=True)
class Desk:
    """Whoever asks for statistics, and what they wish for."""

    asked: Asking
    wish: Wish

    @property
    def office(self) -> Office:
        """Where the figures are read."""
        return self.asked.office

    def narrowed(self, filters: Filters) -> "Desk":
        """The same wish, of cases with these values only."""
        return replace(self, wish=replace(self.wish, filters=filters))

    def noted(self, indicator: str) -> Wish:
        """The wish; that exact figures are read stands in the audit chain before they are."""
        if not self.wish.is_published:
            service.note(self.office, self.asked.worker, indicator, self.wish)
        return self.wish

    def answered(self, out: type[Out], **figures: Any) -> Out:  # noqa: ANN401 - fields of the answer
        """The figures with what they say of themselves."""
        wish, rules = self.wish, self.office.rulebook
        return out(
            view=wish.view, publish=wish.is_published,
            period=PeriodOut(
                since=wish.period.since, until=wish.period.until - timedelta(days=1),
                timezone=rules.ladders.calendar.timezone.key,
            ),
            k=rules.small_cell_k, locale=wish.locale, generated_at=wish.now, **figures,
        )  # fmt: skip


def desk(
    asked: Asked,
    since: Annotated[str | None, Query(alias="from", max_length=10, description=_WHEN)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=10, description="counts as well")] = None,
    view: Annotated[Literal["published", "internal"], Query()] = "published",
    locale: Annotated[Literal["km", "en"] | None, Query(description="of labels")] = None,
    accept_language: Annotated[str | None, Header(max_length=200)] = None,
) -> Desk:
    """Without a period, the twelve months up to the present one.

    Raises: BadPeriod, WholeMonthsOnly, TooEarly.
    """
    wish = Wish(
        _period(asked, since, until), view, sight_of(asked.worker), locale or choose_locale(accept_language),
        asked.now,
    )  # fmt: skip
    return Desk(asked, service.answerable(asked.office, wish))


def filters(
    destination: Words = [],  # noqa: B006 - FastAPI copies it
    sector: Words = [],  # noqa: B006 - as above
    province: Words = [],  # noqa: B006 - as above
    category: Words = [],  # noqa: B006 - as above
    indicator: Words = [],  # noqa: B006 - as above
    channel: Words = [],  # noqa: B006 - as above
    urgency: Words = [],  # noqa: B006 - as above
    status: Words = [],  # noqa: B006 - as above
    outcome: Words = [],  # noqa: B006 - as above
    sex: Words = [],  # noqa: B006 - as above
    age_band: Words = [],  # noqa: B006 - as above
    age_group: Words = [],  # noqa: B006 - as above
    organisation: Ids = [],  # noqa: B006 - as above
    recruiter: Ids = [],  # noqa: B006 - as above
    employer: Ids = [],  # noqa: B006 - as above
) -> Filters:
    """The values that cases and people must have, by dimension."""
    given = {name: values for name, values in locals().items() if values}
    return {
        Dimension(name): tuple(None if value == _UNKNOWN else str(value) for value in values)
        for name, values in given.items()
    }


Wished = Annotated[Desk, Depends(desk)]
Narrowed = Annotated[Filters, Depends(filters)]


@door.get("/contacts", responses=may_answer())
@lets(Action.READ_STATISTICS)
def contacts(wished: Wished) -> ContactsOut:
    """Texts and calls that came in: by channel, language and hour of the office's day, and how calls ended.

    The internal view counts what belongs to cases that you may see, and what belongs to none. The
    published view adds up what was frozen with each window, and tells unique callers of one window only.
    """
    found = service.contacts(wished.office, wished.noted("contacts"))
    return wished.answered(ContactsOut, contacts=found)


@door.get("/cases", responses=may_answer())
@lets(Action.READ_STATISTICS)
def cases(
    wished: Wished,
    narrowed: Narrowed,
    by: Annotated[list[Dimension], Query(max_length=2, description="none, one or two dimensions")] = [],  # noqa: B006 - FastAPI copies it
) -> CasesOut:
    """Cases opened in the period, and their people, by one dimension or two.

    The published view has one dimension, sex, or both, and no filters; counts that could give somebody
    away are null, with `suppressed: true`. It tells people by each, and cases of everybody together only:
    by a dimension `cases` is null.
    """
    wished = wished.narrowed(narrowed)
    return wished.answered(CasesOut, table=service.cases(wished.office, wished.noted("cases"), by))


@door.get("/times", responses=may_answer())
@lets(Action.READ_STATISTICS)
def times(wished: Wished, narrowed: Narrowed) -> TimesOut:
    """How long cases waited to be accepted, for the first contact and until they were closed.

    Percentiles by nearest rank, in whole seconds rounded up, and the share that kept the target of their
    escalation profile. The published view rounds them, tells no numbers of cases, and has lines for each
    window of the period by itself (`window`): such figures cannot be added up.
    """
    wished = wished.narrowed(narrowed)
    return wished.answered(TimesOut, times=service.times(wished.office, wished.noted("times")))


@door.get("/escalations", responses=may_answer())
@lets(Action.READ_STATISTICS)
def escalations(wished: Wished, narrowed: Narrowed) -> EscalationsOut:
    """How often each rung was reached, and how many cases missed a target. Internal view only."""
    wished = wished.narrowed(narrowed)
    found = service.escalations(wished.office, wished.noted("escalations"))
    return wished.answered(EscalationsOut, escalations=found)


@door.get("/caseload", responses=may_answer())
@lets(Action.READ_STATISTICS)
def caseload(wished: Wished) -> CaseloadOut:
    """Who has how many cases open at this moment, and where cases wait. Internal view only."""
    found = service.caseload(wished.office, wished.noted("caseload"))
    return wished.answered(CaseloadOut, caseload=found)


@door.get("/outcomes", responses=may_answer())
@lets(Action.READ_STATISTICS)
def outcomes(wished: Wished, narrowed: Narrowed) -> CasesOut:
    """Cases that were closed in the period and their people, by outcome: each person's own, else the case's.

    The published view counts the people of cases that were opened in it, whether or not they are closed.
    """
    wished = wished.narrowed(narrowed)
    return wished.answered(CasesOut, table=service.outcomes(wished.office, wished.noted("outcomes")))


@door.get("/money", responses=may_answer())
@lets(Action.READ_STATISTICS)
def money(
    wished: Wished,
    by_employer: Annotated[bool, Query(description="also by employer; internal view only")] = False,  # noqa: FBT002 - a query parameter
) -> MoneyOut:
    """Wages claimed by people written down in the period, and money that came back in it.

    By currency, and in US cents by the rate of the day on which it was written down or came back.
    """
    found = service.money(wished.office, wished.noted("money"), by_employer=by_employer)
    return wished.answered(MoneyOut, money=found)


@door.get("/parties", responses=may_answer())
@lets(Action.READ_STATISTICS)
def parties(
    wished: Wished,
    narrowed: Narrowed,
    at_least: Annotated[int, Query(ge=1, le=10_000, description="how many cases")] = service.REPEAT_FROM,
) -> RepeatPartiesOut:
    """Recruiters, employers, brokers and sites with several cases, and from how many organisations.

    Internal view only: a name on a list that others read does harm where it stands there wrongly.
    """
    wished = wished.narrowed(narrowed)
    found = service.parties(wished.office, wished.noted("parties"), at_least=at_least)
    return wished.answered(RepeatPartiesOut, at_least=at_least, parties=found)


@door.get("/quality", responses=may_answer())
@lets(Action.READ_STATISTICS)
def quality(wished: Wished, narrowed: Narrowed) -> QualityOut:
    """What nobody filled in, cases without anybody written down, what is overdue. Internal view only."""
    wished = wished.narrowed(narrowed)
    return wished.answered(QualityOut, quality=service.quality(wished.office, wished.noted("quality")))


@door.get("/years", responses=may_answer())
@lets(Action.READ_STATISTICS)
def years(wished: Wished, narrowed: Narrowed) -> YearsOut:
    """Cases that were documented, the people in them, and how many came home, by year and organisation.

    With the sum of each year, of each organisation, and of all. Filters narrow it to a trade, a country
    or a kind of problem; the published view takes none.
    """
    wished = wished.narrowed(narrowed)
    return wished.answered(YearsOut, years=service.years(wished.office, wished.noted("years")))


@door.get("/summary", responses=may_answer())
@lets(Action.READ_STATISTICS)
def summary(wished: Wished) -> SummaryOut:
    """Everything of a period in one answer, from one snapshot. What may not be told is null."""
    wish = wished.noted("summary")
    found = service.summary(wished.office, wish.period, wish.sight, wish.locale, wish.view, wish.now)
    return wished.answered(SummaryOut, summary=found)


def _period(asked: Asking, since: str | None, until: str | None) -> Period:
    """Raises: BadPeriod, also where only one end was given."""
    if since is None and until is None:
        return this_year(asked.now, asked.office.rulebook.ladders.calendar.timezone)
    return read_period(since or "", until or "")
