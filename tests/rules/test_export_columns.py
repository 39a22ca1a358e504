"""The columns of every file: promised, described in both languages, and changed only with their version."""

import tomllib
from pathlib import Path

import pytest

from app import __version__
from app.exports.rules.asking import Profile
from app.exports.rules.codes import CONFIGURED, FIXED, PLAIN
from app.exports.rules.columns import (
    COLUMNS,
    FILTERS,
    NARROW,
    PROFILE_OF,
    SCHEMA_VERSION,
    Cell,
    FilterUnknown,
    Sheet,
    must_know_filters,
)
from app.exports.rules.guarding import guard
from app.i18n.catalogue import Catalogues

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = Catalogues.load(ROOT / "locales")
# Whoever changes a column raises SCHEMA_VERSION and writes down here what the new version holds.
HELD = {
    "cases": (
        "code", "status", "urgency", "categories", "language", "origin_channel",
        "destination_country", "organisation", "owner", "members", "opened_at", "accepted_at",
        "first_contact_at", "closed_at", "outcome", "next_timer_kind", "next_timer_due_at",
        "overdue_since", "version", "updated_at", "summary", "case_id", "queue", "hold_until",
        "client_informed", "child_since", "sector", "origin_province", "recruiters", "employers",
        "brokers", "sites", "members_named", "women", "men", "children", "messages", "calls",
        "contact_attempts", "contacts_made", "notes", "escalations", "declines", "helpers",
        "tasks_open", "conflicts_open", "referrals", "referrals_open", "wages_claimed",
        "wages_recovered", "consents", "legal_hold", "reporter_name", "reporter_sex",
        "reporter_phone", "reporter_safe_to_call",
    ),
    "members": (
        "code", "member_id", "name", "sex", "birth_date", "member_language", "minor", "in_danger",
        "do_not_contact", "phone", "safe_to_call", "call_hours", "member_status", "member_outcome",
        "wages_minor", "wages_currency", "added_at",
    ),
    "claims": (
        "code", "money_kind", "member_id", "amount_minor", "currency", "day",
    ),
    "parties": (
        "code", "party_kind", "party_id", "party_name", "party_other_names", "party_country",
        "party_licence", "party_disputed_since",
    ),
    "people": (
        "record", "month", "category", "category_group", "sector", "channel", "outcome",
        "origin_province", "Datasource", "yearOfRegistration", "gender", "ageBroad", "majorityStatus",
        "majorityStatusAtExploit", "majorityEntry", "citizenship", "CountryOfExploitation",
        "RecruiterRelationship", "meansOfControlDebtBondage", "meansOfControlTakesEarnings",
        "meansOfControlRestrictsFinancialAccess", "meansOfControlThreats",
        "meansOfControlPsychologicalAbuse", "meansOfControlPhysicalAbuse",
        "meansOfControlSexualAbuse", "meansOfControlFalsePromises",
        "meansOfControlPsychoactiveSubstances", "meansOfControlRestrictsMovement",
        "meansOfControlRestrictsMedicalCare", "meansOfControlExcessiveWorkingHours",
        "meansOfControlUsesChildren", "meansOfControlThreatOfLawEnforcement",
        "meansOfControlWithholdsNecessities", "meansOfControlWithholdsDocuments",
        "meansOfControlOther", "meansOfControlNotSpecified", "isForcedLabour", "isSexualExploit",
        "isOtherExploit", "isForcedMarriage", "isForcedMilitary", "isOrganRemoval",
        "isSlaveryAndPractices", "isAbduction", "typeOfLabourAgriculture",
        "typeOfLabourAquafarming", "typeOfLabourBegging", "typeOfLabourConstruction",
        "typeOfLabourDomesticWork", "typeOfLabourHospitality", "typeOfLabourIllicitActivities",
        "typeOfLabourManufacturing", "typeOfLabourMiningOrDrilling", "typeOfLabourPeddling",
        "typeOfLabourTransportation", "typeOfLabourOther", "typeOfLabourNotSpecified",
        "typeOfSexProstitution", "typeOfSexPornography", "typeOfSexRemoteInteractiveServices",
        "typeOfSexPrivateSexualServices", "recruiterRelationIntimatePartner",
        "recruiterRelationFriend", "recruiterRelationFamily", "recruiterRelationOther",
        "recruiterRelationUnknown", "traffickMonths",
    ),
    "aggregate": (
        "month", "destination", "sector", "category", "age_band", "outcome", "organisation",
        "province", "channel", "people", "female", "male", "other", "sex_unknown", "children",
        "cases", "recovered_usd", "suppressed",
    ),
}  # fmt: skip
FROZEN_VERSION = 3


