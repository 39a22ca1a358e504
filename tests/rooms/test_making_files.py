"""The files of an export with names: what is in them, what is not, and that independent readers agree."""

import hashlib
import json
import threading
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from sqlalchemy import insert, select, update

from app.cases.rules.consent import By, Channel, Consent, Said
from app.cases.tables import cases, walls
from app.circumstances.rules import Circumstances
from app.crypto.vault import Place, SealBroken
from app.exports.making import Making, make
from app.exports.rules.asking import Cells, DateField, Format, Profile, Wanted
from app.exports.rules.columns import COLUMNS, SCHEMA_VERSION, FilterUnknown, Sheet
from app.exports.rules.guarding import recover
from app.identity.rules import Role
from app.outbox.rules import Known, SafeContact
from app.usecases.seeing import sight_of
from app.usecases.setting_up import organisation_id
from tests.fakes import START
from tests.file_making import SAFE_PHONE, UNKNOWN_PHONE, UNSAFE_PHONE, Maker, names_of, objects_of, rows_of
from tests.makers import LOTUS, TONLE, Installation

SHEETS = ("cases", "members", "claims", "parties")
FORMATS = (Format.CSV, Format.XLSX, Format.JSON, Format.NDJSON)


@pytest.fixture
def maker(here: Installation, tmp_path: Path) -> Maker:
    return Maker(here, tmp_path)


def bytes_of(paths: tuple[Path, ...]) -> bytes:
    return b"".join(path.read_bytes() for path in paths)


def test_a_case_says_everything_that_is_known_of_it(maker: Maker) -> None:
    case_id = maker.everything()
    [path] = [one for one in maker.make(form=Format.NDJSON).files if one.name == "cases.ndjson"]
    [row] = objects_of(path)
    told = {name: value for name, value in row.items() if value not in (None, 0)}
    assert told == {
        "code": "0482-1376", "status": "assigned", "urgency": "U2", "categories": "unpaid_wages; detention",
        "language": "km", "origin_channel": "sms", "destination_country": "TH", "organisation": TONLE,
        "owner": "sokha", "members": 12, "opened_at": "2026-06-08T03:00:00.000000Z",
        "accepted_at": "2026-06-08T04:00:00.000000Z", "version": 1,
        "updated_at": "2026-06-08T03:00:00.000000Z", "summary": "ថៅកែដកហូតលិខិតឆ្លងដែន",
        "case_id": str(case_id), "sector": "fisheries", "origin_province": "KH-2",
        "recruiters": "Sok Agency", "employers": "Golden Fish Co", "members_named": 3, "women": 1, "men": 1,
        "children": 1, "contact_attempts": 2, "contacts_made": 1, "notes": 2,
        "wages_claimed": "THB 220000; USD 500", "wages_recovered": "THB 3000", "legal_hold": "no",
        "reporter_name": "ម្ដាយ", "reporter_sex": "female", "reporter_phone": SAFE_PHONE,
        "reporter_safe_to_call": "yes",
    }  # fmt: skip
    assert list(row) == [column.name for column in COLUMNS[Sheet.CASES]]


def test_members_claims_and_parties_have_tables_of_their_own(maker: Maker) -> None:
    maker.everything()
    made = maker.make(cells=Cells.CODES)
    assert names_of(made) == [*(f"{name}.csv" for name in SHEETS), "codebook.csv", "manifest.json"]
    members = {recover(row["Name"]): row for row in rows_of(made, "members.csv")}
    told = {name: (row["Sex"], row["Birth date"], row["Marked as minor"]) for name, row in members.items()}
    assert told == {
        "ស្រីមុំ": ("female", "1996-02-03", "no"), "007": ("male", "2012-01-01", "yes"),
        "=1+1": ("unknown", "", "no"),
    }  # fmt: skip
    claims = [(row["Kind of amount"], row["Amount"], row["Currency"], row["Day"])
              for row in rows_of(made, "claims.csv")]  # fmt: skip
    assert sorted(claims) == [
        ("claimed", "150000", "THB", ""), ("claimed", "500", "USD", ""), ("claimed", "70000", "THB", ""),
        ("recovered", "1000", "THB", "2026-06-01"), ("recovered", "2000", "THB", "2026-06-02"),
    ]  # fmt: skip
    parties = {row["Name of party"]: (row["Kind"], row["Other names"], recover(row["Licence"]))
               for row in rows_of(made, "parties.csv")}  # fmt: skip
    assert parties == {
        "Golden Fish Co": ("employer", "ត្រីមាស", "0012"),
        "Sok Agency": ("recruiter", "", "0012"),
    }


