"""The figures of the published view: what the ledger tells of each window, and what it adds up to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from app.statistics.beside import WAITED_FOR
from app.statistics.labels import Labels
from app.statistics.rules.aggregate import period_of
from app.statistics.rules.beside import Volumes
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.dollars import digits_of
from app.statistics.rules.figures import Cell, Contacts, MoneyFigures, Sum, Table, Volume, Wait, YearLine
from app.statistics.rules.money import ToldClaims
from app.statistics.rules.publishing import OPEN, ORGANISATION, SEX, UNKNOWN, Publication, Window
from app.statistics.rules.publishing import Cell as Released
from app.statistics.rules.telling import ToldWait, share_of
from app.statistics.store.contacts import ABANDONED, ANSWERED, CALL, LEFT_WORD, MISSED, TEXT

_OUTCOME: Final = Dimension.OUTCOME.value
_CENTS: Final = 100
_HOURS: Final = 24
# Of a window that was released without what stands beside its tables.
_NO_WAITS: Final = tuple(ToldWait(clock, None, None, None, None, whole=False) for clock in WAITED_FOR)
_REPATRIATED: Final = "repatriated"


def table_of(publication: Publication, labels: Labels, dimensions: Sequence[str]) -> Table:
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
    """Everybody in the period. In one that has no window there is nobody, unless one is still to come."""
    cells = [cell for cell in publication.cells if not cell.keys]
    if not cells and not publication.pending:
        return Cell({}, {}, 0, 0)
    return _added({}, cells, labels, whole=not publication.pending)


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
        total, home = totals_of(of, labels), table_of(of, labels, (_OUTCOME,))
        back = next((one for one in home.cells if one.keys[_OUTCOME] == _REPATRIATED), None)
        none = None if home.suppressed else 0
        lines += [
            YearLine(
                year, None, cell.keys[ORGANISATION], False, cell.labels[ORGANISATION],
                cell.cases, cell.people, None, cell.suppressed,
            )
            for cell in table_of(of, labels, (ORGANISATION,)).cells
        ]  # fmt: skip
        lines.append(
            YearLine(
                year, None, None, True, labels.everything, total.cases, total.people,
                back.people if back else none, total.suppressed,
            )
        )  # fmt: skip
    return tuple(lines)


def contacts(publication: Publication, labels: Labels) -> Contacts:
    """What came in, added up over the windows that tell it. From how many phones: of one window only.

    Of two windows and of both together it could be worked out how few called in both.
    """
    found = [publication.beside.get(window) for window in publication.windows]
    told = [one.contacts for one in found if one]
    channel, ended = _volumes([one.channel for one in told]), _volumes([one.ended for one in told])
    language, hour = _volumes([one.language for one in told]), _volumes([one.hour for one in told])
    calls = _number(ended, ANSWERED), _number(ended, LEFT_WORD), _number(ended, ABANDONED)
    answered, over = calls[0], sum(number or 0 for number in calls)
    alone = len(found) == 1 and bool(told)
    return Contacts(
        texts=_number(channel, TEXT), calls=_number(channel, CALL), answered=answered, left_word=calls[1],
        abandoned=calls[2], missed=_number(channel, MISSED),
        unique_callers=told[0].callers if alone else None,
        answered_share=share_of(answered, over) if answered is not None else None,
        by_channel=_listed(channel, lambda code: labels.of(Dimension.CHANNEL, code)),
        by_language=_listed(language, labels.language_name),
        by_hour=_listed(_every_hour(hour), lambda code: f"{code}:00"),
        suppressed=not (found and _is_whole(publication) and all(one.whole for one in told)),
    )  # fmt: skip


def times(publication: Publication, labels: Labels) -> tuple[Wait, ...]:
    """Waiting times of all urgencies together, rounded, of each window by itself, the oldest first.

    Of how many cases they are is not told. A window without any case has no lines.
    """
    return tuple(
        Wait(
            one.clock, None, f"{labels.coded('statistics.clock', one.clock)}: {labels.everything}", None,
            one.p50, one.p90, one.p95, None, None, None, one.share, not one.whole, period_of(window),
        )
        for window in publication.windows
        for one in (publication.beside[window].waits if window in publication.beside else _NO_WAITS)
    )  # fmt: skip


def money(publication: Publication) -> MoneyFigures:
    """What came back as the tables tell it, in whole dollars, and what is claimed, in sums of two digits.

    Both are added up over the windows that tell them. Where one keeps claims back, no currency is whole.
    """
    found = [publication.beside.get(window) for window in publication.windows]
    whole = _is_whole(publication) and all(one and one.claims_whole for one in found)
    by_currency = defaultdict[str, list[ToldClaims]](list)
    for told in (claims for one in found if one for claims in one.claims):
        by_currency[told.currency].append(told)
    sums = tuple(_sum(currency, of, whole=whole) for currency, of in sorted(by_currency.items()))
    # Together with the currencies that are told, their sum would tell what is kept back.
    dollars = _all_of(one.claimed_usd_cents for one in sums) if whole else None
    recovered = recovered_of(publication)
    return MoneyFigures(sums, dollars, recovered, None, dollars is None or recovered is None)


def recovered_of(released: Publication) -> int | None:
    """What came back in the period in US cents, where every window tells it."""
    told = [cell.usd for cell in released.cells if not cell.keys]
    known = [usd for usd in told if usd is not None]
    return sum(known) * _CENTS if len(known) == len(told) else None


def _sum(currency: str, told: Sequence[ToldClaims], *, whole: bool) -> Sum:
    cents, left = _all_of(one.usd_cents for one in told), _all_of(one.without_rate for one in told)
    return Sum(
        currency, digits_of(currency), sum(one.minor for one in told), None, cents, left, None, None, None,
        None, suppressed=not whole or cents is None,
    )  # fmt: skip


def _is_whole(publication: Publication) -> bool:
    """Whether every window of the period was released with what stands beside its tables."""
    return not publication.pending and all(one in publication.beside for one in publication.windows)


def _all_of(amounts: Iterable[int | None]) -> int | None:
    """All of them together, where every one is told."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    return sum(known) if len(known) == len(listed) else None


def _volumes(told: Iterable[Volumes]) -> Volumes:
    """What is told of the windows together; None where none tells it."""
    known = [one for one in told if one is not None]
    return sum((Counter(one) for one in known), Counter[str]()) if known else None


def _number(volumes: Volumes, value: str) -> int | None:
    return None if volumes is None else volumes.get(value, 0)


def _every_hour(volumes: Volumes) -> Volumes:
    return None if volumes is None else {f"{h:02d}": volumes.get(f"{h:02d}", 0) for h in range(_HOURS)}


def _listed(volumes: Volumes, label: Callable[[str], str]) -> tuple[Volume, ...] | None:
    if volumes is None:
        return None
    return tuple(Volume(code, label(code), number) for code, number in sorted(volumes.items()))


def _added(keys: Mapping[str, str], of: Sequence[Released], labels: Labels, *, whole: bool) -> Cell:
    known = {name: None if value in {UNKNOWN, OPEN} else value for name, value in keys.items()}
    shown = {name: _label(name, value, labels) for name, value in keys.items()}
    people = [cell.people for cell in of if cell.people is not None]
    cases = [cell.cases for cell in of if cell.cases is not None]
    return Cell(
        known, shown,
        sum(cases) if cases and len(cases) == len(of) else None,
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
