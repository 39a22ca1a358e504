"""What doors and reports ask of statistics: each indicator, or all of them, from one snapshot in a view."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from app.audit.rules import Deed
from app.cases.rules.stages import Sight
from app.identity.rules import Action, Worker
from app.statistics import published
from app.statistics.labels import Labels, Language
from app.statistics.publishing import publish
from app.statistics.reading import HOME, YEARS, Reading, total_of
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.figures import (
    Caseload,
    Contacts,
    Escalations,
    MoneyFigures,
    Quality,
    RepeatParty,
    Summary,
    Table,
    Wait,
    YearLine,
)
from app.statistics.rules.periods import Period, settled
from app.statistics.rules.publishing import ROWS, SEX, Publication, Question
from app.statistics.rules.scope import Scope
from app.statistics.rules.telling import NotPublished, UnknownDimension
from app.statistics.store.counting import CountingStore
from app.usecases.unit_of_work import Office, UnitOfWork

View = Literal["published", "internal"]
Filters = Mapping[Dimension, tuple[str | None, ...]]
REPEAT_FROM: Final = 2  # how many cases make a company a repeated one, where nobody said otherwise
_MOST_DIMENSIONS: Final = 2
# The tables of a summary in the internal view, in the order of the report.
_TABLES: Final = (
    Dimension.MONTH, Dimension.CATEGORY, Dimension.DESTINATION, Dimension.SECTOR, Dimension.SEX,
    Dimension.AGE_BAND, Dimension.AGE_GROUP, Dimension.PROVINCE, Dimension.CHANNEL, Dimension.ORGANISATION,
    Dimension.URGENCY, Dimension.STATUS, Dimension.INDICATOR, Dimension.RECRUITER, Dimension.EMPLOYER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks of statistics: a period, in a view, for these eyes, with names in a language.

    In the published view eyes make no difference: everybody is told the same. `sight` None is the operator.
    """

    period: Period
    view: View
    sight: Sight | None
    locale: Language
    now: datetime
    filters: Filters = field(default_factory=dict)

    @property
    def is_published(self) -> bool:
        """Whether only what may be published is asked for."""
        return self.view == "published"


def note(office: Office, worker: Worker, indicator: str, wish: Wish) -> None:
    """Remember in the audit chain who reads exact figures, of which time. Raises: NotAllowed."""
    worker.must_be_allowed(Action.READ_STATISTICS)
    details = {
        "indicator": indicator, "from": wish.period.since.isoformat(), "until": wish.period.until.isoformat(),
        "filters": sorted(one.value for one in wish.filters),
    }  # fmt: skip
    with office.work(wish.now) as uow:
        uow.audit.record(Deed("statistics.read", str(worker.id), details=details))


def answerable(office: Office, wish: Wish) -> Wish:
    """The wish as it is answered: in the published view without the months that are not to be published yet.

    Raises: WholeMonthsOnly, TooEarly.
    """
    if not wish.is_published:
        return wish
    rules = office.rulebook
    period = settled(
        wish.period, zone=rules.ladders.calendar.timezone, after=rules.published_after, now=wish.now
    )
    return replace(wish, period=period)


def cases(office: Office, wish: Wish, dimensions: Sequence[Dimension]) -> Table:
    """Cases and people by one dimension or two; by none, all of them.

    Raises: UnknownDimension; in the published view NotPublished, and what `publish` raises.
    """
    if len(dimensions) > _MOST_DIMENSIONS or len(set(dimensions)) < len(dimensions):
        raise UnknownDimension
    if wish.is_published:
        _must_be_published(dimensions, wish)
        return published.table_of(*_told(office, wish), [one.value for one in dimensions])
    with _reading(office, wish) as reading:
        return reading.table(*dimensions)


def outcomes(office: Office, wish: Wish) -> Table:
    """Cases closed in the period and their people by outcome; published: people of cases opened in it."""
    if wish.is_published:
        return cases(office, wish, (Dimension.OUTCOME,))
    with _reading(office, wish) as reading:
        return reading.outcomes()


def contacts(office: Office, wish: Wish) -> Contacts:
    """What came in. Raises: what `publish` raises, in the published view, here and below."""
    if wish.is_published:
        return published.contacts(*_told(office, wish))
    with _reading(office, wish) as reading:
        return reading.contacts()


def times(office: Office, wish: Wish) -> tuple[Wait, ...]:
    """How long cases opened in the period waited. Raises: NotPublished, with filters."""
    if wish.is_published:
        _must_be_published((), wish)
        return published.times(*_told(office, wish))
    with _reading(office, wish) as reading:
        return reading.times()


def escalations(office: Office, wish: Wish) -> Escalations:
    """Rungs that were reached, and targets that were missed. Raises: NotPublished."""
    with _inside(office, wish) as reading:
        return reading.escalations()


def caseload(office: Office, wish: Wish) -> Caseload:
    """Who has how many cases open now. Raises: NotPublished."""
    with _inside(office, wish) as reading:
        return reading.caseload()


