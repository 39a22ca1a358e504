"""Publishing: windows that never overlap, sums of money, names of companies, rows of the aggregate."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import hxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circumstances.rules import Rate, Surroundings
from app.statistics.rules.aggregate import AGGREGATE_COLUMNS, aggregate_rows, period_of
from app.statistics.rules.money import Recovered, dollars_told
from app.statistics.rules.parties import shows_party
from app.statistics.rules.publishing import (
    Cell,
    Publication,
    Question,
    Window,
    WindowTooSmall,
    later,
    windows_of,
)

K = 11
JANUARY = Window(date(2026, 1, 1), date(2026, 2, 1))
DAY = date(2026, 1, 10)
RATES = Surroundings(rates={"THB": (Rate(date(2026, 1, 1), Decimal("0.03")),)})


def months(number: int) -> date:
    return later(date(2025, 1, 1), number)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.sampled_from([1, 3, 6, 12])), max_size=25)
)
def test_h21_no_two_windows_ever_overlap_whatever_is_asked_in_whatever_order(
    asked: list[tuple[int, int, int]],
) -> None:
    ledger: list[Window] = []
    for first, length, setting in asked:
        question = Question(months(first), months(first + length))
        touching = [w for w in ledger if w.since < question.until and question.since < w.until]
        try:
            found = windows_of(question, sorted(touching, key=lambda one: one.since), months=setting)
        except WindowTooSmall:
            continue
        assert (found[0].since, found[-1].until) == (question.since, question.until)
        ledger += [window for window in found if window not in ledger]
    covered = [month for window in ledger for month in window.months()]
    assert len(covered) == len(set(covered))


def test_h21_a_quarter_is_not_cut_where_quarters_are_published() -> None:
    quarter = Question(date(2026, 4, 1), date(2026, 7, 1))
    assert windows_of(quarter, [], months=3) == (Window(quarter.since, quarter.until),)
    for since, until in ((5, 7), (4, 6), (4, 8)):
        with pytest.raises(WindowTooSmall):
            windows_of(Question(date(2026, since, 1), date(2026, until, 1)), [], months=3)


def amounts(*minors: int, currency: str = "USD", organisation: str = "tonle") -> list[Recovered]:
    return [Recovered(f"{organisation}{n}", organisation, currency, m, DAY) for n, m in enumerate(minors)]


def test_h21_money_is_told_where_enough_people_share_it_and_nobody_has_nearly_all() -> None:
    shared = [10_000] * 11
    assert dollars_told(amounts(*shared), K, RATES) == 1_100
    assert dollars_told(amounts(*shared[:10]), K, RATES) is None
    assert dollars_told(amounts(*shared, 5_000_000), K, RATES) is None
    assert dollars_told([], K, RATES) is None
    # One who was paid in eleven parts is one.
    assert dollars_told([Recovered("one", "tonle", "USD", 100, DAY)] * 11, K, RATES) is None


def test_money_of_other_currencies_is_worth_what_it_was_on_its_day() -> None:
    assert dollars_told(amounts(*[100_000] * 12, currency="THB"), K, RATES) == 360
    assert dollars_told(amounts(*[100_000] * 12, currency="MYR"), K, RATES) is None  # no rate is known
    won = Surroundings(rates={"KRW": (Rate(date(2026, 1, 1), Decimal("0.001")),)})
    assert dollars_told(amounts(*[50_000] * 12, currency="KRW"), K, won) == 600


def test_h21_an_organisation_does_not_learn_what_the_people_of_another_got() -> None:
    both = amounts(*[10_000] * 11) + amounts(*[70_000] * 2, organisation="lotus")
    assert dollars_told(both, K, RATES) == 2_500
    assert dollars_told(both, K, RATES, insiders=True) is None
    assert dollars_told(amounts(*[10_000] * 11), K, RATES, insiders=True) == 1_100


@pytest.mark.parametrize(
    ("cases", "organisations", "shown"), [(3, 2, "yes"), (2, 2, "no"), (30, 1, "no"), (0, 0, "no")]
)
def test_h23_a_company_is_named_for_several_cases_that_several_organisations_saw(
    cases: int, organisations: int, shown: str
) -> None:
    assert shows_party(cases, organisations) is (shown == "yes")


def a_publication() -> Publication:
    th, jp = {"destination": "TH"}, {"destination": "JP"}
    female, male = {"sex": "female"}, {"sex": "male"}
    cells = (
        Cell(JANUARY, {}, 60, 20, 900), Cell(JANUARY, female, 40), Cell(JANUARY, male, 20),
        Cell(JANUARY, th, 45, 15), Cell(JANUARY, {**th, **female}, 30), Cell(JANUARY, {**th, **male}, 15),
        Cell(JANUARY, jp, None), Cell(JANUARY, {"age_band": "0-17"}, 12),
        Cell(JANUARY, {"organisation": "tonle-bridge"}, 60, 20),
    )  # fmt: skip
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Publication((), cells, K, at, (JANUARY,), (), {JANUARY: frozenset()})


def test_the_aggregate_has_a_row_for_everybody_and_one_for_each_value() -> None:
    rows = list(aggregate_rows(a_publication(), {"tonle-bridge": "Tonle Bridge"}))
    assert [tuple(row) for row in rows] == [tuple(column.name for column in AGGREGATE_COLUMNS)] * 5
    everybody, jp, th, children, own = rows
    assert {name: value for name, value in everybody.items() if value is not None} == {
        "month": "2026-01", "people": 60, "female": 40, "male": 20, "children": 12, "cases": 20,
        "recovered_usd": 900, "suppressed": False,
    }  # fmt: skip
    assert (th["destination"], th["people"], th["female"], th["children"]) == ("TH", 45, 30, None)
    assert (jp["destination"], jp["people"], jp["suppressed"]) == ("JP", None, True)
    assert (children["age_band"], children["children"]) == ("0-17", 12)
    assert own["organisation"] == "Tonle Bridge"


def test_a_longer_window_is_written_as_its_first_and_last_month() -> None:
    assert period_of(JANUARY) == "2026-01"
    assert period_of(Window(date(2025, 10, 1), date(2026, 1, 1))) == "2025-10/2025-12"


def test_libhxl_reads_the_aggregate_by_its_tags() -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in AGGREGATE_COLUMNS])
    writer.writerow([column.tag for column in AGGREGATE_COLUMNS])
    writer.writerows([list(row.values()) for row in aggregate_rows(a_publication())])
    source = hxl.data(list(csv.reader(io.StringIO(text.getvalue())))).cache()
    assert source.validate()
    thailand = source.with_rows("#country+code+dest=TH")
    assert [row.get("#affected+f") for row in thailand] == ["30"]
    assert next(row.get("#value+usd") for row in source) == "900"
