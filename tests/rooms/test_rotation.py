"""Rotation of keys: every value ends under the current key, whoever writes meanwhile and whatever dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, LargeBinary, MetaData, String, Table, Uuid, select, update

from app.channels.console.carrier import arrival
from app.crypto.keyring import KeyFile, KeyRing, change
from app.crypto.vault import Place, SealBroken, Vault, key_of
from app.intake.tables import inbox, messages
from app.kernel.ids import new_id
from app.store.columns import SealedColumn, sealed_columns, sealed_field
from app.store.database import Database
from app.store.rotation import UNKNOWN, Rotation, rows_by_key
from tests.makers import KHMER_UNPAID, ROOT, Installation

SEALED = [column for columns in sealed_columns().values() for column in columns]
MORE_TEXTS = 40


def people_write(here: Installation, count: int = 6) -> None:
    worker = here.a_worker(name="រតនា", phone="+85510000200")
    for number in range(count):
        here.a_case(KHMER_UNPAID, sender=f"+6681000{number:04d}")
    case_id = here.a_case()
    base = f"/v1/cases/{case_id}"
    person = {"name": "Sophea", "phone": "+85510000201"}
    assert here.ask(worker, "POST", f"{base}/accept", {}).status_code == 200
    assert here.ask(worker, "POST", f"{base}/members", {"members": [person]}).status_code < 300
    assert here.ask(worker, "POST", f"{base}/notes", {"text": "គាត់នៅរោងចក្រ"}).status_code < 300
    tried = {"channel": "call", "outcome": "no_answer", "note": "ម្ដាយ"}
    assert here.ask(worker, "POST", f"{base}/contact-attempts", tried).status_code < 300


def with_new_key(here: Installation) -> KeyRing:
    return change(here.application.settings.keys_file, lambda ring: ring.with_new_key(here.clock.now()))


def values(database: Database) -> dict[tuple[Place, str], bytes]:
    """Every sealed value by its place and the key that it says it was sealed with."""
    found = {}
    for table, columns in sealed_columns().items():
        with database.read() as connection:
            for row in connection.execute(select(table)).mappings():
                for sealed in columns:
                    value = row[sealed.column.name]
                    if value is not None:
                        found[sealed.place(dict(row)), key_of(value)] = value
    return found


def words(here: Installation, vault: Vault) -> dict[Place, bytes]:
    return {
        place: vault.open_bytes(value, place) for (place, _), value in values(here.office.database).items()
    }


def test_every_value_says_the_same_at_its_place_but_under_the_new_key(here: Installation) -> None:
    people_write(here)
    vault = here.office.vault
    before = words(here, vault)
    ring = with_new_key(here)
    result = Rotation(here.office.database, vault, batch=4).run()
    assert (result.left, result.broken) == (0, {})
    assert {key for _, key in values(here.office.database)} == {ring.current}
    # Also without the old key, and for a process that starts now.
    assert words(here, Vault(ring.without("k1"))) == before
    assert len({place.table for place in before}) >= 9
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None
    assert here.a_text(sender="+66810000001").case is not None


def test_rotating_again_changes_nothing(here: Installation) -> None:
    people_write(here, 1)
    with_new_key(here)
    Rotation(here.office.database, here.office.vault).run()
    before = values(here.office.database)
    assert Rotation(here.office.database, here.office.vault).run().resealed == 0
    assert values(here.office.database) == before


def test_rows_are_counted_by_the_key_that_they_need(here: Installation) -> None:
    people_write(here, 1)
    rows = rows_by_key(here.office.database, ["k1"])["k1"]
    ring = with_new_key(here)
    here.office.vault.look_again()
    here.a_worker(name="តារា")
    used = rows_by_key(here.office.database, tuple(ring.data))
    assert (used["k1"], used[ring.current], used[UNKNOWN]) == (rows, 1, 0)
    assert rows_by_key(here.office.database, ["k1"])[UNKNOWN] == 1


def bring_texts(here: Installation, brought: list[str]) -> None:
    """Texts come in by the real inbox, one after the other."""
    for number in range(MORE_TEXTS):
        text = arrival(sender=f"+6682{number:07d}", body=KHMER_UNPAID, carrier_id=str(uuid4()))
        here.application.inbox.keep(text).result(30)
        brought.append(str(text.carrier_id))
        time.sleep(0.01)


def test_texts_arrive_during_a_rotation_and_none_is_lost_or_left_under_the_old_key(
    here: Installation,
) -> None:
    people_write(here)
    # The rotation has a vault of its own, as it is another process than the door.
    file = KeyFile(here.application.settings.keys_file)
    mine = Vault(KeyRing.load(here.application.settings.keys_file), file.newer)
    brought: list[str] = []
    carrier = threading.Thread(target=bring_texts, args=(here, brought))
    carrier.start()
    ring = with_new_key(here)
    during = 0
    while carrier.is_alive():
        Rotation(here.office.database, mine, batch=5).run()
        during = len(brought)
    carrier.join()
    assert during > 1
    # What the door sealed before it looked at the ring again.
    assert Rotation(here.office.database, mine).run().left == 0
    with here.office.database.read() as connection:
        assert set(brought) <= set(connection.execute(select(inbox.c.carrier_id)).scalars())
    assert len(brought) == MORE_TEXTS
    here.receive()
    assert {key for _, key in values(here.office.database)} == {ring.current}
    words(here, Vault(ring.without("k1")))
    with here.office.database.read() as connection:
        assert set(brought) <= set(connection.execute(select(messages.c.carrier_id)).scalars())


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
import app.bootstrap
from app.crypto.keyring import KeyRing
from app.crypto.vault import Vault
from app.store.database import Database
from app.store.rotation import Rotation
batches = []
def passed(point):
    batches.append(point)
    if len(batches) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Rotation(Database(sys.argv[1]), Vault(KeyRing.load(Path(sys.argv[2]))), batch=2).run(passed=passed)
"""


