"""The fake cht-gateway phone keeps the habits of the real one: batches, repeats, one send for each text."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers import BAD_GATEWAY, RESET, Fault, Heard, Loopback, Reply, silence
from tests.peers.cht_phone import FakeChtPhone, Habits, OutgoingText, Radio, Report

AUTH = "Basic " + base64.b64encode("phone-kh:s3crét".encode("iso-8859-1")).decode()
KHMER = "ជួយ\u200bខ្ញុំ\u200bផង"
NOON_MS = 1_772_366_400_000


@dataclass
class Server:
    """A gateway server as small as can be: it notes everything and offers a text until it hears of it."""

    most: int = 10
    status: int = 200
    inbound: list[Any] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    outgoing: dict[str, dict[str, str]] = field(default_factory=dict)
    deaf: bool = False  # offers a text for ever, whatever it hears
    says: Reply | None = None

    def want(self, *numbers: str) -> None:
        """Put one more text to each number into the outbox."""
        for number in numbers:
            text_id = f"o{len(self.outgoing)}"
            self.outgoing[text_id] = {"id": text_id, "to": number, "content": KHMER}

    def answer(self, heard: Heard) -> Reply:
        """Take what the phone tells, then offer what it has said nothing about."""
        if heard.headers.get("authorization") != AUTH:
            return Reply.of(401, {"error": True, "message": "who are you?"})
        if heard.method == "GET":
            return Reply.of(200, {"medic-gateway": True})
        zipped = heard.headers.get("content-encoding") == "gzip"
        body = json.loads(gzip.decompress(heard.body) if zipped else heard.body)
        self.inbound += body.get("messages") or []
        self.updates += body.get("updates") or []
        heard_of = set() if self.deaf else {update["id"] for update in self.updates}
        waiting = [text for text_id, text in self.outgoing.items() if text_id not in heard_of]
        return self.says or Reply.of(200, {"messages": waiting[: self.most]})

    def history(self, text_id: str) -> list[str]:
        """Every status heard of one text, in order."""
        return [update["status"] for update in self.updates if update["id"] == text_id]


@pytest.fixture(name="server")
def _server() -> Server:
    return Server()


@pytest.fixture(name="place")
def _place(server: Server) -> Iterator[Loopback]:
    with Loopback(
        server.answer, lambda fault: Reply.of(fault.status, {"error": True, "message": "no"})
    ) as place:
        yield place


@pytest.fixture(name="phone")
def _phone(place: Loopback) -> Iterator[FakeChtPhone]:
    with FakeChtPhone(place.base_url, user="phone-kh", password="s3crét") as phone:
        yield phone


def ids(items: list[Any]) -> list[str]:
    return [item["id"] for item in items]


def test_the_probe_knows_a_gateway_server_from_anything_else(
    phone: FakeChtPhone, place: Loopback, server: Server
) -> None:
    assert phone.probe()
    place.fail_next(BAD_GATEWAY, RESET)
    assert not phone.probe()
    assert not phone.probe()
    with FakeChtPhone(place.base_url, user="phone-kh", password="wrong") as stranger:
        assert not stranger.probe()
        assert stranger.poll().status == 401
    assert server.inbound == []


def test_a_full_batch_is_followed_at_once_by_the_rest(phone: FakeChtPhone, server: Server) -> None:
    sent = [phone.receive_sms("+66812345678", f"{KHMER} {number}", NOON_MS + number) for number in range(23)]
    wake = phone.poll()
    assert (wake.requests, wake.failed) == (3, False)
    assert [len(body["messages"]) for body in phone.requests] == [10, 10, 3]
    assert ids(server.inbound) == sent
    assert phone.poll().requests == 1
    assert ids(server.inbound) == sent


def test_a_batch_of_exactly_ten_is_followed_by_an_empty_request(phone: FakeChtPhone) -> None:
    for number in range(10):
        phone.receive_sms("+66812345678", str(number), NOON_MS)
    assert phone.poll().requests == 2
    assert phone.requests[-1] == {"messages": [], "updates": []}


@pytest.mark.parametrize(
    "fault", [Fault(500), Fault(404), Fault(302), BAD_GATEWAY, RESET, silence(0, accepted=True)]
)
def test_whatever_was_not_answered_well_is_all_said_again(
    phone: FakeChtPhone, place: Loopback, server: Server, fault: Fault
) -> None:
    sent = [phone.receive_sms("+66812345678", KHMER, NOON_MS) for _ in range(12)]
    place.fail_next(fault)
    wake = phone.poll()
    assert (wake.failed, wake.requests) == (True, 1)
    server.inbound.clear()
    assert not phone.poll().failed
    assert ids(server.inbound) == sent


def test_a_lost_reply_repeats_what_the_server_already_has(phone: FakeChtPhone, server: Server) -> None:
    text_id = phone.receive_sms("+66812345678", KHMER, NOON_MS)
    server.want("+855312345678")
    phone.lose_next_reply()
    wake = phone.poll()
    assert (wake.failed, wake.status, wake.new) == (True, None, 0)
    phone.drain(10)
    assert ids(server.inbound) == [text_id, text_id]
    assert [text.id for text in phone.sent_over_the_air] == ["o0"]


def test_an_answer_that_is_no_json_counts_as_none(phone: FakeChtPhone, server: Server) -> None:
    phone.receive_sms("+66812345678", KHMER, NOON_MS)
    server.says = Reply(204)
    assert phone.poll().failed
    assert phone.complaints == ["204 without a JSON content type", "204 without a JSON object"]
    server.says = Reply.of(200, {"messages": [{"id": "o9", "to": "+855312345678"}]})
    assert not phone.poll().failed
    assert phone.complaints[2:] == ["a message without id, to or content"]
    assert len(server.inbound) == 2


def test_a_text_goes_through_its_statuses(phone: FakeChtPhone, server: Server) -> None:
    server.want("+855312345678", "not a number")
    assert phone.drain(10) == 2
    assert server.history("o0") == ["UNSENT", "PENDING", "SENT", "DELIVERED"]
    assert server.history("o1") == ["UNSENT", "PENDING", "FAILED"]
    assert server.updates[-1]["reason"] == "destination.invalid"
    assert phone.sent_over_the_air == [OutgoingText("o0", "+855312345678", KHMER)]
    assert phone.complaints == []


def test_a_text_offered_for_ever_is_sent_once_and_its_newest_status_is_said_each_time(
    phone: FakeChtPhone, server: Server
) -> None:
    server.want("+855312345678")
    server.deaf = True
    for _ in range(4):
        phone.poll()
    assert [text.id for text in phone.sent_over_the_air] == ["o0"]
    assert server.history("o0") == ["UNSENT", "PENDING", "SENT", "DELIVERED", "DELIVERED", "DELIVERED"]
    with pytest.raises(TimeoutError):
        phone.drain(5)


def test_the_radio_sends_ten_in_a_wake(phone: FakeChtPhone, server: Server) -> None:
    server.most = 100
    server.want(*["+855312345678"] * 25)
    wakes = phone.drain(10)
    assert [wake.sent for wake in phone.polls] == [10, 10, 5, 0]
    assert [wake.new for wake in phone.polls] == [25, 0, 0, 0]
    assert (wakes, len(phone.sent_over_the_air)) == (4, 25)


def test_the_radio_works_while_the_server_is_out_of_reach(
    phone: FakeChtPhone, place: Loopback, server: Server
) -> None:
    server.most = 12
    server.want(*["+855312345678"] * 12)
    phone.poll()
    place.fail_next(RESET)
    assert phone.poll().sent == 2


@pytest.mark.parametrize(
    ("radio", "history", "left"),
    [
        ("silent", "UNSENT PENDING", 1),
        ("fails", "UNSENT PENDING FAILED:generic", 0),
        ("no service", f"UNSENT {'PENDING UNSENT ' * 20}PENDING FAILED:no-service", 0),
        (lambda _: [Report("SENT"), Report("FAILED", "late")], "UNSENT PENDING SENT FAILED:late", 1),
    ],
)
def test_a_scripted_radio_decides_what_becomes_of_a_text(
    phone: FakeChtPhone, server: Server, radio: Radio | str, history: str, left: int
) -> None:
    phone.radio = radio
    server.want("+855312345678")
    phone.drain(30)
    told = [":".join(filter(None, (update["status"], update.get("reason")))) for update in server.updates]
    assert " ".join(told) == history
    assert len(phone.sent_over_the_air) == left


def test_late_reports_come_in_any_order_and_never_send_again(phone: FakeChtPhone, server: Server) -> None:
    phone.radio = "silent"
    server.want("+855312345678")
    phone.drain(5)
    phone.radio_reports("o0", Report("DELIVERED"), Report("SENT"), Report("DELIVERED"))
    phone.drain(5)
    assert server.history("o0") == ["UNSENT", "PENDING", "DELIVERED", "SENT", "DELIVERED"]
    with pytest.raises(ValueError, match="o0"):
        phone.radio_reports("o0", Report("UNSENT"))
    assert len(phone.sent_over_the_air) == 1


def test_a_phone_that_forgets_says_everything_again_in_order(phone: FakeChtPhone, server: Server) -> None:
    text_id = phone.receive_sms("+66812345678", KHMER, NOON_MS)
    server.want("+855312345678")
    phone.drain(5)
    before = server.history("o0")
    phone.forget_that_the_server_answered()
    phone.drain(5)
    assert server.history("o0") == before * 2
    assert ids(server.inbound) == [text_id] * 2
    assert len(phone.sent_over_the_air) == 1


@pytest.mark.parametrize(
    ("habits", "empty", "sms_sent"),
    [
        (Habits(), {"messages": [], "updates": []}, NOON_MS - 2000),
        (Habits(empty_lists="null", sms_sent="zero"), {"messages": None, "updates": None}, 0),
        (Habits(empty_lists="absent", sms_sent="absent", gzip_requests=True), {}, None),
    ],
)
def test_habits_show_on_the_wire(
    place: Loopback, server: Server, habits: Habits, empty: dict[str, Any], sms_sent: int | None
) -> None:  # fmt: skip
    with FakeChtPhone(place.base_url, user="phone-kh", password="s3crét", habits=habits) as phone:
        phone.poll()
        assert phone.requests == [empty]
        phone.receive_sms("+66812345678", KHMER, NOON_MS)
        phone.poll()
    assert [(item["content"], item.get("sms_sent")) for item in server.inbound] == [(KHMER, sms_sent)]
    assert server.inbound[0]["sms_received"] == NOON_MS
    headers = place.heard[-1].headers
    assert (headers.get("content-encoding") == "gzip") is habits.gzip_requests
    assert (headers["accept-encoding"], headers["accept-charset"]) == ("gzip", "utf-8")


def test_extra_fields_broken_items_and_older_apps(place: Loopback, server: Server) -> None:
    habits = Habits(extra_fields=True, reports_unsent=False, accepts_gzip=False)
    with FakeChtPhone(place.base_url, user="phone-kh", password="s3crét", habits=habits) as phone:
        phone.receive_sms("+66812345678", KHMER, NOON_MS)
        phone.receive_raw("no object at all")
        server.want("+855312345678")
        phone.drain(5)
        zipped = gzip.compress(b'{"messages": []}')
        server.says = Reply(200, zipped, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        phone.poll()
    assert server.inbound[0]["sim_slot"] == 1
    assert server.inbound[1] == "no object at all"
    assert server.history("o0") == ["PENDING", "SENT", "DELIVERED"]
    assert server.updates[0]["timestamp"] == 0
    assert phone.requests[0]["battery"] == 71
    assert phone.complaints == ["gzip was not asked for"]


def test_an_error_must_say_error_and_message(phone: FakeChtPhone, server: Server) -> None:
    server.says = Reply.of(503, {"detail": "busy"})
    assert phone.poll().status == 503
    server.says = Reply.of(503, {"error": True, "message": "busy"})
    assert phone.poll().failed
    assert phone.complaints == ["503 that does not say error and message"]


@pytest.mark.parametrize(("most", "wakes"), [(10, 26), (15, 12), (20, 2)])
def test_a_server_that_offers_more_at_a_time_is_sooner_rid_of_five_hundred_texts(
    phone: FakeChtPhone, server: Server, most: int, wakes: int
) -> None:
    # A full batch of 20 updates keeps the phone awake, and each text taken over is at once an update more.
    server.most = most
    server.want(*["+855312345678"] * 500)
    assert phone.drain(100) == 51  # the radio needs 50 wakes, and one more tells the last of it
    taking = [wake.new for wake in phone.polls if wake.new]
    assert (sum(taking), len(taking)) == (500, wakes)
    assert len({text.id for text in phone.sent_over_the_air}) == len(phone.sent_over_the_air) == 500


@settings(max_examples=25, deadline=None)
@given(troubles=st.lists(st.sampled_from(["poll", "text", "want", "break", "lose", "forget"]), max_size=25))
def test_nothing_is_lost_and_nothing_is_sent_twice_whatever_goes_wrong(troubles: list[str]) -> None:
    server = Server()
    with (
        Loopback(server.answer) as place,
        FakeChtPhone(place.base_url, user="phone-kh", password="s3crét") as phone,
    ):
        deeds = {
            "poll": phone.poll,
            "text": lambda: phone.receive_sms("+66812345678", KHMER, NOON_MS),
            "want": lambda: server.want("+855312345678"),
            "break": lambda: place.fail_next(RESET),
            "lose": phone.lose_next_reply,
            "forget": phone.forget_that_the_server_answered,
        }
        texts = [done for trouble in troubles if isinstance(done := deeds[trouble](), str)]
        phone.drain(60)
        sent = [text.id for text in phone.sent_over_the_air]
    assert set(ids(server.inbound)) == set(texts)
    assert sorted(sent) == sorted(server.outgoing)
    assert all(server.history(text_id)[-1] == "DELIVERED" for text_id in server.outgoing)
