"""Twilio's door, through a real server: what it takes and keeps, and what it refuses."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest

from app.cases.tables import cases
from app.channels.twilio.reading import read
from app.intake.rules.incoming import IncomingText
from app.intake.tables import messages
from app.outbox.tables import outbox
from tests.makers import KHMER_UNPAID, Installation
from tests.peers import Answer, Params, sign, sign_json, with_body_hash
from tests.twilio_town import (
    DOOR,
    FORM,
    NUMBER,
    PUBLIC,
    SOMEBODY,
    TOKEN,
    Town,
    a_form,
    a_town,
    count,
    open_tasks,
    post_raw,
    refusals,
)

LIMIT = 64 * 1024


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install) as town:
        yield town


def stored_texts(town: Town) -> list[IncomingText]:
    """What stands in the inbox, read again from its raw form."""
    town_texts = []
    with town.here.office.work(town.here.clock.now()) as uow:
        while waiting := uow.intake.claim_next(town.here.clock.now()):
            text = read(waiting.raw, waiting.account)
            assert isinstance(text, IncomingText)
            town_texts.append(text)
            uow.intake.taken(waiting.id)
    return town_texts


# What people write, and how Twilio sends it ---------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        KHMER_UNPAID, "ជួយ\u200bខ្ញុំ\u200bផង", "😀🇰🇭", "a+b&c=d%e;f", "   three blanks before", "",
        "\u200b\u200d\u200f", "line\nbreak\r\nand\ttab", "%E1%9E", "ក" * 1600,
    ],
)  # fmt: skip
def test_every_text_is_taken_and_kept_as_it_was_written(town: Town, body: str) -> None:
    answer = town.text(body)
    assert (answer.status, answer.body) == (200, '<?xml version="1.0" encoding="UTF-8"?><Response/>')
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert [text.body for text in stored_texts(town)] == [body]


def test_a_nul_is_taken_and_left_out_of_the_words_only(town: Town) -> None:
    assert town.text("a\x00b").status == 200
    assert [text.body for text in stored_texts(town)] == ["ab"]


def test_parameters_that_nobody_announced_are_signed_too_and_do_no_harm(town: Town) -> None:
    extra = {"ChannelMetadata": '{"type":"ថ្មី"}', "Empty": "", "NumMedia": None, "ApiVersion": None}
    answer = town.carrier.inbound_text(DOOR, to=NUMBER, from_=SOMEBODY, body="x", extra=extra)
    assert answer.status == 200
    assert count(town.here) == 1


def test_no_parameters_at_all_is_kept_for_a_human_and_blocks_nothing(town: Town) -> None:
    assert town.carrier.post_signed(DOOR, {}).status == 200
    town.text()
    for _ in range(6):
        town.here.receive()
        town.here.clock.forward(minutes=5)
    assert open_tasks(town.here).count("unreadable_text") == 1
    assert count(town.here, cases) == 1


def test_repeated_parameters_are_signed_once_for_each_value(town: Town) -> None:
    form: Params = [*a_form().items(), ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")]
    assert town.carrier.post_signed(DOOR, form).status == 200


@pytest.mark.parametrize("sid", ["", "SM\x00\x00", "S" * 10_000, "ខ្មែរ\n"])
def test_strange_ids_are_still_one_arrival_each(town: Town, sid: str) -> None:
    form = a_form(MessageSid=sid, SmsSid=sid, AccountSid=sid)
    assert [town.carrier.post_signed(DOOR, form).status for _ in range(2)] == [200, 200]
    assert count(town.here) == 1


# Bodies that are no form -------------------------------------------------------------------------------


def post_json(town: Town, body: bytes, *, with_hash: bool = True, url: str = DOOR) -> Answer:
    target = with_body_hash(url, body) if with_hash else url
    return post_raw(town, target, body, sign_json(target, TOKEN), "application/json")


def test_json_without_its_hash_in_the_address_is_refused(town: Town) -> None:
    assert post_json(town, b'{"Body": "x"}', with_hash=False).status == 403
    assert count(town.here) == 0


def test_json_with_the_hash_of_another_body_is_refused(town: Town) -> None:
    target = with_body_hash(DOOR, b'{"Body": "x"}')
    answer = post_raw(town, target, b'{"Body": "y"}', sign_json(target, TOKEN), "application/json")
    assert answer.status == 403
    assert count(town.here) == 0


def test_json_with_its_hash_is_a_text_like_any_other(town: Town) -> None:
    form = a_form(Body=KHMER_UNPAID)
    body = json.dumps({**form, "NumMedia": 0, "Odd": None, "Half": "\ud83d"}).encode()
    assert [post_json(town, body).status for _ in range(2)] == [200, 200]
    assert town.carrier.post_signed(DOOR, form).status == 200
    assert count(town.here) == 1
    town.here.receive()
    assert count(town.here, cases) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[1]", b"[" * 60_000, b'"x"', b'{"From": ["+66812345678"]}', b"\xff\xfe",
        b'{"From": "+66812345678", "Body": "\\ud83d \\u0000"}',
        b'{"From": "+66812345678", "MessageSid": "\\ud83d", "AccountSid": "\\u0000"}',
    ],
)  # fmt: skip
def test_whatever_json_is_signed_is_kept_and_never_breaks_the_door(town: Town, body: bytes) -> None:
    answers = [post_json(town, body).status for _ in range(2)]
    assert answers == [200, 200]
    assert count(town.here) == 1
    for _ in range(6):
        town.here.receive()
        town.here.clock.forward(minutes=5)
    seen = count(town.here, messages) + open_tasks(town.here).count("unreadable_text")
    assert seen == 1


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/form-data; boundary=x", "application/xml"]
)
def test_other_kinds_of_bodies_are_refused(town: Town, content_type: str) -> None:
    form = a_form()
    answer = post_raw(town, DOOR, urlencode(form).encode(), sign(DOOR, form, TOKEN), content_type)
    assert answer.status == 403


def test_the_kind_of_body_may_be_written_in_capitals(town: Town) -> None:
    form = a_form()
    kind = "Application/X-WWW-Form-URLEncoded"
    assert post_raw(town, DOOR, urlencode(form).encode(), sign(DOOR, form, TOKEN), kind).status == 200


@pytest.mark.parametrize("body", [b"Body=\xff\xfe", b"\xe1\x9e", b"Body=%FF%E1", b"%%%=%zz", b"&&&==;"])
def test_bytes_that_are_no_text_are_refused_calmly(town: Town, body: bytes) -> None:
    signature = sign(DOOR, [("Body", "ក")], TOKEN)
    assert post_raw(town, DOOR, body, signature).status == 403
    assert count(town.here) == 0


def test_a_form_with_thousands_of_fields_is_refused(town: Town) -> None:
    form = {f"f{number}": "" for number in range(5_000)}
    assert town.carrier.post_signed(DOOR, form).status == 403


# Sizes and methods --------------------------------------------------------------------------------------


def test_a_body_above_64_kib_is_refused_before_anyone_looks_at_it(town: Town) -> None:
    form = a_form(Body="x" * LIMIT)
    before = refusals(town, "too_large")
    assert town.carrier.post_signed(DOOR, form).status == 413
    assert refusals(town, "too_large") == before + 1
    assert count(town.here) == 0


def test_a_body_that_does_not_say_how_long_it_is_is_refused_just_so(town: Town) -> None:
    form = a_form(Body="x" * LIMIT)
    body = urlencode(form).encode()

    def in_pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 8_000):
            yield body[start : start + 8_000]

    headers = {"Content-Type": FORM, "X-Twilio-Signature": sign(DOOR, form, TOKEN)}
    answer = httpx.post(f"{town.carrier.proxies[PUBLIC]}/twilio/sms", content=in_pieces(), headers=headers)
    assert answer.status_code == 413
    assert count(town.here) == 0


def test_a_body_of_just_64_kib_is_taken(town: Town) -> None:
    form = a_form(Body="")
    form["Body"] = "x" * (LIMIT - len(urlencode(form)))
    assert len(urlencode(form)) == LIMIT
    assert town.carrier.post_signed(DOOR, form).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("door", ["/twilio/sms", "/twilio/sms/status"])
def test_twilio_posts_and_nothing_else_is_understood(town: Town, method: str, door: str) -> None:
    answer = httpx.request(method, town.carrier.proxies[PUBLIC] + door)
    assert answer.status_code == 405


def test_no_door_redirects(town: Town) -> None:
    """A redirect would turn the POST into a GET and lose the text."""
    for door in ("/twilio/sms/", "/twilio/sms/status/", "//twilio/sms", "/twilio/SMS"):
        form = a_form()
        answer = town.carrier.post_signed(PUBLIC + door, form)
        assert answer.status == 404
    assert count(town.here) == 0


# Repeats -----------------------------------------------------------------------------------------------


def test_the_same_text_a_hundred_times_at_once_is_one_text_and_one_case(town: Town) -> None:
    town.here.a_worker()
    sid = f"SM{uuid4().hex}"
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: town.text(sid=sid), range(100)))
    assert [answer.status for answer in answers] == [200] * 100
    assert count(town.here) == 1
    town.here.receive()
    assert (count(town.here, messages), count(town.here, cases), count(town.here, outbox)) == (1, 1, 1)


def test_the_same_text_again_after_it_was_taken_changes_nothing(town: Town) -> None:
    sid = f"SM{uuid4().hex}"
    for _ in range(3):
        assert town.text(sid=sid).status == 200
        town.here.receive()
    assert (count(town.here), count(town.here, cases), count(town.here, outbox)) == (1, 1, 1)


def test_a_recorded_request_played_back_after_a_day_changes_nothing(town: Town) -> None:
    form = a_form(Body=KHMER_UNPAID)
    body, signature = urlencode(form).encode(), sign(DOOR, form, TOKEN)
    assert post_raw(town, DOOR, body, signature).status == 200
    town.here.receive()
    town.here.clock.forward(days=1, minutes=1)
    assert post_raw(town, DOOR, body, signature).status == 200
    town.here.receive()
    assert (count(town.here), count(town.here, messages), count(town.here, outbox)) == (1, 1, 1)


def test_the_same_words_under_a_new_id_are_kept_without_a_second_case_or_answer(town: Town) -> None:
    town.text()
    town.here.receive()
    town.here.clock.forward(minutes=5)
    town.text()
    town.here.receive()
    assert (count(town.here, messages), count(town.here, cases), count(town.here, outbox)) == (2, 1, 1)


def test_two_accounts_may_use_the_same_id(town: Town) -> None:
    form = a_form()
    other = {**form, "AccountSid": "AC" + "34" * 16}
    assert [town.carrier.post_signed(DOOR, one).status for one in (form, other)] == [200, 200]
    assert count(town.here) == 2


def test_the_hash_in_the_address_must_be_of_the_whole_body() -> None:
    """The peer that these tests sign with agrees with the plain definition."""
    url = with_body_hash(DOOR, b"{}")
    assert dict(parse_qsl(urlsplit(url).query)) == {"bodySHA256": hashlib.sha256(b"{}").hexdigest()}
