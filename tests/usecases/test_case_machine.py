"""Whatever happens to cases, in whatever order: nobody's case is dropped, and a clock runs for each."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from app.cases.rules.stages import Case
from app.cases.tables import helpers
from app.escalation.store import ARMED, Timer
from app.identity.rules import Role, Worker
from app.usecases.setting_up import organisation_id
from tests.makers import (
    KHMER_EXTENDED,
    KHMER_LOCKED_IN,
    KHMER_UNPAID,
    LOTUS,
    TONLE,
    Installation,
    an_installation,
)

# From which stage a case may go to which in one step, drawn up here once more and not taken from the program.
ANEW: Final = {"assigned", "triaged"}
STAGES: Final = {
    "triaged": {*ANEW, "accepted", "closed"},
    "assigned": {*ANEW, "accepted", "closed"},
    "accepted": {*ANEW, "in_progress", "on_hold", "resolved", "closed"},
    "in_progress": {*ANEW, "on_hold", "resolved", "closed"},
    "on_hold": {*ANEW, "in_progress", "resolved", "closed"},
    "resolved": {*ANEW, "in_progress", "closed"},
    "closed": ANEW,
}
SAID_NO: Final = {403, 404, 409, 412, 422}

moments = st.sampled_from([0, 1, 14, 15, 30, 61, 240, 1441, 5 * 1440, 20 * 1440]).map(
    lambda minutes: timedelta(minutes=minutes)
)
# Most of what happens to a case is done by whoever has it, so that examples get far.
OWNER: Final = "owner"
actors = st.sampled_from([*[OWNER] * 6, "anne", "bopha", "chan", "lead", "supervisor", "coordinator"])
leads = st.sampled_from(["supervisor", "coordinator", "lead", "anne"])
which = st.sampled_from([0, 0, 0, 1, 2])


@dataclass
class Place:
    """One installation for all examples of a run, and who works there."""

    here: Installation
    people: dict[str, Worker] = field(default_factory=dict)
    phones: int = 0

    def __post_init__(self) -> None:
        for name, role, organisation in [
            ("anne", Role.CASEWORKER, TONLE),
            ("bopha", Role.CASEWORKER, TONLE),
            ("chan", Role.CASEWORKER, LOTUS),
            ("lead", Role.DUTY_LEAD, TONLE),
            ("supervisor", Role.SUPERVISOR, TONLE),
            ("coordinator", Role.COORDINATOR, None),
        ]:
            self.people[name] = self.here.a_worker(
                role, organisation, phone=f"+8551000030{len(self.people)}", languages=("km", "en")
            )

    def restart(self) -> None:
        """The program ends and begins again on the same database."""
        self.here.office.database.close()
        self.here = an_installation(self.here.application.settings, clock=self.here.clock)


@dataclass
class Seen:
    """What a case was when it was last looked at."""

    status: str
    version: int
    helpers: frozenset[UUID]


class CaseMachine(RuleBasedStateMachine):
    """One phone that writes, and everybody who works on what it writes about."""

    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[UUID] = []
        self.seen: dict[UUID, Seen] = {}
        self.place.phones += 1
        self.phone = f"+6681{self.place.phones:07d}"

    @property
    def here(self) -> Installation:
        return self.place.here

    # What may happen.

    @initialize(body=st.sampled_from([KHMER_UNPAID, KHMER_LOCKED_IN, KHMER_EXTENDED, "ក្អែក"]))
    def a_first_text(self, body: str) -> None:
        self.text(body)

    @rule(body=st.sampled_from([KHMER_UNPAID, KHMER_LOCKED_IN, "អរគុណ", "1", "?"]))
    def a_text(self, body: str) -> None:
        self.text(body)

    @rule(by=actors, case=which)
    def accept(self, by: str, case: int) -> None:
        self.ask(by, case, "accept", {})

    @rule(by=actors, case=which)
    def decline(self, by: str, case: int) -> None:
        self.ask(by, case, "decline", {"reason": "too much to do"})

    @rule(by=actors, case=which)
    def note(self, by: str, case: int) -> None:
        self.ask(by, case, "notes", {"text": "called the village chief"})

    @rule(by=actors, case=which, outcome=st.sampled_from(["reached", "no_answer", "unsafe"]))
    def contact(self, by: str, case: int, outcome: str) -> None:
        self.ask(by, case, "contact-attempts", {"channel": "call", "outcome": outcome})

    @rule(
        by=actors,
        case=which,
        status=st.sampled_from(["in_progress", "on_hold", "on_hold", "resolved", "new"]),
        days=st.sampled_from([None, 2, 40, 400]),
    )
    def set_status(self, by: str, case: int, status: str, days: int | None) -> None:
        until = (self.here.clock.now() + timedelta(days=days)).isoformat() if days else None
        waits = {"until": until} if status == "on_hold" else {}
        self.ask(OWNER, case, "accept", {})
        self.ask(by, case, "status", {"status": status, "reason": "waits for papers", **waits})

    @rule(by=actors, case=which)
    def close(self, by: str, case: int) -> None:
        self.ask(by, case, "close", {"outcome": "resolved_full", "client_informed": "yes"})

    @rule(by=actors, case=which)
    def reopen(self, by: str, case: int) -> None:
        self.ask(OWNER, case, "close", {"outcome": "wages_recovered", "client_informed": "yes"})
        self.ask(by, case, "reopen", {"reason": "the debt came back"})

    @rule(by=leads, case=which, to=st.sampled_from(["anne", "bopha", "chan", "tonle", "lotus"]))
    def assign(self, by: str, case: int, to: str) -> None:
        organisations = {"tonle": TONLE, "lotus": LOTUS}
        target = (
            {"organisation_id": str(organisation_id(organisations[to]))}
            if to in organisations
            else {"owner_id": str(self.place.people[to].id)}
        )
        self.ask(by, case, "assign", {**target, "reason": "nearer to the person"})

    @rule(by=actors, case=which, urgency=st.sampled_from(["U1", "U2", "U3", "U4"]))
    def decide_urgency(self, by: str, case: int, urgency: str) -> None:
        self.ask(by, case, "", {"urgency": urgency, "reason": "heard more"}, method="PATCH")

    @rule(by=actors, case=which, category=st.sampled_from(["detention", "unpaid_wages", "deployment_delay"]))
    def decide_category(self, by: str, case: int, category: str) -> None:
        self.ask(by, case, "", {"categories": [category]}, method="PATCH")

    @rule(by=actors, case=which, number=st.sampled_from([1, 12]))
    def add_members(self, by: str, case: int, number: int) -> None:
        members = [{"id": str(uuid4())} for _ in range(number)]
        self.ask(by, case, "members", {"members": members})

    @rule(span=moments)
    def time_passes(self, span: timedelta) -> None:
        self.here.clock.set(self.here.clock.now() + span)

    @rule(span=moments)
    def the_worker_looks_at_the_clocks(self, span: timedelta) -> None:
        now = self.here.clock.set(self.here.clock.now() + span)
        self.here.fire()
        for case_id in self.cases:
            assert all(timer.plan.due_at > now for timer in self.running(case_id))

    @rule(case=which)
    def the_next_clock_runs_out(self, case: int) -> None:
        running = self.running(self.cases[case % len(self.cases)])
        if running:
            due = min(timer.plan.due_at for timer in running)
            self.here.clock.set(max(due, self.here.clock.now()))
            before = self.fired(running[0].case_id)
            self.here.fire()
            assert self.fired(running[0].case_id) > before

    @rule()
    def the_program_starts_anew(self) -> None:
        self.place.restart()

    # What is true after each of them.

    @invariant()
    def nothing_is_dropped_and_every_open_case_has_a_clock(self) -> None:
        for case_id in self.cases:
            case, kinds = self.case(case_id), Counter(timer.plan.kind for timer in self.running(case_id))
            assert all(number == 1 for number in kinds.values())
            if not case.is_open:
                assert kinds == {}
                assert case.status == "closed"
                assert case.outcome is not None
                continue
            assert kinds
            assert case.status != "closed"
            assert (case.owner_id is None) != (case.queue is None)
            assert ("accept" in kinds) == (case.accepted_at is None)
            assert ("first_contact" in kinds) == (case.first_contact_at is None)
            assert ("review" in kinds) == (case.accepted_at is not None)
            assert case.accepted_at is None or case.owner_id is not None
            assert case.hold_until is None or case.status == "on_hold"

    @invariant()
    def stages_follow_one_another_versions_grow_and_helpers_stay(self) -> None:
        for case_id in self.cases:
            case, before = self.case(case_id), self.seen.get(case_id)
            added = self.helpers_of(case_id)
            if before:
                assert case.status == before.status or case.status in STAGES[before.status]
                assert case.version >= before.version
                assert case.version > before.version or case.status == before.status
                assert added >= before.helpers
            self.seen[case_id] = Seen(case.status, case.version, added)

    def teardown(self) -> None:
        """Every case can be closed from wherever it is; no rung fired twice; the audit chain holds."""
        self.here.fire()
        for case_id in self.cases:
            self.must_have_fired_once_each(case_id)
            self.must_have_a_whole_history(case_id)
            with self.here.office.look() as uow:
                owned_by = uow.cases.get(case_id, None)
            assert owned_by is not None
            if owned_by.is_open:
                by = next(name for name in self.place.people if self.sees(name, case_id))
                answer = {"outcome": "no_legal_remedy", "client_informed": "no"}
                self.ask(by, self.cases.index(case_id), "close", answer)
                assert not self.case(case_id).is_open
        self.nothing_is_dropped_and_every_open_case_has_a_clock()
        with self.here.office.look() as uow:
            assert uow.audit.first_break()[1] is None

    # How it is done.

    def text(self, body: str) -> None:
        case = self.here.a_text(body, sender=self.phone).case
        assert case is not None
        if case.id not in self.cases:
            self.cases.append(case.id)

    def ask(self, by: str, case: int, what: str, body: dict[str, Any], *, method: str = "POST") -> None:
        case_id = self.cases[case % len(self.cases)]
        path = f"/v1/cases/{case_id}" + (f"/{what}" if what else "")
        owner = self.case(case_id).owner_id if by == OWNER else None
        workers = [worker for name, worker in self.place.people.items() if owner == worker.id or name == by]
        # Where nobody has the case, whoever finds it in the queue does the owner's part.
        response = self.here.ask((workers or [self.place.people["coordinator"]])[0], method, path, body)
        assert response.is_success or response.status_code in SAID_NO, response.text
        self.stages_follow_one_another_versions_grow_and_helpers_stay()

    def case(self, case_id: UUID) -> Case:
        with self.here.office.look() as uow:
            case = uow.cases.get(case_id, None)
        assert case is not None
        return case

    def running(self, case_id: UUID) -> list[Timer]:
        with self.here.office.look() as uow:
            return [timer for timer in uow.timers.of_case(case_id) if timer.state == ARMED]

    def fired(self, case_id: UUID) -> int:
        return self.here.kinds(case_id).count("escalation.fired")

    def helpers_of(self, case_id: UUID) -> frozenset[UUID]:
        asked = select(helpers.c.worker_id).where(helpers.c.case_id == case_id)
        with self.here.office.database.read() as connection:
            return frozenset(connection.execute(asked).scalars())

    def sees(self, name: str, case_id: UUID) -> bool:
        worker = self.place.people[name]
        return bool(self.here.ask(worker, "GET", f"/v1/cases/{case_id}").status_code == 200)

    def must_have_fired_once_each(self, case_id: UUID) -> None:
        with self.here.office.look() as uow:
            items = [item for item in uow.timeline.of_case(case_id) if item.kind == "escalation.fired"]
            states = Counter(timer.state for timer in uow.timers.of_case(case_id))
        rungs = Counter((item.details["clock"], item.details["expected_at"]) for item in items)
        assert all(number == 1 for number in rungs.values())
        assert all(datetime.fromisoformat(item.details["expected_at"]) <= item.at for item in items)
        assert states["fired"] == len(items)

    def must_have_a_whole_history(self, case_id: UUID) -> None:
        with self.here.office.look() as uow:
            items = uow.timeline.of_case(case_id)
        assert [item.number for item in items] == list(range(1, len(items) + 1))
        assert all(one.at <= other.at for one, other in pairwise(items))
        for item in items:
            if item.kind == "status.changed":
                before, after = item.details["before"], item.details["after"]
                assert after in {before, *STAGES[before]}


def test_whatever_happens_every_open_case_has_somebody_and_a_clock(
    install: Callable[..., Installation],
) -> None:
    class AtThisPlace(CaseMachine):
        place = Place(install(worker_case_limit=10_000))

    # A profile with more examples digs deeper; the usual one takes some twenty seconds.
    examples = max(5, settings().max_examples // 5)
    run_state_machine_as_test(AtThisPlace, settings=settings(max_examples=examples, stateful_step_count=30))
    AtThisPlace.place.here.office.database.close()
