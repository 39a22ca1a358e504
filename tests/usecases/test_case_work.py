"""What becomes of clocks, alerts and rows when people work a case, and that nothing is half done."""

from datetime import datetime
from uuid import UUID, uuid4

import pytest

from app.cases.rules.facts import CaseAssigned, CaseClosed
from app.cases.rules.stages import Outcome, Status
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Role, Worker
from app.kernel.refusal import NotAllowed, NotFound, Refusal
from app.usecases import case_work, keeping
from app.usecases.case_work import Command
from app.usecases.keeping import Affected, Intake
from app.usecases.seeing import Case, ContactAttempt, Person
from tests.makers import KHMER_LOCKED_IN, LOTUS, TONLE, Installation

DONE = CaseClosed(Outcome.REPATRIATED, "yes")
MINUTE = 60.0


def _clocks(here: Installation, case_id: UUID) -> dict[ClockKind, float]:
    """The running clocks of a case: in how many minutes each runs out."""
    now = here.clock.now()
    with here.office.look() as uow:
        armed = uow.timers.armed(case_id)
    return {kind: (plan.due_at - now).total_seconds() / MINUTE for kind, plan in armed.items()}


def _case(here: Installation, case_id: UUID) -> Case:
    with here.office.look() as uow:
        case = uow.cases.get(case_id, None)
    assert case is not None
    return case


def _accept(here: Installation, worker: Worker, case_id: UUID) -> Case:
    now = here.clock.now()
    with here.office.work(now) as uow:
        return case_work.accept(uow, Command(worker, case_id), now=now)


def _decline(here: Installation, worker: Worker, case_id: UUID) -> Case:
    now = here.clock.now()
    with here.office.work(now) as uow:
        return case_work.decline(uow, Command(worker, case_id), reason="ឈឺ", now=now)


def _contact(here: Installation, worker: Worker, case_id: UUID) -> None:
    now = here.clock.now()
    attempt = ContactAttempt(uuid4(), case_id, worker.id, "call", "reached", None, now)
    with here.office.work(now) as uow:
        case_work.add_contact_attempt(uow, Command(worker, case_id, attempt.id), attempt, now=now)


def _note(here: Installation, worker: Worker, case_id: UUID) -> None:
    now = here.clock.now()
    with here.office.work(now) as uow:
        case_work.add_note(uow, Command(worker, case_id, uuid4()), text="ក", restricted=False, now=now)


def _hold(here: Installation, worker: Worker, case_id: UUID, until: datetime | None) -> None:
    now = here.clock.now()
    with here.office.work(now) as uow:
        case_work.set_status(uow, Command(worker, case_id), Status.ON_HOLD, reason=None, until=until, now=now)


def _close(here: Installation, worker: Worker, case_id: UUID) -> None:
    now = here.clock.now()
    with here.office.work(now) as uow:
        case_work.close(uow, Command(worker, case_id), DONE, now=now)


def _reopen(here: Installation, worker: Worker, case_id: UUID) -> None:
    now = here.clock.now()
    with here.office.work(now) as uow:
        case_work.reopen(uow, Command(worker, case_id), reason="ក", now=now)


