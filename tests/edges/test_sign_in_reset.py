"""A new password by a one-time code that a supervisor, or the operator, gives."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from app.identity.rules import Role, Worker
from tests.command_line import CommandLine
from tests.fakes import FakeCarrier
from tests.makers import LOTUS, Installation
from tests.signing import ask, deeds, renew, sign_in

NEW = "a mountain and a river"


def _allow(here: Installation, by: Worker, worker: Worker) -> Any:
    return here.ask(by, "POST", f"/v1/workers/{worker.id}/reset")


def _choose(here: Installation, username: str, code: str, password: str = NEW) -> Any:
    body = {"username": username, "code": code, "new_password": password}
    return here.client.post("/v1/password", json=body)


def test_a_supervisor_gives_a_code_and_the_worker_chooses_a_password(here: Installation) -> None:
    worker, lead = here.a_worker(username="dara"), here.a_worker(Role.SUPERVISOR)
    before = sign_in(here, "dara").json()
    answer = _allow(here, lead, worker)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    code = answer.json()["code"]
    assert sign_in(here, "dara").status_code == 200  # the old one is good until then
    assert _choose(here, "dara", code.lower()).status_code == 204
    assert sign_in(here, "dara").status_code == 401
    assert sign_in(here, "dara", NEW).status_code == 200
    assert ask(here, before["access_token"], "GET", "/v1/me").status_code == 401
    assert renew(here, before["refresh_token"]).status_code == 401
    assert _choose(here, "dara", code, "another long one").status_code == 401
    assert {"reset.allowed", "password.reset", "reset.refused"} <= dict(deeds(here)).keys()


def test_a_code_ends_after_a_day_and_with_the_next_one(here: Installation) -> None:
    worker, lead = here.a_worker(username="dara"), here.a_worker(Role.SUPERVISOR)
    first, second = (_allow(here, lead, worker).json()["code"] for _ in range(2))
    assert _choose(here, "dara", first).status_code == 401
    here.clock.forward(hours=24)
    assert _choose(here, "dara", second).status_code == 401


def test_only_who_is_in_charge_and_freshly_signed_in_gives_codes(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    here.a_worker(Role.SUPERVISOR, username="lead")
    for by, status in (
        (here.a_worker(), 403),
        (here.a_worker(Role.DUTY_LEAD), 403),
        (here.a_worker(Role.SUPERVISOR, LOTUS), 404),
        (here.a_worker(Role.SUPERVISOR), 200),
        (here.a_worker(Role.COORDINATOR), 200),
        (here.a_worker(Role.ADMIN), 200),
    ):
        assert _allow(here, by, worker).status_code == status, by.role
    assert here.ask(here.a_worker(Role.ADMIN), "POST", f"/v1/workers/{uuid4()}/reset").status_code == 404
    token = sign_in(here, "lead").json()["access_token"]
    here.clock.forward(minutes=11)
    stale = ask(here, token, "POST", f"/v1/workers/{worker.id}/reset")
    assert (stale.status_code, stale.json()["code"]) == (401, "fresh_sign_in_needed")


def test_the_worker_is_told_that_somebody_let_their_password_be_changed(here: Installation) -> None:
    worker = here.a_worker(username="dara", phone="+85510000111")
    code = _allow(here, here.a_worker(Role.SUPERVISOR), worker).json()["code"]
    carrier = FakeCarrier("console")
    here.send(carrier)
    (text,) = carrier.sent
    assert text.to.e164 == "+85510000111"
    assert code not in text.body


def test_a_wrong_code_tells_nothing_of_names_and_counts_as_a_wrong_password(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    _allow(here, here.a_worker(Role.SUPERVISOR), worker)
    statuses = []
    for _ in range(6):
        wrong, unknown = _choose(here, "dara", "4K7MQ2XR9TVB"), _choose(here, "nobody", "4K7MQ2XR9TVB")
        assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
        statuses.append(wrong.status_code)
    assert statuses == [401] * 5 + [429]
    assert sign_in(here, "dara").status_code == 429


@pytest.mark.parametrize("unfit", ["short", "dara.of.tonle", "1111111111111"])
def test_an_unfit_password_is_refused_before_anything_is_looked_at(here: Installation, unfit: str) -> None:
    worker = here.a_worker(username="dara.of.tonle")
    code = _allow(here, here.a_worker(Role.SUPERVISOR), worker).json()["code"]
    for username in ("dara.of.tonle", "nobody.of.tonle"):
        answer = _choose(here, username, code, unfit.replace("dara.of.tonle", username))
        assert (answer.status_code, answer.json()["code"]) == (422, "password_unfit")
    km = here.client.post(
        "/v1/password",
        json={"username": "dara", "code": code, "new_password": "short"},
        headers={"Accept-Language": "km"},
    )
    assert "10" in km.json()["detail"]
    assert km.headers["content-language"] == "km"
    assert _choose(here, "dara.of.tonle", code).status_code == 204


def test_the_operator_gives_a_code_and_takes_lost_one_time_codes_away(
    here: Installation, spean: CommandLine
) -> None:
    worker = here.a_worker(username="dara")
    secret = here.ask(worker, "POST", "/v1/me/totp").json()["secret"]
    code = pyotp.TOTP(secret).at(here.clock.now())
    assert here.ask(worker, "POST", "/v1/me/totp/confirm", {"code": code}).status_code == 200
    assert spean.run("worker", "reset", "nobody").status == 1
    given = spean.run("worker", "reset", "dara", "--totp", "--json").json
    assert set(given) == {"code", "expires_at"}
    here.clock.set(datetime.now(UTC))  # the command goes by the real clock
    assert _choose(here, "dara", given["code"]).status_code == 204
    assert sign_in(here, "dara", NEW).status_code == 200
    assert ("reset.allowed", "cli") in deeds(here)
    assert ("totp.removed", "cli") in deeds(here)
