"""Small ways to do harm, each closed: guesses, limits, silence, phones that are written beside people."""

import threading
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import select, update

from app.channels.cht.reading import arrival
from app.identity.rules import Role
from app.intake.tables import inbox
from app.kernel.phone import Phone
from app.outbox.rules import AUTOMATIC_AN_HOUR
from app.outbox.tables import outbox
from app.privacy.tables import mentions
from app.sync.tables import ops
from app.usecases.words import alert_about
from tests.conftest import ENGINE
from tests.field_app import FieldApp, op
from tests.makers import KHMER_UNPAID, Installation
from tests.protection_desk import Desk as ProtectionDesk

WORKERS_PHONE = "+85510000345"
RAW = b'{"from": "+66812345678", "content": "\xe1\x9e\x90\xe1\x9f\x85"}'


# A text without a carrier's id ----------------------------------------------------------------------------


def _keep(here: Installation, raw: bytes = RAW) -> int:
    with here.office.work(here.clock.now()) as uow:
        return uow.intake.keep([arrival("demo-th", raw)], here.clock.now())


def _names(here: Installation) -> list[str]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(inbox.c.carrier_id)).scalars())


def test_a_text_without_an_id_is_kept_once_under_a_name_by_which_no_guess_can_be_confirmed(
    here: Installation,
) -> None:
    assert (_keep(here), _keep(here)) == (1, 0)
    (name,) = _names(here)
    assert sha256(RAW).hexdigest() not in name
    assert _keep(here, RAW + b" ") == 1


def test_a_name_that_an_older_version_gave_is_keyed_and_still_the_same_text(here: Installation) -> None:
    _keep(here)
    (name,) = _names(here)
    with here.office.database.write() as connection:
        connection.execute(update(inbox).values(carrier_id=f"unnamed-{sha256(RAW).hexdigest()}"))
    here.application.forgetting.once(here.clock.now())
    assert _names(here) == [name]
    assert _keep(here) == 0


# A phone of which a carrier said that it takes no texts ---------------------------------------------------


def test_a_phone_that_writes_takes_texts_whatever_a_carrier_said_before(here: Installation) -> None:
    here.a_worker()
    phone = Phone("+66812345678")
    with here.office.work(here.clock.now()) as uow:
        uow.outbox.set_rule(uow.outbox.phone_index(phone), cannot_text_since=here.clock.now())
    here.clock.forward(minutes=5)
    here.a_text(KHMER_UNPAID, sender=phone.e164)
    with here.office.look() as uow:
        assert uow.outbox.rule_for(phone).cannot_text_since is None


# How many alerts a worker gets ----------------------------------------------------------------------------


