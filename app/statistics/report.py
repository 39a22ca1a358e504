"""The report of a period that a supervisor hands on: what it says, in which order and in which words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from babel.numbers import format_currency, format_percent
from babel.units import format_unit

from app.cases.rules.stages import Sight
from app.statistics import service
from app.statistics.page import Chart, Figure, Grid, Locale, Page, Section, day, html, moment, number
from app.statistics.publishing import publish
from app.statistics.rules.figures import Cell, Contacts, MoneyFigures, Summary, Table, Volume, Wait
from app.statistics.rules.periods import Period
from app.statistics.rules.publishing import Publication, Question
from app.statistics.rules.targets import CLOCKS
from app.usecases.unit_of_work import Office

_FEW: Final = "—"  # stands where a number is too small to be shown
# A report is printed: the longest lists are cut, and say so.
_MOST_BARS: Final = 20
_MINUTES_UP_TO: Final = timedelta(hours=2)
_HOURS_UP_TO: Final = timedelta(days=3)
_AFTER_CONTACTS: Final = 5  # where the time of the first contact stands at a glance
_CASES_BY: Final = ("category", "destination", "sector", "channel", "organisation")
_PEOPLE_BY: Final = ("sex", "age_band", "province")


def render(office: Office, period: Period, sight: Sight | None, locale: Locale, now: datetime) -> str:
    """The report as one HTML file: nothing in it but what may be published.

    `sight` says whose organisation's row is shown beside the sums; None shows every organisation's.
    Raises: WholeMonthsOnly, TooEarly, WindowTooSmall.
    """
    told = service.summary(office, period, sight, locale, "published", now)
    own = sight.organisation_id if sight and not sight.coordinates else None
    released = publish(office, Question(period.since, period.until, {}, own), now)
    return html(_Writing(office, locale, period, now).page(told, released, own))


@dataclass(frozen=True, slots=True)
class _Writing:
    """One report being written."""

    office: Office
    locale: Locale
    period: Period
    now: datetime

    def page(self, told: Summary, released: Publication, own: UUID | None) -> Page:
        """Everything that the report says."""
        zone = self.office.rulebook.ladders.calendar.timezone
        last = self.period.until - timedelta(days=1)
        about = [
            self.text(
                "report.period", since=day(self.period.since, self.locale), until=day(last, self.locale)
            ),
            self._whose(own),
            self.text("report.made_at", at=moment(self.now.astimezone(zone), self.locale)),
        ]
        sections = (
            self._glance(told),
            self._counts("report.cases", told.tables, _CASES_BY, self._by_month(released)),
            self._counts("report.people", told.tables, _PEOPLE_BY, ()),
            self._contacts(told.contacts),
            self._waits(told.times),
            self._money(told.money),
            Section(self.text("report.outcomes"), (), self._charts([told.outcomes])),
        )
        notes = (
            self.text("report.note.k", k=number(released.k, self.locale), few=_FEW),
            self.text("report.note.people"),
            self.text("report.note.frozen"),
        )
        title = self.text("report.title")
        return Page(self.locale, title, tuple(about), sections, notes, _FEW)

    def text(self, key: str, **values: str) -> str:
        """The catalogue's text."""
        return self.office.rulebook.catalogues.fill(key, self.locale, values)

    def _whose(self, own: UUID | None) -> str:
        if own is None:
            return self.text("report.of_all")
        with self.office.look() as uow:
            _, name = uow.identity.organisation_names()[own]
        return self.text("report.of_one", organisation=name)

    def _glance(self, told: Summary) -> Section:
        home = next((one for one in told.outcomes.cells if one.keys.get("outcome") == "repatriated"), None)
        figures = [
            ("report.new_cases", self._count(told.totals.cases)),
            ("report.new_people", self._count(told.totals.people)),
            ("report.texts", self._count(told.contacts.texts)),
            ("report.calls", self._count(told.contacts.calls)),
            ("report.answered", self._share(told.contacts.answered_share)),
            ("report.repatriated", self._count(home.people if home else None)),
            ("report.recovered_usd", self._usd(told.money.recovered_usd_cents)),
        ]
        contact = next((one for one in told.times if one.clock == "first_contact"), None)
        if contact and _windows(told.times) == 1:
            figures.insert(_AFTER_CONTACTS, ("report.half_reached_within", self._time(contact.p50)))
        return Section(self.text("report.glance"), self._figures(figures))

    def _by_month(self, released: Publication) -> tuple[Chart, ...]:
        rows = tuple((f"{cell.window.since:%Y-%m}", cell.people) for cell in released.cells if not cell.keys)
        head = self.text("report.head.window"), self.text("report.head.people")
        return (Chart(self.text("report.by.window"), head, rows, "columns"),) if len(rows) > 1 else ()

    def _counts(
        self, title: str, tables: Iterable[Table], names: tuple[str, ...], first: tuple[Chart, ...]
    ) -> Section:
        by_name = {table.dimensions: table for table in tables}
        charts = self._charts(by_name[(name,)] for name in names if (name,) in by_name)
        return Section(self.text(title), (), (*first, *charts))

    def _charts(self, tables: Iterable[Table]) -> tuple[Chart, ...]:
        return tuple(self._chart(table) for table in tables)

    def _chart(self, table: Table) -> Chart:
        (name,) = table.dimensions
        head = self.text(f"report.head.{name}"), self.text("report.head.people")
        # What nobody is in is left out of a chart, what may not be told is not.
        cells = [cell for cell in table.cells if cell.people != 0]
        if name != "age_band":
            cells.sort(key=_most_first)
        rows = tuple((cell.labels[name], cell.people) for cell in cells[:_MOST_BARS])
        note = None if rows else self.text("report.nothing_told")
        if len(cells) > _MOST_BARS:
            note = self.text("report.cut", shown=number(_MOST_BARS, self.locale))
        return Chart(self.text(f"report.by.{name}"), head, rows, note=note)

    def _contacts(self, told: Contacts) -> Section:
        lists: Mapping[str, tuple[Volume, ...] | None] = {
            "contact_channel": told.by_channel, "contact_language": told.by_language,
            "hour": told.by_hour,
        }  # fmt: skip
        charts = []
        for name, volumes in lists.items():
            head = self.text(f"report.head.{name}"), self.text("report.head.contacts")
            rows = tuple((one.label, one.contacts) for one in volumes or ())
            note = None if volumes else self.text("report.nothing_told")
            shape = "columns" if name == "hour" else "bars"
            charts.append(Chart(self.text(f"report.by.{name}"), head, rows, shape, note))  # type: ignore[arg-type]
        return Section(self.text("report.contacts"), (), tuple(charts))

    def _waits(self, told: Sequence[Wait]) -> Section:
        """Of one window its figures; several are told of side by side, as these cannot be added up."""
        title = self.text("report.times")
        if _windows(told) > 1:
            return Section(title, (), (), tuple(self._by_window(told, clock) for clock in _clocks(told)))
        figures = []
        for one in told:
            figures += [
                Figure(self.text("report.half_within", what=one.label), self._time(one.p50)),
                Figure(self.text("report.nine_of_ten_within", what=one.label), self._time(one.p90)),
            ]
            if one.clock in CLOCKS:
                share = self._share(one.share_in_time)
                figures.append(Figure(self.text("report.in_time", what=one.label), share))
        return Section(title, tuple(figures))

    def _by_window(self, told: Sequence[Wait], clock: str) -> Grid:
        lines = [one for one in told if one.clock == clock]
        rows = [
            ((one.window or "").replace("/", " – "), self._time(one.p50), self._time(one.p90))
            for one in lines
        ]
        head = [self.text(f"report.head.{name}") for name in ("window", "half_within", "nine_of_ten_within")]
        if clock not in CLOCKS:
            return Grid(lines[0].label, tuple(head), tuple(rows))
        shares = [(self._share(one.share_in_time),) for one in lines]
        return Grid(
            lines[0].label, (*head, self.text("report.head.in_time")),
            tuple((*row, *share) for row, share in zip(rows, shares, strict=True)),
        )  # fmt: skip

    def _money(self, told: MoneyFigures) -> Section:
        figures = [
            (self.text("report.claimed_usd"), self._usd(told.claimed_usd_cents)),
            (self.text("report.recovered_usd"), self._usd(told.recovered_usd_cents)),
        ]
        for one in told.currencies:
            for what, amount in (("claimed", one.claimed), ("recovered", one.recovered)):
                if amount:
                    label = self.text(f"report.{what}_in", currency=one.currency)
                    figures.append((label, self._amount(amount, one.digits, one.currency)))
        return Section(self.text("report.money"), tuple(Figure(*one) for one in figures))

    def _figures(self, listed: Iterable[tuple[str, str]]) -> tuple[Figure, ...]:
        return tuple(Figure(self.text(key), text) for key, text in listed)

    def _count(self, value: int | None) -> str:
        return _FEW if value is None else number(value, self.locale)

    def _share(self, value: float | None) -> str:
        return _FEW if value is None else format_percent(value, locale=self.locale)

    def _usd(self, cents: int | None) -> str:
        return _FEW if cents is None else self._amount(cents, 2, "USD")

    def _amount(self, minor: int, digits: int, currency: str) -> str:
        return format_currency(Decimal(minor).scaleb(-digits), currency, locale=self.locale)

    def _time(self, seconds: int | None) -> str:
        if seconds is None:
            return _FEW
        length = timedelta(seconds=seconds)
        unit, size = (
            ("minute", timedelta(minutes=1)) if length < _MINUTES_UP_TO
            else ("hour", timedelta(hours=1)) if length < _HOURS_UP_TO
            else ("day", timedelta(days=1))
        )  # fmt: skip
        return format_unit(round(length / size), unit, length="long", locale=self.locale)


def _windows(told: Sequence[Wait]) -> int:
    return len({one.window for one in told})


def _clocks(told: Sequence[Wait]) -> list[str]:
    """The clocks in the order in which they are told of."""
    return list(dict.fromkeys(one.clock for one in told))


def _most_first(cell: Cell) -> tuple[bool, int]:
    return cell.people is None, -(cell.people or 0)
