"""Devices: known by their id, told to wipe themselves once they are lost, and honest about their past."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from app.identity.rules import Role
from tests.conftest import ENGINE
from tests.field_app import FieldApp, op, statuses
from tests.makers import LOTUS, PASSWORD, Installation


def _sign_in(here: Installation, username: str, device: str) -> dict[str, str]:
    form = {"grant_type": "password", "username": username, "password": PASSWORD, "device_id": device,
            "device_name": "ទូរស័ព្ទ"}  # fmt: skip
    answer: dict[str, str] = here.client.post("/v1/token", data=form).json()
    return answer


def _listed(here: Installation, token: str) -> dict[str, bool]:
    items = here.client.get("/v1/devices", headers={"Authorization": f"Bearer {token}"}).json()["items"]
    return {item["device"]: item["revoked_at"] is not None for item in items}


def test_signing_in_on_a_device_makes_it_known(here: Installation) -> None:
    worker = here.a_worker()
    pair = _sign_in(here, worker.username, "phone-7")
    assert _listed(here, pair["access_token"]) == {"phone-7": False}


def test_a_lost_device_is_told_to_wipe_itself_and_its_tokens_die_at_once(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.DUTY_LEAD)
    pair = _sign_in(here, worker.username, "phone-7")
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert here.client.get("/v1/sync/pull", headers=bearer).status_code == 200
    assert here.ask(lead, "DELETE", "/v1/devices/phone-7").status_code == 204
    assert here.ask(lead, "DELETE", "/v1/devices/phone-7").status_code == 204
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    for answer in (
        here.client.get("/v1/sync/pull", headers=bearer),
        here.client.get("/v1/rxdb/case/pull", headers=bearer),
        here.client.get("/v1/me", headers=bearer),
        here.client.post("/v1/token", data=refresh),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["wipe"]) == (401, "device-revoked", True)
    again = _sign_in(here, worker.username, "phone-7")
    assert again["code"] == "device-revoked"
    other = _sign_in(here, worker.username, "phone-8")
    assert _listed(here, other["access_token"]) == {"phone-7": True, "phone-8": False}


def test_nobody_revokes_the_device_of_somebody_who_is_not_theirs_to_speak_for(here: Installation) -> None:
    worker, colleague = here.a_worker(), here.a_worker()
    foreign, admin = here.a_worker(Role.SUPERVISOR, LOTUS), here.a_worker(Role.ADMIN)
    app = FieldApp(here, worker)
    for stranger in (colleague, foreign):
        assert here.ask(stranger, "DELETE", f"/v1/devices/{app.device}").status_code == 404
    app.pull()
    assert here.ask(admin, "DELETE", f"/v1/devices/{app.device}").status_code == 204
    assert app.ask("GET", "/v1/sync/pull").json()["code"] == "device-revoked"


def test_a_device_without_an_id_is_given_one_with_tokens_of_its_own(here: Installation) -> None:
    worker = here.a_worker()
    answer = here.ask(worker, "POST", "/v1/devices", {"name": "ទូរស័ព្ទ"}).json()
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    assert here.client.get("/v1/sync/pull", headers=bearer).status_code == 200
    refreshed = here.client.post(
        "/v1/token", data={"grant_type": "refresh_token", "refresh_token": answer["refresh"]}
    )
    assert refreshed.status_code == 200
    assert here.ask(worker, "DELETE", f"/v1/devices/{answer['device']}").status_code == 204


def test_reconciling_names_what_each_side_lacks_and_the_next_pull_heals_it(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    kept, lost, changed = (here.a_case(sender=f"+6681234567{n}") for n in range(3))
    app.pull()
    held = {doc_id: app.one("case", doc_id)["rev"] for doc_id in app.holds("case")}
    dreamt = str(uuid4())
    del app.docs["case", str(lost)]
    ids = [[str(kept), held[str(kept)]], [str(changed), held[str(changed)] + 7], [dreamt, 1]]
    found = app.ask("POST", "/v1/sync/reconcile", {"kind": "case", "ids": ids}).json()
    assert found == {
        "missing": [str(lost)], "stale": [str(changed)], "gone": [], "unknown": [dreamt],
        "behind": [str(changed)],
    }  # fmt: skip
    app.pull()
    assert app.holds("case") == {str(kept), str(lost), str(changed)}


def test_a_document_of_others_is_as_unknown_as_one_that_nobody_has(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    other = here.a_worker(organisation=LOTUS)
    hidden = here.ask(other, "POST", "/v1/cases", {"summary": "សម្ងាត់"}).json()["id"]
    ids = [[hidden, 1]]
    found = app.ask("POST", "/v1/sync/reconcile", {"kind": "case", "ids": ids}).json()
    assert (found["unknown"], found["gone"]) == ([hidden], [])


def test_the_digest_is_the_same_on_both_sides_until_something_is_lost(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    here.a_case()
    app.pull()

    def own(kind: str) -> str:
        folded = 0
        for doc_id in app.holds(kind):
            text = f"{doc_id}:{app.one(kind, doc_id)['rev']}".encode()
            folded ^= int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        return f"{folded:016x}"

    kinds = app.ask("GET", "/v1/sync/digest").json()["kinds"]
    assert {kind: one["xor"] for kind, one in kinds.items()} == {kind: own(kind) for kind in kinds}
    assert kinds["message"]["count"] == 2
    here.a_case(sender="+66819999999")
    assert app.ask("GET", "/v1/sync/digest").json()["kinds"]["case"]["xor"] != own("case")


def test_the_stream_says_pull_and_nothing_else(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    answer = app.ask("GET", "/v1/sync/hint")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "event: pull\ndata: pull\n\n"


@pytest.mark.skipif(ENGINE != "sqlite", reason="a backup of one file is the simplest there is")
@pytest.mark.parametrize("busy", [0, 3], ids=["at once", "after others have worked on"])
def test_a_device_notices_that_an_older_backup_was_restored_and_gives_back_what_was_lost(
    here: Installation, install: Callable[..., Installation], tmp_path: Path, busy: int
) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    early = here.a_case()
    app.pull()
    backup = tmp_path / "backup.db"
    with here.office.database.write() as connection:
        connection.exec_driver_sql("SELECT 1")
    file = Path(str(here.office.database.url.database))
    with here.office.database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(file, backup)
    note_id = str(uuid4())
    note = op("note", note_id, {"case_id": str(early), "text": "ក្រោយបម្រុងទុក"}, create=True)
    app.push(note)
    app.pull()
    restored = install(database_url=f"sqlite:///{backup}")
    app.here = restored
    for number in range(busy):  # so that the feed overtakes what the device has seen
        path = f"/v1/cases/{early}/notes"
        restored.ask(worker, "POST", path, {"text": f"ថ្មី {number}"})
    answer = app.ask("GET", "/v1/sync/pull", params={"cursor": app.cursor})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor-gone")
    for collection in ("note", "case"):
        told = app.ask("GET", f"/v1/rxdb/{collection}/pull", params={"cp": app.cursor})
        assert (told.status_code, told.json()["reconcile"]) == (200, True)
    ids = [[doc_id, app.one("note", doc_id)["rev"]] for doc_id in app.holds("note")]
    found = app.ask("POST", "/v1/sync/reconcile", {"kind": "note", "ids": ids}).json()
    assert found["unknown"] == [note_id]
    assert statuses(app.push(note)) == ["applied"]
    app.docs.clear()
    app.cursor = None
    app.pull()
    assert app.one("note", note_id)["text"] == "ក្រោយបម្រុងទុក"
    assert len(app.holds("note")) == 1 + busy
