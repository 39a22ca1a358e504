"""The inbox: what a door was told is on disk, at once for everybody who waits, and whatever one row holds."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.channels.door import commit
from app.intake.rules.incoming import Arrival, kept_id, kept_words
from app.intake.store import inbox_values
from app.intake.tables import inbox
from app.store.group_commit import Closed, GroupCommit
from tests.makers import Installation


def an_arrival(carrier_id: str | None = None) -> Arrival:
    return Arrival("cht", "demo-th", carrier_id or str(uuid4()), "text", "+66812345678", b"{}")


def a_row(here: Installation, carrier_id: str | None = None, **changes: object) -> dict[str, Any]:
    return {**inbox_values(here.office.vault, an_arrival(carrier_id), here.clock.now()), **changes}


def kept(here: Installation) -> int:
    with here.office.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(inbox)).scalar_one())


class Gate:
    """Holds the writer between a group's rows and its commit, until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened, self.commits = threading.Event(), threading.Event(), 0

    def __call__(self, point: str) -> None:
        self.commits += point == "inbox.committed"
        if point == "inbox.changed":
            self.reached.set()
            assert self.opened.wait(10)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def group(here: Installation, gate: Gate) -> Iterator[GroupCommit]:
    made = GroupCommit(here.office.database, inbox, gate)
    yield made
    gate.opened.set()
    made.close()


def test_nobody_is_answered_before_the_commit(here: Installation, group: GroupCommit, gate: Gate) -> None:
    first = group.add(a_row(here))
    assert gate.reached.wait(10)
    others = [group.add(a_row(here)) for _ in range(20)]
    assert not any(future.done() for future in [first, *others])
    assert kept(here) == 0
    gate.opened.set()
    assert [future.result(10) for future in [first, *others]] == [None] * 21
    assert (kept(here), gate.commits) == (21, 2)


def test_a_row_that_the_database_refuses_fails_alone(
    here: Installation, group: GroupCommit, gate: Gate
) -> None:
    first = group.add(a_row(here))
    assert gate.reached.wait(10)
    good = [group.add(a_row(here)) for _ in range(3)]
    bad = [group.add(a_row(here, state=None)), group.add(a_row(here, problem="half \ud83d"))]
    more = [group.add(a_row(here)) for _ in range(3)]
    gate.opened.set()
    for future in [first, *good, *more]:
        assert future.result(10) is None
    for future, kind in zip(bad, (SQLAlchemyError, ValueError), strict=True):
        assert isinstance(future.exception(10), kind)
    assert kept(here) == 7
    assert group.add(a_row(here)).result(10) is None


def test_whoever_stops_waiting_stops_neither_the_row_nor_the_writer(
    here: Installation, group: GroupCommit, gate: Gate
) -> None:
    async def gone() -> None:
        waiting = asyncio.wrap_future(group.add(a_row(here)))
        await asyncio.to_thread(gate.reached.wait, 10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(gone())
    gate.opened.set()
    assert group.add(a_row(here)).result(10) is None
    assert kept(here) == 2


def test_a_row_that_is_there_already_is_as_good_as_written(
    here: Installation, group: GroupCommit, gate: Gate
) -> None:
    gate.opened.set()
    waiting = [group.add(a_row(here, "k1")) for _ in range(3)]
    assert [future.result(10) for future in waiting] == [None] * 3
    assert kept(here) == 1


def test_closing_writes_what_waits_and_then_takes_no_more(here: Installation) -> None:
    group = GroupCommit(here.office.database, inbox)
    waiting = [group.add(a_row(here)) for _ in range(300)]
    group.close()
    assert all(future.done() and future.exception() is None for future in waiting)
    assert kept(here) == 300
    group.close()
    assert isinstance(group.add(a_row(here)).exception(1), Closed)


def test_many_clients_at_once_lose_nothing_and_share_their_commits(
    install: Callable[..., Installation],
) -> None:
    commits: list[str] = []
    here = install(passed=commits.append)
    writer = here.application.inbox
    ids = [f"id-{n % 400}" for n in range(1200)]
    with ThreadPoolExecutor(24) as clients:
        futures = list(clients.map(lambda carrier_id: writer.keep(an_arrival(carrier_id)), ids))
    assert all(future.result(30) is None for future in futures)
    assert kept(here) == 400
    assert commits.count("inbox.committed") < 1200


def test_a_database_out_of_reach_is_told_to_everybody_who_waits(here: Installation) -> None:
    group = GroupCommit(here.office.database, inbox)
    with here.office.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE inbox RENAME TO elsewhere")
    futures = [group.add(a_row(here)) for _ in range(5)]
    assert all(isinstance(future.exception(30), SQLAlchemyError) for future in futures)
    with here.office.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO inbox")
    assert group.add(a_row(here)).result(30) is None
    group.close()


def test_a_door_answers_when_all_that_it_was_given_is_kept(here: Installation) -> None:
    asyncio.run(commit(here.application.inbox, [an_arrival() for _ in range(10)]))
    assert kept(here) == 10


@given(st.text(max_size=300))
def test_an_id_is_kept_in_a_form_that_every_column_holds(carrier_id: str) -> None:
    form = kept_id(carrier_id)
    assert form.strip()
    assert len(form) <= 200
    assert form.isprintable()
    assert kept_id(form) == form


@given(st.text(st.characters(codec=None, categories=None)))
def test_words_are_kept_but_for_nul_and_half_characters(text: str) -> None:
    words = kept_words(text)
    assert "\x00" not in words
    assert words.encode().decode() == words
    if "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert words == text
