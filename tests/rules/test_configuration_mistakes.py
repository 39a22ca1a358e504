"""Mistakes in the configuration: each is named with its file, line and field."""

from pathlib import Path

import pytest

from app.configuration import load_configuration
from tests.config_folder import a_folder, change, problems, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return a_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            "escalation.yaml",
            "accept: 15m",
            "accept: 15x",
            "profiles.U1.accept: “15x” is not a length of time: write a whole number",
        ),
        (
            "escalation.yaml",
            "repeat_last: 60m",
            "repeat_last: 0m",
            "profiles.U1.repeat_last: must be longer than nothing.",
        ),
        (
            "escalation.yaml",
            "{after: 8h, to: coordinator}",
            "{after: 3h, to: coordinator}",
            "profiles.U2.escalate[3].after: 3h must be later than 3h of the rung before it.",
        ),
        (
            "escalation.yaml",
            "{after: 2bd, to: coordinator}",
            "{after: 8h, to: coordinator}",
            "profiles.U3.escalate[3].after: 8h must be later than 1bd of the rung before it.",
        ),
        (
            "escalation.yaml",
            "{after: 5bd, to: supervisor}",
            "{after: 5bd, to: boss}",
            "profiles.U4.escalate[2].to: “boss” must be 'owner', 'duty_lead', 'supervisor' or 'coordinator'.",
        ),
        (
            "escalation.yaml",
            "timezone: Asia/Phnom_Penh",
            "timezone: Asia/Phnompenh",
            "calendar.timezone: “Asia/Phnompenh” is not a time zone; one is written like Asia/Phnom_Penh.",
        ),
        (
            "escalation.yaml",
            '"08:00-17:00"',
            '"17:00-08:00"',
            "calendar.hours: “17:00-08:00” are not opening hours; they are written",
        ),
        (
            "escalation.yaml",
            "[mon, tue, wed, thu, fri]",
            "[mon, tuesday]",
            "calendar.days[2]: “tuesday” must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'.",
        ),
        (
            "escalation.yaml",
            "[mon, tue, wed, thu, fri]",
            "[]",
            "calendar.days: must have at least one entry.",
        ),
        (
            "escalation.yaml",
            "holidays: KH ",
            "holidays: Cambodia ",
            "calendar.holidays: “Cambodia” is not a country whose public holidays are known, like KH.",
        ),
        (
            "escalation.yaml",
            "{category: detention}",
            "{category: prison}",
            "overrides[1].when.category: “prison” is not in categories.yaml.",
        ),
        (
            "escalation.yaml",
            "{category: detention}",
            "{}",
            "overrides[1].when: must name a category, members_gte or both.",
        ),
        (
            "escalation.yaml",
            "members_gte: 10",
            "members_gte: many",
            "overrides[4].when.members_gte: “many” is not a whole number.",
        ),
        (
            "escalation.yaml",
            "members_gte: 10",
            "members_gte: 0",
            "overrides[4].when.members_gte: must be 1 or more.",
        ),
        (
            "escalation.yaml",
            "members_gte: 10",
            "members_lte: 10",
            "overrides[4].when.members_lte: is not a field that is known here.",
        ),
        (
            "organisations.yaml",
            "- forced_extension",
            "- forced_extensions",
            "organisations[2].categories[3]: “forced_extensions” is not in categories.yaml.",
        ),
        (
            "organisations.yaml",
            "[TH, MY]",
            "[TH, Malaysia]",
            "organisations[2].destinations[2]: “Malaysia” is not a country; one is written",
        ),
        (
            "organisations.yaml",
            "[km, en, ko]",
            "[km, en, kr]",
            "organisations[3].languages[3]: “kr” must be 'km', 'en', 'th', 'ms', 'ko' or 'ja'.",
        ),
        (
            "organisations.yaml",
            "capacity: 40",
            "capacity: lots",
            "organisations[3].capacity: “lots” is not a whole number.",
        ),
        (
            "organisations.yaml",
            "verified: false",
            "verified: soon",
            "organisations[3].verified: “soon” must be true or false.",
        ),
        (
            "organisations.yaml",
            "code: morning-star",
            "code: lotus-legal",
            "organisations[3].code: “lotus-legal” is taken by another one.",
        ),
        (
            "organisations.yaml",
            "code: morning-star",
            "code: Morning Star",
            "organisations[3].code: “Morning Star” must be small letters, digits and single - or _.",
        ),
        (
            "categories.yaml",
            "indicators: [debt_bondage]",
            "indicators: [debt]",
            "categories.recruitment_fee_debt.indicators[1]: “debt” must be 'abuse_of_vulnerability', ",
        ),
        (
            "categories.yaml",
            'en: "Unpaid wages"',
            'en: ""',
            "categories.unpaid_wages.label.en: must not be empty.",
        ),
        (
            "gateways.yaml",
            '"+66800000101"',
            '"0800000101"',
            "gateways[1].number: is not a phone number in international form, with its plus sign.",
        ),
        (
            "gateways.yaml",
            "name: demo-kh",
            "name: demo_th",
            "gateways[2].name: “demo_th” is taken by another one.",
        ),
        (
            "holidays.yaml",
            "date: 2027-04-13",
            "date: 13 April",
            "extra_days[2].date: “13 April” is not a day; one is written like 2027-04-14.",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(
    folder: Path, name: str, old: str, new: str, sentence: str
) -> None:
    line = change(folder, name, old, new)
    (problem,) = problems(folder)
    assert problem.startswith(f"{name}, line {line}, {sentence}")
    assert problem.endswith(".")


def test_a_missing_field_is_named_on_the_line_of_its_group(folder: Path) -> None:
    change(folder, "gateways.yaml", "    country: TH\n", "")
    lines = (folder / "gateways.yaml").read_text(encoding="utf-8").splitlines()
    line = lines.index("  - name: demo-th") + 1
    assert problems(folder) == [f"gateways.yaml, line {line}, gateways[1].country: is missing."]


def test_the_category_for_what_is_unclear_cannot_be_left_out(folder: Path) -> None:
    write(
        folder,
        "categories.yaml",
        "categories:\n  detention: {label: {km: ការឃុំឃាំង, en: Detention}, urgency: U1}\n",
    )
    found = problems(folder)
    assert found[0] == (
        "categories.yaml, line 1, categories.unclassified: is missing; texts that nobody understood need it."
    )
    assert len([problem for problem in found if "is not in categories.yaml" in problem]) > 5


def test_a_field_that_stands_twice_is_named(folder: Path) -> None:
    line = change(folder, "escalation.yaml", "    accept: 15m\n", "    accept: 15m\n    accept: 20m\n")
    assert problems(folder) == [
        f"escalation.yaml, line {line + 1}, profiles.U1.accept: stands here for the second time."
    ]


def test_a_list_of_holidays_that_stands_twice_is_named(folder: Path) -> None:
    write(folder, "holidays.yaml", "extra_days: []\nextra_days: []\n")
    assert problems(folder) == ["holidays.yaml, line 2, extra_days: stands here for the second time."]


def test_every_mistake_of_every_file_is_named_at_once(folder: Path) -> None:
    lines = [
        change(folder, "escalation.yaml", "accept: 15m", "accept: soon"),
        change(folder, "escalation.yaml", "first_contact: 3h", "contact: 3h"),
        change(folder, "organisations.yaml", "capacity: 80", "capacity: -1"),
        change(folder, "gateways.yaml", "country: KH", "country: Kampuchea"),
    ]
    starts = [
        f"escalation.yaml, line {lines[0]}, profiles.U1.accept: “soon” is not a length of time",
        f"escalation.yaml, line {lines[1] - 3}, profiles.U2.first_contact: is missing.",
        f"escalation.yaml, line {lines[1]}, profiles.U2.contact: is not a field that is known here.",
        f"organisations.yaml, line {lines[2]}, organisations[2].capacity: must be 1 or more.",
        f"gateways.yaml, line {lines[3]}, gateways[2].country: “Kampuchea” is not a country",
    ]
    found = problems(folder)
    assert len(found) == len(starts)
    assert all(problem.startswith(start) for problem, start in zip(found, starts, strict=True))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gateways: [", "gateways.yaml, line 1: is not YAML here: "),
        ("gateways:\n\t- name: x\n", "gateways.yaml, line 2: is not YAML here: "),
        ("gateways: none", "gateways.yaml, line 1, gateways: must be a list."),
        ("just words", "gateways.yaml, line 1: must be a group of fields."),
        ("gateways: [1]", "gateways.yaml, line 1, gateways[1]: must be a group of fields."),
        ("gateways: &again [*again]", "gateways.yaml, line 1, gateways[1]"),
        ("a: 1\n---\nb: 2\n", "gateways.yaml, line 2: is not YAML here: "),
    ],
)
def test_a_file_that_is_no_configuration_is_named_and_never_a_crash(
    folder: Path, text: str, sentence: str
) -> None:
    write(folder, "gateways.yaml", text)
    assert problems(folder)[0].startswith(sentence)


def test_a_file_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "gateways.yaml").write_bytes("gateways: [] # é".encode("latin-1"))
    assert problems(folder) == ["gateways.yaml: is not written in UTF-8."]


def test_an_empty_file_says_nothing(folder: Path) -> None:
    write(folder, "gateways.yaml", "")
    write(folder, "holidays.yaml", "# nothing yet\n")
    assert load_configuration(folder).gateways == ()
    write(folder, "organisations.yaml", "")
    assert problems(folder) == ["organisations.yaml, organisations: is missing."]


def test_a_gateway_s_number_is_never_repeated_in_a_mistake(folder: Path) -> None:
    change(folder, "gateways.yaml", '"+66800000101"', "+6680000010123456789")
    assert not any("6680" in problem for problem in problems(folder))
