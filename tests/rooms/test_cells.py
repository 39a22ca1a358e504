"""What coded cells of a file say: words in the reader's language, or the codes, and the way back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from app.exports.codebook import values_of
from app.exports.labels import Labels, labelled, labels_of
from app.exports.rules.asking import (
    Cells,
    CellsUnfit,
    Format,
    Locale,
    Profile,
    Wanted,
    as_json,
    from_json,
    must_make_sense,
)
from app.exports.rules.columns import COLUMNS, Cell, Column, Sheet
from app.exports.writers.csv_file import pieces
from app.usecases.rulebook import Rulebook
from tests.fakes import START
from tests.file_making import Maker, objects_of, rows_of
from tests.makers import Installation
from tests.spreadsheet import HOW_TO_GET_ONE, OFFICE, opened

LOCALES: tuple[Locale, ...] = ("km", "en")
NAMED = (Sheet.CASES, Sheet.MEMBERS, Sheet.CLAIMS, Sheet.PARTIES)


@pytest.fixture
def maker(here: Installation, tmp_path: Path) -> Maker:
    return Maker(here, tmp_path)


def as_in_the_codebook(rulebook: Rulebook, locale: Locale) -> dict[str, str]:
    """What the codes of the one known case are called."""
    lists = {"status": "status", "categories": "category", "reporter_sex": "sex"}
    codes = {"status": "assigned", "categories": "unpaid_wages; detention", "reporter_sex": "female"}
    called = {
        name: {code: {"km": km, "en": en}[locale] for code, km, en in values_of(rulebook, listed)}
        for name, listed in lists.items()
    }
    return {name: "; ".join(called[name][code] for code in cell.split("; ")) for name, cell in codes.items()}


@pytest.mark.parametrize("locale", LOCALES)
def test_a_csv_says_in_words_what_the_codebook_calls_them(maker: Maker, locale: Locale) -> None:
    maker.everything()
    made = maker.make(locale=locale)
    [row] = rows_of(made, "cases.csv")
    by_name = dict(zip([column.name for column in COLUMNS[Sheet.CASES]], row.values(), strict=True))
    told = as_in_the_codebook(maker.here.office.rulebook, locale)
    assert {name: by_name[name] for name in told} == told
    assert made.manifest["cells"] == "labels"


@pytest.mark.parametrize("locale", LOCALES)
def test_a_workbook_says_in_words_what_the_codebook_calls_them(maker: Maker, locale: Locale) -> None:
    maker.everything()
    made = maker.make(form=Format.XLSX, locale=locale)
    book = openpyxl.load_workbook(made.files[0])
    row = [cell.value for cell in book["cases"][2]]
    by_name = dict(zip([column.name for column in COLUMNS[Sheet.CASES]], row, strict=True))
    told = as_in_the_codebook(maker.here.office.rulebook, locale)
    assert {name: by_name[name] for name in told} == told
    assert dict(book["manifest"].iter_rows(values_only=True))["cells"] == "labels"


@pytest.mark.skipif(OFFICE is None, reason=HOW_TO_GET_ONE)
def test_a_spreadsheet_shows_khmer_words_in_both_files(maker: Maker, tmp_path: Path) -> None:
    maker.everything()
    told = as_in_the_codebook(maker.here.office.rulebook, "km")
    for form in (Format.CSV, Format.XLSX):
        file = maker.make(form=form, locale="km").files[0]
        # Two files of one name, each in a folder of its own.
        folder = tmp_path / form.value
        folder.mkdir()
        sheet = next(iter(opened(Path(shutil.copy(file, folder)), folder).values()))
        by_name = dict(zip([column.name for column in COLUMNS[Sheet.CASES]], sheet[1], strict=True))
        assert {name: by_name[name] for name in told} == told


@pytest.mark.parametrize("form", [Format.CSV, Format.XLSX])
def test_whoever_asks_for_codes_gets_codes(maker: Maker, form: Format) -> None:
    maker.everything()
    made = maker.make(form=form, locale="km", cells=Cells.CODES)
    if form is Format.CSV:
        [row] = rows_of(made, "cases.csv")
        cells = list(row.values())
    else:
        cells = [cell.value for cell in openpyxl.load_workbook(made.files[0])["cases"][2]]
    assert cells[1:4] == ["assigned", "U2", "unpaid_wages; detention"]
    assert made.manifest["cells"] == "codes"


@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
def test_files_for_programs_hold_codes_in_every_language(maker: Maker, form: Format) -> None:
    maker.everything()
    made = maker.make(form=form, locale="km")
    path = made.files[0]
    [row] = objects_of(path) if form is Format.NDJSON else json.loads(path.read_text("utf-8"))["cases"]
    assert (row["status"], row["categories"]) == ("assigned", "unpaid_wages; detention")
    assert made.manifest["cells"] == "codes"


@pytest.mark.parametrize("profile", [Profile.ANONYMISED, Profile.AGGREGATE])
def test_published_files_keep_the_codes_of_their_standards(profile: Profile) -> None:
    for form in (Format.CSV, Format.XLSX, Format.JSON, Format.NDJSON):
        assert Wanted(profile, form, "km").cells_hold is Cells.CODES
        with pytest.raises(CellsUnfit):
            must_make_sense(Wanted(profile, form, "km", cells=Cells.LABELS))


def test_a_code_that_nobody_knows_any_more_stays_as_it_is(maker: Maker) -> None:
    maker.a_case(categories=["unpaid_wages", "given_up_long_ago"], status="forgotten", opened_at=START)
    [row] = rows_of(maker.make(locale="en"), "cases.csv")
    assert row["Status"] == "forgotten"
    assert row["Categories"].endswith("; given_up_long_ago")
    assert not row["Categories"].startswith("unpaid_wages")


def test_a_label_that_a_spreadsheet_would_take_for_a_formula_is_guarded() -> None:
    labels = {0: Labels({"plus": "+1", "word": "Word"})}
    rows: Iterator[list[str | None]] = iter([["plus"], ["word"], [None]])
    written = b"".join(pieces([Column("kind", codes="kind")], [["Kind"]], labelled(rows, labels)))
    assert written.decode("utf-8-sig") == 'Kind\r\n\'+1\r\nWord\r\n""\r\n'


@pytest.mark.parametrize("locale", LOCALES)
def test_every_label_leads_back_to_one_code(here: Installation, locale: Locale) -> None:
    rulebook = here.office.rulebook
    coded = [column for sheet in NAMED for column in COLUMNS[sheet] if column.codes]
    assert len(coded) > 20
    for column, labels in zip(coded, labels_of(rulebook, coded, locale).values(), strict=True):
        codes = [code for code, _, _ in values_of(rulebook, column.codes)]
        assert len(codes) == len(labels) > 1
        assert len(set(labels.values())) == len(codes), column.name
        back = {label: code for code, label in labels.items()}
        together = labels["; ".join(codes)]
        assert [back[label] for label in together.split("; ")] == codes


def test_of_two_codes_that_are_called_the_same_the_cells_keep_the_codes(here: Installation) -> None:
    rulebook = here.office.rulebook
    names = dict(rulebook.category_names)
    names["unpaid_wages"] = names["detention"] = {"km": "ដូចគ្នា", "en": "Same"}
    names["excessive_overtime"] = {"km": "ក; ខ", "en": "a; b"}
    twins = Rulebook(**{
        **{name: getattr(rulebook, name) for name in rulebook.__dataclass_fields__}, "category_names": names,
    })  # fmt: skip
    [labels] = labels_of(twins, [Column("categories", codes="category")], "en").values()
    for code in ("unpaid_wages", "detention", "excessive_overtime"):
        assert labels[code] == code
    assert labels["contract_substitution"] != "contract_substitution"


def test_what_coded_cells_hold_is_text() -> None:
    for sheet in NAMED:
        assert {column.cell for column in COLUMNS[sheet] if column.codes} <= {Cell.WORD}


def test_a_wish_is_kept_with_what_its_cells_hold() -> None:
    wanted = Wanted(Profile.IDENTIFIED, Format.CSV, "km")
    for cells in (None, Cells.CODES, Cells.LABELS):
        asked = Wanted(wanted.profile, wanted.format, wanted.locale, cells=cells)
        assert from_json(as_json(asked)) == asked
    assert "cells" not in as_json(wanted)  # a wish of an older release is the same wish still
