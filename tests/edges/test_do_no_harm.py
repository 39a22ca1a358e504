"""Harm where rooms meet: stolen data (H11), lost devices (H12), who looked (H16), the stricter word (H25).

Every other requirement has a room of its own; `tests/house/test_harm.py` says where each is shown.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.audit.tables import entries
from app.cases.tables import persons
from app.crypto.keyring import KeyRing, change
from app.identity.rules import Role
from app.outbox.rules import Known, SafeContact, reconciled, text_refused_because
from app.store.rotation import Rotation
from tests.command_line import CommandLine
from tests.fakes import FakeClock
from tests.field_app import FieldApp, op
from tests.letting_go import NAME, NOTE, SECRETS, SENDER, SUMMARY, WORD, Office
from tests.makers import PASSWORD, Installation
from tests.safe_desk import SENDER as DESK_PHONE
from tests.safe_desk import Desk
from tests.searching import Search, everything_kept, spellings_of

BORN = "1991-05-17"
EVENING, MORNING = {"begins": "18:00", "ends": "21:00"}, {"begins": "07:00", "ends": "19:00"}


@pytest.fixture(name="office")
def _office(here: Installation) -> Office:
    return Office(here)


@pytest.fixture(name="desk")
def _desk(here: Installation) -> Desk:
    return Desk(here)


# H11: whoever steals the database -------------------------------------------------------------------------


def test_h11_a_stolen_database_tells_no_name_no_number_and_no_word_before_and_after_rotation(
    office: Office, spean: CommandLine
) -> None:
    here = office.here
    words = [*SECRETS, BORN, *spellings_of(SENDER)]
    assert Search(words).found_in(everything_kept(here.office.database)) == []
    change(here.application.settings.keys_file, lambda ring: ring.with_new_key(here.clock.now()))
    assert Rotation(here.office.database, here.office.vault).run().left == 0
    assert Search(words).found_in(everything_kept(here.office.database)) == []
    shown = office.ask("GET", "").json()
    assert (shown["summary"], shown["members"][0]["person"]["name"]) == (SUMMARY, NAME)
    assert shown["members"][0]["person"]["birth_date"] == BORN
    assert NOTE in office.ask("GET", "timeline").text
    # The phone is found by its keyed index as before: no second contact point for the same number.
    assert here.a_case(sender=SENDER) == office.case_id
    assert spean.run("keys", "list").status == 0


def test_h11_with_another_key_file_nothing_of_it_opens(
    office: Office, install: Callable[..., Installation], tmp_path: Any
) -> None:
    here = office.here
    strange = tmp_path / "strange.json"
    KeyRing.fresh(made_for="demo").save(strange)
    url = here.application.settings.database_url
    thief = install(database_url=url, keys_file=strange)
    answer = thief.ask(office.worker, "GET", f"/v1/cases/{office.case_id}")
    assert answer.status_code == 500
    assert not any(secret in answer.text for secret in SECRETS)


def test_h11_a_birthday_that_an_older_version_kept_open_is_sealed_and_reads_the_same(office: Office) -> None:
    here = office.here
    with here.office.database.write() as connection:
        born = update(persons).values(born=None, birth_date=date.fromisoformat(BORN))
        connection.execute(born.where(persons.c.birth_year == 1991))
    assert _birth_dates(office) == [BORN]
    office.retain(hours=1)
    with here.office.database.read() as connection:
        kept = connection.execute(select(persons.c.birth_date, persons.c.birth_year)).all()
    assert {tuple(row) for row in kept if row.birth_year} == {(None, 1991)}
    assert _birth_dates(office) == [BORN]


def _birth_dates(office: Office) -> list[str]:
    members = office.ask("GET", "").json()["members"]
    return [one["person"]["birth_date"] for one in members if one["person"]["birth_date"]]


# H12: a lost device ---------------------------------------------------------------------------------------


def test_h12_a_lost_device_is_turned_away_at_once_and_told_to_wipe_itself(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case()
    app = FieldApp(here, worker)
    app.pull()
    assert app.holds("case") == {str(case_id)}
    assert here.ask(lead, "DELETE", f"/v1/devices/{app.device}").status_code == 204
    for path in ("/v1/sync/pull", "/v1/rxdb/case/pull?cp=&limit=10", f"/v1/cases/{case_id}", "/v1/me"):
        answer = app.ask("GET", path)
        assert (answer.status_code, answer.json()["code"], answer.json()["wipe"]) == (
            401,
            "device-revoked",
            True,
        )


def test_h12_a_device_holds_the_open_cases_of_its_worker_and_drops_what_goes_elsewhere(
    here: Installation,
) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    mine = str(here.a_case())
    colleague = here.a_worker()
    app = FieldApp(here, worker)
    app.pull()
    assert app.holds("case") == {mine}
    given = {"owner_id": str(colleague.id), "reason": "ផ្ទេរ"}
    assert here.ask(lead, "POST", f"/v1/cases/{mine}/assign", given).status_code == 200
    gone = [change for change in app.pull() if change.get("gone")]
    assert ("case", mine) in {(one["kind"], one["id"]) for one in gone}
    assert not any(set(one) - {"kind", "id", "gone"} for one in gone)
    assert app.holds("case") == app.holds("member") == app.holds("message") == set()


def test_h12_a_device_that_stayed_away_too_long_is_locked_until_its_worker_signs_in(
    install: Callable[..., Installation],
) -> None:
    here = install(sync_offline_days=10)
    worker = here.a_worker()

    def sign_in() -> dict[str, Any]:
        form = {"grant_type": "password", "username": worker.username, "password": PASSWORD}
        answer = here.client.post("/v1/token", data=form | {"device_id": "phone-7"})
        told: dict[str, Any] = answer.json()
        return told

    def renewed(refresh: str) -> Any:
        return here.client.post("/v1/token", data={"grant_type": "refresh_token", "refresh_token": refresh})

    token = sign_in()
    told = here.client.post(
        "/v1/devices",
        json={"device": "phone-7"},
        headers={"Authorization": f"Bearer {token['access_token']}"},
    )
    assert told.json()["lock_after_days"] == 10
    here.clock.forward(days=9)
    again = renewed(told.json()["refresh"])
    assert again.status_code == 200
    here.clock.forward(days=10)
    assert renewed(again.json()["refresh_token"]).status_code == 401
    assert "access_token" in sign_in()


# H16: who looked ------------------------------------------------------------------------------------------


def test_h16_whatever_tells_who_somebody_is_is_an_entry_of_the_audit_chain(office: Office) -> None:
    here, looks = office.here, office.supervisor
    colleague = here.a_worker()
    walled = {"worker_id": str(colleague.id), "reason": NAME}
    assert office.ask("POST", "walls", walled, by=looks).status_code == 201
    assert office.ask("POST", "legal-hold", {"reason": NAME}, by=looks).status_code == 201
    clash = {"person.name": NOTE}
    app = FieldApp(here, office.worker)
    (member,) = (one["id"] for one in office.ask("GET", "").json()["members"])
    app.push(op("member", member, clash, was={"person.name": "somebody else"}))
    app.push(op("case", str(uuid4()), {"summary": NAME, "language": "no language"}, create=True))
    known = _ids_in(office)
    told, silent = [], []
    for path, operations in here.client.get("/openapi.json").json()["paths"].items():
        if "get" not in operations:
            continue
        for address in _addresses(path, known):
            before = _entries(here, looks.id)
            answer = here.ask(looks, "GET", address)
            if answer.status_code != 200 or not any(secret in answer.text for secret in SECRETS):
                continue
            told.append(path)
            if _entries(here, looks.id) == before:
                silent.append(path)
    assert silent == []
    # A door that is added later and tells a name, a number or words is looked at as well.
    of_case = ("", "/timeline", "/phones", "/walls", "/legal-hold", "/conflicts")
    assert {*(f"/v1/cases/{{case_id}}{what}" for what in of_case), "/v1/intake", "/v1/sync/refused"} <= set(
        told
    )


def test_h16_a_search_by_code_is_remembered_and_a_list_names_nobody(office: Office) -> None:
    here, supervisor = office.here, office.supervisor
    code = office.ask("GET", "", by=supervisor).json()["code"]
    before = _entries(here, supervisor.id)
    listed = here.ask(supervisor, "GET", "/v1/cases")
    assert not any(secret in listed.text for secret in SECRETS)
    assert _entries(here, supervisor.id) == before
    assert len(here.ask(supervisor, "GET", f"/v1/cases?code={code}").json()["items"]) == 1
    assert office.deeds("cases.searched") == [{"found": 1}]


def test_h16_one_touched_entry_and_the_check_ends_with_one(office: Office, spean: CommandLine) -> None:
    assert spean.run("audit", "verify").status == 0
    with office.here.office.database.write() as connection:
        number = connection.execute(select(func.min(entries.c.number))).scalar_one()
        connection.execute(update(entries).where(entries.c.number == number).values(actor="nobody"))
    assert spean.run("audit", "verify").status == 1


def _ids_in(office: Office) -> dict[str, list[str]]:
    here = office.here
    shown = office.ask("GET", "", by=office.supervisor).json()
    intake = here.ask(office.supervisor, "GET", "/v1/intake").json()["items"]
    members = [one["id"] for one in shown["members"]]
    return {
        "case_id": [str(office.case_id)], "member_id": members, "arrival_id": [one["id"] for one in intake],
        "worker_id": [str(office.worker.id)],
    }  # fmt: skip


def _addresses(path: str, known: dict[str, list[str]]) -> list[str]:
    """The path with every id that fits; none where there is no such id."""
    found = [path]
    for name in re.findall(r"{(\w+)}", path):
        found = [one.replace(f"{{{name}}}", each) for one in found for each in known.get(name, [])]
    return found


def _entries(here: Installation, worker_id: Any) -> int:
    with here.office.database.read() as connection:
        asked = select(func.count()).select_from(entries).where(entries.c.actor == str(worker_id))
        return int(connection.execute(asked).scalar_one())


# H25: of two who write at once, the stricter --------------------------------------------------------------


@pytest.mark.parametrize("order", ["no first", "yes first"])
def test_h25_of_two_devices_that_write_at_once_the_stricter_word_holds(desk: Desk, order: str) -> None:
    desk.put(may_text="yes", may_call="yes")
    seen = desk.phones()[0]["safety"]["version"]
    no = {"may_text": "no", "may_call": "no", "held_by_employer": "yes"}
    yes = {"may_text": "yes", "may_call": "yes", "language": "km"}
    for safety in (no, yes) if order == "no first" else (yes, no):
        assert desk.put(**safety, seen_version=seen).status_code == 200
    (phone,) = desk.phones()
    held = phone["safety"]
    assert (held["may_text"], held["may_call"], held["held_by_employer"]) == ("no", "no", "yes")
    assert held["language"] == "km"
    assert desk.write().json()["code"] == "unsafe_contact"
    assert DESK_PHONE not in desk.gone()


def test_h25_the_hours_of_both_bind_until_somebody_who_saw_them_writes_anew(desk: Desk) -> None:
    desk.put(may_text="yes")
    seen = desk.phones()[0]["safety"]["version"]
    desk.put(may_text="yes", hours=[EVENING], seen_version=seen)
    desk.put(may_text="yes", hours=[MORNING], seen_version=seen)
    held = desk.phones()[0]["safety"]
    assert len(held["also_within"]) == 1
    assert desk.write().json()["due_at"].startswith("2026-06-08T11:00:00")  # six in the evening in Bangkok
    desk.put(may_text="yes", hours=[MORNING], seen_version=held["version"])
    held = desk.phones()[0]["safety"]
    assert (held["also_within"], [one["begins"] for one in held["hours"]]) == ([], ["07:00"])


def test_h25_who_saw_the_newest_word_may_change_it_and_a_code_word_is_not_lost_to_who_did_not(
    desk: Desk,
) -> None:
    desk.put(may_text="no", code_word=WORD)
    seen = desk.phones()[0]["safety"]["version"]
    desk.put(may_text="yes", seen_version=seen - 1)
    held = desk.phones()[0]["safety"]
    assert (held["may_text"], held["code_word"]) == ("no", WORD)
    desk.put(may_text="yes", seen_version=held["version"])
    held = desk.phones()[0]["safety"]
    assert (held["may_text"], held["code_word"]) == ("yes", None)


def test_h25_a_warning_that_one_device_raised_is_taken_back_by_no_other(here: Installation) -> None:
    one, other = here.a_worker(), here.a_worker()
    case_id = str(here.a_case())
    lead = here.a_worker(Role.SUPERVISOR)
    member = here.ask(lead, "POST", f"/v1/cases/{case_id}/members", {"members": [{"name": NAME}]})
    member_id = member.json()["members"][0]["id"]
    owner = here.ask(lead, "GET", f"/v1/cases/{case_id}").json()["owner_id"]
    first, second = (FieldApp(here, one if str(one.id) == owner else other) for _ in range(2))
    for app in (first, second):
        app.pull()
    first.push(op("member", member_id, {"do_not_contact": True}, was={"do_not_contact": False}))
    second.push(
        op("member", member_id, {"do_not_contact": False, "in_danger": True}, was={"do_not_contact": False})
    )
    for app in (first, second):
        app.pull()
        assert app.one("member", member_id)["do_not_contact"] is True
        assert app.one("member", member_id)["in_danger"] is True


KNOWN = st.sampled_from(list(Known))
SAFETY = st.builds(
    SafeContact,
    may_text=KNOWN,
    may_call=KNOWN,
    may_leave_voicemail=KNOWN,
    shared=KNOWN,
    held_by_employer=KNOWN,
)


@given(SAFETY, SAFETY)
def test_h25_whatever_either_forbids_is_forbidden_in_any_order(one: SafeContact, other: SafeContact) -> None:
    now = FakeClock().now()
    assert reconciled(one, other) == reconciled(other, one)
    both = reconciled(one, other)
    assert reconciled(both, one) == both
    for told in (one, other):
        if text_refused_because(told, now) is not None:
            assert text_refused_because(both, now) is not None
