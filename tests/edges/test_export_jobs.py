"""Exports as a supervisor meets them: asked for, waited for, fetched in parts, and gone after a while."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from app.audit.tables import entries
from app.exports import jobs
from app.exports.rules.asking import Format, Profile, Wanted
from app.exports.tables import export_jobs
from app.identity.rules import Role, Worker
from app.identity.tables import workers
from tests.makers import KHMER_EXTENDED, KHMER_UNPAID, LOTUS, TONLE, Installation
from tests.signing import ask, sign_in

DOOR = "/v1/exports"
STRONG = "correct horse 47 staple"
ANONYMISED = {"profile": "anonymised", "format": "csv", "locale": "en"}
AGGREGATE = ANONYMISED | {"profile": "aggregate"}
IDENTIFIED = {
    "profile": "identified", "format": "csv", "locale": "en", "reason": "donor audit", "password": STRONG,
}  # fmt: skip


@pytest.fixture(name="supervisor")
def _supervisor(here: Installation) -> Worker:
    """Somebody in charge, with two cases in their organisation."""
    here.a_worker()
    for number, words in enumerate((KHMER_UNPAID, KHMER_EXTENDED)):
        here.a_case(words, sender=f"+6681000000{number}")
    return here.a_worker(Role.SUPERVISOR)


def asked(here: Installation, worker: Worker, **wish: Any) -> str:
    """An export that waits; its id."""
    answer = here.ask(worker, "POST", DOOR, json=ANONYMISED | wish)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "waiting"
    return str(answer.json()["id"])


def make_all(here: Installation) -> None:
    """Let the worker make everything that waits."""
    while here.application.exports.step(here.clock.now()):
        pass


def made(here: Installation, worker: Worker, **wish: Any) -> str:
    """An export that is done; its id."""
    job_id = asked(here, worker, **wish)
    make_all(here)
    assert see(here, worker, job_id)["status"] == "done", see(here, worker, job_id)
    return job_id


def see(here: Installation, worker: Worker, job_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = here.ask(worker, "GET", f"{DOOR}/{job_id}").json()
    return shown


def fetch(here: Installation, worker: Worker, job_id: str, **headers: str) -> Any:
    return here.ask(worker, "GET", f"{DOOR}/{job_id}/file", headers=headers)


def noted(here: Installation, job_id: str) -> list[tuple[str, str]]:
    """What the audit chain holds of an export: deed and who."""
    with here.office.database.read() as connection:
        rows = connection.execute(
            select(entries.c.action, entries.c.actor, entries.c.subject).order_by(entries.c.number)
        )
        return [(row.action, row.actor) for row in rows if str(row.subject) == job_id]


def test_an_export_is_asked_for_made_and_fetched(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor)
    assert here.ask(supervisor, "GET", DOOR).json()["items"][0]["id"] == job_id
    make_all(here)
    shown = see(here, supervisor, job_id)
    assert shown["status"] == "done"
    assert shown["expires_at"] == "2026-06-11T03:00:00Z"
    answer = fetch(here, supervisor, job_id)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert shown["file_name"] in answer.headers["content-disposition"]
    assert hashlib.sha256(answer.content).hexdigest() == shown["sha256"]
    assert len(answer.content) == shown["size_bytes"]
    assert answer.headers["etag"] == f'"{shown["sha256"]}"'
    manifest = here.ask(supervisor, "GET", f"{DOOR}/{job_id}/manifest").json()
    assert manifest["rows"] == shown["rows"] == shown["progress"]
    codebook = here.ask(supervisor, "GET", f"{DOOR}/{job_id}/codebook")
    assert (codebook.status_code, codebook.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert codebook.content.startswith(b"\xef\xbb\xbf")
    assert codebook.content.count(b"\r\n") > 20


def test_every_step_is_in_the_audit_chain_and_the_first_before_any_row(
    here: Installation, supervisor: Worker
) -> None:
    job_id, who = made(here, supervisor), str(supervisor.id)
    fetch(here, supervisor, job_id)
    fetch(here, supervisor, job_id, Range="bytes=0-3")
    assert noted(here, job_id) == [
        ("export.asked", who), ("export.started", who), ("export.finished", who),
        ("export.downloaded", who), ("export.downloaded", who),
    ]  # fmt: skip
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None


def test_the_audit_entry_stays_when_making_fails(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor)
    with here.office.database.write() as connection:
        connection.execute(text("ALTER TABLE case_member RENAME TO member_gone"))
        connection.execute(text("ALTER TABLE timer RENAME TO timer_gone"))
    states = []
    for _ in range(4):
        make_all(here)
        states.append(see(here, supervisor, job_id)["status"])
        here.clock.forward(minutes=3)
    assert states == ["waiting", "waiting", "failed", "failed"]
    failure = here.ask(supervisor, "GET", f"{DOOR}/{job_id}", headers={"Accept-Language": "km"}).json()[
        "failure"
    ]
    assert failure["code"] == "export.gave_up"
    assert not failure["title"].isascii()
    assert [deed for deed, _ in noted(here, job_id)] == [
        "export.asked", *["export.started"] * 3, "export.failed",
    ]  # fmt: skip
    assert fetch(here, supervisor, job_id).json()["code"] == "export.failed"
    assert list(here.application.export_files.names()) == []
    assert list(here.application.settings.scratch_dir.iterdir()) == []


def test_a_file_comes_in_parts_and_only_of_the_very_file_that_was_begun(
    here: Installation, supervisor: Worker
) -> None:
    job_id = made(here, supervisor)
    whole = fetch(here, supervisor, job_id)
    etag = whole.headers["etag"]
    first = fetch(here, supervisor, job_id, Range="bytes=0-9")
    rest = fetch(here, supervisor, job_id, Range="bytes=10-", **{"If-Range": etag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    assert first.headers["content-range"] == f"bytes 0-9/{len(whole.content)}"
    assert fetch(here, supervisor, job_id, Range="bytes=-4").content == whole.content[-4:]
    another = fetch(here, supervisor, job_id, Range="bytes=10-", **{"If-Range": '"another"'})
    assert (another.status_code, another.content) == (200, whole.content)
    beyond = fetch(here, supervisor, job_id, Range=f"bytes={len(whole.content)}-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")


def test_a_file_is_not_there_before_it_is_done(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor)
    for path in ("file", "manifest", "codebook"):
        answer = here.ask(supervisor, "GET", f"{DOOR}/{job_id}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (409, "export.not_ready")
    assert ("export.downloaded", str(supervisor.id)) not in noted(here, job_id)


def test_a_file_whose_time_is_over_is_gone_at_once_and_from_the_disk_with_the_next_step(
    here: Installation, supervisor: Worker
) -> None:
    job_id = made(here, supervisor)
    here.clock.forward(hours=71, minutes=59)
    assert fetch(here, supervisor, job_id).status_code == 200
    here.clock.forward(minutes=1)
    answer = fetch(here, supervisor, job_id)
    assert (answer.status_code, answer.json()["code"]) == (410, "export.expired")
    assert see(here, supervisor, job_id)["status"] == "expired"
    assert len(list(here.application.export_files.names())) == 1
    make_all(here)
    assert list(here.application.export_files.names()) == []
    assert see(here, supervisor, job_id)["status"] == "expired"
    assert noted(here, job_id)[-1] == ("export.expired", "exports")


def test_a_file_that_is_not_on_the_disk_is_gone(here: Installation, supervisor: Worker) -> None:
    job_id = made(here, supervisor)
    ((name, _),) = here.application.export_files.names()
    here.application.export_files.delete(name)
    assert fetch(here, supervisor, job_id).status_code == 410


def test_nobody_else_may_know_of_an_export(here: Installation, supervisor: Worker) -> None:
    job_id = made(here, supervisor)
    strangers = ((Role.SUPERVISOR, TONLE), (Role.SUPERVISOR, LOTUS), (Role.COORDINATOR, None))
    for role, organisation in strangers:
        other = here.a_worker(role, organisation)
        for path in ("", "/file", "/manifest", "/codebook", "delete"):
            method, where = ("DELETE", "") if path == "delete" else ("GET", path)
            answer = here.ask(other, method, f"{DOOR}/{job_id}{where}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert here.ask(other, "GET", DOOR).json()["items"] == []
    assert fetch(here, supervisor, job_id).status_code == 200


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.DUTY_LEAD, Role.ADMIN])
def test_others_may_ask_for_none(here: Installation, role: Role) -> None:
    worker = here.a_worker(role)
    for method, path in (("POST", DOOR), ("GET", DOOR), ("GET", f"{DOOR}/{uuid4()}")):
        body = ANONYMISED if method == "POST" else None
        answer = here.ask(worker, method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("change", [{"role": "duty_lead"}, {"active": False}, {"organisation_id": None}])
def test_an_export_of_somebody_who_changed_is_not_made(
    here: Installation, supervisor: Worker, change: dict[str, Any]
) -> None:
    job_id = asked(here, supervisor, **IDENTIFIED)
    with here.office.database.write() as connection:
        connection.execute(update(workers).where(workers.c.id == supervisor.id).values(**change))
    make_all(here)
    row = row_of(here, job_id)
    assert (row.state, row.failure, row.password) == ("failed", "export.asker_changed", None)
    assert noted(here, job_id)[-1][0] == "export.failed"
    assert list(here.application.export_files.names()) == []


def test_whoever_works_elsewhere_now_cannot_fetch_what_they_asked_for(
    here: Installation, supervisor: Worker
) -> None:
    job_id, elsewhere = made(here, supervisor), here.a_worker(Role.SUPERVISOR, LOTUS)
    with here.office.database.write() as connection:
        connection.execute(
            update(workers)
            .where(workers.c.id == supervisor.id)
            .values(organisation_id=elsewhere.organisation_id)
        )
    assert fetch(here, supervisor, job_id).status_code == 404
    assert here.ask(supervisor, "GET", DOOR).json()["items"] == []


def row_of(here: Installation, job_id: str) -> Any:
    with here.office.database.read() as connection:
        return next(row for row in connection.execute(select(export_jobs)) if str(row.id) == job_id)


def test_names_need_a_fresh_sign_in_and_numbers_do_not(here: Installation) -> None:
    here.a_worker(Role.SUPERVISOR, username="lead")
    token = sign_in(here, "lead").json()["access_token"]
    assert ask(here, token, "POST", DOOR, IDENTIFIED).status_code == 202
    here.clock.forward(minutes=11)
    stale = ask(here, token, "POST", DOOR, IDENTIFIED)
    assert (stale.status_code, stale.json()["code"]) == (401, "fresh_sign_in_needed")
    assert ask(here, token, "POST", DOOR, ANONYMISED).status_code == 202


def test_who_was_forced_to_sign_in_has_no_exports_and_may_ask_for_none(here: Installation) -> None:
    worker = here.a_worker(Role.SUPERVISOR, username="lead", phone="+85510000111")
    assert here.ask(worker, "PUT", "/v1/me/duress", {"password": "blue mango tree"}).status_code == 204
    job_id = made(here, worker)
    forced = sign_in(here, "lead", "blue mango tree").json()["access_token"]
    assert ask(here, forced, "GET", DOOR).json() == {"items": [], "next_cursor": None}
    for path in ("", "/file", "/manifest", "/codebook"):
        assert ask(here, forced, "GET", f"{DOOR}/{job_id}{path}").status_code == 404
    assert ask(here, forced, "DELETE", f"{DOOR}/{job_id}").status_code == 404
    for wish in (ANONYMISED, IDENTIFIED):
        assert ask(here, forced, "POST", DOOR, wish).status_code == 403
    assert fetch(here, worker, job_id).status_code == 200
    assert len(here.ask(worker, "GET", DOOR).json()["items"]) == 1


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (IDENTIFIED | {"reason": None}, "export.reason_needed"),
        (IDENTIFIED | {"reason": "  "}, "export.reason_needed"),
        (IDENTIFIED | {"password": None}, "export.password_needed"),
        (IDENTIFIED | {"password": "short 1"}, "export.weak_password"),
        (IDENTIFIED | {"password": "aaaaaaaaaaaa1"}, "export.weak_password"),
        (IDENTIFIED | {"password": "483920574839"}, "export.weak_password"),
        (IDENTIFIED | {"password": "ពាក្យសម្ងាត់វែងណាស់ 47"}, "export.weak_password"),
        (ANONYMISED | {"password": STRONG}, "export.password_unused"),
        (ANONYMISED | {"format": "html"}, "export.format_unfit"),
        (ANONYMISED | {"profile": "report"}, "export.format_unfit"),
        (ANONYMISED | {"cells": "labels"}, "export.cells_unfit"),
        (AGGREGATE | {"cells": "labels"}, "export.cells_unfit"),
        (IDENTIFIED | {"format": "ndjson", "cells": "labels"}, "export.cells_unfit"),
        (ANONYMISED | {"cells": "emoji"}, "validation"),
        (ANONYMISED | {"from": "2026-06-08", "to": "2026-06-06"}, "export.window_empty"),
        (ANONYMISED | {"filters": {"owner": "dara"}}, "export.filter_unknown"),
        (ANONYMISED | {"filters": {"sex": "feminine"}}, "export.filter_value_unknown"),
        (ANONYMISED | {"filters": {"destination_country": ["Thai"]}}, "export.filter_value_unknown"),
        (ANONYMISED | {"from": "2026-06-02", "to": "2026-06-06"}, "statistics.window_too_small"),
        (ANONYMISED | {"updated_since": "2026-06-02"}, "export.would_tell"),
        (AGGREGATE | {"updated_since": "2026-06-02"}, "export.would_tell"),
        (AGGREGATE | {"from": "2026-01-02", "to": "2026-03-31"}, "statistics.window_too_small"),
        (AGGREGATE | {"filters": {"owner": "dara"}}, "export.filter_unknown"),
        (IDENTIFIED | {"filters": {"favourite_colour": "red"}}, "export.filter_unknown"),
        (IDENTIFIED | {"filters": {"status": ["new", "old"]}}, "export.filter_value_unknown"),
        (IDENTIFIED | {"filters": {"organisation": "no-such"}}, "export.filter_value_unknown"),
        (ANONYMISED | {"filter": {"sex": "female"}}, "validation"),
        (ANONYMISED | {"profile": "everything"}, "validation"),
        (ANONYMISED | {"format": "pdf"}, "validation"),
        (ANONYMISED | {"from": "0001-01-01"}, "validation"),
        (ANONYMISED | {"filters": {"sex": []}}, "validation"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words_and_not_kept(
    here: Installation, wish: dict[str, Any], code: str
) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    answers = {
        language: here.ask(supervisor, "POST", DOOR, json=wish, headers={"Accept-Language": language})
        for language in ("km", "en")
    }
    assert {(one.status_code, one.json()["code"]) for one in answers.values()} == {(422, code)}
    assert answers["en"].json()["detail"].replace("’", "'").isascii()
    assert not answers["km"].json()["detail"].isascii()
    assert here.ask(supervisor, "GET", DOOR).json()["items"] == []


def test_a_wish_that_is_sent_twice_is_one_export(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    job_id = str(uuid4())
    first = here.ask(supervisor, "POST", DOOR, json=ANONYMISED | {"id": job_id})
    again = here.ask(supervisor, "POST", DOOR, json=ANONYMISED | {"id": job_id})
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    other = here.ask(supervisor, "POST", DOOR, json=ANONYMISED | {"id": job_id, "format": "json"})
    strange = here.ask(here.a_worker(Role.SUPERVISOR, LOTUS), "POST", DOOR, json=ANONYMISED | {"id": job_id})
    assert {(one.status_code, one.json()["code"]) for one in (other, strange)} == {(409, "id_conflict")}
    assert len(here.ask(supervisor, "GET", DOOR).json()["items"]) == 1


def test_nobody_fills_the_worker_with_exports(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    for _ in range(10):
        asked(here, supervisor)
    answer = here.ask(supervisor, "POST", DOOR, json=ANONYMISED)
    assert (answer.status_code, answer.json()["code"]) == (429, "export.too_many_open")
    assert asked(here, here.a_worker(Role.SUPERVISOR))


def test_exports_are_listed_newest_first_page_by_page(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    made_ids = []
    for _ in range(5):
        made_ids.append(asked(here, supervisor))
        here.clock.forward(seconds=1)
    found, path = [], f"{DOOR}?limit=2"
    while path:
        page = here.ask(supervisor, "GET", path).json()
        found += [item["id"] for item in page["items"]]
        path = f"{DOOR}?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert found == made_ids[::-1]


def test_what_is_deleted_is_gone_for_everybody_and_the_reason_stays(
    here: Installation, supervisor: Worker
) -> None:
    job_id = made(here, supervisor, **IDENTIFIED)
    assert here.ask(supervisor, "DELETE", f"{DOOR}/{job_id}").status_code == 204
    assert list(here.application.export_files.names()) == []
    assert see(here, supervisor, job_id)["code"] == "not_found"
    assert here.ask(supervisor, "DELETE", f"{DOOR}/{job_id}").status_code == 404
    row = row_of(here, job_id)
    assert (row.state, row.file_key, row.password) == ("expired", None, None)
    assert row.reason is not None
    assert noted(here, job_id)[-1] == ("export.deleted", str(supervisor.id))


def test_what_is_deleted_while_it_waits_is_never_made(here: Installation, supervisor: Worker) -> None:
    job_id = asked(here, supervisor, **IDENTIFIED)
    assert here.ask(supervisor, "DELETE", f"{DOOR}/{job_id}").status_code == 204
    make_all(here)
    row = row_of(here, job_id)
    assert (row.state, row.failure, row.password) == ("failed", "export.withdrawn", None)
    assert list(here.application.export_files.names()) == []


def test_an_export_that_nobody_asked_for_is_its_organisations(here: Installation, supervisor: Worker) -> None:
    assert supervisor.organisation_id is not None
    with here.office.work(here.clock.now()) as uow:
        job = jobs.ask_for_organisation(
            uow, supervisor.organisation_id, Wanted(Profile.ANONYMISED, Format.CSV, "km"), here.clock.now(),
            job_id=uuid4(),
        )  # fmt: skip
    assert job is not None
    make_all(here)
    job_id = str(job.id)
    colleague = here.a_worker(Role.SUPERVISOR)
    for one in (supervisor, colleague):
        assert [item["id"] for item in here.ask(one, "GET", DOOR).json()["items"]] == [job_id]
        assert fetch(here, one, job_id).status_code == 200
        assert here.ask(one, "DELETE", f"{DOOR}/{job_id}").status_code == 403  # it is not theirs alone
    for other in (here.a_worker(Role.SUPERVISOR, LOTUS), here.a_worker(Role.COORDINATOR)):
        assert fetch(here, other, job_id).status_code == 404
        assert here.ask(other, "GET", DOOR).json()["items"] == []
    assert [who for _, who in noted(here, job_id)[:3]] == ["exports"] * 3