def test_alerts_that_are_queued_at_one_moment_all_count(here: Installation) -> None:
    worker = here.a_worker(phone=WORKERS_PHONE)
    now = here.clock.now()
    together = threading.Barrier(4)

    def alerts() -> None:
        with here.office.work(now) as uow:
            alert_about(uow, [worker.id], worker.username, key="staff.get_in_touch", now=now)
            if ENGINE == "postgresql":
                together.wait(30)  # all of them are ready, and none has counted

    for _ in range(3):
        threads = [threading.Thread(target=alerts) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with here.office.database.read() as connection:
        asked = select(outbox.c.state).where(outbox.c.worker_id == worker.id)
        states = list(connection.execute(asked).scalars())
    assert len(states) == 12
    assert len([state for state in states if state != "held"]) == AUTOMATIC_AN_HOUR


# Phones that are written beside a person ------------------------------------------------------------------


def test_a_phone_written_beside_a_person_has_rules_of_its_own_and_says_whose_it_is(
    here: Installation,
) -> None:
    worker = here.a_worker()
    body = {"categories": ["unpaid_wages"], "reporter": {"name": "ម្ដាយ", "phone": "+85512345600"},
            "members": [{"name": "សុខា", "phone": "+66812345600"}]}  # fmt: skip
    base = f"/v1/cases/{here.ask(worker, 'POST', '/v1/cases', body).json()['id']}"
    added = {"members": [{"id": str(uuid4()), "name": "ស្រីពៅ", "phone": "+66812345601"}]}
    here.ask(worker, "POST", f"{base}/members", added)
    phones = here.ask(worker, "GET", f"{base}/phones").json()["items"]
    assert {one["phone"]: one["person"]["name"] for one in phones} == {
        "+85512345600": "ម្ដាយ", "+66812345600": "សុខា", "+66812345601": "ស្រីពៅ",
    }  # fmt: skip
    for one in phones:
        assert (
            here.ask(worker, "PUT", f"{base}/phones/{one['id']}/safety", {"may_text": "no"}).status_code
            == 200
        )
        text = {"text": "សូមទូរស័ព្ទមកវិញពេលទំនេរ"}
        assert (
            here.ask(worker, "POST", f"{base}/phones/{one['id']}/texts", text).json()["code"]
            == "unsafe_contact"
        )


def test_whoever_texts_from_a_phone_beside_a_person_is_heard_in_their_case(here: Installation) -> None:
    worker = here.a_worker()
    body = {"categories": ["unpaid_wages"], "reporter": {"name": "ម្ដាយ", "phone": "+85512345600"}}
    opened = here.ask(worker, "POST", "/v1/cases", body).json()
    assert str(here.a_case("កូនខ្ញុំមិនទាន់មកទេ", sender="+85512345600")) == opened["id"]


def test_a_phone_that_is_corrected_is_a_way_too_also_from_a_device(here: Installation) -> None:
    worker = here.a_worker()
    body = {"categories": ["unpaid_wages"], "members": [{"name": "សុខា"}]}
    opened = here.ask(worker, "POST", "/v1/cases", body).json()
    base, member = f"/v1/cases/{opened['id']}", opened["members"][0]["id"]
    here.ask(worker, "PATCH", f"{base}/members/{member}", {"person": {"phone": "+66812345602"}})
    app = FieldApp(here, worker)
    app.pull()
    app.push(op("member", member, {"person.phone": "+66812345603"}, was={"person.phone": "+66812345602"}))
    phones = here.ask(worker, "GET", f"{base}/phones").json()["items"]
    assert {"+66812345602", "+66812345603"} == {one["phone"] for one in phones}


def test_phones_that_an_older_version_did_not_know_as_ways_become_ways(here: Installation) -> None:
    desk = ProtectionDesk(here)
    path = f"/v1/cases/{desk.case_id}/phones"
    with here.office.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM case_phone")
    assert here.ask(desk.worker, "GET", path).json()["items"] == []
    for _ in range(2):
        here.application.forgetting.once(here.clock.now())
        assert len(here.ask(desk.worker, "GET", path).json()["items"]) == 1


def test_texts_go_first_before_each_step_of_what_an_older_version_left(here: Installation) -> None:
    for _ in range(2):
        ProtectionDesk(here)
    with here.office.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM case_phone")
    at_work: list[int] = []

    def make_way() -> None:
        with here.office.database.read() as connection:
            at_work.append(connection.exec_driver_sql("SELECT count(*) FROM case_phone").scalar_one())

    replace(here.application.forgetting, make_way=make_way).once(here.clock.now())
    assert at_work[0] == 0  # before anything was mended
    assert at_work[-1] == 2
    assert len(at_work) > 2


# What devices said ----------------------------------------------------------------------------------------


def test_what_devices_said_is_opened_once_and_found_by_whom_it_names(here: Installation) -> None:
    worker = here.a_worker()
    here.a_worker(Role.SUPERVISOR)
    case_id = str(here.a_case())
    app = FieldApp(here, worker)
    app.push(op("note", str(uuid4()), {"case_id": case_id, "text": "កំណត់ត្រា"}, create=True))
    with here.office.look() as uow:
        assert uow.mentions.anything_new()
    here.application.forgetting.once(here.clock.now())
    with here.office.look() as uow:
        assert not uow.mentions.anything_new()
    with here.office.database.read() as connection:
        named = {str(row) for row in connection.execute(select(mentions.c.about)).scalars()}
        (said,) = connection.execute(select(ops.c.id)).scalars()
    assert case_id in named
    with here.office.database.write() as connection:
        connection.execute(ops.delete().where(ops.c.id == said))
    app.push(op("note", str(uuid4()), {"case_id": case_id, "text": "ទីពីរ"}, create=True))
    here.application.forgetting.once(here.clock.now())
    with here.office.database.read() as connection:
        assert said not in set(connection.execute(select(mentions.c.row_id)).scalars())
