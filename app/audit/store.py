"""Appending to the audit chain and checking it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from app.audit.rules import GENESIS, Break, Deed, canonical
from app.audit.tables import entries, head
from app.crypto.vault import Vault

_HEAD = 1
_BATCH = 5_000


class AuditStore:
    """The chain as seen from one transaction.

    Deeds are gathered while the transaction runs and written by `flush` as its last step, because
    the row that says where the chain ends is locked from then until the commit.
    """

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Gather for one transaction."""
        self._connection = connection
        self._vault = vault
        self._gathered: list[Deed] = []

    def record(self, deed: Deed) -> None:
        """Write this deed when the transaction commits."""
        self._gathered.append(deed)

    def flush(self, now: datetime) -> None:
        """Append what was gathered, in order."""
        if not self._gathered:
            return
        number, code = self._locked_head()
        rows = []
        for deed in self._gathered:
            number, previous = number + 1, code
            code = self._vault.chain(canonical(number, now, deed, previous))
            rows.append({
                "number": number, "at": now, "actor": deed.actor, "action": deed.action,
                "subject": deed.subject, "details": dict(deed.details), "previous": previous, "code": code,
            })  # fmt: skip
        self._connection.execute(insert(entries), rows)
        self._connection.execute(update(head).where(head.c.id == _HEAD).values(number=number, code=code))
        self._gathered.clear()

    def first_break(self) -> tuple[int, Break | None]:
        """How many entries hold, and the first that does not: edited, removed, reordered, or cut off."""
        expected, previous = 1, GENESIS
        for row in self._in_order():
            if row.number != expected:
                return expected - 1, Break(expected, "missing")
            if bytes(row.previous) != previous:
                return expected - 1, Break(expected, "reordered")
            deed = Deed(row.action, row.actor, row.subject, row.details)
            if self._vault.chain(canonical(row.number, row.at, deed, previous)) != bytes(row.code):
                return expected - 1, Break(expected, "edited")
            expected, previous = expected + 1, bytes(row.code)
        last = self._connection.execute(select(head.c.number, head.c.code)).one_or_none()
        kept = (last.number, bytes(last.code)) if last else (0, GENESIS)
        if kept != (expected - 1, previous):
            return expected - 1, Break(min(expected, kept[0]), "cut")
        return expected - 1, None

    def _locked_head(self) -> tuple[int, bytes]:
        asked = select(head.c.number, head.c.code).where(head.c.id == _HEAD).with_for_update()
        found = self._connection.execute(asked).one()
        return found.number, bytes(found.code)

    def _in_order(self) -> Iterator[Row[tuple[object, ...]]]:
        after = 0
        while page := self._page(after):
            yield from page
            after = page[-1].number

    def _page(self, after: int) -> Sequence[Row[tuple[object, ...]]]:
        asked = select(entries).where(entries.c.number > after).order_by(entries.c.number).limit(_BATCH)
        return self._connection.execute(asked).all()
