"""Rows about people are made coarser until nobody stands out, whatever the people are like."""

from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exports.rules.anonymising import BROADER, K, Traits, reduce
from app.exports.rules.asking import DateField, Format, Profile, Wanted
from app.exports.rules.columns import COLUMNS, FilterUnknown, Sheet
from app.exports.rules.ctdc import BANDS, age_band, country, gravest, group_of, row_of
from app.exports.rules.narrowing import (
    Months,
    WindowTooSmall,
    WouldTell,
    is_wanted,
    months_of,
    must_not_tell,
)
from app.kernel.urgency import Urgency

ONE = Traits(
    "2026-03", "Female", "24--26", "KHM", "THA", "fisheries", "detention; unpaid_wages", "detention",
    "freedom", "sms", "repatriated",
)  # fmt: skip
NAMES = [column.name for column in COLUMNS[Sheet.PEOPLE]][1:]
HOME = ZoneInfo("Asia/Phnom_Penh")
NOW = datetime(2026, 6, 8, 3, tzinfo=UTC)
FLOORS = {"detention": Urgency.U1, "unpaid_wages": Urgency.U3, "missing_person": Urgency.U2}


def _traits(categories: tuple[str, ...], **others: str) -> Traits:
    first = gravest(categories, FLOORS)
    return Traits(categories="; ".join(categories), gravest=first, group=group_of(first), **others)


people = st.builds(
    _traits,
    st.sampled_from(
        [(), ("detention",), ("unpaid_wages",), ("detention", "unpaid_wages"), ("missing_person",)]
    ),
    period=st.sampled_from(["2025-12", "2026-01", "2026-02", "2026-07"]),
    gender=st.sampled_from(["Female", "Male", ""]),
    age=st.sampled_from([*BANDS, ""]),
    citizenship=st.sampled_from(["KHM", ""]),
    country=st.sampled_from(["THA", "MYS", ""]),
    sector=st.sampled_from(["fisheries", "construction", ""]),
    channel=st.sampled_from(["sms", "call"]),
    outcome=st.sampled_from(["", "repatriated"]),
)
populations = st.dictionaries(people, st.integers(1, 40), max_size=40)


@given(populations, st.integers(2, 20))
def test_no_combination_of_fewer_than_k_people_remains(counts: dict[Traits, int], k: int) -> None:
    published: Counter[tuple[object, ...]] = Counter()
    for traits, count in reduce(counts, k).counts.items():
        published[tuple(row_of(traits))] += count
    assert [row for row, count in published.items() if count < k] == []


@given(populations, st.integers(2, 20))
def test_nobody_is_lost_unless_there_are_fewer_than_k_people_in_all(
    counts: dict[Traits, int], k: int
) -> None:
    reduced, all_people = reduce(counts, k), sum(counts.values())
    assert reduced.people + reduced.dropped == all_people
    assert reduced.dropped == (all_people if all_people < k else 0)


@given(populations)
def test_who_was_not_alone_is_told_of_as_before_but_for_one_group_at_most(counts: dict[Traits, int]) -> None:
    reduced = reduce(counts)
    lost = [one for one, count in counts.items() if count >= K and reduced.counts.get(one, 0) < count]
    assert len(lost) <= 1


@given(populations)
def test_what_is_told_is_true(counts: dict[Traits, int]) -> None:
    """Every trait of a published row is that of somebody, or is broader, or is not told."""
    told = reduce(counts).counts
    for field in ("gender", "citizenship", "country", "sector", "channel", "outcome", "group"):
        before = Counter[str]()
        for one, count in counts.items():
            before[getattr(one, field)] += count
        after = Counter[str]()
        for one, count in told.items():
            after[getattr(one, field)] += count
        assert all(after[value] <= before[value] for value in after if value)


@given(populations)
def test_the_same_people_are_reduced_in_the_same_way_in_any_order(counts: dict[Traits, int]) -> None:
    backwards = dict(reversed(counts.items()))
    assert reduce(backwards).counts == reduce(counts).counts


def test_eleven_alike_are_told_of_exactly() -> None:
    reduced = reduce({ONE: 11})
    assert (reduced.counts, reduced.coarsened, reduced.dropped) == ({ONE: 11}, {}, 0)


def test_ten_alone_are_not_told_of_at_all() -> None:
    reduced = reduce({ONE: 10})
    assert (reduced.counts, reduced.dropped) == ({}, 10)


def test_two_neighbouring_months_become_a_quarter_first() -> None:
    reduced = reduce({ONE: 6, ONE._replace(period="2026-01"): 6})
    assert reduced.counts == {ONE._replace(period="2026-Q1"): 12}
    assert reduced.coarsened == {"month": 12}


def test_a_few_who_are_left_take_the_smallest_group_along() -> None:
    other = ONE._replace(gender="Male", country="MYS", sector="construction")
    reduced = reduce({ONE: 20, other: 15, Traits(*["2020-01", *[""] * 10]): 3})
    assert sorted(reduced.counts.values()) == [18, 20]
    assert reduced.counts[ONE] == 20
    assert reduced.counts[Traits(*[""] * 11)] == 18


