"""Whether a request really comes from Twilio: real signatures, through a real server."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.cases.tables import cases
from app.intake.tables import inbox, messages
from app.outbox.tables import outbox
from tests.makers import Installation
from tests.peers import sign
from tests.twilio_town import (
    DOOR,
    FORM,
    OTHER_TOKEN,
    PUBLIC,
    SETTINGS,
    SOMEBODY,
    STATUS,
    TOKEN,
    Town,
    a_form,
    a_town,
    count,
    post_raw,
    refusals,
    served,
)


@pytest.fixture
def town(install: Callable[..., Installation]) -> Iterator[Town]:
    with a_town(install) as town:
        yield town


@pytest.mark.parametrize(
    "rest",
    [
        "?tok=a%2Fb&x=", "?tok=a/b&x", "?a=%e1%9e%80", "?a=%E1%9E%80", "?a=+&b=%20", "?a=1&a=2&a=1", "?",
    ],
)  # fmt: skip
def test_the_query_is_signed_as_it_was_written(town: Town, rest: str) -> None:
    assert town.carrier.post_signed(DOOR + rest, a_form()).status == 200


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        ("?a=%e1", "?a=%E1"), ("?a=%E1", "?a=%e1"), ("?a=/", "?a=%2F"), ("?a=1&b=2", "?b=2&a=1"),
        ("?a=", "?a"), ("", "?a="), ("?a=", ""), ("?a=+", "?a=%20"),
    ],
)  # fmt: skip
def test_a_query_that_only_means_the_same_is_refused(town: Town, signed: str, sent: str) -> None:
    form = a_form()
    signature = sign(DOOR + signed, form, TOKEN)
    assert post_raw(town, DOOR + sent, urlencode(form).encode(), signature).status == 403
    assert count(town.here) == 0


def test_a_path_that_only_means_the_same_is_refused(town: Town) -> None:
    form = a_form()
    body, escaped = urlencode(form).encode(), f"{PUBLIC}/twilio/%73ms"
    assert post_raw(town, escaped, body, sign(DOOR, form, TOKEN)).status == 403
    assert post_raw(town, escaped, body, sign(escaped, form, TOKEN)).status == 200


@pytest.mark.parametrize(
    ("configured", "signed"),
    [
        ("https://hotline.example", "https://hotline.example:443"),
        ("https://hotline.example:443", "https://hotline.example"),
        ("https://hotline.example/", "https://hotline.example"),
        ("http://hotline.example", "http://hotline.example:80"),
        ("https://hotline.example:8443", "https://hotline.example:8443"),
        ("https://hotline.example:8443", "https://hotline.example"),
        ("https://name:word@hotline.example:8443", "https://name:word@hotline.example:8443"),
        ("https://hotline.example/spean", "https://hotline.example/spean"),
    ],
)
def test_the_port_may_be_written_or_not(
    install: Callable[..., Installation], configured: str, signed: str
) -> None:
    here = install(**{**SETTINGS, "public_base_url": configured})
    form = a_form()
    with served(here) as origin:
        headers = {
            "X-Twilio-Signature": sign(f"{signed}/twilio/sms", form, TOKEN), "Content-Type": FORM,
        }  # fmt: skip
        answer = httpx.post(f"{origin}/twilio/sms", content=urlencode(form), headers=headers)
    assert answer.status_code == 200


def test_every_configured_token_is_taken_so_that_one_can_be_replaced(town: Town) -> None:
    statuses = [
        town.carrier.post_signed(DOOR, a_form(), token=token).status for token in (TOKEN, OTHER_TOKEN)
    ]
    assert statuses == [200, 200]


def test_what_a_proxy_says_of_the_host_is_not_believed(town: Town) -> None:
    """Only the address that is configured counts."""
    form = a_form()
    elsewhere = sign("https://evil.example/twilio/sms", form, TOKEN)
    headers = {
        "Content-Type": FORM, "Host": "evil.example", "X-Forwarded-Host": "evil.example",
        "X-Twilio-Signature": elsewhere,
    }  # fmt: skip
    answer = httpx.post(
        f"{town.carrier.proxies[PUBLIC]}/twilio/sms", content=urlencode(form), headers=headers
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("door", [DOOR, STATUS])
def test_a_stranger_leaves_nothing_behind_but_a_count(town: Town, door: str) -> None:
    form = a_form()
    body = urlencode(form).encode()
    before = refusals(town, "signature")
    right = sign(door, form, TOKEN)
    wrong = [None, "", "x", right[:-1], right + "=", right.lower(), "=" * 5_000]
    answers = [post_raw(town, door, body, signature) for signature in wrong]
    answers += [town.carrier.post_signed(door, form, token="another")]
    assert {answer.status for answer in answers} == {403}
    assert {answer.body for answer in answers} == {""}
    assert refusals(town, "signature") == before + len(answers)
    tables = (inbox, messages, cases, outbox)
    town.here.receive()
    assert [count(town.here, table) for table in tables] == [0, 0, 0, 0]
    assert SOMEBODY not in town.here.client.get("/metrics").text


def test_a_signature_that_is_no_ascii_is_wrong_like_any_other(town: Town) -> None:
    headers = {b"X-Twilio-Signature": "ខ្មែរ".encode(), b"Content-Type": FORM.encode()}
    answer = httpx.post(f"{town.carrier.proxies[PUBLIC]}/twilio/sms", content=b"Body=x", headers=headers)
    assert answer.status_code == 403


def test_a_signature_for_one_door_opens_no_other(town: Town) -> None:
    form = a_form()
    assert post_raw(town, STATUS, urlencode(form).encode(), sign(DOOR, form, TOKEN)).status == 403


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=60)
@given(
    extra=st.dictionaries(_WORDS.filter(bool), _WORDS, max_size=6),
    query=st.lists(st.tuples(_WORDS, _WORDS), max_size=3),
    place=st.floats(0, 1, exclude_max=True),
)
def test_what_twilio_signed_is_taken_and_with_any_bit_flipped_it_is_not(
    town: Town, extra: dict[str, str], query: list[tuple[str, str]], place: float
) -> None:
    form = {**extra, **a_form()}
    url = DOOR + (f"?{urlencode(query)}" if query else "")
    body, signature = urlencode(form).encode(), sign(url, form, TOKEN)
    before = count(town.here)
    assert post_raw(town, url, body, signature).status == 200
    assert count(town.here) == before + 1

    bit = int(place * len(body) * 8)
    flipped = bytearray(body)
    flipped[bit // 8] ^= 1 << bit % 8
    read_again = parse_qsl(bytes(flipped).decode("utf-8", "replace"), keep_blank_values=True)
    # `%e1` and `%E1` are the same text, and Twilio's signature is the same for both.
    assume(sign(url, read_again, TOKEN) != signature)
    assert post_raw(town, url, bytes(flipped), signature).status == 403
    spoilt = bytearray(signature.encode())
    spoilt[bit % len(spoilt)] ^= 1
    assert post_raw(town, url, body, spoilt.decode()).status == 403
    assert count(town.here) == before + 1
