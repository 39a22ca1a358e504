"""The stages of a case: who may do what to it when, and what it then is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cases.rules import stages
from app.cases.rules.facts import CaseAssigned, CaseClosed, CaseRouted
from app.cases.rules.stages import (
    LONGEST_HOLD,
    AlreadyAccepted,
    BadHold,
    BadStatus,
    Case,
    CaseIsClosed,
    CaseIsNotClosed,
    LoweringNeedsSupervisor,
    NotOwner,
    Outcome,
    Queue,
    Status,
)
from app.kernel.refusal import Refusal
from app.kernel.urgency import Urgency

NOW = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
OWNER, OTHER, ORGANISATION = uuid4(), uuid4(), uuid4()
DONE = CaseClosed(Outcome.REPATRIATED, "yes")


def a_case(**fields: Any) -> Case:
    case = Case(
        id=uuid4(), code="4829-1376", status=Status.ASSIGNED, urgency=Urgency.U3,
        categories=("unpaid_wages",), reasons=(), language="km", origin_channel="sms",
        destination_country="TH", organisation_id=ORGANISATION, owner_id=OWNER, queue=None, member_count=1,
        reporter_id=None, summary=None, opened_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return replace(case, **fields)


def accepted() -> Case:
    return stages.accept(a_case(), by=OWNER, now=NOW)[0]


def closed() -> Case:
    return stages.close(accepted(), DONE, now=NOW)[0]


def test_routing_puts_a_case_with_a_worker_or_into_a_queue() -> None:
    for organisation, owner, queue, status in (
        (ORGANISATION, OWNER, None, Status.ASSIGNED),
        (ORGANISATION, None, Queue.ORGANISATION, Status.TRIAGED),
        (None, None, Queue.COORDINATOR, Status.TRIAGED),
    ):
        case, facts = stages.route(accepted(), CaseRouted(organisation, owner, None, ()), now=LATER)
        assert (case.organisation_id, case.owner_id, case.queue, case.status) == (
            organisation, owner, queue, status,
        )  # fmt: skip
        assert case.accepted_at is None
        assert facts == [CaseRouted(organisation, owner, queue, ())]


def test_accepting_hands_the_case_to_one_worker_and_twice_changes_nothing() -> None:
    case, facts = stages.accept(a_case(), by=OTHER, now=LATER)
    assert (case.owner_id, case.status, case.accepted_at) == (OTHER, Status.ACCEPTED, LATER)
    assert [fact.kind for fact in facts] == ["case.accepted"]
    assert stages.accept(case, by=OTHER, now=LATER + timedelta(hours=1)) == (case, [])


def test_a_second_worker_is_told_who_has_it() -> None:
    with pytest.raises(AlreadyAccepted) as refusal:
        stages.accept(accepted(), by=OTHER, now=LATER)
    assert refusal.value.details["owner_id"] == str(OWNER)


def test_declining_takes_the_case_from_its_owner_only() -> None:
    case, facts = stages.decline(accepted(), by=OWNER, reason="ឈឺ", now=LATER)
    assert (case.owner_id, case.accepted_at, case.queue) == (None, None, Queue.ORGANISATION)
    assert [(fact.kind, fact.private()) for fact in facts] == [("case.declined", {"reason": "ឈឺ"})]
    assert "ឈឺ" not in str(facts[0].details())
    with pytest.raises(NotOwner):
        stages.decline(case, by=OWNER, reason="ឈឺ", now=LATER)


def test_what_is_left_of_a_declined_case_says_nothing_of_where_it_is() -> None:
    gone = stages.close(replace(accepted(), summary="គាត់យំ", reporter_id=OTHER), DONE, now=LATER)[0]
    left = stages.as_given_back(gone)
    assert (left.id, left.code, left.opened_at) == (gone.id, gone.code, gone.opened_at)
    assert left == stages.as_given_back(a_case(id=gone.id, categories=gone.categories))


def test_whoever_is_given_a_case_has_to_accept_it() -> None:
    case, _ = stages.assign(accepted(), CaseAssigned(ORGANISATION, OTHER, "ក"), now=LATER)
    assert (case.owner_id, case.status, case.accepted_at) == (OTHER, Status.ASSIGNED, None)
    queued, _ = stages.assign(case, CaseAssigned(ORGANISATION, None, "ក"), now=LATER)
    assert (queued.owner_id, queued.queue, queued.status) == (None, Queue.ORGANISATION, Status.TRIAGED)


def test_only_the_first_contact_is_noted() -> None:
    first = stages.record_contact(accepted(), now=LATER)
    again = stages.record_contact(first, now=LATER + timedelta(days=1))
    assert first.first_contact_at == again.first_contact_at == LATER


ALLOWED = {
    (Status.ACCEPTED, Status.IN_PROGRESS), (Status.ACCEPTED, Status.ON_HOLD),
    (Status.ACCEPTED, Status.RESOLVED), (Status.IN_PROGRESS, Status.ON_HOLD),
    (Status.IN_PROGRESS, Status.RESOLVED), (Status.ON_HOLD, Status.IN_PROGRESS),
    (Status.ON_HOLD, Status.RESOLVED), (Status.RESOLVED, Status.IN_PROGRESS),
}  # fmt: skip


@pytest.mark.parametrize("before", [status for status in Status if status is not Status.CLOSED])
@pytest.mark.parametrize("after", list(Status))
def test_a_case_goes_by_hand_only_where_it_can(before: Status, after: Status) -> None:
    case = replace(accepted(), status=before)
    if (before, after) in ALLOWED:
        moved, facts = stages.change_status(case, after, reason=None, until=None, now=LATER)
        assert (moved.status, [fact.kind for fact in facts]) == (after, ["status.changed"])
    elif before is after:
        assert stages.change_status(case, after, reason=None, until=None, now=LATER) == (case, [])
    else:
        with pytest.raises(BadStatus):
            stages.change_status(case, after, reason=None, until=None, now=LATER)


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)))
def test_a_case_rests_until_a_day_to_come_that_is_not_too_far(span: timedelta) -> None:
    def hold() -> Case:
        until = NOW + span
        return stages.change_status(accepted(), Status.ON_HOLD, reason=None, until=until, now=NOW)[0]

    if timedelta(0) < span <= LONGEST_HOLD:
        assert hold().hold_until == NOW + span
    else:
        with pytest.raises(BadHold):
            hold()


def test_a_rest_can_be_made_longer_and_ends_when_work_goes_on() -> None:
    day = timedelta(days=1)
    held, _ = stages.change_status(accepted(), Status.ON_HOLD, reason=None, until=NOW + day, now=NOW)
    longer, facts = stages.change_status(held, Status.ON_HOLD, reason=None, until=NOW + 2 * day, now=NOW)
    assert (longer.hold_until, len(facts)) == (NOW + 2 * day, 1)
    on, _ = stages.change_status(longer, Status.IN_PROGRESS, reason=None, until=NOW + day, now=NOW)
    assert (on.status, on.hold_until) == (Status.IN_PROGRESS, None)
    assert stages.change_status(on, Status.IN_PROGRESS, reason=None, until=NOW + day, now=NOW) == (on, [])


def test_closing_twice_with_one_outcome_changes_nothing_and_with_another_is_refused() -> None:
    case = closed()
    assert (case.status, case.closed_at, case.outcome) == (Status.CLOSED, NOW, Outcome.REPATRIATED)
    assert stages.close(case, DONE, now=LATER) == (case, [])
    with pytest.raises(CaseIsClosed):
        stages.close(case, replace(DONE, outcome=Outcome.DUPLICATE), now=LATER)


def test_reopening_starts_anew_under_the_same_code() -> None:
    case, facts = stages.reopen(closed(), reason="ក", now=LATER)
    assert (case.code, case.owner_id, case.status) == ("4829-1376", OWNER, Status.ASSIGNED)
    assert (case.closed_at, case.outcome, case.accepted_at, case.first_contact_at) == (None,) * 4
    assert [fact.kind for fact in facts] == ["case.reopened"]
    with pytest.raises(CaseIsNotClosed):
        stages.reopen(case, reason="ក", now=LATER)


@pytest.mark.parametrize(
    ("organisation", "queue"), [(ORGANISATION, Queue.ORGANISATION), (None, Queue.COORDINATOR)]
)
def test_a_case_that_had_no_owner_is_reopened_into_a_queue(organisation: UUID | None, queue: Queue) -> None:
    gone = replace(closed(), owner_id=None, organisation_id=organisation, queue=None)
    case, _ = stages.reopen(gone, reason="ក", now=LATER)
    assert (case.queue, case.status) == (queue, Status.TRIAGED)


@given(st.sampled_from(Urgency), st.sampled_from(Urgency), st.booleans(), st.sampled_from([None, "", "ក"]))
def test_anybody_may_raise_urgency_and_only_a_supervisor_with_a_reason_may_lower_it(
    before: Urgency,
    after: Urgency,
    may_lower: bool,  # noqa: FBT001 - drawn by hypothesis
    reason: str | None,
) -> None:
    case = a_case(urgency=before)

    def decide() -> tuple[Case, list[Any]]:
        return stages.set_urgency(case, after, reason=reason, may_lower=may_lower, now=LATER)

    if before.is_above(after) and not (may_lower and reason):
        with pytest.raises(LoweringNeedsSupervisor):
            decide()
        return
    decided, facts = decide()
    assert decided.urgency is after
    assert len(facts) == (before is not after)


@given(
    st.lists(st.sampled_from(["detention", "unpaid_wages", "unclassified", "missing_person"]), unique=True),
    st.sampled_from(Urgency),
)
def test_words_add_to_what_is_known_and_take_nothing_away(found: list[str], urgency: Urgency) -> None:
    case = a_case(urgency=Urgency.U3)
    learnt, facts = stages.learn(
        case, categories=found, urgency=urgency, reasons=[{"rule": "some.rule"}], now=LATER
    )
    assert set(learnt.categories) == {*case.categories, *found} - {"unclassified"}
    assert not case.urgency.is_above(learnt.urgency)
    assert (learnt == case) is (not facts)
    again = stages.learn(
        learnt, categories=found, urgency=urgency, reasons=[{"rule": "some.rule"}], now=LATER
    )
    assert again == (learnt, [])


def test_every_step_but_reopening_refuses_a_closed_case() -> None:
    case = closed()
    for step in (
        lambda: stages.route(case, CaseRouted(None, None, None, ()), now=LATER),
        lambda: stages.accept(case, by=OWNER, now=LATER),
        lambda: stages.decline(case, by=OWNER, reason="ក", now=LATER),
        lambda: stages.assign(case, CaseAssigned(ORGANISATION, OTHER, "ក"), now=LATER),
        lambda: stages.record_contact(case, now=LATER),
        lambda: stages.change_status(case, Status.IN_PROGRESS, reason=None, until=None, now=LATER),
        lambda: stages.set_urgency(case, Urgency.U1, reason="ក", may_lower=True, now=LATER),
    ):
        with pytest.raises(CaseIsClosed):
            step()


STEPS: dict[str, Callable[[Case, UUID, Status], Case]] = {
    "route": lambda case, by, _: stages.route(case, CaseRouted(ORGANISATION, by, None, ()), now=LATER)[0],
    "accept": lambda case, by, _: stages.accept(case, by=by, now=LATER)[0],
    "decline": lambda case, by, _: stages.decline(case, by=by, reason="ក", now=LATER)[0],
    "assign": lambda case, by, _: stages.assign(case, CaseAssigned(ORGANISATION, by, "ក"), now=LATER)[0],
    "queue": lambda case, _, __: stages.assign(case, CaseAssigned(ORGANISATION, None, "ក"), now=LATER)[0],
    "contact": lambda case, _, __: stages.record_contact(case, now=LATER),
    "status": lambda case, _, to: stages.change_status(case, to, reason=None, until=None, now=LATER)[0],
    "close": lambda case, _, __: stages.close(case, DONE, now=LATER)[0],
    "reopen": lambda case, _, __: stages.reopen(case, reason="ក", now=LATER)[0],
}


@given(
    st.lists(
        st.tuples(st.sampled_from([*STEPS]), st.sampled_from([OWNER, OTHER]), st.sampled_from(Status)),
        max_size=12,
    )
)
def test_whatever_is_done_an_open_case_has_an_owner_or_a_queue_and_its_stage_says_which(
    steps: list[tuple[str, UUID, Status]],
) -> None:
    case = a_case()
    for name, by, to in steps:
        try:
            case = STEPS[name](case, by, to)
        except Refusal:
            continue
        assert case.owner_id or case.queue
        assert not (case.owner_id and case.queue)
        assert (case.accepted_at is None) == (
            case.status in {Status.ASSIGNED, Status.TRIAGED}
        ) or not case.is_open
        assert case.is_open == (case.status is not Status.CLOSED)
        assert (case.outcome is None) == case.is_open
        assert case.hold_until is None or case.status is Status.ON_HOLD