def money(office: Office, wish: Wish, *, by_employer: bool = False) -> MoneyFigures:
    """Wages claimed and money recovered in the period. Raises: NotPublished, for employers."""
    if wish.is_published and by_employer:
        raise NotPublished
    if wish.is_published:
        return published.money(_gate(office, wish))
    with _reading(office, wish) as reading:
        return reading.money(by_employer=by_employer)


def parties(office: Office, wish: Wish, *, at_least: int) -> tuple[RepeatParty, ...]:
    """Companies and places with so many cases or more. Raises: NotPublished."""
    with _inside(office, wish) as reading:
        return reading.parties(at_least=at_least)


def quality(office: Office, wish: Wish) -> Quality:
    """How well cases are written down, and what is overdue. Raises: NotPublished."""
    with _inside(office, wish) as reading:
        return reading.quality()


def years(office: Office, wish: Wish) -> tuple[YearLine, ...]:
    """Cases, people and those brought home by year and organisation. Raises: NotPublished, with filters."""
    if wish.is_published:
        _must_be_published((), wish)
        return published.years_of(*_told(office, wish))
    with _reading(office, wish) as reading:
        return reading.years()


def first_case_at(uow: UnitOfWork) -> datetime | None:
    """When the oldest case was opened; None where there is none yet."""
    return CountingStore(uow.connection, uow.vault).first_opened_at()


def summary(  # noqa: PLR0913, PLR0917 - what a report is about: none follows from another
    office: Office, period: Period, sight: Sight | None, locale: Language, view: View, now: datetime
) -> Summary:
    """All of a period, from one snapshot. In the published view, all that may be told, and nothing else.

    Whoever shows exact figures to a worker notes it first, with `note`.
    Raises: WholeMonthsOnly, TooEarly, and what `publish` raises, in the published view.
    """
    wish = answerable(office, Wish(period, view, sight, locale, now))
    return _published_summary(office, wish) if wish.is_published else _exact_summary(office, wish)


def _exact_summary(office: Office, wish: Wish) -> Summary:
    with _reading(office, wish) as reading:
        # All tables together, for what one pass over the cases tells of several.
        found = reading.tables((), YEARS, HOME, *((one,) for one in _TABLES))
        return Summary(
            totals=total_of(found[()]),
            tables=tuple(found[one,] for one in _TABLES),
            contacts=reading.contacts(),
            times=reading.times(),
            escalations=reading.escalations(),
            outcomes=reading.outcomes(),
            money=reading.money(by_employer=True),
            years=reading.years_from(found[YEARS], found[HOME]),
            parties=reading.parties(at_least=REPEAT_FROM),
            caseload=reading.caseload(),
            quality=reading.quality(),
        )


def _published_summary(office: Office, wish: Wish) -> Summary:
    released, labels = _told(office, wish)
    tables = {name: published.table_of(released, labels, (name,)) for name in (*ROWS, SEX)}
    return Summary(
        totals=published.totals_of(released, labels),
        tables=tuple(tables[name] for name in (*ROWS, SEX) if name != Dimension.OUTCOME),
        contacts=published.contacts(released, labels),
        times=published.times(released, labels),
        escalations=None,
        outcomes=tables[Dimension.OUTCOME.value],
        money=published.money(released),
        years=published.years_of(released, labels),
        parties=None,
        caseload=None,
        quality=None,
    )


def _must_be_published(dimensions: Sequence[Dimension], wish: Wish) -> None:
    """Raises: NotPublished, for what is in no published table."""
    names = {one.value for one in dimensions}
    if wish.filters or len(names - {SEX}) > 1 or not names <= {*ROWS, SEX}:
        raise NotPublished


def _gate(office: Office, wish: Wish) -> Publication:
    """The released tables of the period. Every organisation's row is in them: so is what they leave out."""
    own = wish.sight.organisation_id if wish.sight and not wish.sight.coordinates else None
    return publish(office, Question(wish.period.since, wish.period.until, {}, own), wish.now)


def _told(office: Office, wish: Wish) -> tuple[Publication, Labels]:
    """What was released of the period, and the names of its codes."""
    released = _gate(office, wish)
    with office.look() as uow:
        return released, Labels(office.rulebook, wish.locale, uow.identity.organisation_names())


@contextmanager
def _inside(office: Office, wish: Wish) -> Iterator[Reading]:
    """As `_reading`, for what is never published. Raises: NotPublished."""
    if wish.is_published:
        raise NotPublished
    with _reading(office, wish) as reading:
        yield reading


@contextmanager
def _reading(office: Office, wish: Wish) -> Iterator[Reading]:
    """One snapshot of the cases that are asked for, as these eyes may see them."""
    rules = office.rulebook
    zone = rules.ladders.calendar.timezone
    since, until = wish.period.moments(zone)
    scope = Scope(since, until, zone, wish.sight, filters=wish.filters, indicators=rules.category_indicators)
    with office.snapshot() as uow:
        labels = Labels(rules, wish.locale, uow.identity.organisation_names())
        yield Reading(uow, scope, labels, wish.now)
