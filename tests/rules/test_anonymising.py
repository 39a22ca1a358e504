"""What is told of people without names, in the columns of the Counter Trafficking Data Collaborative."""

from datetime import UTC, date, datetime

import pytest

from app.exports.rules.asking import DateField, Format, Profile, Wanted
from app.exports.rules.columns import COLUMNS, FilterUnknown, Sheet
from app.exports.rules.ctdc import country, row_of
from app.exports.rules.narrowing import WouldTell, is_wanted, must_not_tell
from app.statistics.rules.groups import BETWEEN
from app.statistics.rules.publishing import Group, Window

NAMES = [column.name for column in COLUMNS[Sheet.PEOPLE]]
NOW = datetime(2026, 6, 8, 3, tzinfo=UTC)
MARCH = Window(date(2026, 3, 1), date(2026, 4, 1))
FIRST_QUARTER = Window(date(2026, 1, 1), date(2026, 4, 1))
TOLD = {
    "sex": "female", "age_band": "24-29", "destination": "TH", "sector": "fisheries",
    "category": "unpaid_wages",
    "categories": BETWEEN.join(("unpaid_wages", "detention")), "channel": "sms", "outcome": "repatriated",
    "province": "KH-3", "organisation": "tonle",
}  # fmt: skip
ROW = row_of(MARCH, Group(TOLD, 11))


def without(*names: str) -> dict[str, object]:
    return row_of(MARCH, Group({name: value for name, value in TOLD.items() if name not in names}, 11))


def test_a_row_says_what_is_told_of_its_group_in_the_published_columns() -> None:
    assert ROW == {
        "month": "2026-03", "category": "unpaid_wages; detention", "category_group": "money",
        "sector": "fisheries", "channel": "sms", "outcome": "repatriated", "origin_province": "KH-3",
        "Datasource": "Hotline", "yearOfRegistration": 2026, "gender": "Female", "ageBroad": "24--29",
        "majorityStatus": "Adult", "citizenship": "KHM", "CountryOfExploitation": "THA",
        "meansOfControlTakesEarnings": 1, "meansOfControlRestrictsMovement": 1,
        "typeOfLabourAquafarming": 1, "recruiterRelationUnknown": 1,
    }  # fmt: skip
    assert ROW.keys() <= {*NAMES}


def test_what_is_not_told_leaves_no_trace_in_what_follows_from_it() -> None:
    nothing = row_of(MARCH, Group({}, 11))
    always = {"month", "Datasource", "yearOfRegistration", "recruiterRelationUnknown"}
    assert nothing.keys() == always | {"meansOfControlNotSpecified", "typeOfLabourNotSpecified"}


@pytest.mark.parametrize(
    ("untold", "gone"),
    [
        ("province", {"origin_province", "citizenship"}), ("age_band", {"ageBroad", "majorityStatus"}),
        ("sector", {"sector", "typeOfLabourAquafarming"}), ("sex", {"gender"}), ("organisation", set()),
        ("categories", {"meansOfControlRestrictsMovement"}), ("destination", {"CountryOfExploitation"}),
    ],
)  # fmt: skip
def test_each_trait_takes_along_what_follows_from_it(untold: str, gone: set[str]) -> None:
    assert ROW.keys() - without(untold).keys() == gone


def test_of_a_category_alone_only_that_one_is_told() -> None:
    row = without("categories")
    assert (row["category"], row["category_group"]) == ("unpaid_wages", "money")


def test_children_are_minors_and_an_unknown_sex_is_no_gender() -> None:
    row = row_of(FIRST_QUARTER, Group({"age_band": "0-17", "sex": "unknown"}, 11))
    assert (row["ageBroad"], row["majorityStatus"], "gender" in row) == ("0--17", "Minor", False)


def test_a_row_of_a_longer_window_tells_its_first_and_last_month() -> None:
    assert row_of(FIRST_QUARTER, Group({}, 11))["month"] == "2026-01/2026-03"


def test_only_people_declare_somebody_a_victim_of_forced_labour() -> None:
    said = row_of(MARCH, Group({"category": "trafficking_forced_labour"}, 11))
    assert (said["isForcedLabour"], "isForcedLabour" in ROW) == (1, False)


@pytest.mark.parametrize(
    ("two", "three"), [("KH", "KHM"), ("TH", "THA"), ("MM", "MMR"), ("KR", "KOR"), ("XX", ""), (None, "")]
)
def test_countries_have_three_letters(two: str | None, three: str) -> None:
    assert country(two) == three


def wanted(**changes: object) -> Wanted:
    return Wanted(Profile.ANONYMISED, Format.CSV, "en", **changes)  # type: ignore[arg-type]  # of one case each


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
        ({"ageBroad": ("24--29",)}, True),
        ({"category_group": ("freedom",)}, False),
        ({"origin_province": ("KH-4", "KH-3")}, True),
        ({"gender": ("",)}, False),
    ],
)  # fmt: skip
def test_filters_look_at_the_published_row(
    filters: dict[str, tuple[str, ...]],
    fits: bool,  # noqa: FBT001 - a case
) -> None:
    assert is_wanted(ROW, filters) is fits


def test_an_empty_filter_asks_for_those_of_whom_it_is_not_told() -> None:
    assert is_wanted(without("sex"), {"gender": ("",)})
    assert is_wanted(without("category", "categories"), {"category": ("",)})
