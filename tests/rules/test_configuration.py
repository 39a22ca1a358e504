"""Configuration: what an NGO writes is taken, and every mistake is named with its line."""

import shutil
from datetime import date, time
from pathlib import Path
from uuid import UUID

import pytest

from app.configuration import ConfigurationError, load_configuration
from app.escalation.rules import RUNG_ROLES, Span
from app.kernel.urgency import Urgency

SHIPPED = Path(__file__).parents[2] / "config"
REQUIRED_CODES = {
    "detention", "unpaid_wages", "forced_extension", "passport_confiscation", "physical_abuse",
    "sexual_violence", "trafficking_forced_labour", "injury_medical", "missing_person",
    "recruitment_fee_debt", "deployment_delay", "information_request", "unclassified",
}  # fmt: skip

TWO_PROFILES = """\
calendar: {timezone: Asia/Phnom_Penh, hours: "08:00-17:00", days: [mon, tue, wed, thu, fri], holidays: KH}
profiles:
  U1: {clock: always, accept: 15m, first_contact: 30m, review_every: 4h, repeat_last: 60m,
       escalate: [{after: 15m, to: duty_lead}, {after: 30m, to: supervisor}, {after: 60m, to: coordinator}]}
  U3: {clock: business, accept: 3h, first_contact: 1bd, review_every: 7d, repeat_last: 1bd,
       escalate: [{after: 3h, to: duty_lead}, {after: 1bd, to: supervisor}, {after: 2bd, to: coordinator}]}
overrides:
  - {when: {category: unpaid_wages, members_gte: 10}, use: U2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to change."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "config"))


def write(folder: Path, name: str, text: str) -> None:
    """Put this text in a file of the folder."""
    (folder / name).write_text(text, encoding="utf-8")


def change(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the one place where `old` stands; the number of its line."""
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    write(folder, name, text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def problems(folder: Path) -> list[str]:
    """What is said to be wrong, without the folder's own path."""
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(folder)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_shipped_configuration_loads() -> None:
    configuration = load_configuration(SHIPPED)
    assert configuration.categories.keys() >= REQUIRED_CODES
    assert [gateway.country for gateway in configuration.gateways] == ["TH", "KH"]
    assert all(gateway.number.country == gateway.country for gateway in configuration.gateways)
    calendar = configuration.ladders.calendar
    assert (calendar.timezone.key, calendar.opens, calendar.closes) == ("Asia/Phnom_Penh", time(8), time(17))
    assert date(2026, 12, 31) in calendar.extra_days


def test_the_shipped_ladders_keep_the_promised_times() -> None:
    ladders = load_configuration(SHIPPED).ladders
    promised = {
        name: (str(p.accept), str(p.first_contact), str(p.review_every))
        for name, p in ladders.profiles.items()
    }
    assert promised == {
        "U1": ("15m", "30m", "4h"),
        "U2": ("1h", "3h", "24h"),
        "U3": ("3h", "1bd", "7d"),
        "U4": ("1bd", "3bd", "14d"),
    }
    assert [p.always for p in ladders.profiles.values()] == [True, True, False, False]
    assert {rung.to for p in ladders.profiles.values() for rung in p.rungs} <= RUNG_ROLES

    def name(category: str, members: int) -> str:
        return ladders.profile_for(urgency=Urgency.U4, categories={category}, members=members).name

    assert (name("unpaid_wages", 10), name("unpaid_wages", 9)) == ("U2", "U4")
    assert (name("detention", 1), name("forced_extension", 1)) == ("U1", "U2")


def test_the_shipped_names_are_khmer_and_english() -> None:
    configuration = load_configuration(SHIPPED)
    names = [o.names for o in configuration.organisations] + [
        c.labels for c in configuration.categories.values()
    ]
    assert len({entry["en"] for entry in names}) == len({entry["km"] for entry in names}) == len(names)
    assert all(entry["en"].isascii() for entry in names)
    assert all(all("\u1780" <= char <= "\u17ff" or char == " " for char in entry["km"]) for entry in names)


def test_the_shipped_organisations_differ_and_one_takes_everything() -> None:
    organisations = load_configuration(SHIPPED).organisations
    assert len(organisations) == 3
    assert len({(o.categories, o.destinations) for o in organisations}) == 3
    assert any(o.categories == o.destinations == {"*"} and o.always_open for o in organisations)
    coverage = organisations[1].coverage(UUID(int=5))
    assert (coverage.organisation_id, coverage.code) == (UUID(int=5), "lotus-legal")
    assert (coverage.always_open, coverage.capacity, coverage.verified) == (False, 80, True)
    assert coverage.destinations == {"TH", "MY"}
    assert coverage.languages == {"km", "en", "th"}


def test_loading_twice_gives_the_same() -> None:
    assert load_configuration(SHIPPED) == load_configuration(SHIPPED)


def test_an_urgency_without_a_profile_takes_the_next_stricter_one(folder: Path) -> None:
    write(folder, "escalation.yaml", TWO_PROFILES)
    ladders = load_configuration(folder).ladders
    assert ladders.profile("U2").name == "U1"
    assert ladders.profile("U4").name == "U3"
    assert ladders.profile_for(urgency=Urgency.U3, categories={"unpaid_wages"}, members=10).name == "U1"
    assert ladders.profile("U1").rungs[0].after == Span(15, "m")


def test_without_the_strictest_profile_nothing_starts(folder: Path) -> None:
    write(folder, "escalation.yaml", TWO_PROFILES.replace("U1:", "U2:"))
    (problem,) = problems(folder)
    assert problem.startswith("escalation.yaml, line 2, profiles.U1: is missing, and no profile is stricter")


def test_ladders_may_run_in_seconds_all_day_and_all_night(folder: Path) -> None:
    hasty = TWO_PROFILES.replace('"08:00-17:00"', "00:00-24:00").replace(", holidays: KH", "")
    write(folder, "escalation.yaml", hasty.replace("15m", "1s").replace("30m", "2s").replace("60m", "3s"))
    ladders = load_configuration(folder).ladders
    assert ladders.calendar.closes == time(0)
    assert ladders.calendar.holidays is None
    assert [rung.after for rung in ladders.profile("U1").rungs] == [Span(1, "s"), Span(2, "s"), Span(3, "s")]


def test_holidays_and_gateways_may_be_absent(folder: Path) -> None:
    (folder / "holidays.yaml").unlink()
    (folder / "gateways.yaml").unlink()
    configuration = load_configuration(folder)
    assert configuration.gateways == ()
    assert configuration.ladders.calendar.extra_days == frozenset()


def test_a_needed_file_that_is_absent_is_named(folder: Path) -> None:
    (folder / "organisations.yaml").unlink()
    assert problems(folder) == ["organisations.yaml: cannot be read (No such file or directory)."]


def test_a_bare_list_and_a_name_written_once_are_taken(folder: Path) -> None:
    write(
        folder,
        "organisations.yaml",
        "- {code: one, name: One, categories: [detention], destinations: [NO], languages: [km],\n"
        "   clock: always, capacity: 7, verified: yes}\n",
    )
    (organisation,) = load_configuration(folder).organisations
    assert organisation.names == {"km": "One", "en": "One"}
    # YAML alone would read the code of Norway as false.
    assert organisation.destinations == {"NO"}
    assert organisation.verified


def test_a_number_keeps_its_plus_sign_without_quotes(folder: Path) -> None:
    change(folder, "gateways.yaml", '"+66800000101"', "+66 80 000 0101")
    assert load_configuration(folder).gateways[0].number.e164 == "+66800000101"


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
