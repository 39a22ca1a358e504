"""A Khmer text from the carrier's door to the supervisor's table, through public doors only."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli.main import app as spean
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, ROOT, Installation
from tests.peers.cht_phone import FakeChtPhone
from tests.peers.twilio import Message
from tests.twilio_town import NUMBER, PUBLIC, SOMEBODY, Town, a_town

SOMEBODY_ELSE = "+66898765432"
PATIENCE_SECONDS = 30.0


class Desk:
    """One person at work with the field app: what they ask, as it goes over the wire."""

    def __init__(self, origin: str, sign_in: dict[str, str], rooms: ExitStack) -> None:
        self.http = rooms.enter_context(httpx.Client(base_url=origin, timeout=30, trust_env=False))
        form = {
            "grant_type": "password", "username": sign_in["username"], "password": sign_in["password"],
        }  # fmt: skip
        token = self.http.post("/v1/token", data=form).raise_for_status().json()
        self.http.headers["Authorization"] = f"Bearer {token['access_token']}"
        self.me = self.get("/v1/me")

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.http.post(path, json=body).raise_for_status().json()

    def timeline(self, case_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/v1/cases/{case_id}/timeline")["items"]
        return items


@contextmanager
def working(here: Installation) -> Iterator[None]:
    """The worker's loops, running beside the server."""
    worker = here.application.worker()
    worker.start()
    try:
        yield
    finally:
        worker.stop()


@pytest.fixture
def town(
    install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Town]:
    with a_town(partial(install, worker_poll_seconds=0.02)) as made:
        settings = made.here.application.settings
        monkeypatch.setenv("SPEAN_DATABASE_URL", settings.database_url)
        monkeypatch.setenv("SPEAN_KEYS_FILE", str(settings.keys_file))
        monkeypatch.setenv("SPEAN_CONFIG_DIR", str(ROOT / "config"))
        monkeypatch.setenv("SPEAN_LOCALES_DIR", str(ROOT / "locales"))
        monkeypatch.chdir(tmp_path)
        yield made


def command(*words: str) -> str:
    result = CliRunner().invoke(spean, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (got := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return got


def cases_of(desk: Desk) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = desk.get("/v1/cases")["items"]
    return items


def test_a_text_becomes_a_case_that_is_worked_and_counted(town: Town) -> None:
    demo = json.loads(command("demo", "--json"))
    origin = town.carrier.proxies[PUBLIC]
    sign_ins = {person["username"]: person for person in demo["sign_ins"]}
    (secret,) = [gateway["secret"] for gateway in demo["gateways"] if gateway["name"] == "demo-th"]
    url = f"{origin}/gateways/cht/demo-th"
    with (
        ExitStack() as rooms,
        working(town.here),
        FakeChtPhone(url, user="demo-th", password=secret) as phone,
    ):
        assert town.text(KHMER_LOCKED_IN).body.endswith("<Response/>")
        phone.receive_sms(SOMEBODY_ELSE, KHMER_UNPAID, int(town.here.clock.now().timestamp() * 1000))
        phone.poll()

        supervisors = [Desk(origin, sign_ins[f"{stem}.supervisor"], rooms) for stem in ("tonle", "lotus")]
        urgent, unpaid = (until(partial(cases_of, desk))[0] for desk in supervisors)
        assert (urgent["urgency"], urgent["destination_country"]) == ("U1", "TH")
        assert "detention" in urgent["categories"]
        assert unpaid["categories"] == ["unpaid_wages"]

        the_person_hears_in_khmer(town, phone, urgent["code"], unpaid["code"])
        names = [f"{stem}.{post}" for stem in ("tonle", "lotus") for post in ("case1", "case2")]
        caseworkers = [Desk(origin, sign_ins[name], rooms) for name in names]
        for desk, case in zip(supervisors, (urgent, unpaid), strict=True):
            other = next(one for one in supervisors if one is not desk)
            assert other.http.get(f"/v1/cases/{case['id']}").status_code == 404
            the_owner_is_alerted(town, case)
            (owner,) = [one for one in caseworkers if one.me["id"] == case["owner_id"]]
            the_case_is_worked(owner, case)
            the_case_can_be_counted(desk, case)
        the_carriers_news_arrive(town, supervisors[0], urgent)
    assert phone.complaints == []
    command("audit", "verify")


def the_person_hears_in_khmer(town: Town, phone: FakeChtPhone, urgent: str, unpaid: str) -> None:
    (reply,) = until(partial(town.to, SOMEBODY))
    assert urgent in reply.body
    assert (reply.from_, "លេខ" in reply.body) == (NUMBER, True)

    def heard() -> list[str]:
        phone.poll()
        return [text.content for text in phone.sent_over_the_air if text.to == SOMEBODY_ELSE]

    (words,) = until(heard)
    assert unpaid in words
    assert "លេខ" in words


def the_owner_is_alerted(town: Town, case: dict[str, Any]) -> None:
    """Somebody got a text that names the case, and neither the person nor the problem."""

    def alerts() -> list[Message]:
        return [text for text in town.carrier.messages if case["code"] in text.body and text.to != SOMEBODY]

    for alert in until(alerts):
        for secret in (KHMER_LOCKED_IN, KHMER_UNPAID, SOMEBODY, SOMEBODY_ELSE, *case["categories"]):
            assert secret not in alert.body


def the_case_is_worked(owner: Desk, case: dict[str, Any]) -> None:
    path = f"/v1/cases/{case['id']}"
    armed = [timer["kind"] for timer in owner.get(f"{path}/timers")["items"] if timer["state"] == "armed"]
    assert sorted(armed) == ["accept", "first_contact"]
    assert owner.post(f"{path}/accept", {})["status"] == "accepted"
    owner.post(f"{path}/contact-attempts", {"channel": "call", "outcome": "reached", "note": "ទូរស័ព្ទហើយ"})
    owner.post(f"{path}/notes", {"text": "គាត់មានសុវត្ថិភាព"})
    closing = {"outcome": "resolved_full", "client_informed": "yes"}
    assert owner.post(f"{path}/close", closing)["status"] == "closed"
    assert all(timer["state"] != "armed" for timer in owner.get(f"{path}/timers")["items"])
    kinds = [item["kind"] for item in owner.timeline(case["id"])]
    steps = ["case.opened", "case.routed", "message.received", "case.accepted", "contact.attempted",
             "note.added", "case.closed"]  # fmt: skip
    assert [kind for kind in kinds if kind in steps] == steps


def the_case_can_be_counted(supervisor: Desk, case: dict[str, Any]) -> None:
    answer = supervisor.http.get("/v1/exports/cases.csv?locale=en")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert (row["Code"], row["Urgency"]) == (case["code"], case["urgency"])
    assert "Closed" in row["Status"] or row["Status"] == "closed"
    assert SOMEBODY not in answer.text
    assert SOMEBODY_ELSE not in answer.text


def the_carriers_news_arrive(town: Town, supervisor: Desk, case: dict[str, Any]) -> None:
    (reply,) = town.to(SOMEBODY)
    answers = town.carrier.callbacks_out_of_order(reply.sid, "sent", "delivered")
    assert {answer.status for answer in answers} == {200}
    until(lambda: "message.delivered" in [item["kind"] for item in supervisor.timeline(case["id"])])
    person = [item for item in supervisor.timeline(case["id"]) if item.get("to") == "person"]
    assert [item["kind"] for item in person][-1] == "message.delivered"
