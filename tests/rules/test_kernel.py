"""Ids, case codes, phone numbers, urgency, days: the words that every room shares."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.clock import day_begins, utc_text
from app.kernel.ids import case_code, check_digit, new_case_code, new_id
from app.kernel.phone import NotAPhone, Phone, Sender, SenderKind
from app.kernel.refusal import NotFound, Refusal
from app.kernel.urgency import Urgency, most_urgent

MONDAY = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
SEVEN_DIGITS = st.text("0123456789", min_size=7, max_size=7)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds of a range
def test_an_id_is_a_uuid_of_version_seven_that_tells_its_millisecond(now: datetime) -> None:
    made = new_id(now)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(now.timestamp() * 1000)


def test_ids_made_later_sort_later_and_none_comes_twice() -> None:
    ids = [new_id(MONDAY + timedelta(milliseconds=step)) for step in range(500)]
    assert ids == sorted(ids)
    assert len({new_id(MONDAY) for _ in range(2_000)}) == 2_000


def test_a_case_code_is_eight_digits_with_a_dash_and_says_nothing_else() -> None:
    codes = {new_case_code() for _ in range(500)}
    assert len(codes) > 490
    for code in codes:
        assert (len(code), code[4]) == (9, "-")
        assert case_code(code) == code


def test_the_check_digit_is_damms() -> None:
    # The example of the quasigroup's author: 572 has the check digit 4.
    assert check_digit("572") == "4"


@given(SEVEN_DIGITS, st.integers(0, 7), st.sampled_from("0123456789"))
def test_every_single_wrong_digit_is_noticed(digits: str, place: int, wrong: str) -> None:
    whole = digits + check_digit(digits)
    heard = whole[:place] + wrong + whole[place + 1 :]
    assert (case_code(heard) is not None) == (heard == whole)


@given(SEVEN_DIGITS, st.integers(0, 6))
def test_every_swap_of_two_neighbours_is_noticed(digits: str, place: int) -> None:
    whole = digits + check_digit(digits)
    heard = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert (case_code(heard) is not None) == (heard == whole)


@given(SEVEN_DIGITS)
def test_a_code_is_read_as_people_write_it_also_in_khmer_digits(digits: str) -> None:
    whole = digits + check_digit(digits)
    khmer = whole.translate({ord("0") + value: chr(0x17E0 + value) for value in range(10)})
    spoken = f"{whole[:4]}-{whole[4:]}"
    for written in (whole, spoken, f" {whole[:2]} {whole[2:]} ", khmer, f"លេខ {khmer[:4]}-{khmer[4:]}"):
        assert case_code(written) == spoken


@pytest.mark.parametrize("text", ["", "123", "12345678901", "no digits", "½²³¼"])
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert case_code(text) is None


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+855 12 345 678", None, "+85512345678"),
        ("012 345 678", "KH", "+85512345678"),
        ("០១២ ៣៤៥ ៦៧៨", "KH", "+85512345678"),
        ("+66 81 234 5678", None, "+66812345678"),
        ("081-234-5678", "TH", "+66812345678"),
        ("๐๘๑-๒๓๔-๕๖๗๘", "TH", "+66812345678"),
        ("+82 10-1234-5678", None, "+821012345678"),
    ],
)
def test_a_number_is_one_number_however_it_is_written(written: str, region: str | None, e164: str) -> None:
    assert Phone.parse(written, region=region).e164 == e164


@pytest.mark.parametrize("text", ["", "hello", "12", "012345678", "+999", "+" + "8" * 30, "\x00", "+855"])
def test_what_is_no_number_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(NotAPhone) as refused:
        Phone.parse(text)
    assert str(refused.value) == ""


def test_a_phone_never_shows_itself_by_accident() -> None:
    phone = Phone.parse("+85512345678")
    for shown in (str(phone), repr(phone), f"{phone}", f"{[phone]}", f"{Sender(SenderKind.PHONE, phone)}"):
        assert "123" not in shown


@pytest.mark.parametrize(
    ("e164", "country"),
    [
        ("+85512345678", "KH"), ("+66812345678", "TH"), ("+60123456789", "MY"), ("+821012345678", "KR"),
        ("+819012345678", "JP"), ("+12025550123", "US"), ("+80012345678", None),
    ],
)  # fmt: skip
def test_a_number_belongs_to_the_country_of_its_prefix(e164: str, country: str | None) -> None:
    assert Phone(e164).country == country


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("+66812345678", SenderKind.PHONE), ("66812345678901234567", SenderKind.WITHHELD),
        ("1234", SenderKind.SHORT_CODE), ("AIS-Info", SenderKind.ALPHANUMERIC),
        ("anonymous", SenderKind.WITHHELD), (" ", SenderKind.WITHHELD), ("+266696687", SenderKind.WITHHELD),
        ("", SenderKind.WITHHELD), ("!?", SenderKind.ALPHANUMERIC), ("ក្រុមហ៊ុន", SenderKind.ALPHANUMERIC),
    ],
)  # fmt: skip
def test_the_kind_of_a_sender_is_known(written: str, kind: SenderKind) -> None:
    assert Sender.read(written).kind is kind


def test_a_number_as_people_write_it_at_home_counts_where_the_home_is_known() -> None:
    assert Sender.read("012345678", region="KH").phone == Phone("+85512345678")
    assert Sender.read("012345678") == Sender(SenderKind.WITHHELD)


@given(st.text(max_size=40), st.sampled_from([None, "KH", "TH"]))
def test_reading_a_sender_never_fails_and_only_a_phone_has_a_number(text: str, region: str | None) -> None:
    sender = Sender.read(text, region=region)
    assert (sender.phone is not None) == (sender.kind is SenderKind.PHONE)


def test_urgencies_are_ordered_and_the_most_urgent_of_none_is_an_error() -> None:
    assert Urgency.U1.is_above(Urgency.U2)
    assert not Urgency.U2.is_above(Urgency.U2)
    assert most_urgent([Urgency.U3, Urgency.U1, Urgency.U4]) is Urgency.U1
    with pytest.raises(ValueError, match="empty"):
        most_urgent([])


def test_a_refusal_has_a_code_and_details_and_its_text_is_the_code_alone() -> None:
    refusal = NotFound(subject="case")
    assert (refusal.code, refusal.status, dict(refusal.details)) == ("not_found", 404, {"subject": "case"})
    assert str(refusal) == "not_found"
    assert isinstance(refusal, Refusal)


def test_a_time_is_written_in_utc_with_a_z_wherever_it_was_taken() -> None:
    local = datetime(2026, 6, 8, 10, 0, tzinfo=ZoneInfo("Asia/Phnom_Penh"))
    assert utc_text(local) == utc_text(MONDAY) == "2026-06-08T03:00:00.000000Z"


def test_a_day_begins_at_its_own_midnight() -> None:
    assert day_begins(date(2026, 6, 8), ZoneInfo("Asia/Phnom_Penh")) == datetime(2026, 6, 7, 17, tzinfo=UTC)
