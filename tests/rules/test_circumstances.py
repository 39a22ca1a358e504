"""When two names of companies are one, and what money was worth on a day."""

import string
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circumstances.rules import Rate, Surroundings, same_name

BAHT = Surroundings(
    rates={"THB": (Rate(date(2025, 1, 1), Decimal("0.028")), Rate(date(2025, 7, 1), Decimal("0.030")))}
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sok San Group Co., Ltd.", "SOK SAN"),
        ("Sok-San (Cambodia) Plc", "sok san cambodia"),
        ("ក្រុមហ៊ុន សុខ សាន្ត", "សុខ\u200bសាន្ត"),
        ("Café Lys", "CAFE LYS"),
        ("\uff33\uff2f\uff2b\u3000\uff33\uff21\uff2e", "sok san"),
    ],
)
def test_one_company_written_in_two_ways_has_one_name(one: str, other: str) -> None:
    assert same_name(one) == same_name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Sok San", "Sok Sovan"), ("សុខ សាន្ត", "សុខ សុវណ្ណ"), ("Sok San 1", "Sok San 2"), ("Group", "Limited")],
)
def test_two_companies_have_two_names(one: str, other: str) -> None:
    assert same_name(one) != same_name(other)


@given(st.text(alphabet=string.ascii_letters + string.digits + "កខគឃ្ា ", min_size=1).filter(str.strip))
def test_signs_blanks_and_case_never_make_another_name(name: str) -> None:
    assert same_name(f" «{name.upper()}» ") == same_name(name)
    assert same_name(same_name(name)) == same_name(name) or " " in name


def test_a_rate_holds_from_its_day_until_the_next_one() -> None:
    assert BAHT.usd_for_unit("THB", date(2025, 6, 30)) == Decimal("0.028")
    assert BAHT.usd_for_unit("THB", date(2025, 7, 1)) == Decimal("0.030")


def test_before_the_first_rate_and_for_an_unlisted_currency_nothing_is_known() -> None:
    assert BAHT.usd_for_unit("THB", date(2024, 12, 31)) is None
    assert BAHT.usd_for_unit("MMK", date(2025, 7, 1)) is None
    assert BAHT.usd_for_unit("USD", date(1999, 1, 1)) == 1
