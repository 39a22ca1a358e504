"""Escalation: who is told, and at which minute, seen through the doors."""

import pytest

from app.identity.rules import Role
from tests.fakes import FakeCarrier
from tests.makers import KHMER_LOCKED_IN, Installation
from tests.usecases.desk import ACCEPT, CONTACT, REVIEW, D, Desk, S, X, a_desk, local, shown


@pytest.fixture
def desk(here: Installation) -> Desk:
    return a_desk(here)


@pytest.mark.parametrize(
    ("urgency", "steps"),
    [
        (
            "U1",
            [
                ("06-08 10:15", ACCEPT, 1, D),
                ("06-08 10:30", ACCEPT, 2, S),
                ("06-08 10:30", CONTACT, 1, D),
                ("06-08 10:45", CONTACT, 2, S),
                ("06-08 11:00", ACCEPT, 3, X),
                ("06-08 11:15", CONTACT, 3, X),
                ("06-08 12:00", ACCEPT, 3, X),
                ("06-08 12:15", CONTACT, 3, X),
                ("06-08 13:00", ACCEPT, 3, X),
            ],
        ),
        (
            "U2",
            [
                ("06-08 11:00", ACCEPT, 1, D),
                ("06-08 13:00", ACCEPT, 2, S),
                ("06-08 13:00", CONTACT, 1, D),
                ("06-08 15:00", CONTACT, 2, S),
                ("06-08 18:00", ACCEPT, 3, X),
                ("06-08 20:00", CONTACT, 3, X),
                ("06-08 22:00", ACCEPT, 3, X),
                ("06-09 00:00", CONTACT, 3, X),
            ],
        ),
        (
            "U3",
            [
                ("06-08 13:00", ACCEPT, 1, D),
                ("06-09 10:00", ACCEPT, 2, S),
                ("06-09 10:00", CONTACT, 1, D),
                ("06-09 16:00", CONTACT, 2, S),
                ("06-10 10:00", ACCEPT, 3, X),
                ("06-10 16:00", CONTACT, 3, X),
                ("06-11 10:00", ACCEPT, 3, X),
                ("06-11 16:00", CONTACT, 3, X),
            ],
        ),
        (
            "U4",  # a weekend lies between
            [
                ("06-10 10:00", ACCEPT, 1, D),
                ("06-11 10:00", CONTACT, 1, D),
                ("06-15 10:00", ACCEPT, 2, S),
                ("06-16 10:00", CONTACT, 2, S),
                ("06-17 10:00", ACCEPT, 2, S),
            ],
        ),
    ],
)
def test_a_case_that_nobody_takes_climbs_its_ladder_each_rung_once_and_at_its_minute(
    desk: Desk, urgency: str, steps: list[tuple[str, str, int, str]]
) -> None:
    desk.climb(desk.case(urgency), steps)


def test_an_office_s_clock_rests_over_a_khmer_holiday_and_one_of_the_file(desk: Desk) -> None:
    # Friday afternoon; Monday 9 November is Independence Day.
    desk.climb(
        desk.case("U3", opened="11-06 15:00"),
        [("11-10 09:00", ACCEPT, 1, D), ("11-10 15:00", ACCEPT, 2, S), ("11-10 15:00", CONTACT, 1, D)],
    )
    # Thursday 31 December 2026 is closed in holidays.yaml, 1 January by law; then comes a weekend.
    late = desk.case("U3", opened="12-30 16:00")
    assert desk.fire_at("01-04 09:59", year=2027) > 0  # the other case's repeats
    assert desk.fired(late) == []
    desk.fire_at("01-04 10:00", year=2027)
    assert [shown(item["expected_at"]) for item in desk.fired(late)] == ["01-04 10:00"]


def test_an_urgent_case_knows_no_night_and_no_holiday(desk: Desk) -> None:
    desk.climb(
        desk.case("U1", opened="11-08 23:50"),
        [("11-09 00:05", ACCEPT, 1, D), ("11-09 00:20", ACCEPT, 2, S), ("11-09 00:20", CONTACT, 1, D)],
    )


def test_ten_workers_without_wages_are_as_pressing_as_u2_and_nine_are_not(desk: Desk) -> None:
    nine, ten = desk.case("U3", members=9), desk.case("U3", members=10)
    assert desk.see(ten)["urgency"] == "U3"
    assert desk.armed(nine)[ACCEPT] == "06-08 13:00"
    assert desk.armed(ten)[ACCEPT] == "06-08 11:00"


