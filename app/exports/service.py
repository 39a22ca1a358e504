"""The supervisors' CSV of cases: remembered in the audit chain first, then streamed from one snapshot."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.audit.rules import Deed
from app.cases.rules.stages import Sight
from app.crypto.vault import Vault
from app.exports.contents import headings
from app.exports.rules.columns import NARROW
from app.exports.rules.short import WantedCases
from app.exports.store.phones import PhoneBook
from app.exports.store.rows import RowStore
from app.exports.writers.csv_file import pieces
from app.i18n.catalogue import Catalogues
from app.identity.rules import Action, Worker
from app.outbox.store import OutboxStore
from app.store.database import Database
from app.store.feed import Touched
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import UnitOfWork

OPERATOR: Final = "cli"


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
    called = headings(catalogues, NARROW, plan.wanted.locale)
    with database.snapshot() as connection:
        phones = PhoneBook(OutboxStore(connection, vault, Touched()), plan.begun_at)
        with closing(RowStore(connection, vault, phones)) as rows:
            yield from pieces(NARROW, [called], rows.cases(NARROW, plan.wanted.wanted(), plan.sight))


def _noted(uow: UnitOfWork, plan: Plan) -> Plan:
    details = {"filters": plan.wanted.filters(), "locale": plan.wanted.locale}
    uow.audit.record(Deed("export.started", plan.actor, details=details))
    return plan
