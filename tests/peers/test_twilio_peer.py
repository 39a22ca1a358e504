"""The fake Twilio is as strict as it says, signs as Twilio does, and goes wrong on request."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import MultiDict
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.peers import Fault, Heard, Loopback, Reply, segments, twilio, web_client
from tests.peers.twilio import FakeTwilio, sign, sign_json, silence, with_body_hash

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "not-a-secret"
OURS, THEIRS = "+855312345678", "+66812345678"
PUBLIC = "https://hotline.example"
KHMER = "ខ្ញុំ\u200bត្រូវ\u200bការ\u200bជំនួយ"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture(name="carrier")
def _carrier() -> Iterator[FakeTwilio]:
    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, clock=lambda: NOON) as carrier:
        yield carrier


@pytest.fixture(name="api")
def _api(carrier: FakeTwilio) -> Iterator[httpx.Client]:
    base = f"{carrier.base_url}/2010-04-01/Accounts/{ACCOUNT}"
    with web_client(5) as client:
        client.base_url, client.auth = httpx.URL(base), httpx.BasicAuth(ACCOUNT, TOKEN)
        yield client


@pytest.fixture(name="door")
def _door() -> Iterator[Loopback]:
    with Loopback(lambda _: Reply(200, b"<Response/>", {"Content-Type": "text/xml"})) as door:
        yield door


def a_text(**changes: str | None) -> dict[str, str]:
    params = {"To": THEIRS, "From": OURS, "Body": KHMER} | changes
    return {name: value for name, value in params.items() if value is not None}


def is_signed(heard: Heard, url: str, token: str = TOKEN) -> bool:
    form = dict(parse_qsl(heard.body.decode(), keep_blank_values=True))
    return bool(RequestValidator(token).validate(url, form, heard.headers["x-twilio-signature"]))


@given(params=st.dictionaries(words, words), token=words)
def test_twilios_own_validator_accepts_a_form_signature(params: dict[str, str], token: str) -> None:
    url = f"{PUBLIC}/twilio/sms?tok=a%2Fb&x="
    assert RequestValidator(token).validate(url, params, sign(url, params, token))
    assert not RequestValidator(token + "x").validate(url, params, sign(url, params, token))
    assert not RequestValidator(token).validate(f"{url}1", params, sign(url, params, token))


@given(pairs=st.lists(st.tuples(st.sampled_from(["A", "B", "Ab"]), words)))
def test_twilios_own_validator_accepts_parameters_given_twice(pairs: list[tuple[str, str]]) -> None:
    url, form = f"{PUBLIC}/twilio/sms", MultiDict(pairs)
    assert RequestValidator(TOKEN).validate(url, form, sign(url, pairs, TOKEN))


@given(body=words)
def test_a_json_signature_covers_the_body_through_its_hash(body: str) -> None:
    for plain in (f"{PUBLIC}/events", f"{PUBLIC}/events?a=1"):
        url = with_body_hash(plain, body.encode())
        assert RequestValidator(TOKEN).validate(url, body, sign_json(url, TOKEN))
        assert not RequestValidator(TOKEN).validate(url, body + " ", sign_json(url, TOKEN))


def test_twilios_own_library_creates_reads_lists_and_deletes_a_text(carrier: FakeTwilio) -> None:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = carrier.base_url
    made = client.messages.create(to=THEIRS, from_=OURS, body=KHMER, validity_period=600)
    assert (made.status, made.date_sent, made.body) == ("queued", None, KHMER)
    assert [text.sid for text in client.messages.list(to=THEIRS, date_sent_after=NOON)] == [made.sid]
    carrier.message(str(made.sid)).status = "delivered"
    assert client.messages(str(made.sid)).fetch().status == "delivered"
    assert client.messages(str(made.sid)).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.messages(str(made.sid)).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)
    assert client.messages.list() == []
    (text,) = carrier.messages
    assert (text.to, text.from_, text.params["ValidityPeriod"]) == (THEIRS, OURS, "600")


def test_twilios_own_library_starts_and_reads_a_call(carrier: FakeTwilio) -> None:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = carrier.base_url
    made = client.calls.create(to=THEIRS, from_=OURS, url=f"{PUBLIC}/twilio/voice", timeout=25)
    assert client.calls(str(made.sid)).fetch().status == "queued"
    assert carrier.calls[0].params["Timeout"] == "25"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21604),
        ({"Body": None}, 21602),
        ({"Body": ""}, 21602),
        ({"From": None}, 21603),
        ({"To": "0812345678"}, 21211),
        ({"To": "+66 81 234 5678"}, 21211),
        ({"To": OURS}, 21266),
        ({"From": "+1"}, 21212),
        ({"From": None, "MessagingServiceSid": "MGx"}, 21701),
        ({"Body": "x" * 1601}, 21617),
        ({"Body": "🙏" * 801}, 21617),
        ({"ValidityPeriod": "0"}, 21624),
        ({"ValidityPeriod": "36001"}, 21624),
        ({"ValidityPeriod": "10.5"}, 21624),
        ({"StatusCallback": "/twilio/sms/status"}, 21609),
        ({"Boddy": "a typing error"}, 20001),
    ],
)
def test_a_wrong_text_is_refused_with_its_code(
    carrier: FakeTwilio, api: httpx.Client, changes: dict[str, str | None], code: int
) -> None:
    answer = api.post("/Messages.json", data=a_text(**changes))
    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert (answer.json()["code"], answer.json()["status"]) == (code, 400)
    assert carrier.messages == []


@pytest.mark.parametrize(
    "changes",
    [
        {"Body": "🙏" * 800},
        {"ValidityPeriod": "36000"},
        {"From": "Spean"},
        {"From": None, "MessagingServiceSid": "MG" + "0" * 32},
        {"StatusCallback": f"{PUBLIC}/twilio/sms/status#rc=5&rp=all"},
    ],
)
def test_a_text_at_the_edge_is_accepted(api: httpx.Client, changes: dict[str, str | None]) -> None:
    answer = api.post("/Messages.json", data=a_text(**changes))
    assert answer.status_code == 201
    assert len(answer.json()) == 20


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21201),
        ({"From": None}, 21213),
        ({"To": "1234"}, 21211),
        ({"From": "Spean"}, 21210),
        ({"Url": None}, 21205),
        ({"Url": "voice"}, 21205),
        ({"Method": "PUT"}, 21200),
        ({"Timeout": "601"}, 21200),
        ({"Body": "a call has none"}, 20001),
    ],
)
def test_a_wrong_call_is_refused_with_its_code(
    api: httpx.Client, changes: dict[str, str | None], code: int
) -> None:
    answer = api.post("/Calls.json", data=a_text(**{"Body": None, "Url": f"{PUBLIC}/voice"} | changes))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_only_numbers_of_the_account_may_send_and_opted_out_people_get_nothing() -> None:
    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, numbers=[OURS]) as carrier:
        carrier.opted_out.add(THEIRS)
        url = f"{carrier.base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        for changes, code in (({"From": "+12025550100"}, 21606), ({}, 21610)):
            answer = httpx.post(url, data=a_text(**changes), auth=(ACCOUNT, TOKEN), trust_env=False)
            assert answer.json()["code"] == code


def test_wrong_credentials_doors_and_bodies_are_refused(carrier: FakeTwilio, api: httpx.Client) -> None:
    for auth in ((ACCOUNT, "wrong"), ("AC" + "0" * 32, TOKEN)):
        answer = api.post("/Messages.json", data=a_text(), auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    other = api.get(f"{carrier.base_url}/2010-04-01/Accounts/AC{'0' * 32}/Messages.json")
    assert (other.status_code, other.json()["code"]) == (404, 20404)
    assert api.put("/Messages.json", data=a_text()).json()["code"] == 20004
    assert api.post("/Messages.json", json=a_text()).json()["code"] == 20001
    assert api.get("/Calls/CA" + "0" * 32 + ".json").status_code == 404
    assert carrier.messages == []
    assert len(carrier.requests) == 6


def test_a_text_in_progress_cannot_be_deleted(carrier: FakeTwilio, api: httpx.Client) -> None:
    sid = api.post("/Messages.json", data=a_text()).json()["sid"]
    refused = api.delete(f"/Messages/{sid}.json")
    assert (refused.status_code, refused.json()["code"]) == (409, 20009)
    carrier.message(sid).status = "sent"
    assert api.delete(f"/Messages/{sid}.json").status_code == 204
    assert api.delete(f"/Messages/{sid}.json").status_code == 404


def test_the_list_finds_texts_by_number_and_time_also_those_never_posted() -> None:
    moment = NOON
    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, clock=lambda: moment) as carrier:
        old = carrier.unposted_text(to=OURS, from_=THEIRS, body=KHMER).sid
        moment = NOON + timedelta(days=1)
        new = carrier.unposted_text(to=OURS, from_=THEIRS, body="later").sid
        other = carrier.unposted_text(to=THEIRS, from_=OURS, body="other way").sid
        url = f"{carrier.base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

        def found(params: dict[str, str]) -> set[str]:
            answer = httpx.get(url, params=params, auth=(ACCOUNT, TOKEN), trust_env=False)
            return {text["sid"] for text in answer.json()["messages"]} if answer.is_success else {"refused"}

        assert found({}) == {old, new, other}
        assert len(carrier.message(old).resource(ACCOUNT)) == 20
        assert found({"To": OURS}) == {old, new}
        assert found({"From": OURS}) == {other}
        assert found({"To": OURS, "DateSent>": "2026-03-02T12:00:00Z"}) == {new}
        assert found({"To": OURS, "DateSent<": "2026-03-01T12:00:00Z"}) == {old}
        assert found({"DateSent": "2026-03-01"}) == {old}
        assert found({"DateSent>": "2026-03-02T12:00:01Z"}) == set()
        for wrong in ({"DateSent": "yesterday"}, {"Body": "x"}, {"PageSize": "1001"}, {"Page": "1"}):
            assert found(wrong) == {"refused"}


def test_pages_of_the_list_join_without_gap_or_repeat(carrier: FakeTwilio, api: httpx.Client) -> None:
    sids = [carrier.unposted_text(to=OURS, from_=THEIRS, body=str(number)).sid for number in range(5)]
    seen: list[str] = []
    onward: str | None = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageSize=2"
    while onward:
        page = api.get(carrier.base_url + onward).json()
        seen += [text["sid"] for text in page["messages"]]
        onward = page["next_page_uri"]
    assert sorted(seen) == sorted(sids)
    assert len(carrier.requests) == 3


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (twilio.TOO_MANY, 429, 20429),
        (twilio.BROKEN, 500, 20500),
        (twilio.UNAVAILABLE, 503, 20503),
        (twilio.refusal(30007), 400, 30007),
    ],
)
def test_a_fault_hits_one_request_and_the_next_goes_through(
    carrier: FakeTwilio, api: httpx.Client, fault: Fault, status: int, code: int
) -> None:
    carrier.fail_next(fault)
    failed = api.post("/Messages.json", data=a_text())
    assert (failed.status_code, failed.json()["code"]) == (status, code)
    assert carrier.messages == []
    assert api.post("/Messages.json", data=a_text()).status_code == 201
    assert (len(carrier.messages), len(carrier.requests)) == (1, 2)


def test_a_queue_of_faults_is_served_in_order_with_good_answers_between(
    carrier: FakeTwilio, api: httpx.Client
) -> None:
    carrier.fail_next(twilio.BAD_GATEWAY, None, twilio.refusal(21610))
    answers = [api.post("/Messages.json", data=a_text()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 201, 400]
    assert answers[0].text.startswith("<html>")
    assert len(carrier.messages) == 1


@pytest.mark.parametrize("accepted", [True, False])
def test_a_time_out_leaves_the_text_accepted_or_not(
    carrier: FakeTwilio, api: httpx.Client, *, accepted: bool
) -> None:
    carrier.fail_next(silence(30, accepted=accepted))
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        api.post("/Messages.json", data=a_text(), timeout=0.1)
    assert time.monotonic() - began < 5
    found = api.get("/Messages.json", params={"To": THEIRS, "DateSent>": "2026-03-01"}).json()["messages"]
    assert [text["body"] for text in found] == [KHMER] * accepted
    assert len(carrier.messages) == accepted


@pytest.mark.parametrize(
    "fault", [twilio.RESET, Fault(reset=True, accepted=True), silence(0, accepted=False)]
)
def test_a_broken_line_brings_no_answer(carrier: FakeTwilio, api: httpx.Client, fault: Fault) -> None:
    carrier.fail_next(fault)
    with pytest.raises(httpx.TransportError) as broken:
        api.post("/Messages.json", data=a_text())
    assert isinstance(broken.value, httpx.ReadError if fault.reset else httpx.RemoteProtocolError)
    assert len(carrier.messages) == fault.accepted


def test_many_clients_at_once_lose_nothing(carrier: FakeTwilio, api: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: api.post("/Messages.json", data=a_text(Body=str(n))), range(64)))
    assert {answer.json()["sid"] for answer in answers} == {text.sid for text in carrier.messages}
    assert len(carrier.messages) == 64


def test_statuses_are_posted_signed_to_the_public_address_behind_the_proxy(
    carrier: FakeTwilio, api: httpx.Client, door: Loopback
) -> None:
    carrier.proxies[PUBLIC] = door.base_url
    callback = f"{PUBLIC}/twilio/sms/status?tok=a%2fb<c>&x="
    sid = api.post("/Messages.json", data=a_text(StatusCallback=f"{callback}#rc=5&rp=all")).json()["sid"]
    answers = carrier.deliver(sid, "sent", "undelivered", error_code=30003, times=2)
    assert [answer.status for answer in answers] == [200] * 4
    told = [dict(heard.form) for heard in door.heard]
    assert [one["MessageStatus"] for one in told] == ["sent", "sent", "undelivered", "undelivered"]
    assert [one.get("ErrorCode") for one in told] == [None, None, "30003", "30003"]
    assert all(is_signed(heard, callback) for heard in door.heard)
    assert {heard.target for heard in door.heard} == {"/twilio/sms/status?tok=a%2fb<c>&x="}
    assert api.get(f"/Messages/{sid}.json").json()["error_code"] == 30003


def test_statuses_can_come_in_the_wrong_order_while_the_text_ends_rightly(
    carrier: FakeTwilio, api: httpx.Client, door: Loopback
) -> None:
    sid = api.post("/Messages.json", data=a_text(StatusCallback=f"{door.base_url}/status")).json()["sid"]
    carrier.callbacks_out_of_order(sid, "sending", "sent", "delivered")
    told = [dict(heard.form) for heard in door.heard]
    assert [one["MessageStatus"] for one in told] == ["delivered", "sent", "sending"]
    assert [one.get("RawDlrDoneDate") for one in told] == ["2603011900", None, None]
    assert carrier.message(sid).status == "delivered"
    with pytest.raises(ValueError, match="arrived"):
        carrier.deliver(sid, "arrived")


@pytest.mark.parametrize("body", [KHMER, "", "  +&=%\u200b ", "🙏\u0000"])
def test_an_inbound_text_is_signed_for_the_public_address_and_sent_to_the_real_one(
    carrier: FakeTwilio, door: Loopback, body: str
) -> None:
    url = f"{PUBLIC}/twilio/sms"
    answer = carrier.inbound_text(url, to=OURS, from_=THEIRS, body=body, base_url_override=door.base_url)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, "<Response/>", "text/xml")
    (heard,) = door.heard
    form = dict(heard.form)
    assert (form["Body"], form["From"], form["FromCountry"], form["ToCountry"]) == (body, THEIRS, "TH", "KH")
    assert form["MessageSid"] == carrier.inbound[0].sid
    assert is_signed(heard, url)
    assert not is_signed(heard, f"{door.base_url}/twilio/sms")


def test_a_repeat_a_forgery_and_odd_parameters_are_as_asked(carrier: FakeTwilio, door: Loopback) -> None:
    url, sid = f"{door.base_url}/twilio/sms", "SM" + "1" * 32
    for token, extra in ((None, None), ("forged", None), (None, {"NewIn2027": "x", "NumMedia": None})):
        carrier.inbound_text(url, to=OURS, from_=THEIRS, body="a", sid=sid, token=token, extra=extra)
    assert [is_signed(heard, url) for heard in door.heard] == [True, False, True]
    assert {dict(heard.form)["MessageSid"] for heard in door.heard} == {sid}
    assert [text.sid for text in carrier.inbound] == [sid]
    last = dict(door.heard[-1].form)
    assert last["NewIn2027"] == "x"
    assert "NumMedia" not in last


def test_a_redirect_is_handed_back_and_not_followed(carrier: FakeTwilio) -> None:
    with Loopback(lambda _: Reply(307, b"", {"Location": "/twilio/sms/"})) as door:
        answer = carrier.inbound_text(f"{door.base_url}/twilio/sms", to=OURS, from_=THEIRS, body="a")
    assert (answer.status, len(door.heard)) == (307, 1)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        *(
            ("", 1),
            ("a" * 160, 1),
            ("a" * 161, 2),
            ("€" * 80, 1),
            ("€" * 81, 2),
            ("ក" * 70, 1),
            ("ក" * 71, 2),
        ),
        *(
            ("🙏" * 35, 1),
            ("🙏" * 36, 2),
            ("ក" * 1600, 24),
            ("a" * 69 + "\u2019", 1),
            ("a" * 70 + "\u2019", 2),
        ),
    ],
)
def test_parts_are_counted_as_the_network_counts_them(text: str, parts: int) -> None:
    assert segments(text) == parts
