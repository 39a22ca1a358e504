"""Privacy from the first row: what people write is nowhere to be read but by those whom it is for."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import structlog
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli.logs import log_plainly
from app.cli.main import app as command_line
from app.identity.rules import Role, Worker
from tests.makers import KHMER_UNPAID, STAR, Installation
from tests.peers import BAD_GATEWAY, RESET, web_client
from tests.peers.cht_phone import FakeChtPhone, all_fine, fails
from tests.searching import Search, everything_kept, forms_of, spellings_of
from tests.twilio_town import PUBLIC, Town, a_town

PHONES: Final = {
    "twilio": "+66812345671", "unsigned": "+66812345672", "cht": "+66812345673",
    "broken item": "+66812345674",
    "console": "+85512345675", "case": "+85512345676", "reporter": "+85512345677", "member": "+85512345678",
    "worker": "+85512345679", "opted out": "+66812345670", "nobody's": "+66898765432",
}  # fmt: skip
NAMES: Final = {
    "reporter": "សុភាពចន្ថា កែវមុនី", "member": "Sopheavy Chanmony", "later member": "ពេជ្រវិសាល",
    "worker": "រតនាពិសី អ៊ុំ", "refused": "Kanhavatey Oum",
}  # fmt: skip
# Each door hears of another flower, so that a finding names the door that let it through.
FLOWERS: Final = {
    name: f"ផ្កា{stem}រីកស្រស់"
    for name, stem in {
        "twilio": "ឈូក", "unsigned": "ម្លិះ", "cht": "ចំប៉ា", "broken item": "រំដួល", "console": "កុលាប",
        "summary": "អង្គារដី", "new summary": "ចំប៉ី", "note": "ជ្រៃ", "hidden note": "ស្លា", "attempt": "ត្រែង",
        "decline": "ក្រវាន់", "assign": "ដូង", "status": "ចារ", "urgency": "ស្វាយ", "close": "ទឹកភ្លៀង",
        "reopen": "កណ្តៀង", "fault": "រាជព្រឹក្ស", "refused": "ឡាំដួន", "outcome": "ក្រូច", "later": "ឪឡឹក",
    }.items()
}  # fmt: skip
WORDS: Final = [
    *(spelling for phone in PHONES.values() for spelling in spellings_of(phone)),
    *(part for name in NAMES.values() for part in name.split() if len(part) > 5),
    *FLOWERS.values(),
]


@dataclass
class Stage:
    """An installation whose every answer with an error is kept."""

    town: Town
    origin: str
    client: httpx.Client
    errors: dict[str, bytes] = field(default_factory=dict)

    @property
    def here(self) -> Installation:
        return self.town.here

    def ask(self, worker: Worker | None, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """A request through real HTTP; what is answered to it."""
        token = {"Authorization": f"Bearer {self.here.token(worker)}"} if worker else {}
        headers = token | options.pop("headers", {})
        answer = self.client.request(method, self.origin + path, json=json, headers=headers, **options)
        return self.kept(f"{method} {path.partition('?')[0]} {len(self.errors)}", answer)

    def kept(self, name: str, answer: Any) -> Any:
        if answer.status_code >= 400:
            told = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
            self.errors[name] = told.encode() + answer.content
        return answer

    def good(self, worker: Worker, method: str, path: str, json: Any = None) -> Any:
        answer = self.ask(worker, method, path, json)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """A table is not there for a while: a real fault for whoever needs it."""
        with self.here.office.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_gone"))
        try:
            yield
        finally:
            with self.here.office.database.write() as connection:
                connection.execute(text(f"ALTER TABLE {table}_gone RENAME TO {table}"))


@pytest.fixture(name="stage")
def _stage(install: Callable[..., Installation]) -> Iterator[Stage]:
    with a_town(install) as town, web_client(30) as client:
        yield Stage(town, town.carrier.proxies[PUBLIC], client)


@pytest.fixture(name="logs")
def _logs() -> Iterator[io.StringIO]:
    """Logs as the running server writes them, but of everything, down to the least."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_plainly(stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def carriers_bring_texts(stage: Stage) -> None:
    town, here = stage.town, stage.here
    assert town.text(FLOWERS["twilio"], from_=PHONES["twilio"]).status == 200
    assert town.text(KHMER_UNPAID, from_=PHONES["opted out"]).status == 200
    unsigned = town.carrier.inbound_text(
        f"{PUBLIC}/twilio/sms", to="+12025550123", from_=PHONES["unsigned"], body=FLOWERS["unsigned"],
        token="wrong",
    )  # fmt: skip
    assert unsigned.status == 403
    stage.errors["unsigned text"] = unsigned.body.encode()
    here.post_text(FLOWERS["console"], sender=PHONES["console"])
    secret = here.application.gateway_secrets["demo-th"]
    for radio in (all_fine, fails):
        with FakeChtPhone(
            f"{stage.origin}/gateways/cht/demo-th", user="demo-th", password=secret, radio=radio
        ) as phone:
            # People write their numbers as at home; the gateway's country says where that is.
            phone.receive_sms("0" + PHONES["cht"][3:], FLOWERS["cht"], 1_780_887_600_000)
            phone.receive_raw(
                {"id": str(uuid4()), "from": PHONES["broken item"], "content": {"x": FLOWERS["broken item"]}}
            )
            assert not phone.poll().failed
            here.receive()
            assert not phone.poll().failed
            assert not phone.poll().failed


