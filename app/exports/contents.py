"""What an export of each profile holds: its tables, from one snapshot, and what is told of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, select

from app.cases.rules.stages import Sight
from app.cases.tables import cases
from app.exports.labels import labelled, labels_of
from app.exports.rules.asking import Cells, Locale, Wanted
from app.exports.rules.columns import COLUMNS, Column, Sheet, must_know_filters
from app.exports.rules.ctdc import row_of
from app.exports.rules.narrowing import is_wanted, must_not_tell, question_of
from app.exports.store.phones import PhoneBook
from app.exports.store.rows import RowStore
from app.exports.store.sources import moment_on
from app.exports.writers.tables import Table, Values
from app.i18n.catalogue import Catalogues
from app.kernel.clock import utc_text
from app.statistics.publishing import publish
from app.statistics.report import render
from app.statistics.rules.aggregate import aggregate_rows, period_of
from app.statistics.rules.periods import Period
from app.statistics.rules.publishing import ORGANISATION, Publication, Question, later
from app.usecases.rulebook import Rulebook
from app.usecases.unit_of_work import Office

_MONTHS_OF_A_YEAR: Final = 12
# A million records hardly ever share one; the letter keeps a spreadsheet from seeing a number.
_RECORD_BYTES: Final = 10
# What a row may leave out, for fewer people share it.
_LEFT_OUT: Final = (
    "category", "sector", "channel", "outcome", "origin_province", "gender", "ageBroad",
    "CountryOfExploitation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables of a file, to be read once and in order, while the snapshot is open.

    `name` is what a file with all tables is called; `told` is what the manifest says beside the rest.
    """

    name: str
    sheets: Sequence[tuple[Sheet, Sequence[Column]]]
    tables: Iterable[Table]
    told: Mapping[str, Any]
    snapshot_at: str
    page: str = ""  # of a report, which has no tables


@contextmanager
def identified(office: Office, wanted: Wanted, sight: Sight | None, now: datetime) -> Iterator[Contents]:
    """Everything of the cases that these eyes may see, but for notes. Raises: FilterUnknown."""
    must_know_filters(wanted.profile, wanted.filters)
    sheets = [(sheet, COLUMNS[sheet]) for sheet in (Sheet.CASES, Sheet.MEMBERS, Sheet.CLAIMS, Sheet.PARTIES)]
    with office.snapshot() as uow:
        moment = _moment(uow.connection)
        with closing(RowStore(uow.connection, uow.vault, PhoneBook(uow.outbox, now))) as rows:
            tables = _identified_tables(uow.rulebook, rows, wanted, sight)
            yield Contents("cases", sheets, tables, {"k": None}, moment)


@contextmanager
def anonymised(office: Office, wanted: Wanted, sight: Sight | None, now: datetime) -> Iterator[Contents]:
    """A row for each person who may have one, as people were grouped when their window was published.

    Nothing is counted here: rows of frozen groups are taken by what they say, so that no file tells what
    another, or a published table, does not.
    Raises: FilterUnknown, WouldTell, WindowTooSmall, TooEarly.
    """
    must_not_tell(wanted)
    question = _question(office, wanted, sight, now)
    publication = publish(office, question, now)
    columns = COLUMNS[Sheet.PEOPLE]
    people = Counter[tuple[Any, ...]]()
    left_out = dict.fromkeys(_LEFT_OUT, 0)
    for window, groups in publication.groups.items():
        for group in groups or ():
            row = row_of(window, group)
            if is_wanted(row, wanted.filters):
                people[tuple(row.get(column.name) for column in columns[1:])] += group.people
                for name in _LEFT_OUT:
                    left_out[name] += group.people if name not in row else 0
    table = Table(
        Sheet.PEOPLE, columns, [column.name for column in columns],
        (each for row in sorted(people, key=_in_words) for each in _records(row, people[row])),
    )  # fmt: skip
    counted = _counted(publication, {ORGANISATION} if question.organisation_id else set())
    told = {
        **_released(publication),
        "windows": [period_of(window) for window in publication.windows],
        "without_rows": [period_of(window) for window, found in publication.groups.items() if found is None],
        "reduction": {"counted": counted, "in_rows": people.total(), "not_told": left_out},
    }
    yield Contents("people", [(Sheet.PEOPLE, columns)], [table], told, _released_at(publication, now))


