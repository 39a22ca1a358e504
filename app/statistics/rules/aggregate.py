"""The rows of the aggregate export: published cells side by side, each column with its HXL tag."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.statistics.rules.publishing import (
    AGE_BAND,
    CHILDREN,
    ORGANISATION,
    ROWS,
    SEX,
    Cell,
    Publication,
    Window,
    later,
)


@dataclass(frozen=True, slots=True)
class AggregateColumn:
    """One column, by the name that programs use, and what it means to whoever reads HXL."""

    name: str
    tag: str


# Source: HXL hashtag dictionary 1.1; docs/statistics.md#the-aggregate
AGGREGATE_COLUMNS: Final = (
    AggregateColumn("month", "#date+month"),
    AggregateColumn("destination", "#country+code+dest"),
    AggregateColumn("sector", "#sector+code"),
    AggregateColumn("category", "#cause+category"),
    AggregateColumn(AGE_BAND, "#group+age"),
    AggregateColumn("outcome", "#status+outcome"),
    AggregateColumn(ORGANISATION, "#org+name"),
    AggregateColumn("province", "#adm1+code+origin"),
    AggregateColumn("channel", "#channel+code"),
    AggregateColumn("people", "#affected"),
    AggregateColumn("female", "#affected+f"),
    AggregateColumn("male", "#affected+m"),
    AggregateColumn("other", "#affected+i"),
    AggregateColumn("sex_unknown", "#affected+unknown"),
    AggregateColumn("children", "#affected+children"),
    AggregateColumn("cases", "#indicator+cases+num"),
    AggregateColumn("recovered_usd", "#value+usd"),
    AggregateColumn("suppressed", "#meta+suppressed"),
)
_SEXES: Final = {"female": "female", "male": "male", "other": "other", "unknown": "sex_unknown"}

Row = dict[str, str | int | bool | None]


def aggregate_rows(publication: Publication, names: Mapping[str, str] | None = None) -> Iterator[Row]:
    """A row for everybody in a window, and one for each value of each dimension, in an order that stays.

    A number that is kept back is None, and so is one that was never counted there; `suppressed` says
    whether any of the row was kept back. A column of a dimension is None where the row is not of that
    dimension. `names` are those of organisations by code.
    """
    for window in publication.windows:
        rows: dict[tuple[str, str], dict[str, Cell]] = {}
        for cell in publication.cells:
            if cell.window == window:
                dimension, value = next(((n, v) for n, v in cell.keys.items() if n != SEX), ("", ""))
                rows.setdefault((dimension, value), {})[cell.keys.get(SEX, "")] = cell
        order = {name: place for place, name in enumerate(("", *ROWS))}
        for (dimension, value), line in sorted(rows.items(), key=lambda one: (order[one[0][0]], one[0][1])):
            row = _row(window, line)
            if dimension:
                row[dimension] = (names or {}).get(value, value) if dimension == ORGANISATION else value
            children = rows.get((AGE_BAND, CHILDREN), {}) if not dimension else {}
            if (dimension, value) == (AGE_BAND, CHILDREN):
                children = line
            row["children"] = children[""].people if "" in children else None
            yield row


def _row(window: Window, line: Mapping[str, Cell]) -> Row:
    row: Row = dict.fromkeys(column.name for column in AGGREGATE_COLUMNS)
    row["month"] = period_of(window)
    for sex, name in _SEXES.items():
        row[name] = line[sex].people if sex in line else None
    if "" in line:
        everybody = line[""]
        row |= {"people": everybody.people, "cases": everybody.cases, "recovered_usd": everybody.usd}
    row["suppressed"] = any(cell.suppressed for cell in line.values())
    return row


def period_of(window: Window) -> str:
    """The window as its month, or as its first and last month with a slash between them (ISO 8601)."""
    first, last = (f"{month:%Y-%m}" for month in (window.since, later(window.until, -1)))
    return first if first == last else f"{first}/{last}"
