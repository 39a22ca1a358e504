"""Tables of results: printed for people, kept as plain values for programs."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Result:
    """One table. Every row has the same keys; a value is a number or a word."""

    title: str
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print the table with its notes."""
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for place, name in enumerate(self.rows[0]):
            table.add_column(name, justify="left" if place == 0 else "right")
        for row in self.rows:
            table.add_row(*(_shown(value) for value in row.values()))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False, soft_wrap=True)
        console.print()

    def plain(self) -> dict[str, Any]:
        """The table as JSON can hold it."""
        return {"title": self.title, "rows": self.rows, "notes": self.notes}


def median(values: Iterable[float]) -> float:
    """The middle of some measurements: one round that the machine disturbed does not move it."""
    return statistics.median(list(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
