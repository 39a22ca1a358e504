"""What the supervisors' CSV of cases holds: its columns, the cases asked for, the guard against formulas."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Literal

Locale = Literal["km", "en"]

_APOSTROPHE: Final = "'"
# A spreadsheet looks past blanks, control characters and marks without a width; Khmer typed on a
# phone often begins with such a mark (U+200B). Full-width signs count: input methods make them plain.
_PASSED_OVER: Final = (
    r"\s\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f"
)
_UNSAFE: Final = re.compile(rf"['\t\r\n]|[{_PASSED_OVER}]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


class Cell(Enum):
    """Where the text of a cell comes from, and so what it may begin with."""

    PLAIN = "plain"  # our own figures, codes of cases and times: a digit comes first
    WORD = "word"  # one of few words, which people with access to the settings chose
    TEXT = "text"  # whatever anybody wrote


@dataclass(frozen=True, slots=True)
class Column:
    """One column; its heading is the catalogue's text for `heading`."""

    name: str
    cell: Cell = Cell.PLAIN

    @property
    def heading(self) -> str:
        """The catalogue's key of the heading."""
        return f"export.heading.{self.name}"


# The only place that fixes the columns and their order. None names a migrant or a phone.
COLUMNS: Final = (
    Column("code"),
    Column("status", Cell.WORD),
    Column("urgency", Cell.WORD),
    Column("categories", Cell.WORD),
    Column("language", Cell.WORD),
    Column("origin_channel", Cell.WORD),
    Column("destination_country", Cell.WORD),
    Column("organisation", Cell.WORD),
    Column("owner", Cell.WORD),
    Column("members"),
    Column("opened_at"),
    Column("accepted_at"),
    Column("first_contact_at"),
    Column("closed_at"),
    Column("outcome", Cell.WORD),
    Column("next_timer_kind", Cell.WORD),
    Column("next_timer_due_at"),
    Column("overdue_since"),
    Column("version"),
    Column("updated_at"),
    Column("summary", Cell.TEXT),
)
POSITION: Final = {column.name: number for number, column in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class WantedCases:
    """Which cases a supervisor asked for, and in which language the headings are to be.

    `opened_from` is the first moment that counts, `opened_to` the first that no longer does. A case
    must have one of the statuses and one of the categories; an empty tuple asks for any.
    """

    opened_from: datetime | None = None
    opened_to: datetime | None = None
    statuses: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    locale: Locale = "km"

    def filters(self) -> list[str]:
        """The names of the filters in use. Their values are not told: a caller may type anything there."""
        narrowed = {
            "opened_from": self.opened_from, "opened_to": self.opened_to,
            "statuses": self.statuses, "categories": self.categories,
        }  # fmt: skip
        return [name for name, value in narrowed.items() if value]


def guard(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula.

    One apostrophe goes before a text that begins with an apostrophe, a tab or a line break, or whose
    first character behind blanks, control characters and marks without a width is one of `= + - @` or
    their full-width forms. Any other text stays as it is, so `recover` always finds the original.
    Source: OWASP, CSV Injection.
    """
    return _APOSTROPHE + text if _UNSAFE.match(text) else text


def recover(cell: str) -> str:
    """The text that `guard` was given: the cell without its first character, if that is an apostrophe."""
    return cell.removeprefix(_APOSTROPHE)