@contextmanager
def aggregated(office: Office, wanted: Wanted, sight: Sight | None, now: datetime) -> Iterator[Contents]:
    """The published tables, as the gate of all published figures gives them, with a row of HXL tags.

    Raises: FilterUnknown, WouldTell, WindowTooSmall, WouldReveal, TooEarly.
    """
    must_not_tell(wanted)
    publication = publish(office, _question(office, wanted, sight, now), now)
    with office.look() as uow:
        names = dict(uow.identity.organisation_names().values())
    columns = COLUMNS[Sheet.AGGREGATE]
    table = Table(
        Sheet.AGGREGATE, columns, headings(office.rulebook.catalogues, columns, wanted.locale),
        ([_plain(row[column.name]) for column in columns] for row in aggregate_rows(publication, names)),
        [column.hxl or "" for column in columns],
    )  # fmt: skip
    told, moment = _released(publication), _released_at(publication, now)
    yield Contents("aggregate", [(Sheet.AGGREGATE, columns)], [table], told, moment)


@contextmanager
def reported(office: Office, wanted: Wanted, sight: Sight | None, now: datetime) -> Iterator[Contents]:
    """The report of a period as a page; of the last twelve months where nobody said since when.

    Raises: FilterUnknown, WouldTell, WindowTooSmall, WholeMonthsOnly, TooEarly.
    """
    must_not_tell(wanted)
    question = question_of(wanted, None, office.rulebook.ladders.calendar.timezone, now)
    since = question.since if wanted.since else later(question.until, -_MONTHS_OF_A_YEAR)
    period = Period(since, question.until)
    page = render(office, period, sight, wanted.locale, now)
    told = {"k": office.rulebook.small_cell_k}
    yield Contents("report", [(Sheet.AGGREGATE, COLUMNS[Sheet.AGGREGATE])], [], told, utc_text(now), page)


def headings(catalogues: Catalogues, columns: Iterable[Column], locale: Locale) -> list[str]:
    """What the columns are called."""
    return [catalogues.text(column.heading, locale) for column in columns]


def _identified_tables(
    rulebook: Rulebook, rows: RowStore, wanted: Wanted, sight: Sight | None
) -> Iterator[Table]:
    read: list[tuple[Sheet, Iterator[Values]]] = [
        (Sheet.CASES, rows.cases(COLUMNS[Sheet.CASES], wanted, sight)),
        (Sheet.MEMBERS, rows.members(wanted, sight)),
        (Sheet.CLAIMS, rows.claims(wanted, sight)),
        (Sheet.PARTIES, rows.parties(wanted, sight)),
    ]
    for sheet, found in read:
        columns = COLUMNS[sheet]
        called = headings(rulebook.catalogues, columns, wanted.locale)
        if wanted.cells_hold is Cells.LABELS:
            found = labelled(found, labels_of(rulebook, columns, wanted.locale))  # noqa: PLW2901 - the same rows
        yield Table(sheet, columns, called, found)


def _question(office: Office, wanted: Wanted, sight: Sight | None, now: datetime) -> Question:
    own = sight.organisation_id if sight else None
    return question_of(wanted, own, office.rulebook.ladders.calendar.timezone, now)


def _records(row: Sequence[Any], count: int) -> Iterator[Values]:
    for _ in range(count):
        yield [f"p{token_hex(_RECORD_BYTES)}", *row]


def _in_words(row: Sequence[Any]) -> list[str]:
    return [str(value or "") for value in row]


def _released(publication: Publication) -> dict[str, Any]:
    """What the manifest says of published figures, whichever they are."""
    at = publication.as_released_at
    return {
        "k": publication.k,
        "released_at": utc_text(at) if at else None,
        "pending": [period_of(window) for window in publication.pending],
    }


def _released_at(publication: Publication, now: datetime) -> str:
    return utc_text(publication.as_released_at or now)


def _counted(publication: Publication, keys: set[str]) -> int | None:
    """How many people the tables count in rows with these keys; None where a window does not tell."""
    if any(keys & withheld for withheld in publication.withheld.values()):
        return None
    found = [cell.people for cell in publication.cells if cell.keys.keys() == keys]
    known = [number for number in found if number is not None]
    return sum(known) if len(known) == len(found) else None


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell
    """The cell as every format can hold it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float(value) if isinstance(value, Decimal) else value


def _moment(connection: Connection) -> str:
    """The moment of the snapshot, by the database's clock; from here on it stands."""
    clock: ColumnElement[Any]
    if connection.dialect.name == "sqlite":
        clock = func.strftime("%Y-%m-%dT%H:%M:%fZ", "now")
    else:
        clock = moment_on(connection.dialect.name)(func.statement_timestamp())
    # SQLite's snapshot begins where the first table is read.
    row = connection.execute(select(clock, exists(select(cases.c.id)))).one()
    return str(row[0])