def nobody_can_read_the_broken_one(stage: Stage) -> None:
    for _ in range(6):
        stage.here.clock.forward(minutes=5)
        stage.here.receive()
    coordinator = stage.here.a_worker(Role.COORDINATOR)
    states = {i["state"] for i in stage.good(coordinator, "GET", "/v1/intake?limit=200")["items"]}
    assert "quarantined" in states


def replies_leave(stage: Stage) -> None:
    town = stage.town
    town.carrier.opted_out.add(PHONES["opted out"])
    town.carrier.fail_next(BAD_GATEWAY, RESET)
    for _ in range(8):
        town.send()
        stage.here.send(stage.here.application.carriers[0])
        stage.here.clock.forward(minutes=2)
    sent = town.to(PHONES["twilio"])
    assert sent
    town.report(sent[0], "sent", "delivered")
    stage.here.fire()


def workers_write(stage: Stage, worker: Worker, lead: Worker) -> str:
    reporter = {"name": NAMES["reporter"], "phone": "០១២ ៣៤៥ ៦៧៧", "sex": "female"}
    member = {"name": NAMES["member"], "phone": PHONES["member"]}
    body = {
        "id": str(uuid4()), "categories": ["unpaid_wages"], "summary": FLOWERS["summary"],
        "phone": "012 345 676",
        "reporter": reporter, "members": [member],
    }  # fmt: skip
    case = stage.good(worker, "POST", "/v1/cases", body)
    assert case["reporter"]["phone"] == PHONES["reporter"]
    stage.ask(worker, "POST", "/v1/cases", {**body, "summary": FLOWERS["refused"]})
    base = f"/v1/cases/{case['id']}"
    stage.good(worker, "POST", f"{base}/members", {"members": [{"name": NAMES["later member"]}]})
    stage.good(
        worker,
        "PATCH",
        base,
        {"summary": FLOWERS["new summary"], "urgency": "U1", "reason": FLOWERS["urgency"]},
    )
    stage.good(worker, "POST", f"{base}/accept", {})
    stage.good(worker, "POST", f"{base}/notes", {"id": str(uuid4()), "text": FLOWERS["note"]})
    stage.good(worker, "POST", f"{base}/notes", {"text": FLOWERS["hidden note"], "restricted": True})
    attempt = {"channel": "call", "outcome": "unsafe", "note": FLOWERS["attempt"]}
    stage.good(worker, "POST", f"{base}/contact-attempts", attempt)
    until = (stage.here.clock.now() + timedelta(days=20)).isoformat()
    held = {"status": "on_hold", "reason": FLOWERS["status"], "until": until}
    stage.good(worker, "POST", f"{base}/status", held)
    stage.good(lead, "POST", f"{base}/assign", {"owner_id": str(worker.id), "reason": FLOWERS["assign"]})
    stage.good(worker, "POST", f"{base}/decline", {"reason": FLOWERS["decline"]})
    closing = {"outcome": "withdrawn_by_client", "note": FLOWERS["close"], "client_informed": "unsafe"}
    stage.good(lead, "POST", f"{base}/close", closing)
    stage.good(lead, "POST", f"{base}/reopen", {"reason": FLOWERS["reopen"]})
    timeline = stage.ask(lead, "GET", f"{base}/timeline").text
    assert all(
        FLOWERS[name] in timeline for name in ("note", "attempt", "status", "decline", "close", "reopen")
    )
    return base


