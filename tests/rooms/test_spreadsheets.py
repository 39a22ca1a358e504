"""What people see when they open an export in a real spreadsheet: every text as it was written."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.exports.rules.asking import Format, Profile
from app.exports.rules.columns import COLUMNS, Sheet
from app.exports.rules.guarding import recover
from tests.fakes import START
from tests.file_making import SAFE_PHONE, Maker
from tests.makers import Installation
from tests.spreadsheet import HOW_TO_GET_ONE, OFFICE, opened

pytestmark = pytest.mark.skipif(OFFICE is None, reason=HOW_TO_GET_ONE)

TEXTS = [
    "0012", "007", "12345678901234567890", "1-2", "2026-05", "1/2", "12:30", "1e5", "=1+1", "+85512345678",
    "-5", "@SUM(A1)", '=HYPERLINK("http://example.org","x")', "'quoted'", "ថៅកែមិនបើកប្រាក់ខែ ៣ខែ", "១២៣",
    'line\nbreak, with "quotes"; and more', "\u200bខ្មែរ", "TRUE word", "\uff1d1+1",
]  # fmt: skip


@pytest.fixture
def maker(here: Installation, tmp_path: Path) -> Maker:
    return Maker(here, tmp_path)


def named(maker: Maker) -> None:
    """One case whose people are called like everything that a spreadsheet might take for something else."""
    case_id = maker.a_case(code="0011-0012")
    for text in TEXTS:
        maker.a_member(case_id, text, sex="female", birth_date=date(1996, 2, 3))


def column(rows: list[list[Any]], sheet: Sheet, name: str) -> list[Any]:
    place = [column.name for column in COLUMNS[sheet]].index(name)
    return [row[place] for row in rows[1:]]


def test_a_spreadsheet_shows_every_text_of_a_csv_as_it_was_written(maker: Maker, tmp_path: Path) -> None:
    named(maker)
    made = maker.make(form=Format.CSV)
    [rows] = opened(made.files[1], tmp_path).values()
    shown = column(rows, Sheet.MEMBERS, "name")
    assert all(isinstance(cell, str) for cell in shown)
    assert sorted(map(recover, shown)) == sorted(TEXTS)
    assert {str(born)[:10] for born in column(rows, Sheet.MEMBERS, "birth_date")} == {"1996-02-03"}
    assert set(column(rows, Sheet.MEMBERS, "code")) == {"0011-0012"}


def test_a_spreadsheet_shows_every_text_of_a_workbook_as_it_was_written(maker: Maker, tmp_path: Path) -> None:
    named(maker)
    maker.everything()
    made = maker.make(form=Format.XLSX, locale="km")
    sheets = opened(made.files[0], tmp_path)
    assert list(sheets) == ["cases", "members", "claims", "parties", "codebook", "manifest"]
    members = sheets["members"]
    shown = column(members, Sheet.MEMBERS, "name")
    assert [text for text in TEXTS if text not in shown] == []
    born = set(column(members, Sheet.MEMBERS, "birth_date"))
    assert datetime(1996, 2, 3) in born  # noqa: DTZ001 - a day of a spreadsheet has no zone
    assert SAFE_PHONE in column(members, Sheet.MEMBERS, "phone")
    assert set(column(sheets["cases"], Sheet.CASES, "opened_at")) == {START.replace(tzinfo=None)}
    assert set(column(sheets["parties"], Sheet.PARTIES, "party_licence")) == {"0012"}
    assert members[0][2] == "ឈ្មោះ"


def test_months_and_bands_of_ages_stay_what_they_are(maker: Maker, tmp_path: Path) -> None:
    for _ in range(11):
        maker.a_member(maker.a_case(), sex="female", birth_date=date(2012, 1, 1))
    [rows] = opened(maker.make(Profile.ANONYMISED).files[0], tmp_path).values()
    assert set(column(rows, Sheet.PEOPLE, "ageBroad")) == {"0--17"}
    months = {
        cell if isinstance(cell, str) else f"{cell:%Y-%m}" for cell in column(rows, Sheet.PEOPLE, "month")
    }
    assert months == {"2026-06"}
    assert all(isinstance(cell, str) for cell in column(rows, Sheet.PEOPLE, "record"))
