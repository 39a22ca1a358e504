"""Which keys the sealed values of a database use, and sealing them anew with the current one meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from app.crypto.vault import SealBroken, Vault, header_of
from app.store.columns import SealedColumn, sealed_columns
from app.store.database import Database

UNKNOWN: Final = ""  # stands for every key that is not in the ring, where rows are counted by key
_BATCH: Final = 200
_LONGEST_REST_SECONDS: Final = 0.2
_FRUITLESS_PASSES: Final = 20

Told = Callable[[int], None]
Values = dict[str, Any]


@dataclass(frozen=True)
class Rotated:
    """What became of a rotation. Rows are counted once for each table, however many values they hold."""

    resealed: int
    left: int  # rows that others held all the time, or whose values do not open
    broken: Mapping[str, int] = field(default_factory=dict)  # values that do not open, by `table.field`


def rows_by_key(database: Database, names: Sequence[str]) -> Counter[str]:
    """How many rows hold a value that was sealed with each of these keys; the others are under UNKNOWN.

    A row with values under two keys counts for both.
    """
    found: Counter[str] = Counter()
    with database.read() as connection:
        for table, columns in sealed_columns().items():
            uses = {name: or_(*(_sealed_with(c.column, name) for c in columns)) for name in names}
            strange = or_(
                *(and_(c.column.is_not(None), *(~_sealed_with(c.column, n) for n in names)) for c in columns)
            )
            asked = [func.sum(case((use, 1), else_=0)) for use in (*uses.values(), strange)]
            counted = connection.execute(select(*asked).select_from(table)).one()
            for name, rows in zip((*names, UNKNOWN), counted, strict=True):
                found[name] += rows or 0
    return found


class Rotation:
    """Seals every value of a database with the vault's current key, a few rows at a time.

    How far it has come is written nowhere but in the values themselves: each begins with the name of its
    key. So a rotation that was killed is simply begun again, and two at once do no harm.
    """

    def __init__(self, database: Database, vault: Vault, *, batch: int = _BATCH) -> None:
        """Touch nothing yet."""
        self._database = database
        self._vault = vault
        self._batch = batch
        self._broken: Counter[str] = Counter()
        self._aim()

    def left(self) -> int:
        """How many rows hold a value that another key sealed."""
        with self._database.read() as connection:
            return sum(int(connection.execute(part.count).scalar_one()) for part in self._parts)

    def run(self, told: Told = lambda _: None, passed: Callable[[str], None] = lambda _: None) -> Rotated:
        """Seal anew until no row uses another key, or until what is left cannot be done.

        Others read and write meanwhile: a value that changed since it was read is left to the next pass,
        and a row that somebody holds is passed over, so that nobody ever waits for somebody who waits.
        `told` hears how many rows are done, `passed` of each batch.
        """
        done, fruitless = 0, 0
        while True:
            # Somebody may make another key current meanwhile, and then that is where all goes.
            self._aim()
            self._broken.clear()
            stuck, before = 0, done
            for part in self._parts:
                cursor: Values | None = None
                while rows := self._some(part, cursor):
                    cursor = {name: rows[-1][name] for name in part.key}
                    began = time.monotonic()
                    moved, unopened = self._reseal(part, rows)
                    done, stuck = done + moved, stuck + unopened
                    told(done)
                    passed("rotation.batch")
                    # Half of the time belongs to those who bring texts.
                    time.sleep(min(time.monotonic() - began, _LONGEST_REST_SECONDS))
            left = self.left()
            fruitless = 0 if done > before else fruitless + 1
            if left <= stuck or fruitless == _FRUITLESS_PASSES:
                return Rotated(done, left, dict(self._broken))

    def _aim(self) -> None:
        self._vault.look_again()
        target = self._vault.current
        self._parts = [
            _Part(table, columns, target, self._batch) for table, columns in sealed_columns().items()
        ]

    def _some(self, part: "_Part", cursor: Values | None) -> list[Values]:
        """The next rows that another key sealed, as they are now, without holding anything."""
        with self._database.read() as connection:
            asked = part.first if cursor is None else part.next
            return [dict(row) for row in connection.execute(asked, cursor or {}).mappings()]

    def _reseal(self, part: "_Part", rows: list[Values]) -> tuple[int, int]:
        """How many of the rows were sealed anew, and how many hold a value that does not open."""
        changes: dict[tuple[str, ...], list[Values]] = {}
        stuck = 0
        for row in rows:
            change: Values = {f"key_{name}": row[name] for name in part.key}
            changed = []
            for sealed in part.columns:
                name = sealed.column.name
                if row[name] is None or bytes(row[name]).startswith(part.header):
                    continue
                try:
                    fresh = self._vault.reseal(bytes(row[name]), sealed.place(row))
                except SealBroken:
                    self._broken[f"{part.table.name}.{name}"] += 1
                    continue
                changed.append(name)
                change |= {f"old_{name}": row[name], f"new_{name}": fresh}
            if changed:
                changes.setdefault(tuple(changed), []).append(change)
            else:
                stuck += 1
        return self._write(part, changes), stuck

    def _write(self, part: "_Part", changes: Mapping[tuple[str, ...], list[Values]]) -> int:
        wanted = {_key_of(part, change) for some in changes.values() for change in some}
        if not wanted:
            return 0
        with self._database.write() as connection:
            # On SQLite whoever writes is alone. On PostgreSQL a row that a use case holds is passed over.
            free = wanted
            if not self._database.is_sqlite:
                free = {tuple(row) for row in connection.execute(part.lock, {"keys": sorted(wanted)})}
            for names, some in changes.items():
                mine = [change for change in some if _key_of(part, change) in free]
                if mine:
                    connection.execute(part.put(names), mine)
        return len(free)


class _Part:
    """One table in a rotation, with its statements."""

    def __init__(self, table: Table, columns: tuple[SealedColumn, ...], target: str, batch: int) -> None:
        self.table = table
        self.columns = columns
        self.header = header_of(target)
        self.key = tuple(column.name for column in table.primary_key)
        self._batch = batch
        self._puts: dict[tuple[str, ...], Update] = {}
        self._stale = or_(*(~_sealed_with(sealed.column, target) for sealed in columns))

    @cached_property
    def count(self) -> Select[Any]:
        return select(func.count()).select_from(self.table).where(self._stale)

    @cached_property
    def first(self) -> Select[Any]:
        named = {c.name: c for c in self.table.primary_key}
        named |= {c.name: c for sealed in self.columns for c in (*sealed.binding, sealed.column)}
        # In the order of the primary key, so that no row is asked for twice in one pass.
        return select(*named.values()).where(self._stale).order_by(*self.table.primary_key).limit(self._batch)

    @cached_property
    def next(self) -> Select[Any]:
        after = [bindparam(name, type_=self.table.c[name].type) for name in self.key]
        return self.first.where(tuple_(*self.table.primary_key) > tuple_(*after))

    @cached_property
    def lock(self) -> Select[Any]:
        """Those of the rows that nobody holds; rows that point at them may be added meanwhile."""
        key = tuple_(*self.table.primary_key)
        asked = select(*self.table.primary_key).where(key.in_(bindparam("keys", expanding=True)))
        return asked.with_for_update(skip_locked=True, key_share=True)

    def put(self, names: Sequence[str]) -> Update:
        """The fresh values in the place of the old ones, if these are all still there.

        One statement for all of a row's values: where a transaction changes a row a second time,
        PostgreSQL looks at the rows that it points at, and there it would wait for whoever holds them.
        """
        if tuple(names) not in self._puts:
            c = self.table.c
            same = [c[name] == bindparam(f"key_{name}") for name in self.key]
            same += [c[name] == bindparam(f"old_{name}", type_=LargeBinary) for name in names]
            fresh = {name: bindparam(f"new_{name}", type_=LargeBinary) for name in names}
            self._puts[tuple(names)] = update(self.table).where(*same).values(fresh)
        return self._puts[tuple(names)]


def _sealed_with(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether the value was sealed with this key: neither true nor false where there is none."""
    header = header_of(name)
    return func.substr(column, 1, len(header), type_=LargeBinary) == header


def _key_of(part: _Part, change: Values) -> tuple[Any, ...]:
    return tuple(change[f"key_{name}"] for name in part.key)
