"""CSV: UTF-8 with a byte order mark, RFC 4180, and no cell that a spreadsheet takes for something else."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app.exports.rules.columns import Cell, Column
from app.exports.rules.guarding import guard, whole
from app.exports.writers.tables import Count, Table, Values, Written

_PIECE_BYTES: Final = 64 * 1024
_ROWS_AT_ONCE: Final = 50
_WORDS_REMEMBERED: Final = 4_096
# Without this mark a spreadsheet takes Khmer in UTF-8 for something else.
_BYTE_ORDER_MARK: Final = "\ufeff"


def write_csv(tables: Iterable[Table], folder: Path, count: Count) -> list[Written]:
    """One file for each table, named after it."""
    written = []
    for table in tables:
        path = folder / f"{table.sheet}.csv"
        with path.open("wb") as file:
            for piece in pieces(table.columns, _heads(table), count.through(table)):
                file.write(piece)
        written.append(Written(path, {table.sheet.value: count.of[table.sheet.value]}))
    return written


def pieces(
    columns: Sequence[Column], heads: Sequence[Sequence[str]], rows: Iterator[Values]
) -> Iterator[bytes]:
    """The file in pieces of about 64 KiB: the mark, the lines of `heads`, the rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    text.write(_BYTE_ORDER_MARK)
    for head in heads:
        writer.writerow([_guarded_word(cell) for cell in head])
    guarded = _guarding(columns, rows)
    piece = bytearray()
    while True:
        before = text.tell()
        writer.writerows(islice(guarded, _ROWS_AT_ONCE))
        done = text.tell() == before
        piece += text.getvalue().encode("utf-8")
        text.seek(0)
        text.truncate()
        if piece and (done or len(piece) >= _PIECE_BYTES):
            yield bytes(piece)
            piece.clear()
        if done:
            return


def _heads(table: Table) -> list[Sequence[str]]:
    return [table.headings] if table.tags is None else [table.headings, table.tags]


def _guarding(columns: Sequence[Column], rows: Iterator[Values]) -> Iterator[Values]:
    words = [place for place, column in enumerate(columns) if column.cell is Cell.WORD]
    texts = [place for place, column in enumerate(columns) if column.cell is Cell.TEXT]
    for values in rows:
        for place in words:
            if values[place] is not None:
                values[place] = _guarded_word(values[place])
        for place in texts:
            if values[place] is not None:
                values[place] = guard(whole(values[place]))
        yield values


@lru_cache(maxsize=_WORDS_REMEMBERED)
def _guarded_word(word: Any) -> str:  # noqa: ANN401 - whatever the database holds
    return guard(whole(str(word)))
