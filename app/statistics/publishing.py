"""The one gate of published figures: each window is counted once, frozen, and every answer is cut from it."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from app.audit.rules import Deed
from app.kernel.clock import day_begins
from app.statistics.beside import Counting
from app.statistics.rules.beside import Beside
from app.statistics.rules.groups import groups_of
from app.statistics.rules.money import dollars_told
from app.statistics.rules.publishing import (
    DIMENSIONS,
    Figures,
    Publication,
    Question,
    TooEarly,
    Window,
    figures_of,
    is_due,
    must_be_answerable,
    select_cells,
    select_groups,
    windows_of,
    with_money,
    withheld_of,
)
from app.statistics.rules.scope import Scope
from app.statistics.store.counting import Counted, CountingStore
from app.statistics.store.released import ReleasedStore
from app.usecases.unit_of_work import Office, UnitOfWork

_PROGRAM: Final = "publishing"


class _Taken(Exception):
    """Somebody else froze a month of this window first."""


def publish(office: Office, question: Question, now: datetime) -> Publication:
    """What the frozen tables say to the question; windows that nobody asked for before are frozen now.

    Asking again gives the same answer, whatever came in meanwhile and whoever asks. Windows from before
    the first case and those that have not begun are left out; those that may not be published yet are
    `pending`.
    Raises: WindowTooSmall, WouldReveal, TooEarly.
    """
    must_be_answerable(question)
    rules = office.rulebook
    zone = rules.ladders.calendar.timezone
    with office.look() as uow:
        first = CountingStore(uow.connection, uow.vault).first_opened_at()
        ledger = ReleasedStore(uow.connection).touching(question.since, question.until)
        own = _own_code(uow, question)
    known = {one.window: one for one in ledger}
    windows = [
        window
        for window in windows_of(question, list(known), months=rules.published_months)
        if first and first < day_begins(window.until, zone) and day_begins(window.since, zone) <= now
    ]
    due = [
        window
        for window in windows
        if window in known
        or is_due(ends_at=day_begins(window.until, zone), after=rules.published_after, now=now)
    ]
    pending = tuple(window for window in windows if window not in due)
    if pending and not due:
        raise TooEarly(until=pending[0].until.isoformat())
    return _answer(question, [known.get(one) or _release(office, one, now) for one in due], pending, own)


def _release(office: Office, window: Window, now: datetime) -> Figures:
    """The window's tables, counted in one snapshot and frozen, by whoever comes first."""
    figures, is_final = _counted(office, window, now)
    if not is_final:
        return figures
    try:
        with office.work(now) as uow:
            if not ReleasedStore(uow.connection).keep(figures):
                raise _Taken
            details = {"since": str(window.since), "until": str(window.until), "k": figures.k}
            uow.audit.record(Deed("statistics.released", _PROGRAM, details=details))
    except _Taken:
        with office.look() as uow:
            (figures,) = ReleasedStore(uow.connection).touching(window.since, window.until)
    return figures


def _counted(office: Office, window: Window, now: datetime) -> tuple[Figures, bool]:
    """What may be told of the window as it is now, and whether that is to stay.

    While a window goes on, an answer that tells of nobody is not kept, and nothing is told beside it: it
    says nothing that could be subtracted from a later one.
    """
    rules, zone = office.rulebook, office.rulebook.ladders.calendar.timezone
    begins_at, ends_at = day_begins(window.since, zone), day_begins(window.until, zone)
    with office.snapshot() as uow:
        store = CountingStore(uow.connection, uow.vault)
        counted = store.counted(begins_at, ends_at, zone, insiders=rules.small_cell_insiders)
        recovered = store.recovered(window.since, window.until)
        beside = _beside(uow, Scope(begins_at, ends_at, zone), now, counted)
    usd = dollars_told(recovered, rules.small_cell_k, rules.surroundings, insiders=rules.small_cell_insiders)
    cells = with_money(figures_of(window, counted.star, counted.cases, rules.small_cell_k), usd)
    groups = groups_of(counted.star, counted.kinds, rules.small_cell_k)
    figures = Figures(window, rules.small_cell_k, now, cells, withheld_of(cells), groups, beside)
    if now >= ends_at or any(cell.people for cell in cells):
        return figures, True
    return replace(figures, beside=None), False


def _beside(uow: UnitOfWork, scope: Scope, now: datetime, counted: Counted) -> Beside | None:
    """What may be told beside the tables. What an organisation could subtract is not worked out for it."""
    if uow.rulebook.small_cell_insiders:
        return None
    people = sum(count[0] for count in counted.star.columns.values())
    return Counting(uow, scope, now, uow.rulebook.small_cell_k).beside(cases=counted.cases[0], people=people)


def _answer(
    question: Question, figures: list[Figures], pending: tuple[Window, ...], own: str | None
) -> Publication:
    return Publication(
        dimensions=DIMENSIONS,
        cells=tuple(cell for one in figures for cell in select_cells(one.cells, question, own)),
        k=max((one.k for one in figures), default=0),
        as_released_at=max((one.released_at for one in figures), default=None),
        windows=tuple(one.window for one in figures),
        pending=pending,
        withheld={one.window: one.withheld for one in figures},
        groups={one.window: select_groups(one.groups, question, own) for one in figures},
        beside={one.window: one.beside for one in figures if one.beside},
    )


def _own_code(uow: UnitOfWork, question: Question) -> str | None:
    """The code of the organisation that asks; None where every organisation's row may be seen."""
    if question.organisation_id is None:
        return None
    return uow.identity.organisation_names()[question.organisation_id][0]
