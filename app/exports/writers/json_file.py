"""JSON: one object with an array for each table; and NDJSON: a file for each table, one object a line."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from app.exports.rules.columns import Cell
from app.exports.rules.guarding import whole
from app.exports.writers.tables import Count, Table, Written

_LINE: Final = b"\n"


def write_json(
    tables: Iterable[Table], folder: Path, count: Count, name: str, about: Mapping[str, Any]
) -> list[Written]:
    """One file: what `about` says, then each table as an array, one row a line, written as it comes."""
    path = folder / f"{name}.json"
    with path.open("wb") as file:
        # The object stays open for the tables.
        file.write(orjson.dumps(about)[:-1])
        for table in tables:
            file.write(b",\n" + orjson.dumps(table.sheet.value) + b":[")
            between = _LINE
            for line in _lines(table, count):
                file.write(between + line)
                between = b",\n"
            file.write(b"\n]")
        file.write(b"}\n")
    return [Written(path, dict(count.of))]


def write_ndjson(tables: Iterable[Table], folder: Path, count: Count) -> list[Written]:
    """One file for each table, named after it."""
    written = []
    for table in tables:
        path = folder / f"{table.sheet}.ndjson"
        with path.open("wb") as file:
            for line in _lines(table, count):
                file.write(line + _LINE)
        written.append(Written(path, {table.sheet.value: count.of[table.sheet.value]}))
    return written


def _lines(table: Table, count: Count) -> Iterator[bytes]:
    """Each row as an object by the columns' names, every column in it."""
    names = [column.name for column in table.columns]
    # JSON has a form for control characters, but half a surrogate pair has none in UTF-8.
    texts = [place for place, column in enumerate(table.columns) if column.cell in {Cell.WORD, Cell.TEXT}]
    for values in count.through(table):
        for place in texts:
            if isinstance(values[place], str):
                values[place] = whole(values[place])
        yield orjson.dumps(dict(zip(names, values, strict=True)))