def test_accepting_stops_its_clock_and_starts_that_of_review(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    assert _clocks(here, case_id) == {ClockKind.ACCEPT: 15, ClockKind.FIRST_CONTACT: 30}
    here.clock.forward(minutes=5)
    _accept(here, worker, case_id)
    assert _clocks(here, case_id) == {ClockKind.FIRST_CONTACT: 25, ClockKind.REVIEW: 240}


def test_contact_stops_its_clock_and_every_step_starts_that_of_review_anew(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    _accept(here, worker, case_id)
    here.clock.forward(minutes=10)
    _contact(here, worker, case_id)
    assert _clocks(here, case_id) == {ClockKind.REVIEW: 240}
    here.clock.forward(minutes=60)
    _note(here, worker, case_id)
    assert _clocks(here, case_id) == {ClockKind.REVIEW: 240}


def test_declining_does_not_win_time(here: Installation) -> None:
    worker = here.a_worker()
    here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    owner_id = _case(here, case_id).owner_id
    with here.office.look() as uow:
        owner = uow.identity.worker(owner_id) if owner_id else None
    assert owner is not None
    here.clock.forward(minutes=10)
    declined = _decline(here, owner, case_id)
    assert declined.owner_id not in {None, owner.id}
    assert _clocks(here, case_id)[ClockKind.ACCEPT] == 5
    assert worker.organisation_id == declined.organisation_id


def test_who_declined_is_not_asked_again_and_the_last_leaves_it_to_the_coordinator(
    here: Installation,
) -> None:
    workers = {worker.id: worker for worker in (here.a_worker(), here.a_worker(), here.a_worker())}
    case_id = here.a_case(KHMER_LOCKED_IN)
    asked = []
    while (owner := _case(here, case_id).owner_id) is not None:
        asked.append(owner)
        _decline(here, workers[owner], case_id)
    assert sorted(asked) == sorted(workers)
    assert _case(here, case_id).queue == "coordinator"
    assert _clocks(here, case_id).keys() >= {ClockKind.ACCEPT}


def test_a_case_on_hold_is_looked_at_again_on_the_day_that_was_named(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    _accept(here, worker, case_id)
    _contact(here, worker, case_id)
    until = here.clock.now().replace(day=20)
    _hold(here, worker, case_id, until)
    assert _clocks(here, case_id) == {ClockKind.REVIEW: 12 * 24 * 60}


def test_closing_stops_every_clock_and_reopening_starts_the_first_ones(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case(KHMER_LOCKED_IN)
    _accept(here, worker, case_id)
    _close(here, worker, case_id)
    assert _clocks(here, case_id) == {}
    here.clock.forward(hours=30)
    assert here.fire() == 0
    _reopen(here, worker, case_id)
    assert _clocks(here, case_id) == {ClockKind.ACCEPT: 15, ClockKind.FIRST_CONTACT: 30}


def test_a_refused_command_leaves_nothing_behind_and_may_be_tried_again_under_its_id(
    here: Installation,
) -> None:
    owner, other = here.a_worker(), here.a_worker()
    case_id = here.a_case()
    holder, late = (owner, other) if _case(here, case_id).owner_id == owner.id else (other, owner)
    now, command_id = here.clock.now(), uuid4()

    def decline() -> Case:
        with here.office.work(now) as uow:
            return case_work.decline(uow, Command(late, case_id, command_id), reason="ឈឺ", now=now)

    before = _case(here, case_id)
    with pytest.raises(Refusal):
        decline()
    assert _case(here, case_id) == before
    lead = here.a_worker(Role.DUTY_LEAD)
    with here.office.work(now) as uow:
        case_work.assign(uow, Command(lead, case_id), CaseAssigned(None, late.id, "ក"), now=now)
    assert decline().owner_id == holder.id


def test_a_worker_who_left_may_do_nothing(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    gone = Worker(**{**{name: getattr(worker, name) for name in worker.__slots__}, "active": False})
    with pytest.raises(NotAllowed):
        _accept(here, gone, case_id)


def test_what_another_organisation_has_is_not_there(here: Installation) -> None:
    here.a_worker(organisation=TONLE)
    case_id = here.a_case()
    for step in (_accept, _decline, _contact, _note, _close, _reopen):
        with pytest.raises(NotFound):
            step(here, here.a_worker(organisation=LOTUS), case_id)


def test_a_caseworker_keeps_the_case_that_they_open_and_a_leads_case_is_routed(here: Installation) -> None:
    worker, lead = here.a_worker(), here.a_worker(Role.DUTY_LEAD)

    def opened(by: Worker) -> Case:
        intake = Intake(uuid4(), "x", ("detention",), "km", "TH", None, None, None, ())
        now = here.clock.now()
        with here.office.work(now) as uow:
            return keeping.open_by_worker(uow, by, intake, now=now).case

    for by in (worker, lead):
        case = opened(by)
        assert (case.owner_id, case.organisation_id) == (worker.id, worker.organisation_id)
        assert _clocks(here, case.id) == {ClockKind.ACCEPT: 15, ClockKind.FIRST_CONTACT: 30}


def test_more_members_put_a_case_on_a_faster_ladder(here: Installation) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    slow = _clocks(here, case_id)[ClockKind.ACCEPT]
    now = here.clock.now()
    people = [Affected(Person(uuid4())) for _ in range(12)]
    with here.office.work(now) as uow:
        keeping.add_members(uow, worker, case_id, people, now=now)
    assert _clocks(here, case_id)[ClockKind.ACCEPT] < slow
