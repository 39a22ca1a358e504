"""RxDB's own replication over the same engine: full pages, master documents, and never an error for a row."""

from uuid import UUID, uuid4

import pytest

from app.identity.rules import Role
from tests.field_app import FieldApp
from tests.makers import Installation
from tests.rxdb_app import COLLECTIONS, RxdbApp


def test_two_devices_that_edit_offline_end_with_the_same_and_no_word_is_lost(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    case_id = str(here.a_case())
    with here.office.work(here.clock.now()) as uow:
        uow.cases.add_helpers([(UUID(case_id), lead.id, "supervisor")], here.clock.now())
    one, two = RxdbApp(FieldApp(here, worker)), RxdbApp(FieldApp(here, lead))
    one.sync()
    two.sync()
    one["case"].write(case_id, summary="វាលស្រែ", destination_country="TH")
    two["case"].write(case_id, summary="ការិយាល័យ")
    one["note"].write("11111111-1111-4111-8111-111111111111", case_id=case_id, text="ពីទីមួយ")
    two["note"].write("22222222-2222-4222-8222-222222222222", case_id=case_id, text="ពីទីពីរ")
    for app in (two, one, two, one):
        app.sync()
    assert one["case"].alive() == two["case"].alive()
    assert one["case"].alive()[case_id]["summary"] == "ការិយាល័យ"
    assert one["case"].alive()[case_id]["destination_country"] == "TH"
    assert one["note"].alive() == two["note"].alive()
    assert {doc["text"] for doc in one["note"].alive().values()} == {"ពីទីមួយ", "ពីទីពីរ", "វាលស្រែ"}
    assert [doc["code"] for doc in one["sync_issue"].alive().values()] == ["sync.conflict"]
    assert two["sync_issue"].alive() == {}


def test_pages_are_full_unless_they_are_the_last(here: Installation) -> None:
    worker = here.a_worker()
    for number in range(5):
        here.a_case(sender=f"+6681234567{number}")
    app = FieldApp(here, worker)
    sizes, cursor = [], ""
    for _ in range(4):
        page = app.ask("GET", "/v1/rxdb/case/pull", params={"cp": cursor, "limit": 2}).json()
        sizes.append(len(page["documents"]))
        cursor = page["checkpoint"]["c"]
    assert sizes == [2, 2, 1, 0]


def test_a_row_that_is_refused_is_answered_with_what_stands_here_and_stops_nothing(
    here: Installation,
) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id = str(here.a_case())
    app.sync()
    good, bad = str(uuid4()), str(uuid4())
    app["note"].write(good, case_id=case_id, text="ល្អ")
    app["note"].write(bad, case_id="not an id", text="អាក្រក់")
    kept, refused = app["note"].push()
    assert (kept["id"], kept["rev"], kept["_deleted"]) == (good, 1, False)
    assert refused == {"id": bad, "_deleted": True}
    app["case"].write(case_id, urgency="U9")
    (master,) = app["case"].push()
    assert (master["id"], master["urgency"]) == (case_id, "U3")
    app.sync()
    assert set(app["note"].alive()) == {good}
    assert len(app["sync_issue"].alive()) == 2


def test_a_pull_that_overtakes_the_answer_to_a_push_leaves_nothing_behind(here: Installation) -> None:
    worker = here.a_worker()
    app = RxdbApp(FieldApp(here, worker))
    case_id, note_id = str(here.a_case()), str(uuid4())
    app.sync()
    here.ask(worker, "PATCH", f"/v1/cases/{case_id}", {"destination_country": "MY"})
    app["case"].write(case_id, summary="ផ្លូវដែក")
    app["note"].write(note_id, case_id=case_id, text="ផ្លូវដែក")
    rows = {name: app[name].rows() for name in ("case", "note")}
    for name, pushed in rows.items():
        # The push is done here, its answer is on the way; what is pulled meanwhile is passed over.
        assert app.app.ask("POST", f"/v1/rxdb/{name}/push", pushed).status_code == 200
        pulled = app.app.ask("GET", f"/v1/rxdb/{name}/pull", params={"cp": app[name].checkpoint}).json()
        app[name].checkpoint = pulled["checkpoint"]["c"]
        assert len(pulled["documents"]) == 1
        app[name].push()
        app[name].pull()
        fresh = RxdbApp(FieldApp(here, worker))
        fresh.sync()
        assert app[name].alive() == fresh[name].alive()


def test_what_rxdb_sends_back_after_a_correction_changes_nothing(here: Installation) -> None:
    device = FieldApp(here, here.a_worker())
    app = RxdbApp(device)
    case_id, bad = str(here.a_case()), str(uuid4())
    app.sync()
    app["case"].write(case_id, summary="ស្ពាន")
    app["note"].write(bad, case_id="not an id", text="អាក្រក់")
    masters = {name: app[name].push() for name in ("case", "note")}
    app.sync()
    before = {name: dict(app[name].fork) for name in COLLECTIONS}
    for name, corrected in masters.items():
        echo = [{"newDocumentState": doc, "assumedMasterState": doc} for doc in corrected]
        assert device.ask("POST", f"/v1/rxdb/{name}/push", echo).json() == []
    app.sync()
    assert {name: dict(app[name].fork) for name in COLLECTIONS} == before


def test_a_device_cannot_delete_and_is_given_back_what_it_threw_away(here: Installation) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id = str(here.a_case())
    app.sync()
    app["case"].write(case_id, _deleted=True)
    (master,) = app["case"].push()
    assert (master["id"], master["_deleted"]) == (case_id, False)
    assert case_id in app["case"].alive()


def test_what_was_thrown_away_unseen_or_read_and_thrown_away_stays_away(here: Installation) -> None:
    worker = here.a_worker()
    app, other = RxdbApp(FieldApp(here, worker)), RxdbApp(FieldApp(here, worker))
    draft = str(uuid4())
    app["note"].write(draft, text="ព្រាង", _deleted=True)
    assert app["note"].push() == [{"id": draft, "_deleted": True}]  # the words leave RxDB's own books too
    app["message"].write(str(uuid4()), text="ខ្ញុំ")
    app.sync()
    other.sync()
    (issue,) = app["sync_issue"].alive()
    app["sync_issue"].write(issue, _deleted=True)
    for device in (app, other, app):
        device.sync()
        assert device["sync_issue"].alive() == {}


def test_who_lost_the_case_ends_with_nothing_of_it(here: Installation) -> None:
    loser, gainer, lead = here.a_worker(), here.a_worker(), here.a_worker(Role.SUPERVISOR)
    app = RxdbApp(FieldApp(here, loser))
    opened = here.ask(loser, "POST", "/v1/cases", {"summary": "ឈ្មោះ"}).json()["id"]
    app.sync()
    app["note"].write(str(uuid4()), case_id=opened, text="ក្រៅបណ្ដាញ")
    app["case"].write(opened, summary="ក្រៅបណ្ដាញ")
    here.ask(lead, "POST", f"/v1/cases/{opened}/assign", {"owner_id": str(gainer.id), "reason": "ជិត"})
    app.sync()
    app.sync()
    assert [name for name in COLLECTIONS if app[name].alive()] == ["reference"]
    held = [doc for name in COLLECTIONS[:-2] for doc in app[name].fork.values()]
    assert held == [{"id": doc["id"], "_deleted": True} for doc in held]


def test_rows_that_come_twice_or_late_change_nothing(here: Installation) -> None:
    worker = here.a_worker()
    device = FieldApp(here, worker)
    app = RxdbApp(device)
    case_id = str(here.a_case())
    app.sync()
    app["case"].write(case_id, summary="ទីមួយ")
    first = app["case"].rows()
    app.sync()
    app["case"].write(case_id, summary="ទីពីរ")
    app.sync()
    for _ in range(3):
        answer = device.ask("POST", "/v1/rxdb/case/push", first)
        assert [doc["summary"] for doc in answer.json()] == ["ទីពីរ"]
    app.sync()
    assert app["case"].alive()[case_id]["summary"] == "ទីពីរ"


@pytest.mark.parametrize("rows", [[], ["x"], [{"newDocumentState": 7}], [{"newDocumentState": {"id": 1}}]])
def test_rows_that_nobody_can_read_are_kept_and_answered_with_nothing(
    here: Installation, rows: list[object]
) -> None:
    app = FieldApp(here, here.a_worker())
    answer = app.ask("POST", "/v1/rxdb/note/push", rows)
    assert (answer.status_code, answer.json()) == (200, [])
    app.pull()
    assert len(app.holds("sync_issue")) == len(rows)


def test_an_unknown_collection_is_not_found(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    assert app.ask("GET", "/v1/rxdb/dreams/pull").status_code == 422


def test_who_corrects_themselves_before_the_answer_came_has_the_last_word_and_no_conflict(
    here: Installation,
) -> None:
    app = RxdbApp(FieldApp(here, here.a_worker()))
    case_id, member_id = str(here.a_case()), str(uuid4())
    app.sync()
    edits: dict[str, list[dict[str, object]]] = {
        "case": [{"summary": word} for word in ("ទីមួយ", "ទីពីរ", "ទីបី")],
        "member": [
            {"case_id": case_id, "person": {"name": word, "phone": "012 345 67" + number}}
            for word, number in (("ទីមួយ", "1"), ("ទីពីរ", "2"), ("ទីបី", "3"))
        ],
    }
    for name, words in edits.items():
        for fields in words:
            here.clock.forward(seconds=1)
            app[name].write(case_id if name == "case" else member_id, **fields)
            # The push is done here; the answer comes when the next edit has been made already.
            pushed = app.app.ask("POST", f"/v1/rxdb/{name}/push", app[name].rows())
            assert pushed.status_code == 200
    app.sync()
    assert app["case"].alive()[case_id]["summary"] == "ទីបី"
    person = app["member"].alive()[member_id]["person"]
    assert (person["name"], person["phone"]) == ("ទីបី", "+85512345673")
    assert app["case"].alive()[case_id]["conflict"] is None
    assert app["sync_issue"].alive() == {}
    items = here.ask(app.app.worker, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
    overwritten = [item["overwritten"] for item in items if item.get("overwritten")]
    assert [one.get("summary") or one.get("person.name") for one in overwritten] == ["ទីមួយ", "ទីពីរ"] * 2


def test_what_another_device_wrote_meanwhile_clashes_even_after_words_of_ones_own(here: Installation) -> None:
    worker = here.a_worker()
    one, two = RxdbApp(FieldApp(here, worker)), RxdbApp(FieldApp(here, worker))
    case_id = str(here.a_case())
    one.sync()
    first = _edited(one, case_id, "ទីមួយ")
    assert one.app.ask("POST", "/v1/rxdb/case/push", first).status_code == 200
    two.sync()
    here.clock.forward(seconds=1)
    two["case"].write(case_id, summary="ពីទូរស័ព្ទផ្សេង")
    two["case"].push()
    here.clock.forward(seconds=1)
    _edited(one, case_id, "ទីពីរ")
    one["case"].push()
    one.sync()
    assert one["case"].alive()[case_id]["summary"] == "ពីទូរស័ព្ទផ្សេង"
    assert "ទីពីរ" in {doc["text"] for doc in one["note"].alive().values()}


def _edited(app: RxdbApp, case_id: str, summary: str) -> list[dict[str, object]]:
    app["case"].write(case_id, summary=summary)
    return app["case"].rows()