def test_escalation_adds_people_and_removes_nobody(desk: Desk) -> None:
    case_id = desk.case("U1")
    for moment, helper in [("10:15", desk.lead), ("10:30", desk.supervisor), ("11:00", desk.coordinator)]:
        before = desk.fired(case_id)
        desk.fire_at(f"06-08 {moment}")
        told = {worker for item in desk.fired(case_id)[len(before) :] for worker in item["workers"]}
        assert str(helper.id) in told
        assert desk.see(case_id)["owner_id"] == str(desk.owner.id)
    # The coordinator, who stands in no organisation, now sees the case.
    assert desk.here.ask(desk.coordinator, "GET", f"/v1/cases/{case_id}").status_code == 200
    desk.do(case_id, "accept")
    assert desk.here.ask(desk.coordinator, "GET", f"/v1/cases/{case_id}").status_code == 200


def test_whoever_stands_on_two_rungs_of_a_minute_is_told_once_and_no_person_is_named(
    here: Installation,
) -> None:
    desk = Desk(
        here,
        here.a_worker(),
        here.a_worker(Role.DUTY_LEAD, phone="+85510000201"),
        here.a_worker(Role.SUPERVISOR),
        here.a_worker(Role.COORDINATOR),
    )
    # With both clocks due in the same look the duty lead stands on the first rung of each.
    case_id = desk.here.a_case(KHMER_LOCKED_IN)
    desk.fire_at("06-08 10:15")
    desk.here.send(FakeCarrier("console"))
    carrier = FakeCarrier("console")
    here.clock.set(local("06-08 10:31"))
    here.fire()
    here.send(carrier)
    told = [text for text in carrier.sent if text.to.e164 == "+85510000201"]
    assert len(told) == 1
    assert desk.see(case_id)["code"] in told[0].body
    assert [word for word in ("ចាក់សោ", "ឃុំ", "+6681") if word in told[0].body] == []


def test_a_rung_without_anybody_goes_to_the_coordinators(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR)
    owner = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    here.clock.forward(minutes=15)
    here.fire()
    (fired,) = [details for kind, details in here.timeline(case_id) if kind == "escalation.fired"]
    assert (fired["to"], fired["workers"]) == ("duty_lead", [str(coordinator.id)])
    assert here.ask(coordinator, "GET", f"/v1/cases/{case_id}").json()["owner_id"] == str(owner.id)


def test_where_nobody_on_a_rung_is_on_duty_the_coordinators_hear_of_it_too(desk: Desk) -> None:
    off = desk.here.ask(desk.lead, "PATCH", "/v1/me", {"on_duty": False})
    assert off.is_success
    case_id = desk.case("U1")
    desk.fire_at("06-08 10:15")
    (fired,) = desk.fired(case_id)
    assert (fired["to"], set(fired["workers"])) == (D, {str(desk.lead.id), str(desk.coordinator.id)})


def test_a_case_is_overdue_from_its_first_missed_clock_until_somebody_acts(desk: Desk) -> None:
    case_id = desk.case("U1")

    def overdue() -> list[str]:
        listed = desk.here.ask(desk.supervisor, "GET", "/v1/cases?overdue=true").json()["items"]
        return [item["id"] for item in listed]

    assert overdue() == []
    desk.fire_at("06-08 10:15")
    desk.fire_at("06-08 10:30")
    assert overdue() == [str(case_id)]
    with desk.here.office.look() as uow:
        case = uow.cases.get(case_id, None)
    assert case is not None
    assert case.overdue_since == local("06-08 10:15")
    desk.do(case_id, "accept")
    assert overdue() == []
    desk.fire_at("06-08 10:45")
    assert overdue() == [str(case_id)]
    desk.contact(case_id)
    assert overdue() == []


def test_a_server_that_was_down_over_a_due_time_fires_once_and_says_when_it_was_due(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    # Nobody looked from before the review until seven hours later: each rung once, one repeat.
    desk.fire_at("06-08 21:03")
    fired = desk.fired(case_id)
    assert [(item["rung"], shown(item["expected_at"])) for item in fired] == [
        (1, "06-08 14:00"),
        (2, "06-08 14:15"),
        (3, "06-08 14:45"),
    ]
    assert {shown(item["at"]) for item in fired} == {"06-08 21:03"}
    assert desk.armed(case_id) == {REVIEW: "06-08 21:45"}
    assert desk.fire_at("06-08 21:44") == 0
    desk.fire_at("06-08 21:45")
    assert len(desk.fired(case_id)) == 4


def test_every_fire_is_in_the_audit_chain_as_well(desk: Desk) -> None:
    desk.case("U1")
    desk.fire_at("06-08 10:15")
    desk.fire_at("06-08 10:30")
    with desk.here.office.look() as uow:
        assert uow.audit.first_break()[1] is None
        before = uow.audit.first_break()[0]
    assert desk.here.fire() == 0
    with desk.here.office.look() as uow:
        assert uow.audit.first_break() == (before, None)
