"""The doors to statistics: who may come in, what each view shows, and what is remembered of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from app.audit.tables import entries
from app.identity.rules import Role
from app.statistics.rules.dimensions import Dimension
from tests.counted_town import Group, keep
from tests.makers import LOTUS, TONLE, Installation
from tests.statistics_town import a_town

DOORS = (
    "contacts", "cases", "times", "escalations", "caseload", "outcomes", "money", "parties", "quality",
    "years", "summary",
)  # fmt: skip
INSIDE_ONLY = ("escalations", "caseload", "parties", "quality")
NOW = datetime(2026, 6, 10, 3, tzinfo=UTC)


@pytest.fixture
def here(install: Callable[..., Installation]) -> Installation:
    made = install(published_after="7d")
    made.clock.set(NOW)
    return made


def ask(here: Installation, worker: Any, door: str, **query: Any) -> Any:
    asked = {"from": "2026-01", "to": "2026-05", **query}
    written = "&".join(
        f"{name}={one}"
        for name, value in asked.items()
        for one in (value if isinstance(value, list) else [value])
    )
    return here.ask(worker, "GET", f"/v1/statistics/{door}?{written}")


def read_entries(here: Installation) -> list[Any]:
    with here.office.look() as uow:
        found = uow.connection.execute(entries.select().order_by(entries.c.number)).all()
    return [row for row in found if row.action == "statistics.read"]


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.DUTY_LEAD, Role.ADMIN])
def test_who_supervises_nobody_reads_no_statistics(here: Installation, role: Role) -> None:
    worker = here.a_worker(role)
    assert {
        ask(here, worker, door, view=view).status_code for door in DOORS for view in ("internal", "published")
    } == {403}


def test_exact_figures_say_that_they_are_not_to_be_published_and_are_remembered(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    for door in DOORS:
        answer = ask(here, supervisor, door, view="internal")
        assert (answer.status_code, answer.json()["publish"]) == (200, False), door
    told = read_entries(here)
    assert [one.details["indicator"] for one in told] == list(DOORS)
    assert {one.actor for one in told} == {str(supervisor.id)}
    assert {(one.details["from"], one.details["until"]) for one in told} == {("2026-01-01", "2026-06-01")}


def test_the_published_view_is_the_usual_one_and_shows_nothing_of_what_is_not_published(
    here: Installation,
) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    for door in DOORS:
        answer = ask(here, supervisor, door)
        if door in INSIDE_ONLY:
            assert (answer.status_code, answer.json()["code"]) == (422, "statistics.not_published"), door
        else:
            assert (answer.status_code, answer.json()["publish"]) == (200, True), door
    assert read_entries(here) == []


def test_published_counts_are_those_that_the_gate_released(here: Installation) -> None:
    days = [date(2026, month, 10) for month in (1, 2, 3)]
    keep(here, [Group(n, n, to, day=day) for day in days for n, to in ((30, "TH"), (40, "MY"))])
    coordinator = here.a_worker(Role.COORDINATOR)
    exact = {}
    with here.office.look() as uow:
        rows = uow.connection.exec_driver_sql(
            "SELECT destination_country, sum(member_count) FROM case_file WHERE status <> 'merged' GROUP BY 1"
        )
        exact = dict(tuple(row) for row in rows)
    table = ask(here, coordinator, "cases", by="destination").json()["table"]
    told = {cell["keys"]["destination"]: cell["people"] for cell in table["cells"] if cell["people"]}
    assert told
    assert told == exact
    total = ask(here, coordinator, "cases").json()["table"]["cells"][0]
    assert total["people"] == sum(exact.values())
    summary = ask(here, coordinator, "summary").json()["summary"]
    assert [one for one in summary["tables"] if one["dimensions"] == ["destination"]] == [table]
    assert summary["totals"]["people"] == total["people"]
    assert (summary["escalations"], summary["caseload"], summary["quality"], summary["parties"]) == (
        None,
    ) * 4


def test_nothing_published_in_a_small_town_tells_a_count_or_a_time(here: Installation) -> None:
    keep(here, [Group(3, 2, "TH", day=date(2026, 1, 10)), Group(7, 1, "MY", day=date(2026, 2, 10))])
    coordinator = here.a_worker(Role.COORDINATOR)
    here.clock.set(NOW)
    summary = ask(here, coordinator, "summary").json()["summary"]
    assert _numbers(summary) <= {0}


def _numbers(told: Any) -> set[float]:
    """Every number in an answer but those of years and of digits behind a point."""
    if isinstance(told, dict):
        return {n for name, one in told.items() if name not in {"year", "digits"} for n in _numbers(one)}
    if isinstance(told, list):
        return {n for one in told for n in _numbers(one)}
    return {told} if isinstance(told, int | float) and not isinstance(told, bool) else set()


def test_a_supervisor_counts_their_own_organisation_and_a_coordinator_what_waits_with_them(
    here: Installation,
) -> None:
    town = a_town(here, seed=5, cases=60)
    other = here.a_worker(Role.SUPERVISOR, LOTUS)
    for worker, own in ((town.supervisor, TONLE), (other, LOTUS)):
        answer = ask(here, worker, "cases", by="organisation", view="internal").json()
        (cell,) = answer["table"]["cells"]
        assert cell["keys"]["organisation"] == str(worker.organisation_id), own
    queued = ask(here, town.coordinator, "caseload", view="internal").json()["caseload"]["queues"]
    assert [one["queue"] for one in queued] == ["coordinator"]


def test_a_day_is_counted_inside_and_refused_in_what_is_published(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    day = {"from": "2026-05-03", "to": "2026-05-03"}
    inside = ask(here, supervisor, "cases", view="internal", **day).json()
    assert inside["period"] == {"from": "2026-05-03", "to": "2026-05-03", "timezone": "Asia/Phnom_Penh"}
    refused = ask(here, supervisor, "cases", **day)
    assert (refused.status_code, refused.json()["code"]) == (422, "statistics.whole_months_only")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-05", "to": "2026-04"}, "statistics.bad_period"),
        ({"from": "nonsense"}, "statistics.bad_period"),
        ({"by": ["sex", "sex"], "view": "internal"}, "statistics.unknown_dimension"),
        ({"by": ["recruiter"]}, "statistics.not_published"),
        ({"by": ["sector", "category"]}, "statistics.not_published"),
        ({"sector": "fisheries"}, "statistics.not_published"),
        ({"from": "2026-06", "to": "2026-06"}, "statistics.too_early"),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_refused_in_words(
    here: Installation, query: dict[str, Any], code: str
) -> None:
    answer = ask(here, here.a_worker(Role.SUPERVISOR), "cases", **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [{"by": "colour"}, {"by": ["sex", "month", "year"]}, {"recruiter": "nobody"}, {"view": "secret"}],
    ids=str,
)
def test_what_no_door_knows_is_refused_before_anything_is_read(
    here: Installation, query: dict[str, Any]
) -> None:
    assert ask(here, here.a_worker(Role.SUPERVISOR), "cases", **query).status_code == 422


def test_filters_narrow_what_is_counted_and_unknown_asks_for_what_nobody_knows(here: Installation) -> None:
    town = a_town(here, seed=6, cases=60)
    found = {}
    for destination in (["TH"], ["unknown"], ["TH", "unknown"]):
        query = {"from": "2025-11", "view": "internal", "destination": destination, "recruiter": str(uuid4())}
        assert ask(here, town.supervisor, "cases", **query).json()["table"]["cells"] in (
            [], [{"keys": {}, "labels": {}, "cases": 0, "people": 0, "suppressed": False}],
        )  # fmt: skip
        del query["recruiter"]
        cells = ask(here, town.supervisor, "cases", **query).json()["table"]["cells"]
        found["+".join(destination)] = cells[0]["cases"] if cells else 0
    assert found["TH+unknown"] == found["TH"] + found["unknown"] > found["TH"] > 0


def test_labels_come_in_the_language_that_is_asked_for(here: Installation) -> None:
    town = a_town(here, seed=7, cases=40)
    for locale, female in (("km", "ស្រី"), ("en", "Female")):
        query = {"from": "2025-11", "view": "internal", "by": "sex", "locale": locale}
        cells = ask(here, town.supervisor, "cases", **query).json()["table"]["cells"]
        assert female in {cell["labels"]["sex"] for cell in cells}
        for door in DOORS:
            assert ask(here, town.supervisor, door, view="internal", locale=locale).status_code == 200


def test_every_dimension_can_be_asked_for_inside_and_has_a_name(here: Installation) -> None:
    town = a_town(here, seed=8, cases=30)
    for dimension in Dimension:
        query = {"from": "2025-11", "view": "internal", "by": dimension.value}
        table = ask(here, town.supervisor, "cases", **query).json()["table"]
        assert table["cells"], dimension
        assert all(cell["labels"][dimension.value] for cell in table["cells"])
        for locale in ("km", "en"):
            assert here.office.rulebook.catalogues.text(f"statistics.dimension.{dimension.value}", locale)


def test_without_a_period_the_last_twelve_months_are_told(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    answer = here.ask(supervisor, "GET", "/v1/statistics/cases?view=internal").json()
    assert (answer["period"]["from"], answer["period"]["to"]) == ("2025-07-01", "2026-06-30")
    published = here.ask(supervisor, "GET", "/v1/statistics/cases").json()
    assert published["period"]["to"] == "2026-05-31"