def test_a_rotation_that_is_killed_goes_on_where_it_was(here: Installation) -> None:
    people_write(here)
    settings, vault = here.application.settings, here.office.vault
    before = words(here, vault)
    ring = with_new_key(here)
    total = Rotation(here.office.database, vault).left()
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, settings.database_url, str(settings.keys_file)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    left = Rotation(here.office.database, vault).left()
    assert 0 < left < total
    assert words(here, vault) == before
    assert Rotation(here.office.database, vault).run().resealed == left
    assert words(here, Vault(ring.without("k1"))) == before


class Overtaking(Database):
    """A database in which, before each of the first writings, somebody seals a text with the old key."""

    def __init__(self, url: str, old: Vault, place: Place) -> None:
        super().__init__(url)
        self._old, self._place = old, place
        self._times = 12

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self._times:
            self._times -= 1
            with super().write() as connection:
                said = self._old.seal("ថ្មី", self._place)
                connection.execute(update(messages).where(messages.c.id == self._place.row).values(body=said))
        with super().write() as connection:
            yield connection


def placed(sealed: SealedColumn, row: UUID) -> Place:
    """Where a value of this column is bound to in a row of this id."""
    return sealed.place({column.name: row for column in sealed.binding})


def a_message(here: Installation) -> Place:
    with here.office.database.read() as connection:
        found = connection.execute(select(messages.c.id).limit(1)).scalar_one()
    return Place("message", found, "body")


def test_a_value_that_changed_since_it_was_read_keeps_the_change(here: Installation) -> None:
    people_write(here, 1)
    place, vault = a_message(here), here.office.vault
    with_new_key(here)
    old = Vault(KeyRing.load(here.application.settings.keys_file).using("k1", here.clock.now()))
    database = Overtaking(here.application.settings.database_url, old, place)
    result = Rotation(database, vault).run()
    database.close()
    assert result.left == 0
    assert words(here, vault)[place].decode() == "ថ្មី"


