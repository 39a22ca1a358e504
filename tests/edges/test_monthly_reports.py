"""Each month every organisation has its report, made by the worker and fetched by whoever is in charge."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.exports.monthly import ask_due
from app.exports.rules.asking import Format, Profile
from app.identity.rules import Role, Worker
from tests.counted_town import CANARY, a_month, keep
from tests.makers import LOTUS, TONLE, Installation

DOOR = "/v1/exports"
JULY = datetime(2026, 7, 9, 3, tzinfo=UTC)  # June is over for more than a week


@pytest.fixture
def here(install: Callable[..., Installation]) -> Installation:
    """A month of cases; what is published waits a week, as in production."""
    town = install(published_after="7d")
    keep(town, a_month(1, month=6, cases=60))
    town.clock.set(JULY)
    return town


def _made(here: Installation) -> None:
    while here.application.exports.step(here.clock.now()):
        pass


def _reports(here: Installation, worker: Worker) -> list[dict[str, Any]]:
    answer = here.ask(worker, "GET", DOOR)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_each_organisation_has_the_report_of_the_month_that_is_over(here: Installation) -> None:
    assert ask_due(here.office, JULY) > 0
    _made(here)
    seen = set()
    for organisation in (TONLE, LOTUS):
        supervisor = here.a_worker(Role.SUPERVISOR, organisation)
        found = _reports(here, supervisor)
        assert [(one["profile"], one["status"]) for one in found] == [("report", "done")] * 2
        assert {one["locale"] for one in found} == {"km", "en"}
        for one in found:
            page = here.ask(supervisor, "GET", f"{DOOR}/{one['id']}/file")
            assert page.headers["content-type"].startswith("text/html")
            assert "<svg" in page.text
            assert CANARY not in page.text
            assert f'lang="{one["locale"]}"' in page.text
        seen |= {one["id"] for one in found}
    assert len(seen) == 4


def test_it_is_asked_for_once_however_often_the_worker_looks(here: Installation) -> None:
    assert ask_due(here.office, JULY) > 0
    assert ask_due(here.office, JULY + timedelta(hours=1)) == 0
    assert ask_due(here.office, JULY + timedelta(days=20)) == 0


def test_a_month_that_may_not_be_published_yet_is_not_asked_for(here: Installation) -> None:
    assert ask_due(here.office, JULY - timedelta(days=6)) == 0
    assert ask_due(here.office, JULY) > 0


def test_before_the_first_case_there_is_no_report(install: Callable[..., Installation]) -> None:
    assert ask_due(install(published_after="7d").office, JULY) == 0


def test_caseworkers_and_other_organisations_do_not_find_it(here: Installation) -> None:
    ask_due(here.office, JULY)
    _made(here)
    one, _ = _reports(here, here.a_worker(Role.SUPERVISOR, TONLE))
    assert here.ask(here.a_worker(organisation=TONLE), "GET", f"{DOOR}/{one['id']}/file").status_code == 403
    stranger = here.a_worker(Role.SUPERVISOR, LOTUS)
    assert here.ask(stranger, "GET", f"{DOOR}/{one['id']}/file").status_code == 404


def test_it_stays_for_two_years_and_somebody_elses_wish_for_days(here: Installation) -> None:
    ask_due(here.office, JULY)
    _made(here)
    supervisor = here.a_worker(Role.SUPERVISOR, TONLE)
    kept = {datetime.fromisoformat(one["expires_at"]) - JULY for one in _reports(here, supervisor)}
    assert min(kept) > timedelta(days=700)


def test_a_supervisor_asks_for_a_report_of_a_period_and_gets_the_same_figures(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR, TONLE)
    wish = {
        "profile": Profile.REPORT, "format": Format.HTML, "locale": "en",
        "from": "2026-06-01", "to": "2026-06-30",
    }  # fmt: skip
    asked = here.ask(supervisor, "POST", DOOR, wish)
    assert asked.status_code == 202, asked.text
    _made(here)
    page = here.ask(supervisor, "GET", f"{DOOR}/{asked.json()['id']}/file").text
    told = here.ask(supervisor, "GET", "/v1/statistics/summary?from=2026-06&to=2026-06&locale=en").json()
    assert f"{told['summary']['totals']['people']:,}" in page
    assert "June 1, 2026 to June 30, 2026" in page


@pytest.mark.parametrize("more", [{"filters": {"sex": ["female"]}}, {"date_field": "closed_at"}])
def test_what_would_make_another_report_of_the_same_people_is_refused(
    here: Installation, more: dict[str, Any]
) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR, TONLE)
    wish = {"profile": "report", "format": "html", "locale": "en", **more}
    assert here.ask(supervisor, "POST", DOOR, wish).status_code == 422
