"""What a writer is given and what it gives back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.exports.rules.columns import Column, Sheet

Values = list[Any]
_TOLD_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Table:
    """One table to write: its columns, a heading for each, and the rows. `tags` stand below the headings."""

    sheet: Sheet
    columns: Sequence[Column]
    headings: Sequence[str]
    rows: Iterator[Values]
    tags: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One file, with the number of rows of each table in it."""

    path: Path
    rows: Mapping[str, int]


class Count:
    """Counts the rows of all tables as they go by, and tells now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        """Tell this whenever a thousand more rows went by."""
        self._tell = tell
        self.all = 0
        self.of: dict[str, int] = {}

    def through(self, table: Table) -> Iterator[Values]:
        """The rows of the table, counted under its name."""
        name = table.sheet.value
        before = self.all
        self.of[name] = 0
        for row in table.rows:
            yield row
            self.all += 1
            if self.all % _TOLD_EVERY == 0:
                self.of[name] = self.all - before
                self._tell(self.all)
        self.of[name] = self.all - before
        self._tell(self.all)
