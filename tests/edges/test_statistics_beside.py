"""What is told beside counts is frozen with its window: pulled again, or with others, it is the same."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import insert, select, update

from app.cases.rules.stages import Case, Queue, Status
from app.cases.store.people import Person
from app.cases.store.records import Member
from app.identity.rules import Role
from app.intake.tables import messages
from app.kernel.ids import new_id
from app.kernel.money import Money
from app.kernel.phone import Phone, SenderKind
from app.kernel.urgency import Urgency
from app.statistics.report import render
from app.statistics.rules.periods import Period
from app.statistics.tables import published
from app.usecases.setting_up import organisation_id
from app.usecases.unit_of_work import UnitOfWork
from tests.counted_town import Group, keep
from tests.makers import TONLE, Installation

NOW = datetime(2026, 6, 10, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JANUARY = "from=2026-01&to=2026-01"
QUARTER = "from=2026-01&to=2026-03"


@pytest.fixture
def here(install: Callable[..., Installation]) -> Installation:
    made = install(published_after="7d")
    made.clock.set(NOW)
    return made


def busy(here: Installation, month: int, *, cases: int = 90, phones: int = 40, wages: int = 10_000) -> None:
    """Cases of one month, all of them taken, one in three of them too late, and two texts of each phone."""
    at = datetime(2026, month, 10, 5, tzinfo=UTC)
    with here.office.work(at) as uow:
        for number in range(cases):
            _taken(uow, at, late=number % 3 == 1, wages=wages if number < cases // 2 else None)
        for number in range(phones):
            point = uow.intake.contact_point(
                Phone(f"+6681{number:07d}"), language="km", script="khmer", now=at
            )
            for hour in (0, 1):
                _text(uow, at + timedelta(hours=hour), point.id)


def _taken(uow: UnitOfWork, at: datetime, *, late: bool, wages: int | None) -> None:
    case = Case(
        id=new_id(at), code=uow.cases.free_code(), status=Status.ACCEPTED, urgency=Urgency.U1,
        categories=("detention",), reasons=(), language="km", origin_channel="sms", destination_country="TH",
        organisation_id=organisation_id(TONLE), owner_id=None, queue=Queue.COORDINATOR, member_count=2,
        reporter_id=None, summary=None, opened_at=at, updated_at=at,
        accepted_at=at + (50 if late else 7) * MINUTE,
    )  # fmt: skip
    uow.cases.add(case)
    claim = Money(wages, "USD") if wages else None
    uow.records.add_members([Member(new_id(at), case.id, Person(new_id(at)), wages_claimed=claim)], at)


def _text(uow: UnitOfWork, at: datetime, point: Any) -> None:
    message_id = new_id(at)
    uow.connection.execute(insert(messages), {
        "id": message_id, "contact_point_id": point, "sender_kind": SenderKind.PHONE, "carrier": "console",
        "via": "here", "carrier_id": str(message_id), "body_index": b"", "script": "khmer", "body": b"",
        "language": "km", "received_at": at, "claimed_at": None, "triage": None, "duplicate_of": None,
    })  # fmt: skip


def told(here: Installation, door: str, query: str = JANUARY) -> Any:
    answer = here.ask(here.a_worker(Role.COORDINATOR), "GET", f"/v1/statistics/{door}?locale=en&{query}")
    assert answer.status_code == 200, answer.text
    figures = answer.json()
    return figures[door]


def accepted(waits: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("window", "p50", "p90", "share_in_time", "suppressed")
    return [tuple(one[name] for name in names) for one in waits if one["clock"] == "accept"]


def test_h21_figures_of_a_window_stay_as_they_were_first_told(here: Installation) -> None:
    busy(here, 1)
    before = {door: told(here, door) for door in ("contacts", "times", "money")}
    assert accepted(before["times"]) == [("2026-01", 600, None, 0.67, True)]
    assert (before["contacts"]["texts"], before["contacts"]["unique_callers"]) == (80, 40)
    assert before["money"]["claimed_usd_cents"] == 450_000
    busy(here, 1, cases=33, phones=39, wages=770)
    assert {door: told(here, door) for door in before} == before


def test_h21_windows_are_told_one_by_one_and_only_what_adds_up_is_added(here: Installation) -> None:
    for month, cases in ((1, 60), (2, 64), (3, 70)):
        busy(here, month, cases=cases, phones=20 + month)
    waits = told(here, "times", QUARTER)
    assert [one[0] for one in accepted(waits)] == ["2026-01", "2026-02", "2026-03"]
    assert {one["clock"] for one in waits} == {"accept", "first_contact", "close"}
    contacts = told(here, "contacts", QUARTER)
    alone = [told(here, "contacts", f"from=2026-0{month}&to=2026-0{month}") for month in (1, 2, 3)]
    assert contacts["texts"] == sum(one["texts"] for one in alone) == 2 * (21 + 22 + 23)
    assert [one["unique_callers"] for one in (*alone, contacts)] == [21, 22, 23, None]
    for name in ("by_channel", "by_language", "by_hour"):
        for place, one in enumerate(contacts[name]):
            assert one["contacts"] == sum(month[name][place]["contacts"] for month in alone)
    assert told(here, "money", QUARTER)["claimed_usd_cents"] == (300_000 + 320_000 + 350_000)


def test_h21_where_one_window_keeps_something_back_the_sum_is_of_the_others_and_says_so(
    here: Installation,
) -> None:
    busy(here, 1)
    busy(here, 2, cases=12, phones=3)
    contacts, money = told(here, "contacts", QUARTER), told(here, "money", QUARTER)
    assert (contacts["texts"], contacts["suppressed"]) == (80, True)
    assert [(one["claimed"], one["suppressed"]) for one in money["currencies"]] == [(450_000, True)]
    assert (money["claimed_usd_cents"], money["suppressed"]) == (None, True)
    assert [one[1:] for one in accepted(told(here, "times", QUARTER))][1] == (None, None, None, True)


def test_h21_of_a_window_that_was_released_without_them_nothing_is_told(here: Installation) -> None:
    busy(here, 1)
    told(here, "times")
    with here.office.work(NOW) as uow:
        assert uow.connection.execute(select(published.c.beside)).scalar_one()
        uow.connection.execute(update(published).values(beside=None))
    assert accepted(told(here, "times")) == [("2026-01", None, None, None, True)]
    contacts, money = told(here, "contacts"), told(here, "money")
    assert {contacts[name] for name in ("texts", "calls", "answered", "unique_callers", "by_hour")} == {None}
    assert (contacts["suppressed"], money["suppressed"]) == (True, True)
    assert (money["currencies"], money["claimed_usd_cents"]) == ([], None)


def test_h21_no_number_that_is_kept_back_stands_in_the_ledger(here: Installation) -> None:
    busy(here, 1, cases=20, phones=9)
    told(here, "contacts")
    with here.office.look() as uow:
        beside = uow.connection.execute(select(published.c.beside)).scalar_one()
    nothing = dict.fromkeys(("channel", "language", "hour", "callers")) | {"ended": None}
    assert beside["contacts"] == nothing
    assert (beside["claims"], beside["claims_whole"]) == ([], False)
    assert {one[name] for one in beside["waits"] for name in ("p50", "p90", "p95")} == {None}


def test_h21_a_window_that_goes_on_is_frozen_with_its_tables_when_it_is_first_told_of(
    install: Callable[..., Installation],
) -> None:
    here = install()
    here.clock.set(datetime(2026, 1, 20, 5, tzinfo=UTC))
    keep(here, [Group(3, 1, "TH")])
    busy(here, 1, cases=0)
    few = told(here, "contacts")
    assert (few["texts"], few["suppressed"]) == (None, True)  # few people are told of nothing, nor is this
    busy(here, 1)
    first = told(here, "contacts")
    assert first["texts"] == 160
    busy(here, 1)
    assert told(here, "contacts") == first


def test_h21_where_organisations_may_subtract_their_own_nothing_is_told_beside_the_tables(
    install: Callable[..., Installation],
) -> None:
    here = install(published_after="7d", small_cell_insiders=True)
    here.clock.set(NOW)
    busy(here, 1)
    assert accepted(told(here, "times")) == [("2026-01", None, None, None, True)]
    assert told(here, "contacts")["texts"] is None


def test_a_period_of_nobody_has_nobody_in_it(here: Installation) -> None:
    summary = told(here, "summary", QUARTER)
    assert (summary["totals"]["cases"], summary["totals"]["people"]) == (0, 0)
    assert summary["totals"]["suppressed"] is False
    assert [(one["cases"], one["people"]) for one in summary["years"]] == [(0, 0)]
    assert (summary["times"], summary["money"]["claimed_usd_cents"]) == ([], 0)
    busy(here, 4)
    assert told(here, "summary", QUARTER)["totals"] == summary["totals"]


def test_waits_take_no_filters_in_what_is_published(here: Installation) -> None:
    busy(here, 1)
    worker = here.a_worker(Role.COORDINATOR)
    answer = here.ask(worker, "GET", f"/v1/statistics/times?{QUARTER}&destination=TH")
    assert (answer.status_code, answer.json()["code"]) == (422, "statistics.not_published")


@pytest.mark.parametrize("language", ["km", "en"])
def test_the_report_of_several_windows_tells_times_of_each_and_none_at_a_glance(
    here: Installation, language: Literal["km", "en"]
) -> None:
    for month in (1, 2):
        busy(here, month)
    texts = here.office.rulebook.catalogues
    glance = texts.text("report.half_reached_within", language)
    both = render(here.office, Period(date(2026, 1, 1), date(2026, 3, 1)), None, language, NOW)
    one = render(here.office, Period(date(2026, 1, 1), date(2026, 2, 1)), None, language, NOW)
    assert (glance in one, glance in both) == (True, False)
    assert ('class="grid"' in one, both.count('class="grid"')) == (False, 3)
    assert both.count('<th scope="row">2026-02</th>') >= 3
    assert "67%" in one
    assert both.count("<td>67%</td>") == 2
