"""Phones that are offline, lose answers, repeat and lose their cases: in the end all agree in the end."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select

from app.cases.rules.facts import CaseAssigned
from app.cases.tables import notes
from app.identity.rules import Role, Worker
from app.kernel.refusal import Refusal
from app.store.feed import feed, heads
from app.sync.store import SyncStore
from app.sync.tables import refused
from app.sync.upkeep import Upkeep
from app.usecases import case_work
from app.usecases.case_work import Command
from app.usecases.unit_of_work import UnitOfWork
from tests.makers import LOTUS, TONLE, Installation
from tests.sync_town import Phone, seen_from_here
from tests.usecases.test_case_machine import STAGES

EXAMPLES, STEPS = 6, 25
some = st.integers(min_value=0, max_value=5)
devices = st.sampled_from(["anne", "anne", "anne again", "bopha", "chan"])
people = st.sampled_from(["anne", "bopha", "chan"])
statuses = st.sampled_from(["accepted", "in_progress", "on_hold", "resolved", "closed"])
words = st.sampled_from(["ក", "ខ", "គ", "ឃ"])


@dataclass
class Town:
    """One installation for all examples of a run, and who works there."""

    here: Installation
    people: dict[str, Worker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, organisation in (("anne", TONLE), ("bopha", TONLE), ("chan", LOTUS)):
            self.people[name] = self.here.a_worker(organisation=organisation)
        self.people["lead"] = self.here.a_worker(Role.COORDINATOR)


class SyncMachine(RuleBasedStateMachine):
    """Three workers, four phones, and somebody in charge who gives cases to others meanwhile."""

    town: ClassVar[Town]

    @initialize()
    def begin(self) -> None:
        self.phones = {
            "anne": self.phone("anne"), "anne again": self.phone("anne"), "bopha": self.phone("bopha"),
            "chan": self.phone("chan"),
        }  # fmt: skip
        self.said: dict[str, str] = {}  # every text by the id of its note
        self.warned: set[str] = set()
        self.cases: list[str] = []
        self.number = 0

    @property
    def here(self) -> Installation:
        return self.town.here

    def phone(self, name: str) -> Phone:
        return Phone(self.here, self.town.people[name])

    # What people do, offline.

    @rule(name=devices, word=words)
    def opens(self, name: str, word: str) -> None:
        case_id = str(uuid4())
        self.cases.append(case_id)
        self.phones[name].write(
            "case", case_id, {"summary": word, "categories": ["unpaid_wages"]}, create=True
        )

    @rule(name=devices, which=some, word=words)
    def notes_down(self, name: str, which: int, word: str) -> None:
        # Also for cases that this phone has never seen, or holds no more.
        case_id = self.cases[which % len(self.cases)] if self.cases else str(uuid4())
        note_id = str(uuid4())
        self.number += 1
        self.said[note_id] = f"{word} {self.number}"
        self.phones[name].write(
            "note", note_id, {"case_id": case_id, "text": self.said[note_id]}, create=True
        )

    @rule(name=devices, which=some, word=words, country=st.sampled_from(["TH", "MY", None]))
    def edits(self, name: str, which: int, word: str, country: str | None) -> None:
        phone = self.phones[name]
        if held := phone.held("case"):
            fields = {"summary": word} if which % 2 else {"destination_country": country}
            phone.write("case", held[which % len(held)], fields)

    @rule(name=devices, which=some, status=statuses)
    def moves(self, name: str, which: int, status: str) -> None:
        phone = self.phones[name]
        if held := phone.held("case"):
            more = {"outcome": "resolved_full", "client_informed": "yes"} if status == "closed" else {}
            phone.write("case", held[which % len(held)], {"status": status, **more})

    @rule(name=devices, which=some)
    def takes(self, name: str, which: int) -> None:
        phone = self.phones[name]
        if held := phone.held("case"):
            phone.write("case", held[which % len(held)], {"owner_id": str(phone.worker.id)})

    @rule(name=devices, which=some, amount=st.integers(min_value=1, max_value=3))
    def counts(self, name: str, which: int, amount: int) -> None:
        phone = self.phones[name]
        wages = {"wages_claimed": {"amount_minor": amount, "currency": "THB"}}
        if members := phone.held("member"):
            phone.write("member", members[which % len(members)], wages)
        elif cases := phone.held("case"):
            fields = {"case_id": cases[which % len(cases)], **wages}
            phone.write("member", str(uuid4()), fields, create=True)

    @rule(name=devices, which=some, danger=st.booleans())
    def warns(self, name: str, which: int, danger: bool) -> None:  # noqa: FBT001 - drawn
        phone = self.phones[name]
        if members := phone.held("member"):
            phone.write("member", members[which % len(members)], {"in_danger": danger})

    @rule(name=devices)
    def talks_nonsense(self, name: str) -> None:
        self.phones[name].queue.append({"op": str(uuid4()), "kind": "note", "id": "x", "set": 7})

    # What the network does.

    @rule(name=devices, answered=st.booleans())
    def pushes(self, name: str, answered: bool) -> None:  # noqa: FBT001 - drawn
        self.phones[name].push(answered=answered)
        self._warnings_stay()

    @rule(name=devices, which=some, backwards=st.booleans())
    def repeats(self, name: str, which: int, backwards: bool) -> None:  # noqa: FBT001 - drawn
        phone = self.phones[name]
        if phone.sent:
            rows = phone.sent[which % len(phone.sent)]
            phone.push(rows[::-1] if backwards else rows)

    @rule(name=devices, limit=st.sampled_from([1, 3, 100]), answered=st.booleans())
    def pulls(self, name: str, limit: int, answered: bool) -> None:  # noqa: FBT001 - drawn
        self.phones[name].pull(limit=limit, answered=answered)

    # What happens meanwhile.

    @rule(which=some, to=people)
    def is_given(self, which: int, to: str) -> None:
        with self._one(which) as case_id:
            command = Command(self.town.people["lead"], case_id)
            target = CaseAssigned(None, self.town.people[to].id, "ជិត")
            with self.here.office.work(self.here.clock.now()) as uow:
                case_work.assign(uow, command, target, now=self.here.clock.now())

    @rule(which=some, by=people)
    def is_edited_online(self, which: int, by: str) -> None:
        with self._one(which) as case_id:
            self.number += 1
            body = {"summary": f"ការិយាល័យ {self.number}"}
            self.here.ask(self.town.people[by], "PATCH", f"/v1/cases/{case_id}", body)

    @rule(hours=st.sampled_from([1, 30]))
    def time_passes(self, hours: int) -> None:
        self.here.clock.forward(hours=hours)
        self.here.fire()

    # What must be so in the end.

    def teardown(self) -> None:
        if not hasattr(self, "phones"):
            return
        for _ in range(3):
            for phone in self.phones.values():
                phone.push()
                phone.pull()
        Upkeep(self.here.office).step(self.here.clock.now())
        for phone in self.phones.values():
            phone.pull()
        self._all_agree()
        self._no_word_is_lost()
        self._repeats_change_nothing()
        self._feeds_have_no_gap()
        self._stages_are_a_path()

    def _all_agree(self) -> None:
        for phone in self.phones.values():
            with self.here.office.snapshot() as uow:
                expected = seen_from_here(uow, phone.worker)
                waiting = {("note", row["id"]) for row in self._waiting(uow)}
            held = {key: doc for key, doc in phone.docs.items() if key not in waiting}
            assert held == expected
            fresh = Phone(self.here, phone.worker)
            fresh.pull(limit=2)
            assert fresh.docs == expected

    def _no_word_is_lost(self) -> None:
        with self.here.office.snapshot() as uow:
            kept = [str(row.id) for row in uow.connection.execute(select(notes.c.id))]
            assert max(Counter(kept).values(), default=1) == 1
            found = {
                str(one.id): one.text for one in uow.records.notes(UUID(note) for note in self.said).values()
            }
            store = SyncStore(uow.connection, uow.vault, uow.touched)
            count = len(uow.connection.execute(select(refused.c.id)).all())
            rows = [row.kept.said for row in store.refused_rows(None, limit=count)]
            waiting = self._waiting(uow)
        elsewhere = {row["id"]: row["set"]["text"] for row in [*rows, *waiting] if _is_note(row)}
        assert {**elsewhere, **found}.items() >= self.said.items()

    def _waiting(self, uow: UnitOfWork) -> list[Any]:
        """Notes whose case never came: they wait here, and stay on their phones."""
        store = SyncStore(uow.connection, uow.vault, uow.touched)
        parents = {parent for parent, _ in store.parents_awaited(1000)}
        return [row.kept.said for parent in sorted(parents) for row in store.waiting_for(parent)]

    def _repeats_change_nothing(self) -> None:
        before = self._seqs()
        for phone in self.phones.values():
            for rows in list(phone.sent):
                again = phone.push(rows[::-1])
                assert {result["status"] for result in again} <= {"duplicate", "held"}
        assert self._seqs() == before
        assert all(phone.pull() == 0 for phone in self.phones.values())

    def _feeds_have_no_gap(self) -> None:
        with self.here.office.snapshot() as uow:
            rows = uow.connection.execute(select(feed.c.viewer, feed.c.seq)).all()
            tops = {row.viewer: row.seq for row in uow.connection.execute(select(heads))}
        assert max(Counter(map(tuple, rows)).values(), default=1) == 1
        assert all(0 < seq <= tops[viewer] for viewer, seq in rows)

    def _stages_are_a_path(self) -> None:
        moves: dict[str, Callable[[dict[str, Any]], str]] = {
            "case.accepted": lambda _: "accepted", "case.closed": lambda _: "closed",
            "status.changed": lambda details: details["after"],
            "case.assigned": lambda details: "assigned" if details["owner_id"] else "triaged",
            "case.routed": lambda details: "assigned" if details["owner_id"] else "triaged",
        }  # fmt: skip
        for case_id in self.cases:
            stage = None
            for kind, details in self.here.timeline(UUID(case_id)):
                if kind in moves:
                    after = moves[kind](details)
                    assert stage is None or after in STAGES[stage] | {stage}, (stage, after)
                    stage = after

    def _warnings_stay(self) -> None:
        with self.here.office.snapshot() as uow:
            members = uow.records.members_of(UUID(case) for case in self.cases)
            now = {str(one.id) for found in members.values() for one in found if "in_danger" in one.flags}
        assert self.warned <= now
        self.warned = now

    def _seqs(self) -> dict[UUID, int]:
        with self.here.office.snapshot() as uow:
            return {row.viewer: row.seq for row in uow.connection.execute(select(heads))}

    def _one(self, which: int) -> Any:
        return _Maybe(self, which)


class _Maybe:
    """A case that is there, for something that may be refused."""

    def __init__(self, machine: SyncMachine, which: int) -> None:
        self.machine, self.which = machine, which

    def __enter__(self) -> UUID:
        cases = self.machine.cases
        return UUID(cases[self.which % len(cases)]) if cases else uuid4()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, Refusal)


def _is_note(row: Any) -> bool:
    return isinstance(row, dict) and row.get("kind") == "note" and isinstance(row.get("set"), dict)


def test_whatever_the_network_does_all_agree_and_no_word_is_lost(
    install: Callable[..., Installation],
) -> None:
    machine = type("Machine", (SyncMachine,), {"town": Town(install())})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None),
    )