def test_columns_change_only_with_the_version_of_the_schema() -> None:
    held = {sheet.value: " ".join(column.name for column in columns) for sheet, columns in COLUMNS.items()}
    assert (SCHEMA_VERSION, held) == (FROZEN_VERSION, {name: " ".join(said) for name, said in HELD.items()})


def test_the_widest_sheet_has_more_than_forty_columns_and_begins_with_the_short_list() -> None:
    assert len(COLUMNS[Sheet.CASES]) > 40
    assert COLUMNS[Sheet.CASES][: len(NARROW)] == NARROW


@pytest.mark.parametrize("locale", ["km", "en"])
@pytest.mark.parametrize("sheet", list(COLUMNS))
def test_every_column_has_a_heading_of_its_own_and_a_meaning(sheet: Sheet, locale: str) -> None:
    columns = COLUMNS[sheet]
    headings = [CATALOGUES.text(column.heading, locale) for column in columns]
    assert len(set(headings)) == len(columns) == len({column.name for column in columns})
    assert [guard(heading) for heading in headings] == headings
    assert all(CATALOGUES.text(column.meaning, locale) for column in columns)


def test_the_catalogue_says_nothing_of_columns_and_values_that_are_not_there() -> None:
    columns = [column for sheet in COLUMNS.values() for column in sheet]
    said = {column.heading for column in columns} | {column.meaning for column in columns}
    said |= {f"export.value.{name}.{code}" for name, codes in FIXED.items() for code in codes}
    kept = {key for key in CATALOGUES.keys("en")
            if key.startswith(("export.heading.", "export.meaning.", "export.value."))}  # fmt: skip
    assert kept == said


def test_every_list_of_values_is_known() -> None:
    named = {column.codes for columns in COLUMNS.values() for column in columns if column.codes}
    assert named - FIXED.keys() - PLAIN.keys() - set(CONFIGURED) == set()


def test_rows_without_names_hold_no_text_that_anybody_wrote_and_no_day() -> None:
    kinds = {column.cell for column in COLUMNS[Sheet.PEOPLE]}
    assert kinds == {Cell.PLAIN, Cell.WORD, Cell.NUMBER}
    assert PROFILE_OF[Sheet.PEOPLE] is Profile.ANONYMISED


def test_filters_are_columns() -> None:
    for profile, filters in FILTERS.items():
        columns = {column.name for sheet in COLUMNS.values() for column in sheet}
        assert filters.keys() <= columns, profile


def test_an_export_is_narrowed_only_by_columns_that_may_be_filtered() -> None:
    must_know_filters(Profile.IDENTIFIED, {"status": ("closed",), "sex": ("female",)})
    with pytest.raises(FilterUnknown) as refused:
        must_know_filters(Profile.IDENTIFIED, {"summary": ("x",)})
    assert refused.value.details == {"column": "summary"}


def test_what_is_no_column_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(FilterUnknown) as refused:
        must_know_filters(Profile.IDENTIFIED, {"+85512345678": ("x",)})
    assert refused.value.details == {"column": None}


def test_the_program_says_the_version_that_it_is_packed_as() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert packed["project"]["version"] == __version__
