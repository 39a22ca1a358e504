"""What lies around a case is written down by its workers; supervisors keep the register of companies."""

from typing import Any
from uuid import uuid4

import pytest
from httpx import Response

from app.identity.rules import Worker
from tests.makers import LOTUS, Installation
from tests.protection_desk import Desk

GROUP = {"kind": "recruiter", "name": "Sok San Group Co., Ltd.", "country": "KH"}
MONEY = {"amount": {"amount_minor": 900_000, "currency": "THB"}, "day": "2026-06-01"}


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(here)


def _around(desk: Desk, by: Worker | None = None) -> dict[str, Any]:
    answer = desk.look(by or desk.worker, "/circumstances")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def _patch(desk: Desk, body: dict[str, Any]) -> Response:
    answer: Response = desk.here.ask(desk.worker, "PATCH", f"/v1/cases/{desk.case_id}/circumstances", body)
    return answer


def _party(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = desk.do("parties", GROUP | changes)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def _register(desk: Desk, what: str, body: dict[str, Any] | None = None, *, verb: str = "POST") -> Response:
    answer: Response = desk.here.ask(desk.supervisor, verb, f"/v1/parties{what}", body)
    return answer


def test_trade_and_origin_are_unknown_until_somebody_writes_them_down(desk: Desk) -> None:
    assert (_around(desk)["sector"], _around(desk)["origin_province"]) == (None, None)
    assert _patch(desk, {"sector": "fisheries"}).status_code == 200
    assert _patch(desk, {"origin_province": "KH-6"}).status_code == 200
    shown = _around(desk)
    assert (shown["sector"], shown["origin_province"]) == ("fisheries", "KH-6")
    assert _patch(desk, {"sector": None}).json()["sector"] is None


@pytest.mark.parametrize("body", [{"sector": "piracy"}, {"origin_province": "KH-99"}])
def test_a_code_that_nobody_configured_is_refused(desk: Desk, body: dict[str, str]) -> None:
    answer = _patch(desk, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "circumstances.code_unknown")
    assert _around(desk)["sector"] is None


def test_a_company_that_is_known_under_the_name_is_the_same_one_in_every_case(desk: Desk) -> None:
    first = _party(desk)
    other_case = desk.opened()["id"]
    again = desk.here.ask(
        desk.worker,
        "POST",
        f"/v1/cases/{other_case}/parties",
        GROUP | {"name": "SOK SAN", "licence": "12/2025"},
    ).json()
    assert again["id"] == first["id"]
    assert again["licence"] == "12/2025"
    assert again["names"] == ["Sok San Group Co., Ltd."]


def test_saying_the_same_thing_twice_changes_nothing(desk: Desk) -> None:
    command = {"id": str(uuid4())}
    assert _party(desk, **command) == _party(desk, **command)
    assert len(_around(desk)["parties"]) == 1
    told = desk.here.ask(desk.worker, "GET", f"/v1/cases/{desk.case_id}/timeline").json()["items"]
    assert [item["kind"] for item in told].count("party.added") == 1


def test_an_employer_of_the_same_name_is_somebody_else(desk: Desk) -> None:
    assert _party(desk)["id"] != _party(desk, kind="employer")["id"]


def test_a_company_can_be_taken_out_of_a_case(desk: Desk) -> None:
    where = f"/v1/cases/{desk.case_id}/parties/{_party(desk)['id']}"
    assert desk.here.ask(desk.worker, "DELETE", where).status_code == 204
    assert _around(desk)["parties"] == []
    assert desk.here.ask(desk.worker, "DELETE", where).status_code == 404


def test_money_comes_back_once_however_often_the_device_says_so(desk: Desk) -> None:
    body = MONEY | {"id": str(uuid4()), "member_id": desk.member_id}
    assert desk.do("recoveries", body).status_code == 201
    assert desk.do("recoveries", body).status_code == 201
    (kept,) = _around(desk)["recovered"]
    assert kept["amount"] == MONEY["amount"]
    assert desk.do("recoveries", body | {"day": "2026-05-01"}).status_code == 409


def test_money_of_tomorrow_and_of_a_stranger_is_refused(desk: Desk) -> None:
    assert desk.do("recoveries", MONEY | {"day": "2099-01-01"}).json()["code"] == "recovery.day_to_come"
    assert desk.do("recoveries", MONEY | {"member_id": str(uuid4())}).status_code == 404
    assert _around(desk)["recovered"] == []


def test_whoever_may_not_see_the_case_sees_nothing_around_it(desk: Desk) -> None:
    _party(desk)
    stranger = desk.here.a_worker(organisation=LOTUS)
    for verb, what, body in [
        ("GET", "circumstances", None), ("PATCH", "circumstances", {"sector": "fisheries"}),
        ("POST", "parties", GROUP), ("POST", "recoveries", MONEY),
    ]:  # fmt: skip
        answer = desk.here.ask(stranger, verb, f"/v1/cases/{desk.case_id}/{what}", body)
        assert answer.status_code == 404, what


def test_the_register_is_the_supervisors(desk: Desk) -> None:
    for worker in (desk.worker, desk.lead):
        assert desk.here.ask(worker, "GET", "/v1/parties").status_code == 403
    assert _register(desk, "", verb="GET").json()["items"] == []


def test_what_resembles_a_name_is_suggested_the_nearest_first(desk: Desk) -> None:
    near, far = _party(desk, name="Sok San Manpower"), _party(desk, name="Sok Sann")
    _party(desk, name="Mekong Star")
    found = _register(desk, "?like=SOK SANN&kind=recruiter", verb="GET").json()["items"]
    assert [one["id"] for one in found][:1] == [far["id"]]
    assert "Mekong Star" not in {one["names"][0] for one in found}
    assert near["id"] in {
        one["id"] for one in _register(desk, "?like=sok san manpow", verb="GET").json()["items"]
    }


def test_two_that_are_one_become_one_with_all_names_and_cases(desk: Desk) -> None:
    latin, khmer = _party(desk), _party(desk, name="សុខ សាន្ត")
    merged = _register(desk, f"/{khmer['id']}/merge", {"into": latin["id"]})
    assert merged.status_code == 200
    assert sorted(merged.json()["names"]) == ["Sok San Group Co., Ltd.", "សុខ សាន្ត"]
    assert _register(desk, f"/{khmer['id']}/merge", {"into": latin["id"]}).json() == merged.json()
    assert [one["id"] for one in _around(desk)["parties"]] == [latin["id"]]
    assert _party(desk, name="ក្រុមហ៊ុន សុខ\u200bសាន្ត")["id"] == latin["id"]
    assert _register(desk, f"/{khmer['id']}/names", {"name": "X"}).status_code == 404


def test_none_is_merged_with_itself_or_with_another_kind(desk: Desk) -> None:
    recruiter, site = _party(desk), _party(desk, kind="site", name="Poipet Centre")
    for into in (recruiter["id"], site["id"]):
        answer = _register(desk, f"/{recruiter['id']}/merge", {"into": into})
        assert (answer.status_code, answer.json()["code"]) == (422, "party.not_the_same_kind")
    assert _register(desk, f"/{recruiter['id']}/merge", {"into": str(uuid4())}).status_code == 404


def test_a_name_of_another_one_points_to_its_twin(desk: Desk) -> None:
    one, other = _party(desk), _party(desk, name="Mekong Star")
    answer = _register(desk, f"/{other['id']}/names", {"name": "sok san"})
    assert (answer.status_code, answer.json()["party_id"]) == (409, one["id"])
    assert _register(desk, f"/{one['id']}/names", {"name": "SOK SAN"}).status_code == 201


def test_h23_whoever_says_that_an_entry_is_wrong_is_looked_into_by_a_human(desk: Desk) -> None:
    one = _party(desk)
    disputed = _register(desk, f"/{one['id']}/dispute").json()
    assert disputed["disputed_since"] is not None
    assert _register(desk, f"/{one['id']}/dispute").json() == disputed
    waiting = desk.here.ask(desk.coordinator, "GET", "/v1/tasks").json()["items"]
    assert [task["kind"] for task in waiting].count("party_dispute") == 1
    assert _register(desk, f"/{one['id']}/dispute", verb="DELETE").json()["disputed_since"] is None
    left = desk.here.ask(desk.coordinator, "GET", "/v1/tasks").json()["items"]
    assert "party_dispute" not in {task["kind"] for task in left}


def test_names_of_companies_lie_sealed(desk: Desk) -> None:
    _party(desk, name="Zzyzx Manpower")
    with desk.here.office.look() as uow:
        rows = uow.connection.exec_driver_sql("SELECT name FROM party_name").scalars().all()
    assert len(rows) == 1
    assert b"Zzyzx" not in bytes(rows[0])
    assert _around(desk)["parties"][0]["names"] == ["Zzyzx Manpower"]
