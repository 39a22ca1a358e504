"""What a broken phone may bring: no item sinks the others, and each becomes something that a human sees."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.cht import reading
from app.channels.cht.pieces import pieces, understood
from app.identity.rules import Role
from tests.makers import KHMER_UNPAID, Installation

GATEWAY, URL = "demo-th", "/gateways/cht/demo-th"


def post(here: Installation, body: bytes) -> int:
    auth = (GATEWAY, here.application.gateway_secrets[GATEWAY])
    return int(here.client.post(URL, content=body, auth=auth).status_code)


def an_item(**changes: object) -> bytes:
    return json.dumps({"id": str(uuid4()), "content": KHMER_UNPAID, **changes}).encode()


MALFORMED: dict[str, tuple[bytes, str]] = {
    "content null": (b'{"id":"b","from":"+66811111111","content":null}', "unreadable_text"),
    "content number": (b'{"id":"b","from":"+66811111111","content":7}', "unreadable_text"),
    "content list": (b'{"id":"b","from":"+66811111111","content":["x"]}', "unreadable_text"),
    "content absent": (b'{"id":"b","from":"+66811111111"}', "unreadable_text"),
    "content deep": (
        b'{"id":"b","from":"+66811111111","content":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "unreadable_text",
    ),
    "from an object": (b'{"id":"b","from":{"a":1},"content":"x"}', "unreadable_text"),
    "not an object": (b'"x"', "unreadable_text"),
    "null": (b"null", "unreadable_text"),
    "a number": (b"1" + b"0" * 6000, "unreadable_text"),
    "deep": (b"[" * 10_000 + b"]" * 10_000, "unreadable_text"),
    "no id": (b'{"from":"+66811111111","content":"x"}', "case"),
    "id null": (b'{"id":null,"from":"+66811111111","content":"x"}', "case"),
    "id an object": (b'{"id":{"a":[]},"from":"+66811111111","content":"x"}', "case"),
    "id a number": (b'{"id":12,"from":"+66811111111","content":"x"}', "case"),
    "id of 10 kB": (b'{"id":"' + b"i" * 10_000 + b'","from":"+66811111111","content":"x"}', "case"),
    "id with half a letter": (b'{"id":"\\ud83d","from":"+66811111111","content":"x"}', "case"),
    "id with NUL": (b'{"id":"a\\u0000b","from":"+66811111111","content":"x"}', "case"),
    "from absent": (b'{"id":"b","content":"x"}', "case"),
    "from empty": (b'{"id":"b","from":"","content":"x"}', "case"),
    "from a number": (b'{"id":"b","from":66811111111,"content":"x"}', "case"),
    "from with half a letter": (b'{"id":"b","from":"+66811111111\\ud83d","content":"x"}', "case"),
    "content with half a letter": (b'{"id":"b","from":"+66811111111","content":"x \\ud83d y"}', "case"),
    "content with NUL": (b'{"id":"b","from":"+66811111111","content":"x\\u0000y"}', "case"),
    "content not UTF-8": (b'{"id":"b","from":"+66811111111","content":"x \xff\xfe y"}', "case"),
    "times of all kinds": (
        b'{"id":"b","from":"+66811111111","content":"x","sms_sent":1e400,"sms_received":"now"}',
        "case",
    ),
    "something deep beside it": (
        b'{"id":"b","from":"+66811111111","content":"x","y":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_001,
        "case",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_item_sinks_no_batch_and_a_human_sees_it(here: Installation, name: str) -> None:
    raw, becomes = MALFORMED[name]
    here.a_worker()
    one, two = (an_item(id=f"good-{n}", **{"from": f"+6682222000{n}"}) for n in (1, 2))
    for _ in range(2):
        assert post(here, b'{"messages":[%b, %b ,%b]}' % (one, raw, two)) == 200
    for _ in range(6):
        here.receive()
        here.clock.forward(minutes=1)
    supervisor, coordinator = here.a_worker(Role.SUPERVISOR), here.a_worker(Role.COORDINATOR)
    kept = here.ask(supervisor, "GET", "/v1/intake").json()["items"]
    assert len(kept) == 3
    assert {"good-1", "good-2"} < {item["carrier_id"] for item in kept}
    cases = here.ask(supervisor, "GET", "/v1/cases").json()["items"]
    told = here.ask(coordinator, "GET", "/v1/tasks").json()["items"]
    unread = [task["subject_id"] for task in told if task["kind"] == "unreadable_text"]
    for case in cases:
        assert here.ask(supervisor, "GET", f"/v1/cases/{case['id']}/timeline").status_code == 200
    if becomes == "case":
        assert (len(cases), unread) == (3, [])
    else:
        assert len(cases) == 2
        assert unread == [item["id"] for item in kept if item["state"] == "quarantined"]


def test_ids_that_begin_alike_are_different_texts(here: Installation) -> None:
    here.a_worker()
    one, two = (an_item(id="i" * 10_000 + str(n), **{"from": f"+6681234000{n}"}) for n in (1, 2))
    assert post(here, b'{"messages":[%b,%b]}' % (one, two)) == 200
    assert here.receive() == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=6), JSON, st.sampled_from([None, 1]))
def test_the_pieces_of_a_list_are_its_items(items: list[object], other: object, indent: int | None) -> None:
    whole = {"before": other, "messages": items, "after": {"messages": [other]}}
    raw = json.dumps(whole, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    cut = pieces(raw, "messages")
    assert [json.loads(piece.decode("utf-8", "surrogatepass")) for piece in cut] == items
    assert all(piece in raw for piece in cut)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    try:
        poll = reading.parse(body)
    except reading.NotTheProtocol:
        return
    for item in poll.items:
        assert reading.arrival(GATEWAY, item).carrier_id


def test_what_nests_too_deep_is_cut_out_and_the_rest_is_read() -> None:
    deep = b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b', "b": 2}'
    assert understood(deep)["b"] == 2
    with pytest.raises(ValueError, match="Expecting"):
        understood(b"[" * 50_000)
