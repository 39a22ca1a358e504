"""How a report looks: figures, tables and charts put into one HTML file that needs nothing else."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, Literal

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

Locale = Literal["km", "en"]
Shape = Literal["bars", "columns"]
Value = int | Decimal | None  # None: too few to be shown

_FONTS: Final = "'Noto Sans Khmer', 'Khmer OS', 'Khmer OS Siemreap', 'Leelawadee UI', sans-serif"
_INK: Final = "#22577a"
# Of the drawings, in units of a picture that is this wide: a browser scales it to the page.
_WIDE: Final = 720
_ROW_HIGH: Final = 44
_LONGEST_BAR: Final = 620  # what is left is for the number behind it
_HIGHEST_COLUMN: Final = 180
_WIDEST_COLUMN: Final = 90


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that stands for itself; `text` as it is to be read."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Some counts side by side, drawn and written out; `note` says what is missing of it."""

    title: str
    head: tuple[str, str]  # of the table: what is counted, and how many
    rows: tuple[tuple[str, Value], ...]
    shape: Shape = "bars"
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures that belong together in lines, each under its head; the first of a line says what it is of."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under its heading."""

    title: str
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A report as it is read. `few` stands where a count is too small to be shown."""

    locale: Locale
    title: str
    about: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    few: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One bar or column of a drawing; `text` is its number, or what stands where there is none to show."""

    label: str
    text: str
    at: float  # how far from the top, or from the left
    length: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart in the units of its picture."""

    shape: Shape
    wide: float
    high: float
    step: float  # from one mark to the next
    marks: tuple[Mark, ...]


def html(page: Page) -> str:
    """The report as one HTML file: no script, no address, nothing loaded from anywhere."""
    sections = [(one, [(chart, drawn(chart, page)) for chart in one.charts]) for one in page.sections]
    return _template().render(page=page, sections=sections, fonts=_FONTS, ink=_INK, highest=_HIGHEST_COLUMN)


def drawn(chart: Chart, page: Page) -> Drawing:
    """Where each bar or column lies and how long it is. A count that may not be shown has none."""
    most = max([value for _, value in chart.rows if value is not None], default=0) or 1
    columns = chart.shape == "columns"
    step = min(_WIDE / max(len(chart.rows), 1), _WIDEST_COLUMN) if columns else float(_ROW_HIGH)
    longest = _HIGHEST_COLUMN if columns else _LONGEST_BAR
    marks = tuple(
        Mark(
            label, page.few if value is None else number(value, page.locale), round(place * step, 1),
            round(float((value or 0) * longest / most), 1),
        )
        for place, (label, value) in enumerate(chart.rows)
    )  # fmt: skip
    high = _HIGHEST_COLUMN + _ROW_HIGH if columns else _ROW_HIGH * len(marks)
    return Drawing(chart.shape, _WIDE, high, step, marks)


def number(value: Value, locale: Locale) -> str:
    """A number as it is written in this language; an empty text for none."""
    return "" if value is None else format_decimal(value, locale=locale)


def day(value: date, locale: Locale) -> str:
    """A day as it is written in this language."""
    return format_date(value, "long", locale=locale)


def moment(value: datetime, locale: Locale) -> str:
    """A time as it is written in this language, in the zone that it carries."""
    return format_datetime(value, "long", locale=locale)


@cache
def _template() -> Template:
    folder = Path(__file__).parent / "templates"
    loaded = Environment(
        loader=FileSystemLoader(folder), autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return loaded.get_template("report.html.jinja")
