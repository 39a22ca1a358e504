"""Signing in, staying signed in, and who I am, through the door."""

from typing import Any

import pytest
from httpx import Response

from app.identity.rules import Role, Worker
from tests.makers import LOTUS, PASSWORD, Installation

TEN_MINUTES = 600


def _sign_in(here: Installation, username: str, password: str = PASSWORD, **more: str) -> Response:
    form = {"grant_type": "password", "username": username, "password": password, **more}
    answer: Response = here.client.post("/v1/token", data=form)
    return answer


def _renew(here: Installation, refresh_token: str) -> Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer: Response = here.client.post("/v1/token", data=form)
    return answer


def _me(here: Installation, access_token: str) -> int:
    headers = {"Authorization": f"Bearer {access_token}"}
    return int(here.client.get("/v1/me", headers=headers).status_code)


def test_a_worker_signs_in_and_is_told_who_they_are(here: Installation) -> None:
    worker = here.a_worker(username="dara", languages=("km", "th"))
    answer = _sign_in(here, "dara")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert set(pair) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert pair["token_type"] == "bearer"
    assert pair["expires_in"] == here.application.settings.token_minutes * 60
    me = here.client.get("/v1/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json() == {
        "id": str(worker.id), "username": "dara", "role": "caseworker",
        "organisation_id": str(worker.organisation_id), "languages": ["km", "th"], "on_duty": True,
    }  # fmt: skip


def test_fields_that_a_phone_sends_besides_are_tolerated(here: Installation) -> None:
    here.a_worker(username="dara")
    answer = _sign_in(here, " dara ", otp="123456", device_id="phone-7", device_name="ទូរស័ព្ទ", scope="")
    assert answer.status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(here: Installation) -> None:
    here.a_worker(username="dara")
    wrong, unknown = _sign_in(here, "dara", "nope"), _sign_in(here, "nobody", "nope")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "bad_credentials"
    assert "dara" not in wrong.text
    assert "nope" not in wrong.text


def test_a_name_is_locked_after_failures_and_others_are_unhurt(here: Installation) -> None:
    here.a_worker(username="dara")
    here.a_worker(username="sokha")
    assert [_sign_in(here, "dara", f"guess {n}").status_code for n in range(6)] == [401] * 5 + [429]
    locked = _sign_in(here, "dara")
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= TEN_MINUTES
    assert locked.json()["code"] == "too_many_attempts"
    assert _sign_in(here, "sokha").status_code == 200
    here.clock.forward(minutes=6)
    assert _sign_in(here, "dara").status_code == 200


def test_a_name_that_nobody_bears_is_locked_all_the_same(here: Installation) -> None:
    # Else the lock would tell which names exist.
    assert [_sign_in(here, "nobody", "x").status_code for _ in range(7)] == [401] * 5 + [429] * 2


def test_signing_in_well_forgets_the_failures_before(here: Installation) -> None:
    here.a_worker(username="dara")
    for _ in range(4):
        _sign_in(here, "dara", "nope")
    assert _sign_in(here, "dara").status_code == 200
    assert [_sign_in(here, "dara", "nope").status_code for _ in range(5)] == [401] * 5


def test_an_access_token_expires_and_the_refresh_token_gives_a_new_pair(here: Installation) -> None:
    here.a_worker(username="dara")
    first = _sign_in(here, "dara").json()
    here.clock.forward(seconds=first["expires_in"] - 1)
    assert _me(here, first["access_token"]) == 200
    here.clock.forward(seconds=2)
    assert _me(here, first["access_token"]) == 401
    second = _renew(here, first["refresh_token"]).json()
    assert _me(here, second["access_token"]) == 200
    assert second["refresh_token"] != first["refresh_token"]


def test_a_refresh_token_that_comes_twice_revokes_what_came_of_it(here: Installation) -> None:
    here.a_worker(username="dara")
    first = _sign_in(here, "dara", device_id="phone-7").json()
    elsewhere = _sign_in(here, "dara", device_id="desk").json()
    second = _renew(here, first["refresh_token"]).json()
    assert _renew(here, first["refresh_token"]).status_code == 401
    assert _me(here, second["access_token"]) == 401
    assert _renew(here, second["refresh_token"]).status_code == 401
    assert _me(here, elsewhere["access_token"]) == 200


def test_a_refresh_token_ends_after_a_month_and_a_made_up_one_never_began(here: Installation) -> None:
    here.a_worker(username="dara")
    pair = _sign_in(here, "dara").json()
    assert _renew(here, "made up").status_code == 401
    assert _renew(here, pair["access_token"]).status_code == 401
    here.clock.forward(days=31)
    assert _renew(here, pair["refresh_token"]).status_code == 401


def test_a_device_that_signs_in_again_loses_its_older_tokens(here: Installation) -> None:
    here.a_worker(username="dara")
    old = _sign_in(here, "dara", device_id="phone-7").json()
    new = _sign_in(here, "dara", device_id="phone-7").json()
    assert (_me(here, old["access_token"]), _me(here, new["access_token"])) == (401, 200)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": "client_credentials"},
        {"grant_type": "password", "username": "dara\x00", "password": "x"},
        {"grant_type": "password", "username": "d" * 500, "password": "x"},
    ],
)
def test_a_form_that_is_none_is_refused_field_by_field(here: Installation, form: dict[str, str]) -> None:
    answer = here.client.post("/v1/token", data=form)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_going_off_duty_keeps_new_cases_away(here: Installation) -> None:
    first, second = here.a_worker(), here.a_worker()
    off = here.ask(first, "PATCH", "/v1/me", {"on_duty": False})
    assert off.json()["on_duty"] is False
    owners = {
        here.ask(second, "GET", f"/v1/cases/{here.a_case(sender=f'+6681234567{n}')}").json()["owner_id"]
        for n in range(3)
    }
    assert owners == {str(second.id)}
    assert here.ask(first, "PATCH", "/v1/me", {"on_duty": True}).json()["on_duty"] is True


def test_the_assign_screen_lists_ones_own_colleagues_by_name_and_load(here: Installation) -> None:
    ours = here.a_worker(name="ដារ៉ា")
    lead = here.a_worker(Role.SUPERVISOR)
    stranger = here.a_worker(organisation=LOTUS, languages=("en",))
    coordinator = here.a_worker(Role.COORDINATOR)
    here.a_worker(Role.ADMIN)
    here.a_case()

    def listed(by: Worker) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in here.ask(by, "GET", "/v1/workers").json()["items"]}

    assert set(listed(lead)) == {str(w.id) for w in (ours, lead, coordinator)}
    assert listed(lead)[str(ours.id)]["name"] == "ដារ៉ា"
    assert listed(lead)[str(ours.id)]["open_cases"] == 1
    assert set(listed(coordinator)) == {str(w.id) for w in (ours, lead, stranger, coordinator)}
    organisations = here.ask(lead, "GET", "/v1/organisations").json()["items"]
    assert str(ours.organisation_id) in {one["id"] for one in organisations}
    assert here.ask(here.a_worker(Role.ADMIN), "GET", "/v1/workers").status_code == 403
