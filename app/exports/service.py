"""The supervisors' CSV of cases: remembered in the audit chain first, then streamed from one snapshot."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from app.audit.rules import Deed
from app.cases.rules.stages import Sight
from app.crypto.vault import Vault
from app.exports.rules import COLUMNS, Cell, WantedCases, guard
from app.exports.store import ExportStore
from app.i18n.catalogue import Catalogues
from app.identity.rules import Action, Worker
from app.store.database import Database
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import UnitOfWork

OPERATOR: Final = "cli"
_PIECE_BYTES: Final = 64 * 1024
_ROWS_AT_ONCE: Final = 50
_WORDS_REMEMBERED: Final = 4_096
# Without this mark a spreadsheet takes Khmer in UTF-8 for something else.
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Plan:
    """An export that was allowed and noted: who takes out what. `sight` None is every case."""

    actor: str
    wanted: WantedCases
    sight: Sight | None
    begun_at: datetime

    @property
    def file_name(self) -> str:
        """A name for the file that tells nothing but its time."""
        return f"cases-{self.begun_at:%Y%m%dT%H%M%SZ}.csv"


def begin(uow: UnitOfWork, worker: Worker, wanted: WantedCases, now: datetime) -> Plan:
    """Note in the audit chain that this worker takes out the cases that they may know of.

    The caller commits before it asks `stream` for the first byte. Raises: NotAllowed.
    """
    worker.must_be_allowed(Action.EXPORT_CASES)
    return _noted(uow, Plan(str(worker.id), wanted, sight_of(worker), now))


def begin_for_operator(uow: UnitOfWork, wanted: WantedCases, now: datetime) -> Plan:
    """As `begin`, for whoever runs the command line: every case of every organisation."""
    return _noted(uow, Plan(OPERATOR, wanted, None, now))


def stream(database: Database, vault: Vault, catalogues: Catalogues, plan: Plan) -> Iterator[bytes]:
    """The CSV in pieces of about 64 KiB: UTF-8 with a byte order mark, RFC 4180, headings first.

    All rows are of the moment at which the first piece is asked for. Memory does not grow with the
    number of cases. Closing the iterator early gives the snapshot back.
    Raises: SealBroken.
    """
    headings = [guard(catalogues.text(column.heading, plan.wanted.locale)) for column in COLUMNS]
    with database.snapshot() as connection:
        rows = map(_guarded, ExportStore(connection, vault).rows(plan.wanted, plan.sight))
        yield from _pieces(headings, rows)


def _noted(uow: UnitOfWork, plan: Plan) -> Plan:
    details = {"filters": plan.wanted.filters(), "locale": plan.wanted.locale}
    uow.audit.record(Deed("export.started", plan.actor, details=details))
    return plan


def _pieces(headings: list[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    text.write(_BYTE_ORDER_MARK)
    writer.writerow(headings)
    piece = bytearray()
    while True:
        before = text.tell()
        writer.writerows(islice(rows, _ROWS_AT_ONCE))
        done = text.tell() == before
        # Half a surrogate pair can come out of a broken phone; it has no form in UTF-8.
        piece += text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
        if piece and (done or len(piece) >= _PIECE_BYTES):
            yield bytes(piece)
            piece.clear()
        if done:
            return


def _guarded(values: list[Any]) -> list[Any]:
    for place in _WORDS:
        if values[place] is not None:
            values[place] = _guarded_word(values[place])
    for place in _TEXTS:
        if values[place] is not None:
            values[place] = guard(values[place])
    return values


_WORDS: Final = tuple(place for place, column in enumerate(COLUMNS) if column.cell is Cell.WORD)
_TEXTS: Final = tuple(place for place, column in enumerate(COLUMNS) if column.cell is Cell.TEXT)
_guarded_word: Final = lru_cache(maxsize=_WORDS_REMEMBERED)(guard)