def test_nothing_comes_of_nobody() -> None:
    assert reduce({}).counts == {}


@pytest.mark.parametrize(
    ("born", "band"),
    [
        ("2026-06-08", "0--8"), ("2017-06-08", "9--17"), ("2017-06-09", "0--8"), ("2008-06-08", "18--20"),
        ("2008-06-09", "9--17"), ("1978-06-09", "39--47"), ("1978-06-08", "48+"), ("1900-01-01", ""),
        ("2027-01-01", ""),
    ],
)  # fmt: skip
def test_an_age_falls_into_the_published_bands(born: str, band: str) -> None:
    assert age_band(date.fromisoformat(born), date(2026, 6, 8)) == band


def test_an_age_that_is_not_known_has_no_band() -> None:
    assert age_band(None, date(2026, 6, 8)) == ""


def test_every_band_becomes_broader_until_only_the_majority_is_told() -> None:
    for band in BANDS:
        broader = band
        while broader in BROADER:
            broader = BROADER[broader]
        assert broader in {"0--17", "18+"}


def test_a_row_says_what_its_traits_say_in_the_published_columns() -> None:
    row = {name: value for name, value in zip(NAMES, row_of(ONE), strict=True) if value is not None}
    assert row == {
        "month": "2026-03", "category": "detention; unpaid_wages", "category_group": "freedom",
        "sector": "fisheries", "channel": "sms", "outcome": "repatriated", "Datasource": "Hotline",
        "yearOfRegistration": 2026, "gender": "Female", "ageBroad": "24--26", "majorityStatus": "Adult",
        "citizenship": "KHM", "CountryOfExploitation": "THA", "meansOfControlRestrictsMovement": 1,
        "meansOfControlTakesEarnings": 1, "typeOfLabourAquafarming": 1, "recruiterRelationUnknown": 1,
    }  # fmt: skip


def test_only_people_declare_somebody_a_victim_of_forced_labour() -> None:
    said = ONE._replace(categories="trafficking_forced_labour")
    place = NAMES.index("isForcedLabour")
    assert (row_of(said)[place], row_of(ONE)[place]) == (1, None)


@pytest.mark.parametrize(
    ("two", "three"), [("KH", "KHM"), ("TH", "THA"), ("MM", "MMR"), ("KR", "KOR"), ("XX", ""), (None, "")]
)
def test_countries_have_three_letters(two: str | None, three: str) -> None:
    assert country(two) == three


def wanted(**changes: object) -> Wanted:
    return Wanted(Profile.ANONYMISED, Format.CSV, "en", **changes)  # type: ignore[arg-type]  # of one case each


def test_a_window_holds_only_whole_months_by_the_office_s_clock() -> None:
    since, until = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 4, 30, 17, tzinfo=UTC)
    months = months_of(wanted(since=since, until=until), HOME, NOW)
    assert months == Months("2026-02", "2026-05")
    asked = ("2026-01", "2026-02", "2026-04", "2026-05", "2026-Q1", "2026-Q2", "2026", "")
    held = [period for period in asked if months.hold(period)]
    assert held == ["2026-02", "2026-04"]


def test_a_window_to_this_day_holds_this_month_so_far() -> None:
    months = months_of(wanted(since=datetime(2026, 5, 31, 17, tzinfo=UTC), until=NOW), HOME, NOW)
    assert months == Months("2026-06", None)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)),
        (datetime(2026, 6, 2, tzinfo=UTC), None),
        (datetime(2026, 7, 1, tzinfo=UTC), None),
    ],
)
def test_less_than_a_month_is_too_small_a_window(since: datetime, until: datetime | None) -> None:
    with pytest.raises(WindowTooSmall):
        months_of(wanted(since=since, until=until), HOME, NOW)


@pytest.mark.parametrize("changes", [{"updated_since": NOW}, {"date_field": DateField.CLOSED_AT}])
def test_what_would_tell_by_comparing_two_files_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(WouldTell):
        must_not_tell(wanted(**changes))


@pytest.mark.parametrize("column", ["owner", "code", "status", "+85512345678"])
def test_rows_without_names_cannot_be_narrowed_by_what_they_do_not_show(column: str) -> None:
    with pytest.raises(FilterUnknown) as refused:
        must_not_tell(wanted(filters={column: ("x",)}))
    assert refused.value.details["column"] != "+85512345678"


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"categories": ("unpaid_wages",)}, True), ({"category": ("missing_person",)}, False),
        ({"sex": ("female",)}, True), ({"gender": ("Male", "Female")}, True), ({"sex": ("male",)}, False),
        ({"destination_country": ("TH", "MY")}, True), ({"CountryOfExploitation": ("MYS",)}, False),
        ({"origin_channel": ("sms",), "sector": ("construction",)}, False),
        ({"ageBroad": ("24--26",)}, True),
        ({"category_group": ("freedom",)}, True),
    ],
)  # fmt: skip
def test_filters_look_at_the_published_row(
    filters: dict[str, tuple[str, ...]],
    fits: bool,  # noqa: FBT001 - a case
) -> None:
    assert is_wanted(ONE, filters, Months()) is fits
