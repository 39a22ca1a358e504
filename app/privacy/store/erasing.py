"""Takes out of rows what identifies people, table by table, as the list of fates says.

It reaches into the tables of many rooms. They are named as text, as foreign keys do it, so that rooms
stay strangers, and a table that the program does not have is passed over.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, true, update
from sqlmodel import SQLModel

from app.crypto.vault import Place, SealBroken, Vault
from app.privacy.rules import FATES, Fate, Spared
from app.privacy.store.belonging import (
    case_rows,
    live_cases,
    loose_rows,
    people_of,
    phones_of,
    points_of,
)
from app.privacy.store.mentions import MentionStore
from app.store.columns import SealedColumn, sealed_columns

_INDEX_BYTES: Final = 16
_CANCELLED: Final = "erased"
# Of a file that somebody knows, its fingerprint would tell that it was here.
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Scope:
    """What of one case is to be let go: everything, or what belongs to one person.

    `words` is whether what workers wrote goes too; of a whole case it always does.
    """

    case_id: UUID
    person_id: UUID | None = None
    words: bool = True

    @property
    def whole(self) -> bool:
        """Whether it is the whole case."""
        return self.person_id is None


@dataclass(slots=True)
class Cleared:
    """How many rows of each kind lost what they said, and the files that belong to nothing now."""

    counts: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    spared: Spared = field(default_factory=Spared)

    def add(self, kind: str, number: int) -> None:
        """So many rows more; none leaves no trace."""
        if number:
            self.counts[kind] += number


class EraserStore:
    """Rows as the eraser sees them, from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    @cached_property
    def _all_sealed(self) -> Mapping[Table, tuple[SealedColumn, ...]]:
        return sealed_columns()

    def clear(self, scope: Scope, now: datetime) -> Cleared:
        """Let go of all that the scope holds but the case's own row. Repeating it finds nothing."""
        cleared = Cleared()
        points = points_of(self._connection, scope.case_id, scope.person_id)
        phones = phones_of(self._connection, points, scope.person_id)
        people = people_of(self._connection, scope.case_id, scope.person_id)
        for name, rows in case_rows(scope.case_id, points, phones, whole=scope.whole, words=scope.words):
            self._let_go(name, rows, cleared, now)
        spared_people = self._people(people, scope.case_id, cleared)
        spared_phones = self._points(points, scope.case_id, cleared, now)
        cleared.spared = Spared(spared_phones, spared_people)
        return cleared

    def clear_words_of_texts(self, case_id: UUID) -> Cleared:
        """Let go of the words of a case's texts, ours and theirs; that they came, and when, stays."""
        cleared = Cleared()
        for name, rows in case_rows(case_id, frozenset(), frozenset(), whole=True, words=False):
            if name in {"message", "outbox"}:
                only = ("body", "body_index")
                cleared.add(name, self._blank(_table(name), rows, only=only))
        return cleared

    def clear_point(self, point_id: UUID, now: datetime) -> Cleared:
        """Let go of a phone that no case needs, with what came from it and belongs to no case."""
        cleared = Cleared()
        self._points(frozenset({point_id}), None, cleared, now)
        return cleared

    def clear_raw(self, rows: Iterable[UUID], now: datetime) -> int:
        """Let go of what carriers gave us, byte for byte. Returns how many."""
        table = _table("inbox")
        ids = list(rows)
        gone = self._blank(table, table.c.id.in_(ids))
        self._connection.execute(update(table).where(table.c.id.in_(ids)).values(scrubbed_at=now))
        return gone

    def clear_mentions(self, ids: Iterable[UUID], cleared: Cleared, now: datetime) -> None:
        """Delete what devices sent of these things, word for word, and what they were told of them."""
        named = MentionStore(self._connection, self._vault)
        named.note(now)
        for name, gone in named.forget(ids).items():
            cleared.add(name, gone)

    def _let_go(self, name: str, rows: ColumnElement[bool], cleared: Cleared, now: datetime) -> None:
        table = _table(name)
        match name:
            case "safe_contact" | "conversation" | "case_phone":
                key = table.c["contact_point_id" if name != "safe_contact" else "id"]
                gone = self._connection.execute(delete(table).where(rows).returning(key)).all()
                cleared.add(name, len(gone))
            case "recording":
                self._sounds(table, rows, cleared, now)
            case _:
                cleared.add(name, self._blank(table, rows))
                self._beside(name, table, rows, now)

    def _beside(self, name: str, table: Table, rows: ColumnElement[bool], now: datetime) -> None:
        """What else changes in rows whose words went."""
        match name:
            case "message" | "call":
                self._set(table, rows, contact_point_id=None)
            case "outbox":
                waits = table.c.state.in_(("queued", "sending"))
                self._set(table, rows & waits, state="expired", error_code=_CANCELLED, lease_until=None)
            case "dial":
                waits = table.c.state.in_(("wanted", "leased"))
                self._set(table, rows & waits, state="given_up", error_code=_CANCELLED, lease_until=None)
            case "inbox":
                self._set(table, rows, scrubbed_at=now)
            case "attachment" if "leftover" in table.c:
                # The loop of attachments removes a file that is left over.
                held = rows & table.c.file_name.is_not(None)
                self._set(table, held, leftover=table.c.file_name, file_name=None, due_at=now)
                self._set(table, rows, state="erased", sha256=_NO_DIGEST, kept_sha256=None)
            case _:
                pass

    def _sounds(self, table: Table, rows: ColumnElement[bool], cleared: Cleared, now: datetime) -> None:
        """Sounds lose their keys; what a carrier may still hold is deleted there next, unfetched or not."""
        asked = select(table).where(rows, table.c.erased_at.is_(None)).with_for_update()
        found = self._connection.execute(asked).all()
        for row in found:
            done = row.state in {"finished", "erased"}
            changed: dict[str, Any] = {"file_name": None, "file_key": None, "erased_at": now}
            changed |= {"state": "erased"} if done else {"state": "kept", "due_at": now, "attempts": 0}
            self._connection.execute(update(table).where(table.c.id == row.id).values(**changed))
        cleared.files.extend(row.file_name for row in found if row.file_name)
        cleared.add("recording", len(found))

    def _people(self, people: frozenset[UUID], case_id: UUID, cleared: Cleared) -> int:
        """People lose their names, but those whom another case needs. Returns how many those are."""
        needed = self._needed_people(people, case_id)
        table = _table("person")
        free = list(people - needed)
        cleared.add("person", self._blank(table, table.c.id.in_(free)))
        # The year of birth stays, for ages are counted; a day that lay open since before goes.
        self._set(table, table.c.id.in_(free), birth_date=None)
        return len(needed)

    def _needed_people(self, people: frozenset[UUID], case_id: UUID) -> frozenset[UUID]:
        members, cases = _table("case_member"), _table("case_file")
        live = and_(cases.c.id != case_id, live_cases())
        asked = (
            select(members.c.person_id)
            .join(cases, cases.c.id == members.c.case_id)
            .where(live, members.c.person_id.in_(list(people)))
        ).union(select(cases.c.reporter_id).where(live, cases.c.reporter_id.in_(list(people))))
        return frozenset(self._connection.execute(asked).scalars())

    def _points(self, points: frozenset[UUID], case_id: UUID | None, cleared: Cleared, now: datetime) -> int:
        """Phones are nobody's any more, but those that another case needs. Returns how many those are."""
        ways, cases = _table("case_phone"), _table("case_file")
        other = cases.c.id != case_id if case_id else true()
        asked = (
            select(ways.c.contact_point_id)
            .join(cases, cases.c.id == ways.c.case_id)
            .where(ways.c.contact_point_id.in_(list(points)), other, live_cases())
        )
        needed = frozenset(self._connection.execute(asked).scalars())
        free = points - needed
        phones = phones_of(self._connection, free, None)
        for name, rows in loose_rows(free, phones):
            self._let_go(name, rows, cleared, now)
        table = _table("contact_point")
        cleared.add("contact_point", self._blank(table, table.c.id.in_(list(free))))
        self._set(table, table.c.id.in_(list(free)), forgotten_at=now)
        rules = _table("phone_rule")
        # A phone that asked for silence goes on having it: nothing else of it is known.
        gone = delete(rules).where(rules.c.phone_index.in_(list(phones)), rules.c.opted_out_at.is_(None))
        cleared.add("phone_rule", len(self._connection.execute(gone.returning(rules.c.phone_index)).all()))
        return len(needed)

    def _blank(self, table: Table, rows: ColumnElement[bool], *, only: tuple[str, ...] = ()) -> int:
        """Take out of these rows what their table's list names. Returns in how many there was something."""
        fates = {
            column: fate
            for column, fate in FATES[table.name].items()
            if column in table.c and (not only or column in only)
        }
        sealed = {one.column.name: one for one in self._all_sealed.get(table, ())}
        changed = 0
        for found in self._connection.execute(select(table).where(rows).with_for_update()).mappings().all():
            row = dict(found)
            if values := self._values(row, fates, sealed):
                same = [column == row[column.name] for column in table.primary_key]
                self._connection.execute(update(table).where(*same).values(**values))
                changed += 1
        return changed

    def _values(
        self, row: Mapping[str, Any], fates: Mapping[str, Fate], sealed: Mapping[str, SealedColumn]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column, fate in fates.items():
            if row[column] is None:
                continue
            if fate is Fate.NOTHING_LEFT:
                values[column] = None
            elif fate is Fate.EMPTY and self._opened(row[column], sealed[column].place(row)) != b"":
                values[column] = self._vault.seal_bytes(b"", sealed[column].place(row))
        if values:
            # An index cannot be told from a random one: it goes when the words beside it go.
            indexes = [column for column, fate in fates.items() if fate is Fate.RANDOM]
            values |= {column: secrets.token_bytes(_INDEX_BYTES) for column in indexes}
        return values

    def _opened(self, sealed: bytes, where: Place) -> bytes | None:
        """What is there, or None where nobody can read it any more: it goes all the same."""
        try:
            return self._vault.open_bytes(bytes(sealed), where)
        except SealBroken:
            return None

    def _set(self, table: Table, rows: ColumnElement[bool], **values: Any) -> None:  # noqa: ANN401 - column values
        self._connection.execute(update(table).where(rows).values(**values))


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]