def much_is_refused(stage: Stage, worker: Worker, base: str) -> None:
    phone, flower, name = PHONES["nobody's"], FLOWERS["refused"], NAMES["refused"]
    asked = [
        ("POST", "/v1/cases", {"categories": [flower], "summary": flower}),
        ("POST", "/v1/cases", {"categories": ["no_such"], "summary": flower}),
        ("POST", "/v1/cases", {"phone": phone + "99999999", "summary": flower}),
        ("POST", "/v1/cases", {"members": [{"phone": flower, "name": [name]}]}),
        ("POST", "/v1/cases", {flower: name, "reporter": {flower: phone, "sex": name}}),
        ("POST", f"{base}/close", {"outcome": FLOWERS["outcome"], "client_informed": "yes"}),
        ("POST", f"{base}/close", {"outcome": name, "client_informed": phone}),
        ("POST", f"{base}/status", {"status": flower, "reason": name}),
        ("POST", f"{base}/assign", {"owner_id": phone, "reason": flower}),
        ("POST", f"{base}/reopen", {"reason": flower}),
        ("PATCH", base, {"urgency": "U4", "reason": None, "destination_country": name}),
        ("GET", f"/v1/cases/{phone}", None),
        ("GET", f"/v1/cases/{flower}/timeline", None),
        ("GET", f"/v1/{phone}/{flower}", None),
        ("DELETE", f"/v1/cases/{phone}", None),
        ("GET", f"/v1/cases?owner={flower}&cursor={phone}", None),
        ("GET", f"/v1/cases?cursor={phone}", None),
        ("GET", f"/v1/exports/cases.csv?from={phone}&status={flower}", None),
        ("GET", f"/v1/exports/cases.csv?category={flower}", None),
        ("GET", f"/gateways/cht/{phone}", None),
        ("POST", f"/twilio/sms?From={phone}", {"Body": flower}),
    ]
    for method, path, body in asked:
        answer = stage.ask(worker, method, path, body)
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
    stage.ask(worker, "PATCH", base, {"summary": flower}, headers={"If-Match": '"77"'})
    stage.ask(worker, "GET", "/v1/nothing", headers={"Accept-Language": "km", "X-Name": phone})
    form = {"grant_type": "password", "username": phone, "password": "wrong"}
    for _ in range(7):
        stage.kept(f"sign-in {len(stage.errors)}", stage.client.post(f"{stage.origin}/v1/token", data=form))
    answer = stage.client.post(f"{stage.origin}/v1/cases", content=b'{"summary": "' + flower.encode())
    stage.kept("torn body", answer)


