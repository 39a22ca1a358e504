"""Rows whose case never came find a place, and old repeats are forgotten word for word."""

from uuid import UUID, uuid4

from sqlalchemy import func, select

from app.identity.rules import Role
from app.sync.tables import held, ops
from app.sync.upkeep import Upkeep
from tests.field_app import FieldApp, op, statuses
from tests.makers import TONLE, Installation


def _upkeep(here: Installation) -> None:
    Upkeep(here.office).step(here.clock.now())


def _count(here: Installation, table: object) -> int:
    with here.office.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]  # any table


def test_a_note_whose_case_never_comes_is_put_before_its_organisation(here: Installation) -> None:
    worker, lead = here.a_worker(organisation=TONLE), here.a_worker(Role.SUPERVISOR, TONLE)
    app = FieldApp(here, worker)
    note_id = str(uuid4())
    note = op("note", note_id, {"case_id": str(uuid4()), "text": "កំព្រា"}, create=True)
    assert statuses(app.push(note)) == ["held"]
    here.clock.forward(days=4)
    _upkeep(here)
    assert _count(here, held) == 1
    here.clock.forward(days=2)
    _upkeep(here)
    assert _count(here, held) == 0
    cases = here.ask(lead, "GET", "/v1/cases").json()["items"]
    assert [case["origin_channel"] for case in cases] == ["sync"]
    items = here.ask(lead, "GET", f"/v1/cases/{cases[0]['id']}/timeline").json()["items"]
    assert [item["text"] for item in items if item["kind"] == "note.added"] == ["កំព្រា"]
    app.pull()
    assert [app.one("sync_issue", one)["code"] for one in app.holds("sync_issue")] == ["sync.filed"]
    assert app.push(note)[0]["first"] == "applied"


def test_a_case_that_comes_by_another_way_releases_what_waits_for_it(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    case_id, note_id = str(uuid4()), str(uuid4())
    app.push(op("note", note_id, {"case_id": case_id, "text": "មុន"}, create=True))
    here.ask(worker, "POST", "/v1/cases", {"id": case_id, "summary": "តាមកុំព្យូទ័រ"})
    _upkeep(here)
    app.pull()
    assert app.one("note", note_id)["text"] == "មុន"
    assert here.kinds(UUID(case_id)).count("note.added") == 1


def test_what_was_done_long_ago_is_no_longer_kept_word_for_word(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    app.push(op("case", str(uuid4()), {"summary": "ចាស់"}, create=True))
    here.clock.forward(days=89)
    _upkeep(here)
    assert _count(here, ops) == 1
    here.clock.forward(days=2)
    _upkeep(here)
    assert _count(here, ops) == 0
