"""Anchors outside the database tell what the chain alone cannot: that an older one was put in its place."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from app.audit.rules import Anchor, Break, Deed, end_of_chain
from app.audit.service import AnchorFile, Verdict, anchor_end, verify
from app.audit.store import AuditStore
from app.audit.tables import entries, head
from app.workers.steps import Hourly
from tests.makers import Installation


def do(here: Installation, *actions: str) -> None:
    now = here.clock.now()
    with here.office.work(now) as uow:
        for action in actions:
            uow.audit.record(Deed(action, "somebody"))


def note(here: Installation) -> bool:
    with here.office.look() as uow:
        return anchor_end(uow.audit, here.application.anchors, here.clock.now())


def found(here: Installation, *, only_new: bool = False) -> Verdict:
    with here.office.database.snapshot() as connection:
        chain = AuditStore(connection, here.office.vault)
        return verify(chain, here.application.anchors, only_new=only_new)


@pytest.fixture(name="chain")
def _chain(here: Installation) -> Installation:
    do(here, "a.one", "a.two", "a.three")
    return here


def cut_back(here: Installation, to: int) -> None:
    """As somebody does who has the keys too: the end is cut off and everything made to fit."""
    with here.office.database.write() as connection:
        connection.execute(delete(entries).where(entries.c.number > to))
        code = bytes(connection.execute(entries.select().where(entries.c.number == to)).one().code)
        bound = code + here.office.vault.chain(end_of_chain(to, code))
        connection.execute(update(head).values(number=to, code=bound))


def test_a_chain_that_nobody_touched_fits_its_anchors(chain: Installation) -> None:
    assert note(chain)
    do(chain, "a.four")
    assert note(chain)
    assert found(chain) == Verdict(4, None, 1, 0)


def test_the_same_end_is_noted_once(chain: Installation) -> None:
    assert (note(chain), note(chain)) == (True, False)


def test_a_chain_without_an_entry_has_no_end_to_note(here: Installation) -> None:
    assert not note(here)


def test_an_older_database_put_in_place_is_a_cut(chain: Installation) -> None:
    note(chain)
    cut_back(chain, 2)
    assert found(chain).broken == Break(3, "cut")


def test_entries_written_anew_after_that_are_named(chain: Installation) -> None:
    note(chain)
    cut_back(chain, 2)
    do(chain, "b.three", "b.four")
    assert found(chain).broken == Break(3, "replaced")


def test_without_anchors_nobody_could_tell(chain: Installation) -> None:
    cut_back(chain, 2)
    assert found(chain).ok


def test_only_what_is_new_is_looked_at_after_a_check_that_held(chain: Installation) -> None:
    with chain.office.look() as uow:
        end = uow.audit.end()
    assert end is not None
    chain.application.anchors.add(Anchor(*end, checked=True), chain.clock.now())
    do(chain, "a.four", "a.five")
    with chain.office.database.write() as connection:
        connection.execute(update(entries).where(entries.c.number == 1).values(actor="another"))
    assert found(chain, only_new=True) == Verdict(5, None, 3, 0)
    assert found(chain).broken == Break(1, "edited")
    with chain.office.database.write() as connection:
        connection.execute(update(entries).where(entries.c.number == 4).values(actor="another"))
    assert found(chain, only_new=True).broken == Break(4, "edited")


def test_an_entry_that_a_check_stood_on_is_looked_at_again(chain: Installation) -> None:
    with chain.office.look() as uow:
        end = uow.audit.end()
    assert end is not None
    chain.application.anchors.add(Anchor(*end, checked=True), chain.clock.now())
    cut_back(chain, 2)
    do(chain, "b.three")
    assert found(chain, only_new=True).broken == Break(3, "replaced")


def test_nobody_without_the_keys_can_write_an_anchor(
    chain: Installation, install: Callable[..., Installation], tmp_path: Path
) -> None:
    note(chain)
    file = chain.application.settings.anchors_file
    file.write_text(file.read_text("utf-8") + "9 00 checked 2026-06-08T03:00:00Z 00\nrubbish\n", "utf-8")
    verdict = found(chain)
    assert (verdict.broken, verdict.strange_lines, verdict.ok) == (None, 2, False)
    elsewhere = shutil.copy(file, tmp_path / "copy")
    other = install(keys_file=tmp_path / "other-keys.json")
    assert AnchorFile(Path(elsewhere), other.office.vault).read() == ([], 3)


def test_the_file_is_its_owners_alone(chain: Installation) -> None:
    note(chain)
    assert chain.application.settings.anchors_file.stat().st_mode & 0o777 == 0o600


def test_the_worker_notes_it_every_hour(chain: Installation) -> None:
    noted: list[bool] = []
    hourly = Hourly(lambda _now: noted.append(note(chain)))
    for _ in range(3):
        assert not hourly.step(chain.clock.now())
    assert noted == [True]
    do(chain, "a.four")
    chain.clock.forward(minutes=61)
    hourly.step(chain.clock.now())
    assert noted == [True, True]
