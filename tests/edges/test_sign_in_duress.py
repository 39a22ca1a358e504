"""Signing in under force (H13): an account like any other in which nothing is, and a call for help."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.api.doors import capability_of
from app.identity.rules import Action, Role, Worker
from tests.fakes import FakeCarrier
from tests.makers import LOTUS, PASSWORD, Installation
from tests.signing import ask, deeds, renew, sign_in

SECOND = "blue mango tree"


def _prepared(here: Installation, role: Role = Role.CASEWORKER) -> Worker:
    worker = here.a_worker(role, username="dara", phone="+85510000111")
    assert here.ask(worker, "PUT", "/v1/me/duress", {"password": SECOND}).status_code == 204
    return worker


def _forced(here: Installation) -> str:
    return str(sign_in(here, "dara", SECOND).json()["access_token"])


def _doors(here: Installation) -> Iterator[tuple[str, str]]:
    app = here.client.app
    assert isinstance(app, FastAPI)
    for route in iter_route_contexts(app.routes):
        endpoint = route.endpoint
        if endpoint is None or capability_of(endpoint) in {None, Action.OPEN_DOOR}:
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            assert route.path is not None
            yield method, route.path


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.SUPERVISOR, Role.COORDINATOR])
def test_h13_the_second_password_opens_an_empty_account(here: Installation, role: Role) -> None:
    worker = _prepared(here, role)
    owner = worker if role is Role.CASEWORKER else here.a_worker()
    case_id = here.a_case()
    here.a_text("សួស្ដី", sender="12345")
    ordinary, forced = sign_in(here, "dara"), sign_in(here, "dara", SECOND)
    assert ordinary.status_code == forced.status_code == 200
    assert ordinary.json().keys() == forced.json().keys()
    assert ordinary.headers.keys() == forced.headers.keys()
    real, empty = ordinary.json()["access_token"], forced.json()["access_token"]
    assert ask(here, real, "GET", "/v1/me").json() == ask(here, empty, "GET", "/v1/me").json()
    assert ask(here, empty, "GET", "/v1/cases?total=true").json() == {
        "items": [], "next_cursor": None, "total": 0,
    }  # fmt: skip
    assert ask(here, empty, "GET", f"/v1/cases/{case_id}").status_code == 404
    if role is not Role.COORDINATOR:
        assert ask(here, real, "GET", "/v1/cases").json()["items"] != []
    renewed = renew(here, forced.json()["refresh_token"]).json()["access_token"]
    assert ask(here, renewed, "GET", "/v1/cases").json()["items"] == []
    assert here.ask(owner, "GET", f"/v1/cases/{case_id}").status_code == 200


def test_h13_every_door_is_empty_absent_or_refused_and_changes_nothing(here: Installation) -> None:
    worker = _prepared(here, Role.COORDINATOR)
    here.a_worker(username="sokha", name="សុខា")
    here.a_case()
    here.a_text("សួស្ដី", sender="12345")
    token = _forced(here)
    answers = {}
    for method, path in _doors(here):
        where = path.replace("{worker_id}", str(worker.id))
        while "{" in where:
            head, _, rest = where.partition("{")
            where = head + str(uuid4()) + rest.partition("}")[2]
        answer = ask(here, token, method, where)
        answers[f"{method} {path}"] = answer
        assert "sokha" not in answer.text
    assert len(answers) > 25
    shown = {name for name, answer in answers.items() if answer.status_code == 200}
    assert {"GET /v1/me", "GET /v1/cases", "GET /v1/tasks", "GET /v1/exports/cases.csv"} <= shown
    for name in shown - {"GET /v1/me", "GET /v1/exports/cases.csv"}:
        assert answers[name].json()["items"] == [], name
    assert answers["GET /v1/exports/cases.csv"].text.count("\n") == 1  # the headings
    others = {answer.status_code for name, answer in answers.items() if name not in shown}
    assert others <= {403, 404}
    changing = {answer.status_code for name, answer in answers.items() if not name.startswith("GET")}
    assert changing <= {403, 404}


def test_h13_those_in_charge_are_told_and_the_account_never_is(here: Installation) -> None:
    worker = _prepared(here)
    supervisor = here.a_worker(Role.SUPERVISOR, phone="+85510000113")
    here.a_worker(Role.SUPERVISOR, LOTUS, phone="+85510000114")
    coordinator = here.a_worker(Role.COORDINATOR, phone="+85510000201")
    _forced(here)
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert sorted(text.to.e164 for text in carrier.sent) == ["+85510000113", "+85510000201"]
    for text in carrier.sent:
        assert "dara" in text.body
        assert not [word for word in ("duress", "force", "danger", "password") if word in text.body]
    (task,) = here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    assert (task["kind"], task["subject_id"], task["case_id"]) == ("get_in_touch", str(worker.id), None)
    assert ("worker.duress", "sign_in") in deeds(here)
    assert here.ask(worker, "GET", "/v1/tasks").json()["items"] == []
    assert here.ask(supervisor, "GET", "/v1/tasks").status_code == 200


def test_an_ordinary_sign_in_calls_nobody(here: Installation) -> None:
    _prepared(here)
    here.a_worker(Role.SUPERVISOR, phone="+85510000113")
    sign_in(here, "dara")
    sign_in(here, "dara", "a wrong one")
    carrier = FakeCarrier("console")
    here.send(carrier)
    assert carrier.sent == []


@pytest.mark.parametrize("unfit", ["12345", "dara", PASSWORD, "aaaaaaaa"])
def test_the_second_password_differs_from_the_first_and_is_none_too_short(
    here: Installation, unfit: str
) -> None:
    worker = here.a_worker(username="dara")
    answer = here.ask(worker, "PUT", "/v1/me/duress", {"password": unfit})
    assert (answer.status_code, answer.json()["code"]) == (422, "password_unfit")
    assert unfit not in answer.text or unfit == "dara"


def test_the_second_password_can_be_replaced(here: Installation) -> None:
    worker = _prepared(here)
    assert here.ask(worker, "PUT", "/v1/me/duress", {"password": "red papaya"}).status_code == 204
    assert sign_in(here, "dara", SECOND).status_code == 401
    assert sign_in(here, "dara", "red papaya").status_code == 200
    assert sign_in(here, "dara").status_code == 200


def test_a_worker_with_one_time_codes_needs_one_under_force_as_well(
    install: Callable[..., Installation],
) -> None:
    here = install()
    worker = _prepared(here)
    secret = here.ask(worker, "POST", "/v1/me/totp").json()["secret"]
    codes = pyotp.TOTP(secret)
    now = here.clock.now()
    assert here.ask(worker, "POST", "/v1/me/totp/confirm", {"code": codes.at(now)}).status_code == 200
    here.clock.forward(seconds=60)
    assert sign_in(here, "dara", SECOND).status_code == 401
    assert sign_in(here, "dara", SECOND, otp=codes.at(here.clock.now())).status_code == 200
