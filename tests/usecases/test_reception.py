"""Reception: what becomes of a text."""

from app.cases.rules.stages import Queue, Status
from app.identity.rules import Role
from app.kernel.urgency import Urgency
from tests.makers import KHMER_EXTENDED, KHMER_LOCKED_IN, KHMER_UNPAID, TONLE, Installation


def test_a_khmer_text_opens_a_case_that_finds_a_caseworker_and_a_clock(here: Installation) -> None:
    worker = here.a_worker()
    answer = here.a_text(KHMER_LOCKED_IN)
    case = answer.case
    assert case is not None
    assert "detention" in case.categories
    assert case.urgency is Urgency.U1
    assert (case.status, case.owner_id, case.destination_country) == (Status.ASSIGNED, worker.id, "TH")
    assert answer.next_timer is not None
    assert (answer.next_timer.plan.due_at - case.opened_at).total_seconds() == 15 * 60
    assert [reply.to for reply in answer.replies] == ["+66812345678"]
    assert case.code in answer.replies[0].body


def test_what_the_words_say_decides_the_category(here: Installation) -> None:
    here.a_worker()
    unpaid = here.a_text(KHMER_UNPAID, sender="+66810000001").case
    extended = here.a_text(KHMER_EXTENDED, sender="+66810000002").case
    assert unpaid is not None
    assert extended is not None
    assert "unpaid_wages" in unpaid.categories
    assert "forced_extension" in extended.categories


def test_a_text_without_any_known_word_still_opens_a_case_with_a_clock(here: Installation) -> None:
    here.a_worker()
    answer = here.a_text("ក្អែក ក្អែក")
    assert answer.case is not None
    assert answer.case.categories == ("unclassified",)
    assert answer.next_timer is not None


def test_nobody_eligible_means_the_coordinators_queue_and_at_least_the_pace_of_u2(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR, phone="+85510000777")
    answer = here.a_text(KHMER_UNPAID)
    assert answer.case is not None
    assert (answer.case.owner_id, answer.case.queue) == (None, Queue.COORDINATOR)
    assert answer.next_timer is not None
    assert (answer.next_timer.plan.due_at - answer.case.opened_at).total_seconds() <= 3600
    response = here.ask(coordinator, "GET", f"/v1/cases/{answer.case.id}")
    assert response.status_code == 200


def test_a_second_text_goes_into_the_open_case_and_is_not_acknowledged_again(here: Installation) -> None:
    here.a_worker()
    first = here.a_text(KHMER_UNPAID)
    here.clock.forward(minutes=20)
    second = here.a_text(KHMER_LOCKED_IN)
    assert first.case is not None
    assert second.case is not None
    assert second.case.id == first.case.id
    assert second.replies == ()
    assert second.case.urgency is Urgency.U1
    assert set(second.case.categories) >= {"unpaid_wages", "detention"}


def test_a_case_of_an_organisation_is_seen_by_its_own_workers_only(here: Installation) -> None:
    ours = here.a_worker(organisation=TONLE)
    theirs = here.a_worker(Role.SUPERVISOR, organisation="lotus-legal")
    case_id = here.a_case(KHMER_LOCKED_IN)
    assert here.ask(ours, "GET", f"/v1/cases/{case_id}").status_code == 200
    assert here.ask(theirs, "GET", f"/v1/cases/{case_id}").status_code == 404
    assert here.ask(theirs, "GET", "/v1/cases?total=true").json()["total"] == 0
