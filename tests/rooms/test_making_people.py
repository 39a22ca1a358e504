"""The files without names: nobody can be found in them, nothing links two, and readers of HXL agree."""

import csv
import io
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import hxl
import openpyxl
import pytest
from sqlalchemy import select

from app.cases.rules.consent import By, Channel, Consent, Said
from app.cases.tables import members
from app.exports.making import Made
from app.exports.rules.asking import DateField, Format, Profile
from app.exports.rules.columns import COLUMNS, FilterUnknown, Sheet
from app.exports.rules.narrowing import WindowTooSmall, WouldTell
from app.identity.rules import Role
from app.statistics.rules.publishing import WindowTooSmall as NoWholeMonth
from app.statistics.rules.publishing import WouldReveal
from app.usecases.seeing import sight_of
from app.usecases.setting_up import organisation_id
from tests.fakes import START
from tests.file_making import SAFE_PHONE, Maker, names_of, objects_of, rows_of
from tests.makers import LOTUS, Installation

CANARY = "Sophea-Canary"
NAMES = [column.name for column in COLUMNS[Sheet.PEOPLE]]
K = 11


@pytest.fixture
def maker(here: Installation, tmp_path: Path) -> Maker:
    return Maker(here, tmp_path)


def many(maker: Maker, count: int, *, months: int = 1, **person: Any) -> None:
    """Cases of two members each, in which something tells of everybody."""
    for number in range(count):
        at = START - timedelta(days=30 * (number % months), hours=number)
        case_id = maker.a_case(opened_at=at, summary=f"{CANARY} {number}")
        for _ in range(2):
            maker.a_member(case_id, CANARY, phone=SAFE_PHONE, **{"sex": "female", **person})


def people(made: Made) -> list[dict[str, str]]:
    return rows_of(made, "people.csv")


def without_ids(rows: list[dict[str, str]]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(value for name, value in row.items() if name != "record") for row in rows)


def test_nothing_that_anybody_wrote_and_no_id_and_no_day_leaves(maker: Maker) -> None:
    many(maker, 12)
    for form in (Format.CSV, Format.JSON, Format.NDJSON):
        made = maker.make(Profile.ANONYMISED, form)
        written = b"".join(path.read_bytes() for path in made.files if path.name != "manifest.json")
        assert CANARY.encode() not in written
        assert SAFE_PHONE.encode() not in written
        data = made.files[0].read_text("utf-8")
        assert not re.search(r"2026-\d\d-\d\d", data.partition("people")[2])


def test_there_is_a_row_for_each_member_in_the_published_columns(maker: Maker) -> None:
    many(maker, 12, birth_date=date(2000, 1, 1))
    made = maker.make(Profile.ANONYMISED, locale="km")
    rows = people(made)
    assert names_of(made) == ["people.csv", "codebook.csv", "manifest.json"]
    assert list(rows[0]) == NAMES
    assert len(rows) == made.rows == 24
    assert {(row["month"], row["gender"], row["ageBroad"], row["CountryOfExploitation"]) for row in rows} == {
        ("2026-06", "Female", "24--26", "THA")
    }
    assert {row["meansOfControlTakesEarnings"] for row in rows} == {"1"}
    assert made.manifest["k"] == K


def test_an_age_is_that_of_the_day_whatever_part_of_it_lies_open(maker: Maker) -> None:
    for born in (date(2008, 6, 8), date(2008, 6, 9), date(1, 1, 1), date(1994, 3, 3), None):
        for _ in range(11):
            maker.a_member(maker.a_case(), sex="female", birth_date=born)  # opened on 8 June 2026
    bands = Counter(row["ageBroad"] for row in people(maker.make(Profile.ANONYMISED)))
    assert bands == {"18--20": 11, "9--17": 11, "": 22, "30--38": 11}


def test_no_combination_of_fewer_than_eleven_people_remains(maker: Maker) -> None:
    many(maker, 20, months=4)
    for number in range(9):
        case_id = maker.a_case(destination_country=["MY", "KR", "JP"][number % 3], origin_channel="call")
        maker.a_member(case_id, "x", sex=["male", "female", "other"][number % 3])
    rows = people(maker.make(Profile.ANONYMISED))
    assert len(rows) == 49
    assert min(without_ids(rows).values()) >= K


def test_fewer_than_eleven_people_in_all_are_not_told_of(maker: Maker) -> None:
    many(maker, 5)
    made = maker.make(Profile.ANONYMISED)
    assert people(made) == []
    assert made.manifest["reduction"]["dropped"] == "<11"


def test_two_files_and_two_members_of_one_case_cannot_be_linked(maker: Maker) -> None:
    many(maker, 12)
    first, second = (people(maker.make(Profile.ANONYMISED)) for _ in range(2))
    ids = [row["record"] for row in (*first, *second)]
    assert len(set(ids)) == len(ids) == 48
    assert without_ids(first) == without_ids(second)
    kept = {(row.case_id.hex, row.person.id.hex) for row in _members(maker)}
    assert all(hexes not in one for one in ids for pair in kept for hexes in pair)


def _members(maker: Maker) -> list[Any]:
    with maker.here.office.look() as uow:
        ids = list(uow.connection.execute(select(members.c.id)).scalars())
        return list(uow.records.members(ids).values())


