"""What people write and are, brought through every door, for the search for leaks.

Each step brings other words through another door: whoever adds a door adds a step here, with a flower of
its own (`tests/privacy_stage.py`), so that a finding names the door that let it through.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from typer.testing import CliRunner

from app.cli.main import app as command_line
from app.identity.rules import Role, Worker
from app.usecases.backing_up import back_up
from tests.field_app import FieldApp, op, statuses
from tests.makers import KHMER_UNPAID, STAR, Installation
from tests.peers import BAD_GATEWAY, RESET
from tests.peers.cht_phone import FakeChtPhone, all_fine, fails
from tests.privacy_stage import FLOWERS, NAMES, PASSWORD, PHONES, Stage
from tests.rxdb_app import Collection
from tests.twilio_town import PUBLIC
from tests.uploader import Upload, look_after_all


def everything_is_said_and_done(stage: Stage, worker: Worker, lead: Worker) -> None:
    """Every step, in an order in which each finds what it needs."""
    carriers_bring_texts(stage)
    nobody_can_read_the_broken_one(stage)
    replies_leave(stage)
    base = workers_write(stage, worker, lead)
    much_is_refused(stage, lead, base)
    devices_bring_what_was_done_offline(stage, worker)
    phones_are_written_to_with_care(stage, worker)
    files_are_brought(stage, lead, base)
    companies_are_named(stage, lead, base)
    exports_are_made(stage, lead)
    somebody_is_erased(stage, worker, lead)
    people_agree_and_are_protected(stage, worker, lead)
    things_break(stage, lead, base)
    somebody_is_added(stage)


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


def devices_bring_what_was_done_offline(stage: Stage, worker: Worker) -> None:
    app = FieldApp(stage.here, worker)
    named = {"device": "another", "name": FLOWERS["device"]}
    assert app.ask("POST", "/v1/devices", named).status_code == 201
    case_id, member, note = (str(uuid4()) for _ in range(3))
    reporter = {"name": NAMES["pushed"], "phone": PHONES["pushed"]}
    results = app.push(
        op("case", case_id, {"categories": ["unpaid_wages"], "summary": FLOWERS["pushed"],
                             "reporter": reporter, "shoe": FLOWERS["newer app"]}, create=True),
        op("member", member, {"case_id": case_id, "person.name": NAMES["pushed"],
                              "person.phone": PHONES["pushed"]}, create=True),
        op("note", note, {"case_id": case_id, "text": FLOWERS["pushed note"]}, create=True),
        op("contact_attempt", str(uuid4()), {"case_id": case_id, "channel": "call", "outcome": "no_answer",
                                             "note": FLOWERS["pushed attempt"]}, create=True),
        op("note", str(uuid4()), {"case_id": str(uuid4()), "text": FLOWERS["held"]}, create=True),
        op("note", str(uuid4()), {"case_id": case_id, "text": [FLOWERS["turned away"]]}, create=True),
        op("member", member, {"person.name": NAMES["changed"], "person.phone": PHONES["moved"]}),
        op("case", case_id, {"summary": FLOWERS["clash"]}, was={"summary": "something else"}),
    )  # fmt: skip
    assert set(statuses(results)) == {"applied", "held", "rejected", "merged"}
    notes = Collection(app, "note")
    notes.write(str(uuid4()), case_id=case_id, text=FLOWERS["rxdb note"])
    members = Collection(app, "member")
    members.write(str(uuid4()), case_id=case_id, person={"name": NAMES["rxdb"], "phone": PHONES["rxdb"]})
    for collection in (members, notes):
        collection.push()
        collection.pull()
    app.pull()
    held = str(app.docs)
    assert all(FLOWERS[name] in held for name in ("clash", "pushed note", "rxdb note", "newer app"))
    stage.kept("broken cursor", app.ask("GET", f"/v1/sync/pull?cursor={PHONES['pushed']}"))
    stage.kept("broken push", app.ask("POST", "/v1/sync/push", {"ops": FLOWERS["turned away"]}))
    stage.kept("broken row", app.ask("POST", "/v1/rxdb/note/push", [{"newDocumentState": NAMES["rxdb"]}]))


def phones_are_written_to_with_care(stage: Stage, worker: Worker) -> None:
    body = {"categories": ["unpaid_wages"], "phone": PHONES["case"], "destination_country": "TH"}
    case = stage.good(worker, "POST", "/v1/cases", body)
    base = f"/v1/cases/{case['id']}/phones"
    (phone,) = stage.good(worker, "GET", base)["items"]
    safe = {"may_text": "yes", "code_word": FLOWERS["code word"]}
    stage.good(worker, "PUT", f"{base}/{phone['id']}/safety", safe)
    stage.ask(worker, "PUT", f"{base}/{phone['id']}/safety", {**safe, "zone": NAMES["refused"]})
    stage.good(worker, "PUT", f"{base}/{phone['id']}/safety", {"may_text": "yes"})
    stage.here.clock.forward(hours=1)
    stage.good(worker, "POST", f"{base}/{phone['id']}/texts", {"text": FLOWERS["written"]})
    unsafe = {"text": f"អង្គការបានទទួលករណី {FLOWERS['refused']}"}
    assert stage.ask(worker, "POST", f"{base}/{phone['id']}/texts", unsafe).status_code == 422
    stage.here.send(stage.here.application.carriers[0])


def files_are_brought(stage: Stage, worker: Worker, base: str) -> None:
    inside = b"%PDF-1.7\n" + FLOWERS["in the file"].encode() * 400
    case_id, named = UUID(base.rpartition("/")[2]), f"{FLOWERS['file name']}.pdf"
    upload = Upload(stage.here, worker, case_id, inside, filename=named)
    assert upload.whole().status_code == 204
    look_after_all(stage.here)
    assert upload.file().content == inside
    torn = Upload(stage.here, worker, case_id, inside, filename=FLOWERS["refused"], filetype="text/x")
    stage.kept("unfit file", torn.announce())


def companies_are_named(stage: Stage, lead: Worker, base: str) -> None:
    coordinator = stage.here.a_worker(Role.COORDINATOR)
    party = {"kind": "broker", "name": NAMES["broker"], "country": "TH"}
    kept = stage.good(lead, "POST", f"{base}/parties", party)
    other = stage.good(coordinator, "POST", f"/v1/parties/{kept['id']}/names", {"name": FLOWERS["broker"]})
    assert {NAMES["broker"], FLOWERS["broker"]} <= set(other["names"])
    stage.ask(lead, "POST", f"{base}/parties", {**party, "kind": FLOWERS["broker"]})
    stage.ask(lead, "PATCH", f"{base}/circumstances", {"sector": NAMES["broker"]})
    stage.ask(coordinator, "GET", f"/v1/parties?like={NAMES['broker']}&kind={FLOWERS['broker']}")


def exports_are_made(stage: Stage, lead: Worker) -> None:
    """What holds no names is searched as it leaves; what does lies sealed, and its archive on no disk."""
    exports = stage.here.application.exports
    named = {"profile": "identified", "reason": FLOWERS["export"], "password": PASSWORD}
    wishes = [
        {"profile": "anonymised", "format": "csv"}, {"profile": "aggregate", "format": "json"},
        {"profile": "report", "format": "html"}, {"format": "xlsx", **named}, {"format": "ndjson", **named},
    ]  # fmt: skip
    asked = [stage.good(lead, "POST", "/v1/exports", {"locale": "km", **wish})["id"] for wish in wishes]
    stage.ask(
        lead, "POST", "/v1/exports", {"format": "csv", **named, "filters": {"code": [FLOWERS["export"]]}}
    )
    stage.ask(lead, "POST", "/v1/exports", {"format": "csv", **named, "password": FLOWERS["export"]})
    while exports.step(stage.here.clock.now()):
        pass
    for job_id, wish in zip(asked, wishes, strict=True):
        door = f"/v1/exports/{job_id}"
        assert stage.good(lead, "GET", door)["status"] == "done", wish
        for what in ("manifest", "codebook", *([] if wish["profile"] == "identified" else ["file"])):
            stage.errors[f"{wish['profile']} {what}"] = stage.ask(lead, "GET", f"{door}/{what}").content


def people_agree_and_are_protected(stage: Stage, worker: Worker, lead: Worker) -> None:
    child = {"name": NAMES["member"], "birth_date": "2012-03-04"}
    trained = {"trained_for_children": True}
    for one in (worker, lead):
        stage.good(lead, "PUT", f"/v1/workers/{one.id}/training", trained)
    opened = stage.good(worker, "POST", "/v1/cases", {"categories": ["unpaid_wages"], "members": [child]})
    base, member = f"/v1/cases/{opened['id']}", opened["members"][0]["id"]
    guardian = {"name": NAMES["guardian"], "phone": PHONES["guardian"]}
    stage.good(lead, "PUT", f"{base}/members/{member}/guardian", guardian)
    said = {"member_id": member, "purpose": "share_embassy", "state": "given", "by": "guardian",
            "channel": "call", "witness": NAMES["witness"]}  # fmt: skip
    referral = {"kind": "embassy", "recipient": FLOWERS["recipient"], "purpose": FLOWERS["purpose"],
                "data_items": ["name"], "reason": FLOWERS["referral"]}  # fmt: skip
    assert stage.ask(lead, "POST", f"{base}/referrals", referral).status_code == 403
    stage.good(lead, "POST", f"{base}/consents", said)
    stage.good(lead, "POST", f"{base}/referrals", referral)
    forced = {**referral, "kind": "labour_authority", "override": True, "reason": FLOWERS["override"] * 3}
    stage.good(lead, "POST", f"{base}/referrals", forced)
    wall = {"worker_id": str(stage.here.a_worker(name=NAMES["walled"]).id), "reason": FLOWERS["wall"]}
    stage.good(lead, "POST", f"{base}/walls", wall)
    stage.good(lead, "POST", f"{base}/legal-hold", {"reason": FLOWERS["hold"]})
    refused = {"all": True, "reason": FLOWERS["erasure"], "requested_by": "person"}
    assert stage.ask(lead, "POST", f"{base}/erasure", refused).status_code == 409
    now = stage.here.clock.now().isoformat()
    breach = {"kinds": ["lost_device"], "what": FLOWERS["breach"], "noticed_at": now}
    stage.good(lead, "POST", "/v1/breaches", breach)
    stage.ask(lead, "POST", "/v1/breaches", {**breach, "kinds": [FLOWERS["breach"]]})


def somebody_is_erased(stage: Stage, worker: Worker, lead: Worker) -> None:
    body = {"categories": ["unpaid_wages"], "reporter": {"name": NAMES["reporter"]}}
    case = stage.good(worker, "POST", "/v1/cases", body)
    asked = {"all": True, "reason": FLOWERS["erasure"], "requested_by": "person"}
    stage.good(lead, "POST", f"/v1/cases/{case['id']}/erasure", asked)


def on_disk(here: Installation) -> dict[str, bytes]:
    """Every file beside the database: what was uploaded, the ledger, the anchors; a backup of all of it."""
    settings = here.application.settings
    backup = settings.keys_file.with_name("backup")
    if here.office.database.is_sqlite:
        back_up(here.office, settings.files_dir, backup, now=here.clock.now(), told=lambda _: None)
    here.application.worker()
    beside = [settings.ledger_file, settings.anchors_file, backup]
    found = [*settings.files_dir.rglob("*"), *beside]
    return {str(path): path.read_bytes() for path in found if path.is_file()}
