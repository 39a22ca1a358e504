"""Rows that come before their case, and what is done at the same moment: nothing of it is lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.cases.store.records import Person
from app.identity.rules import Worker
from app.sync.service import Carrier, push_rxdb
from app.usecases import keeping
from app.usecases.keeping import Affected
from tests.field_app import FieldApp
from tests.field_devices import everything_said
from tests.makers import Installation
from tests.rxdb_app import RxdbApp

FIRST, SECOND = "ពាក្យទីមួយ។", "ពាក្យទីពីរ។"


def named(member_id: str, case_id: str, name: str) -> dict[str, Any]:
    """A member as RxDB sends them."""
    return {"id": member_id, "case_id": case_id, "person": {"name": name}, "_deleted": False}


@contextmanager
def pushing(here: Installation, worker: Worker, rows: list[Any]) -> Iterator[list[Any]]:
    """The rows are pushed by another thread while the block runs; the answer is there after it."""
    answer: list[Any] = []
    now = here.clock.now()

    def work() -> None:
        answer.append(push_rxdb(here.office, Carrier(worker, "phone"), "member", rows, now=now))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield answer
    finally:
        thread.join()


def until_somebody_waits(here: Installation) -> None:
    """Another transaction came as far as it can while ours is open."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        time.sleep(0.05)
        with here.office.database.read() as connection:
            if connection.dialect.name == "sqlite":
                return  # there the other one waits before it has read anything
            if connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar():
                return
    raise AssertionError("nobody waited")


@pytest.mark.parametrize("believed", [None, FIRST])
def test_an_edit_that_meets_the_making_of_its_member_is_not_lost(
    here: Installation, believed: str | None
) -> None:
    worker = here.a_worker()
    case_id, member_id = str(here.a_case()), uuid4()
    FieldApp(here, worker).pull()
    edit = {"newDocumentState": named(str(member_id), case_id, SECOND)}
    if believed:
        edit["assumedMasterState"] = named(str(member_id), case_id, believed)
    now = here.clock.now()
    with ExitStack() as waiting:
        with here.office.work(now) as uow:
            made = Affected(Person(member_id, name=FIRST), id=member_id)
            keeping.add_members(uow, worker, UUID(case_id), [made], now=now)
            waiting.enter_context(pushing(here, worker, [edit]))
            until_somebody_waits(here)
    said = everything_said(here)
    assert FIRST in said
    assert SECOND in said