def test_a_row_that_somebody_holds_is_passed_over_and_done_later(here: Installation) -> None:
    if here.office.database.is_sqlite:
        pytest.skip("on SQLite whoever writes is alone")
    people_write(here, 1)
    database = here.office.database
    with_new_key(here)
    with database.write() as connection:
        connection.execute(select(messages).with_for_update()).all()
        held = Rotation(database, here.office.vault).run()
    assert held.left == rows_by_key(database, ["k1"])["k1"] > 0
    assert Rotation(database, here.office.vault).run().left == 0


def test_a_value_that_does_not_open_is_named_and_left_as_it_is(here: Installation) -> None:
    people_write(here, 1)
    database, vault = here.office.database, here.office.vault
    moved = vault.seal("ពីកន្លែងផ្សេង", Place("message", new_id(here.clock.now()), "body"))
    with database.write() as connection:
        one = connection.execute(select(messages.c.id)).scalars().first()
        connection.execute(update(messages).where(messages.c.id == one).values(body=moved))
    with_new_key(here)
    result = Rotation(database, vault).run()
    assert (result.left, result.broken) == (1, {"message.body": 1})
    with database.read() as connection:
        assert connection.execute(select(messages.c.body).where(messages.c.id == one)).scalar_one() == moved


@given(
    st.sampled_from(SEALED),
    st.sampled_from(SEALED),
    st.tuples(st.uuids(), st.uuids()) | st.uuids().map(lambda one: (one, one)),
)
def test_a_sealed_value_opens_nowhere_but_in_its_own_table_row_and_field(
    here_sealed: SealedColumn, elsewhere: SealedColumn, rows: tuple[UUID, UUID]
) -> None:
    vault = Vault(RING)
    place, moved_to = placed(here_sealed, rows[0]), placed(elsewhere, rows[1])
    sealed = vault.seal("ផ្កាឈូក", place)
    if place == moved_to:
        assert vault.open(sealed, moved_to) == "ផ្កាឈូក"
    else:
        with pytest.raises(SealBroken):
            vault.open(sealed, moved_to)


RING = KeyRing.fresh(made_for="demo")


def test_no_two_sealed_columns_share_a_place() -> None:
    row = uuid4()
    bound = [placed(sealed, row).bound() for sealed in SEALED]
    assert len(bound) == len(set(bound)) > 10


def test_ciphertext_that_was_moved_inside_the_database_is_not_read_by_the_program(here: Installation) -> None:
    for sender in ("+66810000001", "+66810000002"):
        here.a_text(sender=sender)

    def bodies(table: Table) -> list[tuple[UUID, bytes]]:
        with here.office.database.read() as connection:
            return [(row.id, row.body) for row in connection.execute(select(table))]

    (first, sealed), (second, _) = bodies(messages)
    with here.office.database.write() as connection:
        connection.execute(update(messages).where(messages.c.id == second).values(body=sealed))
    opened = dict(bodies(messages))
    assert here.office.vault.open(opened[first], Place("message", first, "body")) == KHMER_UNPAID
    with pytest.raises(SealBroken):
        here.office.vault.open(opened[second], Place("message", second, "body"))


def test_a_place_may_be_named_otherwise_than_its_column_and_be_of_one_kind_only() -> None:
    own = MetaData()

    table = Table(
        "extra", own, Column("kind", String, primary_key=True), Column("doc", Uuid, primary_key=True),
        Column("fields", LargeBinary, info=sealed_field(row="doc", field="said", kind="kind").sa_column.info),
    )  # fmt: skip
    (column,) = sealed_columns(own)[table]
    row = uuid4()
    assert column.place({"kind": "note", "doc": row}) == Place("extra.note", row, "said")
    assert {c.name for c in column.binding} == {"kind", "doc"}
