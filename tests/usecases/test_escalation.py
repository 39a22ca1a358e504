"""Escalation: who is told, at which minute, and what stops it, seen through the doors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.identity.rules import Role, Worker
from tests.fakes import FakeCarrier
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, Installation

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
OF_URGENCY = {
    "U1": "detention",
    "U2": "forced_extension",
    "U3": "unpaid_wages",
    "U4": "deployment_delay",
}
# The week begins on Monday 8 June 2026, and cases open at ten unless a test says otherwise.
OPENED = "06-08 10:00"


def local(text: str, year: int = 2026) -> datetime:
    """A Phnom Penh time, `month-day hour:minute`, as aware UTC."""
    return datetime.strptime(f"{year}-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=PHNOM_PENH).astimezone(UTC)


def shown(moment: str) -> str:
    """A time from an answer as a test writes it."""
    return f"{datetime.fromisoformat(moment).astimezone(PHNOM_PENH):%m-%d %H:%M}"


@dataclass
class Desk:
    """One organisation with somebody on every rung, and a coordinator between the organisations."""

    here: Installation
    owner: Worker
    lead: Worker
    supervisor: Worker
    coordinator: Worker

    def case(self, urgency: str = "U1", *, opened: str = OPENED, members: int = 1) -> UUID:
        """A case that nobody has accepted yet, opened at this time."""
        self.here.clock.set(local(opened))
        people = [{"sex": "unknown"}] * members
        body = {"categories": [OF_URGENCY[urgency]], "members": people}
        response = self.here.ask(self.supervisor, "POST", "/v1/cases", body)
        assert response.status_code == 201
        assert response.json()["owner_id"] == str(self.owner.id)
        return UUID(response.json()["id"])

    def do(
        self, case_id: UUID, what: str, body: Mapping[str, Any] | None = None, *, by: Worker | None = None
    ) -> dict[str, Any]:
        """Something that a worker does to the case through its door."""
        response = self.here.ask(by or self.owner, "POST", f"/v1/cases/{case_id}/{what}", dict(body or {}))
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def contact(self, case_id: UUID) -> None:
        """The owner tries to reach the person."""
        self.do(case_id, "contact-attempts", {"channel": "call", "outcome": "no_answer"})

    def see(self, case_id: UUID, part: str = "") -> dict[str, Any]:
        """The case, or a part of it, as its supervisor sees it."""
        response = self.here.ask(self.supervisor, "GET", f"/v1/cases/{case_id}{part}")
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def fired(self, case_id: UUID) -> list[dict[str, Any]]:
        """What the timeline tells of clocks that ran out, oldest first."""
        return [
            item for item in self.see(case_id, "/timeline")["items"] if item["kind"] == "escalation.fired"
        ]

    def armed(self, case_id: UUID) -> dict[str, str]:
        """When each running clock is due."""
        timers = self.see(case_id, "/timers")["items"]
        running = [timer for timer in timers if timer["state"] == "armed"]
        assert len(running) == len({timer["kind"] for timer in running})
        return {timer["kind"]: shown(timer["due_at"]) for timer in running}

    def fire_at(self, moment: str, *, year: int = 2026) -> int:
        """Let the worker look at the clocks at this minute."""
        self.here.clock.set(local(moment, year))
        return self.here.fire()

    def climb(self, case_id: UUID, steps: list[tuple[str, str, int, str]]) -> None:
        """Each step (minute, clock, rung, to) fires in its minute, no second earlier, and once."""
        seen = len(self.fired(case_id))
        for minute in dict.fromkeys(step[0] for step in steps):
            due = local(minute)
            self.here.clock.set(due - timedelta(seconds=1))
            assert self.here.fire() == 0, f"something fired before {minute}"
            self.here.clock.set(due)
            self.here.fire()
            assert self.here.fire() == 0, f"something fired twice at {minute}"
            new = self.fired(case_id)[seen:]
            expected = [step[1:] for step in steps if step[0] == minute]
            assert sorted((item["clock"], item["rung"], item["to"]) for item in new) == sorted(expected)
            assert {shown(item["expected_at"]) for item in new} == {minute}
            assert {datetime.fromisoformat(item["at"]) for item in new} == {due}
            seen += len(new)


@pytest.fixture
def desk(here: Installation) -> Desk:
    return Desk(
        here,
        here.a_worker(),
        here.a_worker(Role.DUTY_LEAD, phone="+85510000201"),
        here.a_worker(Role.SUPERVISOR, phone="+85510000202"),
        here.a_worker(Role.COORDINATOR, phone="+85510000203"),
    )


ACCEPT, CONTACT, REVIEW = "accept", "first_contact", "review"
D, S, X = "duty_lead", "supervisor", "coordinator"


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


def test_a_tenth_worker_puts_a_wage_case_on_the_stricter_ladder(desk: Desk) -> None:
    case_id = desk.case("U3", members=9)
    desk.here.clock.set(local("06-08 10:20"))
    desk.do(case_id, "members", {"members": [{"sex": "female"}]})
    assert desk.armed(case_id) == {ACCEPT: "06-08 11:20", CONTACT: "06-08 13:20"}


def test_forced_extension_and_detention_are_held_up_by_their_own_overrides(desk: Desk) -> None:
    case_id = desk.case("U4")
    desk.here.clock.set(local("06-08 10:10"))
    lowered = {"categories": ["forced_extension"]}
    assert desk.here.ask(desk.supervisor, "PATCH", f"/v1/cases/{case_id}", lowered).status_code == 200
    milder = {"urgency": "U4", "reason": "the agency agreed"}
    assert desk.here.ask(desk.supervisor, "PATCH", f"/v1/cases/{case_id}", milder).json()["urgency"] == "U4"
    assert desk.armed(case_id)[ACCEPT] == "06-08 11:10"


def test_accepting_stops_the_clock_of_acceptance_and_starts_that_of_review(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.fire_at("06-08 10:15")
    desk.here.clock.set(local("06-08 10:20"))
    desk.do(case_id, "accept")
    assert desk.armed(case_id) == {CONTACT: "06-08 10:30", REVIEW: "06-08 14:20"}
    desk.fire_at("06-08 10:59")
    assert {item["clock"] for item in desk.fired(case_id)[1:]} == {CONTACT}


def test_an_attempt_at_contact_stops_the_clock_of_contact(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.here.clock.set(local("06-08 10:10"))
    desk.contact(case_id)
    assert desk.armed(case_id) == {REVIEW: "06-08 14:10"}
    assert desk.fire_at("06-08 14:09") == 0


def test_what_happens_for_a_case_begins_its_review_anew_and_reading_does_not(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    desk.here.clock.set(local("06-08 11:00"))
    desk.see(case_id)
    assert desk.armed(case_id) == {REVIEW: "06-08 14:00"}
    desk.do(case_id, "notes", {"text": "ទូរស័ព្ទទៅគាត់ហើយ"})
    assert desk.armed(case_id) == {REVIEW: "06-08 15:00"}


def test_a_case_without_progress_climbs_for_review_too(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    desk.climb(
        case_id,
        [
            ("06-08 14:00", REVIEW, 1, D),
            ("06-08 14:15", REVIEW, 2, S),
            ("06-08 14:45", REVIEW, 3, X),
            ("06-08 15:45", REVIEW, 3, X),
        ],
    )


def test_closing_stops_every_clock_and_reopening_begins_anew(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.do(case_id, "close", {"outcome": "resolved_full", "client_informed": "yes"})
    assert desk.armed(case_id) == {}
    assert desk.fire_at("06-08 20:00") == 0
    desk.do(case_id, "reopen", {"reason": "the employer took the passport again"})
    assert desk.armed(case_id) == {ACCEPT: "06-08 20:15", CONTACT: "06-08 20:30"}
    desk.climb(case_id, [("06-08 20:15", ACCEPT, 1, D), ("06-08 20:30", ACCEPT, 2, S)][:1])


def test_raising_the_urgency_begins_unmet_clocks_anew_and_leaves_met_ones_alone(desk: Desk) -> None:
    case_id = desk.case("U3")
    desk.here.clock.set(local("06-08 10:05"))
    desk.contact(case_id)
    desk.here.clock.set(local("06-08 10:10"))
    raised = desk.here.ask(desk.owner, "PATCH", f"/v1/cases/{case_id}", {"urgency": "U1"})
    assert raised.status_code == 200
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:25"}
    desk.climb(case_id, [("06-08 10:25", ACCEPT, 1, D), ("06-08 10:40", ACCEPT, 2, S)])


def test_raising_the_urgency_keeps_the_earlier_of_both_times(desk: Desk) -> None:
    case_id = desk.case("U2")
    desk.here.clock.set(local("06-08 10:50"))
    desk.here.ask(desk.owner, "PATCH", f"/v1/cases/{case_id}", {"urgency": "U1"})
    assert desk.armed(case_id) == {ACCEPT: "06-08 11:00", CONTACT: "06-08 11:20"}


def test_a_text_that_makes_a_case_more_urgent_begins_its_clocks_anew(desk: Desk) -> None:
    case_id = desk.here.a_case(KHMER_UNPAID)
    assert desk.armed(case_id)[ACCEPT] == "06-08 13:00"
    desk.here.clock.set(local("06-08 10:20"))
    desk.here.a_text(KHMER_LOCKED_IN)
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:35", CONTACT: "06-08 10:50"}


def test_only_those_in_charge_lower_the_urgency_and_the_clocks_count_from_their_beginning(desk: Desk) -> None:
    case_id = desk.case("U2")
    desk.here.clock.set(local("06-08 10:10"))
    milder = {"urgency": "U3", "reason": "he left on his own and is at home"}
    assert desk.here.ask(desk.owner, "PATCH", f"/v1/cases/{case_id}", milder).status_code == 403
    # Its category keeps it on the ladder of U2 whatever its urgency says.
    assert desk.here.ask(desk.supervisor, "PATCH", f"/v1/cases/{case_id}", milder).status_code == 200
    assert desk.armed(case_id)[ACCEPT] == "06-08 11:00"
    other = {"categories": ["unpaid_wages"]}
    assert desk.here.ask(desk.supervisor, "PATCH", f"/v1/cases/{case_id}", other).status_code == 200
    assert desk.armed(case_id)[ACCEPT] == "06-08 13:00"


def test_on_hold_a_review_waits_for_its_day_and_then_climbs_with_its_usual_gaps(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    until = local("06-20 09:00").isoformat()
    desk.do(case_id, "status", {"status": "on_hold", "until": until, "reason": "court date"})
    assert desk.armed(case_id) == {REVIEW: "06-20 09:00"}
    desk.climb(
        case_id,
        [
            ("06-20 09:00", REVIEW, 1, D),
            ("06-20 09:15", REVIEW, 2, S),
            ("06-20 09:45", REVIEW, 3, X),
            ("06-20 10:45", REVIEW, 3, X),
        ],
    )


def test_on_hold_until_a_sunday_an_office_s_review_waits_for_monday(desk: Desk) -> None:
    case_id = desk.case("U3")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    until = local("06-21 09:00").isoformat()
    desk.do(case_id, "status", {"status": "on_hold", "until": until, "reason": "waits for papers"})
    desk.climb(case_id, [("06-22 08:00", REVIEW, 1, D), ("06-22 14:00", REVIEW, 2, S)])


def test_a_cry_for_help_does_not_wait_for_the_end_of_a_rest(desk: Desk) -> None:
    case_id = desk.here.a_case(KHMER_UNPAID)
    desk.do(case_id, "accept")
    desk.contact(case_id)
    until = local("06-30 09:00").isoformat()
    desk.do(case_id, "status", {"status": "on_hold", "until": until, "reason": "waits for papers"})
    assert desk.armed(case_id) == {REVIEW: "06-30 09:00"}
    desk.here.clock.set(local("06-09 02:00"))
    desk.here.a_text(KHMER_LOCKED_IN)
    assert desk.armed(case_id) == {REVIEW: "06-09 06:00"}


def test_a_case_that_was_handed_over_rests_no_longer(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.do(case_id, "accept")
    desk.contact(case_id)
    until = local("06-20 09:00").isoformat()
    desk.do(case_id, "status", {"status": "on_hold", "until": until, "reason": "court date"})
    taker = desk.here.a_worker()
    to = {"owner_id": str(taker.id), "reason": "the owner is ill"}
    desk.do(case_id, "assign", to, by=desk.supervisor)
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:15"}
    desk.do(case_id, "accept", by=taker)
    assert desk.armed(case_id) == {REVIEW: "06-08 14:00"}


def test_whoever_gets_a_case_by_hand_has_the_whole_time_to_accept_it(desk: Desk) -> None:
    case_id = desk.case("U1")
    desk.here.clock.set(local("06-08 10:10"))
    taker = desk.here.a_worker()
    desk.do(case_id, "assign", {"owner_id": str(taker.id), "reason": "knows the place"}, by=desk.lead)
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:25", CONTACT: "06-08 10:30"}


def test_declining_does_not_buy_time(desk: Desk) -> None:
    desk.here.a_worker()
    case_id = desk.case("U1")
    desk.here.clock.set(local("06-08 10:10"))
    desk.do(case_id, "decline", {"reason": "too many cases"})
    assert desk.see(case_id)["owner_id"] not in {None, str(desk.owner.id)}
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:15", CONTACT: "06-08 10:30"}


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