def test_a_phone_leaves_only_where_somebody_said_that_it_is_safe_to_call(maker: Maker) -> None:
    maker.everything()
    made = maker.make(cells=Cells.CODES)
    phones = {recover(row["Name"]): (recover(row["Phone"]), row["Safe to call"])
              for row in rows_of(made, "members.csv")}  # fmt: skip
    assert phones == {"ស្រីមុំ": (SAFE_PHONE, "yes"), "007": ("", "no"), "=1+1": ("", "not_known")}
    written = bytes_of(made.files)
    assert UNSAFE_PHONE.encode() not in written
    assert UNKNOWN_PHONE.encode() not in written


def test_children_are_counted_by_the_day_on_which_the_case_was_opened(maker: Maker) -> None:
    case_id = maker.a_case()  # on 8 June 2026
    for born in (
        date(2008, 6, 8),
        date(2008, 6, 9),
        date(2008, 1, 1),
        date(2012, 1, 1),
        date(1990, 1, 1),
        None,
    ):
        maker.a_member(case_id, birth_date=born)
    assert rows_of(maker.make(), "cases.csv")[0]["Children"] == "2"


def test_a_yes_that_is_over_and_a_flag_of_a_worker_keep_a_phone_back(maker: Maker) -> None:
    case_id = maker.a_case()
    maker.told(case_id, SAFE_PHONE, SafeContact(may_call=Known.YES, valid_until=START - timedelta(days=1)))
    maker.told(case_id, UNSAFE_PHONE, SafeContact(may_call=Known.YES))
    maker.a_member(case_id, "a", phone=SAFE_PHONE)
    maker.a_member(case_id, "b", phone=UNSAFE_PHONE, flags=frozenset({"do_not_contact"}))
    made = maker.make(cells=Cells.CODES)
    rows = {row["Name"]: (row["Phone"], row["Safe to call"]) for row in rows_of(made, "members.csv")}
    assert rows == {"a": ("", "not_known"), "b": ("", "no")}


def test_the_newest_answer_to_each_purpose_is_told(maker: Maker) -> None:
    case_id = maker.a_case()
    member = maker.a_member(case_id, "a")
    for purpose, said in (("services", Said.REFUSED), ("services", Said.GIVEN), ("media", Said.REFUSED)):
        consent = Consent(uuid4(), case_id, member.person.id, purpose, None, said, By.PERSON, Channel.CALL,
                          "km", maker.worker.id, START)  # fmt: skip
        with maker.here.office.work(START) as uow:
            uow.consents.add(consent)
    [row] = rows_of(maker.make(cells=Cells.CODES), "cases.csv")
    assert row["Consents"] == "media: refused; services: given"


def test_notes_never_leave(maker: Maker) -> None:
    maker.everything()
    for form in (Format.CSV, Format.JSON, Format.NDJSON):
        assert b"a secret word" not in bytes_of(maker.make(form=form).files)


def test_only_the_cases_of_who_asks_leave_and_none_from_which_they_are_kept(maker: Maker) -> None:
    ours, walled = maker.a_case(code="1111-1111"), maker.a_case(code="2222-2222")
    child = maker.a_case(code="3333-3333", child_since=START)
    theirs = maker.a_case(code="4444-4444", organisation_id=organisation_id(LOTUS))
    supervisor = maker.here.a_worker(Role.SUPERVISOR, TONLE)
    for case_id in (ours, walled, child, theirs):
        maker.a_member(case_id, f"name of {case_id}")
    with maker.here.office.database.write() as connection:
        connection.execute(insert(walls), {
            "id": (wall := uuid4()), "case_id": walled, "worker_id": supervisor.id, "organisation_id": None,
            "reason": maker.here.office.vault.seal("x", Place("case_wall", wall, "reason")),
            "raised_by": maker.worker.id, "at": START,
        })  # fmt: skip
    made = maker.make(sight=sight_of(supervisor))
    assert [row["Code"] for row in rows_of(made, "cases.csv")] == ["1111-1111"]
    assert [row["Name"] for row in rows_of(made, "members.csv")] == [f"name of {ours}"]
    assert len(rows_of(maker.make(), "cases.csv")) == 4


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ({"filters": {"status": ("closed",)}}, ["2"]),
        ({"filters": {"sector": ("fisheries", "mining")}}, ["1"]),
        ({"filters": {"sector": ("",)}}, ["2", "3"]),
        ({"filters": {"sex": ("female",)}}, ["1"]),
        ({"filters": {"organisation": (LOTUS,)}}, ["3"]),
        ({"filters": {"owner": ("sokha",)}}, ["1"]),
        ({"filters": {"owner": ("",)}}, ["2", "3"]),
        ({"filters": {"categories": ("detention",), "destination_country": ("MY",)}}, ["2"]),
        ({"filters": {"outcome": ("", "repatriated")}}, ["1", "2", "3"]),
        ({"since": START + timedelta(days=1)}, ["2", "3"]),
        ({"until": START + timedelta(days=1)}, ["1"]),
        ({"date_field": DateField.CLOSED_AT, "since": START + timedelta(days=5)}, ["2"]),
        ({"updated_since": START + timedelta(days=2)}, ["3"]),
    ],
)  # fmt: skip
def test_an_export_holds_what_was_asked_for(maker: Maker, wanted: dict[str, Any], codes: list[str]) -> None:
    first = maker.a_case(code="1", owner_id=maker.worker.id, queue=None)
    maker.a_member(first, "a", sex="female")
    with maker.here.office.work(START) as uow:
        uow.circumstances.keep(Circumstances(first, "fisheries"), maker.worker.id, START)
    maker.a_case(
        code="2", opened_at=START + timedelta(days=1), status="closed", closed_at=START + timedelta(days=9),
        categories=["detention"], destination_country="MY", outcome="repatriated",
    )  # fmt: skip
    maker.a_case(code="3", opened_at=START + timedelta(days=2), organisation_id=organisation_id(LOTUS))
    made = maker.make(**wanted)
    assert [row["Code"] for row in rows_of(made, "cases.csv")] == [recover(f"{code}") for code in codes]
    assert len(rows_of(made, "members.csv")) == codes.count("1")