def test_a_narrower_file_holds_rows_of_the_wider_one_and_tells_no_more(maker: Maker) -> None:
    many(maker, 15, months=3)
    many(maker, 4, sex="male")
    wide = without_ids(people(maker.make(Profile.ANONYMISED)))
    for wanted in (
        {"filters": {"sex": ("female",)}}, {"filters": {"sex": ("male",)}},
        {"since": datetime(2026, 4, 30, 17, tzinfo=UTC), "until": datetime(2026, 5, 31, 17, tzinfo=UTC)},
        {"filters": {"categories": ("unpaid_wages",), "origin_channel": ("sms",)}},
    ):  # fmt: skip
        narrow = without_ids(people(maker.make(Profile.ANONYMISED, **wanted)))
        assert all(wide[row] == count for row, count in narrow.items())


def test_who_does_not_want_to_be_counted_is_not(maker: Maker) -> None:
    many(maker, 12)
    member = _members(maker)[0]
    for said in (Said.GIVEN, Said.REFUSED):
        with maker.here.office.work(START) as uow:
            uow.consents.add(Consent(
                uuid4(), member.case_id, member.person.id, "anonymised_reporting", None, said, By.PERSON,
                Channel.CALL, "km", maker.worker.id, START,
            ))  # fmt: skip
    assert len(people(maker.make(Profile.ANONYMISED))) == 23


def test_only_people_whom_the_supervisor_may_know_of_are_counted(maker: Maker) -> None:
    many(maker, 12)
    for _ in range(12):
        maker.a_member(maker.a_case(organisation_id=organisation_id(LOTUS)), "x", sex="male")
    supervisor = maker.here.a_worker(Role.SUPERVISOR, LOTUS)
    rows = people(maker.make(Profile.ANONYMISED, sight=sight_of(supervisor)))
    assert Counter(row["gender"] for row in rows) == {"Male": 12}


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"updated_since": START}, WouldTell), ({"date_field": DateField.CLOSED_AT}, WouldTell),
        ({"filters": {"owner": ("sokha",)}}, FilterUnknown),
        ({"since": START - timedelta(days=3), "until": START - timedelta(days=2)}, WindowTooSmall),
    ],
)  # fmt: skip
def test_what_would_single_people_out_is_refused(
    maker: Maker, wanted: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        maker.make(Profile.ANONYMISED, **wanted)


def test_the_other_formats_hold_the_same_rows(maker: Maker) -> None:
    many(maker, 12)
    book = openpyxl.load_workbook(maker.make(Profile.ANONYMISED, Format.XLSX).files[0])
    assert book.sheetnames == ["people", "codebook", "manifest"]
    head, *rows = book["people"].iter_rows(values_only=True)
    assert list(head) == NAMES
    lines = objects_of(maker.make(Profile.ANONYMISED, Format.NDJSON).files[0])
    assert Counter(row[1:] for row in rows) == Counter(tuple(line.values())[1:] for line in lines)


def published(maker: Maker, form: Format = Format.CSV, **wanted: Any) -> Made:
    return maker.make(
        Profile.AGGREGATE, form, since=datetime(2026, 2, 28, 17, tzinfo=UTC),
        until=datetime(2026, 4, 30, 17, tzinfo=UTC), **wanted,
    )  # fmt: skip


def test_readers_of_hxl_find_no_fault_in_the_published_counts(maker: Maker) -> None:
    many(maker, 30, months=4)
    made = published(maker)
    assert made.rows > 0
    with made.files[0].open("rb") as file:
        source = hxl.data(hxl.make_input(file, hxl.InputOptions(allow_local=True)))
        assert "#date+month" in source.display_tags
        assert "#affected+f" in source.display_tags
        problems: list[Any] = []
        assert source.validate(callback=problems.append), problems
    head, tags, *rows = csv.reader(io.StringIO(made.files[0].read_text("utf-8-sig")))
    assert (head[0], tags[0]) == ("Month", "#date+month")
    assert len(rows) == made.rows
    place = [column.name for column in COLUMNS[Sheet.AGGREGATE]].index("people")
    assert all(not row[place] or row[place] == "0" or int(row[place]) >= K for row in rows)


def test_the_published_counts_come_in_every_format(maker: Maker) -> None:
    many(maker, 30, months=4)
    lines = objects_of(published(maker, Format.NDJSON).files[0])
    whole = json.loads(published(maker, Format.JSON).files[0].read_text("utf-8"))
    assert whole["aggregate"] == lines
    assert whole["k"] == K
    book = openpyxl.load_workbook(published(maker, Format.XLSX).files[0])
    _, tags, *rows = book["aggregate"].iter_rows(values_only=True)
    assert tags[0] == "#date+month"
    assert [list(line.values()) for line in lines] == [list(row) for row in rows]


def test_published_counts_are_of_whole_months_and_of_published_cells_only(maker: Maker) -> None:
    with pytest.raises(NoWholeMonth):
        maker.make(Profile.AGGREGATE, since=datetime(2026, 3, 2, 17, tzinfo=UTC))
    with pytest.raises(WouldReveal):
        published(maker, filters={"sector": ("fisheries",), "categories": ("detention",)})
    with pytest.raises(WouldTell):
        published(maker, updated_since=START)
