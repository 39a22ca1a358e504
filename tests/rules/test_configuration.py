"""Configuration: what an NGO writes is taken, and every mistake is named with its line."""

from datetime import date, time
from pathlib import Path
from uuid import UUID

import pytest

from app.configuration import load_configuration
from app.escalation.rules import RUNG_ROLES, Span
from app.kernel.urgency import Urgency
from tests.config_folder import SHIPPED, a_folder, change, problems, write

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
    return a_folder(tmp_path)


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
