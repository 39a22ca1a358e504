"""An older backup is put back: every device learns of it at its next contact, and nothing is lost by it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster import Cluster
from tests.command_line import CommandLine
from tests.conftest import ENGINE
from tests.edges.test_backup import a_backup, pg_dump_version, restored_into
from tests.field_app import FieldApp, op, statuses
from tests.makers import Installation
from tests.rxdb_app import COLLECTIONS, RxdbApp

BEFORE, AFTER, LATER = "មុនបម្រុងទុក", "ក្រោយបម្រុងទុក", "ក្រោយដាក់មកវិញ"


@pytest.fixture(name="put_back")
def _put_back(
    request: pytest.FixtureRequest,
    install: Callable[..., Installation],
    new_database: Callable[[], str],
    spean: CommandLine,
    tmp_path: Path,
) -> Callable[[], Installation]:
    """Puts the backup `copy` into a fresh database, and goes on there."""
    if ENGINE == "postgresql":
        server: Cluster = request.getfixturevalue("cluster")
        if pg_dump_version() < int(server.version.partition(".")[0]):
            pytest.skip("no pg_dump of this server's version")

    def put_back() -> Installation:
        url = new_database()
        done = restored_into(spean, tmp_path / "copy", url, tmp_path / "elsewhere")
        assert done.status == 0, done.err
        return install(database_url=url)

    return put_back


def _opened(app: FieldApp) -> str:
    case_id = str(uuid4())
    assert statuses(app.push(op("case", case_id, {"summary": BEFORE}, create=True))) == ["applied"]
    app.pull()
    return case_id


def test_a_device_that_pushed_after_the_backup_and_never_pulled_gives_it_back(
    here: Installation, put_back: Callable[[], Installation], tmp_path: Path
) -> None:
    app = FieldApp(here, here.a_worker())
    case_id, note_id = _opened(app), str(uuid4())
    a_backup(here, tmp_path / "copy")
    note = op("note", note_id, {"case_id": case_id, "text": AFTER}, create=True)
    edit = op("case", case_id, {"summary": AFTER}, was={"summary": BEFORE})
    made, edited = app.push(note, edit)
    held = {"note": {note_id: made["rev"]}, "case": {case_id: edited["rev"]}}
    app.here = put_back()
    told = app.ask("GET", "/v1/sync/pull", params={"cursor": app.cursor})
    assert (told.status_code, told.json()["code"]) == (410, "cursor-gone")
    found = {kind: _reconciled(app, kind, revisions) for kind, revisions in held.items()}
    assert found["note"]["unknown"] == [note_id]
    assert found["case"]["behind"] == [case_id]
    again = op("case", case_id, {"summary": AFTER})
    assert statuses(app.push(note, again)) == ["applied", "applied"]
    app.cursor = None
    app.pull()
    assert app.one("note", note_id)["text"] == AFTER
    assert (app.one("case", case_id)["summary"], app.one("case", case_id)["conflict"]) == (AFTER, None)
    for kind in ("note", "case"):
        revisions = {doc_id: app.one(kind, doc_id)["rev"] for doc_id in app.holds(kind)}
        assert not any(_reconciled(app, kind, revisions).values())


def test_what_was_pushed_after_the_backup_may_just_be_pushed_again(
    here: Installation, put_back: Callable[[], Installation], tmp_path: Path
) -> None:
    app = FieldApp(here, here.a_worker())
    case_id = str(uuid4())
    rows = [op("case", case_id, {"summary": BEFORE}, create=True)]
    app.push(*rows)
    a_backup(here, tmp_path / "copy")
    rows += [
        op("note", str(uuid4()), {"case_id": case_id, "text": AFTER}, create=True),
        op("case", case_id, {"summary": AFTER}, was={"summary": BEFORE}),
        op("case", case_id, {"summary": LATER}, was={"summary": AFTER}),
    ]
    app.push(*rows[1:])
    app.here = put_back()
    assert statuses(app.push(*rows)) == ["duplicate", "applied", "applied", "applied"]
    app.cursor = None
    app.pull()
    assert (app.one("case", case_id)["summary"], app.one("case", case_id)["conflict"]) == (LATER, None)


def test_the_collections_of_an_rxdb_device_begin_again_once_each_and_give_back_what_was_lost(
    here: Installation, put_back: Callable[[], Installation], tmp_path: Path
) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id, note_id, member_id = str(uuid4()), str(uuid4()), str(uuid4())
    app["case"].write(case_id, summary=BEFORE)
    app["member"].write(member_id, case_id=case_id, person={"name": BEFORE})
    app.sync()
    app.sync()
    a_backup(here, tmp_path / "copy")
    app["case"].write(case_id, summary=AFTER)
    app["note"].write(note_id, case_id=case_id, text=AFTER)
    person = app["member"].fork[member_id]["person"]
    app["member"].write(member_id, person={**person, "name": AFTER})
    for name in ("case", "note", "member"):
        app[name].push()
    app.app.here = put_back()
    for _ in range(3):
        app.sync()
    assert {name: app[name].told_to_reconcile for name in COLLECTIONS} == dict.fromkeys(COLLECTIONS, 1)
    assert app["case"].alive()[case_id]["summary"] == AFTER
    assert app["case"].alive()[case_id]["conflict"] is None
    assert app["member"].alive()[member_id]["person"]["name"] == AFTER
    assert app["note"].alive()[note_id]["text"] == AFTER
    fresh = RxdbApp(FieldApp(app.app.here, app.app.worker))
    fresh.sync()
    assert {name: app[name].alive() for name in COLLECTIONS} == {
        name: fresh[name].alive() for name in COLLECTIONS
    }


def _reconciled(app: FieldApp, kind: str, revisions: dict[str, int]) -> dict[str, Any]:
    answer = app.ask("POST", "/v1/sync/reconcile", {"kind": kind, "ids": list(revisions.items())})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