def things_break(stage: Stage, worker: Worker, base: str) -> None:
    with stage.without("note"):
        broken = stage.ask(worker, "POST", f"{base}/notes", {"text": FLOWERS["fault"]})
    with stage.without("person"):
        body = {
            "summary": FLOWERS["fault"],
            "reporter": {"name": NAMES["refused"], "phone": PHONES["nobody's"]},
        }
        unkept = stage.ask(worker, "POST", "/v1/cases", body)
    assert (broken.status_code, unkept.status_code) == (500, 500)
    with stage.without("message"):
        assert stage.town.text(FLOWERS["later"], from_=PHONES["twilio"]).status == 200
        stage.here.receive()
    stage.here.clock.forward(hours=1)
    stage.here.receive()


def somebody_is_added(stage: Stage) -> None:
    settings = stage.here.application.settings
    environment = {
        "SPEAN_DATABASE_URL": settings.database_url, "SPEAN_KEYS_FILE": str(settings.keys_file),
        "SPEAN_CONFIG_DIR": str(settings.config_dir), "SPEAN_LOCALES_DIR": str(settings.locales_dir),
        "SPEAN_FILES_DIR": str(settings.files_dir),
    }  # fmt: skip

    def run(*words: str) -> Any:
        return CliRunner().invoke(command_line, list(words), input="a long password\n", env=environment)

    added = run(
        "worker", "add", "dara", "--role", "caseworker", "--organisation", STAR, "--language", "km", "--name",
        NAMES["worker"], "--phone", PHONES["worker"], "--password-stdin",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    refused = run("worker", "add", PHONES["worker"], "--role", "coordinator", "--password-stdin")
    assert refused.exit_code == 1
    twice = run(
        "worker", "add", "dara", "--role", "coordinator", "--name", NAMES["worker"], "--password-stdin"
    )
    assert twice.exit_code == 1
    stage.errors["command line"] = refused.output.encode() + twice.output.encode()
    simulated = run("simulate", "text", "--from", PHONES["console"], FLOWERS["console"], "--json")
    assert simulated.exit_code == 0, simulated.output


def test_what_people_write_is_found_in_no_file_no_log_no_figure_and_no_error(
    stage: Stage, logs: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    here, search = stage.here, Search(WORDS)
    worker = here.a_worker(name=NAMES["worker"], phone=PHONES["worker"])
    lead = here.a_worker(Role.SUPERVISOR)
    here.a_worker()  # to whom a declined case can go
    carriers_bring_texts(stage)
    nobody_can_read_the_broken_one(stage)
    replies_leave(stage)
    base = workers_write(stage, worker, lead)
    much_is_refused(stage, lead, base)
    things_break(stage, lead, base)
    assert FLOWERS["summary"] not in stage.ask(lead, "GET", "/v1/cases").text
    assert FLOWERS["new summary"] in stage.ask(lead, "GET", "/v1/exports/cases.csv").text
    somebody_is_added(stage)
    printed = capfd.readouterr()
    metrics = stage.ask(None, "GET", "/metrics")
    assert "spean_faults_total{" in metrics.text
    assert "fault" in logs.getvalue()
    assert "arrival_not_taken" in logs.getvalue()
    places = {
        **everything_kept(here.office.database), **stage.errors,
        "logs": logs.getvalue().encode(), "printed": (printed.out + printed.err).encode(),
        "metrics": metrics.content,
    }  # fmt: skip
    assert len(stage.errors) > 30
    assert search.found_in(places) == []


@pytest.mark.parametrize("word", ["812345671", "សុភាពចន្ថា", FLOWERS["note"]])
def test_the_search_finds_a_word_in_every_form_wherever_it_stands(word: str) -> None:
    search = Search([word])
    for name, form in forms_of(word).items():
        assert search.found_in({"somewhere": b"x" * 77 + form + b"y"}), name


def test_the_search_finds_what_a_database_keeps_open(here: Installation) -> None:
    flower, phone = FLOWERS["note"], PHONES["case"]
    with here.office.work(here.clock.now()) as uow:
        uow.heartbeats.beat(f"{flower} {phone}", here.clock.now())
    found = " ".join(Search([flower, *spellings_of(phone)]).found_in(everything_kept(here.office.database)))
    assert flower in found
    assert spellings_of(phone)[0] in found