def test_a_filter_that_is_none_is_refused_and_nothing_is_written(maker: Maker) -> None:
    with pytest.raises(FilterUnknown):
        maker.make(filters={"summary": ("x",)})
    assert list((maker.folder / "export-1").iterdir()) == []


@pytest.mark.parametrize("form", FORMATS)
def test_the_manifest_says_what_is_in_the_files(maker: Maker, form: Format) -> None:
    maker.everything()
    maker.a_case()
    until = START + timedelta(days=1)
    made = maker.make(form=form, locale="km", until=until, filters={"status": ("assigned",)})
    manifest = json.loads(made.files[-1].read_text("utf-8"))
    assert manifest == made.manifest
    told = {
        key: manifest[key] for key in ("schema_version", "profile", "format", "locale", "generated_at", "k")
    }
    assert told == {
        "schema_version": SCHEMA_VERSION, "profile": "identified", "format": form.value, "locale": "km",
        "generated_at": "2026-06-08T03:00:00.000000Z", "k": None,
    }  # fmt: skip
    assert manifest["filters"]["columns"] == {"status": ["assigned"]}
    assert manifest["filters"]["to"] == "2026-06-09T03:00:00.000000Z"
    assert abs(datetime.fromisoformat(manifest["snapshot_at"]) - datetime.now(UTC)) < timedelta(minutes=5)
    tables: dict[str, int] = {}
    for path, listed in zip(made.files, manifest["files"], strict=False):
        assert listed["name"] == path.name
        assert listed["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert listed["size_bytes"] == path.stat().st_size
        tables |= listed["tables"]
    codebook = tables.pop("codebook")
    assert tables == {"cases": 2, "members": 3, "claims": 5, "parties": 2}
    assert manifest["rows"] == made.rows == 12
    assert codebook == len(rows_of(made, "codebook.csv"))


def test_every_format_says_the_same(maker: Maker) -> None:
    maker.everything()
    maker.a_case(summary='line\nbreak, "quote" and \'')
    by_csv = maker.make(form=Format.CSV, cells=Cells.CODES)
    names = {sheet.value: [column.name for column in columns] for sheet, columns in COLUMNS.items()}
    told = {
        name: [
            {key: recover(value) for key, value in zip(names[name], row.values(), strict=True)}
            for row in rows_of(by_csv, f"{name}.csv")
        ]
        for name in SHEETS
    }
    whole = json.loads(maker.make(form=Format.JSON).files[0].read_text("utf-8"))
    lines = {path.stem: objects_of(path) for path in maker.make(form=Format.NDJSON).files[:4]}
    for name in SHEETS:
        assert whole[name] == lines[name]
        as_text = [
            {key: "" if value is None else str(value) for key, value in row.items()} for row in lines[name]
        ]
        assert as_text == told[name]


def _as_text(row: dict[str, Any]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in row.items()}


def test_a_workbook_has_a_worksheet_for_each_table_its_codebook_and_its_manifest(maker: Maker) -> None:
    maker.everything()
    book = openpyxl.load_workbook(maker.make(form=Format.XLSX, locale="km").files[0])
    assert book.sheetnames == [*SHEETS, "codebook", "manifest"]
    sheet = book["cases"]
    assert sheet["A1"].value == "លេខករណី"
    assert sheet.freeze_panes == "B2"
    heads = [column.name for column in COLUMNS[Sheet.CASES]]
    row = dict(zip(heads, [cell.value for cell in sheet[2]], strict=True))
    assert (row["code"], row["members"], row["opened_at"]) == ("0482-1376", 12, START.replace(tzinfo=None))
    names = {sheet.value: cell for cell in book["members"]["C"][1:] if (sheet := cell)}
    assert names["=1+1"].data_type == "s"
    assert names["=1+1"].quotePrefix
    assert names["007"].data_type == "s"
    born = {cell.value for cell in book["members"]["E"][1:]}
    assert born == {datetime(1996, 2, 3), datetime(2012, 1, 1), None}  # noqa: DTZ001 - a day of a spreadsheet
    said = dict(book["manifest"].iter_rows(values_only=True))
    assert (said["profile"], said["tables.members"], said["rows"]) == ("identified", "3", "11")


LONG = "ក" * 40_000


def test_what_no_cell_can_hold_is_cut_or_replaced_and_never_stops_an_export(maker: Maker) -> None:
    maker.a_case(summary="broken \ud83d phone\x00\x07, _x0041_", opened_at=START)
    maker.a_case(summary=LONG, opened_at=START + timedelta(hours=1))
    book = openpyxl.load_workbook(maker.make(form=Format.XLSX).files[0])
    place = [column.name for column in COLUMNS[Sheet.CASES]].index("summary")
    first, second = [row[place] for row in book["cases"].iter_rows(min_row=2, values_only=True)]
    assert first.replace("_x005F_", "_") == "broken ? phone\ufffd\ufffd, _x0041_"
    assert (len(second), second[-1]) == (32_767, "…")
    [row, other] = rows_of(maker.make(), "cases.csv")
    assert row["Summary"] == "broken ? phone\ufffd\ufffd, _x0041_"
    assert other["Summary"] == LONG
    [row, other] = objects_of(maker.make(form=Format.NDJSON).files[0])
    assert row["summary"] == "broken ? phone\ufffd\ufffd, _x0041_"


def test_the_codebook_explains_every_column_and_value(maker: Maker) -> None:
    lines = rows_of(maker.make(), "codebook.csv")
    described = {(line["sheet"], line["column"]) for line in lines if line["kind"]}
    promised = {(name, column.name) for name in SHEETS for column in COLUMNS[Sheet(name)]}
    assert described == promised
    assert all(line["meaning_km"] and line["meaning_en"] for line in lines if line["kind"])
    sectors = {
        line["value"]: line["value_en"] for line in lines if line["list"] == "sector" and line["value"]
    }
    assert sectors["fisheries"] == "Fishing"
    assert {line["value"] for line in lines if line["column"] == "queue"} == {
        "",
        "organisation",
        "coordinator",
    }


def test_a_changed_value_is_found_out(maker: Maker) -> None:
    case_id = maker.a_case()
    with maker.here.office.database.write() as connection:
        connection.execute(update(cases).where(cases.c.id == case_id).values(summary=b"\x01nonsense"))
    with pytest.raises(SealBroken):
        maker.make()


def test_all_tables_are_of_one_moment_while_others_go_on_working(maker: Maker) -> None:
    for number in range(60):
        maker.a_member(maker.a_case(opened_at=START + timedelta(minutes=number)), f"n{number}")
    enough = threading.Event()

    def work() -> None:
        while not enough.is_set():
            maker.a_member(maker.a_case(opened_at=START + timedelta(minutes=5, seconds=30)), "late")

    def slowly(_: int) -> None:
        begun.set()
        maker.a_member(maker.a_case(opened_at=START), "between")

    begun = threading.Event()
    others = threading.Thread(target=work)
    folder = maker.folder / "slowly"
    folder.mkdir()
    wanted = Wanted(Profile.IDENTIFIED, Format.NDJSON, "en")
    others.start()
    try:
        made = make(maker.here.office, Making(uuid4(), wanted, None, START), folder, slowly)
    finally:
        enough.set()
        others.join()
    ids = {row["code"] for row in objects_of(made.files[0])}
    members = objects_of(made.files[1])
    assert begun.is_set()
    assert len(ids) >= 60
    assert {row["code"] for row in members} <= ids
    assert len(members) >= len(ids) - 1
    assert "between" not in {row["name"] for row in members}


@pytest.mark.parametrize("form", [Format.CSV, Format.XLSX])
def test_memory_does_not_grow_with_the_number_of_rows(maker: Maker, form: Format) -> None:
    _many(maker, 2_000)
    maker.make(form=form)  # what is loaded only once, is loaded
    few = _peak(maker, form)
    _many(maker, 6_000)
    assert _peak(maker, form) < 1.5 * few


def _many(maker: Maker, count: int) -> None:
    first = maker.a_case(summary=None)
    with maker.here.office.database.write() as connection:
        row = connection.execute(select(cases).where(cases.c.id == first)).mappings().one()
        rows = [{**row, "id": (id_ := uuid4()), "code": id_.hex} for _ in range(count)]
        connection.execute(insert(cases), rows)


def _peak(maker: Maker, form: Format) -> int:
    tracemalloc.start()
    try:
        maker.make(form=form)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
