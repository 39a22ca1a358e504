"""Letting go, seen from outside: time, requests and their receipts, legal hold (H10, H19)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import Column, LargeBinary, Table, Uuid, func, select
from sqlmodel import SQLModel, UTCDateTime

from app.cases.tables import case_phones, cases, persons
from app.crypto.vault import Place
from app.identity.rules import Role
from app.intake.tables import contact_points, inbox
from app.outbox.tables import phone_rules, safe_contacts
from app.privacy.rules import from_json
from app.usecases import erasing
from tests.command_line import CommandLine
from tests.fakes import FakeCarrier
from tests.letting_go import CLOSING, MOTHER, MOTHERS_NAME, NAME, NOTE, SECRETS, SENDER, Office
from tests.makers import KHMER_UNPAID, LOTUS, Installation
from tests.message_town import a_message_town
from tests.sync_town import Phone
from tests.uploader import Upload, a_photo, files_on_disk, look_after_all


@pytest.fixture(name="desk")
def _desk(here: Installation) -> Office:
    return Office(here)


# Time (H10, H19) -----------------------------------------------------------------------------------------


def test_h10_words_of_texts_go_after_their_days_and_that_they_came_stays(desk: Office) -> None:
    desk.close()
    before = desk.ask("GET", "timeline", by=desk.supervisor).json()["items"]
    assert desk.retain(days=179).texts == 0
    assert desk.retain(days=2).texts == 1
    after = desk.ask("GET", "timeline", by=desk.supervisor).json()["items"]
    texts = [item for item in after if item["kind"].startswith("message.")]
    assert [item["id"] for item in before] == [item["id"] for item in after]
    assert texts
    assert {item["text"] for item in texts if item.get("to") != "worker"} == {None}
    opened = desk.opened()
    assert set(opened["message.body"]) == {""}
    assert NAME in opened["person.name"]
    assert desk.retain(days=1).texts == 0


def test_h10_an_open_case_keeps_its_words(desk: Office) -> None:
    gone = desk.retain(days=4_000)
    assert (gone.cases, gone.texts) == (0, 0)
    assert KHMER_UNPAID in desk.opened()["message.body"]


def test_h10_what_carriers_gave_us_goes_after_its_days(desk: Office) -> None:
    assert desk.retain(days=89).arrivals == 0
    assert desk.retain(days=2).arrivals == 1
    assert desk.opened()["inbox.raw"] == [""]
    assert desk.retain(days=1).arrivals == 0
    with desk.here.office.database.read() as connection:
        (row,) = connection.execute(select(inbox)).all()
    assert (row.state, row.message_id is not None) == ("taken", True)
    assert bytes(row.sender_index) != desk.here.office.vault.index("phone", SENDER)


def test_h19_after_its_months_a_closed_case_names_nobody_and_counts_as_before(desk: Office) -> None:
    desk.close()
    facts, counted = desk.facts(), desk.counted()
    assert desk.leaks()
    assert desk.retain(days=365 * 2 - 30).cases == 0
    gone = desk.retain(days=60)
    assert (gone.cases, gone.failed) == (1, 0)
    assert desk.leaks() == []
    assert desk.indexes() == []
    assert desk.facts() == facts
    counted["case_event"] += 1
    assert desk.counted() == counted
    assert desk.here.kinds(desk.case_id)[-1] == "case.pseudonymised"
    (member,) = desk.ask("GET", "", by=desk.supervisor).json()["members"]
    assert (member["person"]["name"], member["person"]["birth_date"]) == (None, "1991-01-01")
    assert len(desk.deeds("case.pseudonymised")) == 1


def test_h19_doing_it_twice_changes_nothing(desk: Office) -> None:
    desk.close()
    assert desk.retain(days=800).cases == 1
    assert desk.retain(days=1).cases == 0
    assert len(desk.deeds("case.pseudonymised")) == 1


def test_h19_a_category_with_a_longer_time_keeps_the_whole_case_for_it(desk: Office) -> None:
    assert desk.ask("PATCH", "", {"categories": ["unpaid_wages", "detention"]}).status_code == 200
    desk.close()
    assert desk.retain(days=365 * 5 - 20).cases == 0
    assert desk.retain(days=60).cases == 1


def test_h19_a_case_that_was_reopened_begins_its_time_anew(desk: Office) -> None:
    desk.close()
    desk.here.clock.forward(days=700)
    assert desk.ask("POST", "reopen", {"reason": "ម្ដងទៀត"}).status_code == 200
    assert desk.retain(days=400).cases == 0
    desk.close()
    assert desk.retain(days=700).cases == 0
    assert desk.retain(days=60).cases == 1


def test_h19_a_phone_that_another_case_needs_stays_and_the_old_case_no_longer_leads_to_it(
    desk: Office,
) -> None:
    desk.close()
    desk.here.clock.forward(days=700)
    second = desk.here.a_case("ជួយផង ថៅកែដកប៉ាស្ព័រ", sender=SENDER)
    assert second != desk.case_id
    assert desk.retain(days=60).cases == 1
    with desk.here.office.database.read() as connection:
        ways = connection.execute(select(case_phones.c.case_id)).scalars().all()
        numbers = connection.execute(select(contact_points.c.forgotten_at)).scalars().all()
    assert (ways, numbers) == ([second], [None])
    assert desk.ask("GET", "phones", by=desk.supervisor).json()["items"] == []


def test_h19_a_phone_that_wrote_once_and_led_to_no_case_is_forgotten_too(here: Installation) -> None:
    here.a_text("ឈប់", sender=MOTHER)
    here.clock.forward(days=800)
    assert here.application.forgetting.once(here.clock.now()).phones == 1
    assert here.application.forgetting.once(here.clock.now()).phones == 0
    point = here.office.vault.index("phone", MOTHER)
    with here.office.database.read() as connection:
        assert connection.execute(select(contact_points.c.phone_index)).scalar_one() != point
        # It asked for silence, and goes on having it.
        assert connection.execute(select(phone_rules.c.phone_index)).scalar_one() == point


def test_h19_one_case_that_cannot_be_handled_does_not_hold_up_the_others(desk: Office) -> None:
    desk.close()
    other = desk.here.a_case(sender=MOTHER)
    closing = desk.here.ask(desk.supervisor, "POST", f"/v1/cases/{other}/close", CLOSING)
    assert closing.status_code == 200
    with desk.here.office.database.write() as connection:
        connection.execute(cases.update().where(cases.c.id == other).values(summary=b"no seal"))
    gone = desk.retain(days=800)
    assert (gone.cases, gone.failed > 0) == (1, True)
    assert "case.pseudonymised" in desk.here.kinds(desk.case_id)


def test_h19_a_dry_run_says_what_would_go_and_changes_nothing(desk: Office, spean: CommandLine) -> None:
    desk.close()
    found = orjson.loads(spean.run("retain", "--at", "2029-01-01", "--json").out)
    assert (found["cases"], found["dry_run"]) == (1, True)
    assert desk.leaks()
    assert "1 would be made pseudonymous" in spean.run("retain", "--at", "2029-01-01").out


# On request (H19) ----------------------------------------------------------------------------------------


def test_h19_everything_of_an_open_case_goes_at_once_and_the_receipt_says_what(desk: Office) -> None:
    facts, counted = desk.facts(), desk.counted()
    receipt = desk.erase(all=True)
    assert receipt.status_code == 200
    told = receipt.json()
    assert told["counts"]["message"] >= 1
    assert told["counts"]["note"] == 1
    assert told["counts"]["person"] == 1
    assert told["counts"]["contact_point"] == 1
    assert told["kept_for_other_cases"] == {"phones": 0, "people": 0}
    assert (desk.leaks(), desk.indexes()) == ([], [])
    assert desk.facts() == facts
    counted["case_event"] += 1
    assert desk.counted() == counted
    (deed,) = desk.deeds("data.erased")
    assert (deed["erasure_id"], deed["digest"]) == (told["id"], told["digest"])


def test_h19_what_waits_to_be_sent_to_the_person_is_not_sent_any_more(desk: Office) -> None:
    (phone,) = desk.ask("GET", "phones").json()["items"]
    desk.ask("PUT", f"phones/{phone['id']}/safety", {"may_text": "yes"})
    written = desk.ask("POST", f"phones/{phone['id']}/texts", {"text": "សូមទូរស័ព្ទមកវិញពេលទំនេរ"})
    assert written.status_code == 201
    desk.erase(all=True)
    carrier = FakeCarrier("console")
    desk.here.send(carrier)
    assert [text for text in carrier.sent if text.to.e164 in {SENDER, ""}] == []


def test_h19_the_same_again_gets_the_same_receipt(desk: Office) -> None:
    first, again = desk.erase(all=True), desk.erase(all=True, reason="ម្ដងទៀត")
    assert first.json() == again.json()
    assert len(desk.deeds("data.erased")) == 1


def test_h19_one_persons_data_goes_and_the_others_stays(desk: Office) -> None:
    mother = str(uuid4())
    person = {"id": mother, "name": MOTHERS_NAME, "phone": MOTHER}
    assert desk.ask("POST", "members", {"members": [person]}).status_code < 300
    told = desk.erase(person_id=desk.member, notes="keep").json()
    assert told["person_id"] == desk.member
    assert told["notes_erased"] is False
    assert "note" not in told["counts"]
    opened = desk.opened()
    assert opened["person.name"] == [MOTHERS_NAME]
    assert NOTE in opened["note.text"]
    assert KHMER_UNPAID not in opened["message.body"]
    assert "safe_contact.code_word" not in opened
    with desk.here.office.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(safe_contacts)).scalar_one() == 0
    again = desk.erase(person_id=desk.member, notes="erase").json()
    assert again["counts"]["note"] == 1
    assert NOTE not in str(desk.opened())


def test_h19_a_stranger_or_a_caseworker_erases_nothing(desk: Office) -> None:
    asked = {"all": True, "reason": "ក", "requested_by": "person"}
    assert desk.ask("POST", "erasure", asked).status_code == 403
    stranger = desk.here.a_worker(Role.SUPERVISOR, organisation=LOTUS)
    assert desk.ask("POST", "erasure", asked, by=stranger).status_code == 404
    assert desk.erase(person_id=str(uuid4())).status_code == 404
    assert desk.erase(all=True, person_id=desk.member).json()["code"] == "validation"
    assert desk.erase().json()["code"] == "validation"
    assert desk.leaks()


def test_h19_a_receipt_that_was_changed_is_not_genuine(
    desk: Office, spean: CommandLine, tmp_path: Path
) -> None:
    receipt = desk.erase(all=True).json()

    def genuine(told: dict[str, Any]) -> bool:
        answer = desk.here.ask(desk.supervisor, "POST", "/v1/erasures/check", told)
        assert answer.status_code == 200
        return bool(answer.json()["genuine"])

    assert genuine(receipt)
    changes: list[dict[str, Any]] = [
        {"counts": {**receipt["counts"], "message": 99}}, {"case_id": str(uuid4())}, {"mac": "0" * 64},
        {"at": "2026-01-01T00:00:00Z"}, {"person_id": str(uuid4())}, {"notes_erased": False},
        {"kept_for_other_cases": {"phones": 1, "people": 0}}, {"digest": "0" * 64},
    ]  # fmt: skip
    assert not any(genuine({**receipt, **change}) for change in changes)
    file = tmp_path / "receipt.json"
    file.write_bytes(orjson.dumps(receipt))
    assert spean.run("erasures", "check", str(file)).status == 0
    file.write_bytes(orjson.dumps({**receipt, "mac": "0" * 64}))
    assert spean.run("erasures", "check", str(file)).status == 1
    file.write_bytes(b"{}")
    assert spean.run("erasures", "check", str(file)).status == 2


def test_h19_a_recording_goes_here_and_at_the_carrier_fetched_or_not(
    install: Callable[..., Installation],
) -> None:
    with a_message_town(install) as town:
        supervisor = town.here.a_worker(Role.SUPERVISOR)
        town.here.a_worker()
        town.leave()
        town.work()
        town.leave()
        first, second = sorted(town.rows, key=lambda row: row.announced_at)
        asked = {"all": True, "reason": "ក", "requested_by": "person"}
        case_id = town.cases[0].id
        answer = town.here.ask(supervisor, "POST", f"/v1/cases/{case_id}/erasure", asked)
        assert answer.json()["counts"]["recording"] == 2
        assert town.on_disk == []
        town.work()
        assert {row.state for row in town.rows} == {"erased"}
        assert {first.carrier_id, second.carrier_id} <= set(town.carrier.voice.deleted)
        assert town.hear(supervisor, first.id).status_code == 410


def test_h19_an_attachment_goes_with_its_file_and_its_name(desk: Office) -> None:
    upload = Upload(desk.here, desk.worker, desk.case_id, content=a_photo())
    upload.whole()
    look_after_all(desk.here)
    assert files_on_disk(desk.here)
    assert desk.erase(all=True).json()["counts"]["attachment"] == 1
    look_after_all(desk.here)
    assert files_on_disk(desk.here) == set()
    assert upload.file(desk.supervisor).status_code == 404
    shown = upload.shown(desk.supervisor).json()
    assert (shown["state"], shown["filename"], shown["sha256"]) == ("erased", "", "0" * 64)


def test_h19_after_a_restore_the_list_erases_again_what_was_erased(desk: Office, spean: CommandLine) -> None:
    receipt = desk.erase(all=True).json()
    (listed,) = orjson.loads(spean.run("erasures", "list", "--json").out)
    assert from_json(listed) == from_json(receipt)
    # An older copy: the words are there again.
    with desk.here.office.database.write() as connection:
        connection.execute(persons.update().values(
            name=desk.here.office.vault.seal(NAME, Place("person", UUID(desk.member), "name"))
        ))  # fmt: skip
        connection.execute(SQLModel.metadata.tables["erasure"].delete())
    assert desk.leaks() == ["person.name"]
    now = desk.here.clock.forward(days=1)
    forged = replace(from_json(listed), case_id=uuid4())
    with desk.here.office.work(now) as uow:
        again = erasing.reapply(uow, [from_json(listed), forged], now=now)
    assert (again.erasures, again.rows, again.unknown) == (1, 1, 1)
    assert desk.leaks() == []
    with desk.here.office.work(now) as uow:
        assert erasing.reapply(uow, [from_json(listed)], now=now).rows == 0
    assert desk.erase(all=True).json() == receipt


# Legal hold stops both -----------------------------------------------------------------------------------


@pytest.fixture(name="holds")
def _holds(here: Installation) -> Iterator[Table]:
    """The table of legal holds; made for this test alone where the program has none yet."""
    known = SQLModel.metadata.tables.get("legal_hold")
    if known is not None:
        yield known
        return
    made = Table(
        "legal_hold", SQLModel.metadata, Column("id", Uuid(), primary_key=True), Column("case_id", Uuid()),
        Column("reason", LargeBinary(), info={"sealed": {"row": "id", "field": None, "kind": None}}),
        Column("held_by", Uuid()), Column("at", UTCDateTime()),
        Column("lifted_at", UTCDateTime()),
    )  # fmt: skip
    with here.office.database.write() as connection:
        made.create(connection)
    yield made
    SQLModel.metadata.remove(made)


def test_h19_a_legal_hold_stops_time_and_requests(desk: Office, holds: Table) -> None:
    desk.close()
    desk.hold(holds)
    assert desk.erase(all=True).json()["code"] == "erasure.legal_hold"
    gone = desk.retain(days=4_000)
    assert (gone.cases, gone.texts, gone.arrivals, gone.failed) == (0, 0, 0, 0)
    assert KHMER_UNPAID in desk.opened()["message.body"]
    with desk.here.office.database.write() as connection:
        connection.execute(holds.update().values(lifted_at=desk.here.clock.now()))
    # The reason of a hold that was lifted goes with the case.
    assert desk.retain(days=1).cases == 1
    assert desk.leaks() == []


def test_h19_a_legal_hold_keeps_recordings_beyond_their_days(
    install: Callable[..., Installation],
) -> None:
    with a_message_town(install, recording_days=30) as town:
        town.here.a_worker()
        town.leave()
        town.work()
        with town.here.office.look() as uow:
            assert uow.timing.held_recordings() == frozenset()
        before = town.here.clock.forward(days=40)
        with town.here.office.work(before) as uow:
            assert uow.recordings.claim_old(before, limit=9, but=[town.row.id]) == []
        assert town.retention.once(before).recordings == 1


def test_h19_devices_get_the_case_without_the_words(desk: Office) -> None:
    phone = Phone(desk.here, desk.worker)
    phone.pull()
    assert NOTE in str(phone.docs)
    assert NAME in str(phone.docs)
    desk.erase(all=True)
    assert phone.pull() > 0
    assert [secret for secret in SECRETS if secret in str(phone.docs)] == []
    assert ("case", str(desk.case_id)) in phone.docs


def test_h19_what_a_device_sent_word_for_word_goes_too(desk: Office) -> None:
    phone = Phone(desk.here, desk.worker)
    phone.pull()
    phone.write("note", str(uuid4()), {"case_id": str(desk.case_id), "text": NOTE}, create=True)
    phone.push()
    assert "sync_op.said" in desk.leaks()
    assert desk.erase(all=True).json()["counts"]["sync_op"] == 1
    assert desk.leaks() == []
