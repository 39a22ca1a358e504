"""The columns of the supervisors' CSV, and the guard that keeps spreadsheets from running a cell."""

import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.exports.rules import NARROW, WantedCases, guard, recover
from app.i18n.catalogue import Catalogues

LOCALES = Path(__file__).resolve().parents[2] / "locales"
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
BREAKS = "\t\r\n"
INVISIBLE = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(char) in {"Zs", "Zl", "Zp", "Cc", "Cf"}
]

OTHERS = ["'", '"', ",", " ", "\u200b", "\ufeff", "ក", "0"]

beginnings = st.text(st.sampled_from([*SIGNS, *BREAKS, *OTHERS]), max_size=6)
texts = st.builds(str.__add__, beginnings, st.text())


def is_dangerous(cell: str) -> bool:
    """Whether a spreadsheet may take the cell for a formula; written apart from the guard's pattern."""
    if cell.startswith(tuple(BREAKS)):
        return True
    behind = cell
    while behind and (behind[0].isspace() or unicodedata.category(behind[0]) in {"Cc", "Cf"}):
        behind = behind[1:]
    return behind.startswith(tuple(SIGNS))


@given(texts)
def test_a_guarded_text_is_found_again_by_taking_one_apostrophe_away(text: str) -> None:
    assert recover(guard(text)) == text


@given(texts)
def test_no_guarded_cell_begins_like_a_formula(text: str) -> None:
    assert not is_dangerous(guard(text))


@given(texts)
def test_a_text_that_nobody_would_take_for_a_formula_or_a_number_stays_as_it_is(text: str) -> None:
    assume(not is_dangerous(text) and not text.startswith("'"))
    assume("e" not in text.lower() and not set(text) & set("0123456789"))
    assert guard(text) == text


@given(st.lists(texts, min_size=2, max_size=2, unique=True))
def test_two_texts_never_become_the_same_cell(pair: list[str]) -> None:
    assert guard(pair[0]) != guard(pair[1])


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_is_seen_behind_every_blank_and_invisible_character(sign: str) -> None:
    unguarded = [hex(ord(char)) for char in INVISIBLE if not guard(f"{char}{sign}1").startswith("'")]
    assert unguarded == []


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://example.org","ok")',
        "+85512345678",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        "  \u200b\u200b＝1",  # noqa: RUF001 - full width is what is tested
        "'=1",
        "'",
        "0012",
        " 007 ",
        "12345678901234567890",
        "2026-05",
        "1/2",
        "12:30",
        "1e5",
        ".5",
        "5%",
        "\u200b010",
    ],
)
def test_what_begins_dangerously_gets_exactly_one_apostrophe(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "0012a", "31 b", "១២៣", "ថៅកែ = អាក្រក់", '{"a": "=1"}', "wages -50", "a\n=1", "😀", "\u200bខ្មែរ"],
)
def test_what_begins_harmlessly_is_left_alone(text: str) -> None:
    assert guard(text) == text
    assert recover(text) == text


def test_the_columns_stand_in_the_promised_order() -> None:
    assert [column.name for column in NARROW] == [
        "code", "status", "urgency", "categories", "language", "origin_channel", "destination_country",
        "organisation", "owner", "members", "opened_at", "accepted_at", "first_contact_at", "closed_at",
        "outcome", "next_timer_kind", "next_timer_due_at", "overdue_since", "version", "updated_at",
        "summary",
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["km", "en"])
def test_every_column_has_a_heading_of_its_own_that_is_no_formula(locale: str) -> None:
    catalogues = Catalogues.load(LOCALES)
    headings = [catalogues.text(column.heading, locale) for column in NARROW]
    assert len(set(headings)) == len(NARROW)
    assert [guard(heading) for heading in headings] == headings


def test_only_the_names_of_filters_in_use_are_told() -> None:
    wanted = WantedCases(opened_from=datetime(2026, 1, 1, tzinfo=UTC), categories=("+85512345678",))
    assert wanted.filters() == ["opened_from", "categories"]
    assert WantedCases().filters() == []
