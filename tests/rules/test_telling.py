"""What may be told beside counts: waits, shares, contacts and claims, each with enough on every side."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circumstances.rules import Rate, Surroundings
from app.statistics.rules.beside import Beside, ToldContacts, as_json, from_json
from app.statistics.rules.money import Claim, ToldClaims, claims_told
from app.statistics.rules.percentiles import PERCENTS, rank_of
from app.statistics.rules.telling import (
    ToldWait,
    Waited,
    percents_told,
    share_of,
    told_callers,
    told_sum,
    told_volumes,
    told_waits,
)

K = 11
DAY, LATER = date(2026, 1, 10), date(2026, 1, 20)
RATES = Surroundings(rates={"THB": (Rate(date(2026, 1, 1), Decimal("0.03")),)})


@given(st.integers(0, 2_000), st.integers(5, 30))
def test_at_least_so_many_lie_below_between_and_above_the_percentiles_that_are_told(of: int, k: int) -> None:
    places = [0, *(rank_of(percent, of) for percent in percents_told(of, k)), of + 1]
    if len(places) > 2:
        assert all(after - before - 1 >= k for before, after in pairwise(places))


def test_the_more_cases_the_more_percentiles() -> None:
    told = {of: percents_told(of, K) for of in (0, 22, 23, 109, 110, 220, 240)}
    assert told == {0: (), 22: (), 23: (50,), 109: (50,), 110: (50, 90), 220: (50, 90), 240: PERCENTS}


def waited(done: int, cases: int, in_time: int = 0, late: int = 0) -> Waited:
    return Waited("accept", cases, done, (280, 3_000, 90_000), in_time, late)


def test_times_are_told_rounded_upwards_and_nothing_else_of_them() -> None:
    (told,) = told_waits([waited(300, 300, 265, 35)], K)
    assert told == ToldWait("accept", 300, 3_000, 172_800, None, whole=False)
    (told,) = told_waits([waited(300, 300, 200, 100)], K)
    assert told == ToldWait("accept", 300, 3_000, 172_800, 0.67, whole=True)


@pytest.mark.parametrize("few", [1, K - 1])
def test_where_few_still_wait_no_time_is_told(few: int) -> None:
    told = [told_waits([waited(300, 300 + more)], K)[0].p50 for more in (0, few, K)]
    assert told == [300, None, 300]


@pytest.mark.parametrize(
    ("done", "cases", "in_time", "late", "share"),
    [
        (22, 22, 22, 0, 1.0),
        (22, 22, 0, 22, 0.0),
        (22, 22, 11, 11, 0.5),
        (22, 22, 12, 10, None),  # few were late
        (22, 22, 10, 12, None),  # few were in time
        (20, 40, 15, 20, None),  # few were done late
        (15, 40, 15, 20, None),  # of few nothing can be said yet
        (15, 40, 15, 25, 0.38),
        (0, 0, 0, 0, None),
    ],
)
def test_a_share_is_told_where_no_part_of_the_cases_is_small(
    done: int, cases: int, in_time: int, late: int, share: float | None
) -> None:
    assert told_waits([waited(done, cases, in_time, late)], K)[0].share == share


@given(st.integers(0, 3_000), st.integers(1, 3_000))
def test_only_none_and_all_are_told_as_none_and_all(part: int, of: int) -> None:
    share = share_of(min(part, of), of)
    assert share is not None
    assert (share == 0, share == 1) == (part == 0, part >= of)
    assert abs(share - min(part, of) / of) <= 0.0101
    assert share_of(0, 0) is None


def test_contacts_are_told_by_all_values_or_by_none() -> None:
    assert told_volumes({"km": 40, "en": 0, "th": 11}, {"km": 12, "th": 11}, K) == {"km": 40, "th": 11}
    assert told_volumes({"km": 40, "th": 30}, {"km": 12, "th": 10}, K) is None
    assert told_volumes({}, {}, K) == {}


def test_few_contacts_of_withheld_numbers_are_not_told() -> None:
    assert told_volumes({"sms": 40, "call": 3}, {"sms": 30, "call": 0}, K) is None


@pytest.mark.parametrize(
    ("callers", "contacts", "by_value", "told"),
    [
        (40, 60, {"sms": 20, "call": 25}, 40),
        (40, 40, {"sms": 20, "call": 20}, 40),
        (10, 40, {}, None),
        (40, 45, {"sms": 20, "call": 25}, None),  # at most five came both ways
        (40, 60, {"sms": 35, "call": 25}, None),  # five did not text
    ],
)
def test_phones_are_counted_where_few_of_them_can_be_told_apart_in_no_way(
    callers: int, contacts: int, by_value: dict[str, int], told: int | None
) -> None:
    assert told_callers(callers, contacts, [by_value], K) == told


def claims(*minors: int, currency: str = "THB", day: date = DAY) -> list[Claim]:
    return [Claim(f"{currency} {number}", currency, minor, day) for number, minor in enumerate(minors)]


def test_claims_are_told_to_two_digits_and_in_dollars_of_their_day() -> None:
    told = claims_told(claims(*[123_400] * 12), K, RATES, people=40)
    assert told == ((ToldClaims("THB", 1_500_000, 44_000, 0),), True)


def test_claims_of_few_people_or_nearly_of_one_are_not_told_nor_which_currency_it_is() -> None:
    for few in (claims(*[100] * 10), claims(*[1] * 12, 10**6)):
        assert claims_told(few, K, RATES, people=40) == ((), False)
        both = claims_told([*few, *claims(*[500] * 11, currency="USD")], K, RATES, people=60)
        assert ([one.currency for one in both[0]], both[1]) == (["USD"], False)
    assert claims_told([], K, RATES, people=0) == ((), True)


def test_claims_are_not_told_where_few_people_are_left_who_claim_nothing() -> None:
    told = [claims_told(claims(*[100] * 20), K, RATES, people=people)[0] for people in (20, 30, 31)]
    assert [len(one) for one in told] == [0, 0, 1]


@given(st.lists(st.integers(1, 10**9), min_size=K, max_size=40))
def test_nobody_who_claims_comes_near_to_what_another_claims(minors: list[int]) -> None:
    told, _ = claims_told(claims(*minors), K, RATES, people=100)
    first, second, *rest = sorted(minors, reverse=True)
    assert bool(told) == (sum(rest) * 10 >= first)
    assert all(sum(minors) - second - first >= first / 10 for _ in told)


def test_where_a_rate_changed_dollars_are_told_of_claims_before_and_after_only_if_each_may_be() -> None:
    rates = Surroundings(rates={"THB": (Rate(date(2026, 1, 15), Decimal("0.03")),)})
    before, after = claims(*[100_000] * 20), claims(*[100_000] * 32, day=LATER)[20:]
    ((told,), _) = claims_told([*before, *after], K, rates, people=60)
    assert told == ToldClaims("THB", 3_200_000, 36_000, 2_000_000)
    ((told,), whole) = claims_told([*before, *after[:3]], K, rates, people=60)
    assert (told, whole) == (ToldClaims("THB", 2_300_000, None, None), True)


def test_what_is_told_is_rounded() -> None:
    assert [told_sum(amount) for amount in (0, 7, 99, 104, 105, 123_456, 987_654)] == [
        0, 7, 99, 100, 110, 120_000, 990_000,
    ]  # fmt: skip


def test_what_is_frozen_is_read_again_as_it_was() -> None:
    beside = Beside(
        ToldContacts({"sms": 40}, None, {"km": 40}, {"09": 40}, None),
        (ToldWait("accept", 300, None, None, 1.0, whole=False),),
        (ToldClaims("THB", 1_500_000, None, 0),), claims_whole=True,
    )  # fmt: skip
    assert from_json(as_json(beside)) == beside
    assert from_json(as_json(None)) is None
