"""Two writers and a reader, in every order in which their steps can fall: the reader misses nothing.

Two designs that look as good, a sequence and a clock, are stepped through the same orders and must fail.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from app.store.database import Database
from app.store.feed import Doc, FeedStore
from tests.makers import Installation

ENGINE = os.environ.get("SPEAN_TEST_ENGINE", "sqlite")
WRITERS = ("first", "second")
STEPS = ("write", "number", "commit")
POLLS = 2

pytestmark = pytest.mark.skipif(ENGINE == "sqlite", reason="SQLite has one writer at a time")


class Design(Protocol):
    """A way to give changes numbers that readers can go on from."""

    def write(self, connection: Connection, run: UUID, doc: UUID) -> None: ...

    def number(self, connection: Connection, run: UUID, doc: UUID) -> None: ...

    def after(self, connection: Connection, run: UUID, cursor: Any) -> tuple[list[UUID], Any]: ...


class Ours:
    """A number for each viewer, under a lock that is held to the commit."""

    def write(self, connection: Connection, run: UUID, doc: UUID) -> None:
        FeedStore(connection).changed([Doc("note", doc, None, run)])

    def number(self, connection: Connection, run: UUID, doc: UUID) -> None:
        FeedStore(connection).append({run: {Doc("note", doc): False}})

    def after(self, connection: Connection, run: UUID, cursor: Any) -> tuple[list[UUID], Any]:
        found = FeedStore(connection).page(run, ["note"], cursor or 0, 10)
        return [entry.doc.id for entry in found], max([cursor or 0, *(entry.seq for entry in found)])


class ByNumber:
    """A number from a sequence, as `bigserial` gives it."""

    made = "number bigserial"
    given = "nextval('control_number_seq')"

    def write(self, connection: Connection, run: UUID, doc: UUID) -> None:
        asked = text(f"INSERT INTO control (run, doc, number) VALUES (:run, :doc, {self.given})")  # noqa: S608 - ours
        connection.execute(asked, {"run": run, "doc": doc})

    def number(self, connection: Connection, run: UUID, doc: UUID) -> None:
        """Given already, by the insert."""

    def after(self, connection: Connection, run: UUID, cursor: Any) -> tuple[list[UUID], Any]:
        where = "AND number > :cursor" if cursor is not None else ""
        asked = text(f"SELECT doc, number FROM control WHERE run = :run {where} ORDER BY number")  # noqa: S608 - ours
        found = connection.execute(asked, {"run": run, "cursor": cursor}).all()
        return [row.doc for row in found], found[-1].number if found else cursor


class ByClock(ByNumber):
    """The time of the change."""

    made = "number timestamptz"
    given = "clock_timestamp()"


def orders() -> Iterator[tuple[tuple[str, str], ...]]:
    """Every order in which the steps of two writers and a reader can fall, one of each pair of twins."""
    turns = sorted({*permutations((*WRITERS[:1] * 3, *WRITERS[1:] * 3, *("reader",) * POLLS))})
    for turn in turns:
        steps = {who: iter(STEPS) for who in WRITERS}
        if turn.index("first") < turn.index("second"):  # the other half is the same with names changed
            yield tuple((who, "poll" if who == "reader" else next(steps[who])) for who in turn)


class Stage:
    """The writers and the reader, each on a connection of its own."""

    def __init__(self, database: Database, design: Design) -> None:
        self.design = design
        self.lines = {who: database.engine.connect() for who in (*WRITERS, "reader")}

    def delivered(self, order: Sequence[tuple[str, str]]) -> bool:
        """Whether the reader was given both changes when all is over."""
        run, docs = uuid4(), {who: uuid4() for who in WRITERS}
        holds: set[str] = set()
        waits: dict[str, threading.Thread] = {}
        got: set[UUID] = set()
        cursor: Any = None
        for who, step in (*order, ("reader", "poll")):
            if step == "poll":
                found, cursor = self.design.after(self.lines["reader"], run, cursor)
                self.lines["reader"].rollback()
                got |= set(found)
            elif step == "write":
                self.design.write(self.lines[who], run, docs[who])
            elif step == "number":
                self._number(who, run, docs[who], waits, others=holds - {who})
                holds.add(who)
            else:
                self._commit(who, waits)
                holds.discard(who)
        return got == set(docs.values())

    def _number(
        self, who: str, run: UUID, doc: UUID, waits: dict[str, threading.Thread], *, others: set[str]
    ) -> None:
        """Where another holds the lock, this one waits for it, and goes on when that one commits."""
        turn = threading.Thread(target=self.design.number, args=(self.lines[who], run, doc))
        turn.start()
        if others and isinstance(self.design, Ours):
            waits[who] = turn
        else:
            turn.join()

    def _commit(self, who: str, waits: dict[str, threading.Thread]) -> None:
        """A writer that waits for its number cannot commit before it has it: the other commits first."""
        if who in waits:
            other = next(name for name in WRITERS if name != who)
            self.lines[other].commit()
            waits.pop(who).join()
        self.lines[who].commit()
        for turn in waits.values():
            turn.join()
        waits.clear()

    def close(self) -> None:
        for line in self.lines.values():
            line.close()


def _missed(here: Installation, design: Design) -> int:
    stage = Stage(here.office.database, design)
    try:
        return sum(not stage.delivered(order) for order in orders())
    finally:
        stage.close()


def test_in_no_order_does_a_reader_miss_a_change(here: Installation) -> None:
    assert len(list(orders())) == 280
    assert _missed(here, Ours()) == 0


@pytest.mark.parametrize("design", [ByNumber(), ByClock()], ids=["a sequence", "a clock"])
def test_designs_that_look_as_good_are_caught(here: Installation, design: ByNumber) -> None:
    with here.office.database.write() as connection:
        connection.execute(text("CREATE SEQUENCE control_number_seq"))
        made = design.made.replace("bigserial", "bigint")
        connection.execute(text(f"CREATE TABLE control (run uuid, doc uuid, {made})"))
    assert _missed(here, design) > 0
