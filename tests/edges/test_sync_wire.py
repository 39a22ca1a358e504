"""What goes over the wire: compressed both ways, small when idle, older apps understood."""

import gzip
import json
import zlib
from typing import Any
from uuid import uuid4

import pytest

from tests.field_app import FieldApp, op, statuses
from tests.makers import Installation


def _push(app: FieldApp, body: bytes, encoding: str) -> Any:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    return app.ask("POST", "/v1/sync/push", content=body, headers=headers)


def _a_push(case_id: str) -> bytes:
    ops = [op("case", case_id, {"summary": "ខ្មែរ " * 300}, create=True)]
    return json.dumps({"ops": ops}, ensure_ascii=False).encode()


def test_a_compressed_push_is_read(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    answer = _push(app, gzip.compress(_a_push(str(uuid4()))), "gzip")
    assert statuses(answer.json()["results"]) == ["applied"]


def test_a_body_that_unpacks_to_too_much_is_refused_without_unpacking_all_of_it(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(b"0" * 2**20) for _ in range(200)) + bomb.flush()
    assert len(packed) < 2**20
    answer = _push(app, packed, "gzip")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no gzip at all", "gzip", 400),
        (gzip.compress(b'{"ops": []}')[:-4], "gzip", 400),
        (gzip.compress(b'{"ops": []}')[:8], "gzip", 400),
        (b"\x28\xb5\x2f\xfd", "zstd", 415),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", 415),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused_as_a_problem(
    here: Installation, body: bytes, encoding: str, status: int
) -> None:
    answer = _push(FieldApp(here, here.a_worker()), body, encoding)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_khmer_is_not_escaped_and_large_pages_are_compressed(here: Installation) -> None:
    worker = here.a_worker()
    app = FieldApp(here, worker)
    for _ in range(10):
        app.push(op("case", str(uuid4()), {"summary": "ខ្មែរ " * 100}, create=True))
    answer = app.ask("GET", "/v1/sync/pull", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "ខ្មែរ".encode() in answer.content
    assert b"\\u17" not in answer.content


def test_an_idle_pull_is_small_with_all_its_headers(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    app.pull()
    answer = app.ask("GET", "/v1/sync/pull", params={"cursor": app.cursor})
    heads = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    date = len("date: Mon, 08 Jun 2026 03:00:00 GMT\r\n")  # the server adds it
    assert len("HTTP/1.1 200 OK\r\n\r\n") + heads + date + len(answer.content) < 300


def test_an_older_app_is_shown_what_it_knows_and_loses_nothing_that_it_does_not(here: Installation) -> None:
    worker = here.a_worker()
    new, old = FieldApp(here, worker), FieldApp(here, worker, headers={"X-App-Schema": "1"})
    case_id, member_id = str(uuid4()), str(uuid4())
    wages = {"amount_minor": 5, "currency": "KRW"}
    new.push(
        op("case", case_id, {"summary": "ក"}, create=True),
        op("member", member_id, {"case_id": case_id, "wages_claimed": wages, "minor": True}, create=True),
    )
    old.pull()
    assert not {"wages_claimed", "minor"} & old.one("member", member_id).keys()
    assert "conflict" not in old.one("case", case_id)
    old.push(op("member", member_id, {"person": {"name": "សុខា"}}, was={"person": {"name": None}}))
    new.pull()
    held = new.one("member", member_id)
    assert (held["person"]["name"], held["wages_claimed"], held["minor"]) == ("សុខា", wages, True)
    old.headers.clear()
    old.pull()
    assert old.one("member", member_id)["wages_claimed"] == wages


@pytest.mark.parametrize("version", ["0", "x", "-1"])
def test_a_version_that_is_none_is_refused(here: Installation, version: str) -> None:
    app = FieldApp(here, here.a_worker(), headers={"X-App-Schema": version})
    assert app.ask("GET", "/v1/sync/pull").status_code == 422
