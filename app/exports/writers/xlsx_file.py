"""XLSX: one workbook, a worksheet for each table; texts are texts, times are times, nothing is a formula."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from app.exports.rules.columns import Cell
from app.exports.rules.guarding import is_changed_by_spreadsheets, whole
from app.exports.writers.tables import Count, Table, Values, Written

# What a worksheet and a cell hold at most. Source: docs/sources.md#xlsx
_MOST_ROWS: Final = 1_048_576
_MOST_UNITS: Final = 32_767
_MOST_EXACT: Final = 10**15
_FIRST_YEAR: Final = 1901  # before it, Excel counts a day that never was
_CUT: Final = "\u2026"
_WIDTH: Final = 18
_DAY_LETTERS: Final = len("2026-01-31")
# More worksheets: a name, and rows of texts.
Extras = Callable[[], Iterable[tuple[str, Iterable[Sequence[str | None]]]]]


def write_xlsx(
    tables: Iterable[Table], folder: Path, count: Count, name: str, extras: Extras
) -> list[Written]:
    """One workbook with a worksheet for each table, then what `extras` gives when the rows are counted.

    A table with more rows than a worksheet holds goes on in the next. Texts beyond what a cell holds are
    cut and end with an ellipsis; CSV and JSON hold them whole. Rows are written as they come; what waits
    on disk meanwhile lies in the same folder.
    """
    path = folder / f"{name}.xlsx"
    workbook = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(folder)})
    writer = _Writer(workbook)
    try:
        for table in tables:
            writer.add(table, count)
        for title, rows in extras():
            writer.add_texts(title, rows)
    finally:
        workbook.close()
    return [Written(path, dict(count.of))]


class _Writer:
    """The worksheets of one workbook, one after the other."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self._workbook = workbook
        self._heading: Format = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self._text: Format = workbook.add_format({"num_format": "@"})
        # As if typed with an apostrophe before it: it stays a text when somebody edits the cell.
        self._quoted: Format = workbook.add_format({"num_format": "@", "quote_prefix": True})
        self._moment: Format = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._day: Format = workbook.add_format({"num_format": "yyyy-mm-dd"})

    def add(self, table: Table, count: Count) -> None:
        """Write one table, in as many worksheets as it needs."""
        heads = 1 if table.tags is None else 2
        sheet, part, row = self._worksheet(table, table.sheet.value), 1, heads
        writers = [self._writer_of(column.cell) for column in table.columns]
        for values in count.through(table):
            if row == _MOST_ROWS:
                part += 1
                sheet, row = self._worksheet(table, f"{table.sheet} {part}"), heads
            self._row(sheet, row, values, writers)
            row += 1
        sheet.autofilter(heads - 1, 0, max(row - 1, heads - 1), len(table.columns) - 1)

    def add_texts(self, title: str, rows: Iterable[Sequence[str | None]]) -> None:
        """Write a worksheet of texts; its first row is its heading."""
        sheet = self._workbook.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows):
            for place, text in enumerate(row):
                if text is not None:
                    self._write_text(sheet, number, place, text, self._heading if number == 0 else None)

    def _worksheet(self, table: Table, title: str) -> Worksheet:
        sheet = self._workbook.add_worksheet(title)
        sheet.set_column(0, len(table.columns) - 1, _WIDTH)
        heads = [table.headings] if table.tags is None else [table.headings, table.tags]
        for number, head in enumerate(heads):
            for place, text in enumerate(head):
                self._write_text(sheet, number, place, text, self._heading)
        sheet.freeze_panes(len(heads), 1)
        return sheet

    def _writer_of(self, cell: Cell) -> Callable[[Worksheet, int, int, Any], None]:
        match cell:
            case Cell.NUMBER:
                return self._write_number
            case Cell.DATE:
                return self._write_date
            case _:
                return self._write_text

    def _row(
        self,
        sheet: Worksheet,
        row: int,
        values: Values,
        writers: Sequence[Callable[[Worksheet, int, int, Any], None]],
    ) -> None:
        for place, value in enumerate(values):
            if value is not None:
                writers[place](sheet, row, place, value)

    def _write_number(self, sheet: Worksheet, row: int, place: int, value: Any) -> None:  # noqa: ANN401 - of a database
        if isinstance(value, int | float) and abs(value) < _MOST_EXACT:
            sheet.write_number(row, place, value)
        else:
            self._write_text(sheet, row, place, str(value))

    def _write_date(self, sheet: Worksheet, row: int, place: int, value: Any) -> None:  # noqa: ANN401 - as above
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self._write_text(sheet, row, place, value)
            return
        if moment.year < _FIRST_YEAR:
            self._write_text(sheet, row, place, value)
        elif len(value) == _DAY_LETTERS:
            sheet.write_datetime(row, place, date(moment.year, moment.month, moment.day), self._day)
        else:
            sheet.write_datetime(row, place, moment.replace(tzinfo=None), self._moment)

    def _write_text(
        self,
        sheet: Worksheet,
        row: int,
        place: int,
        value: Any,  # noqa: ANN401 - as above
        style: Format | None = None,
    ) -> None:
        text = _cut(whole(str(value)))
        quoted = self._quoted if is_changed_by_spreadsheets(text) else self._text
        sheet.write_string(row, place, text, style or quoted)


def _cut(text: str) -> str:
    if len(text) * 2 <= _MOST_UNITS:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= _MOST_UNITS * 2:
        return text
    # A pair that the cut tears in two loses its first half as well.
    return units[: (_MOST_UNITS - 1) * 2].decode("utf-16-le", "ignore") + _CUT
