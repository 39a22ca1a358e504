"""Appending to the audit chain and checking it."""

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import (
    Connection,
    LargeBinary,
    Select,
    String,
    Text,
    cast,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from app.audit.rules import BROKEN, GENESIS, Anchor, Break, Deed, canonical, covered, end_of_chain
from app.audit.tables import entries, head
from app.crypto.vault import Vault

_HEAD: Final = 1
_BATCH: Final = 2_000
_CODE_BYTES: Final = len(GENESIS)


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
        # There a cell can hold text that is none, on which the driver would stumble: it gives bytes.
        self._as_bytes = connection.dialect.name == "sqlite"

    def record(self, deed: Deed) -> None:
        """Write this deed when the transaction commits."""
        self._gathered.append(deed)

    def flush(self, now: datetime) -> None:
        """Append what was gathered, in order."""
        if not self._gathered:
            return
        number, kept = self._locked_head()
        code = kept[:_CODE_BYTES]
        if not self._is_end(number, kept):
            # Work must go on, but what somebody did to the chain's end stays visible for ever.
            self._gathered.insert(0, Deed(BROKEN, "audit"))
        rows = []
        for deed in self._gathered:
            number, previous = number + 1, code
            code = self._vault.chain(canonical(number, now, deed, previous))
            rows.append({
                "number": number, "at": now, "actor": deed.actor, "action": deed.action,
                "subject": deed.subject, "details": dict(deed.details), "previous": previous, "code": code,
            })  # fmt: skip
        self._connection.execute(insert(entries), rows)
        bound = code + self._vault.chain(end_of_chain(number, code))
        self._connection.execute(update(head).where(head.c.id == _HEAD).values(number=number, code=bound))
        self._gathered.clear()

    def first_break(
        self,
        checked: Callable[[int], None] = lambda _: None,
        *,
        after: Anchor | None = None,
        anchors: Iterable[Anchor] = (),
    ) -> tuple[int, Break | None]:
        """How many entries hold, and the first that does not: added, edited, removed, reordered, cut off,
        or another than the one that an anchor names.

        With `after`, only that anchor's entry and what came since is looked at. `checked` is told now and
        then how many hold so far. While others write, ask inside a snapshot.
        """
        expected, previous = (after.number, None) if after else (1, GENESIS)
        known = {anchor.number: anchor.code for anchor in anchors}
        for page in self._pages(expected):
            for row in page:
                # An anchor vouches for its entry, and with it for all to which that is chained.
                problem = self._problem(row, expected, row[6] if previous is None else previous)
                if problem is None and known.get(expected, row[7]) != row[7]:
                    problem = "replaced"
                if problem:
                    named = row[0] if problem == "added" else expected
                    return expected - 1, Break(named, problem)
                expected, previous = expected + 1, row[7]
            checked(expected - 1)
        if max(known, default=0) >= expected:
            return expected - 1, Break(expected, "cut")
        return expected - 1, self._cut(expected, previous or GENESIS)

    def end(self) -> tuple[int, bytes] | None:
        """The number and code of the last entry, if the row that says so is as it was left."""
        found = self._head()
        return (found[0], found[1][:_CODE_BYTES]) if found and found[0] and self._is_end(*found) else None

    def code_of(self, number: int) -> bytes | None:
        """The code of one entry; what the first is chained to for 0, None where there is no such entry."""
        if number == 0:
            return GENESIS
        found = self._connection.execute(select(entries.c.code).where(entries.c.number == number)).scalar()
        return bytes(found) if found else None

    def end_holds(self) -> bool:
        """Whether the row that says where the chain ends is as it was left. Nothing written yet holds too."""
        found = self._head()
        return found is not None and self._is_end(*found)

    def fits_keys(self) -> bool:
        """Whether the chain was written with these keys, even where somebody touched its end since."""
        if self.end_holds():
            return True
        newest = self._connection.execute(self._plain().order_by(entries.c.number.desc()).limit(1)).first()
        return newest is not None and self._problem(newest, newest[0], newest[6]) is None

    def _problem(self, row: Sequence[Any], expected: int, previous: bytes) -> str | None:
        number, at, actor, action, subject, details, claimed, code = row
        if number != expected:
            return "added" if number < expected else "missing"
        if claimed != previous:
            return "reordered"
        try:
            if self._as_bytes:
                at, actor, action, details = (cell.decode() for cell in (at, actor, action, details))
                subject = subject and subject.decode()
            text = covered(number, at, actor, action, subject, orjson.loads(details), previous)
        except (AttributeError, TypeError, ValueError):
            return "edited"
        if not isinstance(code, bytes) or not hmac.compare_digest(self._vault.chain(text), code):
            return "edited"
        return "cut" if action == BROKEN else None

    def _cut(self, expected: int, previous: bytes) -> Break | None:
        """Whether entries are missing at the end, going by the row that says where the chain ends."""
        found = self._head()
        if found is None:
            return Break(expected, "cut")
        number, kept = found
        if number == expected - 1 and kept[:_CODE_BYTES] == previous and self._is_end(number, kept):
            return None
        return Break(min(expected, max(number, 1)), "cut")

    def _is_end(self, number: int, kept: bytes) -> bool:
        code, bound = kept[:_CODE_BYTES], kept[_CODE_BYTES:]
        if number == 0:
            return kept == GENESIS
        return hmac.compare_digest(self._vault.chain(end_of_chain(number, code)), bound)

    def _head(self) -> tuple[int, bytes] | None:
        found = self._connection.execute(select(head.c.number, head.c.code).where(head.c.id == _HEAD)).first()
        return (found.number, bytes(found.code)) if found else None

    def _locked_head(self) -> tuple[int, bytes]:
        asked = select(head.c.number, head.c.code).where(head.c.id == _HEAD).with_for_update()
        found = self._connection.execute(asked).one()
        return found.number, bytes(found.code)

    def _pages(self, first: int) -> Iterator[Sequence[Sequence[Any]]]:
        """Every entry; from this number on where it is not the first, before which nothing may stand."""
        asked = self._plain().order_by(entries.c.number).limit(_BATCH)
        from_there = asked.where(entries.c.number >= first) if first > 1 else asked
        page = self._connection.execute(from_there).all()
        while page:
            yield page
            page = self._connection.execute(asked.where(entries.c.number > page[-1][0])).all()

    def _plain(self) -> Select[Any]:
        """Every column as it lies there: an edited cell may hold anything, and must not stop the reader.

        Objects made only to be written out again would cost more than the check itself.
        """
        c = entries.c
        if self._as_bytes:
            moment: Any = func.replace(type_coerce(c.at, String), " ", "T") + "Z"
            # There an id is 32 hexadecimal digits.
            raw = type_coerce(c.subject, String)
            bounds = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 99))
            pieces = [func.substr(raw, first, length) for first, length in bounds]
            subject: Any = pieces[0] + "-" + pieces[1] + "-" + pieces[2] + "-" + pieces[3] + "-" + pieces[4]
        else:
            moment = func.to_char(func.timezone("UTC", c.at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            subject = cast(c.subject, Text)
        kind = LargeBinary if self._as_bytes else Text
        words = [cast(cell, kind) for cell in (moment, c.actor, c.action, subject, c.details)]
        return select(c.number, *(type_coerce(cell, String) for cell in (*words, c.previous, c.code)))
