"""The audit chain: nothing can be edited, removed, moved, added or cut off without its being named."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select, text, update

from app.audit.rules import BROKEN, GENESIS, Break, Deed, canonical
from app.audit.store import AuditStore
from app.audit.tables import entries, head
from app.identity.rules import Role
from app.settings import Settings
from app.usecases.unit_of_work import Office
from tests.conftest import ENGINE
from tests.makers import KHMER_UNPAID, Installation

LENGTH = 6
SOMETHING = UUID("0193a8f2-7c1d-7e3a-9d0a-000000000000")
CASE = UUID("0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77")


def do(office: Office, installation: Installation, *actions: str) -> None:
    now = installation.clock.now()
    with office.work(now) as uow:
        for action in actions:
            uow.audit.record(Deed(action, "somebody", CASE, {"b": [1, "ក"], "a": None}))


def checked(office: Office) -> tuple[int, Break | None]:
    with office.database.snapshot() as connection:
        return AuditStore(connection, office.vault).first_break()


def tamper(office: Office, *statements: Any) -> None:
    """As somebody would who has the database, but not the keys."""
    with office.database.write() as connection:
        for statement in statements:
            connection.execute(statement)


def row(office: Office, number: int) -> Any:
    with office.database.read() as connection:
        return connection.execute(select(entries).where(entries.c.number == number)).one()


@pytest.fixture(name="chain")
def _chain(here: Installation) -> Installation:
    """An installation whose chain has six entries, of three transactions."""
    do(here.office, here, "a.one", "a.two")
    here.clock.forward(seconds=1)
    do(here.office, here, "a.three", "a.four", "a.five")
    do(here.office, here, "a.six")
    return here


def test_a_chain_that_nobody_touched_holds_on_either_engine(chain: Installation) -> None:
    assert checked(chain.office) == (LENGTH, None)


def test_a_chain_without_entries_holds(here: Installation) -> None:
    assert checked(here.office) == (0, None)


def test_what_a_code_covers_is_fixed_for_ever() -> None:
    at = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
    deed = Deed("case.read", "cli", CASE, {"ខ": "ក", "a": [1, None, True]})
    assert canonical(7, at, deed, GENESIS).decode() == (
        '[7,"2026-06-08T03:00:00.000000Z","cli","case.read","0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77",'
        f'{{"a":[1,null,true],"ខ":"ក"}},"{"0" * 64}"]'
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"at": datetime(2026, 6, 8, 3, 0, 2, tzinfo=UTC)},
        {"actor": "somebody else"},
        {"action": "a.nothing"},
        {"subject": SOMETHING},
        {"subject": None},
        {"details": {"b": [1, "ខ"], "a": None}},
        {"details": {}},
        {"details": None},
        {"previous": bytes(32)},
        {"previous": b""},
        {"code": bytes(32)},
        {"code": b""},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("number", [1, 3, LENGTH])
def test_an_entry_that_was_edited_is_named(chain: Installation, changed: dict[str, Any], number: int) -> None:
    if changed.get("previous") == bytes(32) and number == 1:
        changed = {"previous": bytes([1]) * 32}
    values = {
        name: text("'null'") if value is None and name == "details" else value
        for name, value in changed.items()
    }
    tamper(chain.office, update(entries).where(entries.c.number == number).values(**values))
    held, broken = checked(chain.office)
    assert broken is not None
    assert (held, broken.number) == (number - 1, number)


@pytest.mark.skipif(ENGINE != "sqlite", reason="PostgreSQL keeps types")
@pytest.mark.parametrize(
    "changed",
    ["at = 'yesterday'", "at = 5", "details = '{'", "details = 7", "details = x'ff'",
     "details = CAST(x'ff' AS TEXT)", "actor = CAST(x'ff' AS TEXT)", "subject = CAST(x'ff' AS TEXT)",
     "subject = 'zz'",
     "subject = x'00'", "code = 'text'", "previous = 'text'", "actor = x'00ff'", "action = 9", "actor = 1.5"],
)  # fmt: skip
def test_a_cell_that_holds_rubbish_is_named_and_stops_nobody(chain: Installation, changed: str) -> None:
    tamper(chain.office, text(f"UPDATE audit_entry SET {changed} WHERE number = 4"))  # noqa: S608 - from the list above
    held, broken = checked(chain.office)
    assert broken is not None
    assert (held, broken.number) == (3, 4)


@pytest.mark.parametrize(
    ("number", "problem"), [(1, "missing"), (2, "missing"), (4, "missing"), (LENGTH, "cut")]
)
def test_an_entry_that_was_removed_is_named(chain: Installation, number: int, problem: str) -> None:
    tamper(chain.office, delete(entries).where(entries.c.number == number))
    assert checked(chain.office) == (number - 1, Break(number, problem))


def test_all_entries_removed_is_a_cut_at_the_first(chain: Installation) -> None:
    tamper(chain.office, delete(entries))
    assert checked(chain.office) == (0, Break(1, "cut"))


def test_entries_that_changed_places_are_named(chain: Installation) -> None:
    def moved(a: int, b: int) -> Any:
        return update(entries).where(entries.c.number == a).values(number=b)

    tamper(chain.office, moved(2, 99), moved(5, 2), moved(99, 5))
    assert checked(chain.office) == (1, Break(2, "reordered"))


def test_a_gap_that_was_closed_by_moving_the_rest_up_is_named(chain: Installation) -> None:
    tamper(
        chain.office,
        delete(entries).where(entries.c.number == 3),
        *(update(entries).where(entries.c.number == n).values(number=n - 1) for n in range(4, LENGTH + 1)),
    )
    assert checked(chain.office) == (2, Break(3, "reordered"))


def test_an_entry_with_another_number_leaves_a_hole_that_is_named(chain: Installation) -> None:
    tamper(chain.office, update(entries).where(entries.c.number == 3).values(number=300))
    assert checked(chain.office) == (2, Break(3, "missing"))


@pytest.mark.parametrize(("number", "said"), [(0, Break(0, "added")), (-5, Break(-5, "added"))])
def test_an_entry_before_the_first_is_named(chain: Installation, number: int, said: Break) -> None:
    first = row(chain.office, 1)
    tamper(chain.office, insert(entries).values({**first._asdict(), "number": number}))
    assert checked(chain.office) == (0, said)


def test_an_entry_behind_the_last_is_named(chain: Installation) -> None:
    last = row(chain.office, LENGTH)
    forged = {**last._asdict(), "number": LENGTH + 1, "previous": last.code}
    tamper(chain.office, insert(entries).values(forged))
    assert checked(chain.office) == (LENGTH, Break(LENGTH + 1, "edited"))


@pytest.mark.parametrize("cut", [1, 3, LENGTH])
def test_an_end_that_was_cut_off_is_named(chain: Installation, cut: int) -> None:
    left = LENGTH - cut
    tamper(chain.office, delete(entries).where(entries.c.number > left))
    assert checked(chain.office) == (left, Break(left + 1, "cut"))


def forge_end(office: Office, number: int) -> None:
    """Cut the chain behind this entry, and make the row that says where it ends say so too."""
    code = row(office, number).code
    with office.database.read() as connection:
        bound = connection.execute(select(head.c.code)).scalar_one()[32:]
    tamper(
        office,
        delete(entries).where(entries.c.number > number),
        update(head).values(number=number, code=code + bound),
    )


def test_a_cut_is_named_also_when_the_note_of_the_end_was_made_to_fit(chain: Installation) -> None:
    forge_end(chain.office, 4)
    assert checked(chain.office) == (4, Break(4, "cut"))


def test_a_cut_stays_named_for_ever_although_work_goes_on(chain: Installation) -> None:
    forge_end(chain.office, 4)
    do(chain.office, chain, "b.five", "b.six")
    do(chain.office, chain, "b.seven")
    assert row(chain.office, 5).action == BROKEN
    assert checked(chain.office) == (4, Break(5, "cut"))


@pytest.mark.parametrize("gone", ["row", "number", "code"])
def test_a_touched_note_of_the_end_is_named(chain: Installation, gone: str) -> None:
    changes = {
        "row": delete(head),
        "number": update(head).values(number=LENGTH + 3),
        "code": update(head).values(code=bytes(64)),
    }
    tamper(chain.office, changes[gone])
    held, broken = checked(chain.office)
    assert held == LENGTH
    assert broken is not None
    assert broken.problem == "cut"


def test_other_keys_name_the_first_entry(chain: Installation, install: Callable[..., Installation]) -> None:
    file = chain.application.settings.keys_file
    stranger = install(
        database_url=chain.application.settings.database_url, keys_file=file.with_name("other")
    )
    assert checked(stranger.office) == (0, Break(1, "edited"))
    with stranger.office.look() as uow:
        assert not uow.audit.fits_keys()
    with chain.office.look() as uow:
        assert uow.audit.fits_keys()
        assert uow.audit.end_holds()


def test_keys_fit_although_somebody_touched_the_end(chain: Installation) -> None:
    forge_end(chain.office, 4)
    with chain.office.look() as uow:
        assert uow.audit.fits_keys()
        assert not uow.audit.end_holds()


def test_a_transaction_that_is_undone_leaves_no_entry(chain: Installation) -> None:
    class Undone(Exception):
        pass

    def fail() -> None:
        with chain.office.work(chain.clock.now()) as uow:
            uow.audit.record(Deed("never", "nobody"))
            uow.flush(chain.clock.now())
            raise Undone

    with pytest.raises(Undone):
        fail()
    assert checked(chain.office) == (LENGTH, None)


def test_eight_writers_in_two_programs_leave_no_gap(
    chain: Installation, install: Callable[..., Installation]
) -> None:
    settings: Settings = chain.application.settings
    other = install(database_url=settings.database_url)
    problems: list[BaseException] = []

    def write(installation: Installation, name: int) -> None:
        try:
            for step in range(12):
                do(installation.office, installation, *[f"w{name}.{step}"] * (1 + step % 3))
        except BaseException as problem:  # noqa: BLE001 - told to the test
            problems.append(problem)

    writers = [threading.Thread(target=write, args=((chain, other)[n % 2], n)) for n in range(8)]
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        # Whoever checks while others write sees one moment, not half of the next.
        seen.append(checked(chain.office))
    for writer in writers:
        writer.join()
    assert problems == []
    assert [broken for _, broken in seen if broken] == []
    total = LENGTH + 8 * 12 * 2
    with chain.office.database.read() as connection:
        numbers = connection.execute(select(entries.c.number).order_by(entries.c.number)).scalars().all()
    assert numbers == list(range(1, total + 1))
    assert checked(other.office) == (total, None)


def test_every_change_and_every_look_at_a_cases_details_is_an_entry(here: Installation) -> None:
    here.a_worker()
    worker = here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case(KHMER_UNPAID)

    def actions() -> list[str]:
        with here.office.database.read() as connection:
            asked = select(entries.c.action).where(entries.c.actor == str(worker.id))
            return list(connection.execute(asked.order_by(entries.c.number)).scalars())

    def ask(method: str, path: str, json: Any = None) -> None:
        response = here.ask(worker, method, f"/v1/cases/{case_id}{path}", json)
        assert response.status_code < 300, response.text

    ask("GET", "")
    ask("GET", "/timeline")
    ask("POST", "/accept", {})
    ask("POST", "/notes", {"text": "a note"})
    ask("POST", "/contact-attempts", {"channel": "call", "outcome": "no_answer"})
    ask("PATCH", "", {"summary": "a summary", "urgency": "U1", "reason": "because"})
    ask("POST", "/close", {"outcome": "withdrawn_by_client", "client_informed": "yes"})
    ask("POST", "/reopen", {"reason": "because"})
    assert here.ask(worker, "GET", "/v1/exports/cases.csv").status_code == 200
    assert actions() == [
        "case.read", "timeline.read", "case.accepted", "note.added", "contact.attempted", "details.changed",
        "urgency.changed", "case.closed", "case.reopened", "export.started",
    ]  # fmt: skip
    assert checked(here.office)[1] is None
