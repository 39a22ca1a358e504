"""The files without names: nobody can be found in them, nothing links two, and readers of HXL agree."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import hxl
import openpyxl
import pytest
from sqlalchemy import delete, select, update

from app.cases.rules.consent import By, Channel, Consent, Said
from app.cases.tables import cases, members
from app.exports.making import Made
from app.exports.rules.asking import DateField, Format, Profile
from app.exports.rules.columns import COLUMNS, FilterUnknown, Sheet
from app.exports.rules.narrowing import WindowTooSmall, WouldTell
from app.identity.rules import Role
from app.statistics.rules.publishing import TooEarly, WouldReveal
from app.statistics.rules.publishing import WindowTooSmall as NoWholeMonth
from app.statistics.tables import published as published_rows
from app.usecases.seeing import sight_of
from app.usecases.setting_up import organisation_id
from tests.fakes import START
from tests.file_making import SAFE_PHONE, Maker, names_of, objects_of, rows_of
from tests.makers import LOTUS, Installation

CANARY = "Sophea-Canary"
NAMES = [column.name for column in COLUMNS[Sheet.PEOPLE]]
K = 11
MIDDLE_OF_MAY = datetime(2026, 5, 14, 17, tzinfo=UTC)


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


def test_there_is_a_row_for_each_person_in_the_published_columns(maker: Maker) -> None:
    many(maker, 12, birth_date=date(2000, 1, 1))
    made = maker.make(Profile.ANONYMISED, locale="km")
    rows = people(made)
    assert names_of(made) == ["people.csv", "codebook.csv", "manifest.json"]
    assert list(rows[0]) == NAMES
    assert len(rows) == made.rows == 24
    assert {(row["month"], row["gender"], row["ageBroad"], row["CountryOfExploitation"]) for row in rows} == {
        ("2026-06", "Female", "24--29", "THA")
    }
    assert {row["meansOfControlTakesEarnings"] for row in rows} == {"1"}
    assert made.manifest["k"] == K


def test_an_age_is_that_of_the_day_whatever_part_of_it_lies_open(maker: Maker) -> None:
    for born in (date(2008, 6, 8), date(2008, 6, 9), date(1, 1, 1), date(1994, 3, 3), None):
        for _ in range(11):
            maker.a_member(maker.a_case(), sex="female", birth_date=born)  # opened on 8 June 2026
    bands = Counter(row["ageBroad"] for row in people(maker.make(Profile.ANONYMISED)))
    assert bands == {"18--23": 11, "0--17": 11, "48+": 11, "30--47": 11, "": 11}


def test_no_combination_of_fewer_than_eleven_people_remains(maker: Maker) -> None:
    many(maker, 40, months=4)
    for number in range(9):
        case_id = maker.a_case(destination_country=["MY", "KR", "JP"][number % 3], origin_channel="call")
        maker.a_member(case_id, "x", sex=["male", "female", "other"][number % 3])
    made = maker.make(Profile.ANONYMISED)
    assert made.rows >= 60
    assert min(without_ids(people(made)).values()) >= K
    told = made.manifest["reduction"]
    assert told["in_rows"] == made.rows <= told["counted"] == 89
    assert [number for number in told["not_told"].values() if 0 < number < K] == []


def test_fewer_than_eleven_people_in_all_are_not_told_of(maker: Maker) -> None:
    many(maker, 5)
    made = maker.make(Profile.ANONYMISED)
    assert people(made) == []
    assert (made.manifest["reduction"]["counted"], made.manifest["reduction"]["in_rows"]) == (None, 0)


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


def refuse(maker: Maker, how_many: int, *, first: Said = Said.GIVEN) -> None:
    """So many women do not want to be counted, whatever they said before."""
    for member in [one for one in _members(maker) if one.person.sex == "female"][:how_many]:
        for said in (first, Said.REFUSED):
            with maker.here.office.work(START) as uow:
                uow.consents.add(Consent(
                    uuid4(), member.case_id, member.person.id, "anonymised_reporting", None, said, By.PERSON,
                    Channel.CALL, "km", maker.worker.id, START,
                ))  # fmt: skip


@pytest.mark.parametrize(("refusing", "women"), [(0, 26), (1, 0), (11, 15)])
def test_who_does_not_want_to_be_counted_has_no_row_and_cannot_be_counted_by_it(
    maker: Maker, refusing: int, women: int
) -> None:
    # The tables count everybody. So where one refuses, ten others at least must be without a row.
    many(maker, 13)
    many(maker, 12, sex="male")
    refuse(maker, refusing)
    rows = Counter(row["gender"] for row in people(maker.make(Profile.ANONYMISED)))
    assert rows == Counter({"Male": 24, "Female": women})


def test_two_files_of_different_days_hold_the_same_rows_whatever_came_between(maker: Maker) -> None:
    many(maker, 12)
    first = maker.make(Profile.ANONYMISED)
    many(maker, 3, sex="male")
    refuse(maker, 1)
    with maker.here.office.work(START) as uow:
        uow.connection.execute(update(cases).values(destination_country="MY", outcome="repatriated"))
        uow.connection.execute(delete(members).where(members.c.id == _members(maker)[0].id))
    again = maker.make(Profile.ANONYMISED)
    assert without_ids(people(again)) == without_ids(people(first))
    assert again.manifest["reduction"] == first.manifest["reduction"]
    assert {row["record"] for row in people(again)}.isdisjoint(row["record"] for row in people(first))


def test_rows_are_of_the_people_whom_the_published_tables_count(maker: Maker) -> None:
    many(maker, 12)
    many(maker, 12, sex="male")
    counted = objects_of(maker.make(Profile.AGGREGATE, Format.NDJSON).files[0])[0]
    many(maker, 12)
    rows = Counter(row["gender"] for row in people(maker.make(Profile.ANONYMISED)))
    assert rows == {"Female": counted["female"], "Male": counted["male"]}


def test_a_window_has_rows_when_it_may_be_published_and_the_others_are_named(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    maker = Maker(install(published_after="7d"), tmp_path)
    many(maker, 12)
    with pytest.raises(TooEarly):
        maker.make(Profile.ANONYMISED)
    many(maker, 24, months=2)
    made = maker.make(Profile.ANONYMISED)
    assert {row["month"] for row in people(made)} == {"2026-05"}
    assert (made.manifest["windows"], made.manifest["pending"]) == (["2026-05"], ["2026-06"])


def test_of_a_window_that_was_frozen_without_groups_no_row_is_ever_told(maker: Maker) -> None:
    many(maker, 12)
    maker.make(Profile.AGGREGATE)
    with maker.here.office.work(START) as uow:
        uow.connection.execute(update(published_rows).values(groups=None))
    made = maker.make(Profile.ANONYMISED)
    assert (people(made), made.manifest["without_rows"]) == ([], ["2026-06"])


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
        ({"since": MIDDLE_OF_MAY, "until": MIDDLE_OF_MAY + timedelta(days=2)}, NoWholeMonth),
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
