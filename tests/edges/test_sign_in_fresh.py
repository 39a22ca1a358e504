"""Where one is signed in, ending it, and what asks for a password given lately."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity.rules import Role
from app.usecases.signing_in import new_pair
from tests.fakes import FakeCarrier
from tests.makers import LOTUS, Installation
from tests.signing import ask, deeds, renew, sign_in

EXPORT = "/v1/exports/cases.csv"


def _listed(here: Installation, token: str, path: str = "/v1/me/sign-ins") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ask(here, token, "GET", path).json()["items"]
    return items


def test_an_export_asks_for_a_password_of_the_last_ten_minutes(here: Installation) -> None:
    here.a_worker(Role.SUPERVISOR, username="lead")
    pair = sign_in(here, "lead").json()
    assert ask(here, pair["access_token"], "GET", EXPORT).status_code == 200
    here.clock.forward(minutes=10)
    stale = ask(here, pair["access_token"], "GET", EXPORT)
    assert (stale.status_code, stale.json()["code"]) == (401, "fresh_sign_in_needed")
    assert "insufficient_user_authentication" in stale.headers["www-authenticate"]
    assert ask(here, pair["access_token"], "GET", "/v1/cases").status_code == 200
    renewed = renew(here, pair["refresh_token"]).json()["access_token"]
    assert ask(here, renewed, "GET", EXPORT).status_code == 401  # renewing is no password
    again = sign_in(here, "lead").json()["access_token"]
    assert ask(here, again, "GET", EXPORT).status_code == 200


FRESH = [
    ("GET", EXPORT, None),
    ("POST", "/v1/me/totp", None),
    ("POST", "/v1/me/totp/confirm", {"code": "492039"}),
    ("DELETE", "/v1/me/totp", None),
    ("PUT", "/v1/me/duress", {"password": "blue mango tree"}),
    ("POST", "/v1/workers/{worker}/reset", None),
    ("PUT", "/v1/workers/{worker}/training", {"trained_for_children": True}),
    ("POST", "/v1/cases/{case}/erasure", {"all": True, "reason": "ក", "requested_by": "person"}),
]


@pytest.mark.parametrize(("method", "path", "body"), FRESH)
def test_secrets_resets_what_others_may_see_and_erasing_ask_for_it_too(
    here: Installation, method: str, path: str, body: Any
) -> None:
    here.a_worker(Role.SUPERVISOR, username="lead")
    where = path.format(worker=here.a_worker().id, case=here.a_case())
    token = sign_in(here, "lead").json()["access_token"]
    here.clock.forward(minutes=10)
    stale = ask(here, token, method, where, body)
    assert (stale.status_code, stale.json()["code"]) == (401, "fresh_sign_in_needed")
    fresh = sign_in(here, "lead").json()["access_token"]
    assert ask(here, fresh, method, where, body).status_code not in {401, 403, 404}


def test_what_stops_harm_asks_for_no_password(here: Installation) -> None:
    here.a_worker(Role.SUPERVISOR, username="lead")
    colleague, case_id = here.a_worker(), here.a_case()
    sign_in(here, colleague.username, device_id="phone-7")
    token = sign_in(here, "lead").json()["access_token"]
    here.clock.forward(minutes=20)
    assert ask(here, token, "POST", f"/v1/cases/{case_id}/legal-hold", {"reason": "ក"}).status_code == 201
    against = {"worker_id": str(colleague.id), "reason": "ជាសាច់ញាតិ"}
    assert ask(here, token, "POST", f"/v1/cases/{case_id}/walls", against).status_code == 201
    assert ask(here, token, "DELETE", "/v1/devices/phone-7").status_code == 204


def test_a_caseworker_is_told_that_they_may_not_rather_than_to_sign_in_again(here: Installation) -> None:
    here.a_worker(username="dara")
    token = sign_in(here, "dara").json()["access_token"]
    here.clock.forward(minutes=20)
    assert ask(here, token, "GET", EXPORT).json()["code"] == "not_allowed"


def test_tokens_made_without_a_password_are_never_fresh(here: Installation) -> None:
    lead = here.a_worker(Role.SUPERVISOR)
    now = here.clock.now()
    with here.office.work(now) as uow:
        pair = new_pair(uow, lead.id, "phone-7", minutes=30, now=now)
    assert ask(here, pair.access, "GET", EXPORT).json()["code"] == "fresh_sign_in_needed"


def test_a_worker_sees_where_they_are_signed_in_and_ends_one(here: Installation) -> None:
    here.a_worker(username="dara")
    phone = sign_in(here, "dara", device_id="phone-7", device_name="ទូរស័ព្ទ").json()
    here.clock.forward(minutes=5)
    desk = sign_in(here, "dara", device_id="desk").json()
    here.clock.forward(minutes=5)
    phone = renew(here, phone["refresh_token"]).json()
    first, second = _listed(here, desk["access_token"])
    assert (first["device_id"], first["device_name"], first["current"]) == ("phone-7", "ទូរស័ព្ទ", False)
    assert (second["device_id"], second["device_name"], second["current"]) == ("desk", None, True)
    assert first["began_at"] < second["began_at"] < first["seen_at"]
    gone = f"/v1/me/sign-ins/{first['id']}"
    assert ask(here, desk["access_token"], "DELETE", gone).status_code == 204
    assert ask(here, desk["access_token"], "DELETE", gone).status_code == 404
    assert ask(here, phone["access_token"], "GET", "/v1/me").status_code == 401
    assert renew(here, phone["refresh_token"]).status_code == 401
    assert [one["device_id"] for one in _listed(here, desk["access_token"])] == ["desk"]
    assert "sign_in.ended" in dict(deeds(here))


def test_a_device_name_does_not_lie_open_in_the_database(here: Installation) -> None:
    here.a_worker(username="dara")
    sign_in(here, "dara", device_id="phone-7", device_name="phone of Dara")
    with here.office.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM device").all()
    assert "phone of Dara" not in repr([tuple(row) for row in rows])
    assert b"phone of Dara" not in b"".join(bytes(v) for r in rows for v in r if isinstance(v, bytes))


def test_a_supervisor_ends_sign_ins_of_their_own_people_only(here: Installation) -> None:
    ours, theirs = here.a_worker(username="dara"), here.a_worker(username="sokha", organisation=LOTUS)
    lead, coordinator = here.a_worker(Role.SUPERVISOR), here.a_worker(Role.COORDINATOR)
    colleague = here.a_worker()
    admin = here.a_worker(Role.ADMIN)
    pair = sign_in(here, "dara", device_id="phone-7").json()
    sign_in(here, "sokha")
    path = f"/v1/workers/{ours.id}/sign-ins"
    (listed,) = here.ask(lead, "GET", path).json()["items"]
    assert (listed["device_id"], listed["current"]) == ("phone-7", False)
    assert here.ask(lead, "GET", f"/v1/workers/{theirs.id}/sign-ins").status_code == 404
    assert here.ask(lead, "GET", f"/v1/workers/{uuid4()}/sign-ins").status_code == 404
    assert here.ask(colleague, "GET", path).status_code == 403
    assert here.ask(coordinator, "GET", path).status_code == 200
    assert here.ask(coordinator, "GET", f"/v1/workers/{admin.id}/sign-ins").status_code == 404
    assert here.ask(colleague, "DELETE", f"/v1/me/sign-ins/{listed['id']}").status_code == 404
    assert here.ask(lead, "DELETE", f"{path}/{listed['id']}").status_code == 204
    assert renew(here, pair["refresh_token"]).status_code == 401


def test_a_token_that_comes_twice_ends_its_sign_in_and_tells_worker_and_supervisor_once(
    here: Installation,
) -> None:
    here.a_worker(username="dara", phone="+85510000111")
    here.a_worker(Role.SUPERVISOR, phone="+85510000113")
    here.a_worker(Role.SUPERVISOR, LOTUS, phone="+85510000114")
    first = sign_in(here, "dara").json()
    beside = sign_in(here, "dara").json()  # another sign-in that gave no device id
    second = renew(here, first["refresh_token"]).json()
    assert [renew(here, first["refresh_token"]).status_code for _ in range(3)] == [401] * 3
    assert ask(here, second["access_token"], "GET", "/v1/me").status_code == 401
    assert ask(here, beside["access_token"], "GET", "/v1/me").status_code == 200
    assert [action for action, _ in deeds(here)].count("token.reused") == 3
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert sorted(text.to.e164 for text in carrier.sent) == ["+85510000111", "+85510000113"]
    assert all("dara" in text.body for text in carrier.sent)
