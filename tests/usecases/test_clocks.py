"""Clocks: what starts, stops and moves them, seen through the doors."""

import pytest

from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, Installation
from tests.usecases.desk import ACCEPT, CONTACT, REVIEW, D, Desk, S, X, a_desk, local


@pytest.fixture
def desk(here: Installation) -> Desk:
    return a_desk(here)


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
    desk.climb(case_id, [("06-08 20:15", ACCEPT, 1, D)])


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
    case_id = desk.case("U1")
    desk.here.a_worker()
    desk.here.clock.set(local("06-08 10:10"))
    desk.do(case_id, "decline", {"reason": "too many cases"})
    assert desk.see(case_id)["owner_id"] not in {None, str(desk.owner.id)}
    assert desk.armed(case_id) == {ACCEPT: "06-08 10:15", CONTACT: "06-08 10:30"}
