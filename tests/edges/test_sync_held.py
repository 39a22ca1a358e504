"""Rows that come before their case, and what is done at the same moment: nothing of it is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.cases.store.people import Person
from app.identity.rules import Worker
from app.sync.service import Carrier, push, push_rxdb
from app.usecases import keeping
from app.usecases.keeping import Affected
from app.usecases.unit_of_work import Office, UnitOfWork
from tests.field_app import FieldApp, op, statuses
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
    with ExitStack() as waiting, here.office.work(now) as uow:
        made = Affected(Person(member_id, name=FIRST), id=member_id)
        keeping.add_members(uow, worker, UUID(case_id), [made], now=now)
        waiting.enter_context(pushing(here, worker, [edit]))
        until_somebody_waits(here)
    said = everything_said(here)
    assert FIRST in said
    assert SECOND in said


def test_a_member_that_is_edited_before_its_case_comes_has_its_last_name_and_no_conflict(
    here: Installation,
) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id, member_id = str(uuid4()), str(uuid4())
    app["member"].write(member_id, case_id=case_id, person={"name": FIRST})
    assert app["member"].push() == []
    here.clock.forward(seconds=1)
    app["member"].write(member_id, person={"name": SECOND})
    assert app["member"].push() == []
    app["case"].write(case_id, summary="ក្រោយ", categories=["unpaid_wages"])
    app.sync()
    assert app["member"].alive()[member_id]["person"]["name"] == SECOND
    assert app["case"].alive()[case_id]["conflict"] is None
    assert app["sync_issue"].alive() == {}


def test_an_edit_whose_beginning_was_lost_is_done_from_all_that_the_device_has(here: Installation) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id, member_id = str(uuid4()), str(uuid4())
    collection = app["member"]
    collection.write(member_id, case_id=case_id, person={"name": FIRST})
    collection.master[member_id] = collection.fork[member_id]
    collection.write(member_id, person={"name": SECOND})
    assert collection.push() == []
    app["case"].write(case_id, summary="ក្រោយ", categories=["unpaid_wages"])
    app.sync()
    assert app["member"].alive()[member_id]["person"]["name"] == SECOND


class Interrupted(Office):
    """An office in which something happens before a transaction, counted from now, begins."""

    def __init__(self, office: Office, before: int, happens: Callable[[], object]) -> None:
        super().__init__(office.database, office.vault, office.rulebook)
        self._left, self._happens = before, happens

    @contextmanager
    def work(self, now: datetime) -> Iterator[UnitOfWork]:
        self._left -= 1
        if self._left == 0:
            self._happens()
        with super().work(now) as uow:
            yield uow


def test_a_row_that_is_put_aside_while_its_case_comes_is_done_at_once(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id, note_id = str(uuid4()), str(uuid4())
    row = op("note", note_id, {"case_id": case_id, "text": FIRST}, create=True)

    def the_case_comes() -> None:
        results = app.push(op("case", case_id, {"summary": "មកដល់"}, create=True))
        assert statuses(results) == ["applied"]

    # In the first it is found that there is no case, in the second the row is put aside.
    office = Interrupted(here.office, 2, the_case_comes)
    (taken,) = push(office, Carrier(worker, app.device), [row], now=here.clock.now())
    assert taken.result["status"] == "applied"
    app.pull()
    assert app.one("note", note_id)["text"] == FIRST


def test_a_row_that_is_refused_when_its_case_comes_is_kept_and_stops_nothing(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id = str(uuid4())
    bad = op("member", str(uuid4()), {"case_id": case_id, "person": {"id": "none", "name": FIRST}})
    good = op("note", str(uuid4()), {"case_id": case_id, "text": SECOND}, create=True)
    assert statuses(app.push(bad, good)) == ["held", "held"]
    app.push(op("case", case_id, {"summary": "មកដល់"}, create=True))
    assert FIRST in everything_said(here)
    app.pull()
    assert [doc["text"] for (kind, _), doc in app.docs.items() if kind == "note"] == [SECOND]


def test_a_fault_in_a_row_that_waited_stops_neither_its_case_nor_the_rows_after_it(
    install: Callable[..., Installation],
) -> None:
    broken: list[str] = []

    def passed(point: str) -> None:
        if point == "sync.changed" and broken and broken.pop() == "now":
            raise ZeroDivisionError

    here = install(passed=passed)
    app = FieldApp(here, here.a_worker())
    case_id, notes = str(uuid4()), [str(uuid4()), str(uuid4())]
    for note_id, text in zip(notes, (FIRST, SECOND), strict=True):
        app.push(op("note", note_id, {"case_id": case_id, "text": text}, create=True))
        here.clock.forward(seconds=1)
    broken += ["now", "the case itself"]  # taken from the end
    assert statuses(app.push(op("case", case_id, {"summary": "មកដល់"}, create=True))) == ["applied"]
    app.pull()
    assert [doc["text"] for (kind, _), doc in app.docs.items() if kind == "note"] == [SECOND]
    assert FIRST in everything_said(here)
    assert [doc["code"] for (kind, _), doc in app.docs.items() if kind == "sync_issue"] == ["sync.fault"]


def test_a_person_who_is_known_by_another_name_keeps_both(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    first, second, person_id = str(uuid4()), str(uuid4()), str(uuid4())
    for case_id in (first, second):
        app.push(op("case", case_id, {"summary": "ករណី"}, create=True))
    known = {"case_id": first, "person": {"id": person_id, "name": FIRST}}
    app.push(op("member", str(uuid4()), known, create=True))
    other = {"case_id": second, "person": {"id": person_id, "name": SECOND, "sex": "female"}}
    (result,) = app.push(op("member", str(uuid4()), other, create=True))
    assert [(one["field"], one["kept"], one["yours"]) for one in result["conflict"]] == [
        ("person.name", FIRST, SECOND)
    ]
    assert result["doc"]["person"]["sex"] == "female"
