"""The figures of the published view: what the publishing gate tells, and what else gives nobody away."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from app.statistics.labels import Labels
from app.statistics.reading import Reading
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.figures import Cell, Contacts, MoneyFigures, Sum, Table, Volume, Wait, YearLine
from app.statistics.rules.percentiles import rounded
from app.statistics.rules.publishing import OPEN, ORGANISATION, SEX, UNKNOWN, Publication, Window
from app.statistics.rules.publishing import Cell as Released
from app.statistics.rules.telling import may_tell, may_tell_share, may_tell_sum, told_share, told_sum
from app.statistics.store.contacts import ContactStore
from app.statistics.store.money import MoneyStore, Spread
from app.statistics.store.times import Kept, TimeStore

_OUTCOME: Final = Dimension.OUTCOME.value
_CENTS: Final = 100
_REPATRIATED: Final = "repatriated"


def table_of(publication: Publication, dimensions: Sequence[str], labels: Labels) -> Table:
    """The released cells of these dimensions, added up over the windows of the period.

    Where a window keeps something back, the number is of those that tell it, and is said to be suppressed.
    """
    cells: dict[tuple[str, ...], list[Released]] = {}
    for cell in publication.cells:
        if cell.keys.keys() == set(dimensions):
            cells.setdefault(tuple(cell.keys[name] for name in dimensions), []).append(cell)
    # Of a window in which nobody is at all, nothing is withheld but rows of nobody.
    empty = {cell.window for cell in publication.cells if not cell.keys and cell.people == 0}
    withheld = [
        window
        for window, names in publication.withheld.items()
        if names & set(dimensions) and window not in empty
    ]
    found = tuple(
        _added(dict(zip(dimensions, values, strict=True)), of, labels, whole=not withheld)
        for values, of in sorted(cells.items(), key=lambda item: [(one == UNKNOWN, one) for one in item[0]])
    )
    return Table(tuple(dimensions), found, bool(withheld) or any(one.suppressed for one in found))


def totals_of(publication: Publication, labels: Labels) -> Cell:
    """Everybody in the period."""
    return _added({}, [cell for cell in publication.cells if not cell.keys], labels, whole=True)


def years_of(publication: Publication, labels: Labels) -> tuple[YearLine, ...]:
    """Lines of years, of all organisations and of each that may be told of.

    How many came home is told of all organisations together: of one alone it is no published figure.
    """
    years = sorted({window.since.year for window in publication.windows})
    lines = []
    for year in (*years, None):
        windows = [one for one in publication.windows if year in {None, one.since.year}]
        of = replace(
            publication, windows=tuple(windows), withheld={w: publication.withheld[w] for w in windows},
            cells=tuple(cell for cell in publication.cells if cell.window in windows),
        )  # fmt: skip
        total, home = totals_of(of, labels), table_of(of, (_OUTCOME,), labels)
        back = next((one for one in home.cells if one.keys[_OUTCOME] == _REPATRIATED), None)
        none = None if home.suppressed else 0
        lines += [
            YearLine(
                year, None, cell.keys[ORGANISATION], False, cell.labels[ORGANISATION],
                cell.cases, cell.people, None, cell.suppressed,
            )
            for cell in table_of(of, (ORGANISATION,), labels).cells
        ]  # fmt: skip
        lines.append(
            YearLine(
                year, None, None, True, labels.everything, total.cases, total.people,
                back.people if back else none, total.suppressed,
            )
        )  # fmt: skip
    return tuple(lines)


def contacts(reading: Reading, k: int) -> Contacts:
    """What came in, as far as each month and value has contacts from nobody or from at least k phones.

    From how many phones is told of single months only: of two and of both together it could be worked
    out how few called in both.
    """
    store, exact = ContactStore(reading.uow.connection), reading.contacts()
    fits = {
        name: may_tell(store.callers_by(reading.scope, name), k)
        for name in ("channel", "ended", "language", "hour")
    }
    months = store.callers_by(reading.scope, None)
    one_month = len(months) == 1 and may_tell(months, k)
    ways = fits["channel"] and fits["ended"]
    return Contacts(
        texts=exact.texts if fits["channel"] else None,
        calls=exact.calls if fits["channel"] else None,
        answered=exact.answered if ways else None,
        left_word=exact.left_word if ways else None,
        abandoned=exact.abandoned if ways else None,
        missed=exact.missed if fits["channel"] else None,
        unique_callers=exact.unique_callers if one_month else None,
        answered_share=told_share(exact.answered_share) if ways else None,
        by_channel=_volumes(exact.by_channel, told=fits["channel"]),
        by_language=_volumes(exact.by_language, told=fits["language"]),
        by_hour=_volumes(exact.by_hour, told=fits["hour"]),
        suppressed=not all(fits.values()),
    )


def times(reading: Reading, k: int) -> tuple[Wait, ...]:
    """Waiting times of all urgencies together, rounded; of how many cases they are is not told."""
    by_month = TimeStore(reading.uow.connection).done_by_month(reading.scope)
    kept = reading.kept
    found = []
    for one in reading.times():
        if one.urgency is not None:
            continue
        told, judged = may_tell(by_month.get(one.clock, ()), k), _sides(kept, one.clock)
        share = one.share_in_time if judged and may_tell_share(judged, k) else None
        found.append(
            Wait(
                one.clock, None, one.label, None, rounded(one.p50) if told else None,
                rounded(one.p90) if told else None, rounded(one.p95) if told else None,
                None, None, None, told_share(share), not told or (bool(judged) and share is None),
            )
        )  # fmt: skip
    return tuple(found)


def money(reading: Reading, released: Publication, k: int) -> MoneyFigures:
    """What came back as the gate tells it, in whole dollars, and what is claimed, to two digits.

    A currency is told of where each month has claims of nobody or of k people, none of whom dominates.
    """
    claims = MoneyStore(reading.uow.connection).claims_spread(reading.scope)
    exact = reading.money(by_employer=False)
    sums = tuple(_told(one, may=_fits(claims, one.currency, k)) for one in exact.currencies if one.claimed)
    # Together with the currencies that are told, their sum would tell what is kept back.
    suppressed = any(one.suppressed for one in sums)
    claimed = None if suppressed else told_sum(exact.claimed_usd_cents or 0)
    recovered = recovered_of(released)
    return MoneyFigures(sums, claimed, recovered, None, suppressed or recovered is None)


def recovered_of(released: Publication) -> int | None:
    """What came back in the period in US cents, where every window tells it."""
    told = [cell.usd for cell in released.cells if not cell.keys]
    known = [usd for usd in told if usd is not None]
    return sum(known) * _CENTS if len(known) == len(told) else None


def _told(one: Sum, *, may: bool) -> Sum:
    def told(amount: int | None) -> int | None:
        return told_sum(amount) if may and amount is not None else None

    return Sum(
        one.currency, one.digits, told(one.claimed), None, told(one.claimed_usd_cents),
        told(one.claimed_without_rate), None, None, None, None, suppressed=not may,
    )  # fmt: skip


def _fits(spread: Iterable[Spread], currency: str, k: int) -> bool:
    return may_tell_sum([(one.of, one.largest, one.minor) for one in spread if one.currency == currency], k)


def _sides(kept: Iterable[Kept], clock: str) -> list[tuple[int, int]]:
    in_time, late = Counter[str](), Counter[str]()
    for one in kept:
        if one.clock == clock:
            in_time[one.month] += one.in_time
            late[one.month] += one.late
    return [(in_time[month], late[month]) for month in in_time]


def _volumes(found: tuple[Volume, ...] | None, *, told: bool) -> tuple[Volume, ...] | None:
    return found if told else None


def _added(keys: Mapping[str, str], of: Sequence[Released], labels: Labels, *, whole: bool) -> Cell:
    known = {name: None if value in {UNKNOWN, OPEN} else value for name, value in keys.items()}
    shown = {name: _label(name, value, labels) for name, value in keys.items()}
    people = [cell.people for cell in of if cell.people is not None]
    cases = [cell.cases for cell in of if cell.cases is not None]
    return Cell(
        known, shown,
        sum(cases) if len(cases) == len(of) else None,
        sum(people) if people else None,
        suppressed=not whole or len(people) < len(of),
    )  # fmt: skip


def _label(name: str, value: str, labels: Labels) -> str:
    if value == OPEN:
        return labels.text("statistics.open")
    if value == UNKNOWN:
        return labels.unknown
    if name == ORGANISATION:
        return labels.organisation_named(value)
    return labels.of(Dimension(name), value)


__all__ = ["SEX", "Window", "contacts", "money", "table_of", "times", "totals_of", "years_of"]
